-- The tables around the practice feature: conversations, lessons, and what is known about a learner. Indexes, checks,
-- triggers and the unique constraint are the five migrations that follow, so that each can be applied, measured and taken
-- back by itself.
--
-- user_id is the subject of a token, as text, as in the practice tables. All tables are the backend's: no policy lets
-- anybody else in.

CREATE TABLE user_profiles (
    user_id              text        NOT NULL PRIMARY KEY,
    native_language      text        NOT NULL,
    target_language      text        NOT NULL,
    -- Free in shape, because each onboarding question adds to them.
    learning_goals       jsonb       NOT NULL DEFAULT '[]',
    previous_knowledge   jsonb       NOT NULL DEFAULT '{}',
    usage_context        jsonb       NOT NULL DEFAULT '{}',
    learning_experiences jsonb       NOT NULL DEFAULT '[]',
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE learning_paths (
    id            uuid        NOT NULL PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id       text        NOT NULL,
    name          text        NOT NULL,
    path_data     jsonb       NOT NULL DEFAULT '{}',
    progress_data jsonb       NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fk_learning_paths_user_profile FOREIGN KEY (user_id)
        REFERENCES user_profiles (user_id) ON DELETE CASCADE
);

CREATE TABLE lessons (
    id         uuid        NOT NULL PRIMARY KEY DEFAULT gen_random_uuid(),
    title      text        NOT NULL,
    status     text        NOT NULL DEFAULT 'draft',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE lesson_versions (
    lesson_id   uuid        NOT NULL,
    version     integer     NOT NULL,
    lesson_plan jsonb       NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (lesson_id, version),
    CONSTRAINT fk_lesson_versions_lesson FOREIGN KEY (lesson_id) REFERENCES lessons (id)
);

CREATE TABLE lesson_sessions (
    id             uuid        NOT NULL PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id        text        NOT NULL,
    lesson_id      uuid        NOT NULL,
    lesson_version integer     NOT NULL,
    started_at     timestamptz NOT NULL DEFAULT now(),
    completed_at   timestamptz,
    -- A learner goes on with the version that they began with.
    CONSTRAINT fk_lesson_sessions_lesson_version FOREIGN KEY (lesson_id, lesson_version)
        REFERENCES lesson_versions (lesson_id, version)
);

CREATE TABLE conversation_sessions (
    id                   uuid        NOT NULL PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id              text        NOT NULL,
    session_type         text        NOT NULL,
    status               text        NOT NULL DEFAULT 'active',
    conversation_context jsonb       NOT NULL DEFAULT '{}',
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE conversation_messages (
    id            uuid        NOT NULL PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id    uuid        NOT NULL,
    role          text        NOT NULL,
    content       text        NOT NULL,
    -- From 1, within the session.
    message_order integer     NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fk_conversation_messages_session FOREIGN KEY (session_id)
        REFERENCES conversation_sessions (id) ON DELETE CASCADE
);

CREATE TABLE conversation_interactions (
    id                       uuid        NOT NULL PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id               uuid        NOT NULL,
    -- The message it is about, if it is about one.
    message_id               uuid,
    user_id                  text        NOT NULL,
    concept_id               text        NOT NULL,
    interaction_type         text        NOT NULL,
    -- 1 (first met) to 5 (mastered); nothing before the first judgement.
    mastery_level            integer,
    -- 1 to 5, where the learner was asked.
    confidence_self_reported integer,
    -- When the concept is due again; nothing for what is not repeated.
    next_review_date         timestamptz,
    metadata                 jsonb       NOT NULL DEFAULT '{}',
    created_at               timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fk_conversation_interactions_session FOREIGN KEY (session_id)
        REFERENCES conversation_sessions (id) ON DELETE CASCADE,
    CONSTRAINT fk_conversation_interactions_message FOREIGN KEY (message_id)
        REFERENCES conversation_messages (id) ON DELETE CASCADE
);

REVOKE ALL ON
    user_profiles, learning_paths, lessons, lesson_versions, lesson_sessions, conversation_sessions,
    conversation_messages, conversation_interactions
    FROM PUBLIC, anon, authenticated;
ALTER TABLE user_profiles ENABLE ROW LEVEL SECURITY;
ALTER TABLE learning_paths ENABLE ROW LEVEL SECURITY;
ALTER TABLE lessons ENABLE ROW LEVEL SECURITY;
ALTER TABLE lesson_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE lesson_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation_interactions ENABLE ROW LEVEL SECURITY;
GRANT ALL ON
    user_profiles, learning_paths, lessons, lesson_versions, lesson_sessions, conversation_sessions,
    conversation_messages, conversation_interactions
    TO service_role;
