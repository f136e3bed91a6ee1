//! Rows that mean nothing are refused, whoever writes them, and by the constraint made for it.

use super::{SESSION_A, Schema, two_users};

const CONVERSATION: &str = "c0000000-0000-4000-8000-000000000001";

/// A conversation with one message.
async fn a_conversation() -> Schema {
    let mut schema = Schema::new().await;
    schema
        .run(&format!(
            "INSERT INTO conversation_sessions (id, user_id, session_type) VALUES ('{CONVERSATION}', 'a', 'practice');
             INSERT INTO conversation_messages (session_id, role, content, message_order)
             VALUES ('{CONVERSATION}', 'user', 'Hello', 1)"
        ))
        .await;
    schema
}

fn message(role: &str, order: &str) -> String {
    format!(
        "INSERT INTO conversation_messages (session_id, role, content, message_order)
         VALUES ('{CONVERSATION}', {role}, 'Hello', {order})"
    )
}

/// An interaction whose `column` has `value`.
fn interaction(column: &str, value: &str) -> String {
    let interaction_type = if column == "interaction_type" {
        value
    } else {
        "'answer'"
    };
    let mut columns = "session_id, user_id, concept_id, interaction_type".to_owned();
    let mut values = format!("'{CONVERSATION}', 'a', 'articles', {interaction_type}");
    if column != "interaction_type" {
        columns = format!("{columns}, {column}");
        values = format!("{values}, {value}");
    }
    format!("INSERT INTO conversation_interactions ({columns}) VALUES ({values})")
}

#[tokio::test]
async fn conversations_have_known_types_and_statuses() {
    let mut schema = a_conversation().await;
    let insert = |column: &str, value: &str| {
        let others = if column == "session_type" {
            ""
        } else {
            ", session_type"
        };
        let values = if column == "session_type" {
            ""
        } else {
            ", 'lesson'"
        };
        format!("INSERT INTO conversation_sessions (user_id, {column}{others}) VALUES ('a', {value}{values})")
    };
    for session_type in ["conversation", "lesson", "practice", "review"] {
        schema
            .run(&insert("session_type", &format!("'{session_type}'")))
            .await;
    }
    for status in ["active", "paused", "completed", "abandoned"] {
        schema.run(&insert("status", &format!("'{status}'"))).await;
    }
    for (column, value, constraint) in [
        (
            "session_type",
            "'gossip'",
            "chk_conversation_sessions_session_type",
        ),
        ("session_type", "''", "chk_conversation_sessions_session_type"),
        ("status", "'asleep'", "chk_conversation_sessions_status"),
        ("status", "'Active'", "chk_conversation_sessions_status"),
    ] {
        assert_eq!(
            schema.violated(&insert(column, value)).await,
            constraint,
            "{column} = {value}"
        );
    }
    for (column, value) in [
        ("session_type", "NULL"),
        ("status", "NULL"),
        ("conversation_context", "NULL"),
    ] {
        let violated = schema.violated(&insert(column, value)).await;
        assert!(violated.contains("not-null constraint"), "{column}: {violated}");
    }
}

#[tokio::test]
async fn messages_have_a_known_role_and_a_place_of_their_own() {
    let mut schema = a_conversation().await;
    for (order, role) in [(2, "'assistant'"), (3, "'system'"), (4, "'user'")] {
        schema.run(&message(role, &order.to_string())).await;
    }
    for (role, order, constraint) in [
        ("'teacher'", "9", "chk_conversation_messages_role"),
        ("'user'", "0", "chk_conversation_messages_message_order"),
        ("'user'", "-1", "chk_conversation_messages_message_order"),
        (
            "'assistant'",
            "1",
            "uq_conversation_messages_session_id_message_order",
        ),
    ] {
        assert_eq!(
            schema.violated(&message(role, order)).await,
            constraint,
            "{role}, {order}"
        );
    }
    let elsewhere = message("'user'", "9").replace(CONVERSATION, SESSION_A);
    assert_eq!(
        schema.violated(&elsewhere).await,
        "fk_conversation_messages_session"
    );
    // The same place in another conversation is another place.
    schema
        .run(&format!(
            "INSERT INTO conversation_sessions (id, user_id, session_type) VALUES ('{SESSION_A}', 'a', 'review');
             {}",
            message("'user'", "1").replace(CONVERSATION, SESSION_A)
        ))
        .await;
}

