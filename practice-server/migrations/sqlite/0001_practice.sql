-- Practice sessions and attempts, and everything that makes "accepted" mean "not lost".
-- Moments are microseconds since 1970 (UTC); JSON is text.

CREATE TABLE practice_sessions (
    id                     TEXT    NOT NULL PRIMARY KEY,
    user_id                TEXT    NOT NULL,
    status                 TEXT    NOT NULL,
    transcript             TEXT    NOT NULL,
    language               TEXT    NOT NULL,
    improved_transcript    TEXT,
    sentences              TEXT,
    current_sentence_index INTEGER NOT NULL DEFAULT 0,
    current_word_index     INTEGER NOT NULL DEFAULT 0,
    attempt_count          INTEGER NOT NULL DEFAULT 0,
    error_message          TEXT,
    pronunciation_score    REAL,
    pronunciation_analysis TEXT,
    created_at             INTEGER NOT NULL,
    updated_at             INTEGER NOT NULL,
    CONSTRAINT chk_practice_sessions_status CHECK (status IN
        ('created', 'processing', 'ready', 'practicing', 'analyzing', 'completed', 'failed', 'abandoned')),
    CONSTRAINT chk_practice_sessions_transcript CHECK (length(transcript) > 0),
    CONSTRAINT chk_practice_sessions_progress CHECK
        (current_sentence_index >= 0 AND current_word_index >= 0 AND attempt_count >= 0),
    CONSTRAINT chk_practice_sessions_score CHECK (pronunciation_score BETWEEN 0 AND 100),
    CONSTRAINT chk_practice_sessions_json CHECK
        ((sentences IS NULL OR json_valid(sentences))
         AND (pronunciation_analysis IS NULL OR json_valid(pronunciation_analysis))),
    CONSTRAINT chk_practice_sessions_failed CHECK (status <> 'failed' OR error_message IS NOT NULL)
);
CREATE INDEX idx_practice_sessions_user_status ON practice_sessions (user_id, status);
CREATE INDEX idx_practice_sessions_updated_at ON practice_sessions (updated_at);
-- Sessions that can be abandoned, so that looking for idle ones does not read all that ever ended.
CREATE INDEX idx_practice_sessions_idle ON practice_sessions (updated_at)
    WHERE status IN ('created', 'ready', 'practicing');

CREATE TABLE practice_attempts (
    id                     TEXT    NOT NULL PRIMARY KEY,
    session_id             TEXT    NOT NULL REFERENCES practice_sessions (id),
    user_id                TEXT    NOT NULL,
    attempt_type           TEXT    NOT NULL,
    sentence_index         INTEGER,
    word_index             INTEGER,
    audio_url              TEXT    NOT NULL,
    status                 TEXT    NOT NULL,
    error_message          TEXT,
    pronunciation_score    REAL,
    is_passed              INTEGER,
    pronunciation_analysis TEXT,
    feedback_data          TEXT,
    transcription_results  TEXT,
    word_level_scores      TEXT,
    created_at             INTEGER NOT NULL,
    updated_at             INTEGER NOT NULL,
    CONSTRAINT chk_practice_attempts_type CHECK (attempt_type IN ('sentence', 'word', 'full_transcript')),
    CONSTRAINT chk_practice_attempts_indexes CHECK (
        (attempt_type = 'sentence' AND sentence_index >= 0 AND word_index IS NULL)
        OR (attempt_type = 'word' AND sentence_index >= 0 AND word_index >= 0)
        OR (attempt_type = 'full_transcript' AND sentence_index IS NULL AND word_index IS NULL)),
    CONSTRAINT chk_practice_attempts_status CHECK (status IN ('processing', 'analyzing', 'completed', 'failed')),
    CONSTRAINT chk_practice_attempts_score CHECK (pronunciation_score BETWEEN 0 AND 100),
    CONSTRAINT chk_practice_attempts_is_passed CHECK (is_passed IN (0, 1)),
    CONSTRAINT chk_practice_attempts_result CHECK (
        status <> 'completed' OR (pronunciation_score IS NOT NULL AND is_passed IS NOT NULL)),
    CONSTRAINT chk_practice_attempts_failed CHECK (status <> 'failed' OR error_message IS NOT NULL)
);
CREATE INDEX idx_practice_attempts_session_type ON practice_attempts (session_id, attempt_type);

