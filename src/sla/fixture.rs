//! Runs as they might have been, for tests: 5 s of warm-up, 30 s of load, 20 new users a second, 3 requests each.

mod users;

use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) use self::users::with_users;
use super::Context;
use crate::clock::Moment;
use crate::metrics::{
    Audit, Completion, EventSample, Evidence, GeneratorHealth, Hop, HostStalls, Iterations, Measurements,
    MockHealth, Outcome, Pending, ProcessHealth, Punctuality, RequestSample, Sample, SeriesKind,
    TIMELY_WITHIN, Thresholds, Timeline, UnderWay, Users, Violation, ViolationKind, WorkerHealth,
};
use crate::plan::{
    self, Comparator, Condition, Criteria, JudgeMode, Limit, Metric, Patience, Rollback, RollbackLimits,
    Satisfaction, Statistic, StepId, StepInfo, StepKind, WindowPolicy,
};
use crate::units::{Quantile, Rate, Ratio};

pub(crate) const WARM_UP_S: u64 = 5;
pub(crate) const LOAD_S: u64 = 35;
pub(crate) const RATE: u64 = 20;

/// A run with all that is needed to judge it.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) criteria: Criteria,
    pub(crate) evidence: Evidence,
    pub(crate) context: Context,
}

impl Run {
    pub(crate) fn judge(&self) -> super::Judgement {
        super::judge(&self.criteria, &self.evidence, &self.context)
    }
}

/// What is wrong with the made-up run; all zero for a healthy one.
#[derive(Clone, Copy, Default)]
pub(crate) struct Trouble {
    /// Added to every response time.
    pub(crate) slower: Duration,
    /// Every n-th request of the measured part fails with 500; 0 = none.
    pub(crate) fails_every: u64,
    /// The generator is this late, in these seconds.
    pub(crate) lag: Duration,
    pub(crate) lag_seconds: (u64, u64),
    /// Every n-th ticket's result is lost; 0 = none.
    pub(crate) loses_every: u64,
}

pub(crate) fn healthy() -> Run {
    run(Trouble::default())
}

pub(crate) fn slow() -> Run {
    run(Trouble {
        slower: Duration::from_millis(140),
        ..Trouble::default()
    })
}

pub(crate) fn failing() -> Run {
    run(Trouble {
        fails_every: 11,
        ..Trouble::default()
    })
}

pub(crate) fn lossy() -> Run {
    run(Trouble {
        loses_every: 100,
        ..Trouble::default()
    })
}

pub(crate) fn starved_generator() -> Run {
    run(Trouble {
        lag: Duration::from_millis(400),
        lag_seconds: (10, 20),
        ..Trouble::default()
    })
}

pub(crate) fn step(name: &str, kind: StepKind, first_request: bool) -> StepInfo {
    StepInfo {
        name: name.to_owned(),
        kind,
        journey: "practice".to_owned(),
        first_request,
    }
}

pub(crate) fn time(metric: Metric, quantile: f64, comparator: Comparator, limit_ms: u64) -> Condition {
    Condition {
        metric,
        step: None,
        statistic: Statistic::Quantile(Quantile::new(quantile).unwrap()),
        comparator,
        limit: Limit::Time(Duration::from_millis(limit_ms)),
    }
}

pub(crate) fn share(metric: Metric, comparator: Comparator, percent: f64) -> Condition {
    Condition {
        metric,
        step: None,
        statistic: Statistic::Share,
        comparator,
        limit: Limit::Ratio(Ratio::new(percent / 100.0).unwrap()),
    }
}

pub(crate) fn throughput(limit: f64) -> Condition {
    Condition {
        metric: Metric::Throughput,
        step: None,
        statistic: Statistic::PerSecond,
        comparator: Comparator::GreaterOrEqual,
        limit: Limit::PerSecond(Rate::per_second(limit).unwrap()),
    }
}

