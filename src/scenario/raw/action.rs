//! `[[actions]]` and `[rollback.action]`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::text::DurationText;

/// Something that is done to the target at a given time: one of `request`, `sql`, `sql_file`,
/// `command`, `switch_to_standby`, `stop_database`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ActionFile {
    /// When it begins, from the start of the load; before the load's planned end.
    #[schemars(required)]
    pub(in crate::scenario) at: Option<DurationText>,
    /// Its name in reports, beside its mark in the charts. Default: what is done.
    #[schemars(title = "a line of text")]
    pub(in crate::scenario) name: Option<String>,
    /// A request in the name of the target's operator, such as `"PUT /admin/v1/rollout"`; it succeeds with any 2xx.
    /// No placeholders.
    #[schemars(title = "`\"METHOD /path\"`")]
    pub(in crate::scenario) request: Option<String>,
    /// The JSON body of the request. Default: none.
    #[schemars(title = "any value")]
    pub(in crate::scenario) body: Option<Value>,
    /// Statements on the target's database, in one transaction unless they say otherwise.
    pub(in crate::scenario) sql: Option<String>,
    /// A file of such statements.
    #[schemars(title = "a path, relative to the scenario")]
    pub(in crate::scenario) sql_file: Option<String>,
    /// A program and its arguments, run without a shell in the folder of the scenario; it succeeds with status 0.
    #[schemars(length(min = 1))]
    pub(in crate::scenario) command: Option<Vec<String>>,
    /// Environment variables that the program is given besides those of every program. Default: none.
    #[schemars(title = "a list of names")]
    pub(in crate::scenario) environment: Option<Vec<String>>,
    /// How long statements or a program may take. Default: `"60s"`.
    #[schemars(title = "a duration > 0, at most `\"30m\"`")]
    pub(in crate::scenario) timeout: Option<DurationText>,
    /// New users go to the second server of `[target.standby]`; the first is stopped when its users have left, at
    /// most so long after.
    #[schemars(title = "a duration > 0")]
    pub(in crate::scenario) switch_to_standby: Option<DurationText>,
    /// Stops the throw-away database, and starts it again after that time, which must be before the load's end.
    #[schemars(title = "a duration, or `{ for, mode }`")]
    pub(in crate::scenario) stop_database: Option<OutageFile>,
    /// Whether this is the fault of a drill: the report times its detection and the recovery from it. Default:
    /// `false`.
    pub(in crate::scenario) injects: Option<bool>,
}

/// What is done when the first rollback threshold trips: one deed, or `steps`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct RollbackActionFile {
    /// Its name in reports. Default: `"rollback"`.
    #[schemars(title = "a line of text")]
    pub(in crate::scenario) name: Option<String>,
    /// Several deeds, one after the other; none is begun after one that failed.
    #[schemars(length(min = 1))]
    pub(in crate::scenario) steps: Option<Vec<RollbackStepFile>>,
    /// A request in the name of the target's operator, such as `"PUT /admin/v1/rollout"`; it succeeds with any 2xx.
    /// No placeholders.
    #[schemars(title = "`\"METHOD /path\"`")]
    pub(in crate::scenario) request: Option<String>,
    /// The JSON body of the request. Default: none.
    #[schemars(title = "any value")]
    pub(in crate::scenario) body: Option<Value>,
    /// Statements on the target's database, in one transaction unless they say otherwise.
    pub(in crate::scenario) sql: Option<String>,
    /// A file of such statements.
    #[schemars(title = "a path, relative to the scenario")]
    pub(in crate::scenario) sql_file: Option<String>,
    /// A program and its arguments, run without a shell in the folder of the scenario; it succeeds with status 0.
    #[schemars(length(min = 1))]
    pub(in crate::scenario) command: Option<Vec<String>>,
    /// Environment variables that the program is given besides those of every program. Default: none.
    #[schemars(title = "a list of names")]
    pub(in crate::scenario) environment: Option<Vec<String>>,
    /// How long statements or a program may take. Default: `"60s"`.
    #[schemars(title = "a duration > 0, at most `\"30m\"`")]
    pub(in crate::scenario) timeout: Option<DurationText>,
    /// New users go to the second server of `[target.standby]`; the first is stopped when its users have left, at
    /// most so long after.
    #[schemars(title = "a duration > 0")]
    pub(in crate::scenario) switch_to_standby: Option<DurationText>,
}

