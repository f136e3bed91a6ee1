-- The migration plan's safe removal of the practice triggers: its steps 1, 3, 4 and 5. Step 2, testing the system without
-- triggers, comes before this. The queue, its worker's settings and the roll-out flag stay: the first two belong to the
-- platform, and the flag says that nobody is served by triggers.
--
-- The way back is restore_practice_triggers.sql. Both may be run while the tables are written to.

-- 1. Disable, in a transaction of its own: its locks must be gone before stronger ones are waited for.
BEGIN;
SELECT public.disable_practice_triggers();
COMMIT;

DO $remove$
DECLARE
    tries integer := 0;
BEGIN
    -- Dropping locks out readers as well; whoever reads one table and waits for the other must not wait for ever.
    PERFORM set_config('lock_timeout', '200ms', true);
    LOOP
        BEGIN
            LOCK TABLE public.practice_sessions, public.practice_attempts IN ACCESS EXCLUSIVE MODE;
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            tries := tries + 1;
            IF tries >= 100 THEN
                RAISE EXCEPTION 'the practice tables cannot be locked: a transaction that uses them stays open';
            END IF;
            PERFORM pg_sleep(0.02 + random() * 0.03);
        END;
    END LOOP;

    -- 3. and 4. The function and the triggers; PostgreSQL drops a function only after what uses it.
    DROP TRIGGER IF EXISTS practice_session_auto_improve_trigger ON public.practice_sessions;
    DROP TRIGGER IF EXISTS practice_session_auto_start_trigger ON public.practice_sessions;
    DROP TRIGGER IF EXISTS practice_attempts_auto_submit_trigger ON public.practice_attempts;

    -- 5. The functions that enabled and disabled them.
    DROP FUNCTION IF EXISTS public.enable_practice_triggers();
    DROP FUNCTION IF EXISTS public.disable_practice_triggers();
    DROP FUNCTION IF EXISTS public.lock_practice_tables();
END
$remove$;
