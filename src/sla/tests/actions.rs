//! What the scenario does to its target: whether it was done.

use crate::metrics::{ActionOutcome, ActionRun, Interruption};
use crate::sla::fixture::healthy;
use crate::sla::{CheckName, Verdict};

/// An action that began at 10 s.
fn action(outcome: ActionOutcome) -> ActionRun {
    ActionRun {
        name: "the database goes away".to_owned(),
        deed: "stop the database for 10s".to_owned(),
        planned_s: 10.0,
        begun_s: Some(10.0),
        ended_s: Some(20.3),
        outcome,
        injects: false,
    }
}

#[test]
fn a_drill_that_did_not_happen_proves_nothing() {
    let done = || ActionOutcome::Done("it was away".to_owned());
    let mut run = healthy();
    run.evidence.actions = vec![action(done()), action(done())];
    assert_eq!(run.judge().verdict, Verdict::Go);
    for (outcome, why) in [
        (
            ActionOutcome::Failed("it did not stop".to_owned()),
            "it did not stop",
        ),
        (ActionOutcome::NotBegun, "the load was over before"),
        (ActionOutcome::UnderWay, "still under way"),
    ] {
        run.evidence.actions[1].outcome = outcome;
        let judgement = run.judge();
        assert_eq!(judgement.verdict, Verdict::Invalid);
        let reason = &judgement.reasons[0];
        assert!(
            reason.contains("\"the database goes away\" at 10 s") && reason.contains(why),
            "{reason}"
        );
    }
}

#[test]
fn who_stops_the_load_calls_its_later_actions_off() {
    let mut run = healthy();
    run.evidence.actions = vec![
        action(ActionOutcome::Done("it was away".to_owned())),
        action(ActionOutcome::NotBegun),
    ];
    run.evidence.interruption = Some(Interruption::Drained);
    let judgement = run.judge();
    assert_eq!(judgement.verdict, Verdict::Interrupted);
    assert!(judgement.validity.valid());
    let check = judgement
        .validity
        .checks
        .iter()
        .find(|check| check.name == CheckName::ActionsCarriedOut);
    assert_eq!(
        check.unwrap().sentence,
        "1 action was carried out; 1 action was called off when the load was stopped."
    );
    // One that failed did so before.
    run.evidence.actions[1].outcome = ActionOutcome::Failed("no".to_owned());
    assert!(!run.judge().validity.valid());
}
