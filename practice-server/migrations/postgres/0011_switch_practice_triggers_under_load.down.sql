-- The functions as migration 0004 made them.

CREATE OR REPLACE FUNCTION public.enable_practice_triggers() RETURNS void
LANGUAGE sql SET search_path = pg_catalog AS $function$
    ALTER TABLE public.practice_sessions ENABLE TRIGGER practice_session_auto_improve_trigger;
    ALTER TABLE public.practice_sessions ENABLE TRIGGER practice_session_auto_start_trigger;
    ALTER TABLE public.practice_attempts ENABLE TRIGGER practice_attempts_auto_submit_trigger;
$function$;

CREATE OR REPLACE FUNCTION public.disable_practice_triggers() RETURNS void
LANGUAGE sql SET search_path = pg_catalog AS $function$
    ALTER TABLE public.practice_sessions DISABLE TRIGGER practice_session_auto_improve_trigger;
    ALTER TABLE public.practice_sessions DISABLE TRIGGER practice_session_auto_start_trigger;
    ALTER TABLE public.practice_attempts DISABLE TRIGGER practice_attempts_auto_submit_trigger;
$function$;

DROP FUNCTION public.lock_practice_tables();
