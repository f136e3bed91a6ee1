//! The engine in virtual time: the real executors, users, HTTP and WebSocket code over pipes in memory, against a
//! small server, on the runtime's paused clock. A minute of load takes milliseconds.

mod asynchronous;
mod backend;
mod conservation;
mod iterations;
mod verdict_rows;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::*;
use crate::chance::Chance;
use crate::clock::{Moment, RunClock};
use crate::identity::Identities;
use crate::metrics::{
    Batch, Measurements, Outcome, Recorder, RequestSample, Sample, SeriesKind, Slice, Thresholds,
};
use crate::pacing::Pacer;
use crate::plan::*;
use crate::protocol::Connector;
use crate::step::{CommitClock, Surroundings};
use crate::traces::Traces;
use crate::units::Rate;

/// What the names of the runs' traces begin with.
const RUN: u64 = 0x0af7_6519_16cd_43dd;

/// How the server in memory behaves.
#[derive(Clone)]
struct Behaviour {
    clock: RunClock,
    epoch: Moment,
    answer_after: Duration,
    /// Frozen from the first to the second offset: nothing is answered in between.
    frozen: Option<(Duration, Duration)>,
    status: StatusCode,
}

/// Signs the users' tokens; nothing here checks them.
const JWT_SECRET: &str = "0123456789abcdef0123456789abcdef";

struct MemoryListener(mpsc::Receiver<DuplexStream>);

impl axum::serve::Listener for MemoryListener {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.recv().await {
            Some(stream) => (stream, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn answer(State(behaviour): State<Behaviour>) -> StatusCode {
    let Behaviour { clock, epoch, .. } = behaviour;
    if let Some((from, to)) = behaviour.frozen
        && clock.now() >= epoch.plus(from)
        && clock.now() < epoch.plus(to)
    {
        clock.sleep_until(epoch.plus(to)).await;
    }
    clock.sleep_until(clock.now().plus(behaviour.answer_after)).await;
    behaviour.status
}

#[expect(
    clippy::too_many_lines,
    reason = "a plan has many parts, and each is named here"
)]
fn plan(executor: Executor, max_vus: u32) -> Plan {
    let step = RequestStep {
        id: StepId(0),
        method: Method::Get,
        path: Template::literal("/"),
        headers: Vec::new(),
        body: None,
        idempotency_key: false,
        expect: Expect {
            status: vec![200],
            checks: Vec::new(),
        },
        save: Vec::new(),
        timeout: Duration::from_secs(10),
        feedback: None,
        submission: None,
    };
    let info = StepInfo {
        name: "get".into(),
        kind: StepKind::Request,
        journey: "j".into(),
        first_request: true,
    };
    Plan {
        name: "test".into(),
        description: String::new(),
        seed: 1,
        target: Target {
            kind: TargetKind::Reference(ReferenceServer {
                database: Database::Sqlite,
                answer_delay: Duration::ZERO,
                error_rate: crate::units::Ratio::ZERO,
                poll_classconnect: true,
                standby: None,
            }),
            version: String::new(),
            allow_hosts: Vec::new(),
            connect_timeout: Duration::from_secs(1),
            traceparent: Traceparent::default(),
        },
        classconnect: None,
        load: Load {
            executor,
            max_vus,
            connections: Connections::PerIteration,
            warm_up: Duration::ZERO,
            drain: Duration::from_secs(5),
            workers: 1,
            partition: Partition::WHOLE,
            calibrate: false,
        },
        actions: Vec::new(),
        rollback_action: None,
        journeys: vec![Journey {
            name: "j".into(),
            weight: 1,
            steps: vec![Step::Request(Box::new(step))],
            first_request: StepId(0),
        }],
        steps: vec![info],
        users: None,
        variables: Variables::new(),
        criteria: Criteria {
            mode: JudgeMode::Observed,
            early_stop: false,
            targets: Vec::new(),
            not_measured: Vec::new(),
            waivers: Vec::new(),
            alerts: None,
            rollback: None,
        },
        capacity: None,
    }
}

fn constant(rate: f64, seconds: u64) -> Executor {
    Executor::ConstantArrivalRate {
        rate: Rate::per_second(rate).unwrap(),
        duration: Duration::from_secs(seconds),
        spacing: Spacing::Even,
    }
}

struct Run {
    batch: Batch,
    epoch: Moment,
}

impl Run {
    fn total(&self, kind: SeriesKind) -> Slice {
        let mut measurements = Measurements::new(self.epoch, Thresholds::default());
        for sample in &self.batch.samples {
            measurements.record(sample);
        }
        measurements.total(kind, None)
    }

