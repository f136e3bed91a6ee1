-- Enabling and disabling the practice triggers while both tables are written to, which is when a rollback needs it.
--
-- Either function locks both tables, and writers lock them in either order: a submission touches the session first, a result
-- the attempt. Whatever order the functions took, they could meet a writer half-way and deadlock with it, which PostgreSQL
-- finds out after a second and ends by cancelling one of the two: the rollback, often enough. So they wait for a lock no longer
-- than a fraction of that second, let go of what they hold, and try again.

CREATE FUNCTION public.lock_practice_tables() RETURNS void
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
