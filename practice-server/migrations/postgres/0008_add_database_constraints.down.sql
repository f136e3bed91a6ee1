-- Takes the checks away: rows that break them are accepted from here on.

ALTER TABLE lessons
    DROP CONSTRAINT chk_lessons_status;

ALTER TABLE conversation_interactions
    DROP CONSTRAINT chk_conversation_interactions_confidence_self_reported,
    DROP CONSTRAINT chk_conversation_interactions_mastery_level,
    DROP CONSTRAINT chk_conversation_interactions_interaction_type;

ALTER TABLE conversation_messages
    DROP CONSTRAINT chk_conversation_messages_message_order,
    DROP CONSTRAINT chk_conversation_messages_role;

ALTER TABLE conversation_sessions
    DROP CONSTRAINT chk_conversation_sessions_status,
    DROP CONSTRAINT chk_conversation_sessions_session_type;
