//! Executors with a fixed number of iterations: each is done once, or dropped and counted when its time is over.

use std::collections::BTreeSet;

use super::*;

/// An answer takes about a second.
fn slow(behaviour: Behaviour) -> Behaviour {
    Behaviour {
        answer_after: Duration::from_millis(990),
        ..behaviour
    }
}

fn per_vu(vus: u32, iterations: u32, max_duration_s: u64) -> Plan {
    let executor = Executor::PerVuIterations {
        vus,
        iterations,
        max_duration: Duration::from_secs(max_duration_s),
    };
    plan(executor, vus)
}

fn shared(vus: u32, iterations: u32, max_duration_s: u64) -> Plan {
    let executor = Executor::SharedIterations {
        vus,
        iterations,
        max_duration: Duration::from_secs(max_duration_s),
    };
    plan(executor, vus)
}

/// The tickets of all requests, each of which there is one sample of.
fn tickets(run: &Run) -> BTreeSet<u64> {
    let tickets: Vec<u64> = requests(run).map(|request| request.ticket).collect();
    let distinct: BTreeSet<u64> = tickets.iter().copied().collect();
    assert_eq!(distinct.len(), tickets.len(), "no ticket is issued twice");
    distinct
}

fn requests(run: &Run) -> impl Iterator<Item = &RequestSample> {
    run.batch.samples.iter().filter_map(|sample| match sample {
        Sample::Request(request) => Some(request),
        Sample::Event(_) => None,
    })
}

#[tokio::test(start_paused = true)]
async fn each_user_takes_its_number_of_iterations() {
    let run = run(per_vu(3, 4, 60), slow, quiet).await;
    assert_eq!(run.batch.iterations.succeeded, 12);
    assert_eq!(tickets(&run), (0..12).collect());
    // Ticket t is user t % 3's: its iterations follow each other, beside those of the others.
    for request in requests(&run) {
        let begun = request.intended.since(run.epoch).as_secs_f64();
        let expected = (request.ticket / 3) as f64;
        assert!((begun - expected).abs() < 0.1, "{}: {begun}", request.ticket);
    }
}

#[tokio::test(start_paused = true)]
async fn users_share_a_number_of_iterations() {
    let run = run(shared(3, 10, 60), slow, quiet).await;
    assert_eq!(run.batch.iterations.succeeded, 10);
    assert_eq!(tickets(&run), (0..10).collect());
}

/// One request of the first user hangs: with `per-vu-iterations` its other iterations wait for it, with
/// `shared-iterations` the other users do them.
#[tokio::test(start_paused = true)]
async fn who_is_done_takes_the_next_only_when_iterations_are_shared() {
    let app = |clock: RunClock, _epoch: Moment| {
        let asked = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let answer = move || async move {
            let first = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
            let after = if first { 9_000 } else { 990 };
            clock
                .sleep_until(clock.now().plus(Duration::from_millis(after)))
                .await;
            StatusCode::OK
        };
        axum::Router::new().route("/", get(answer))
    };
    let last_begun = |run: &Run| {
        let moments = requests(run).map(|request| request.intended);
        moments.max().unwrap().since(run.epoch).as_secs_f64()
    };
    let each = run_against(per_vu(2, 5, 60), app, quiet).await;
    let all = run_against(shared(2, 10, 60), app, quiet).await;
    assert_eq!(each.batch.iterations.succeeded, 10);
    assert_eq!(all.batch.iterations.succeeded, 10);
    assert!(last_begun(&each) > 11.0, "{}", last_begun(&each));
    assert!(last_begun(&all) < 9.5, "{}", last_begun(&all));
}

#[tokio::test(start_paused = true)]
async fn what_max_duration_cuts_off_is_due_and_dropped() {
    for plan in [per_vu(2, 10, 4), shared(2, 20, 4)] {
        let run = run(plan, slow, quiet).await;
        let iterations = run.batch.iterations;
        assert_eq!(iterations.due, 20);
        // Each of the two users began at 0, 1, 2 and 3 s, and ended its last one within the drain.
        assert!((8..=10).contains(&iterations.succeeded), "{iterations:?}");
        assert_eq!(iterations.dropped, 20 - iterations.succeeded);
        assert_eq!(run.outcomes()[&Outcome::Dropped] as u64, iterations.dropped);
        assert_eq!(tickets(&run), (0..20).collect());
        let at_the_end = requests(&run)
            .filter(|request| request.outcome == Outcome::Dropped)
            .all(|request| request.intended.since(run.epoch) >= Duration::from_secs(4));
        assert!(at_the_end, "they are due when their time is over");
    }
}

/// The last iterations have until `max_duration` and the drain are over, not just the drain from when they began.
#[tokio::test(start_paused = true)]
async fn an_iteration_may_take_longer_than_the_drain() {
    let long = |behaviour| Behaviour {
        answer_after: Duration::from_secs(9),
        ..behaviour
    };
    let mut plan = per_vu(1, 1, 60);
    plan.load.drain = Duration::from_secs(1);
    let run = run(plan, long, quiet).await;
    assert_eq!(run.batch.iterations.succeeded, 1);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_load_calls_off_what_has_not_begun() {
    let stop = |clock: RunClock, epoch: Moment, switch: StopSwitch| async move {
        clock.sleep_until(epoch.plus(Duration::from_millis(2_500))).await;
        switch.stop(Stop::Load);
        quiet(clock, epoch, switch).await;
    };
    for plan in [per_vu(2, 10, 60), shared(2, 20, 60)] {
        let run = run(plan, slow, stop).await;
        let iterations = run.batch.iterations;
        assert_eq!((iterations.due, iterations.dropped), (6, 0));
        assert_eq!(iterations.succeeded, 6);
    }
}

/// A load that is stopped before its start sends nothing.
#[tokio::test(start_paused = true)]
async fn a_load_that_was_stopped_before_it_began_begins_nothing() {
    let stop = |clock: RunClock, epoch: Moment, switch: StopSwitch| async move {
        switch.stop(Stop::Load);
        quiet(clock, epoch, switch).await;
    };
    let constant = Executor::ConstantVus {
        vus: 2,
        duration: Duration::from_secs(60),
    };
    for plan in [per_vu(2, 10, 60), shared(2, 20, 60), plan(constant, 2)] {
        let app = |_: RunClock, _: Moment| axum::Router::new();
        let run = run_after(Duration::from_secs(1), plan, app, stop).await;
        assert_eq!(run.batch.iterations.due, 0);
    }
}

/// However many workers there are, the same tickets are issued, and each of them once.
#[tokio::test(start_paused = true)]
async fn workers_share_tickets_and_users() {
    for whole in [per_vu(5, 3, 60), shared(5, 17, 60)] {
        let alone = tickets(&run(whole.clone(), slow, quiet).await);
        let mut together = BTreeSet::new();
        for part in Partition::WHOLE.split(3) {
            let mut plan = whole.clone();
            plan.load.partition = part;
            let run = run(plan, slow, quiet).await;
            let fixed = whole.load.executor.fixed_iterations(part);
            assert_eq!(Some(run.batch.iterations.succeeded), fixed);
            for ticket in tickets(&run) {
                assert!(together.insert(ticket), "{ticket} has two workers");
            }
        }
        assert_eq!(together, alone);
    }
}
