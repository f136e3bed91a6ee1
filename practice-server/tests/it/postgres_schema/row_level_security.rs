//! Who sees and writes which rows and columns with the roles of a Supabase database: users their own, nobody else any.

use super::{ATTEMPT_B, SESSION_A, SESSION_B, SUBJECT_A, SUBJECT_B, Schema, claims, two_users};

/// `insufficient_privilege`.
const DENIED: &str = "42501";

const INTERNAL_TABLES: [&str; 5] = [
    "classconnect_calls",
    "webhook_inbox",
    "transitions",
    "idempotency_keys",
    "dead_letter_queue",
];

#[tokio::test]
async fn in_psql_a_user_reads_their_own_rows_only() {
    let schema = two_users().await;
    let script = |subject: &str| {
        format!(
            "BEGIN;
             SET LOCAL ROLE authenticated;
             SET LOCAL request.jwt.claims = '{}';
             SELECT 'session', id, user_id FROM practice_sessions;
             SELECT 'attempt', session_id, user_id FROM practice_attempts;
             SELECT 'by id', count(*) FROM practice_sessions WHERE id IN ('{SESSION_A}', '{SESSION_B}');
             COMMIT;",
            claims(subject)
        )
    };
    for (subject, session) in [(SUBJECT_A, SESSION_A), (SUBJECT_B, SESSION_B)] {
        assert_eq!(
            schema.psql(&script(subject)).await,
            [
                format!("session|{session}|{subject}"),
                format!("attempt|{session}|{subject}"),
                "by id|1".to_owned(),
            ]
        );
    }
}

#[tokio::test]
async fn a_user_writes_nothing_neither_anothers_nor_their_own() {
    let mut schema = two_users().await;
    schema.act_as("authenticated", &claims(SUBJECT_A)).await;
    for statement in [
        format!("UPDATE practice_sessions SET status = 'completed' WHERE id = '{SESSION_B}'"),
        format!("UPDATE practice_sessions SET user_id = '{SUBJECT_A}' WHERE id = '{SESSION_B}'"),
        format!("UPDATE practice_sessions SET status = 'completed' WHERE id = '{SESSION_A}'"),
        format!("UPDATE practice_attempts SET pronunciation_score = 100 WHERE id = '{ATTEMPT_B}'"),
        format!("DELETE FROM practice_attempts WHERE id = '{ATTEMPT_B}'"),
        format!("DELETE FROM practice_sessions WHERE id = '{SESSION_B}'"),
        "TRUNCATE practice_sessions CASCADE".to_owned(),
        format!(
            "INSERT INTO practice_sessions (id, user_id, transcript, language, status, created_at, updated_at)
             VALUES (gen_random_uuid(), '{SUBJECT_B}', 'Hello.', 'en-US', 'created', now(), now())"
        ),
        format!(
            "INSERT INTO practice_attempts
                 (id, session_id, user_id, attempt_type, audio_url, status, created_at, updated_at)
             VALUES (gen_random_uuid(), '{SESSION_B}', '{SUBJECT_B}', 'full_transcript', 'https://cdn.example/b.webm',
                     'processing', now(), now())"
        ),
    ] {
        assert_eq!(schema.refusal(&statement).await, DENIED, "{statement}");
    }
    schema.end().await;
}

/// Even a grant by mistake opens no row: there is no policy for writing.
#[tokio::test]
async fn with_grants_of_everything_a_user_still_writes_nothing() {
    let mut schema = two_users().await;
    schema
        .run("GRANT ALL ON practice_sessions, practice_attempts, idempotency_keys TO authenticated, anon")
        .await;
    schema.act_as("authenticated", &claims(SUBJECT_A)).await;
    let touched = schema
        .ask(
            "WITH written AS (UPDATE practice_sessions SET status = 'completed' RETURNING 1)
             SELECT count(*)::text FROM written",
        )
        .await;
    assert_eq!(touched, ["0"]);
    let touched = schema
        .ask("WITH gone AS (DELETE FROM practice_attempts RETURNING 1) SELECT count(*)::text FROM gone")
        .await;
    assert_eq!(touched, ["0"]);
    let insert = format!(
        "INSERT INTO practice_sessions (id, user_id, transcript, language, status, created_at, updated_at)
         VALUES (gen_random_uuid(), '{SUBJECT_A}', 'Hello.', 'en-US', 'created', now(), now())"
    );
    assert_eq!(schema.refusal(&insert).await, DENIED);
    assert_eq!(
        schema.ask("SELECT user_id FROM practice_sessions").await,
        [SUBJECT_A]
    );
    schema.end().await;

    schema.act_as("anon", "{}").await;
    assert!(
        schema
            .ask("SELECT user_id FROM practice_sessions")
            .await
            .is_empty()
    );
    schema.end().await;
}

