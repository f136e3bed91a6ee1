//! When a call that failed is sent again. The schedule lives in the database: a restart does not forget it.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::domain::CallId;

/// The pauses before each attempt, the first of them before the first. As many attempts as pauses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule(Vec<Duration>);

impl RetrySchedule {
    const ATTEMPTS_MAX: usize = 20;

    /// # Errors
    /// No pause at all, or more than twenty.
    pub fn try_new(pauses: Vec<Duration>) -> Result<Self, String> {
        if (1..=Self::ATTEMPTS_MAX).contains(&pauses.len()) {
            Ok(Self(pauses))
        } else {
            Err(format!(
                "a retry schedule needs 1 to {} pauses",
                Self::ATTEMPTS_MAX
            ))
        }
    }

    /// How often a call may be sent.
    pub fn attempts_max(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// The pause after attempt number `attempts` (from 1) failed; `None` when it was the last one. The planned pause
    /// varies by ± 20 %, so that calls that failed together do not return together; the variation is a hash of the
    /// call and the attempt. A longer `Retry-After` is honoured, up to the longest pause of the schedule or a minute.
    pub fn pause_after(
        &self,
        attempts: u32,
        call: CallId,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        let planned = self.0.get(attempts as usize)?;
        let hash = xxh3_64_with_seed(call.to_string().as_bytes(), u64::from(attempts));
        let factor = 0.8 + 0.4 * (hash >> 11) as f64 / (1_u64 << 53) as f64;
        let longest = self
            .0
            .iter()
            .copied()
            .max()
            .unwrap_or_default()
            .max(Duration::from_secs(60));
        let asked = retry_after.unwrap_or_default().min(longest);
        Some(planned.mul_f64(factor).max(asked))
    }
}

impl Default for RetrySchedule {
    fn default() -> Self {
        Self(
            [0, 500, 2_000, 8_000, 30_000, 120_000, 300_000]
                .map(Duration::from_millis)
                .to_vec(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_follow_the_schedule_within_a_fifth() {
        let schedule = RetrySchedule::default();
        let call = CallId::random();
        assert_eq!(schedule.attempts_max(), 7);
        for (attempts, planned_ms) in [(1, 500.0), (2, 2_000.0), (6, 300_000.0)] {
            let pause = schedule.pause_after(attempts, call, None).unwrap();
            let ratio = pause.as_secs_f64() * 1000.0 / planned_ms;
            assert!((0.8..=1.2).contains(&ratio), "attempt {attempts}: {ratio}");
            assert_eq!(
                schedule.pause_after(attempts, call, None),
                Some(pause),
                "the same call, the same pause"
            );
        }
        assert_eq!(schedule.pause_after(7, call, None), None);
        assert_eq!(schedule.pause_after(u32::MAX, call, None), None);
    }

    #[test]
    fn a_longer_retry_after_wins_within_bounds() {
        let schedule = RetrySchedule::try_new(vec![Duration::ZERO, Duration::from_secs(1)]).unwrap();
        let pause = |seconds| schedule.pause_after(1, CallId::random(), Some(Duration::from_secs(seconds)));
        assert_eq!(pause(7), Some(Duration::from_secs(7)));
        assert_eq!(pause(86_400), Some(Duration::from_secs(60)));
        assert!(pause(0) > Some(Duration::from_millis(799)));
    }

    #[test]
    fn a_schedule_is_never_empty() {
        assert!(RetrySchedule::try_new(Vec::new()).is_err());
        assert!(RetrySchedule::try_new(vec![Duration::ZERO; 21]).is_err());
    }
}
