-- Indexes into JSON columns: which rows contain this key, this value, this path (`@>`, `?`, `@?`). The default operator
-- class is used because the narrower one cannot be asked for keys.

CREATE INDEX idx_user_profiles_learning_goals ON user_profiles USING gin (learning_goals);
CREATE INDEX idx_user_profiles_previous_knowledge ON user_profiles USING gin (previous_knowledge);
CREATE INDEX idx_user_profiles_usage_context ON user_profiles USING gin (usage_context);
CREATE INDEX idx_user_profiles_learning_experiences ON user_profiles USING gin (learning_experiences);

CREATE INDEX idx_learning_paths_path_data ON learning_paths USING gin (path_data);
CREATE INDEX idx_learning_paths_progress_data ON learning_paths USING gin (progress_data);

CREATE INDEX idx_lesson_versions_lesson_plan ON lesson_versions USING gin (lesson_plan);

CREATE INDEX idx_conversation_sessions_conversation_context ON conversation_sessions USING gin (conversation_context);
CREATE INDEX idx_conversation_interactions_metadata ON conversation_interactions USING gin (metadata);
