//! The clock of a target that the run did not start: before the load and after it.

use super::progress::Progress;
use crate::clock::{RunClock, wall_clock_now};
use crate::metrics::ClockOffset;
use crate::plan::{Plan, StepKind, TargetKind, Unit};
use crate::sla::wording::{beside_ours, quantity};
use crate::step::CommitClock;
use crate::target::{ClockComparison, Started, TargetProbe, compare_clocks};

/// What is known of the target's clock, and how it is asked.
#[derive(Debug)]
pub(super) struct TargetClock {
    pub(super) commit_clock: CommitClock,
    /// When commits are dated by the comparison before the load.
    compared: Option<Compared>,
}

#[derive(Debug)]
struct Compared {
    before: ClockOffset,
    /// Our wall clock less our monotonic one at the time, nanoseconds: what else moves our wall clock during the run is
    /// no drift of the target's.
    own_ns: i64,
    path: String,
}

impl TargetClock {
    /// Compares the clocks when the plan measures anything by both of them.
    pub(super) async fn compare(
        plan: &Plan,
        started: &Started,
        clock: RunClock,
        progress: &mut Progress,
    ) -> Self {
        let known = |commit_clock| Self {
            commit_clock,
            compared: None,
        };
        if matches!(plan.target.kind, TargetKind::Reference(_)) {
            return known(CommitClock::ThisHost);
        }
        if !plan.steps.iter().any(|step| step.kind == StepKind::Subscribe) {
            return known(CommitClock::Unknown);
        }
        progress.note("comparing the target's clock with ours");
        let path = started.health_path.clone().unwrap_or_else(|| "/".to_owned());
        let own_ns = wall_less_monotonic_ns(clock);
        let (nanos, uncertainty) = match compare_clocks(&started.probe, &path, clock).await {
            Some(ClockComparison::SameHost) => {
                progress.note("the target's clock is ours: it runs on this host");
                return known(CommitClock::ThisHost);
            }
            Some(ClockComparison::Ahead { nanos, uncertainty }) => (nanos, uncertainty),
            None => {
                progress.note("the target's clock cannot be read: realtime_latency is an upper bound only");
                return known(CommitClock::Unknown);
            }
        };
        let before = ClockOffset {
            offset_ns: nanos.saturating_sub(own_ns),
            uncertainty: Some(uncertainty),
            drift_ns: None,
        };
        let found = format!(
            "the target's clock is {}, give or take {}",
            beside_ours(before.offset_ns as f64 / 1e6),
            quantity(uncertainty.as_secs_f64() * 1e3, Unit::Time)
        );
        if !before.is_good() {
            progress.note(&format!("{found}: realtime_latency is an upper bound only"));
            return known(CommitClock::Unknown);
        }
        progress.note(&found);
        Self {
            commit_clock: CommitClock::Compared { ahead_ns: nanos },
            compared: Some(Compared { before, own_ns, path }),
        }
    }

    /// How well the target's clock was known over the run, when it was used at all.
    pub(super) async fn over_run(&self, probe: &TargetProbe, clock: RunClock) -> Option<ClockOffset> {
        let compared = self.compared.as_ref()?;
        let after = match compare_clocks(probe, &compared.path, clock).await {
            Some(ClockComparison::Ahead { nanos, uncertainty }) => Some(ClockOffset {
                offset_ns: nanos.saturating_sub(compared.own_ns),
                uncertainty: Some(uncertainty),
                drift_ns: None,
            }),
            Some(ClockComparison::SameHost) | None => None,
        };
        Some(ClockOffset::over_run(compared.before, after))
    }
}

/// Our wall clock less our monotonic one.
fn wall_less_monotonic_ns(clock: RunClock) -> i64 {
    let wall_ns = i64::try_from(wall_clock_now().as_nanosecond()).unwrap_or(i64::MAX);
    wall_ns.saturating_sub(clock.now().as_nanos() as i64)
}
