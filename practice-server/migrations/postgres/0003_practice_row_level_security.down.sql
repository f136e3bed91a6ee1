-- Takes policies, grants and the publication of the practice tables away. Until they are dropped or this is applied again,
-- only their owner gets at them.

DO $withdraw$
DECLARE
    published text;
BEGIN
    FOR published IN
        SELECT relid::regclass::text
        FROM (SELECT prrelid AS relid FROM pg_publication_rel JOIN pg_publication ON pg_publication.oid = prpubid
              WHERE pubname = 'supabase_realtime') AS members
        WHERE relid IN ('practice_sessions'::regclass, 'practice_attempts'::regclass)
    LOOP
        EXECUTE format('ALTER PUBLICATION supabase_realtime DROP TABLE %s', published);
    END LOOP;
END
$withdraw$;

DROP POLICY practice_attempts_get_results_from_the_webhook ON practice_attempts;
DROP POLICY practice_sessions_get_results_from_the_webhook ON practice_sessions;
DROP POLICY practice_attempts_are_found_by_the_webhook ON practice_attempts;
DROP POLICY practice_sessions_are_found_by_the_webhook ON practice_sessions;
DROP POLICY practice_attempts_are_read_by_their_user ON practice_attempts;
DROP POLICY practice_sessions_are_read_by_their_user ON practice_sessions;

-- This also takes the grants of columns.
REVOKE ALL ON
    practice_sessions, practice_attempts, classconnect_calls, webhook_inbox, transitions, idempotency_keys,
    dead_letter_queue
    FROM authenticated, service_role, classconnect_webhook;

ALTER TABLE dead_letter_queue DISABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys DISABLE ROW LEVEL SECURITY;
ALTER TABLE transitions DISABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_inbox DISABLE ROW LEVEL SECURITY;
ALTER TABLE classconnect_calls DISABLE ROW LEVEL SECURITY;
ALTER TABLE practice_attempts DISABLE ROW LEVEL SECURITY;
ALTER TABLE practice_sessions DISABLE ROW LEVEL SECURITY;
