//! What happens to the target at given times of a run: a roll-out goes on, a database stops.

use std::fmt;
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

/// What is done.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// One request to the target, in the name of its operator.
    Request(ActionRequest),
    /// The throw-away database is stopped and started again.
    StopDatabase(Outage),
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

impl fmt::Display for Deed {
    /// Without the request's body, which may hold what the environment gave.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Deed::Request(request) => write!(f, "{} {}", request.method, request.path),
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
