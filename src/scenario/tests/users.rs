//! `[users]`: users with patience, and what is measured of them.

use std::time::Duration;

use insta::assert_snapshot;

use super::*;
use crate::plan::{Patience, StepId};

const STEPS: &str = "[[journey.steps]]\nrequest = \"GET /\"\nname = \"home\"\n[[journey.steps]]\nrequest = \"GET /more\"\nname = \"more\"\n";

fn with(section: &str) -> String {
    format!("{}{section}", with_steps(STEPS))
}

fn users(section: &str) -> crate::plan::Users {
    match load_files(&[("s.toml", &with(section))], &[], &[]) {
        Ok(loaded) => loaded.plan.users.unwrap(),
        Err(mistakes) => panic!("{mistakes}"),
    }
}

#[test]
fn users_have_the_patience_of_a_profile_or_of_two_anchors() {
    let default = users("[users]\n");
    assert_eq!(default.patience, Patience::app());
    assert_eq!((default.retry.get(), default.complain.get()), (0.7, 1.0));
    assert_eq!(default.satisfaction.of_request(StepId(0)).as_millis(), 150);
    assert_eq!(default.satisfaction.of_result(StepId(0)).as_millis(), 2_000);
    let mobile = users("[users]\npatience = { profile = \"impatient-mobile\" }\n");
    assert_eq!(mobile.patience, Patience::impatient_mobile());
    let own = users(
        "[users]\npatience = { anchors = [{ after = \"2s\", leave = \"5%\" }, { after = \"10s\", leave = \"50%\" }] }\n\
         retry = \"20%\"\ncomplain = \"4%\"\napdex = { request = \"1s\", step = { more = \"3s\" } }\n",
    );
    assert_eq!(own.patience.profile, "own");
    assert!((own.patience.shape - Patience::app().shape).abs() < 1e-12);
    assert_eq!((own.retry.get(), own.complain.get()), (0.2, 0.04));
    let satisfied = [0, 1].map(|step| own.satisfaction.of_request(StepId(step)));
    assert_eq!(satisfied, [Duration::from_secs(1), Duration::from_secs(3)]);
}