#[tokio::test]
async fn interactions_are_judged_from_one_to_five() {
    let mut schema = a_conversation().await;
    for column in ["mastery_level", "confidence_self_reported"] {
        for value in ["1", "5", "NULL"] {
            schema.run(&interaction(column, value)).await;
        }
        for value in ["0", "6", "-1"] {
            assert_eq!(
                schema.violated(&interaction(column, value)).await,
                format!("chk_conversation_interactions_{column}"),
                "{value}"
            );
        }
    }
    for known in [
        "question",
        "answer",
        "correction",
        "explanation",
        "practice",
        "review",
    ] {
        schema
            .run(&interaction("interaction_type", &format!("'{known}'")))
            .await;
    }
    assert_eq!(
        schema
            .violated(&interaction("interaction_type", "'shouting'"))
            .await,
        "chk_conversation_interactions_interaction_type"
    );
    assert_eq!(
        schema
            .violated(&interaction("message_id", &format!("'{SESSION_A}'")))
            .await,
        "fk_conversation_interactions_message"
    );
}

#[tokio::test]
async fn lessons_have_known_statuses_and_versions_belong_to_one() {
    let mut schema = Schema::new().await;
    for status in ["draft", "published", "archived"] {
        schema
            .run(&format!(
                "INSERT INTO lessons (title, status) VALUES ('Articles', '{status}')"
            ))
            .await;
    }
    for (statement, constraint) in [
        (
            "INSERT INTO lessons (title, status) VALUES ('Articles', 'lost')",
            "chk_lessons_status",
        ),
        (
            "INSERT INTO lesson_versions (lesson_id, version, lesson_plan) VALUES (gen_random_uuid(), 1, '{}')",
            "fk_lesson_versions_lesson",
        ),
        (
            "INSERT INTO lesson_sessions (user_id, lesson_id, lesson_version) VALUES ('a', gen_random_uuid(), 1)",
            "fk_lesson_sessions_lesson_version",
        ),
        (
            "INSERT INTO learning_paths (user_id, name) VALUES ('nobody', 'To B1')",
            "fk_learning_paths_user_profile",
        ),
    ] {
        assert_eq!(schema.violated(statement).await, constraint, "{statement}");
    }
}

#[tokio::test]
async fn practice_rows_are_checked_whoever_writes_them() {
    let mut schema = two_users().await;
    let session = |change: &str| format!("UPDATE practice_sessions SET {change} WHERE id = '{SESSION_A}'");
    let attempt =
        |change: &str| format!("UPDATE practice_attempts SET {change} WHERE session_id = '{SESSION_A}'");
    for (statement, constraint) in [
        (session("status = 'dreaming'"), "chk_practice_sessions_status"),
        (session("transcript = ''"), "chk_practice_sessions_transcript"),
        (session("attempt_count = -1"), "chk_practice_sessions_progress"),
        (
            session("pronunciation_score = 100.5"),
            "chk_practice_sessions_score",
        ),
        (session("status = 'failed'"), "chk_practice_sessions_failed"),
        (
            session("architecture = 'baroque'"),
            "chk_practice_sessions_architecture",
        ),
        (attempt("status = 'ready'"), "chk_practice_attempts_status"),
        (attempt("attempt_type = 'sigh'"), "chk_practice_attempts_type"),
        (attempt("word_index = 1"), "chk_practice_attempts_indexes"),
        (attempt("status = 'completed'"), "chk_practice_attempts_result"),
        (attempt("status = 'failed'"), "chk_practice_attempts_failed"),
        (
            attempt("session_id = gen_random_uuid()"),
            "fk_practice_attempts_session",
        ),
    ] {
        let violated = schema.violated(&statement).await;
        // A row may break two checks; PostgreSQL names the first by the alphabet.
        let also = statement.contains("'sigh'") && violated == "chk_practice_attempts_indexes";
        assert!(violated == constraint || also, "{statement}: {violated}");
    }
    let delete = format!("DELETE FROM practice_sessions WHERE id = '{SESSION_A}'");
    assert_eq!(schema.violated(&delete).await, "fk_practice_attempts_session");
}
