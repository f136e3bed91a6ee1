//! The schema itself, asked as its users ask it: what the migrations make, what they take back, what the database refuses
//! whoever writes, who sees which rows, and that queries use the indexes made for them.

mod constraints;
mod index_use;
mod migrations;
mod row_level_security;
mod updated_at;
mod verification;
mod webhook_role;

use std::process::Stdio;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::databases::{cluster, postgres_database};

/// A database of the test's own with the present schema, and its owner's connection to it.
struct Schema {
    url: String,
    owner: PgConnection,
}

impl Schema {
    async fn new() -> Self {
        Self::at(postgres_database().await.expose()).await
    }

    async fn at(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            owner: PgConnection::connect(url).await.unwrap(),
        }
    }

    /// Runs statements that must succeed.
    async fn run(&mut self, statements: &str) {
        if let Err(error) = self.try_run(statements).await {
            panic!("{error} in {statements}");
        }
    }

    async fn try_run(&mut self, statements: &str) -> Result<(), sqlx::Error> {
        self.owner
            .execute(sqlx::raw_sql(AssertSqlSafe(statements)))
            .await
            .map(|_| ())
    }

    /// The first column of an answer, as text.
    async fn ask(&mut self, query: &str) -> Vec<String> {
        sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_all(&mut self.owner)
            .await
            .unwrap_or_else(|error| panic!("{error} in {query}"))
    }

    /// Begins a transaction as a role, with the claims of a request's token. It ends with [`Schema::end`].
    async fn act_as(&mut self, role: &str, claims: &str) {
        self.run(&format!(
            "BEGIN; SET LOCAL ROLE {role}; SET LOCAL request.jwt.claims = '{claims}'"
        ))
        .await;
    }

    /// Takes back what was done since [`Schema::act_as`], the role included.
    async fn end(&mut self) {
        self.run("ROLLBACK").await;
    }

    /// The SQLSTATE with which statements are refused. The transaction, if there is one, goes on as before them.
    async fn refusal(&mut self, statements: &str) -> String {
        self.run("SAVEPOINT before").await;
        let refused = self.try_run(statements).await;
        self.run("ROLLBACK TO before").await;
        match refused {
            Err(sqlx::Error::Database(error)) => error.code().unwrap_or_default().into_owned(),
            Err(error) => panic!("{error} in {statements}"),
            Ok(()) => panic!("accepted: {statements}"),
        }
    }

    /// The constraint that refuses statements.
    async fn violated(&mut self, statements: &str) -> String {
        match self.try_run(statements).await {
            Err(sqlx::Error::Database(error)) => error.constraint().unwrap_or(error.message()).to_owned(),
            Err(error) => panic!("{error} in {statements}"),
            Ok(()) => panic!("accepted: {statements}"),
        }
    }

    /// Runs a script as an operator would, with the real `psql`; its lines of output.
    async fn psql(&self, script: &str) -> Vec<String> {
        let output = client(
            "psql",
            &["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", &self.url],
            script,
        )
        .await;
        output.lines().map(str::to_owned).collect()
    }
}

/// Runs a client program of the cluster's PostgreSQL; what it printed.
async fn client(program: &str, arguments: &[&str], input: &str) -> String {
    let mut process = Command::new(cluster().await.program(program))
        .args(arguments)
        .env("PGOPTIONS", "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let output = process.wait_with_output().await.unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && errors.is_empty(),
        "{program}: {errors}"
    );
    String::from_utf8(output.stdout).unwrap()
}

const SUBJECT_A: &str = "0a0a0a0a-0000-4000-8000-00000000000a";
const SUBJECT_B: &str = "0b0b0b0b-0000-4000-8000-00000000000b";
const SESSION_A: &str = "a0000000-0000-4000-8000-000000000001";
const SESSION_B: &str = "b0000000-0000-4000-8000-000000000001";
const ATTEMPT_A: &str = "a0000000-0000-4000-8000-000000000002";
const ATTEMPT_B: &str = "b0000000-0000-4000-8000-000000000002";

/// Two users, each with a session that is being analysed and an attempt that is open.
async fn two_users() -> Schema {
    let mut schema = Schema::new().await;
    for (subject, session, attempt) in [
        (SUBJECT_A, SESSION_A, ATTEMPT_A),
        (SUBJECT_B, SESSION_B, ATTEMPT_B),
    ] {
        schema
            .run(&format!(
                "INSERT INTO practice_sessions (id, user_id, transcript, language, status, created_at, updated_at)
                 VALUES ('{session}', '{subject}', 'Good morning.', 'en-US', 'analyzing', now(), now());
                 INSERT INTO practice_attempts
                     (id, session_id, user_id, attempt_type, audio_url, status, created_at, updated_at)
                 VALUES ('{attempt}', '{session}', '{subject}', 'full_transcript', 'https://cdn.example/a.webm',
                         'analyzing', now(), now())"
            ))
            .await;
    }
    schema
}

fn claims(subject: &str) -> String {
    format!(r#"{{"sub": "{subject}", "role": "authenticated", "aud": "authenticated"}}"#)
}
