//! Subscriptions: measured until they are live, survived when they are refused, watched for what must not arrive.

use super::*;
use crate::executor::tests::backend::Happening::{
    Change, ForeignEvent, LoseChannels, SameEventAgain, SilentChange, UndatedChange,
};
use crate::executor::tests::backend::Subscription;

#[tokio::test(start_paused = true)]
async fn a_subscription_is_done_when_it_is_live_not_when_the_join_is_acknowledged() {
    let script = Script {
        subscription: Subscription::LiveAfter(Duration::from_millis(250)),
        ..Script::new(&[(3, Change("working")), (20, Change("done"))])
    };
    let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, AWAIT]), script).await;
    assert_took(&run.events_ms(SeriesKind::Subscribe), 250.0);
    assert_eq!(run.channels(), [ResultChannel::Event]);
}

#[tokio::test(start_paused = true)]
async fn after_a_refused_subscription_the_journey_goes_on_by_polling_at_once() {
    let script = Script {
        subscription: Subscription::Refused,
        ..Script::new(&[(3, Change("working")), (1_500, Change("done"))])
    };
    let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, AWAIT]), script).await;
    assert_eq!(run.events_ms(SeriesKind::Subscribe), [None]);
    assert_eq!(run.batch.iterations.succeeded, 1);
    assert_eq!(run.channels(), [ResultChannel::Poll]);
    // As the answer is there (10 ms), and each second from then on.
    assert_took(&run.events_ms(SeriesKind::Turnaround), 2_010.0);
    assert_eq!(run.batch.counters.polls, 3);
    assert_eq!(run.deliveries(), (2, 2), "the user heard of nothing");
    assert_eq!(run.batch.counters.sockets_lost, 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_socket_everything_that_was_due_over_it_is_a_failure_and_not_a_missing_sample() {
    let script = Script {
        subscription: Subscription::NoSocket,
        ..Script::new(&[(3, Change("working")), (1_500, Change("done"))])
    };
    let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, AWAIT]), script).await;
    assert_eq!(run.events_ms(SeriesKind::Subscribe), [None]);
    assert_eq!(run.events_ms(SeriesKind::Feedback), [None]);
    assert_eq!(run.deliveries(), (2, 2));
    assert_eq!(run.batch.iterations.succeeded, 1, "polling brings the result");
    assert_took(&run.events_ms(SeriesKind::Turnaround), 2_010.0);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_never_becomes_live_fails_at_its_time_out() {
    let script = Script {
        subscription: Subscription::LiveAfter(Duration::from_secs(3_600)),
        ..Script::new(&[(100, Change("done"))])
    };
    let subscribe = format!("{SUBSCRIBE}timeout = \"2s\"\n");
    let (run, _) = play(once(&[&subscribe, SUBMIT, AWAIT]), script).await;
    assert_eq!(run.events_ms(SeriesKind::Subscribe), [None]);
    assert_eq!(run.channels(), [ResultChannel::Poll]);
    let response = run.total(SeriesKind::Response);
    assert!(
        response.max_ms().is_some_and(|max_ms| max_ms < 20.0),
        "the wait for the subscription is not charged to the request after it: {response:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_of_another_user_is_on_record() {
    let script = Script::new(&[(3, Change("working")), (40, ForeignEvent), (100, Change("done"))]);
    let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, AWAIT]), script).await;
    assert_eq!(run.sightings(), [Sighting::Misdelivered]);
}

#[tokio::test(start_paused = true)]
async fn the_same_event_twice_on_one_subscription_is_on_record() {
    let script = Script::new(&[
        (3, Change("working")),
        (40, SameEventAgain),
        (100, Change("done")),
    ]);
    let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, AWAIT]), script).await;
    assert_eq!(run.sightings(), [Sighting::Duplicated]);
}

#[tokio::test(start_paused = true)]
async fn a_change_without_the_moment_of_its_commit_is_counted_and_has_no_latency() {
    let script = Script::new(&[(3, Change("working")), (100, UndatedChange("done"))]);
    let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, AWAIT]), script).await;
    assert_eq!(run.batch.iterations.succeeded, 1, "the user got it all the same");
    assert_eq!(run.total(SeriesKind::Realtime).total, 1);
    assert_eq!(run.batch.counters.events_without_commit, 1);
}

#[tokio::test(start_paused = true)]
async fn one_event_on_each_of_two_subscriptions_is_as_it_should_be() {
    let second = SUBSCRIBE.replace("tasks_{{user_id}}", "all_tasks_{{user_id}}") + "name = \"second\"\n";
    let script = Script::new(&[(3, Change("working")), (100, Change("done"))]);
    let (run, _) = play(once(&[SUBSCRIBE, &second, SUBMIT, AWAIT]), script).await;
    assert_eq!(run.sightings(), []);
    assert_eq!(
        run.total(SeriesKind::Realtime).total,
        4,
        "both subscriptions told of both changes"
    );
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_the_server_lost_is_joined_again_on_the_same_socket() {
    let script = Script::new(&[
        (3, Change("working")),
        (500, LoseChannels),
        (2_000, Change("done")),
    ]);
    let without_fallback = AWAIT.split("fallback").next().unwrap_or_default();
    let (run, _) = play(once(&[SUBSCRIBE, SUBMIT, without_fallback]), script).await;
    assert_eq!(run.batch.iterations.succeeded, 1);
    let counters = &run.batch.counters;
    assert_eq!((counters.channels_rejoined, counters.sockets_lost), (1, 0));
    assert_eq!(run.channels(), [ResultChannel::Event]);
    assert_took(&run.events_ms(SeriesKind::Turnaround), 2_000.0);
    assert_eq!(run.deliveries(), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn what_happened_while_a_channel_was_lost_is_read_when_it_is_live_again() {
    let script = Script::new(&[
        (3, Change("working")),
        (500, LoseChannels),
        (800, SilentChange("done")),
    ]);
    let without_fallback = AWAIT.split("fallback").next().unwrap_or_default();
    // The first task is known to be `t0`.
    let subscribe = format!("{SUBSCRIBE}read = {{ request = \"GET /tasks/t0\", table = \"tasks\" }}\n");
    let (run, _) = play(once(&[&subscribe, SUBMIT, without_fallback]), script).await;
    assert_eq!(run.batch.iterations.succeeded, 1);
    assert_eq!(run.channels(), [ResultChannel::Read]);
    // Joined again after 1 s, live 20 ms later.
    assert_took(&run.events_ms(SeriesKind::Turnaround), 1_520.0);
    assert_eq!(run.batch.counters.initial_reads, 2);
}
