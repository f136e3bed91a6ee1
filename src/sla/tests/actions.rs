//! What the scenario does to its target: whether it was done.

use crate::metrics::{ActionOutcome, ActionRun, IncidentKind, Interruption};
use crate::sla::fixture::{failing, healthy};
use crate::sla::{CheckName, Verdict, replay};

/// An action that began at 10 s.
fn action(outcome: ActionOutcome) -> ActionRun {
    ActionRun {
        name: "the database goes away".to_owned(),
        deed: "stop the database for 10s".to_owned(),
        planned_s: 10.0,
        begun_s: Some(10.0),
        ended_s: Some(20.3),
        outcome,
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

#[test]
fn a_rollback_is_told_with_what_was_done_and_with_what_was_lost() {
    let mut run = failing();
    let policy = run.criteria.rollback.as_ref().unwrap().policy.clone();
    run.evidence.incidents = replay(IncidentKind::Rollback, &policy, &run.evidence, &run.context);
    let rolled_back = |outcome| {
        Some(ActionRun {
            name: "back to the triggers".to_owned(),
            ..action(outcome)
        })
    };
    run.evidence.rollback_action = rolled_back(ActionOutcome::Done("done".to_owned()));
    let judgement = run.judge();
    assert_eq!(judgement.verdict, Verdict::Rollback);
    let told = judgement.reasons.join("\n");
    assert!(
        told.contains("The rollback \"back to the triggers\" was carried out in 10.3 s."),
        "{told}"
    );
    assert!(!told.contains("lost"), "{told}");

    run.evidence.rollback_action = rolled_back(ActionOutcome::Failed("no such function".to_owned()));
    run.evidence.audit.as_mut().unwrap().lost = Some(3);
    let judgement = run.judge();
    assert_eq!(judgement.verdict, Verdict::Rollback, "the loss does not hide it");
    let told = judgement.reasons.join("\n");
    assert!(
        told.contains("THE ROLLBACK FAILED: \"back to the triggers\" was not carried out: no such function."),
        "{told}"
    );
    assert!(
        told.contains("3 submissions were accepted and then lost"),
        "{told}"
    );

    run.evidence.rollback_action = rolled_back(ActionOutcome::UnderWay);
    let told = run.judge().reasons.join("\n");
    assert!(told.contains("was not over when the run ended"), "{told}");
}
