-- Values that mean nothing are refused. Adding a check reads the whole table and fails on the first row that breaks it:
-- such rows are to be corrected first, not let through.

ALTER TABLE conversation_sessions
    ADD CONSTRAINT chk_conversation_sessions_session_type
        CHECK (session_type IN ('conversation', 'lesson', 'practice', 'review')),
    ADD CONSTRAINT chk_conversation_sessions_status
        CHECK (status IN ('active', 'paused', 'completed', 'abandoned'));

ALTER TABLE conversation_messages
    ADD CONSTRAINT chk_conversation_messages_role CHECK (role IN ('user', 'assistant', 'system')),
    ADD CONSTRAINT chk_conversation_messages_message_order CHECK (message_order > 0);

ALTER TABLE conversation_interactions
    ADD CONSTRAINT chk_conversation_interactions_interaction_type
        CHECK (interaction_type IN ('question', 'answer', 'correction', 'explanation', 'practice', 'review')),
    ADD CONSTRAINT chk_conversation_interactions_mastery_level CHECK (mastery_level BETWEEN 1 AND 5),
    ADD CONSTRAINT chk_conversation_interactions_confidence_self_reported
        CHECK (confidence_self_reported BETWEEN 1 AND 5);

ALTER TABLE lessons
    ADD CONSTRAINT chk_lessons_status CHECK (status IN ('draft', 'published', 'archived'));
