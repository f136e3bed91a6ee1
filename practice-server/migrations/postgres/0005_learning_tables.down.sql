-- Removes the tables around the practice feature with all rows in them.

DROP TABLE conversation_interactions;
DROP TABLE conversation_messages;
DROP TABLE conversation_sessions;
DROP TABLE lesson_sessions;
DROP TABLE lesson_versions;
DROP TABLE lessons;
DROP TABLE learning_paths;
DROP TABLE user_profiles;
