//! Users with patience in virtual time: who leaves, who tries again, and what that leaves behind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::extract::Path;
use axum::http::StatusCode;
use proptest::prelude::*;

use super::*;
use crate::chance::Purpose;
use crate::executor::tests::backend::Happening::{Change, SilentChange};
use crate::metrics::{SessionEnd, SessionRecord};
use crate::units::Ratio;

/// A page, a pause, and another page.
const TWO_PAGES: &str = r#"
[[journey.steps]]
request = "GET /first/{{ticket}}"
name = "first"

[[journey.steps]]
think = "1s"

[[journey.steps]]
request = "GET /second/{{ticket}}"
name = "second"
"#;

const LOAD_OF_200: &str = "rate = \"20/s\"\nduration = \"10s\"";

fn users(patience: Patience, retry: f64) -> Users {
    Users {
        patience,
        retry: Ratio::new(retry).unwrap(),
        complain: Ratio::new(1.0).unwrap(),
        satisfaction: Satisfaction::default(),
    }
}

fn with_users(mut plan: Plan, users: Users) -> Plan {
    plan.users = Some(users);
    plan
}

/// How long the user of a ticket waits at the n-th step: worked out here from the seed alone.
fn patience(plan: &Plan, ticket: u64, n: u64) -> Duration {
    let users = plan.users.as_ref().unwrap();
    let uniform = Chance::new(plan.seed).uniform(ticket, Purpose::Patience, n);
    users.patience.draw(uniform)
}

impl Run {
    fn sessions(&self) -> BTreeMap<u64, SessionRecord> {
        let of = |record: &HistoryRecord| match record {
            HistoryRecord::Session(session) => Some((session.ticket, session.clone())),
            _ => None,
        };
        self.batch.history.iter().filter_map(of).collect()
    }

    fn who_left(&self) -> BTreeSet<u64> {
        let sessions = self.sessions();
        let left = sessions.values().filter(|session| session.end.is_left());
        left.map(|session| session.ticket).collect()
    }
}

/// Answers every page after some time.
fn pages(answer_after: Duration) -> impl FnOnce(RunClock, Moment) -> axum::Router {
    move |clock, _| {
        let answer = move || async move {
            clock.sleep_until(clock.now().plus(answer_after)).await;
        };
        axum::Router::new()
            .route("/first/{ticket}", get(answer))
            .route("/second/{ticket}", get(answer))
    }
}

async fn against_pages(plan: &Plan, answer_after_ms: u64) -> Run {
    let app = pages(Duration::from_millis(answer_after_ms));
    run_against(plan.clone(), app, quiet).await
}