-- The outbox: one row per submission to ClassConnect. The id is the idempotency key it is sent under.
CREATE TABLE classconnect_calls (
    id                  TEXT    NOT NULL PRIMARY KEY,
    kind                TEXT    NOT NULL,
    session_id          TEXT    NOT NULL REFERENCES practice_sessions (id),
    attempt_id          TEXT    REFERENCES practice_attempts (id),
    client_reference_id TEXT    NOT NULL,
    payload             TEXT    NOT NULL,
    state               TEXT    NOT NULL,
    attempts            INTEGER NOT NULL DEFAULT 0,
    run_at              INTEGER NOT NULL,
    lease_token         TEXT,
    lease_until         INTEGER,
    job_id              TEXT,
    polls               INTEGER NOT NULL DEFAULT 0,
    poll_at             INTEGER,
    deadline_at         INTEGER NOT NULL,
    last_error          TEXT,
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    CONSTRAINT chk_classconnect_calls_kind CHECK (kind IN
        ('recording-analyses', 'transcript-improvements', 'sentence-extractions')),
    CONSTRAINT chk_classconnect_calls_attempt CHECK ((kind = 'recording-analyses') = (attempt_id IS NOT NULL)),
    CONSTRAINT chk_classconnect_calls_state CHECK (state IN ('ready', 'leased', 'awaiting', 'done', 'dead')),
    CONSTRAINT chk_classconnect_calls_lease CHECK (
        state <> 'leased' OR (lease_token IS NOT NULL AND lease_until IS NOT NULL)),
    CONSTRAINT chk_classconnect_calls_awaiting CHECK (
        state <> 'awaiting' OR (job_id IS NOT NULL AND poll_at IS NOT NULL)),
    CONSTRAINT chk_classconnect_calls_counts CHECK (attempts >= 0 AND polls >= 0)
);
CREATE INDEX idx_classconnect_calls_ready ON classconnect_calls (run_at) WHERE state = 'ready';
CREATE INDEX idx_classconnect_calls_leased ON classconnect_calls (lease_until) WHERE state = 'leased';
CREATE INDEX idx_classconnect_calls_awaiting ON classconnect_calls (poll_at) WHERE state = 'awaiting';
CREATE INDEX idx_classconnect_calls_deadline ON classconnect_calls (deadline_at)
    WHERE state IN ('ready', 'awaiting');
CREATE UNIQUE INDEX uq_classconnect_calls_job ON classconnect_calls (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX idx_classconnect_calls_reference ON classconnect_calls (client_reference_id, kind);
-- At most one piece of work of a kind is under way for a session or an attempt.
CREATE UNIQUE INDEX uq_classconnect_calls_open ON classconnect_calls (client_reference_id, kind)
    WHERE state IN ('ready', 'leased', 'awaiting');

-- Every valid delivery, once. The id is the deduplication key for as long as a delivery can be repeated.
CREATE TABLE webhook_inbox (
    webhook_id          TEXT    NOT NULL PRIMARY KEY,
    event_type          TEXT    NOT NULL,
    job_id              TEXT    NOT NULL,
    client_reference_id TEXT    NOT NULL,
    payload             TEXT    NOT NULL,
    webhook_timestamp   INTEGER NOT NULL,
    disposition         TEXT    NOT NULL,
    deliveries          INTEGER NOT NULL DEFAULT 1,
    received_at         INTEGER NOT NULL,
    CONSTRAINT chk_webhook_inbox_disposition CHECK (disposition IN
        ('applied', 'superseded', 'unmatched', 'dead')),
    CONSTRAINT chk_webhook_inbox_deliveries CHECK (deliveries >= 1)
);
CREATE INDEX idx_webhook_inbox_unmatched ON webhook_inbox (received_at) WHERE disposition = 'unmatched';
CREATE INDEX idx_webhook_inbox_received_at ON webhook_inbox (received_at);

-- What became of every session, attempt and submission. Append-only.
CREATE TABLE transitions (
    sequence      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    submission_id TEXT,
    entity        TEXT    NOT NULL,
    entity_id     TEXT    NOT NULL,
    from_status   TEXT,
    to_status     TEXT    NOT NULL,
    is_terminal   INTEGER NOT NULL,
    cause         TEXT    NOT NULL,
    happened_at   INTEGER NOT NULL,
    CONSTRAINT chk_transitions_entity CHECK (entity IN ('session', 'attempt', 'submission')),
    CONSTRAINT chk_transitions_is_terminal CHECK (is_terminal IN (0, 1)),
    CONSTRAINT chk_transitions_cause CHECK (cause IN ('request', 'dispatch', 'webhook', 'poll', 'sweep'))
);
CREATE INDEX idx_transitions_entity ON transitions (entity_id);
-- Everything ends once: a session, an attempt, a submission.
CREATE UNIQUE INDEX uq_transitions_terminal ON transitions (entity, entity_id) WHERE is_terminal = 1;
CREATE TRIGGER transitions_are_never_updated BEFORE UPDATE ON transitions
BEGIN SELECT RAISE(ABORT, 'transitions is append-only'); END;
CREATE TRIGGER transitions_are_never_deleted BEFORE DELETE ON transitions
BEGIN SELECT RAISE(ABORT, 'transitions is append-only'); END;

-- Answers to repeat, stored in the transaction that did the work.
CREATE TABLE idempotency_keys (
    user_id     TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    answer      TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (user_id, key)
);
CREATE INDEX idx_idempotency_keys_created_at ON idempotency_keys (created_at);

-- What was given up, with all that is needed to look into it or to replay it.
CREATE TABLE dead_letter_queue (
    id           TEXT    NOT NULL PRIMARY KEY,
    source       TEXT    NOT NULL,
    reference_id TEXT    NOT NULL,
    payload      TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    attempts     INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    CONSTRAINT uq_dead_letter_queue_reference UNIQUE (source, reference_id),
    CONSTRAINT chk_dead_letter_queue_source CHECK (source IN ('call', 'webhook'))
);