#[test]
fn without_the_section_nobody_has_patience_and_nothing_of_it_is_measured() {
    let loaded =
        load_files(&[("s.toml", &with(""))], &[], &[]).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(loaded.plan.users, None);
    let text = with(
        "[sla]\ncompletion_rate = \">= 90%\"\napdex = \">= 85%\"\n[rollback]\nwindow = \"10s\"\ncomplaint_rate = \"> 2%\"\n",
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:18:19: nothing would measure `completion_rate`: it comes of virtual users with patience; add `[users]`
      18 | completion_rate = ">= 90%"
         |                   ^^^^^^^^
    s.toml:19:9: nothing would measure `apdex`: it comes of virtual users with patience; add `[users]`
      19 | apdex = ">= 85%"
         |         ^^^^^^^^
    s.toml:22:18: nothing would measure `complaint_rate`: it comes of virtual users with patience; add `[users]`
      22 | complaint_rate = "> 2%"
         |                  ^^^^^^
    3 mistakes found
    "#);
}

#[test]
fn metrics_of_users_are_targets_and_thresholds() {
    let text = with(
        "[users]\n[sla]\ncompletion_rate = \">= 90%\"\nabandonment_rate = \"< 5%\"\ncomplaint_rate = \"< 1%\"\napdex = \">= 85%\"\n\
         [sla.step.home]\napdex = \">= 94%\"\n\
         [alerts]\nwindow = \"10s\"\nabandonment_rate = \"> 5%\"\n[rollback]\nwindow = \"10s\"\ncomplaint_rate = \"> 2%\"\n",
    );
    let plan = match load_files(&[("s.toml", &text)], &[], &[]) {
        Ok(loaded) => loaded.plan,
        Err(mistakes) => panic!("{mistakes}"),
    };
    let targets: Vec<String> = plan.criteria.targets.iter().map(ToString::to_string).collect();
    assert_eq!(
        targets,
        [
            "completion_rate >= 90%",
            "abandonment_rate < 5%",
            "complaint_rate < 1%",
            "apdex >= 85%",
            "apdex{home} >= 94%"
        ]
    );
    // What is judged of one step has as many samples as the step is taken.
    let samples: Vec<Option<u64>> = check(&plan).targets.iter().map(|target| target.samples).collect();
    assert_eq!(samples, [Some(30), Some(30), Some(30), Some(60), Some(30)]);
    assert!(
        check(&plan)
            .to_string()
            .contains("Patience is app: 5% leave after 2s")
    );
}

#[test]
fn mistakes_about_users_are_told_with_their_places() {
    let text = with(
        "[users]\npatience = { profile = \"patient\" }\nretry = \"170%\"\ncomplain = 4\n\
         apdex = { request = \"0s\", step = { hom = \"1s\" } }\npatienc = 1\n",
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:18:24: expected one of "app", "impatient-mobile"; found the text "patient"
      18 | patience = { profile = "patient" }
         |                        ^^^^^^^^^
    s.toml:19:9: a share of 170% is outside 0% to 100%
      19 | retry = "170%"
         |         ^^^^^^
    s.toml:20:12: expected a percentage, such as "5%"; found the number 4
      20 | complain = 4
         |            ^
    s.toml:21:21: the duration must be longer than zero
      21 | apdex = { request = "0s", step = { hom = "1s" } }
         |                     ^^^^
    s.toml:21:36: no step at which users wait is named `hom`; did you mean `home`? (requests and awaits: `home`, `more`)
      21 | apdex = { request = "0s", step = { hom = "1s" } }
         |                                    ^^^
    s.toml:22:1: unknown key `patienc` in `users`; did you mean `patience`? (known keys: `apdex`, `complain`, `patience`, `retry`)
      22 | patienc = 1
         | ^^^^^^^
    6 mistakes found
    "#);
    for (patience, mistake) in [
        ("{ }", "`patience` says nothing"),
        (
            "{ profile = \"app\", anchors = [{ after = \"1s\", leave = \"5%\" }] }",
            "s.toml:18:31: patience is given by a `profile` or by `anchors`, not by both",
        ),
        (
            "{ anchors = [{ after = \"1s\", leave = \"5%\" }] }",
            "s.toml:18:24: a distribution of patience goes through two anchors; there are 1",
        ),
        (
            "{ anchors = [{ after = \"1s\", leave = \"5%\" }, { after = \"2s\", leave = \"9%\" }, { after = \"3s\", leave = \"50%\" }] }",
            "s.toml:18:24: a distribution of patience goes through two anchors; there are 3",
        ),
        (
            "{ anchors = [] }",
            "s.toml:18:24: a distribution of patience goes through two anchors; there are 0",
        ),
        (
            "{ anchors = [{ after = \"3s\", leave = \"5%\" }, { after = \"1s\", leave = \"50%\" }] }",
            "s.toml:18:24: the second anchor must be later than the first",
        ),
        (
            "{ anchors = [{ after = \"1s\", leave = \"0%\" }, { after = \"3s\", leave = \"50%\" }] }",
            "an anchor lies after more than no time",
        ),
        (
            "{ anchors = [{ after = \"1s\" }, { after = \"3s\", leave = \"50%\" }] }",
            "`leave` is missing",
        ),
    ] {
        let said = mistakes(&with(&format!("[users]\npatience = {patience}\n")));
        assert!(said.contains(mistake), "{patience}: {said}");
        assert!(said.contains("1 mistake found"), "{patience}: {said}");
    }
}

#[test]
fn no_window_can_watch_what_only_the_audit_knows() {
    let text = with("[users]\n[alerts]\nwindow = \"10s\"\ncompletion_rate = \"< 90%\"\n");
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:20:19: `completion_rate` is known only after the audit, so no window can watch it; watch `abandonment_rate`, or make it a target in `[sla]`
      20 | completion_rate = "< 90%"
         |                   ^^^^^^^
    1 mistake found
    "#);
}

#[test]
fn no_budget_is_spent_of_what_only_the_audit_knows() {
    let text = with(
        "[users]\n[sla]\ncompletion_rate = \">= 90%\"\nabandonment_rate = \"< 5%\"\n\
         [[alerts.budget]]\ntarget = \"completion_rate\"\nburn_rate = \"> 2\"\nlong = \"1m\"\n",
    );
    assert_snapshot!(mistakes(&text), @r#"
    s.toml:22:10: `completion_rate` is known only after the audit, so no window can watch its budget; watch that of a target on `abandonment_rate`
      22 | target = "completion_rate"
         |          ^^^^^^^^^^^^^^^^^
    1 mistake found
    "#);
    // The advice can be followed.
    let followed = text.replace("target = \"completion_rate\"", "target = \"abandonment_rate\"");
    assert_eq!(mistakes(&followed), "none");
}

#[test]
fn claims_about_users_need_users() {
    let section = "[compare]\nbaseline = { name = \"late\", set = { \"target.faults.answer_delay\" = \"300ms\" } }\n\
                   candidate = { name = \"plain\" }\n\
                   [[compare.claims]]\nmetric = \"completion_rate\"\nratio = \">= 1.2\"\n";
    assert_snapshot!(mistakes(&with(section)), @r#"
    s.toml:21:10: nothing would measure `completion_rate`: it comes of virtual users with patience; add `[users]`
      21 | metric = "completion_rate"
         |          ^^^^^^^^^^^^^^^^^
    1 mistake found
    "#);
    assert_eq!(mistakes(&with(&format!("[users]\n{section}"))), "none");
    // More than all is not possible, so "not worse" is asked of what goes wrong.
    let not_worse = section.replace("ratio = \">= 1.2\"", "not_worse_by = \"10%\"");
    let said = mistakes(&with(&format!("[users]\n{not_worse}")));
    assert!(
        said.contains("is nothing that two arms are compared by"),
        "{said}"
    );
}
