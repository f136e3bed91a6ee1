//! Statements on the target's own database, beside the load: what an operator would type into `psql`.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::operator::in_one_line;
use crate::plan::{DatabaseUrl, SqlDeed};

/// How long the server is given to break off a statement by itself, before the connection is dropped.
const GRACE: Duration = Duration::from_secs(2);

/// Runs the statements, in one transaction unless they say otherwise.
///
/// # Errors
/// A sentence, when the database cannot be reached, refuses a statement, or takes too long.
pub(super) async fn run(url: &DatabaseUrl, deed: &SqlDeed) -> Result<String, String> {
    let timeout = deed.timeout;
    let options = PgConnectOptions::from_str(url.expose())
        .map_err(|_| "the address of the database cannot be understood".to_owned())?
        .application_name("loadtest")
        // The server itself breaks a statement off: one that goes on behind the back of a closed connection could still
        // change the target when nobody expects it any more.
        .options([("statement_timeout", format!("{}ms", timeout.as_millis()))])
        .disable_statement_logging();
    let work = async {
        let mut connection = options.connect().await.map_err(|error| {
            format!(
                "the database cannot be reached: {}",
                in_one_line(&error.to_string())
            )
        })?;
        let statements = sqlx::raw_sql(AssertSqlSafe(deed.statements.clone()));
        let done = statements.execute(&mut connection).await;
        done.map_err(|error| in_one_line(&error.to_string()))?;
        // What was committed stays so, however the farewell goes.
        let _ = connection.close().await;
        Ok("done".to_owned())
    };
    tokio::time::timeout(timeout + GRACE, work)
        .await
        .unwrap_or_else(|_| Err(format!("not done within {} s", timeout.as_secs_f64())))
}
