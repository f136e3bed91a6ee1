//! The three queries with which an operator verifies the migrations, word for word, in the real `psql`. What they must list
//! is written out here from what was asked for, not from the migrations.

use std::collections::BTreeSet;

use super::Schema;

const CHECK_INDEXES: &str = "\
SELECT schemaname, tablename, indexname 
FROM pg_indexes 
WHERE indexname LIKE 'idx_%' OR indexname LIKE 'uq_%'
ORDER BY tablename, indexname;
";

const CHECK_CONSTRAINTS: &str = "\
SELECT conname, contype, conrelid::regclass 
FROM pg_constraint 
WHERE conname LIKE 'chk_%'
ORDER BY conrelid::regclass, conname;
";

const CHECK_TRIGGERS: &str = "\
SELECT tgname, tgrelid::regclass 
FROM pg_trigger 
WHERE tgname LIKE 'update_%_updated_at'
ORDER BY tgrelid::regclass;
";

/// The tables whose indexes, checks and triggers are all listed below.
const LEARNING_TABLES: [&str; 8] = [
    "conversation_interactions",
    "conversation_messages",
    "conversation_sessions",
    "learning_paths",
    "lesson_sessions",
    "lesson_versions",
    "lessons",
    "user_profiles",
];

const INDEXES: [(&str, &str); 29] = [
    // By user, status, type and time; a user's of a type, a user's in a status.
    ("conversation_sessions", "idx_conversation_sessions_user_id"),
    ("conversation_sessions", "idx_conversation_sessions_status"),
    ("conversation_sessions", "idx_conversation_sessions_session_type"),
    ("conversation_sessions", "idx_conversation_sessions_created_at"),
    (
        "conversation_sessions",
        "idx_conversation_sessions_user_id_session_type",
    ),
    (
        "conversation_sessions",
        "idx_conversation_sessions_user_id_status",
    ),
    ("conversation_messages", "idx_conversation_messages_session_id"),
    ("conversation_messages", "idx_conversation_messages_role"),
    ("conversation_messages", "idx_conversation_messages_created_at"),
    (
        "conversation_messages",
        "idx_conversation_messages_session_id_message_order",
    ),
    (
        "conversation_messages",
        "idx_conversation_messages_session_id_role",
    ),
    (
        "conversation_interactions",
        "idx_conversation_interactions_user_id",
    ),
    (
        "conversation_interactions",
        "idx_conversation_interactions_concept_id",
    ),
    (
        "conversation_interactions",
        "idx_conversation_interactions_next_review_date",
    ),
    (
        "conversation_interactions",
        "idx_conversation_interactions_user_id_concept_id",
    ),
    (
        "conversation_interactions",
        "idx_conversation_interactions_message_id",
    ),
    (
        "conversation_interactions",
        "idx_conversation_interactions_session_id",
    ),
    ("lessons", "idx_lessons_status"),
    ("lesson_sessions", "idx_lesson_sessions_user_id"),
    // Into JSON.
    ("user_profiles", "idx_user_profiles_learning_goals"),
    ("user_profiles", "idx_user_profiles_previous_knowledge"),
    ("user_profiles", "idx_user_profiles_usage_context"),
    ("user_profiles", "idx_user_profiles_learning_experiences"),
    ("learning_paths", "idx_learning_paths_path_data"),
    ("learning_paths", "idx_learning_paths_progress_data"),
    ("lesson_versions", "idx_lesson_versions_lesson_plan"),
    (
        "conversation_sessions",
        "idx_conversation_sessions_conversation_context",
    ),
    (
        "conversation_interactions",
        "idx_conversation_interactions_metadata",
    ),
    // Unique.
    (
        "conversation_messages",
        "uq_conversation_messages_session_id_message_order",
    ),
];

const CONSTRAINTS: [(&str, &str); 8] = [
    ("conversation_sessions", "chk_conversation_sessions_session_type"),
    ("conversation_sessions", "chk_conversation_sessions_status"),
    ("conversation_messages", "chk_conversation_messages_role"),
    ("conversation_messages", "chk_conversation_messages_message_order"),
    (
        "conversation_interactions",
        "chk_conversation_interactions_interaction_type",
    ),
    (
        "conversation_interactions",
        "chk_conversation_interactions_mastery_level",
    ),
    (
        "conversation_interactions",
        "chk_conversation_interactions_confidence_self_reported",
    ),
    ("lessons", "chk_lessons_status"),
];