    fn outcomes(&self) -> BTreeMap<Outcome, usize> {
        let mut outcomes = BTreeMap::new();
        for sample in &self.batch.samples {
            if let Sample::Request(request) = sample {
                *outcomes.entry(request.outcome).or_default() += 1;
            }
        }
        outcomes
    }
}

/// Runs a plan against a server in memory. `disturb` runs beside the load, on the worker's own thread.
async fn run<F: Future<Output = ()> + 'static>(
    plan: Plan,
    behave: impl FnOnce(Behaviour) -> Behaviour,
    disturb: impl FnOnce(RunClock, Moment, StopSwitch) -> F,
) -> Run {
    let app = |clock, epoch| {
        let behaviour = behave(Behaviour {
            clock,
            epoch,
            answer_after: Duration::from_millis(5),
            frozen: None,
            status: StatusCode::OK,
        });
        axum::Router::new().route("/", get(answer)).with_state(behaviour)
    };
    run_against(plan, app, disturb).await
}

/// Runs a plan against any application in memory. The identities of tickets hold in every run.
async fn run_against<F: Future<Output = ()> + 'static>(
    plan: Plan,
    app: impl FnOnce(RunClock, Moment) -> axum::Router,
    disturb: impl FnOnce(RunClock, Moment, StopSwitch) -> F,
) -> Run {
    run_after(Duration::ZERO, plan, app, disturb).await
}

/// As [`run_against`]; the worker is ready some time before the load starts.
async fn run_after<F: Future<Output = ()> + 'static>(
    lead: Duration,
    plan: Plan,
    app: impl FnOnce(RunClock, Moment) -> axum::Router,
    disturb: impl FnOnce(RunClock, Moment, StopSwitch) -> F,
) -> Run {
    LocalSet::new()
        .run_until(async move {
            let clock = RunClock::start();
            let epoch = clock.now().plus(lead);
            let (connections, listener) = mpsc::channel(1_024);
            let app = app(clock, epoch);
            tokio::task::spawn_local(async move { axum::serve(MemoryListener(listener), app).await });

            let chance = Chance::new(plan.seed);
            let partition = plan.load.partition;
            let traces = Traces::of(plan.target.traceparent, RUN);
            let recorder = Recorder::default();
            let surroundings = Surroundings {
                pacer: Pacer::of_runtime(clock),
                plan: Arc::new(plan),
                clock,
                epoch,
                identities: Identities::signed(chance, None, JWT_SECRET, 0),
                recorder: recorder.clone(),
                http: Connector::in_memory(connections.clone(), Duration::from_secs(1)),
                base_path: String::new(),
                realtime: Connector::in_memory(connections, Duration::from_secs(1)),
                realtime_path: "/realtime/v1/websocket?vsn=2.0.0".into(),
                standby: None,
                commit_clock: CommitClock::ThisHost,
                traces,
            };
            let context = Rc::new(Context::new(surroundings).unwrap());
            let (switch, signal) = StopSwitch::new();
            tokio::task::spawn_local(disturb(clock, epoch, switch));
            drive(context, partition, signal).await;
            let batch = recorder.take();
            assert!(batch.iterations.conserved(), "{:?}", batch.iterations);
            Run { batch, epoch }
        })
        .await
}

