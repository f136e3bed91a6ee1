//! Whatever course events take: every submission ends in exactly one turnaround, and every event that was due in
//! exactly one delivery.

use std::sync::LazyLock;

use axum::http::StatusCode;
use proptest::prelude::*;

use super::*;
use crate::executor::tests::backend::Happening::{
    self, Change, CutSockets, ForeignEvent, LoseChannels, SameEventAgain, SilentChange,
};
use crate::executor::tests::backend::Subscription;

/// The result deadline, and the grain of the timers on the way.
const DEADLINE_MS: f64 = 12_000.0;
const GRAIN_MS: f64 = 5.0;

/// Read once: checking a scenario takes longer than running it.
static PLAN: LazyLock<Plan> = LazyLock::new(|| once(&[SUBSCRIBE, SUBMIT, AWAIT]));

fn happenings() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => Just(Change("working")),
        3 => Just(Change("done")),
        2 => Just(SilentChange("done")),
        1 => Just(CutSockets),
        1 => Just(LoseChannels),
        1 => Just(ForeignEvent),
        1 => Just(SameEventAgain),
    ]
}

fn scripts() -> impl Strategy<Value = Script> {
    let subscription = prop_oneof![
        6 => (0_u64..3_000).prop_map(|after| Subscription::LiveAfter(Duration::from_millis(after))),
        1 => Just(Subscription::Refused),
        1 => Just(Subscription::NoSocket),
    ];
    (
        proptest::collection::vec((0_u64..14_000, happenings()), 0..5),
        0_u64..3_000,
        prop_oneof![4 => Just(StatusCode::ACCEPTED), 1 => Just(StatusCode::BAD_GATEWAY)],
        subscription,
        0_u64..1_500,
    )
        .prop_map(
            |(timeline, answer_after, status, subscription, read_after)| Script {
                answer_after: Duration::from_millis(answer_after),
                status,
                subscription,
                read_after: Duration::from_millis(read_after),
                ..Script::new(&timeline)
            },
        )
}

proptest! {
    #[test]
    fn every_submission_ends_in_one_turnaround(script in scripts()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let accepted = script.status == StatusCode::ACCEPTED;
        let (run, backend) = runtime.block_on(play(PLAN.clone(), script));
        prop_assert_eq!(backend.received().len(), 1);
        let iterations = run.batch.iterations;
        let turnarounds = run.events_ms(SeriesKind::Turnaround);
        let (due, failures) = run.deliveries();
        if accepted {
            prop_assert_eq!(turnarounds.len(), 1);
            prop_assert_eq!(turnarounds[0].is_some() as u64, iterations.succeeded);
            prop_assert_eq!(run.channels().len() as u64, iterations.succeeded);
            prop_assert_eq!(run.events_ms(SeriesKind::Feedback).len(), 1);
            // The status change was due; the result's event only when there is a result.
            prop_assert_eq!(due, 1 + iterations.succeeded);
        } else {
            prop_assert_eq!((turnarounds.len(), due), (0, 0));
            prop_assert_eq!(iterations.failed, 1);
        }
        prop_assert!(failures <= due);
        if let [Some(turnaround_ms)] = turnarounds.as_slice() {
            prop_assert!(*turnaround_ms <= DEADLINE_MS + GRAIN_MS, "{}", turnaround_ms);
        }
        prop_assert_eq!(run.total(SeriesKind::Response).total, 1);
        prop_assert_eq!(run.total(SeriesKind::Subscribe).total, 1);
    }
}
