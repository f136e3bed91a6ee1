//! `[[journey]]` and its steps; also the files that journeys are kept in.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::classconnect::DelayFile;
use super::text::DurationText;

/// A journey: the steps that a user takes, here or in a file of their own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct JourneyEntry {
    /// Name of the journey in reports; unique.
    #[schemars(title = "a name", required)]
    pub(in crate::scenario) name: Option<String>,
    /// How often the journey is taken, relative to the others. Default: 1.
    #[schemars(title = "a whole number ≥ 1", range(min = 1, max = 1_000_000))]
    pub(in crate::scenario) weight: Option<i64>,
    /// A file with `[[steps]]`, instead of `steps`.
    #[schemars(title = "a path, relative to the scenario")]
    pub(in crate::scenario) file: Option<String>,
    /// The steps, in order. Written as `[[journey.steps]]`.
    #[schemars(title = "a list of steps", length(min = 1))]
    pub(in crate::scenario) steps: Option<Vec<StepFile>>,
}

/// A journey in a file of its own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct JourneyFile {
    /// The steps, in order.
    #[schemars(title = "a list of steps", required, length(min = 1))]
    pub(in crate::scenario) steps: Option<Vec<StepFile>>,
}

/// One step; the first key says which kind it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "a step")]
pub(in crate::scenario) enum StepFile {
    Request(Box<RequestStepFile>),
    Subscribe(Box<SubscribeStepFile>),
    Await(Box<AwaitStepFile>),
    Think(ThinkStepFile),
    Repeat(RepeatStepFile),
    Parallel(ParallelStepFile),
}

/// An HTTP request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct RequestStepFile {
    /// Method (GET, POST, PUT, PATCH or DELETE) and path, relative to the target, such as `"GET
    /// /api/v1/practice/sessions/{{session_id}}"`.
    #[schemars(title = "`\"METHOD /path\"`")]
    pub(in crate::scenario) request: String,
    /// Name of the step in reports, alerts and targets. Default: made from method and path.
    #[schemars(title = "a name")]
    pub(in crate::scenario) name: Option<String>,
    /// Further headers. Default: none.
    #[schemars(title = "a table of texts")]
    pub(in crate::scenario) headers: Option<BTreeMap<String, String>>,
    /// The JSON body. Default: none.
    #[schemars(title = "any value")]
    pub(in crate::scenario) body: Option<Value>,
    /// What makes the answer right. Default: any status from 200 to 299.
    pub(in crate::scenario) expect: Option<ExpectFile>,
    /// Values taken out of the JSON answer. Default: none.
    #[schemars(title = "a table: variable → pointer")]
    pub(in crate::scenario) save: Option<BTreeMap<String, String>>,
    /// From the intended start to the last byte of the answer. Default: `"10s"`.
    #[schemars(title = "a duration > 0")]
    pub(in crate::scenario) timeout: Option<DurationText>,
    /// Whether an `Idempotency-Key` is sent. Default: `true` for `POST`.
    pub(in crate::scenario) idempotency_key: Option<bool>,
    /// The row change that a live subscription shows for this request; measured as `feedback_latency`. Default: none.
    pub(in crate::scenario) feedback: Option<EventFile>,
    /// Work whose result comes later: followed by the audit. Default: none.
    pub(in crate::scenario) submission: Option<SubmissionFile>,
}

/// What makes an answer right.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ExpectFile {
    /// Accepted statuses. Default: any 2xx.
    #[schemars(title = "a status, or a list of them")]
    pub(in crate::scenario) status: Option<StatusFile>,
    /// Values that the JSON answer must hold. Default: none.
    #[schemars(title = "a table: pointer → value")]
    pub(in crate::scenario) checks: Option<BTreeMap<String, Value>>,
}

/// One status or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::scenario) enum StatusFile {
    One(#[schemars(range(min = 100, max = 599))] i64),
    Several(#[schemars(length(min = 1), inner(range(min = 100, max = 599)))] Vec<i64>),
}

/// A row change: the table, and the columns that must have a value.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct EventFile {
    /// The table, one that a step before subscribed to.
    #[schemars(title = "text", required)]
    pub(in crate::scenario) table: Option<String>,
    /// The columns that must have a value.
    #[serde(rename = "where")]
    #[schemars(title = "a table: column → value", required, extend("minProperties" = 1))]
    pub(in crate::scenario) columns: Option<BTreeMap<String, String>>,
}

/// Work that is accepted at once and finished later.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct SubmissionFile {
    /// Kind of job at ClassConnect.
    #[schemars(required)]
    pub(in crate::scenario) kind: Option<JobKind>,
    /// The `client_reference_id` that ClassConnect gets, such as `"{{attempt_id}}"`.
    #[schemars(required)]
    pub(in crate::scenario) reference: Option<String>,
    /// The request that shows the outcome, such as `"GET /api/v1/practice/attempts/{{attempt_id}}"`.
    #[schemars(title = "`\"GET /path\"`", required)]
    pub(in crate::scenario) read_back: Option<String>,
    /// What means "finished well".
    #[schemars(title = "a table: one pointer → list of values", required, extend("minProperties" = 1, "maxProperties" = 1))]
    pub(in crate::scenario) completed: Option<BTreeMap<String, Vec<Value>>>,
    /// What, at the same pointer, means "finished badly". Default: none.
    #[schemars(title = "a list of values")]
    pub(in crate::scenario) failed: Option<Vec<Value>>,
    /// A value of the row that must be the same as one of ClassConnect's result. Default: none.
    #[schemars(title = "a table: pointer → pointer")]
    pub(in crate::scenario) compare: Option<BTreeMap<String, String>>,
}