/// Nothing happens; the stop switch stays alive.
async fn quiet(_clock: RunClock, _epoch: Moment, switch: StopSwitch) {
    let _switch = switch;
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn a_steady_server_is_measured_as_it_is() {
    let run = run(plan(constant(100.0, 10), 100), |behaviour| behaviour, quiet).await;
    assert_eq!(run.batch.iterations.succeeded, 1_000);
    let response = run.total(SeriesKind::Response);
    // The runtime's timer is a millisecond wheel: 5 ms is 5 to 7 ms.
    assert!(
        (5.0..8.0).contains(&response.quantile_ms(0.99).unwrap()),
        "{:?}",
        response.quantile_ms(0.99)
    );
}

#[tokio::test(start_paused = true)]
async fn a_frozen_server_shows_in_response_time_and_in_service_time() {
    let freeze = Some((Duration::from_secs(4), Duration::from_secs(6)));
    let run = run(
        plan(constant(100.0, 10), 1_000),
        |behaviour| Behaviour {
            frozen: freeze,
            ..behaviour
        },
        quiet,
    )
    .await;
    let (response, service) = (run.total(SeriesKind::Response), run.total(SeriesKind::Service));
    // A fifth of the requests met the freeze; the longest waited all of it.
    for slice in [&response, &service] {
        assert!(
            (1_800.0..2_020.0).contains(&slice.quantile_ms(0.99).unwrap()),
            "{:?}",
            slice.quantile_ms(0.99)
        );
        assert!(
            (900.0..1_100.0).contains(&slice.quantile_ms(0.90).unwrap()),
            "{:?}",
            slice.quantile_ms(0.90)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_blocked_worker_shows_in_response_time_and_not_in_service_time() {
    let block = |clock: RunClock, epoch: Moment, switch: StopSwitch| async move {
        clock.sleep_until(epoch.plus(Duration::from_secs(4))).await;
        // Two seconds pass without this thread doing anything else.
        tokio::time::advance(Duration::from_secs(2)).await;
        quiet(clock, epoch, switch).await;
    };
    let run = run(plan(constant(100.0, 10), 1_000), |behaviour| behaviour, block).await;
    let (response, service) = (run.total(SeriesKind::Response), run.total(SeriesKind::Service));
    assert!(
        (1_800.0..2_020.0).contains(&response.quantile_ms(0.99).unwrap()),
        "{:?}",
        response.quantile_ms(0.99)
    );
    // Up to the one request that the block caught in the middle.
    assert!(
        service.quantile_ms(0.99).unwrap() < 10.0,
        "{:?}",
        service.quantile_ms(0.99)
    );
    let lag = run.total(SeriesKind::SchedulingLag);
    assert!(
        lag.max_ms().unwrap() > 1_900.0,
        "the generator's own fault is on record: {:?}",
        lag.max_ms()
    );
    assert_eq!(run.batch.iterations.due, 1_000, "no arrival is skipped");
}

#[tokio::test(start_paused = true)]
async fn an_arrival_without_a_free_user_is_dropped_and_is_a_bad_event() {
    let slow = |behaviour| Behaviour {
        answer_after: Duration::from_secs(1),
        ..behaviour
    };
    let run = run(plan(constant(10.0, 5), 4), slow, quiet).await;
    let iterations = run.batch.iterations;
    assert_eq!(iterations.due, 50);
    assert!(iterations.dropped > 20, "{iterations:?}");
    assert_eq!(run.outcomes()[&Outcome::Dropped] as u64, iterations.dropped);
    let response = run.total(SeriesKind::Response);
    assert_eq!((response.total, response.bad), (50, iterations.dropped));
    assert_eq!(response.quantile_ms(0.95), Some(f64::INFINITY));
}

#[tokio::test(start_paused = true)]
async fn what_the_drain_cannot_wait_for_is_unfinished() {
    let stuck = |behaviour| Behaviour {
        answer_after: Duration::from_secs(8),
        ..behaviour
    };
    let run = run(plan(constant(1.0, 3), 10), stuck, quiet).await;
    // Due at 0, 1 and 2 s; the drain of 5 s begins at 2 s, after the last ticket.
    assert_eq!(run.batch.iterations.unfinished, 3);
    assert_eq!(run.outcomes(), BTreeMap::from([(Outcome::Unfinished, 3)]));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_load_drains_and_a_second_stop_cuts() {
    let stop_twice = |clock: RunClock, epoch: Moment, switch: StopSwitch| async move {
        clock.sleep_until(epoch.plus(Duration::from_secs(2))).await;
        switch.stop(Stop::Load);
        clock.sleep_until(epoch.plus(Duration::from_secs(3))).await;
        switch.stop(Stop::Now);
        quiet(clock, epoch, switch).await;
    };
    let slow = |behaviour| Behaviour {
        answer_after: Duration::from_millis(1_500),
        ..behaviour
    };
    let run = run(plan(constant(10.0, 60), 100), slow, stop_twice).await;
    let iterations = run.batch.iterations;
    assert_eq!(iterations.due, 21, "no ticket after the stop at 2 s");
    assert!(
        iterations.succeeded >= 14 && iterations.unfinished >= 5,
        "{iterations:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unexpected_status_fails_the_iteration() {
    let failing = |behaviour| Behaviour {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        ..behaviour
    };
    let run = run(plan(constant(10.0, 1), 10), failing, quiet).await;
    assert_eq!(run.batch.iterations.failed, 10);
    assert_eq!(run.outcomes(), BTreeMap::from([(Outcome::Status(500), 10)]));
}

#[tokio::test(start_paused = true)]
async fn a_closed_model_keeps_its_users_busy() {
    let executor = Executor::ConstantVus {
        vus: 4,
        duration: Duration::from_secs(10),
    };
    let slow = |behaviour| Behaviour {
        answer_after: Duration::from_millis(99),
        ..behaviour
    };
    let run = run(plan(executor, 4), slow, quiet).await;
    let iterations = run.batch.iterations;
    // Four users, an iteration each 99 ms: 101 for each in 10 s, and the one that is under way.
    assert!((400..=408).contains(&iterations.succeeded), "{iterations:?}");
    assert_eq!(iterations.due, iterations.started);
}

#[tokio::test(start_paused = true)]
async fn a_ramp_of_users_goes_up_and_down() {
    let stages = vec![
        Stage {
            target: 10,
            duration: Duration::from_secs(10),
        },
        Stage {
            target: 0,
            duration: Duration::from_secs(10),
        },
    ];
    let slow = |behaviour| Behaviour {
        answer_after: Duration::from_millis(99),
        ..behaviour
    };
    let run = run(
        plan(Executor::RampingVus { start_vus: 0, stages }, 10),
        slow,
        quiet,
    )
    .await;
    // On average five users for 20 s, ten iterations a second each.
    let succeeded = run.batch.iterations.succeeded;
    assert!((880..=1_080).contains(&succeeded), "{succeeded}");
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_arrivals() {
    let tickets = |run: &Run| {
        let mut tickets: Vec<(u64, u64)> = run
            .batch
            .samples
            .iter()
            .filter_map(|sample| match sample {
                Sample::Request(request) => Some((
                    request.ticket,
                    request.intended.since(run.epoch).as_nanos() as u64,
                )),
                Sample::Event(_) => None,
            })
            .collect();
        tickets.sort_unstable();
        tickets
    };
    let first = run(plan(constant(50.0, 4), 100), |behaviour| behaviour, quiet).await;
    let second = run(plan(constant(50.0, 4), 100), |behaviour| behaviour, quiet).await;
    assert_eq!(
        tickets(&first),
        tickets(&second),
        "the same seed gives the same arrivals"
    );
}