pub(crate) fn criteria() -> Criteria {
    use Comparator::{Greater, GreaterOrEqual, Less, LessOrEqual};
    Criteria {
        mode: JudgeMode::Observed,
        early_stop: false,
        targets: vec![
            time(Metric::ResponseTime, 0.95, LessOrEqual, 150),
            share(Metric::ErrorRate, Less, 1.0),
            time(Metric::RealtimeLatency, 0.95, Less, 50),
            time(Metric::WebhookProcessing, 0.95, Less, 2_000),
            share(Metric::WebhookSuccess, GreaterOrEqual, 99.5),
            share(Metric::Availability, GreaterOrEqual, 99.9),
            Condition {
                step: Some("submit_recording".to_owned()),
                ..time(Metric::ResponseTime, 0.99, LessOrEqual, 150)
            },
        ],
        not_measured: Vec::new(),
        waivers: Vec::new(),
        alerts: Some(WindowPolicy::new(
            Duration::from_secs(10),
            50,
            vec![
                time(Metric::ResponseTime, 0.95, Greater, 200),
                share(Metric::ErrorRate, Greater, 2.0),
            ],
        )),
        rollback: Some(Rollback {
            policy: WindowPolicy::new(
                Duration::from_secs(10),
                50,
                vec![
                    time(Metric::ResponseTime, 0.95, Greater, 500),
                    share(Metric::ErrorRate, Greater, 5.0),
                    share(Metric::RealtimeFailures, Greater, 5.0),
                ],
            ),
            stop_load: true,
            limits: RollbackLimits::default(),
        }),
    }
}

pub(crate) fn context() -> Context {
    Context {
        steps: vec![
            step("create_session", StepKind::Request, true),
            step("watch_session", StepKind::Subscribe, false),
            step("session_ready", StepKind::Await, false),
            step("start_practice", StepKind::Request, false),
            step("submit_recording", StepKind::Request, false),
            step("result", StepKind::Await, false),
        ],
        arrivals_planned: Some(RATE * LOAD_S),
        peak_rate: RATE as f64,
        fixed_iterations: None,
        iteration_healthy: Duration::from_millis(2_600),
        awaits: 2.0,
        await_healthy: Duration::from_millis(1_300),
        submissions: true,
        realtime_is_upper_bound: false,
        target_on_this_host: true,
        plateau: None,
        faults_from_the_start: Vec::new(),
        judged_on: None,
    }
}

/// A number from 0 to 1 that looks random and is always the same.
fn noise(ticket: u64, draw: u64) -> f64 {
    let mixed = (ticket * 31 + draw + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 11) as f64 / (1_u64 << 53) as f64
}

pub(crate) fn run(trouble: Trouble) -> Run {
    let criteria = criteria();
    let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::of(&criteria));
    let tickets = RATE * LOAD_S;
    for ticket in 0..tickets {
        Ticket {
            ticket,
            trouble,
            measurements: &mut measurements,
        }
        .iterate();
    }
    let lost = if trouble.loses_every == 0 {
        0
    } else {
        tickets.div_ceil(trouble.loses_every)
    };
    let failed = measurements
        .errors
        .values()
        .map(|tally| tally.count)
        .sum::<u64>()
        .min(tickets);
    let evidence = Evidence {
        measurements,
        timeline: Timeline {
            measured_from_s: WARM_UP_S as f64,
            load_ended_s: LOAD_S as f64,
            load_planned_s: LOAD_S as f64,
            drained_s: LOAD_S as f64 + 6.0,
        },
        iterations: Iterations {
            due: tickets,
            started: tickets,
            dropped: 0,
            succeeded: tickets - failed,
            failed,
            abandoned: 0,
            unfinished: 0,
        },
        generator: generator(trouble),
        mock: Some(MockHealth {
            lateness_p50_ms: Some(0.4),
            lateness_p99_ms: Some(2.1),
            accepted: tickets * 2,
            dropped_on_purpose: 0,
            ledger_records_missing: 0,
        }),
        audit: Some(audit(tickets, lost)),
        hops: hops(tickets),
        under_way: under_way(),
        incidents: Vec::new(),
        actions: Vec::new(),
        early_stop: None,
        rollback_action: None,
        users: None,
        interruption: None,
    };
    Run {
        criteria,
        evidence,
        context: context(),
    }
}

