-- Who may see and write which rows and columns, when it is not the backend, which owns the tables.
--
-- A user reads their own sessions and attempts and writes nothing: writes go through the practice API. The token's
-- subject is compared as text, as user_id is: auth.uid() raises an error for a subject that is no UUID. It is asked for
-- in a subquery, so that it is read once per statement and not once per row.

-- Supabase grants every new table in this schema to its roles, so that first everything is taken away. Row-level
-- security without a policy then also hides the rows from whoever gets a grant by mistake.
REVOKE ALL ON
    practice_sessions, practice_attempts, classconnect_calls, webhook_inbox, transitions, idempotency_keys,
    dead_letter_queue
    FROM PUBLIC, anon, authenticated;
ALTER TABLE practice_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE practice_attempts ENABLE ROW LEVEL SECURITY;
ALTER TABLE classconnect_calls ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_inbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE transitions ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE dead_letter_queue ENABLE ROW LEVEL SECURITY;

-- It bypasses row-level security, and still needs to be granted the tables.
GRANT ALL ON
    practice_sessions, practice_attempts, classconnect_calls, webhook_inbox, transitions, idempotency_keys,
    dead_letter_queue
    TO service_role;

-- Users. The internal columns (architecture, practice_requested_at) are not among the columns.
GRANT SELECT (
    id, user_id, transcript, improved_transcript, sentences, language, status, current_sentence_index,
    current_word_index, attempt_count, pronunciation_score, pronunciation_analysis, error_message, created_at, updated_at
) ON practice_sessions TO authenticated;
GRANT SELECT (
    id, session_id, user_id, attempt_type, sentence_index, word_index, audio_url, status, pronunciation_score,
    pronunciation_analysis, is_passed, feedback_data, transcription_results, word_level_scores, error_message,
    created_at, updated_at
) ON practice_attempts TO authenticated;
CREATE POLICY practice_sessions_are_read_by_their_user ON practice_sessions
    FOR SELECT TO authenticated USING (user_id = (SELECT auth.jwt() ->> 'sub'));
CREATE POLICY practice_attempts_are_read_by_their_user ON practice_attempts
    FOR SELECT TO authenticated USING (user_id = (SELECT auth.jwt() ->> 'sub'));

-- The webhook. It writes results, and of the statuses only those that a result brings about; it may not touch what has
-- ended, nor see what a learner said. It finds rows by their ids, and PostgreSQL shows it no row that it may not read.
GRANT SELECT (id, status, improved_transcript, sentences, pronunciation_score, pronunciation_analysis, updated_at)
    ON practice_sessions TO classconnect_webhook;
GRANT UPDATE (status, improved_transcript, sentences, pronunciation_score, pronunciation_analysis, updated_at)
    ON practice_sessions TO classconnect_webhook;
GRANT SELECT (
    id, session_id, status, pronunciation_score, pronunciation_analysis, is_passed, feedback_data,
    transcription_results, word_level_scores, updated_at
) ON practice_attempts TO classconnect_webhook;
GRANT UPDATE (
    status, pronunciation_score, pronunciation_analysis, is_passed, feedback_data, transcription_results,
    word_level_scores, updated_at
) ON practice_attempts TO classconnect_webhook;
CREATE POLICY practice_sessions_are_found_by_the_webhook ON practice_sessions
    FOR SELECT TO classconnect_webhook USING (true);
CREATE POLICY practice_attempts_are_found_by_the_webhook ON practice_attempts
    FOR SELECT TO classconnect_webhook USING (true);
CREATE POLICY practice_sessions_get_results_from_the_webhook ON practice_sessions
    FOR UPDATE TO classconnect_webhook
    USING (status IN ('processing', 'analyzing'))
    WITH CHECK (status IN ('ready', 'practicing', 'analyzing', 'completed'));
CREATE POLICY practice_attempts_get_results_from_the_webhook ON practice_attempts
    FOR UPDATE TO classconnect_webhook
    USING (status IN ('processing', 'analyzing'))
    WITH CHECK (status = 'completed');

-- What subscribers are told of. A publication of all tables has them already, and one that exists may have them.
DO $publish$
DECLARE
    published text;
BEGIN
    FOREACH published IN ARRAY ARRAY ['practice_sessions', 'practice_attempts'] LOOP
        IF NOT EXISTS (
            SELECT FROM pg_publication_tables
            WHERE pubname = 'supabase_realtime' AND schemaname = current_schema() AND tablename = published
        ) THEN
            EXECUTE format('ALTER PUBLICATION supabase_realtime ADD TABLE %I', published);
        END IF;
    END LOOP;
END
$publish$;
