//! Queries use the indexes made for them, on tables that are large enough to make it worth while and with the planner's
//! own settings.

use super::{SUBJECT_A, Schema, claims};

/// Enough rows that reading a table whole is dearer than an index, few enough to be quick.
async fn filled() -> Schema {
    let mut schema = Schema::new().await;
    schema
        .run(
            "INSERT INTO practice_sessions (id, user_id, transcript, language, status, created_at, updated_at)
             SELECT md5('session' || n)::uuid, md5('user' || n % 1000)::uuid, 'Good morning.', 'en-US',
                 (ARRAY ['created', 'ready', 'practicing', 'completed']) [1 + n % 4],
                 timestamptz '2026-01-01' + n * interval '1 minute', timestamptz '2026-01-01' + n * interval '1 minute'
             FROM generate_series(1, 10000) AS n;
             INSERT INTO practice_attempts (id, session_id, user_id, attempt_type, sentence_index, audio_url, status,
                 created_at, updated_at)
             SELECT md5('attempt' || n)::uuid, md5('session' || 1 + n % 10000)::uuid, md5('user' || n % 1000)::uuid,
                 'sentence', 0, 'https://cdn.example/a.webm', 'processing', now(), now()
             FROM generate_series(1, 20000) AS n;
             INSERT INTO user_profiles (user_id, native_language, target_language, learning_goals)
             SELECT 'user' || n, 'de', 'en', jsonb_build_array('goal' || n % 500, 'goal' || n % 7)
             FROM generate_series(1, 10000) AS n;
             INSERT INTO learning_paths (user_id, name, progress_data)
             SELECT 'user' || n, 'To B1', jsonb_build_object('unit', n % 500, 'minutes', n)
             FROM generate_series(1, 10000) AS n;
             INSERT INTO conversation_sessions (id, user_id, session_type)
             SELECT md5('conversation' || n)::uuid, 'user' || n, 'review' FROM generate_series(1, 1000) AS n;
             INSERT INTO conversation_interactions (session_id, user_id, concept_id, interaction_type, next_review_date)
             SELECT md5('conversation' || 1 + n % 1000)::uuid, 'user' || n % 1000, 'concept' || n % 50, 'review',
                 CASE WHEN n % 20 = 0 THEN timestamptz '2026-01-01' + n * interval '1 hour' END
             FROM generate_series(1, 20000) AS n",
        )
        .await;
    // Statistics, and the pages marked as visible, as autovacuum would have done on a server that lives.
    for table in [
        "practice_sessions",
        "practice_attempts",
        "user_profiles",
        "learning_paths",
        "conversation_interactions",
    ] {
        schema.run(&format!("VACUUM ANALYZE {table}")).await;
    }
    schema
}

async fn plan(schema: &mut Schema, query: &str) -> String {
    schema
        .ask(&format!("EXPLAIN (COSTS OFF) {query}"))
        .await
        .join("\n")
}

#[tokio::test]
async fn each_query_finds_its_index() {
    let mut schema = filled().await;
    assert_eq!(schema.ask("SHOW enable_seqscan").await, ["on"]);
    for (query, index) in [
        (
            "SELECT id FROM practice_sessions WHERE user_id = md5('user7')::uuid::text AND status = 'practicing'",
            "idx_practice_sessions_user_status",
        ),
        (
            "SELECT id FROM practice_attempts WHERE session_id = md5('session7')::uuid AND attempt_type = 'sentence'",
            "idx_practice_attempts_session_type",
        ),
        (
            "SELECT id FROM practice_sessions WHERE updated_at < '2026-01-01 02:00Z' ORDER BY updated_at LIMIT 50",
            "idx_practice_sessions_updated_at",
        ),
        (
            r#"SELECT user_id FROM user_profiles WHERE learning_goals @> '["goal499"]'"#,
            "idx_user_profiles_learning_goals",
        ),
        (
            r#"SELECT id FROM learning_paths WHERE progress_data @> '{"unit": 499}'"#,
            "idx_learning_paths_progress_data",
        ),
        (
            "SELECT id FROM conversation_interactions WHERE next_review_date <= '2026-01-02' ORDER BY next_review_date",
            "idx_conversation_interactions_next_review_date",
        ),
    ] {
        let plan = plan(&mut schema, query).await;
        assert!(plan.contains(index), "{query}\n{plan}");
        assert!(!plan.contains("Seq Scan"), "{query}\n{plan}");
    }
}

#[tokio::test]
async fn a_users_view_of_their_sessions_uses_the_index_through_the_policy() {
    let mut schema = filled().await;
    schema.act_as("authenticated", &claims(SUBJECT_A)).await;
    let plan = plan(
        &mut schema,
        "SELECT id FROM practice_sessions WHERE status = 'ready'",
    )
    .await;
    schema.end().await;
    assert!(plan.contains("idx_practice_sessions_user_status"), "{plan}");
    // Asked for once, not once per row.
    assert!(plan.contains("InitPlan"), "{plan}");
    assert!(!plan.contains("Seq Scan"), "{plan}");
}
