//! What is judged and typed here, beside what PostgreSQL itself says.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use throwaway_postgres::{Cluster, Settings};
use uuid::Uuid;

use super::*;
use crate::realtime::auth::Identity;
use crate::realtime::feed::typed;

const SCHEMA: &str = "
CREATE ROLE anon NOLOGIN NOINHERIT;
CREATE ROLE authenticated NOLOGIN NOINHERIT;
CREATE ROLE service_role NOLOGIN NOINHERIT BYPASSRLS;
CREATE SCHEMA auth;
GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS
    $$ SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS
    $$ SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;
CREATE TABLE practice_sessions (id uuid PRIMARY KEY, user_id text, language varchar(40), status text);
CREATE TABLE practice_attempts (id uuid PRIMARY KEY, session_id uuid, user_id text);
ALTER TABLE practice_sessions ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON practice_sessions TO authenticated, service_role;
GRANT SELECT (id, user_id) ON practice_attempts TO anon;
";

const USER: &str = "0a0a0a0a-0000-4000-8000-00000000000a";

/// Policies, and whether they are judged without the database.
const POLICIES: [(&str, bool); 12] = [
    ("true", true),
    ("false", true),
    ("(select auth.uid())::text = user_id", true),
    ("user_id = auth.uid()::text", true),
    ("(select auth.uid()) = id", true),
    ("user_id = (select auth.jwt() ->> 'sub')", true),
    ("(auth.jwt() ->> 'locale') = language", true),
    ("((select auth.jwt()) ->> 'sub') = user_id", true),
    ("language like 'en%'", false),
    ("auth.uid() is not null and user_id = auth.uid()::text", false),
    ("(auth.jwt() ->> 'sub')::uuid = id", false),
    ("1 / (length(user_id) - 36) > 0", false),
];

fn clients() -> Vec<Identity> {
    [
        json!({"sub": USER}),
        json!({"sub": USER.to_uppercase(), "locale": "en-US"}),
        json!({"sub": USER.replace('-', "")}),
        json!({"sub": format!("{{{USER}}}")}),
        json!({"sub": "alice", "locale": "de-DE"}),
        json!({"sub": "7"}),
        json!({"sub": 7}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"sub": ["x"]}),
        json!({"locale": "en-US", "quote": "it's \"quoted\" \\ and \u{1F600}"}),
        json!({}),
    ]
    .into_iter()
    .map(|claims| Identity {
        role: Role::Authenticated,
        claims: Arc::new(claims.as_object().unwrap().clone()),
        expires_at_unix_s: None,
    })
    .collect()
}

fn rows() -> Vec<Map<String, Value>> {
    let owners = [
        json!(USER),
        json!(USER.to_uppercase()),
        json!("alice"),
        json!("7"),
        Value::Null,
    ];
    owners
        .into_iter()
        .enumerate()
        .map(|(number, owner)| {
            let id = if number == 0 {
                USER.to_owned()
            } else {
                Uuid::new_v4().to_string()
            };
            let language = if number % 2 == 0 { "en-US" } else { "de-DE" };
            let row = json!({"id": id, "user_id": owner, "language": language, "status": "ready"});
            row.as_object().unwrap().clone()
        })
        .collect()
}

/// The feed's session, and its owner's.
async fn sessions(cluster: &Cluster) -> (Judge, PgConnection) {
    let owner = PgConnection::connect(&cluster.url()).await.unwrap();
    let judge = Judge::new(PgConnection::connect(&cluster.url()).await.unwrap())
        .await
        .unwrap();
    (judge, owner)
}

async fn run(connection: &mut PgConnection, statements: &str) {
    connection
        .execute(sqlx::raw_sql(AssertSqlSafe(statements)))
        .await
        .unwrap_or_else(|error| panic!("{error} in {statements}"));
}

