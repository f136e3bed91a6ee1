//! What the reference server is told as its arguments. Nothing secret is among them: the arguments of a process can be read by
//! everybody on the host.

use super::postgres::postgres_arguments;
use crate::plan::{Database, Plan, ReferenceServer};
use crate::units::format_duration;

/// The arguments that all servers of a run have in common.
pub(super) fn common_arguments(plan: &Plan, server: &ReferenceServer, mock_url: &str) -> Vec<String> {
    let mut arguments: Vec<String> = ["--listen", "127.0.0.1:0", "--classconnect-url", mock_url]
        .map(str::to_owned)
        .into();
    match &server.database {
        Database::Sqlite => arguments.extend(["--database".to_owned(), "sqlite::memory:".to_owned()]),
        // Its address goes by the environment: it holds a password.
        Database::Postgres(postgres) => arguments.extend(postgres_arguments(postgres, plan.seed)),
    }
    arguments.extend([
        "--poll-classconnect".to_owned(),
        server.poll_classconnect.to_string(),
    ]);
    if !plan.actions.is_empty() || plan.rollback_action.is_some() {
        // Whoever does something to the target may make it worse on purpose.
        arguments.push("--drills".to_owned());
    }
    arguments
}

/// The arguments of the server under test: with its version and the faults of the scenario.
pub(super) fn first_server(arguments: &[String], plan: &Plan, server: &ReferenceServer) -> Vec<String> {
    let mut arguments = other_server(arguments, &plan.target.version);
    if !server.answer_delay.is_zero() {
        arguments.extend(["--fault-delay".to_owned(), format_duration(server.answer_delay)]);
    }
    if server.error_rate.get() > 0.0 {
        arguments.extend(["--fault-error-rate".to_owned(), server.error_rate.to_string()]);
        arguments.extend(["--fault-seed".to_owned(), plan.seed.to_string()]);
    }
    arguments
}

/// The arguments of a server without faults.
pub(super) fn other_server(arguments: &[String], version: &str) -> Vec<String> {
    let version = ["--version-name".to_owned(), version.to_owned()];
    [arguments, &version].concat()
}
