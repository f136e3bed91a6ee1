//! `[load]`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::{DurationText, RateText};

/// How many users come, and when.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct LoadFile {
    /// What drives iterations.
    #[schemars(required)]
    pub(in crate::scenario) executor: Option<ExecutorFile>,
    /// Iterations (new users) per second, of `constant-arrival-rate`.
    pub(in crate::scenario) rate: Option<RateText>,
    /// How long the load lasts, of `constant-arrival-rate` and `constant-vus`.
    pub(in crate::scenario) duration: Option<DurationText>,
    /// Spacing of arrivals, of the arrival-rate executors. Default: `poisson`.
    pub(in crate::scenario) arrivals: Option<ArrivalsFile>,
    /// Most virtual users at once, of the arrival-rate executors; an arrival that finds none free is dropped and
    /// counted. Default: 1000.
    #[schemars(range(min = 1, max = 100_000))]
    pub(in crate::scenario) max_vus: Option<i64>,
    /// Virtual users, of `constant-vus`, `per-vu-iterations` and `shared-iterations`.
    #[schemars(range(min = 1, max = 100_000))]
    pub(in crate::scenario) vus: Option<i64>,
    /// Iterations: of each user with `per-vu-iterations`, of all users together with `shared-iterations`. At most a
    /// million in all.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(in crate::scenario) iterations: Option<i64>,
    /// Longest time in which iterations may begin, of `per-vu-iterations` and `shared-iterations`; those that did not
    /// begin are dropped and counted. Default: `10m`.
    pub(in crate::scenario) max_duration: Option<DurationText>,
    /// Rate before the first stage, of `ramping-arrival-rate`. Default: `0/s`.
    pub(in crate::scenario) start_rate: Option<RateText>,
    /// Virtual users before the first stage, of `ramping-vus`. Default: 0.
    #[schemars(range(min = 0, max = 100_000))]
    pub(in crate::scenario) start_vus: Option<i64>,
    /// The stages of the ramping executors, in order.
    #[schemars(length(min = 1))]
    pub(in crate::scenario) stages: Option<Vec<StageFile>>,
    /// After the last arrival: how long users and the results they wait for may take to end. Default: `30s`.
    pub(in crate::scenario) drain: Option<DurationText>,
    /// Arrivals before this time are shown, not judged. Default: the stages before the first plateau, else `0s`.
    pub(in crate::scenario) warm_up: Option<DurationText>,
    /// Threads that drive virtual users. Default: one less than the machine has cores, at least
    /// one, and no more than there are virtual users.
    #[schemars(range(min = 1, max = 256))]
    pub(in crate::scenario) workers: Option<i64>,
    /// Whether the generator is tried out for a second before the load, against a server in its own process: the fastest
    /// that it can measure. Default: `true`.
    pub(in crate::scenario) calibrate: Option<bool>,
    /// How long a connection lasts. Default: `per-iteration` for the arrival-rate executors, else `per-vu`.
    pub(in crate::scenario) connections: Option<ConnectionsFile>,
    /// IP addresses of this machine that connections leave from in turn, each with ports of its own. Default: the
    /// system chooses.
    #[schemars(length(min = 1, max = 1024))]
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
    /// Each iteration is a new user with a connection of its own.
    PerIteration,
    /// A virtual user keeps its connection from iteration to iteration.
    PerVu,
}

/// A straight line from the value before to `target`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct StageFile {
    /// Value at the end of the stage: a rate such as `"40/s"` for `ramping-arrival-rate`, a number of users for
    /// `ramping-vus`.
    #[schemars(required)]
    pub(in crate::scenario) target: Option<StageTarget>,
    /// How long the stage lasts.
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