#[tokio::test]
async fn a_compiled_policy_says_what_the_database_says() {
    let cluster = Cluster::start(Settings::default()).await.unwrap();
    run(&mut PgConnection::connect(&cluster.url()).await.unwrap(), SCHEMA).await;
    let (mut judge, mut owner) = sessions(&cluster).await;
    let (rows, clients) = (rows(), clients());
    for row in &rows {
        sqlx::query(
            "INSERT INTO practice_sessions SELECT * FROM jsonb_populate_record(NULL::practice_sessions, $1)",
        )
        .bind(Value::Object(row.clone()))
        .execute(&mut owner)
        .await
        .unwrap();
    }
    let table = Table::PracticeSessions;
    for (policy, compiled) in POLICIES {
        let replace = format!(
            "DROP POLICY IF EXISTS tried ON practice_sessions;
             CREATE POLICY tried ON practice_sessions FOR SELECT TO authenticated USING ({policy})"
        );
        run(&mut owner, &replace).await;
        let rules = read_rules(judge.connection()).await.unwrap();
        let rule = rules
            .view(table, Role::Authenticated, Operation::Update)
            .unwrap()
            .rows
            .clone();
        assert_eq!(rule != Rule::Database, compiled, "{policy}: {rule:?}");
        for row in &rows {
            let key = Uuid::try_parse(row["id"].as_str().unwrap()).unwrap();
            let question = Question {
                table,
                key,
                clients: &clients,
            };
            let answer = judge.ask(&question).await.unwrap();
            for (client, database) in clients.iter().zip(answer.verdicts) {
                let here = rule.verdict(client, row);
                let claims = &client.claims;
                assert!(
                    here == Verdict::AskDatabase || here == database,
                    "{policy}: {claims:?} {row:?}"
                );
            }
        }
    }
    judge.close().await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn roles_see_what_their_privileges_say() {
    let cluster = Cluster::start(Settings::default()).await.unwrap();
    run(&mut PgConnection::connect(&cluster.url()).await.unwrap(), SCHEMA).await;
    let (mut judge, mut owner) = sessions(&cluster).await;
    let (sessions, attempts) = (Table::PracticeSessions, Table::PracticeAttempts);
    let names = |table: Table, columns: ColumnSet| -> Vec<&str> {
        let all = table.columns().iter().enumerate();
        all.filter(|(position, _)| columns.contains(*position))
            .map(|(_, column)| column.name)
            .collect()
    };
    let rules = read_rules(judge.connection()).await.unwrap();
    let insert = |rules: &AccessRules, table, role| {
        let view = rules.view(table, role, Operation::Insert)?;
        Some((names(table, view.columns), view.rows.clone()))
    };
    let all = vec!["id", "user_id", "language", "status"];
    // Without a policy nobody sees a row, except for whom policies do not apply.
    assert_eq!(insert(&rules, sessions, Role::Anon), None);
    assert_eq!(
        insert(&rules, sessions, Role::Authenticated),
        Some((all.clone(), Rule::Nobody))
    );
    assert_eq!(
        insert(&rules, sessions, Role::Service),
        Some((all, Rule::Everybody))
    );
    // Without row-level security the columns alone count.
    assert_eq!(
        insert(&rules, attempts, Role::Anon),
        Some((vec!["id", "user_id"], Rule::Everybody))
    );
    let deleted = rules.view(attempts, Role::Anon, Operation::Delete).unwrap();
    assert_eq!(names(attempts, deleted.columns), ["id", "user_id"]);
    assert_eq!(insert(&rules, attempts, Role::Authenticated), None);
    // A function of the same name that answers something else is not trusted.
    run(
        &mut owner,
        "CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT gen_random_uuid() $$;
         CREATE POLICY own ON practice_sessions USING (auth.uid()::text = user_id)",
    )
    .await;
    let rules = read_rules(judge.connection()).await.unwrap();
    assert_eq!(
        insert(&rules, sessions, Role::Authenticated).unwrap().1,
        Rule::Database
    );
    judge.close().await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn values_are_typed_as_the_database_types_them() {
    let cluster = Cluster::start(Settings::default()).await.unwrap();
    let mut connection = PgConnection::connect(&cluster.url()).await.unwrap();
    for (of_type, literals) in [
        ("boolean", &["t", "f"][..]),
        ("smallint", &["-7"]),
        ("integer", &["2147483647"]),
        ("bigint", &["9223372036854775807"]),
        ("double precision", &["87.5", "0.1", "NaN", "-Infinity"]),
        ("numeric", &["12", "12.50", "NaN"]),
        ("text", &["it's", "größe", ""]),
        ("uuid", &[USER]),
        ("jsonb", &[r#"{"a": [1, null, "x"]}"#, "null", "7"]),
        (
            "timestamptz",
            &[
                "2026-11-22 01:22:40.8776+01",
                "2026-11-22 00:00:00+00",
                "infinity",
                "0044-03-15 12:00:00+00 BC",
            ],
        ),
        ("timestamp", &["2026-11-22 00:22:40.5"]),
        ("date", &["2026-11-22"]),
        (
            "integer[]",
            &["{1,NULL,-3}", "{{1,2},{3,4}}", "{}", "[0:1]={1,2}"],
        ),
        ("text[]", &[r#"{a,"b,c","d\"e\\f","NULL",NULL,""}"#]),
        ("timestamptz[]", &["{2026-11-22 00:22:40+00}"]),
        ("jsonb[]", &[r#"{"{\"a\": 1}"}"#]),
    ] {
        for literal in literals {
            let query = format!(
                "SELECT '{of_type}'::regtype::oid::bigint, format('%s', $1::{of_type}), to_jsonb($1::{of_type})::text",
            );
            let (oid, text, expected): (i64, String, String) = sqlx::query_as(AssertSqlSafe(
                query.replace("$1", &format!("'{}'", literal.replace('\'', "''"))),
            ))
            .fetch_one(&mut connection)
            .await
            .unwrap();
            let here = typed(u32::try_from(oid).unwrap(), &text);
            let there: Value = serde_json::from_str(&expected).unwrap();
            match (here.as_f64(), there.as_f64()) {
                // 87.0 and 87 are one number.
                (Some(here), Some(there)) => {
                    assert_eq!(here.to_bits(), there.to_bits(), "{of_type} {literal}")
                }
                _ => assert_eq!(here, there, "{of_type} {literal}"),
            }
        }
    }
    connection.close().await.unwrap();
    cluster.stop().await.unwrap();
}