const TRIGGERS: [(&str, &str); 4] = [
    ("conversation_sessions", "update_conversation_sessions_updated_at"),
    ("conversation_messages", "update_conversation_messages_updated_at"),
    ("user_profiles", "update_user_profiles_updated_at"),
    ("learning_paths", "update_learning_paths_updated_at"),
];

/// What the migration of the practice feature asks for. More is there, and listed too.
const PRACTICE_INDEXES: [(&str, &str); 3] = [
    ("practice_sessions", "idx_practice_sessions_user_status"),
    ("practice_attempts", "idx_practice_attempts_session_type"),
    ("practice_sessions", "idx_practice_sessions_updated_at"),
];
const PRACTICE_CONSTRAINTS: [(&str, &str); 2] = [
    ("practice_sessions", "chk_practice_sessions_status"),
    ("practice_attempts", "chk_practice_attempts_status"),
];

type Listed = BTreeSet<(String, String)>;

fn expected(pairs: &[(&str, &str)]) -> Listed {
    pairs
        .iter()
        .map(|(table, name)| ((*table).to_owned(), (*name).to_owned()))
        .collect()
}

/// What the query lists, as (table, name); these are the columns at `table` and `name`.
async fn listed(query: &str, table: usize, name: usize) -> Listed {
    let lines = Schema::new().await.psql(query).await;
    let pairs: Vec<(String, String)> = lines
        .iter()
        .map(|line| {
            let columns: Vec<&str> = line.split('|').collect();
            (columns[table].to_owned(), columns[name].to_owned())
        })
        .collect();
    let listed: Listed = pairs.iter().cloned().collect();
    assert_eq!(listed.len(), pairs.len(), "nothing is listed twice: {lines:#?}");
    listed
}

fn of_learning_tables(listed: &Listed) -> Listed {
    listed
        .iter()
        .filter(|(table, _)| LEARNING_TABLES.contains(&table.as_str()))
        .cloned()
        .collect()
}

#[tokio::test]
async fn the_first_query_lists_every_index() {
    let listed = listed(CHECK_INDEXES, 1, 2).await;
    assert_eq!(of_learning_tables(&listed), expected(&INDEXES));
    assert!(listed.is_superset(&expected(&PRACTICE_INDEXES)), "{listed:#?}");
}

#[tokio::test]
async fn the_second_query_lists_every_constraint() {
    let listed = listed(CHECK_CONSTRAINTS, 2, 0).await;
    assert_eq!(of_learning_tables(&listed), expected(&CONSTRAINTS));
    assert!(
        listed.is_superset(&expected(&PRACTICE_CONSTRAINTS)),
        "{listed:#?}"
    );
}

#[tokio::test]
async fn the_third_query_lists_every_trigger_and_no_other() {
    assert_eq!(listed(CHECK_TRIGGERS, 1, 0).await, expected(&TRIGGERS));
}

#[tokio::test]
async fn indexes_are_of_the_kind_and_on_the_columns_that_were_asked_for() {
    let mut schema = Schema::new().await;
    for (index, definition) in [
        (
            "idx_practice_sessions_user_status",
            "practice_sessions USING btree (user_id, status)",
        ),
        (
            "idx_practice_attempts_session_type",
            "practice_attempts USING btree (session_id, attempt_type)",
        ),
        (
            "idx_practice_sessions_updated_at",
            "practice_sessions USING btree (updated_at)",
        ),
        (
            "idx_conversation_messages_session_id_message_order",
            "conversation_messages USING btree (session_id, message_order)",
        ),
        (
            "idx_conversation_interactions_next_review_date",
            "conversation_interactions USING btree (next_review_date) WHERE (next_review_date IS NOT NULL)",
        ),
        (
            "idx_lesson_versions_lesson_plan",
            "lesson_versions USING gin (lesson_plan)",
        ),
        (
            "uq_conversation_messages_session_id_message_order",
            "conversation_messages USING btree (session_id, message_order)",
        ),
    ] {
        let found = schema
            .ask(&format!(
                "SELECT indexdef FROM pg_indexes WHERE indexname = '{index}'"
            ))
            .await;
        assert!(
            found.len() == 1 && found[0].ends_with(&format!("ON public.{definition}")),
            "{index}: {found:?}"
        );
    }
    let gin = schema
        .ask("SELECT indexname::text FROM pg_indexes WHERE schemaname = 'public' AND indexdef LIKE '%USING gin%'")
        .await;
    let gin: BTreeSet<&str> = gin.iter().map(String::as_str).collect();
    let asked_for: BTreeSet<&str> = INDEXES[19..28].iter().map(|(_, index)| *index).collect();
    assert_eq!(gin, asked_for);
}