#[tokio::test]
async fn the_internal_columns_are_hidden_from_users() {
    let mut schema = two_users().await;
    for (table, hidden) in [
        ("practice_sessions", vec!["architecture", "practice_requested_at"]),
        ("practice_attempts", vec!["architecture"]),
    ] {
        let not_granted = schema
            .ask(&format!(
                "SELECT attname::text FROM pg_attribute
                 WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped
                     AND NOT has_column_privilege('authenticated', attrelid, attnum, 'SELECT')
                 ORDER BY attname"
            ))
            .await;
        assert_eq!(not_granted, hidden);
    }
    schema.act_as("authenticated", &claims(SUBJECT_A)).await;
    for statement in [
        "SELECT * FROM practice_sessions",
        "SELECT architecture FROM practice_attempts",
        "SELECT 1 FROM practice_sessions WHERE practice_requested_at IS NULL",
    ] {
        assert_eq!(schema.refusal(statement).await, DENIED, "{statement}");
    }
    schema.end().await;
}

#[tokio::test]
async fn without_a_subject_there_are_no_rows_and_any_subject_will_do() {
    let mut schema = two_users().await;
    for nobody in ["", "{}", r#"{"sub": null}"#, r#"{"role": "authenticated"}"#] {
        schema.act_as("authenticated", nobody).await;
        let seen = schema.ask("SELECT user_id FROM practice_sessions").await;
        assert!(seen.is_empty(), "{nobody:?} sees {seen:?}");
        schema.end().await;
    }
    schema
        .run(&format!(
            "UPDATE practice_sessions SET user_id = 'learner|42' WHERE id = '{SESSION_B}'"
        ))
        .await;
    schema.act_as("authenticated", &claims("learner|42")).await;
    let seen = schema.ask("SELECT id::text FROM practice_sessions").await;
    assert_eq!(seen, [SESSION_B], "a subject need not be a UUID");
    schema.end().await;
}

#[tokio::test]
async fn nobody_signed_in_sees_nothing() {
    let mut schema = two_users().await;
    schema.act_as("anon", &claims(SUBJECT_A)).await;
    for table in ["practice_sessions", "practice_attempts"] {
        assert_eq!(
            schema.refusal(&format!("SELECT id FROM {table}")).await,
            DENIED,
            "{table}"
        );
        assert_eq!(
            schema.refusal(&format!("DELETE FROM {table}")).await,
            DENIED,
            "{table}"
        );
    }
    schema.end().await;
}

#[tokio::test]
async fn the_service_role_sees_and_writes_all() {
    let mut schema = two_users().await;
    schema.act_as("service_role", "{}").await;
    let seen = schema
        .ask("SELECT user_id FROM practice_sessions ORDER BY 1")
        .await;
    assert_eq!(seen, [SUBJECT_A, SUBJECT_B]);
    let written = schema
        .ask("UPDATE practice_attempts SET audio_url = audio_url RETURNING architecture")
        .await;
    assert_eq!(written.len(), 2);
    schema.end().await;
}

#[tokio::test]
async fn the_backends_own_tables_are_closed_to_users() {
    let mut schema = two_users().await;
    let learning = schema
        .ask(
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
                 AND relname ~ '^(conversation|lesson|learning|user)'",
        )
        .await;
    assert_eq!(learning.len(), 8);
    for role in ["anon", "authenticated"] {
        schema.act_as(role, &claims(SUBJECT_A)).await;
        for table in INTERNAL_TABLES
            .into_iter()
            .chain(learning.iter().map(String::as_str))
        {
            for statement in [format!("SELECT FROM {table}"), format!("DELETE FROM {table}")] {
                assert_eq!(schema.refusal(&statement).await, DENIED, "{role}: {statement}");
            }
        }
        schema.end().await;
    }
    let unprotected = schema
        .ask(
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
                 AND NOT relrowsecurity AND relname <> '_sqlx_migrations'",
        )
        .await;
    assert!(unprotected.is_empty(), "{unprotected:?}");
}

/// `auth.uid()`, `auth.role()` and `auth.jwt()` are for policies of others, who know them from Supabase.
#[tokio::test]
async fn the_tokens_functions_read_new_and_old_settings() {
    let mut schema: Schema = two_users().await;
    let both = "SELECT concat_ws(' ', auth.uid(), auth.role(), auth.jwt() ->> 'aud')";
    schema.act_as("authenticated", &claims(SUBJECT_A)).await;
    let answer = schema.ask(both).await;
    assert_eq!(answer, [format!("{SUBJECT_A} authenticated authenticated")]);
    schema.end().await;
    schema.act_as("anon", "").await;
    schema
        .run(&format!(
            "SET LOCAL request.jwt.claim.sub = '{SUBJECT_B}'; SET LOCAL request.jwt.claim.role = 'anon'"
        ))
        .await;
    assert_eq!(schema.ask(both).await, [format!("{SUBJECT_B} anon")]);
    schema.end().await;
}
