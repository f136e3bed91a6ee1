//! From measurements to a decision. Pure: no clock, no chance, no input or output.
//!
//! Three questions are kept apart. Were the targets met ([`Finding`]s, one per target, with an interval)? Did a window
//! policy fire ([`WindowWatch`], while the run goes on)? Can the run prove anything at all ([`Validity`])? [`judge`]
//! weighs the three and ends in one [`Verdict`] with its reasons.

mod availability;
mod bisection;
mod blame;
mod certifiable;
mod context;
mod distribution;
mod early_stop;
mod finding;
#[cfg(test)]
pub(crate) mod fixture;
mod glance;
mod incident;
mod interval;
mod judge;
mod measure;
mod rolled_back;
mod sockets;
mod steady;
mod target;
#[cfg(test)]
mod tests;
mod validity;
mod verdict;
mod waiver;
mod window;
pub mod wording;
mod worst;

pub(crate) use availability::by_second;
pub use availability::slot_samples_min;
pub use certifiable::{certifiable_bad, certifiable_samples};
pub use context::{Context, FixedIterations};
pub(crate) use distribution::{Z_97_5, t_quantile};
pub use early_stop::EarlyStopWatch;
pub use finding::{Finding, Status, Subject};
pub use glance::{Glance, glances};
pub use incident::{IncidentTimeline, Timing, all_dated, dated, detection_time_s};
pub use interval::DESIGN_EFFECT_FLOOR;
pub(crate) use interval::{Second, correlation_length, share_range};
pub use judge::{Judgement, judge};
pub use rolled_back::{Paced, RollbackTimes};
pub use validity::{Check, CheckName, Severity, Validity, lag_limit_ms};
pub use verdict::{ExitCode, Verdict};
pub use waiver::{WaiverState, WaiverUse};
pub use window::{Change, Due, WindowWatch, replay};
pub use worst::{STRETCH_S, Worst, worst};
