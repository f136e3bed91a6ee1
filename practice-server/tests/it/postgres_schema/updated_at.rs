//! `updated_at` moves with every change of a row, without its writer's help and against its will.

use super::Schema;

/// Each table with the statement that fills one row of it and a change to that row.
const TABLES: [(&str, &str); 4] = [
    ("user_profiles", "native_language = 'fi'"),
    ("learning_paths", "name = 'To B2'"),
    ("conversation_sessions", "status = 'paused'"),
    ("conversation_messages", "content = 'Hello again'"),
];

async fn filled() -> Schema {
    let mut schema = Schema::new().await;
    schema
        .run(
            "INSERT INTO user_profiles (user_id, native_language, target_language) VALUES ('a', 'de', 'en');
             INSERT INTO learning_paths (user_id, name) VALUES ('a', 'To B1');
             INSERT INTO conversation_sessions (user_id, session_type) VALUES ('a', 'lesson');
             INSERT INTO conversation_messages (session_id, role, content, message_order)
             SELECT id, 'user', 'Hello', 1 FROM conversation_sessions",
        )
        .await;
    schema
}

#[tokio::test]
async fn a_change_moves_it_to_the_moment_of_its_transaction() {
    let mut schema = filled().await;
    for (table, change) in TABLES {
        schema
            .run(&format!(
                "BEGIN;
                 UPDATE {table} SET {change};
                 DO $$ BEGIN
                     ASSERT (SELECT updated_at = now() AND created_at < now() FROM {table}), '{table} has not moved';
                 END $$;
                 COMMIT"
            ))
            .await;
    }
}

#[tokio::test]
async fn a_writer_cannot_say_otherwise() {
    let mut schema = filled().await;
    for (table, _) in TABLES {
        schema
            .run(&format!(
                "BEGIN;
                 UPDATE {table} SET updated_at = '2001-01-01';
                 DO $$ BEGIN
                     ASSERT (SELECT updated_at = now() FROM {table}), '{table} believed its writer';
                 END $$;
                 COMMIT"
            ))
            .await;
    }
}

#[tokio::test]
async fn other_rows_stay_as_they_were() {
    let mut schema = filled().await;
    schema
        .run("INSERT INTO conversation_sessions (user_id, session_type) VALUES ('b', 'lesson')")
        .await;
    let untouched = "SELECT updated_at::text FROM conversation_sessions WHERE user_id = 'b'";
    let before = schema.ask(untouched).await;
    schema
        .run("UPDATE conversation_sessions SET status = 'paused' WHERE user_id = 'a'")
        .await;
    assert_eq!(schema.ask(untouched).await, before);
}
