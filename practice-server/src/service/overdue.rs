//! Results whose webhook never came: which to look up, when to look again, and applying what was found.

use std::time::Duration;

use super::apply::{Applied, apply_result};
use crate::domain::{Call, CallId, WebhookEvent};
use crate::store::{Abort, Transaction, TransitionCause, Tx};

/// When to look a job up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollSchedule {
    /// From ClassConnect's acceptance to the first look, unless twice its own estimate is longer.
    pub first_after: Duration,
    /// The pause between looks doubles up to this.
    pub interval_max: Duration,
}

impl PollSchedule {
    /// The pause before the first look, given ClassConnect's own estimate.
    pub fn first_pause(self, estimate: Duration) -> Duration {
        self.first_after.max(estimate.saturating_mul(2))
    }

    /// The pause after the look number `polls`, counted from 1.
    pub fn pause_after(self, polls: u32) -> Duration {
        let doublings = polls.min(16);
        self.first_after
            .saturating_mul(1 << doublings)
            .min(self.interval_max)
    }
}

/// Takes calls whose result is overdue, and sets when each is looked up next. That also keeps another poller from
/// taking the same call at once.
#[derive(Debug, Clone)]
pub struct ClaimPolls {
    pub limit: u32,
    pub schedule: PollSchedule,
}

impl Transaction for ClaimPolls {
    const NAME: &'static str = "claim_polls";

    type Output = Vec<Call>;

    async fn run(self, tx: &mut Tx<'_>) -> Result<Vec<Call>, Abort> {
        let calls = tx.calls_to_poll(self.limit).await?;
        let now = tx.now();
        for call in &calls {
            let pause = self.schedule.pause_after(call.polls.saturating_add(1));
            tx.postpone_poll(call.id, now.plus(pause)).await?;
        }
        Ok(calls)
    }
}

/// Applies a result that was looked up.
#[derive(Debug, Clone)]
pub struct ApplyPolledResult {
    pub call_id: CallId,
    pub event: WebhookEvent,
}

impl Transaction for ApplyPolledResult {
    const NAME: &'static str = "apply_polled_result";

    type Output = Applied;

    async fn run(self, tx: &mut Tx<'_>) -> Result<Applied, Abort> {
        match tx.call(self.call_id).await? {
            Some(call) => apply_result(tx, &call, &self.event, TransitionCause::Poll).await,
            None => Ok(Applied::Superseded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let schedule = PollSchedule {
            first_after: Duration::from_secs(10),
            interval_max: Duration::from_secs(60),
        };
        assert_eq!(
            schedule.first_pause(Duration::from_secs(2)),
            Duration::from_secs(10)
        );
        assert_eq!(
            schedule.first_pause(Duration::from_secs(9)),
            Duration::from_secs(18)
        );
        let pauses: Vec<u64> = (1..=5)
            .map(|polls| schedule.pause_after(polls).as_secs())
            .collect();
        assert_eq!(pauses, [20, 40, 60, 60, 60]);
        assert_eq!(schedule.pause_after(u32::MAX), Duration::from_secs(60));
    }
}
