//! What a virtual user does: journeys made of steps.

use std::fmt;
use std::time::Duration;

use super::load::DurationDistribution;
use super::template::{Template, VariableId};

/// Index of a measured step in [`super::Plan::steps`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId(pub u16);

impl StepId {
    /// Position in the plan's list of steps.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What is known of a measured step outside the journey: its name in reports and its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepInfo {
    pub name: String,
    pub kind: StepKind,
    /// Name of the journey the step belongs to.
    pub journey: String,
    /// Whether the step is the first request of its journey: a dropped arrival is charged to it.
    pub first_request: bool,
}

/// The kinds of steps that are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    Request,
    Subscribe,
    Await,
}

/// A sequence of steps that a user takes.
#[derive(Debug, Clone)]
pub struct Journey {
    pub name: String,
    /// How often the journey is taken, relative to the others; at least 1.
    pub weight: u32,
    /// At least one.
    pub steps: Vec<Step>,
    /// The first request step: a dropped arrival is one bad event of this step.
    pub first_request: StepId,
}

/// One step. The set is closed: a new kind is a new variant and a new file under `step/`.
#[derive(Debug, Clone)]
pub enum Step {
    Request(Box<RequestStep>),
    Subscribe(Box<SubscribeStep>),
    Await(Box<AwaitStep>),
    Think(ThinkStep),
    Repeat {
        times: u32,
        steps: Vec<Step>,
    },
    /// The same steps several times at once, each on a connection of its own. Only requests, pauses and repetitions
    /// of them stand within it.
    Parallel {
        times: u32,
        steps: Vec<Step>,
    },
}

impl Step {
    /// Every template that the step renders, those of steps within it included.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Step::Request(step) => {
                let headers = step.headers.iter().map(|(_, value)| value);
                let handed_in = step
                    .submission
                    .iter()
                    .flat_map(|it| [&it.reference, &it.read_back]);
                let feedback = step.feedback.iter().flat_map(EventMatch::templates);
                let sent = std::iter::once(&step.path).chain(&step.body);
                sent.chain(headers).chain(handed_in).chain(feedback).collect()
            }
            Step::Subscribe(step) => {
                let filters = step.changes.iter().filter_map(|binding| binding.filter.as_ref());
                let read = step.read.iter().map(|read| &read.path);
                std::iter::once(&step.channel)
                    .chain(filters)
                    .chain(read)
                    .collect()
            }
            Step::Await(step) => {
                let polled = step.fallback.iter().flat_map(|fallback| {
                    std::iter::once(&fallback.path).chain(fallback.until.iter().map(|(_, value)| value))
                });
                step.event.templates().chain(polled).collect()
            }
            Step::Think(_) => Vec::new(),
            Step::Repeat { steps, .. } | Step::Parallel { steps, .. } => {
                steps.iter().flat_map(Step::templates).collect()
            }
        }
    }
}

impl EventMatch {
    fn templates(&self) -> impl Iterator<Item = &Template> {
        self.columns.iter().map(|(_, value)| value)
    }
}

/// The HTTP methods that a step may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        })
    }
}

/// An HTTP request.
#[derive(Debug, Clone)]
pub struct RequestStep {
    pub id: StepId,
    pub method: Method,
    /// Path and query, relative to the target's base URL; begins with `/`.
    pub path: Template,
    /// Further headers: lower-case name and value.
    pub headers: Vec<(String, Template)>,
    /// A JSON body.
    pub body: Option<Template>,
    /// Whether an `Idempotency-Key` is sent.
    pub idempotency_key: bool,
    pub expect: Expect,
    /// Values taken out of the JSON answer.
    pub save: Vec<(VariableId, JsonPointer)>,
    /// From the moment the user turns to the request, connecting included, to the last byte of the answer.
    pub timeout: Duration,
    /// The change that a live subscription should show for this request, for `feedback_latency`.
    pub feedback: Option<EventMatch>,
    /// What the request hands in, when its result comes later.
    pub submission: Option<Submission>,
}

/// What makes an answer right.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// Accepted statuses; never empty.
    pub status: Vec<u16>,
    pub checks: Vec<Check>,
}

/// A value that the JSON answer must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    pub pointer: JsonPointer,
    pub equals: serde_json::Value,
}

/// A JSON pointer (RFC 6901): empty, or beginning with `/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JsonPointer(String);

impl JsonPointer {
    /// Checks and keeps a pointer; `None` when it is neither empty nor begins with `/`.
    pub fn parse(text: &str) -> Option<Self> {
        (text.is_empty() || text.starts_with('/')).then(|| Self(text.to_owned()))
    }

    /// The pointer as text, as `serde_json::Value::pointer` takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A row change that a user waits for: every column must have its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventMatch {
    pub table: String,
    /// Column name and the text of its value. Never empty.
    pub columns: Vec<(String, Template)>,
}

/// A piece of work that is accepted at once and finished later: what the audit follows.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The kind of job at ClassConnect, such as `recording-analyses`: one reference can carry several kinds.
    pub kind: String,
    /// The identifier that joins the client's history with the ledger's `client_reference_id`.
    pub reference: Template,
    /// The path that shows the outcome.
    pub read_back: Template,
    /// Pointer into the read-back row and the values that mean "finished well".
    pub completed: (JsonPointer, Vec<serde_json::Value>),
    /// Values (at the same pointer) that mean "finished, badly".
    pub failed: Vec<serde_json::Value>,
    /// Pairs (pointer into the row, pointer into the ledger's result) that must be equal.
    pub compare: Vec<(JsonPointer, JsonPointer)>,
}

/// Opens the user's realtime socket, when it is not open yet, and subscribes.
#[derive(Debug, Clone)]
pub struct SubscribeStep {
    pub id: StepId,
    /// The topic, without the `realtime:` prefix.
    pub channel: Template,
    /// At least one.
    pub changes: Vec<Binding>,
    /// One read of the row once the subscription is live, for what happened before.
    pub read: Option<InitialRead>,
    pub timeout: Duration,
}

/// One read after a subscription became live: its JSON answer stands for a row of `table`.
#[derive(Debug, Clone)]
pub struct InitialRead {
    pub path: Template,
    pub table: String,
}

/// The row changes that a subscription asks for.
#[derive(Debug, Clone)]
pub struct Binding {
    pub schema: String,
    pub table: String,
    pub event: ChangeEvent,
    pub filter: Option<Template>,
}

/// The kinds of row changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeEvent {
    All,
    Insert,
    Update,
    Delete,
}

/// Waits for a row change that was received after the step that triggers it was sent.
#[derive(Debug, Clone)]
pub struct AwaitStep {
    pub id: StepId,
    pub event: EventMatch,
    /// The request before it in the journey: what the user waits for is its outcome.
    pub trigger: StepId,
    /// The result deadline, from the sending of the trigger.
    pub timeout: Duration,
    pub fallback: Option<Fallback>,
}

/// Polling for when the socket is down or the event is overdue.
#[derive(Debug, Clone)]
pub struct Fallback {
    pub path: Template,
    pub every: Duration,
    /// How long the event may be overdue before polling begins; from the sending of the trigger.
    pub after: Duration,
    /// What the row shows when the wait is over. Never empty.
    pub until: Vec<(JsonPointer, Template)>,
}

/// A pause, as a person makes it.
#[derive(Debug, Clone)]
pub struct ThinkStep {
    pub duration: DurationDistribution,
}
