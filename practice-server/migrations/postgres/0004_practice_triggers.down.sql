-- The plan's safe removal process. Its second step, testing the system without triggers, comes before this migration.

-- 1. Disable.
SELECT public.disable_practice_triggers();

-- 3. and 4. Drop the trigger function and the triggers; PostgreSQL drops a function only after what uses it.
DROP TRIGGER practice_session_auto_improve_trigger ON public.practice_sessions;
DROP TRIGGER practice_session_auto_start_trigger ON public.practice_sessions;
DROP TRIGGER practice_attempts_auto_submit_trigger ON public.practice_attempts;

DO $remove$
BEGIN
    IF obj_description(to_regnamespace('supabase_functions'), 'pg_namespace') LIKE 'practice-server:%' THEN
        DROP SCHEMA supabase_functions CASCADE;
    END IF;
    IF obj_description(to_regnamespace('net'), 'pg_namespace') LIKE 'practice-server:%' THEN
        DROP SCHEMA net CASCADE;
    END IF;
END
$remove$;

-- 5. Clean up.
DROP FUNCTION public.enable_practice_triggers();
DROP FUNCTION public.disable_practice_triggers();
DROP TABLE public.feature_flags;
