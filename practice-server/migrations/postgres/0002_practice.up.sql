-- Practice sessions and attempts, and everything that makes "accepted" mean "not lost".
--
-- `user_id` is text and not uuid: it is the `sub` of a token, whatever the issuer put there (at most 128 visible ASCII
-- characters). Policies compare it as `user_id = (select auth.jwt() ->> 'sub')`, or, where every subject is a UUID in its
-- canonical form, as `user_id = (select auth.uid())::text`. Scores are double precision, so that what ClassConnect sent is
-- what is read back. What must stay as it was written byte by byte (a signed body, a stored answer) is text, not jsonb.
--
-- The columns of the two published tables stand in the order in which subscribers see them; the internal ones come last.

CREATE TABLE practice_sessions (
    id                     uuid             NOT NULL PRIMARY KEY,
    user_id                text             NOT NULL,
    transcript             text             NOT NULL,
    improved_transcript    text,
    sentences              jsonb,
    language               text             NOT NULL,
    status                 text             NOT NULL,
    current_sentence_index integer          NOT NULL DEFAULT 0,
    current_word_index     integer          NOT NULL DEFAULT 0,
    attempt_count          integer          NOT NULL DEFAULT 0,
    pronunciation_score    double precision,
    pronunciation_analysis jsonb,
    error_message          text,
    created_at             timestamptz      NOT NULL,
    updated_at             timestamptz      NOT NULL,
    -- Internal: which of the two architectures the row belongs to, and when the learner asked for practice (legacy only).
    architecture           text             NOT NULL DEFAULT 'direct',
    practice_requested_at  timestamptz,
    CONSTRAINT chk_practice_sessions_status CHECK (status IN
        ('created', 'processing', 'ready', 'practicing', 'analyzing', 'completed', 'failed', 'abandoned')),
    CONSTRAINT chk_practice_sessions_transcript CHECK (length(transcript) > 0),
    CONSTRAINT chk_practice_sessions_progress CHECK
        (current_sentence_index >= 0 AND current_word_index >= 0 AND attempt_count >= 0),
    CONSTRAINT chk_practice_sessions_score CHECK (pronunciation_score BETWEEN 0 AND 100),
    CONSTRAINT chk_practice_sessions_failed CHECK (status <> 'failed' OR error_message IS NOT NULL),
    CONSTRAINT chk_practice_sessions_architecture CHECK (architecture IN ('direct', 'trigger'))
);
CREATE INDEX idx_practice_sessions_user_status ON practice_sessions (user_id, status);
CREATE INDEX idx_practice_sessions_updated_at ON practice_sessions (updated_at);
-- Sessions that can be abandoned, so that looking for idle ones does not read all that ever ended.
CREATE INDEX idx_practice_sessions_idle ON practice_sessions (updated_at)
    WHERE status IN ('created', 'ready', 'practicing');

CREATE TABLE practice_attempts (
    id                     uuid             NOT NULL PRIMARY KEY,
    session_id             uuid             NOT NULL,
    user_id                text             NOT NULL,
    attempt_type           text             NOT NULL,
    sentence_index         integer,
    word_index             integer,
    audio_url              text             NOT NULL,
    status                 text             NOT NULL,
    pronunciation_score    double precision,
    pronunciation_analysis jsonb,
    is_passed              boolean,
    feedback_data          jsonb,
    transcription_results  jsonb,
    word_level_scores      jsonb,
    error_message          text,
    created_at             timestamptz      NOT NULL,
    updated_at             timestamptz      NOT NULL,
    -- Internal, as on the session.
    architecture           text             NOT NULL DEFAULT 'direct',
    CONSTRAINT fk_practice_attempts_session FOREIGN KEY (session_id) REFERENCES practice_sessions (id),
    CONSTRAINT chk_practice_attempts_type CHECK (attempt_type IN ('sentence', 'word', 'full_transcript')),
    CONSTRAINT chk_practice_attempts_indexes CHECK (
        (attempt_type = 'sentence' AND sentence_index >= 0 AND word_index IS NULL)
        OR (attempt_type = 'word' AND sentence_index >= 0 AND word_index >= 0)
        OR (attempt_type = 'full_transcript' AND sentence_index IS NULL AND word_index IS NULL)),
    CONSTRAINT chk_practice_attempts_status CHECK (status IN ('processing', 'analyzing', 'completed', 'failed')),
    CONSTRAINT chk_practice_attempts_score CHECK (pronunciation_score BETWEEN 0 AND 100),
    CONSTRAINT chk_practice_attempts_result CHECK (
        status <> 'completed' OR (pronunciation_score IS NOT NULL AND is_passed IS NOT NULL)),
    CONSTRAINT chk_practice_attempts_failed CHECK (status <> 'failed' OR error_message IS NOT NULL),
    CONSTRAINT chk_practice_attempts_architecture CHECK (architecture IN ('direct', 'trigger'))
);
CREATE INDEX idx_practice_attempts_session_type ON practice_attempts (session_id, attempt_type);

