//! Feedback: from the sending of a request to the event that shows its effect.

use axum::http::StatusCode;

use super::*;
use crate::executor::tests::backend::Happening::Change;

#[tokio::test(start_paused = true)]
async fn feedback_is_measured_from_sending_also_when_the_event_precedes_the_answer() {
    for (event_ms, answer_ms) in [(100, 300), (300, 100)] {
        let script = Script {
            answer_after: Duration::from_millis(answer_ms),
            ..Script::new(&[(event_ms, Change("working")), (600, Change("done"))])
        };
        let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, AWAIT]), script).await;
        assert_took(&run.events_ms(SeriesKind::Feedback), event_ms as f64);
        assert_eq!(run.deliveries(), (2, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn feedback_that_does_not_come_after_an_accepted_request_is_bad() {
    let script = Script::new(&[(100, Change("done"))]);
    let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, AWAIT]), script).await;
    assert_eq!(
        run.batch.iterations.succeeded, 1,
        "the user has their result all the same"
    );
    assert_eq!(run.events_ms(SeriesKind::Feedback), [None]);
    assert_eq!(run.deliveries(), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn feedback_later_than_its_deadline_is_bad() {
    let script = Script::new(&[(5_100, Change("working")), (7_000, Change("done"))]);
    let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, AWAIT]), script).await;
    assert_eq!(run.events_ms(SeriesKind::Feedback), [None]);
    assert_eq!(run.deliveries(), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_expects_nothing() {
    let script = Script {
        status: StatusCode::SERVICE_UNAVAILABLE,
        ..Script::new(&[])
    };
    let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, AWAIT]), script).await;
    assert_eq!(run.batch.iterations.failed, 1);
    assert_eq!(run.outcomes(), BTreeMap::from([(Outcome::Status(503), 1)]));
    assert_eq!(run.events_ms(SeriesKind::Feedback), []);
    assert_eq!(run.deliveries(), (0, 0));
    assert!(run.batch.history.is_empty(), "nothing was handed in");
}
