//! What the migration leaves in the database, and that its way back leaves nothing.

use std::collections::BTreeMap;
use std::path::Path;

use practice_server::rollout::DirectPercent;
use practice_server::store::{DatabaseUrl, Store};
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection, PgPool};

use crate::databases::{context, postgres_database};

const TRIGGERS: [(&str, &str); 3] = [
    ("practice_attempts_auto_submit_trigger", "practice_attempts"),
    ("practice_session_auto_improve_trigger", "practice_sessions"),
    ("practice_session_auto_start_trigger", "practice_sessions"),
];

/// The triggers of the trigger architecture with their tables and whether they are enabled, as `\d` reads them.
async fn triggers(connection: &mut PgConnection) -> BTreeMap<String, (String, bool)> {
    let rows: Vec<(String, String, bool)> = sqlx::query_as(
        "SELECT tgname::text, tgrelid::regclass::text, tgenabled <> 'D' FROM pg_trigger WHERE NOT tgisinternal AND \
         pg_get_triggerdef(oid) LIKE '%supabase_functions.http_request%'",
    )
    .fetch_all(connection)
    .await
    .unwrap();
    rows.into_iter()
        .map(|(name, table, enabled)| (name, (table, enabled)))
        .collect()
}

fn expected(enabled: bool) -> BTreeMap<String, (String, bool)> {
    TRIGGERS
        .map(|(name, table)| (name.to_owned(), (table.to_owned(), enabled)))
        .into()
}

#[tokio::test]
async fn the_triggers_are_there_and_can_be_disabled_and_enabled() {
    let url = postgres_database().await;
    let mut connection = PgConnection::connect(url.expose()).await.unwrap();
    assert_eq!(triggers(&mut connection).await, expected(true));
    for (function, enabled) in [("disable", false), ("disable", false), ("enable", true)] {
        let statement = format!("SELECT {function}_practice_triggers()");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
            .unwrap();
        assert_eq!(triggers(&mut connection).await, expected(enabled), "{function}");
    }
}

