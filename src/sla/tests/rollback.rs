//! A rollback: its times against their limits, and what a reader of the verdict is told.

use std::time::Duration;

use crate::metrics::{ActionOutcome, ActionRun, Incident, IncidentKind};
use crate::plan::RollbackLimits;
use crate::sla::fixture::{Run, failing};
use crate::sla::{RollbackTimes, Timing, Verdict, replay};

/// A run whose thresholds tripped at 23 s and 25 s of 35, with a fault that began at 20 s.
fn tripped(recovered: [Option<f64>; 2]) -> Run {
    let mut run = failing();
    let policy = run.criteria.rollback.as_ref().unwrap().policy.clone();
    let found = replay(IncidentKind::Rollback, &policy, &run.evidence, &run.context);
    let incident = |detected_at_s, recovered_at_s| Incident {
        window_from_s: 15.0,
        onset_s: Some(21.0),
        detected_at_s,
        recovered_at_s,
        ..found[0].clone()
    };
    run.evidence.incidents = vec![incident(23.0, recovered[0]), incident(25.0, recovered[1])];
    run.evidence.actions = vec![ActionRun {
        injects: true,
        begun_s: Some(20.0),
        ended_s: Some(20.1),
        ..action(ActionOutcome::Done("done".to_owned()))
    }];
    run.evidence.rollback_action = Some(action(ActionOutcome::Done("done".to_owned())));
    let rollback = run.criteria.rollback.as_mut().unwrap();
    rollback.stop_load = false;
    rollback.limits = RollbackLimits {
        detect: Some(Duration::from_secs(5)),
        act: Some(Duration::from_secs(300)),
        recover: Some(Duration::from_secs(10)),
    };
    run
}

fn action(outcome: ActionOutcome) -> ActionRun {
    ActionRun {
        name: "back to the triggers".to_owned(),
        deed: "SELECT 1".to_owned(),
        planned_s: 23.0,
        begun_s: Some(23.1),
        ended_s: Some(23.6),
        outcome,
        injects: false,
    }
}

fn times(run: &Run) -> RollbackTimes {
    RollbackTimes::of(&run.criteria, &run.evidence, &run.context).unwrap()
}

fn told(run: &Run) -> String {
    let judgement = run.judge();
    assert_eq!(judgement.verdict, Verdict::Rollback);
    judgement.reasons.join("\n")
}

#[test]
fn the_times_count_from_the_first_threshold_and_end_with_the_last() {
    let run = tripped([Some(27.0), Some(29.0)]);
    let [(_, detect), (_, act), (_, recover)] = times(&run).parts();
    assert_eq!((detect.took, detect.kept()), (Timing::Seconds(3.0), Some(true)));
    let Timing::Seconds(acted) = act.took else {
        panic!("{act:?}");
    };
    assert!((acted - 0.6).abs() < 1e-9, "{acted}");
    assert_eq!(act.kept(), Some(true));
    assert_eq!((recover.took, recover.kept()), (Timing::Seconds(6.0), Some(true)));
    let told = told(&run);
    assert!(
        told.contains("The rollback \"back to the triggers\" was carried out in 500 ms.")
            && told.contains("All was well again 6 s after the threshold tripped"),
        "{told}"
    );
    assert!(!told.contains("TOO SLOW") && !told.contains("lost"), "{told}");
}

#[test]
fn a_limit_that_was_missed_is_said_and_one_that_nobody_can_tell_is_not_kept() {
    let mut run = tripped([Some(27.0), Some(34.0)]);
    assert_eq!(times(&run).recover.kept(), Some(false));
    assert!(
        told(&run).contains("TOO SLOW: recovering took 11.0 s; the limit is 10s."),
        "{}",
        told(&run)
    );
    // The load ended 12 s after the first threshold tripped.
    run.evidence.incidents[1].recovered_at_s = None;
    assert_eq!(times(&run).recover.took, Timing::MoreThan(12.0));
    assert_eq!(times(&run).recover.kept(), Some(false));
    assert!(
        told(&run)
            .contains("NOTHING RECOVERED: a threshold was still broken when the load ended, 12 s after"),
        "{}",
        told(&run)
    );
    run.criteria.rollback.as_mut().unwrap().limits.recover = Some(Duration::from_secs(300));
    assert_eq!(times(&run).recover.kept(), None, "it may still have been in time");
    // Whoever ends the load with the alarm cannot know.
    run.criteria.rollback.as_mut().unwrap().stop_load = true;
    assert!(
        told(&run).contains("Whether it helped is not known"),
        "{}",
        told(&run)
    );
}

#[test]
fn a_rollback_that_failed_is_said_in_capitals_and_losses_with_it() {
    let mut run = tripped([None, None]);
    run.evidence.rollback_action = Some(action(ActionOutcome::Failed("no such function".to_owned())));
    run.evidence.audit.as_mut().unwrap().lost = Some(3);
    let text = told(&run);
    assert!(
        text.contains("THE ROLLBACK FAILED: \"back to the triggers\" was not carried out: no such function.")
            && text.contains("3 submissions were accepted and then lost"),
        "{text}"
    );
    assert_eq!(times(&run).act.took, Timing::MoreThan(12.0), "nobody acted");
    run.evidence.rollback_action = Some(ActionRun {
        ended_s: None,
        ..action(ActionOutcome::UnderWay)
    });
    assert!(
        told(&run).contains("was not over when the run ended"),
        "{}",
        told(&run)
    );
    run.evidence.rollback_action = None;
    assert_eq!(times(&run).act.took, Timing::Unknown);
    assert!(!told(&run).contains("ROLLBACK FAILED"), "{}", told(&run));
}

#[test]
fn a_run_without_a_breach_has_no_times() {
    let mut run = tripped([None, None]);
    run.evidence.incidents.clear();
    assert_eq!(
        RollbackTimes::of(&run.criteria, &run.evidence, &run.context),
        None
    );
}
