-- Lets two messages have the same place in a conversation again.

ALTER TABLE conversation_messages
    DROP CONSTRAINT uq_conversation_messages_session_id_message_order;
