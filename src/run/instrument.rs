//! The means of measuring, looked at before the load: how fast the generator is by itself, and how well the target's clock
//! is known.

use jiff::civil::Date;

use super::calibrate::calibrate;
use super::limits::SocketLimits;
use super::progress::Progress;
use super::target_clock::TargetClock;
use crate::clock::RunClock;
use crate::metrics::Calibration;
use crate::plan::Plan;
use crate::sla;
use crate::step::CommitClock;
use crate::target::Started;

/// What was found.
#[derive(Debug)]
pub(super) struct Instrument {
    /// `None` when the generator was not tried out.
    pub(super) calibration: Option<Calibration>,
    pub(super) clock: TargetClock,
}

impl Instrument {
    /// What the judge must know of the plan, of the day, and of the clock.
    pub(super) fn context(&self, plan: &Plan, arrivals_planned: Option<u64>, today: Date) -> sla::Context {
        sla::Context {
            judged_on: Some(today),
            realtime_is_upper_bound: self.clock.commit_clock == CommitClock::Unknown,
            ..sla::Context::of(plan, arrivals_planned)
        }
    }

    /// Looks at the generator by itself, and at the target's clock. Neither keeps the run from going on.
    pub(super) async fn prepare(
        plan: &Plan,
        limits: SocketLimits,
        started: &Started,
        clock: RunClock,
        progress: &mut Progress,
    ) -> Self {
        let calibration = if plan.load.calibrate {
            let (calibration, found) = calibrate(plan, limits).await;
            progress.note(&found);
            calibration
        } else {
            progress.note("the generator is not tried out first (calibrate = false in [load])");
            None
        };
        Self {
            calibration,
            clock: TargetClock::compare(plan, started, clock, progress).await,
        }
    }
}