/// Who must leave when every page takes so long, at either of two steps. The grain of the runtime's timer leaves those
/// open whose patience ends in the few milliseconds after; there are none.
fn who_must_leave(plan: &Plan, answer_after_ms: u64) -> BTreeSet<u64> {
    let leaves = |ticket: u64, n: u64| {
        let patience = patience(plan, ticket, n);
        let page = Duration::from_millis(answer_after_ms);
        assert!(
            patience < page || patience > page + Duration::from_millis(8),
            "ticket {ticket} is undecided"
        );
        patience < page
    };
    (0..200)
        .filter(|ticket| leaves(*ticket, 0) || leaves(*ticket, 1))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn exactly_the_impatient_leave_a_slow_server() {
    let plan = with_users(scenario(LOAD_OF_200, &[TWO_PAGES]), users(Patience::app(), 0.7));
    let run = against_pages(&plan, 3_000).await;
    let expected = who_must_leave(&plan, 3_000);
    assert!((20..60).contains(&expected.len()), "{}", expected.len());
    assert_eq!(run.who_left(), expected);
    let iterations = run.batch.iterations;
    assert_eq!(iterations.abandoned, expected.len() as u64);
    assert_eq!((iterations.failed, iterations.unfinished), (0, 0));
    // Whoever left at the first page never asked for the second; nothing was cut off in the middle.
    let left_first = (0..200)
        .filter(|ticket| patience(&plan, *ticket, 0) < Duration::from_secs(3))
        .count();
    let responses = run.total(SeriesKind::Response);
    assert_eq!((responses.total, responses.bad), (400 - left_first as u64, 0));
    let sessions = run.sessions();
    for (ticket, session) in &sessions {
        let at = match session.end {
            SessionEnd::LeftWaiting if patience(&plan, *ticket, 0) < Duration::from_secs(3) => Some("first"),
            SessionEnd::LeftWaiting => Some("second"),
            SessionEnd::Reached => None,
            other => panic!("{ticket} ended as {other:?}"),
        };
        assert_eq!(session.left_at.as_deref(), at, "ticket {ticket}");
    }
    let abandonment = run.total(SeriesKind::Abandonment);
    assert_eq!((abandonment.total, abandonment.bad), (200, expected.len() as u64));
    let waits = run.total(SeriesKind::StepWait);
    assert_eq!((waits.total, waits.bad), (responses.total, expected.len() as u64));
    let tally = &run.batch.users;
    assert_eq!((tally.sessions, tally.left_waiting), (200, expected.len() as u64));
    assert_eq!(tally.by_step[&StepId(0)].left_waiting, left_first as u64);
    // Every page took twenty times its T: whoever saw two of them has reason to complain.
    assert_eq!(run.total(SeriesKind::Apdex).apdex(), Some(0.0));
    assert_eq!(tally.complaints.frustrated, 200 - left_first as u64);
}

#[tokio::test(start_paused = true)]
async fn the_same_users_come_to_whichever_target_is_tested() {
    let mut easily_content = users(Patience::app(), 0.7);
    easily_content.satisfaction.request = Duration::from_secs(2);
    let plan = with_users(scenario(LOAD_OF_200, &[TWO_PAGES]), easily_content);
    let (fast, slow) = (
        against_pages(&plan, 1_000).await,
        against_pages(&plan, 5_000).await,
    );
    let again = against_pages(&plan, 5_000).await;
    assert_eq!(slow.who_left(), again.who_left(), "the same seed, the same users");
    assert_eq!(fast.who_left(), who_must_leave(&plan, 1_000));
    assert_eq!(slow.who_left(), who_must_leave(&plan, 5_000));
    assert!(
        fast.who_left().is_subset(&slow.who_left()) && fast.who_left().len() < slow.who_left().len(),
        "whoever has no patience with a fast target has none with a slow one"
    );
    // What the floor counts depends on the users alone.
    let floor = |run: &Run| run.total(SeriesKind::AbandonmentAtTarget).bad;
    assert_eq!(floor(&fast), floor(&slow));
    let target = Duration::from_secs(2);
    let expected = (0..200).filter(|ticket| (0..2).any(|n| patience(&plan, *ticket, n) < target));
    let expected = expected.count() as u64;
    assert!(expected > 5, "{expected}");
    assert_eq!(floor(&fast), expected);
    let other = Plan {
        seed: 8,
        ..plan.clone()
    };
    let other = against_pages(&other, 5_000).await;
    assert_ne!(other.who_left(), slow.who_left(), "another seed, other users");
}

#[tokio::test(start_paused = true)]
async fn a_fast_target_keeps_its_users_and_satisfies_them() {
    let plan = with_users(scenario(LOAD_OF_200, &[TWO_PAGES]), users(Patience::app(), 0.7));
    let run = against_pages(&plan, 5).await;
    assert_eq!(run.batch.iterations.succeeded, 200);
    assert_eq!(run.total(SeriesKind::Apdex).apdex(), Some(1.0));
    assert_eq!(run.total(SeriesKind::Complaint).bad, 0);
    assert_eq!(run.batch.users.reached_end, 200);
}

#[tokio::test(start_paused = true)]
async fn without_users_with_patience_nothing_changes() {
    let plan = scenario(LOAD_OF_200, &[TWO_PAGES]);
    let run = against_pages(&plan, 3_000).await;
    assert_eq!(run.batch.iterations.succeeded, 200);
    assert!(run.sessions().is_empty());
    for kind in SeriesKind::ALL.into_iter().filter(|kind| !kind.is_time()) {
        assert_eq!(run.total(kind).total, 0, "{kind:?}");
    }
}

/// Answers after some time, each ticket's first requests with an error and the others well.
fn failing_at_first(errors: u32, answer_after: Duration) -> impl FnOnce(RunClock, Moment) -> axum::Router {
    let seen: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
    move |clock, _| {
        let answer = move |Path(ticket): Path<String>| {
            let seen = Arc::clone(&seen);
            async move {
                clock.sleep_until(clock.now().plus(answer_after)).await;
                let mut seen = seen.lock().unwrap();
                let attempts = seen.entry(ticket).or_default();
                *attempts += 1;
                if *attempts <= errors {
                    StatusCode::INTERNAL_SERVER_ERROR
                } else {
                    StatusCode::OK
                }
            }
        };
        axum::Router::new()
            .route("/first/{ticket}", get(answer.clone()))
            .route("/second/{ticket}", get(answer))
    }
}

#[tokio::test(start_paused = true)]
async fn after_an_error_users_try_once_more_or_leave() {
    let plan = with_users(scenario(LOAD_OF_200, &[TWO_PAGES]), users(Patience::app(), 0.7));
    let run = run_against(plan, failing_at_first(1, Duration::from_millis(5)), quiet).await;
    let tally = &run.batch.users;
    // 70 % of 200, give or take.
    assert!((120..160).contains(&tally.retries), "{tally:?}");
    assert_eq!(tally.retries_healed, tally.retries);
    assert_eq!(tally.left_after_error, 200 - tally.retries);
    assert_eq!(run.batch.iterations.abandoned, tally.left_after_error);
    // Each attempt is a request: one failed for each user, the second attempt and the second page were well.
    let responses = run.total(SeriesKind::Response);
    assert_eq!((responses.total, responses.bad), (200 + 2 * tally.retries, 200));
    // A step on which an error was shown is frustrating though it was healed; one such step is no reason to complain.
    let apdex = run.total(SeriesKind::Apdex);
    assert_eq!((apdex.total, apdex.bad), (200 + tally.retries, 200));
    assert_eq!(tally.complaints.sessions, 0);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_is_not_healed_is_a_reason_to_complain() {
    let plan = with_users(scenario(LOAD_OF_200, &[TWO_PAGES]), users(Patience::app(), 1.0));
    let run = run_against(plan, failing_at_first(99, Duration::from_millis(5)), quiet).await;
    let tally = &run.batch.users;
    assert_eq!((tally.retries, tally.retries_healed), (200, 0));
    assert_eq!((tally.left_after_error, tally.complaints.errors), (200, 200));
    let responses = run.total(SeriesKind::Response);
    assert_eq!((responses.total, responses.bad), (400, 400));
    let complaints = run.total(SeriesKind::Complaint);
    assert_eq!((complaints.total, complaints.bad), (200, 200));
    assert_eq!(
        run.batch.iterations.failed, 0,
        "the users left of their own accord"
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_attempt_is_the_same_request() {
    let plan = with_users(once(&[SUBSCRIBE, SUBMIT, AWAIT]), users(Patience::app(), 1.0));
    let script = Script {
        status: StatusCode::SERVICE_UNAVAILABLE,
        ..Script::new(&[])
    };
    let (run, backend) = play(plan, script).await;
    let received = backend.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].idempotency_key, received[1].idempotency_key);
    assert_eq!(received[0].body, received[1].body);
    assert_eq!(run.batch.iterations.abandoned, 1);
}

/// Users who leave after 1 s, or after a year.
fn all_leave_after_a_second() -> Patience {
    let anchor = |after_ms: u64, leave: f64| Anchor {
        after: Duration::from_millis(after_ms),
        leave: Ratio::new(leave).unwrap(),
    };
    Patience::from_anchors([anchor(900, 0.001), anchor(1_100, 0.999)]).unwrap()
}

#[tokio::test(start_paused = true)]
async fn who_leaves_a_result_is_owed_it_all_the_same() {
    let plan = with_users(
        once(&[SUBSCRIBE, SUBMIT, AWAIT, TWO_PAGES]),
        users(all_leave_after_a_second(), 0.7),
    );
    let script = Script::new(&[(3, Change("working")), (3_000, Change("done"))]);
    let (run, _) = play(plan, script).await;
    assert_eq!(run.batch.iterations.abandoned, 1);
    let session = &run.sessions()[&0];
    assert_eq!(session.end, SessionEnd::LeftWaiting);
    assert_eq!(
        session.left_at.as_deref(),
        Some("submit"),
        "a step is named after what the user did"
    );
    // The result was followed to its end: the figures are those of the target.
    assert_took(&run.events_ms(SeriesKind::Turnaround), 3_000.0);
    assert_eq!(run.channels(), [ResultChannel::Event]);
    assert_eq!(run.deliveries(), (2, 0));
    let submissions = run
        .batch
        .history
        .iter()
        .filter(|record| matches!(record, HistoryRecord::Submission(_)));
    assert_eq!(submissions.count(), 1);
    // Nothing further was sent.
    assert_eq!(run.total(SeriesKind::Response).total, 1);
    // The request was answered in time; the result came when nobody was there any more.
    let apdex = run.total(SeriesKind::Apdex);
    assert_eq!((apdex.total, apdex.bad), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_wait_counts_from_the_moment_the_user_turns_to_it() {
    // The result comes while the user pauses: they never wait for it.
    let plan = with_users(
        once(&[SUBSCRIBE, SUBMIT, THINK, AWAIT]),
        users(all_leave_after_a_second(), 0.7),
    );
    let script = Script::new(&[(3, Change("working")), (1_900, Change("done"))]);
    let (run, _) = play(plan, script).await;
    assert_eq!(run.batch.iterations.succeeded, 1);
    assert_eq!(run.total(SeriesKind::Apdex).apdex(), Some(1.0));
    let waits = run.total(SeriesKind::StepWait);
    assert_eq!((waits.total, waits.bad), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_result_that_never_comes_is_an_error_that_nobody_can_try_again() {
    let patient = Patience::from_anchors([
        Anchor {
            after: Duration::from_secs(3_600),
            leave: Ratio::new(0.001).unwrap(),
        },
        Anchor {
            after: Duration::from_secs(7_200),
            leave: Ratio::new(0.5).unwrap(),
        },
    ]);
    let plan = with_users(once(&[SUBSCRIBE, SUBMIT, AWAIT]), users(patient.unwrap(), 0.7));
    let (run, _) = play(plan, Script::new(&[(3, Change("working"))])).await;
    let tally = &run.batch.users;
    assert_eq!((tally.left_after_error, tally.retries), (1, 0));
    assert_eq!((tally.complaints.errors, tally.complaints.sessions), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_does_not_come_is_stale() {
    let plan = with_users(once(&[SUBSCRIBE, SUBMIT, AWAIT]), users(Patience::app(), 0.7));
    // Nobody hears of the result; polling brings it after 5 s.
    let script = Script::new(&[(3, Change("working")), (100, SilentChange("done"))]);
    let (run, _) = play(plan, script).await;
    let tally = &run.batch.users;
    assert_eq!(tally.complaints.stale, 1, "{tally:?}");
    assert_eq!(run.total(SeriesKind::Complaint).bad, 1);
}

#[tokio::test(start_paused = true)]
async fn who_had_left_before_the_end_of_the_drain_is_gone_and_not_unfinished() {
    let mut plan = with_users(scenario(LOAD_OF_200, &[TWO_PAGES]), users(Patience::app(), 0.7));
    plan.load.drain = Duration::from_secs(4);
    let run = against_pages(&plan, 9_000).await;
    let iterations = run.batch.iterations;
    assert!(
        iterations.unfinished > 0 && iterations.abandoned > 0,
        "{iterations:?}"
    );
    for session in run.sessions().values() {
        let waited = Duration::from_nanos(session.ended_ns - session.began_ns);
        // Those who had seen the first page are patient with the second by another draw.
        if session.end == SessionEnd::Unfinished && waited < Duration::from_secs(9) {
            assert!(patience(&plan, session.ticket, 0) >= waited.saturating_sub(Duration::from_millis(5)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever users are like and whatever the server does, every session ends in one way and is counted once.
    #[test]
    fn every_session_is_accounted_for(
        seed in any::<u64>(),
        half_leave_after_ms in 50_u64..3_000,
        retry in 0.0_f64..=1.0,
        answer_after_ms in 1_u64..2_000,
        errors in 0_u32..3,
        drain_ms in 0_u64..3_000,
        max_vus in 1_u32..40,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let patience = Patience::from_anchors([
            Anchor { after: Duration::from_millis(half_leave_after_ms / 2), leave: Ratio::new(0.2).unwrap() },
            Anchor { after: Duration::from_millis(half_leave_after_ms), leave: Ratio::new(0.5).unwrap() },
        ]);
        let mut plan = with_users(
            scenario("rate = \"20/s\"\nduration = \"2s\"", &[TWO_PAGES]),
            users(patience.unwrap(), retry),
        );
        plan.seed = seed;
        plan.load.drain = Duration::from_millis(drain_ms);
        plan.load.max_vus = max_vus;
        let app = failing_at_first(errors, Duration::from_millis(answer_after_ms));
        // The identities of the iterations are checked where every run ends.
        let run = runtime.block_on(run_against(plan, app, quiet));
        let iterations = run.batch.iterations;
        let tally = &run.batch.users;
        prop_assert_eq!(tally.sessions, iterations.started);
        let ends = tally.reached_end + tally.left() + tally.failed + tally.unfinished;
        prop_assert_eq!(ends, tally.sessions);
        prop_assert_eq!(
            (tally.reached_end, tally.left(), tally.unfinished),
            (iterations.succeeded, iterations.abandoned, iterations.unfinished)
        );
        prop_assert_eq!(run.sessions().len() as u64, iterations.started);
        let abandonment = run.total(SeriesKind::Abandonment);
        prop_assert_eq!((abandonment.total, abandonment.bad), (iterations.started, iterations.abandoned));
        let by_step: u64 = tally.by_step.values().map(|step| step.left_waiting + step.left_after_error).sum();
        prop_assert_eq!(by_step, iterations.abandoned);
        prop_assert!(tally.retries_healed <= tally.retries);
    }
}
