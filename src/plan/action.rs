//! What happens to the target during a run: at given times (a roll-out goes on, a database stops), or when a rollback threshold
//! trips.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::journey::Method;
use crate::units::format_duration;

/// Something that is done to the target while the load goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// When it begins, from the start of the load; before the load's planned end.
    pub at: Duration,
    /// What it is called in reports.
    pub name: String,
    pub deed: Deed,
    /// Whether it is the fault of a drill: how long it takes to be noticed is counted from its beginning.
    pub injects: bool,
}

/// What is done, once, when the first rollback threshold trips: one deed after the other, until one fails.
#[derive(Debug, Clone, PartialEq)]
pub struct RollbackAction {
    /// What it is called in reports.
    pub name: String,
    /// At least one.
    pub deeds: Vec<Deed>,
}

/// What is done.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// One request to the target, in the name of its operator.
    Request(ActionRequest),
    /// Statements on the target's own database.
    Sql(SqlDeed),
    /// A program on this machine.
    Command(CommandDeed),
    /// The throw-away database is stopped and started again.
    StopDatabase(Outage),
    /// New users go to the target's second server; the first is stopped when its users have left, and not before.
    SwitchToStandby {
        /// The longest wait for them.
        patience: Duration,
    },
}

/// A request beside the load.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionRequest {
    pub method: Method,
    /// Path and query, relative to the target's base URL; begins with `/`.
    pub path: String,
    /// A JSON body.
    pub body: Option<serde_json::Value>,
}

/// Statements, in one transaction unless they say otherwise.
#[derive(Clone, PartialEq, Eq)]
pub struct SqlDeed {
    pub statements: String,
    /// Longer ones are given up.
    pub timeout: Duration,
    /// What reports call it: the statements' first line or their file, without what the environment keeps secret.
    pub shown: String,
}

impl fmt::Debug for SqlDeed {
    /// Without the statements, which may hold what the environment gave.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlDeed")
            .field("shown", &self.shown)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A program, run without a shell.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandDeed {
    /// The program and its arguments; not empty.
    pub arguments: Vec<String>,
    /// Where it runs: the folder of the scenario.
    pub folder: PathBuf,
    /// The environment variables that it is given besides those of every program: a secret only when it is named.
    pub environment: Vec<String>,
    /// A program that takes longer is killed.
    pub timeout: Duration,
    /// What reports call it: the program and its arguments, without what the environment keeps secret.
    pub shown: String,
}

impl fmt::Debug for CommandDeed {
    /// Without the arguments, which may hold what the environment gave.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandDeed")
            .field("shown", &self.shown)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A time without the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// From the end of the server's process to its start.
    pub downtime: Duration,
    pub mode: StopMode,
}

/// How a database server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Connections are cut, what is committed is written out: an orderly restart.
    Fast,
    /// Everything is dropped at once, and recovered from the log at the next start: a crash.
    Immediate,
}

impl fmt::Display for RollbackAction {
    /// The deeds in their order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, deed) in self.deeds.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; then " };
            write!(f, "{separator}{deed}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Deed {
    /// Without the request's body, which may hold what the environment gave.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Deed::Request(request) => write!(f, "{} {}", request.method, request.path),
            Deed::Sql(sql) => f.write_str(&sql.shown),
            Deed::Command(command) => f.write_str(&command.shown),
            Deed::SwitchToStandby { .. } => f.write_str("switch to the standby"),
            Deed::StopDatabase(outage) => {
                let how = match outage.mode {
                    StopMode::Fast => "",
                    StopMode::Immediate => ", as in a crash",
                };
                write!(
                    f,
                    "stop the database for {}{how}",
                    format_duration(outage.downtime)
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deeds_read_as_what_is_done_and_show_no_body() {
        let request = Deed::Request(ActionRequest {
            method: Method::Put,
            path: "/admin/v1/rollout".to_owned(),
            body: Some(serde_json::json!({ "token": "hunter2" })),
        });
        assert_eq!(request.to_string(), "PUT /admin/v1/rollout");
        let sql = Deed::Sql(SqlDeed {
            statements: "ALTER ROLE me PASSWORD 'hunter2'".to_owned(),
            timeout: Duration::from_secs(1),
            shown: "ALTER ROLE me PASSWORD '${PASSWORD}'".to_owned(),
        });
        assert!(!format!("{sql:?} {sql}").contains("hunter2"));
        let both = RollbackAction {
            name: "back".to_owned(),
            deeds: vec![sql, request.clone()],
        };
        assert_eq!(
            both.to_string(),
            "ALTER ROLE me PASSWORD '${PASSWORD}'; then PUT /admin/v1/rollout"
        );
        let outage = |mode| {
            Deed::StopDatabase(Outage {
                downtime: Duration::from_secs(10),
                mode,
            })
        };
        assert_eq!(outage(StopMode::Fast).to_string(), "stop the database for 10s");
        assert_eq!(
            outage(StopMode::Immediate).to_string(),
            "stop the database for 10s, as in a crash"
        );
    }
}