fn generator(trouble: Trouble) -> GeneratorHealth {
    GeneratorHealth {
        workers: vec![WorkerHealth {
            index: 0,
            cpu: Duration::from_millis(9_200),
            wall: Duration::from_secs(41),
            longest_hiccup: Duration::from_millis(7),
            lateness: None,
            started: RATE * LOAD_S,
            dropped: 0,
            punctuality: Some(punctuality(trouble)),
            queue_waits: 0,
        }],
        process: Some(ProcessHealth {
            cpu: Duration::from_millis(10_100),
            wall: Duration::from_secs(41),
        }),
        host_stalls: Some(HostStalls {
            beats: 4_080,
            late: 2,
            longest: Duration::from_millis(11),
            lateness: None,
            by_second: BTreeMap::new(),
        }),
        vus_peak: 93,
        vus_max: 400,
        polls: 2,
        initial_reads: RATE * LOAD_S,
        ..GeneratorHealth::default()
    }
}

/// Arrivals are 0.2 ms late, but for the seconds of the trouble.
fn punctuality(trouble: Trouble) -> Punctuality {
    let lag_ms = trouble.lag.as_secs_f64() * 1e3;
    let (from, to) = trouble.lag_seconds;
    let late_s = to.min(LOAD_S).saturating_sub(from.max(WARM_UP_S));
    let seconds = LOAD_S - WARM_UP_S;
    let lag_when = |is_late: bool| if is_late { lag_ms } else { 0.2 };
    Punctuality {
        dispatched: RATE * seconds,
        timely: RATE * (seconds - if trouble.lag > TIMELY_WITHIN { late_s } else { 0 }),
        lag_p50_ms: lag_when(late_s * 2 > seconds),
        lag_p99_ms: lag_when(late_s > 0),
        lag_max_ms: lag_when(late_s > 0),
    }
}

fn audit(tickets: u64, lost: u64) -> Audit {
    let violations = (0..lost.min(3))
        .map(|index| Violation {
            kind: ViolationKind::Lost,
            reference: format!("attempt-{:04}", index * 100),
            ticket: index * 100,
            detail: "accepted with 202, but the attempt is still \"analyzing\" after the drain".to_owned(),
        })
        .collect();
    Audit {
        accepted: tickets,
        completed: tickets - lost,
        failed: 0,
        lost: Some(lost),
        duplicated: Some(0),
        misdelivered: Some(0),
        pending: 0,
        violations,
    }
}

fn hops(count: u64) -> Vec<Hop> {
    [
        ("intended → sent", false, 0.4),
        (Hop::ACCEPTED, false, 42.0),
        (Hop::CALLED, false, 6.0),
        ("ClassConnect called → webhook sent", true, 1_210.0),
        (Hop::ACKNOWLEDGED, false, 9.0),
        (Hop::RECEIVED, false, 3.0),
    ]
    .into_iter()
    .map(|(name, injected, p50)| Hop {
        name: name.to_owned(),
        injected,
        count,
        p50_ms: p50,
        p95_ms: p50 * 1.9,
        p99_ms: p50 * 2.4,
        max_ms: p50 * 3.1,
        p95_over_time: (0..LOAD_S as u32).map(|second| (second, p50 * 1.9)).collect(),
    })
    .collect()
}