#[tokio::test]
async fn a_direct_row_fires_nothing() {
    let url = postgres_database().await;
    let mut connection = PgConnection::connect(url.expose()).await.unwrap();
    // Without settings a trigger that fires raises an error, so that these succeed says that none did.
    sqlx::raw_sql(
        "INSERT INTO practice_sessions (id, user_id, status, transcript, language, created_at, updated_at) VALUES \
         (gen_random_uuid(), 'user-1', 'created', 'Hi.', 'en', now(), now()); \
         UPDATE practice_sessions SET practice_requested_at = now()",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let fired = sqlx::raw_sql(
        "INSERT INTO practice_sessions (id, user_id, status, transcript, language, created_at, updated_at, architecture) \
         VALUES (gen_random_uuid(), 'user-1', 'created', 'Hi.', 'en', now(), now(), 'trigger')",
    )
    .execute(&mut connection)
    .await;
    let error = fired.unwrap_err().to_string();
    assert!(error.contains("start the practice server"), "{error}");
}

#[tokio::test]
async fn users_reach_neither_the_flag_nor_the_queue_nor_the_key() {
    let url = postgres_database().await;
    let mut connection = PgConnection::connect(url.expose()).await.unwrap();
    for role in ["anon", "authenticated"] {
        for statement in [
            "UPDATE public.feature_flags SET percent = 0",
            "SELECT * FROM net.http_request_queue",
            "SELECT net.http_post('http://127.0.0.1/')",
            "SELECT * FROM supabase_functions.edge_settings",
            "SELECT public.disable_practice_triggers()",
        ] {
            let as_role = format!("SET ROLE {role}; {statement}");
            let result = sqlx::raw_sql(sqlx::AssertSqlSafe(as_role))
                .execute(&mut connection)
                .await;
            let error = result.expect_err(statement).to_string();
            assert!(
                error.contains("permission denied"),
                "{role}: {statement}: {error}"
            );
            sqlx::raw_sql("RESET ROLE")
                .execute(&mut connection)
                .await
                .unwrap();
        }
    }
}

#[tokio::test]
async fn the_way_back_removes_everything_and_the_way_forward_brings_it_again() {
    let url = postgres_database().await;
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
    let migrator = Migrator::new(migrations).await.unwrap();
    let pool = PgPool::connect(url.expose()).await.unwrap();
    let left = async || -> i64 {
        sqlx::query_scalar(
            "SELECT count(*) FROM (SELECT nspname::text FROM pg_namespace WHERE nspname IN ('net', 'supabase_functions') \
             UNION ALL SELECT proname::text FROM pg_proc WHERE proname LIKE '%able_practice_triggers' \
             UNION ALL SELECT tgname::text FROM pg_trigger WHERE tgname LIKE 'practice%trigger' \
             UNION ALL SELECT relname::text FROM pg_class WHERE relname = 'feature_flags') AS found (name)",
        )
        .fetch_one(&pool)
        .await
        .unwrap()
    };
    assert_eq!(left().await, 8);
    migrator.undo(&pool, 3).await.unwrap();
    assert_eq!(left().await, 0);
    migrator.run(&pool).await.unwrap();
    assert_eq!(left().await, 8);
}

#[tokio::test]
async fn what_a_real_supabase_has_is_neither_replaced_nor_removed() {
    let url = postgres_database().await;
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
    let migrator = Migrator::new(migrations).await.unwrap();
    let pool = PgPool::connect(url.expose()).await.unwrap();
    migrator.undo(&pool, 3).await.unwrap();
    sqlx::raw_sql(
        "CREATE SCHEMA net; CREATE SCHEMA supabase_functions; \
         CREATE FUNCTION supabase_functions.http_request() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    )
    .execute(&pool)
    .await
    .unwrap();
    migrator.run(&pool).await.unwrap();

    // A server on it serves directly, and refuses to do otherwise.
    let (clock, metrics) = (
        practice_server::clock::Clock::system(),
        practice_server::metrics::Metrics::new(),
    );
    Store::open(&DatabaseUrl::Postgres(url.clone()), context(&clock, &metrics))
        .await
        .unwrap()
        .close()
        .await;
    let mut config = crate::fixture::config("http://127.0.0.1:9");
    config.database = DatabaseUrl::Postgres(url.clone());
    let address = "127.0.0.1:9".parse().unwrap();
    let app = practice_server::App::open(config.clone(), address).await.unwrap();
    let refused = app.rollout().set(DirectPercent::NOBODY).await.unwrap_err();
    assert!(refused.to_string().contains("pg_net"), "{refused}");
    app.store().close().await;
    config.legacy.direct_percent = Some(DirectPercent::NOBODY);
    let refused = practice_server::App::open(config, address).await.err().unwrap();
    let sentence = practice_server::error::with_causes(&refused);
    assert!(sentence.contains("this database has schemas net"), "{sentence}");

    migrator.undo(&pool, 3).await.unwrap();
    let functions: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_proc WHERE proname = 'http_request'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(functions, 1, "theirs is left");
}

/// A file of statements that is shipped with the server.
fn shipped(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// Everything that the removal takes and the restoration brings back, as PostgreSQL itself says it.
async fn definitions(connection: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT pg_get_triggerdef(oid) || ' ' || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal AND tgname LIKE \
         'practice%trigger' UNION ALL SELECT pg_get_functiondef(oid) || coalesce(proacl::text, '') FROM pg_proc WHERE proname \
         LIKE '%able_practice_triggers' OR proname = 'lock_practice_tables' ORDER BY 1",
    )
    .fetch_all(connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn the_full_way_back_restores_what_the_migrations_made() {
    let url = postgres_database().await;
    let mut connection = PgConnection::connect(url.expose()).await.unwrap();
    let made = definitions(&mut connection).await;
    assert_eq!(made.len(), 6);
    let remove = shipped("remove_practice_triggers.sql");
    let restore = shipped("restore_practice_triggers.sql");
    // The second time there is nothing to do, and that does no harm.
    for (statements, left) in [(&remove, 0), (&restore, 6), (&restore, 6)] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements.clone()))
            .execute(&mut connection)
            .await
            .unwrap();
        assert_eq!(definitions(&mut connection).await.len(), left);
    }
    assert_eq!(definitions(&mut connection).await, made);
    // A row of the trigger architecture fires again; without settings that is an error.
    let fired = sqlx::raw_sql(
        "INSERT INTO practice_sessions (id, user_id, status, transcript, language, created_at, updated_at, architecture) \
         VALUES (gen_random_uuid(), 'user-1', 'created', 'Hi.', 'en', now(), now(), 'trigger')",
    )
    .execute(&mut connection)
    .await;
    let error = fired.unwrap_err().to_string();
    assert!(error.contains("start the practice server"), "{error}");
}

/// A writer is half-way when the triggers are switched, and then needs what the switch has locked already: neither is
/// cancelled, whichever table the writer took first.
#[tokio::test]
async fn triggers_are_switched_beside_writers_that_lock_the_tables_in_either_order() {
    const SESSIONS: &str = "UPDATE practice_sessions SET updated_at = now()";
    const ATTEMPTS: &str = "UPDATE practice_attempts SET updated_at = now()";
    const WAITING: &str =
        "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND mode = 'ShareRowExclusiveLock'";
    let url = postgres_database().await;
    let connect = async || PgConnection::connect(url.expose()).await.unwrap();
    let (mut writer, mut looking) = (connect().await, connect().await);
    for (first, second, enable) in [(SESSIONS, ATTEMPTS, false), (ATTEMPTS, SESSIONS, true)] {
        let verb = if enable { "enable" } else { "disable" };
        sqlx::raw_sql("BEGIN").execute(&mut writer).await.unwrap();
        sqlx::raw_sql(first).execute(&mut writer).await.unwrap();
        let mut switching = connect().await;
        let switch = tokio::spawn(async move {
            let statement = sqlx::AssertSqlSafe(format!("SELECT {verb}_practice_triggers()"));
            let switched = sqlx::raw_sql(statement).execute(&mut switching).await;
            switched.map(|_| switching)
        });
        let seen = tokio::time::timeout(super::NEVER, async {
            while !sqlx::query_scalar::<_, bool>(WAITING)
                .fetch_one(&mut looking)
                .await
                .unwrap()
            {}
        });
        seen.await.expect("the switch never waited");
        sqlx::raw_sql(second).execute(&mut writer).await.unwrap();
        sqlx::raw_sql("COMMIT").execute(&mut writer).await.unwrap();
        let mut switched = switch.await.unwrap().unwrap();
        assert_eq!(triggers(&mut switched).await, expected(enable));
    }
}
