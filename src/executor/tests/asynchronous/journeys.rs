//! Whole journeys: repetitions, pauses, saved values, warm-up, and what each submission has of its own.

use std::collections::BTreeSet;

use axum::http::StatusCode;

use super::*;
use crate::executor::tests::backend::Happening::Change;
use crate::executor::tests::backend::Received;

/// Three submissions, each with its result.
const THREE_TIMES: &str = r#"
[[journey.steps]]
repeat = 3

[[journey.steps.steps]]
think = "400ms"

[[journey.steps.steps]]
request = "POST /tasks"
name = "submit"
body = { user_id = "{{user_id}}", audio_url = "{{recording_url}}", n = "{{repetition}}" }
expect = { status = 202 }
save = { task_id = "/id" }
feedback = { table = "tasks", where = { user_id = "{{user_id}}", status = "working" } }

[[journey.steps.steps]]
await = { table = "tasks", where = { id = "{{task_id}}", status = "done" } }
timeout = "12s"
"#;

fn script() -> Script {
    Script::new(&[(3, Change("working")), (700, Change("done"))])
}

#[tokio::test(start_paused = true)]
async fn every_repetition_counts_and_every_submission_is_its_own() {
    let load = "rate = \"1/s\"\nduration = \"2s\"";
    let (run, backend) = play(scenario(load, &[SUBSCRIBE, THREE_TIMES]), script()).await;
    assert_eq!(run.batch.iterations.succeeded, 2);
    let received = backend.received();
    assert_eq!(received.len(), 6);
    let texts = |key: &str| -> BTreeSet<String> {
        received
            .iter()
            .map(|task| task.body[key].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(texts("user_id").len(), 2, "each ticket is another user");
    assert_eq!(texts("audio_url").len(), 6);
    let keys: BTreeSet<&str> = received
        .iter()
        .map(|task| task.idempotency_key.as_str())
        .collect();
    assert_eq!(keys.len(), 6);
    for user in texts("user_id") {
        let counts: Vec<u64> = received
            .iter()
            .filter(|task| task.body["user_id"] == user.as_str())
            .map(|task| task.body["n"].as_u64().unwrap())
            .collect();
        assert_eq!(counts, [0, 1, 2], "{{repetition}} is a number");
    }
    // Each await found the result of its own task, not of the one before.
    let turnaround = run.total(SeriesKind::Turnaround);
    assert_eq!((turnaround.total, turnaround.bad), (6, 0));
    assert!(
        turnaround.min_ms().is_some_and(|min_ms| min_ms >= 700.0),
        "{turnaround:?}"
    );
    assert_eq!(run.deliveries(), (12, 0));
}

#[tokio::test(start_paused = true)]
async fn a_pause_moves_the_moment_at_which_the_next_step_is_intended() {
    let (run, _) = play(once(&[SUBSCRIBE, THREE_TIMES]), script()).await;
    let requests: Vec<(Moment, Moment)> = run
        .batch
        .samples
        .iter()
        .filter_map(|sample| match sample {
            Sample::Request(request) => Some((request.intended, request.done)),
            Sample::Event(_) => None,
        })
        .collect();
    assert_eq!(requests.len(), 3);
    for pair in requests.windows(2) {
        let gap_ms = pair[1].0.since(pair[0].0).as_secs_f64() * 1e3;
        // The result, 700 ms after the request, and the pause of 400 ms after that.
        assert!((1_100.0..1_112.0).contains(&gap_ms), "{gap_ms}");
        let response_ms = pair[1].1.since(pair[1].0).as_secs_f64() * 1e3;
        assert!(
            (10.0..20.0).contains(&response_ms),
            "the pause is not response time: {response_ms}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_makes_the_same_submissions() {
    let load = "rate = \"2/s\"\nduration = \"2s\"";
    let submissions = async || {
        let (_, backend) = play(scenario(load, &[SUBSCRIBE, THREE_TIMES]), script()).await;
        let submissions: BTreeSet<(String, String)> = backend
            .received()
            .into_iter()
            .map(|task| (task.body.to_string(), task.idempotency_key))
            .collect();
        submissions
    };
    let first = submissions().await;
    assert_eq!(first.len(), 12);
    assert_eq!(first, submissions().await);
}

#[tokio::test(start_paused = true)]
async fn what_a_warm_up_ticket_leads_to_stays_warm_up() {
    let load = "rate = \"1/s\"\nduration = \"4s\"\nwarm_up = \"2s\"";
    // Results come 3 s after the request: those of the warm-up tickets arrive in the measured phase.
    let script = Script::new(&[(3, Change("working")), (3_000, Change("done"))]);
    let (run, _) = play(scenario(load, &[SUBSCRIBE, SUBMIT, AWAIT]), script).await;
    assert_eq!(run.batch.iterations.succeeded, 4);
    for kind in [
        SeriesKind::Response,
        SeriesKind::SchedulingLag,
        SeriesKind::Subscribe,
        SeriesKind::Feedback,
        SeriesKind::Turnaround,
    ] {
        assert_eq!(run.total(kind).total, 2, "{kind:?}");
    }
    for kind in [SeriesKind::Realtime, SeriesKind::RealtimeDelivery] {
        assert_eq!(run.total(kind).total, 4, "{kind:?}");
    }
}

/// Three submissions at once, then the result of whichever is first.
const AT_ONCE: &str = r#"
[[journey.steps]]
parallel = 3

[[journey.steps.steps]]
request = "POST /tasks"
name = "submit"
body = { user_id = "{{user_id}}", audio_url = "{{recording_url}}", n = "{{repetition}}" }
expect = { status = 202 }
save = { task_id = "/id" }

[journey.steps.steps.submission]
kind = "recording-analyses"
reference = "{{task_id}}"
read_back = "GET /tasks/{{task_id}}"
completed = { "/status" = ["done"] }

[[journey.steps]]
await = { table = "tasks", where = { user_id = "{{user_id}}", status = "done" } }
timeout = "12s"
"#;

#[tokio::test(start_paused = true)]
async fn what_is_parallel_is_sent_at_once_by_one_user_and_each_course_has_its_own_values() {
    let load = "rate = \"1/s\"\nduration = \"2s\"";
    let (run, backend) = play(scenario(load, &[SUBSCRIBE, AT_ONCE]), script()).await;
    assert_eq!(run.batch.iterations.succeeded, 2);
    let received = backend.received();
    let count = |key: &dyn Fn(&Received) -> String| received.iter().map(key).collect::<BTreeSet<_>>().len();
    assert_eq!(received.len(), 6);
    assert_eq!(count(&|task| task.body["user_id"].to_string()), 2);
    assert_eq!(count(&|task| task.body["audio_url"].to_string()), 6);
    assert_eq!(count(&|task| task.idempotency_key.clone()), 6);
    assert_eq!(count(&|task| task.body["n"].to_string()), 3);
    // Each hands in, and is told of, its own task.
    let references: BTreeSet<Option<String>> = run
        .batch
        .history
        .iter()
        .filter_map(|record| match record {
            HistoryRecord::Submission(submission) => Some(submission.reference.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(references.len(), 6);
    let responses = run.total(SeriesKind::Response);
    assert_eq!((responses.total, responses.bad), (6, 0));
    // None of them waited for another: they are answered after 10 ms.
    assert!(
        responses.quantile_ms(1.0).is_some_and(|ms| ms < 20.0),
        "{responses:?}"
    );
    // What is waited for comes of all of them: it is the result of no single one.
    assert_eq!(run.total(SeriesKind::Turnaround).total, 2);
    assert!(run.channels().is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_course_that_fails_ends_the_journey_and_cuts_off_no_other() {
    let script = Script {
        status: StatusCode::CONFLICT,
        ..script()
    };
    let (run, backend) = play(once(&[SUBSCRIBE, AT_ONCE]), script).await;
    assert_eq!(run.batch.iterations.failed, 1);
    assert_eq!(backend.received().len(), 3);
    assert_eq!(run.total(SeriesKind::Response).bad, 3);
    assert_eq!(run.total(SeriesKind::Turnaround).total, 0);
}
