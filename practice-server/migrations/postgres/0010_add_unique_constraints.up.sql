-- Two messages cannot have the same place in a conversation.

ALTER TABLE conversation_messages
    ADD CONSTRAINT uq_conversation_messages_session_id_message_order UNIQUE (session_id, message_order);