/// Kind of job at ClassConnect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum JobKind {
    /// A recording to be assessed.
    RecordingAnalyses,
    /// A transcript to be improved.
    TranscriptImprovements,
    /// A transcript to be cut into sentences.
    SentenceExtractions,
}

impl JobKind {
    /// The kind as files and the mock's ledger write it.
    pub(in crate::scenario) fn key(self) -> &'static str {
        match self {
            JobKind::RecordingAnalyses => "recording-analyses",
            JobKind::TranscriptImprovements => "transcript-improvements",
            JobKind::SentenceExtractions => "sentence-extractions",
        }
    }
}

/// Opens the user's realtime socket, when it is not open yet, and subscribes to row changes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct SubscribeStepFile {
    /// The channel, such as `"practice_session_{{session_id}}"`.
    pub(in crate::scenario) subscribe: String,
    /// Name of the step in reports. Default: `"subscribe"`.
    #[schemars(title = "a name")]
    pub(in crate::scenario) name: Option<String>,
    /// The row changes to be told of.
    #[schemars(title = "a list of tables", required, length(min = 1))]
    pub(in crate::scenario) changes: Option<Vec<BindingFile>>,
    /// One read of the row once the subscription is live, for what happened before. Default: none.
    pub(in crate::scenario) read: Option<InitialReadFile>,
    /// Until the subscription is live. Default: `"10s"`.
    #[schemars(title = "a duration > 0")]
    pub(in crate::scenario) timeout: Option<DurationText>,
}

/// The row changes of one table.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct BindingFile {
    /// The database schema. Default: `"public"`.
    pub(in crate::scenario) schema: Option<String>,
    /// The table.
    #[schemars(required)]
    pub(in crate::scenario) table: Option<String>,
    /// The kind of change. Default: `"*"`.
    pub(in crate::scenario) event: Option<ChangeEventFile>,
    /// Which rows, such as `"id=eq.{{session_id}}"`. Default: all rows.
    pub(in crate::scenario) filter: Option<String>,
}

/// The kind of a row change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(in crate::scenario) enum ChangeEventFile {
    #[serde(rename = "*")]
    All,
    #[serde(rename = "INSERT")]
    Insert,
    #[serde(rename = "UPDATE")]
    Update,
    #[serde(rename = "DELETE")]
    Delete,
}

/// One read of a row.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct InitialReadFile {
    /// The request, such as `"GET /api/v1/practice/sessions/{{session_id}}"`.
    #[schemars(title = "`\"GET /path\"`", required)]
    pub(in crate::scenario) request: Option<String>,
    /// The table that its answer is a row of.
    #[schemars(required)]
    pub(in crate::scenario) table: Option<String>,
}

/// Waits for a row change that was received after the request before it was sent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct AwaitStepFile {
    /// The row change that is waited for.
    #[serde(rename = "await")]
    #[schemars(title = "`{ table, where }`")]
    pub(in crate::scenario) event: EventFile,
    /// Name of the step in reports. Default: `await_` and the table.
    #[schemars(title = "a name")]
    pub(in crate::scenario) name: Option<String>,
    /// The deadline of the result, from the sending of the request before; at least the mock's longest delay and its
    /// retry schedule. Default: `"10s"`.
    #[schemars(title = "a duration > 0")]
    pub(in crate::scenario) timeout: Option<DurationText>,
    /// Polling, for when the socket is down or the event is overdue. Default: none.
    pub(in crate::scenario) fallback: Option<FallbackFile>,
}

/// Polling in the place of an event.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct FallbackFile {
    /// The request that is polled, such as `"GET /api/v1/practice/sessions/{{session_id}}"`.
    #[schemars(title = "`\"GET /path\"`", required)]
    pub(in crate::scenario) poll: Option<String>,
    /// From one poll to the next. Default: `"1s"`.
    #[schemars(title = "a duration > 0")]
    pub(in crate::scenario) every: Option<DurationText>,
    /// How long the event may be overdue before polling begins. Default: `"5s"`.
    #[schemars(title = "a duration > 0")]
    pub(in crate::scenario) after: Option<DurationText>,
    /// What ends the wait.
    #[schemars(title = "a table: pointer → value", required, extend("minProperties" = 1))]
    pub(in crate::scenario) until: Option<BTreeMap<String, String>>,
}

/// A pause, as a person makes it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ThinkStepFile {
    /// A pause.
    pub(in crate::scenario) think: DelayFile,
}

/// Steps that are taken several times; `{{repetition}}` counts from 0.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct RepeatStepFile {
    /// How many times the steps are taken, one after the other.
    #[schemars(range(min = 1, max = 1_000))]
    pub(in crate::scenario) repeat: i64,
    /// The steps that are repeated, in order.
    #[schemars(title = "a list of steps", required, length(min = 1))]
    pub(in crate::scenario) steps: Option<Vec<StepFile>>,
}

/// The same steps several times at once, each time on a connection of its own; `{{repetition}}` tells them apart, from 0.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ParallelStepFile {
    /// How many times the steps are taken at once, by the same user, each time on a connection of its own.
    #[schemars(range(min = 2, max = 16))]
    pub(in crate::scenario) parallel: i64,
    /// The steps, in order: requests without `feedback`, pauses, and repetitions of them.
    #[schemars(title = "a list of steps", required, length(min = 1))]
    pub(in crate::scenario) steps: Option<Vec<StepFile>>,
}
