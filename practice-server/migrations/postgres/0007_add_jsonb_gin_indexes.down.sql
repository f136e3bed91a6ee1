-- Takes the indexes into JSON columns away; every query still answers the same.

DROP INDEX idx_conversation_interactions_metadata;
DROP INDEX idx_conversation_sessions_conversation_context;
DROP INDEX idx_lesson_versions_lesson_plan;
DROP INDEX idx_learning_paths_progress_data;
DROP INDEX idx_learning_paths_path_data;
DROP INDEX idx_user_profiles_learning_experiences;
DROP INDEX idx_user_profiles_usage_context;
DROP INDEX idx_user_profiles_previous_knowledge;
DROP INDEX idx_user_profiles_learning_goals;