/// Users come and go for five seconds each, and each waits for results most of the time.
fn under_way() -> UnderWay {
    let users = |second: u64| RATE * (second + 1).min(5).min((LOAD_S + 5).saturating_sub(second));
    let pending = |second: u64| Pending {
        results: users(second) * 3 / 4,
        oldest: Duration::from_millis(if users(second) > 0 { 2_400 } else { 0 }),
    };
    UnderWay {
        users: (0..LOAD_S + 6).map(users).collect(),
        pending: (0..LOAD_S + 6).map(pending).collect(),
    }
}

/// One iteration's samples.
struct Ticket<'a> {
    ticket: u64,
    trouble: Trouble,
    measurements: &'a mut Measurements,
}

impl Ticket<'_> {
    fn iterate(&mut self) {
        let start_ms = self.ticket * 1_000 / RATE;
        for (draw, (step, after_ms)) in (0_u64..).zip([(0_u16, 0), (3, 1_900), (4, 4_200)]) {
            self.request(draw, StepId(step), start_ms + after_ms);
        }
        let lost = self.trouble.loses_every > 0 && self.ticket.is_multiple_of(self.trouble.loses_every);
        let turnaround = (!lost).then(|| 1_250.0 + 400.0 * noise(self.ticket, 20));
        for (kind, step, value_ms) in [
            (
                SeriesKind::Subscribe,
                Some(1),
                Some(8.0 + 10.0 * noise(self.ticket, 10)),
            ),
            (
                SeriesKind::Realtime,
                None,
                Some(4.0 + 20.0 * noise(self.ticket, 11)),
            ),
            (SeriesKind::RealtimeDelivery, None, Some(5.0)),
            (
                SeriesKind::WebhookProcessing,
                None,
                Some(9.0 + 12.0 * noise(self.ticket, 12)),
            ),
            (SeriesKind::WebhookAttempt, None, Some(9.0)),
            (SeriesKind::Turnaround, Some(4), turnaround),
            (
                SeriesKind::ServerTime,
                Some(4),
                turnaround.map(|value| value - 1_190.0),
            ),
        ] {
            self.event(kind, step.map(StepId), start_ms + 5_000, value_ms);
        }
    }

    fn request(&mut self, draw: u64, step: StepId, intended_ms: u64) {
        let ticket = self.ticket;
        let second = intended_ms / 1_000;
        let late = (self.trouble.lag_seconds.0..self.trouble.lag_seconds.1).contains(&second);
        let lag_us = if late {
            self.trouble.lag.as_micros() as u64
        } else {
            200
        };
        let service_us =
            22_000 + (70_000.0 * noise(ticket, draw).powi(3)) as u64 + self.trouble.slower.as_micros() as u64;
        let fails = self.trouble.fails_every > 0
            && ticket >= RATE * WARM_UP_S
            && (ticket * 3 + draw).is_multiple_of(self.trouble.fails_every);
        let intended = Moment::from_nanos(intended_ms * 1_000_000);
        let dispatched = intended.plus(Duration::from_micros(lag_us));
        self.measurements.record(&Sample::Request(RequestSample {
            step,
            ticket,
            warm_up: self.warm_up(),
            intended,
            dispatched,
            sent: dispatched.plus(Duration::from_micros(150)),
            done: dispatched.plus(Duration::from_micros(150 + service_us)),
            outcome: if fails { Outcome::Status(500) } else { Outcome::Ok },
        }));
        self.event(
            SeriesKind::SchedulingLag,
            Some(step),
            intended_ms,
            Some(lag_us as f64 / 1e3),
        );
    }

    fn event(&mut self, kind: SeriesKind, step: Option<StepId>, at_ms: u64, value_ms: Option<f64>) {
        self.measurements.record(&Sample::Event(EventSample {
            kind,
            step,
            warm_up: self.warm_up(),
            at: Moment::from_nanos(at_ms * 1_000_000),
            value_ns: value_ms.map(|value| (value * 1e6) as i64),
        }));
    }

    fn warm_up(&self) -> bool {
        self.ticket < RATE * WARM_UP_S
    }
}