/// One deed of several: one of `request`, `sql`, `sql_file`, `command`, `switch_to_standby`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct RollbackStepFile {
    /// A request in the name of the target's operator, such as `"PUT /admin/v1/rollout"`; it succeeds with any 2xx.
    /// No placeholders.
    #[schemars(title = "`\"METHOD /path\"`")]
    pub(in crate::scenario) request: Option<String>,
    /// The JSON body of the request. Default: none.
    #[schemars(title = "any value")]
    pub(in crate::scenario) body: Option<Value>,
    /// Statements on the target's database, in one transaction unless they say otherwise.
    pub(in crate::scenario) sql: Option<String>,
    /// A file of such statements.
    #[schemars(title = "a path, relative to the scenario")]
    pub(in crate::scenario) sql_file: Option<String>,
    /// A program and its arguments, run without a shell in the folder of the scenario; it succeeds with status 0.
    #[schemars(length(min = 1))]
    pub(in crate::scenario) command: Option<Vec<String>>,
    /// Environment variables that the program is given besides those of every program. Default: none.
    #[schemars(title = "a list of names")]
    pub(in crate::scenario) environment: Option<Vec<String>>,
    /// How long statements or a program may take. Default: `"60s"`.
    #[schemars(title = "a duration > 0, at most `\"30m\"`")]
    pub(in crate::scenario) timeout: Option<DurationText>,
    /// New users go to the second server of `[target.standby]`; the first is stopped when its users have left, at
    /// most so long after.
    #[schemars(title = "a duration > 0")]
    pub(in crate::scenario) switch_to_standby: Option<DurationText>,
}

/// The keys of one deed, whichever table they stand in.
#[derive(Debug, Clone, Copy)]
pub(in crate::scenario) struct DeedKeys<'a> {
    pub(in crate::scenario) request: Option<&'a str>,
    pub(in crate::scenario) body: Option<&'a Value>,
    pub(in crate::scenario) sql: Option<&'a str>,
    pub(in crate::scenario) sql_file: Option<&'a str>,
    pub(in crate::scenario) command: Option<&'a [String]>,
    pub(in crate::scenario) environment: Option<&'a [String]>,
    pub(in crate::scenario) timeout: Option<&'a DurationText>,
    pub(in crate::scenario) switch_to_standby: Option<&'a DurationText>,
    pub(in crate::scenario) stop_database: Option<&'a OutageFile>,
}

impl ActionFile {
    /// The keys of its deed.
    pub(in crate::scenario) fn deed(&self) -> DeedKeys<'_> {
        DeedKeys {
            request: self.request.as_deref(),
            body: self.body.as_ref(),
            sql: self.sql.as_deref(),
            sql_file: self.sql_file.as_deref(),
            command: self.command.as_deref(),
            environment: self.environment.as_deref(),
            timeout: self.timeout.as_ref(),
            switch_to_standby: self.switch_to_standby.as_ref(),
            stop_database: self.stop_database.as_ref(),
        }
    }
}

impl RollbackActionFile {
    /// The keys of its deed.
    pub(in crate::scenario) fn deed(&self) -> DeedKeys<'_> {
        DeedKeys {
            request: self.request.as_deref(),
            body: self.body.as_ref(),
            sql: self.sql.as_deref(),
            sql_file: self.sql_file.as_deref(),
            command: self.command.as_deref(),
            environment: self.environment.as_deref(),
            timeout: self.timeout.as_ref(),
            switch_to_standby: self.switch_to_standby.as_ref(),
            stop_database: None,
        }
    }
}

impl RollbackStepFile {
    /// The keys of its deed.
    pub(in crate::scenario) fn deed(&self) -> DeedKeys<'_> {
        DeedKeys {
            request: self.request.as_deref(),
            body: self.body.as_ref(),
            sql: self.sql.as_deref(),
            sql_file: self.sql_file.as_deref(),
            command: self.command.as_deref(),
            environment: self.environment.as_deref(),
            timeout: self.timeout.as_ref(),
            switch_to_standby: self.switch_to_standby.as_ref(),
            stop_database: None,
        }
    }
}

/// A time without the database.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::scenario) enum OutageFile {
    For(DurationText),
    Outage(OutageTable),
}

/// How long the database is away, and how it goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a table with `for` and `mode`")]
pub(in crate::scenario) struct OutageTable {
    /// How long it is away; it is started again before the load's end.
    #[serde(rename = "for")]
    #[schemars(title = "a duration > 0", required)]
    pub(in crate::scenario) downtime: Option<DurationText>,
    /// How it is stopped. Default: `"fast"`.
    pub(in crate::scenario) mode: Option<StopModeFile>,
}

/// How the database is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum StopModeFile {
    /// An orderly stop, in which connections are cut and what is committed is written out.
    Fast,
    /// As in a crash, so that it recovers from its log when it starts again.
    Immediate,
}
