//! There, back and there again; and on a database that Supabase made.

use std::collections::BTreeSet;
use std::path::Path;

use sqlx::migrate::Migrator;
use throwaway_postgres::{Cluster, Settings};

use super::{SUBJECT_A, Schema, claims, client};
use crate::databases::{cluster, migrate};

/// An empty database of the cluster.
async fn empty_database(name: &str) -> Schema {
    let cluster = cluster().await;
    cluster.create_database(name).await.unwrap();
    Schema::at(&cluster.url_of(name)).await
}

/// All that is in a database but rows, as `pg_dump` says it. The migrations' own books are no part of the schema.
async fn dump(schema: &Schema) -> String {
    let arguments = [
        "--schema-only",
        "--exclude-table=public._sqlx_migrations",
        &format!("--dbname={}", schema.url),
    ];
    client("pg_dump", &arguments, "")
        .await
        .lines()
        // Newer versions guard a dump with a key that is another one each time.
        .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The migrations from their folder: the program carries the same.
async fn migrator() -> Migrator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
    Migrator::new(folder).await.unwrap()
}

/// The number of each migration, ascending.
fn versions(migrator: &Migrator) -> BTreeSet<i64> {
    migrator.iter().map(|migration| migration.version).collect()
}

#[tokio::test]
async fn there_back_and_there_again_makes_the_same_schema_and_leaves_nothing_between() {
    let mut schema = empty_database("there_and_back").await;
    let empty = dump(&schema).await;
    migrate(&schema.url).await;
    let there = dump(&schema).await;
    assert!(there.len() > 10 * empty.len(), "{there}");

    migrate(&schema.url).await;
    assert_eq!(dump(&schema).await, there, "a second time changes nothing");

    migrator().await.undo(&mut schema.owner, 0).await.unwrap();
    assert_eq!(dump(&schema).await, empty);

    migrate(&schema.url).await;
    assert_eq!(dump(&schema).await, there);
}

#[tokio::test]
async fn each_migration_can_be_taken_back_by_itself() {
    let mut schema = empty_database("step_by_step").await;
    let migrator = migrator().await;
    let versions = versions(&migrator);
    assert!(!versions.is_empty());
    let mut before = dump(&schema).await;
    for version in versions {
        migrator.run_to(version, &mut schema.owner).await.unwrap();
        let after = dump(&schema).await;
        assert_ne!(after, before, "migration {version} does something");
        migrator.undo(&mut schema.owner, version - 1).await.unwrap();
        assert_eq!(dump(&schema).await, before, "migration {version} is taken back");
        migrator.run_to(version, &mut schema.owner).await.unwrap();
        before = after;
    }
}

/// What of a Supabase project matters here: its roles (which the cluster has since the first migration), its schema `auth`,
/// its publication, its default privileges, and a function that many projects have.
const SUPABASE: &str = "
    CREATE SCHEMA auth;
    CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT
        (current_setting('request.jwt.claims', true)::jsonb ->> 'sub')::uuid /* the vendor's */ $$;
    CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$ SELECT
        current_setting('request.jwt.claims', true)::jsonb /* the vendor's */ $$;
    GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role;
    CREATE TABLE notes (id integer PRIMARY KEY, owner uuid, updated_at timestamptz);
    CREATE PUBLICATION supabase_realtime FOR TABLE notes;
    CREATE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.updated_at = now(); RETURN NEW; END $$;
    CREATE TRIGGER update_notes BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO anon, authenticated, service_role;
";

#[tokio::test]
async fn a_supabase_database_keeps_what_it_has_and_gets_what_it_lacks() {
    // The roles exist in the cluster once anything was migrated in it.
    drop(Schema::new().await);
    let mut schema = empty_database("supabase").await;
    schema.run(SUPABASE).await;
    let before = dump(&schema).await;
    migrate(&schema.url).await;

    let vendors = schema
        .ask("SELECT proname::text FROM pg_proc WHERE prosrc LIKE '%vendor''s%' ORDER BY proname")
        .await;
    assert_eq!(vendors, ["jwt", "uid"], "its functions are as they were");
    let published = schema
        .ask("SELECT tablename::text FROM pg_publication_tables WHERE pubname = 'supabase_realtime' ORDER BY 1")
        .await;
    assert_eq!(published, ["notes", "practice_attempts", "practice_sessions"]);

    // Supabase would have given everybody everything.
    let open = schema
        .ask(
            "SELECT DISTINCT table_name || ' to ' || grantee FROM information_schema.table_privileges
             WHERE table_schema = 'public' AND grantee IN ('anon', 'authenticated')
                 AND table_name NOT IN ('notes', '_sqlx_migrations')",
        )
        .await;
    assert!(open.is_empty(), "{open:?}");
    schema.act_as("authenticated", &claims(SUBJECT_A)).await;
    assert!(
        schema
            .ask("SELECT id::text FROM practice_sessions")
            .await
            .is_empty()
    );
    schema.end().await;

    migrator().await.undo(&mut schema.owner, 0).await.unwrap();
    assert_eq!(
        dump(&schema).await,
        before,
        "the way back takes nothing of its own"
    );
}

#[tokio::test]
async fn a_publication_of_all_tables_needs_no_addition() {
    let mut schema = empty_database("all_tables").await;
    schema
        .run("CREATE PUBLICATION supabase_realtime FOR ALL TABLES")
        .await;
    migrate(&schema.url).await;
    let published = schema
        .ask("SELECT tablename::text FROM pg_publication_tables WHERE tablename LIKE 'practice%' ORDER BY 1")
        .await;
    assert_eq!(published, ["practice_attempts", "practice_sessions"]);
    migrator().await.undo(&mut schema.owner, 0).await.unwrap();
}

/// Roles belong to the whole server, so migrations of its databases can meet there.
#[tokio::test]
async fn databases_of_a_new_server_can_be_migrated_at_the_same_moment() {
    let server = Cluster::start(Settings {
        extra: vec![("fsync".to_owned(), "off".to_owned())],
        ..Settings::default()
    })
    .await
    .unwrap();
    for name in ["first", "second", "third"] {
        server.create_database(name).await.unwrap();
    }
    let (first, second, third) = tokio::join!(
        applied(server.url_of("first")),
        applied(server.url_of("second")),
        applied(server.url_of("third")),
    );
    let all = versions(&migrator().await);
    assert_eq!([first, second, third], [all.clone(), all.clone(), all]);
    server.stop().await.unwrap();
}

/// Migrates; the migrations that are on the books then.
async fn applied(url: String) -> BTreeSet<i64> {
    migrate(&url).await;
    let mut schema = Schema::at(&url).await;
    sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success")
        .fetch_all(&mut schema.owner)
        .await
        .unwrap()
        .into_iter()
        .collect()
}
