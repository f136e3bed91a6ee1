//! How a result reaches its user: by event, by the read after subscribing, by polling, or not at all.

use super::*;
use crate::executor::tests::backend::Happening::{Change, CutSockets, SilentChange};
use crate::executor::tests::backend::Subscription;

#[tokio::test(start_paused = true)]
async fn a_result_arrives_by_event() {
    let script = Script::new(&[(3, Change("working")), (1_200, Change("done"))]);
    let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, AWAIT]), script).await;
    assert_eq!(run.batch.iterations.succeeded, 1);
    assert_eq!(run.channels(), [ResultChannel::Event]);
    let turnaround = run.events_ms(SeriesKind::Turnaround);
    assert_took(&turnaround, 1_200.0);
    assert_eq!(
        run.deliveries(),
        (2, 0),
        "the status change and the result were due"
    );
    assert_eq!(run.batch.counters.polls, 0);
    assert_eq!(
        run.total(SeriesKind::Realtime).total,
        2,
        "each event tells when it was committed"
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_that_came_while_the_user_was_thinking_is_found_by_the_await() {
    let script = Script::new(&[(3, Change("working")), (500, Change("done"))]);
    let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, THINK, AWAIT]), script).await;
    assert_eq!(run.channels(), [ResultChannel::Event]);
    assert_took(&run.events_ms(SeriesKind::Turnaround), 500.0);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_came_before_the_answer_is_found_by_the_await() {
    let script = Script {
        answer_after: Duration::from_millis(300),
        ..Script::new(&[(3, Change("working")), (100, Change("done"))])
    };
    let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, AWAIT]), script).await;
    assert_eq!(run.channels(), [ResultChannel::Event]);
    assert_took(&run.events_ms(SeriesKind::Turnaround), 100.0);
    assert_eq!(run.deliveries(), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_never_comes_is_a_realtime_failure_though_polling_finds_the_result() {
    let script = Script::new(&[(3, Change("working")), (1_500, SilentChange("done"))]);
    let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, AWAIT]), script).await;
    assert_eq!(run.batch.iterations.succeeded, 1);
    assert_eq!(run.channels(), [ResultChannel::Poll]);
    assert_took(&run.events_ms(SeriesKind::Turnaround), 5_000.0);
    assert_eq!(
        run.deliveries(),
        (2, 1),
        "the status change came, the result's event did not"
    );
    assert_eq!(run.batch.counters.polls, 1);
    assert_eq!(
        run.total(SeriesKind::Response).total,
        1,
        "a poll is no request of the load"
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_that_follows_the_poll_within_its_deadline_is_no_failure() {
    // The row shows the result some time before its event is sent.
    let script = Script::new(&[
        (3, Change("working")),
        (4_900, SilentChange("done")),
        (5_400, Change("done")),
    ]);
    let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, AWAIT]), script).await;
    assert_eq!(run.channels(), [ResultChannel::Poll]);
    assert_eq!(run.deliveries(), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_result_that_neither_event_nor_poll_brings_fails_at_its_deadline() {
    let script = Script::new(&[(3, Change("working"))]);
    let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, AWAIT]), script).await;
    assert_eq!(run.batch.iterations.failed, 1);
    assert_eq!(run.events_ms(SeriesKind::Turnaround), [None]);
    assert_eq!(run.channels(), []);
    // At 5 s, 6 s, …, 11 s: none at the deadline of 12 s.
    assert_eq!(run.batch.counters.polls, 7);
    assert_eq!(
        run.deliveries(),
        (1, 0),
        "nothing says that there was a result to be told of"
    );
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_is_answered_after_the_deadline_does_not_save_the_result() {
    let script = Script {
        read_after: Duration::from_millis(900),
        ..Script::new(&[(3, Change("working")), (12_300, SilentChange("done"))])
    };
    // The last poll goes out at 11.5 s; its answer, at 12.4 s, would show the result.
    let late = AWAIT.replace("after = \"5s\"", "after = \"11500ms\"");
    let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, &late]), script).await;
    assert_eq!(run.batch.counters.polls, 1);
    assert_eq!(run.events_ms(SeriesKind::Turnaround), [None]);
    assert_eq!(run.batch.iterations.failed, 1);
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_breaks_makes_the_user_poll_at_once() {
    let script = Script::new(&[
        (3, Change("working")),
        (500, CutSockets),
        (800, SilentChange("done")),
    ]);
    let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, AWAIT]), script).await;
    assert_eq!(run.batch.iterations.succeeded, 1);
    assert_eq!(run.batch.counters.sockets_lost, 1);
    // One poll as the socket breaks, the next a second later.
    assert_eq!(run.batch.counters.polls, 2);
    assert_took(&run.events_ms(SeriesKind::Turnaround), 1_500.0);
    assert_eq!(run.deliveries(), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn an_event_received_before_the_socket_broke_is_still_found() {
    let script = Script::new(&[(3, Change("working")), (100, Change("done")), (500, CutSockets)]);
    let without_fallback = AWAIT.split("fallback").next().unwrap_or_default();
    let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, THINK, without_fallback]), script).await;
    assert_eq!(run.batch.counters.sockets_lost, 1);
    assert_eq!(run.channels(), [ResultChannel::Event]);
    assert_took(&run.events_ms(SeriesKind::Turnaround), 100.0);
}

#[tokio::test(start_paused = true)]
async fn what_happened_before_the_subscription_was_live_is_read_and_is_no_realtime_failure() {
    let script = Script {
        subscription: Subscription::LiveAfter(Duration::from_millis(300)),
        ..Script::new(&[(100, Change("done"))])
    };
    let subscribe =
        format!("{SUBSCRIBE}read = {{ request = \"GET /tasks/{{{{task_id}}}}\", table = \"tasks\" }}\n");
    let submit = SUBMIT
        .lines()
        .filter(|line| !line.starts_with("feedback"))
        .collect::<Vec<_>>()
        .join("\n");
    let (run, _) = play(once(&[&submit, &subscribe, AWAIT]), script).await;
    assert_eq!(run.batch.iterations.succeeded, 1);
    assert_eq!(run.channels(), [ResultChannel::Read]);
    // Answered after 10 ms, live 300 ms later, then read.
    assert_took(&run.events_ms(SeriesKind::Turnaround), 310.0);
    assert_eq!(run.deliveries(), (0, 0), "no event was due");
    assert_eq!(
        (run.batch.counters.initial_reads, run.batch.counters.polls),
        (1, 0)
    );
    assert_eq!(
        run.total(SeriesKind::Response).total,
        1,
        "the read is no request of the load"
    );
}

#[tokio::test(start_paused = true)]
async fn a_result_that_came_after_its_deadline_is_late_also_for_a_user_who_thought_meanwhile() {
    let script = Script::new(&[(3, Change("working")), (1_500, Change("done"))]);
    let short = AWAIT
        .replace("12s", "1s")
        .split("fallback")
        .next()
        .unwrap_or_default()
        .to_owned();
    let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, THINK, &short]), script).await;
    assert_eq!(run.events_ms(SeriesKind::Turnaround), [None]);
    assert_eq!(run.batch.iterations.failed, 1);
}
