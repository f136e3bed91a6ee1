//! The role that writes ClassConnect's results without being the backend: those, and nothing else.

use std::collections::BTreeSet;

use practice_server::domain::{ColumnOwner, attempt_column_owner, session_column_owner};

use super::{ATTEMPT_A, SESSION_A, two_users};

/// `insufficient_privilege`, which is also what a row that a policy refuses gets.
const DENIED: &str = "42501";

const ROLE: &str = "classconnect_webhook";

/// The owner of a column, by its name.
type OwnerOf = fn(&str) -> Option<ColumnOwner>;

#[tokio::test]
async fn it_may_write_exactly_the_columns_that_the_webhook_owns() {
    let mut schema = two_users().await;
    let owner_of: [(&str, OwnerOf); 2] = [
        ("practice_sessions", session_column_owner),
        ("practice_attempts", attempt_column_owner),
    ];
    for (table, owner) in owner_of {
        let columns = schema
            .ask(&format!(
                "SELECT attname::text FROM pg_attribute
                 WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped"
            ))
            .await;
        let owned: BTreeSet<&str> = columns
            .iter()
            .map(String::as_str)
            .filter(|column| matches!(owner(column), Some(ColumnOwner::Webhook | ColumnOwner::Both)))
            .collect();
        let writable = schema
            .ask(&format!(
                "SELECT attname::text FROM pg_attribute
                 WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped
                     AND has_column_privilege('{ROLE}', attrelid, attnum, 'UPDATE')"
            ))
            .await;
        let writable: BTreeSet<&str> = writable.iter().map(String::as_str).collect();
        assert!(!owned.is_empty());
        assert_eq!(writable, owned, "{table}");
    }
}

#[tokio::test]
async fn it_writes_a_result() {
    let mut schema = two_users().await;
    schema.act_as(ROLE, "").await;
    let attempt = schema
        .ask(&format!(
            "UPDATE practice_attempts SET status = 'completed', pronunciation_score = 87.5, is_passed = true,
                 feedback_data = '{{}}', updated_at = now()
             WHERE id = '{ATTEMPT_A}' RETURNING status"
        ))
        .await;
    assert_eq!(attempt, ["completed"]);
    let session = schema
        .ask(&format!(
            "UPDATE practice_sessions SET status = 'completed', pronunciation_score = 87.5 WHERE id = '{SESSION_A}'
             RETURNING status"
        ))
        .await;
    assert_eq!(session, ["completed"]);
    // What has ended is not found any more.
    for table in ["practice_attempts", "practice_sessions"] {
        let touched = schema
            .ask(&format!(
                "WITH written AS (UPDATE {table} SET pronunciation_score = 1 WHERE id IN ('{ATTEMPT_A}', '{SESSION_A}')
                     RETURNING 1)
                 SELECT count(*)::text FROM written"
            ))
            .await;
        assert_eq!(touched, ["0"], "{table}");
    }
    schema.end().await;
}

#[tokio::test]
async fn it_writes_and_sees_nothing_else() {
    let mut schema = two_users().await;
    schema.act_as(ROLE, "").await;
    for statement in [
        // The backend's columns.
        "UPDATE practice_sessions SET transcript = 'Bye.'",
        "UPDATE practice_sessions SET user_id = 'me'",
        "UPDATE practice_sessions SET current_sentence_index = 1",
        "UPDATE practice_sessions SET attempt_count = 7",
        "UPDATE practice_attempts SET error_message = 'no'",
        "UPDATE practice_attempts SET audio_url = 'https://elsewhere.example/'",
        "UPDATE practice_attempts SET architecture = 'trigger'",
        // Statuses that no result brings about.
        "UPDATE practice_sessions SET status = 'abandoned'",
        "UPDATE practice_sessions SET status = 'created'",
        "UPDATE practice_attempts SET status = 'processing'",
        // Rows.
        "DELETE FROM practice_attempts",
        "DELETE FROM practice_sessions",
        "INSERT INTO practice_sessions (id, user_id, transcript, language, status, created_at, updated_at)
         VALUES (gen_random_uuid(), 'a', 'Hello.', 'en-US', 'created', now(), now())",
        // What learners said, and who they are.
        "SELECT transcript FROM practice_sessions",
        "SELECT user_id FROM practice_attempts",
        "SELECT audio_url FROM practice_attempts",
        // The backend's tables.
        "SELECT FROM webhook_inbox",
        "SELECT FROM classconnect_calls",
        "SELECT FROM idempotency_keys",
        "SELECT FROM conversation_messages",
    ] {
        assert_eq!(schema.refusal(statement).await, DENIED, "{statement}");
    }
    schema.end().await;
}
