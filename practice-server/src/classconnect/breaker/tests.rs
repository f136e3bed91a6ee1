//! Cells of the table one by one, then random histories against a model that keeps everything and derives the rest.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn fail(breaker: &mut Breaker, now: Duration) -> bool {
    let permit = breaker.permit(now).unwrap();
    breaker.record(now, permit, CallResult::Failure)
}

fn succeed(breaker: &mut Breaker, now: Duration) {
    let permit = breaker.permit(now).unwrap();
    assert!(!breaker.record(now, permit, CallResult::Success));
}

fn opened(now: Duration) -> Breaker {
    let mut breaker = Breaker::new(BreakerSettings::default());
    for n in 1..=5 {
        assert_eq!(fail(&mut breaker, now), n == 5, "failure {n}");
    }
    breaker
}

#[test]
fn five_failures_in_a_row_open_it() {
    let mut breaker = opened(SECOND);
    assert_eq!(breaker.available(SECOND), 0);
    assert_eq!(breaker.permit(SECOND * 5), None);
    assert_eq!(breaker.pause_left(SECOND * 2), SECOND * 4);
    assert_eq!(breaker.state_number(), 1);
}

#[test]
fn half_of_a_full_window_opens_it() {
    let mut breaker = Breaker::new(BreakerSettings::default());
    for n in 1..=10 {
        succeed(&mut breaker, SECOND);
        assert_eq!(fail(&mut breaker, SECOND), n == 10, "pair {n}");
    }
}

#[test]
fn two_successful_probes_close_it_and_reset_the_pause() {
    let mut breaker = opened(Duration::ZERO);
    let now = SECOND * 5;
    assert_eq!(breaker.available(now), 2);
    let (first, second) = (breaker.permit(now).unwrap(), breaker.permit(now).unwrap());
    assert_eq!(breaker.permit(now), None, "only two probes");
    breaker.record(now, first, CallResult::Success);
    assert!(!breaker.is_closed());
    breaker.record(now, second, CallResult::Success);
    assert!(breaker.is_closed());
    for _ in 0..5 {
        fail(&mut breaker, now);
    }
    assert_eq!(breaker.pause_left(now), SECOND * 5);
}

#[test]
fn a_failed_probe_doubles_the_pause_up_to_the_longest() {
    let mut breaker = opened(Duration::ZERO);
    let mut now = Duration::ZERO;
    for pause in [5, 10, 20, 40, 60, 60] {
        assert_eq!(breaker.pause_left(now), SECOND * pause);
        now += SECOND * pause;
        assert!(fail(&mut breaker, now));
    }
}

#[test]
fn results_from_an_earlier_state_are_ignored() {
    let mut breaker = Breaker::new(BreakerSettings::default());
    let late = breaker.permit(SECOND).unwrap();
    for _ in 0..5 {
        fail(&mut breaker, SECOND);
    }
    let now = SECOND * 6;
    let probe = breaker.permit(now).unwrap();
    assert!(!breaker.record(now, late, CallResult::Failure));
    assert_eq!(breaker.state_number(), 2);
    breaker.record(now, probe, CallResult::Abandoned);
    assert_eq!(
        breaker.available(now),
        2,
        "an abandoned probe gives its place back"
    );
}

/// Keeps every result since the breaker last closed, and every pause since.
#[derive(Default)]
struct Model {
    results: Vec<bool>,
    open_until: Option<u64>,
    pauses: u32,
    probes: Option<(u32, u32)>,
}

impl Model {
    fn available(&self, now: u64) -> u32 {
        match (self.open_until, self.probes) {
            (_, Some((under_way, good))) => 2 - under_way - good,
            (Some(until), None) => {
                if now >= until {
                    2
                } else {
                    0
                }
            }
            (None, None) => u32::MAX,
        }
    }

    fn permit(&mut self, now: u64) -> bool {
        if self.available(now) == 0 {
            return false;
        }
        if self.open_until.is_some() {
            let (under_way, good) = self.probes.unwrap_or_default();
            self.probes = Some((under_way + 1, good));
        }
        true
    }

    fn record(&mut self, now: u64, success: bool) {
        if let Some((under_way, good)) = self.probes {
            if !success {
                self.open(now);
            } else if good + 1 == 2 {
                *self = Self::default();
            } else {
                self.probes = Some((under_way - 1, good + 1));
            }
            return;
        }
        self.results.push(success);
        let in_row = self.results.iter().rev().take_while(|success| !**success).count();
        let last: Vec<_> = self.results.iter().rev().take(20).collect();
        let failures = last.iter().filter(|success| !***success).count();
        if !success && (in_row >= 5 || (last.len() == 20 && failures >= 10)) {
            self.open(now);
        }
    }

    fn open(&mut self, now: u64) {
        let pause = (5 << self.pauses.min(8)).min(60);
        self.pauses += 1;
        self.open_until = Some(now + pause);
        self.probes = None;
    }
}

proptest! {
    /// One call at a time, at random moments, with failures as likely as not.
    #[test]
    fn sequential_calls_agree_with_the_model(
        steps in prop::collection::vec((0u64..15, prop::bool::weighted(0.45)), 1..200),
    ) {
        let mut breaker = Breaker::new(BreakerSettings::default());
        let mut model = Model::default();
        let mut now = 0;
        for (wait, success) in steps {
            now += wait;
            let at = SECOND * u32::try_from(now).unwrap();
            prop_assert_eq!(breaker.available(at), model.available(now));
            let permit = breaker.permit(at);
            prop_assert_eq!(permit.is_some(), model.permit(now));
            if let Some(permit) = permit {
                let result = if success { CallResult::Success } else { CallResult::Failure };
                breaker.record(at, permit, result);
                model.record(now, success);
            }
        }
    }

    /// However calls overlap, no more than two probes are out, and nothing passes while it is open.
    #[test]
    fn overlapping_calls_never_exceed_the_probes(
        steps in prop::collection::vec((0u32..8, 0usize..4, 0u8..3), 1..200),
    ) {
        let mut breaker = Breaker::new(BreakerSettings::default());
        let mut out: Vec<(Permit, i64)> = Vec::new();
        let mut now = Duration::ZERO;
        for (wait, pick, action) in steps {
            now += SECOND * wait;
            if action == 0 || out.is_empty() {
                let before = breaker.available(now);
                let permit = breaker.permit(now);
                prop_assert_eq!(permit.is_some(), before > 0);
                out.extend(permit.map(|permit| (permit, breaker.state_number())));
            } else {
                let (permit, _) = out.swap_remove(pick % out.len());
                let result = if action == 1 { CallResult::Success } else { CallResult::Failure };
                breaker.record(now, permit, result);
            }
            if breaker.state_number() == 2 {
                let probes = out.iter().filter(|(permit, _)| permit.generation == breaker.generation).count();
                prop_assert!(probes <= 2);
            }
        }
    }
}
