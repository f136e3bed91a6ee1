//! `[load]`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::{DurationText, RateText};

/// How many users come, and when.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct LoadFile {
    /// What drives iterations.
    #[schemars(title = "one of the executors below", required)]
    pub(in crate::scenario) executor: Option<ExecutorFile>,
    /// Iterations (new users) per second. Required by `constant-arrival-rate`.
    #[schemars(title = "a rate > 0")]
    pub(in crate::scenario) rate: Option<RateText>,
    /// How long the load lasts. Required by `constant-arrival-rate` and `constant-vus`.
    #[schemars(title = "a duration > 0")]
    pub(in crate::scenario) duration: Option<DurationText>,
    /// Spacing of arrivals, of the arrival-rate executors. Default: `"poisson"`.
    pub(in crate::scenario) arrivals: Option<ArrivalsFile>,
    /// Most virtual users at once, of the arrival-rate executors; an arrival that finds none free is dropped and
    /// counted. Default: 1000.
    #[schemars(range(min = 1, max = 100_000))]
    pub(in crate::scenario) max_vus: Option<i64>,
    /// Virtual users. Required by `constant-vus`, `per-vu-iterations` and `shared-iterations`.
    #[schemars(range(min = 1, max = 100_000))]
    pub(in crate::scenario) vus: Option<i64>,
    /// Iterations of each user (`per-vu-iterations`), or of all together (`shared-iterations`, at least one for
    /// each); at most a million in all. Required by `per-vu-iterations` and `shared-iterations`.
    #[schemars(title = "a whole number ≥ 1", range(min = 1, max = 1_000_000))]
    pub(in crate::scenario) iterations: Option<i64>,
    /// How long iterations may begin, of `per-vu-iterations` and `shared-iterations`; those that did not are dropped
    /// and counted. Default: `"10m"`.
    #[schemars(title = "a duration > 0")]
    pub(in crate::scenario) max_duration: Option<DurationText>,
    /// Rate before the first stage, of `ramping-arrival-rate`. Default: `"0/s"`.
    pub(in crate::scenario) start_rate: Option<RateText>,
    /// Virtual users before the first stage, of `ramping-vus`. Default: 0.
    #[schemars(range(min = 0, max = 100_000))]
    pub(in crate::scenario) start_vus: Option<i64>,
    /// Straight lines from the value before to `target`, in order. Required by the ramping executors.
    #[schemars(title = "a list of `{ target, duration }`", length(min = 1))]
    pub(in crate::scenario) stages: Option<Vec<StageFile>>,
    /// How long users and the results that they wait for may take to end, after the last arrival or after
    /// `max_duration`; at least the longest `timeout` of an `await`. Default: `"30s"`.
    pub(in crate::scenario) drain: Option<DurationText>,
    /// Arrivals before this time are shown, not judged. Default: the stages before the first plateau, else `"0s"`.
    pub(in crate::scenario) warm_up: Option<DurationText>,
    /// Threads that drive virtual users, no more than there are of these; users and tickets are dealt out to them in
    /// turn. Default: one less than the machine has cores, at least 1.
    #[schemars(range(min = 1, max = 256))]
    pub(in crate::scenario) workers: Option<i64>,
    /// Whether the generator is tried out for about a second before the load, against a server in its own process:
    /// the fastest that it can measure. Default: `true`.
    pub(in crate::scenario) calibrate: Option<bool>,
    /// How long a connection lasts. Default: `"per-iteration"` for the arrival-rate executors, else `"per-vu"`.
    pub(in crate::scenario) connections: Option<ConnectionsFile>,
    /// Connections leave from them in turn, each with ports of its own; only with `base_url`. Default: the system
    /// chooses.
    #[schemars(title = "a list of IP addresses of this machine", length(min = 1, max = 1024))]
    pub(in crate::scenario) source_addresses: Option<Vec<String>>,
}

/// What drives iterations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum ExecutorFile {
    /// Users arrive at a constant rate, whether the target keeps up or not.
    ConstantArrivalRate,
    /// Users arrive at a rate that changes in stages, whether the target keeps up or not.
    RampingArrivalRate,
    /// A constant number of users, each beginning again when it is done.
    ConstantVus,
    /// A number of users that changes in stages, each beginning again when it is done.
    RampingVus,
    /// Each user takes a number of iterations.
    PerVuIterations,
    /// Users share a number of iterations: who is done takes the next one.
    SharedIterations,
}

/// How arrivals are spaced at a given rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum ArrivalsFile {
    /// At random, as independent people come.
    Poisson,
    /// At equal distances.
    Even,
}

/// How long a connection lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum ConnectionsFile {
    /// Each iteration is a new user who opens a connection of its own.
    PerIteration,
    /// A virtual user keeps its connection from iteration to iteration (keep-alive).
    PerVu,
}

/// A straight line from the value before to `target`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct StageFile {
    /// Value at the end of the stage: a rate for `ramping-arrival-rate`, a number of users for `ramping-vus`.
    #[schemars(title = "a rate, or a number of users", required)]
    pub(in crate::scenario) target: Option<StageTarget>,
    /// How long the stage lasts; `"0s"` is a jump.
    #[schemars(required)]
    pub(in crate::scenario) duration: Option<DurationText>,
}

/// A rate, or a number of users.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::scenario) enum StageTarget {
    Rate(RateText),
    Vus(#[schemars(range(min = 0, max = 100_000))] i64),
}
