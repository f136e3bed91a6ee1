-- The migration plan's full way back: the definitions of the practice triggers as the migrations 0004 and 0011 leave them, in one
-- transaction, and so that what is there already does no harm. It may be run while the tables are written to.
--
-- Sessions go to the trigger architecture only when the roll-out flag says so afterwards: PUT /admin/v1/rollout.

BEGIN;

CREATE OR REPLACE FUNCTION public.lock_practice_tables() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog SET lock_timeout = '200ms' AS $function$
DECLARE
    tries integer := 0;
BEGIN
    LOOP
        BEGIN
            LOCK TABLE public.practice_sessions, public.practice_attempts IN SHARE ROW EXCLUSIVE MODE;
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            -- The block's own locks went with it.
            tries := tries + 1;
            IF tries >= 100 THEN
                RAISE EXCEPTION 'the practice tables cannot be locked: a transaction that wrote to them stays open';
            END IF;
            PERFORM pg_sleep(0.02 + random() * 0.03);
        END;
    END LOOP;
END
$function$;

SELECT public.lock_practice_tables();

CREATE OR REPLACE TRIGGER practice_session_auto_improve_trigger
    AFTER INSERT ON public.practice_sessions
    FOR EACH ROW WHEN (NEW.architecture = 'trigger')
    EXECUTE FUNCTION supabase_functions.http_request('/functions/v1/auto-improve-transcript', 'POST');

CREATE OR REPLACE TRIGGER practice_session_auto_start_trigger
    AFTER UPDATE OF practice_requested_at ON public.practice_sessions
    FOR EACH ROW WHEN (NEW.architecture = 'trigger'
                       AND NEW.practice_requested_at IS DISTINCT FROM OLD.practice_requested_at)
    EXECUTE FUNCTION supabase_functions.http_request('/functions/v1/auto-start-practice', 'POST');

CREATE OR REPLACE TRIGGER practice_attempts_auto_submit_trigger
    AFTER INSERT ON public.practice_attempts
    FOR EACH ROW WHEN (NEW.architecture = 'trigger')
    EXECUTE FUNCTION supabase_functions.http_request('/functions/v1/auto-submit-recording', 'POST');

CREATE OR REPLACE FUNCTION public.enable_practice_triggers() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $function$
BEGIN
    PERFORM public.lock_practice_tables();
    ALTER TABLE public.practice_sessions ENABLE TRIGGER practice_session_auto_improve_trigger;
    ALTER TABLE public.practice_sessions ENABLE TRIGGER practice_session_auto_start_trigger;
    ALTER TABLE public.practice_attempts ENABLE TRIGGER practice_attempts_auto_submit_trigger;
END
$function$;

CREATE OR REPLACE FUNCTION public.disable_practice_triggers() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $function$
BEGIN
    PERFORM public.lock_practice_tables();
    ALTER TABLE public.practice_sessions DISABLE TRIGGER practice_session_auto_improve_trigger;
    ALTER TABLE public.practice_sessions DISABLE TRIGGER practice_session_auto_start_trigger;
    ALTER TABLE public.practice_attempts DISABLE TRIGGER practice_attempts_auto_submit_trigger;
END
$function$;

REVOKE ALL ON FUNCTION public.lock_practice_tables() FROM PUBLIC, anon, authenticated;
REVOKE ALL ON FUNCTION public.enable_practice_triggers() FROM PUBLIC, anon, authenticated;
REVOKE ALL ON FUNCTION public.disable_practice_triggers() FROM PUBLIC, anon, authenticated;

COMMIT;
