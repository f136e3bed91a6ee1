-- Indexes for what is asked often: by whom, in which state, in which order, due when.

CREATE INDEX idx_conversation_sessions_user_id ON conversation_sessions (user_id);
CREATE INDEX idx_conversation_sessions_status ON conversation_sessions (status);
CREATE INDEX idx_conversation_sessions_session_type ON conversation_sessions (session_type);
CREATE INDEX idx_conversation_sessions_created_at ON conversation_sessions (created_at);
CREATE INDEX idx_conversation_sessions_user_id_session_type ON conversation_sessions (user_id, session_type);
CREATE INDEX idx_conversation_sessions_user_id_status ON conversation_sessions (user_id, status);

CREATE INDEX idx_conversation_messages_session_id ON conversation_messages (session_id);
CREATE INDEX idx_conversation_messages_role ON conversation_messages (role);
CREATE INDEX idx_conversation_messages_created_at ON conversation_messages (created_at);
CREATE INDEX idx_conversation_messages_session_id_message_order ON conversation_messages (session_id, message_order);
CREATE INDEX idx_conversation_messages_session_id_role ON conversation_messages (session_id, role);

CREATE INDEX idx_conversation_interactions_user_id ON conversation_interactions (user_id);
CREATE INDEX idx_conversation_interactions_concept_id ON conversation_interactions (concept_id);
-- Most interactions are never due again, and nobody looks for those.
CREATE INDEX idx_conversation_interactions_next_review_date ON conversation_interactions (next_review_date)
    WHERE next_review_date IS NOT NULL;
CREATE INDEX idx_conversation_interactions_user_id_concept_id ON conversation_interactions (user_id, concept_id);
CREATE INDEX idx_conversation_interactions_message_id ON conversation_interactions (message_id);
CREATE INDEX idx_conversation_interactions_session_id ON conversation_interactions (session_id);

CREATE INDEX idx_lessons_status ON lessons (status);
CREATE INDEX idx_lesson_sessions_user_id ON lesson_sessions (user_id);