-- The outbox: one row per submission to ClassConnect. The id is the idempotency key it is sent under.
CREATE TABLE classconnect_calls (
    id                  uuid        NOT NULL PRIMARY KEY,
    kind                text        NOT NULL,
    session_id          uuid        NOT NULL,
    attempt_id          uuid,
    client_reference_id text        NOT NULL,
    payload             jsonb       NOT NULL,
    state               text        NOT NULL,
    attempts            integer     NOT NULL DEFAULT 0,
    run_at              timestamptz NOT NULL,
    lease_token         text,
    lease_until         timestamptz,
    job_id              text,
    polls               integer     NOT NULL DEFAULT 0,
    poll_at             timestamptz,
    deadline_at         timestamptz NOT NULL,
    last_error          text,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    CONSTRAINT fk_classconnect_calls_session FOREIGN KEY (session_id) REFERENCES practice_sessions (id),
    CONSTRAINT fk_classconnect_calls_attempt FOREIGN KEY (attempt_id) REFERENCES practice_attempts (id),
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
    webhook_id          text        NOT NULL PRIMARY KEY,
    event_type          text        NOT NULL,
    job_id              text        NOT NULL,
    client_reference_id text        NOT NULL,
    payload             text        NOT NULL,
    webhook_timestamp   bigint      NOT NULL,
    disposition         text        NOT NULL,
    deliveries          integer     NOT NULL DEFAULT 1,
    received_at         timestamptz NOT NULL,
    CONSTRAINT chk_webhook_inbox_disposition CHECK (disposition IN
        ('applied', 'superseded', 'unmatched', 'dead')),
    CONSTRAINT chk_webhook_inbox_deliveries CHECK (deliveries >= 1)
);
CREATE INDEX idx_webhook_inbox_unmatched ON webhook_inbox (received_at) WHERE disposition = 'unmatched';
CREATE INDEX idx_webhook_inbox_received_at ON webhook_inbox (received_at);

-- What became of every session, attempt and submission. Append-only.
CREATE TABLE transitions (
    sequence      bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    submission_id uuid,
    entity        text        NOT NULL,
    entity_id     text        NOT NULL,
    from_status   text,
    to_status     text        NOT NULL,
    is_terminal   boolean     NOT NULL,
    cause         text        NOT NULL,
    happened_at   timestamptz NOT NULL,
    CONSTRAINT chk_transitions_entity CHECK (entity IN ('session', 'attempt', 'submission')),
    CONSTRAINT chk_transitions_cause CHECK (cause IN ('request', 'dispatch', 'webhook', 'poll', 'sweep'))
);
CREATE INDEX idx_transitions_entity ON transitions (entity_id);
-- Everything ends once: a session, an attempt, a submission.
CREATE UNIQUE INDEX uq_transitions_terminal ON transitions (entity, entity_id) WHERE is_terminal;

CREATE FUNCTION transitions_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'transitions is append-only';
END
$$;
CREATE TRIGGER transitions_are_never_changed BEFORE UPDATE OR DELETE ON transitions
    FOR EACH ROW EXECUTE FUNCTION transitions_are_append_only();

-- Answers to repeat, stored in the transaction that did the work. A row is inserted by the transaction that takes the key,
-- so that another one with the same key waits for it; its answer is filled in before that transaction ends, and nobody
-- else ever sees it empty.
CREATE TABLE idempotency_keys (
    user_id     text        NOT NULL,
    key         text        NOT NULL,
    fingerprint bytea       NOT NULL,
    answer      text        NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, key)
);
CREATE INDEX idx_idempotency_keys_created_at ON idempotency_keys (created_at);

-- What was given up, with all that is needed to look into it or to replay it.
CREATE TABLE dead_letter_queue (
    id           uuid        NOT NULL PRIMARY KEY,
    source       text        NOT NULL,
    reference_id text        NOT NULL,
    payload      text        NOT NULL,
    reason       text        NOT NULL,
    attempts     integer     NOT NULL,
    created_at   timestamptz NOT NULL,
    CONSTRAINT uq_dead_letter_queue_reference UNIQUE (source, reference_id),
    CONSTRAINT chk_dead_letter_queue_source CHECK (source IN ('call', 'webhook'))
);
