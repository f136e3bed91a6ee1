-- updated_at is left to the writers again.

DROP TRIGGER update_learning_paths_updated_at ON learning_paths;
DROP TRIGGER update_user_profiles_updated_at ON user_profiles;
DROP TRIGGER update_conversation_messages_updated_at ON conversation_messages;
DROP TRIGGER update_conversation_sessions_updated_at ON conversation_sessions;

DO $remove$
BEGIN
    IF obj_description(to_regprocedure('update_updated_at_column()'), 'pg_proc') LIKE 'practice-server:%' THEN
        DROP FUNCTION update_updated_at_column();
    END IF;
END
$remove$;
