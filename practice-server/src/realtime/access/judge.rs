//! Asks the database which clients may see a row, by its own policies.
//!
//! The clients are gathered by role and claims, and all of them are asked about in one round trip: a function of the
//! session puts on one role and one set of claims after the other and looks for the row. A client for whom a policy
//! fails does not see the row. The row is looked up as it is now: one that was deleted or handed to another user
//! since its change was committed is judged by that, as on the real server.

use std::collections::HashMap;

use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use super::rule::Verdict;
use crate::realtime::auth::{Identity, Role};
use crate::realtime::change::Table;

/// Clients asked about in one statement; a larger crowd is asked about in several.
const CLIENTS_MAX: usize = 2_000;

/// What the session's functions answer per client.
const VISIBLE: i32 = 1;
const FAILED: i32 = -1;

/// A session of the database that judges rows.
pub(crate) struct Judge {
    connection: PgConnection,
}

/// Who wants to see which row.
#[derive(Debug)]
pub(crate) struct Question<'q> {
    pub(crate) table: Table,
    pub(crate) key: Uuid,
    /// The answers are in this order.
    pub(crate) clients: &'q [Identity],
}

/// What the database said.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) verdicts: Vec<Verdict>,
    /// Distinct roles and claims that were asked about.
    pub(crate) asked: usize,
    /// Of those, the ones for which a policy failed.
    pub(crate) failed: usize,
}

impl Judge {
    /// Prepares a session. Its search path is emptied.
    ///
    /// # Errors
    /// A database that cannot be asked, or that lets nobody create a temporary function.
    pub(crate) async fn new(mut connection: PgConnection) -> Result<Self, sqlx::Error> {
        connection.execute("SET search_path = ''").await?;
        for table in Table::ALL {
            connection.execute(AssertSqlSafe(function(table))).await?;
        }
        Ok(Self { connection })
    }

    /// The session, for reading the catalog.
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// # Errors
    /// A database that cannot be asked. Nobody may see the row then.
    pub(crate) async fn ask(&mut self, question: &Question<'_>) -> Result<Answer, sqlx::Error> {
        let mut groups: HashMap<(Role, String), Vec<usize>> = HashMap::new();
        for (position, client) in question.clients.iter().enumerate() {
            let claims = Value::Object(Map::clone(&client.claims)).to_string();
            groups.entry((client.role, claims)).or_default().push(position);
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        // The role is put on less often.
        groups.sort_unstable_by_key(|((role, _), _)| *role);
        let mut answer = Answer {
            verdicts: vec![Verdict::Hidden; question.clients.len()],
            asked: groups.len(),
            failed: 0,
        };
        for crowd in groups.chunks(CLIENTS_MAX) {
            let roles: Vec<&str> = crowd.iter().map(|((role, _), _)| role.name()).collect();
            let claims: Vec<&str> = crowd.iter().map(|((_, claims), _)| claims.as_str()).collect();
            let codes: Vec<i32> = sqlx::query_scalar(AssertSqlSafe(call(question.table)))
                .bind(question.key)
                .bind(roles)
                .bind(claims)
                .fetch_one(&mut self.connection)
                .await?;
            for ((_, positions), code) in crowd.iter().zip(codes) {
                answer.failed += usize::from(code == FAILED);
                if code == VISIBLE {
                    for position in positions {
                        answer.verdicts[*position] = Verdict::Visible;
                    }
                }
            }
        }
        Ok(answer)
    }

    /// Closes the session.
    pub(crate) async fn close(self) {
        // It is over either way.
        let _ = self.connection.close().await;
    }
}

/// Each look is a statement of its own inside the function, because a policy's `(select auth.uid())` is evaluated once
/// per statement. Settings made with `true` end with the call's transaction.
fn function(table: Table) -> String {
    let name = table.name();
    let key = Table::KEY;
    format!(
        "CREATE OR REPLACE FUNCTION pg_temp.who_sees_{name}(wanted uuid, roles text[], claims text[])
         RETURNS integer[] LANGUAGE plpgsql AS $function$
         DECLARE
             answers integer[] := '{{}}';
         BEGIN
             FOR i IN 1 .. cardinality(roles) LOOP
                 BEGIN
                     PERFORM set_config('role', roles[i], true), set_config('request.jwt.claims', claims[i], true);
                     answers := array_append(answers, EXISTS (SELECT FROM public.{name} WHERE {key} = wanted)::integer);
                 EXCEPTION WHEN others THEN
                     answers := array_append(answers, {FAILED});
                 END;
             END LOOP;
             RETURN answers;
         END $function$"
    )
}

fn call(table: Table) -> String {
    format!("SELECT pg_temp.who_sees_{}($1, $2, $3)", table.name())
}
