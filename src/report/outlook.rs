//! What a reader needs beside the verdict: what the run does not show, and the one thing to do next.

use super::model::{IncidentRecord, RunRecord, SlaRecord};
use super::view;
use crate::plan::Metric;
use crate::sla::wording::span;
use crate::sla::{CheckName, Verdict};

/// The one next step, as a sentence.
pub(super) fn next_action(record: &RunRecord) -> String {
    match view::verdict(record) {
        Some(Verdict::Go) if record.sla.iter().any(|sla| sla.waived) => {
            "Release only if whoever waived a target still stands by it: a miss was left out of this verdict.".to_owned()
        }
        // Nobody releases the server that comes with the tool.
        Some(Verdict::Go) if record.target.built_in => {
            "Test your own deployment: write its base_url into [target] and run the scenario against it. This was the \
             reference server that comes with the tool."
                .to_owned()
        }
        Some(Verdict::Go) if record.evidence == "certified" => {
            "Release: every target is proven at 95 % confidence for this load.".to_owned()
        }
        Some(Verdict::Go) => {
            "Good for everyday work. Before a release, run a scenario with mode = \"certified\", such as release.toml."
                .to_owned()
        }
        Some(Verdict::NoGo) => no_go(record),
        Some(Verdict::Inconclusive) => inconclusive(record),
        Some(Verdict::Invalid) => invalid(record),
        Some(Verdict::Rollback) => rollback(record),
        Some(Verdict::Interrupted) | None => {
            "Run it again to its end: a run that was cut short decides nothing.".to_owned()
        }
    }
}

/// A plan that had too few users for itself is INVALID every time; anything else may have been a bad moment.
fn invalid(record: &RunRecord) -> String {
    let is_invalid = |name: CheckName| {
        let mut checks = record.validity.checks.iter();
        checks.any(|check| check.severity == "invalid" && check.name == name.key())
    };
    if is_invalid(CheckName::DroppedArrivals) {
        return "Give the load more users, as the reasons say, and run it again.".to_owned();
    }
    let host = record.generator.host_use.as_ref();
    let others = host.is_some_and(|host| !host.contended_by_second.is_empty());
    if is_invalid(CheckName::ResultExplained) && others {
        return "Repeat the run once, where nothing else needs the processor: other processes had cores that it waited for."
            .to_owned();
    }
    "Repeat the run once. If it is INVALID again, read \"Can this run be trusted?\": the generator needs more room, or its \
     machine fewer neighbours."
        .to_owned()
}

fn no_go(record: &RunRecord) -> String {
    if view::is_harmed(record) {
        return "Do not release. Begin with the first violation under \"Audit\": it names the submission and its \
                witness."
            .to_owned();
    }
    match worst_missed(record) {
        Some(sla) => format!(
            "Do not release. Begin with {}, and with what else happened at that time under \"Over time\".",
            in_a_sentence(&sla.title_with_step())
        ),
        None => "Do not release. The reasons above say what to begin with.".to_owned(),
    }
}

/// The missed target that is furthest beyond its limit.
fn worst_missed(record: &RunRecord) -> Option<&SlaRecord> {
    let missed = record
        .sla
        .iter()
        .filter(|sla| sla.status == "FAIL" && !sla.waived);
    missed.max_by(|left, right| beyond(left).total_cmp(&beyond(right)))
}

/// With a small letter at its beginning.
fn in_a_sentence(title: &str) -> String {
    let mut letters = title.chars();
    let first = letters.next().map(char::to_lowercase);
    first.into_iter().flatten().chain(letters).collect()
}

/// How much of its limit a target used up; a value that is infinite is beyond every limit.
fn beyond(sla: &SlaRecord) -> f64 {
    view::margin(sla).map_or(f64::INFINITY, |margin| 1.0 - margin)
}

/// Which scenario to run, and for how long: the longest of the times that the open targets need settles all that have one.
fn inconclusive(record: &RunRecord) -> String {
    let open = record.sla.iter();
    let open: Vec<&SlaRecord> = open
        .filter(|sla| sla.status == "INCONCLUSIVE" && !sla.waived)
        .collect();
    if open.is_empty() {
        return "Look at the reasons: something that should have been measured was not.".to_owned();
    }
    let path = &record.scenario.path;
    let settled: Vec<f64> = open.iter().filter_map(|sla| sla.settled_after_s).collect();
    let Some(longest_s) = settled.iter().copied().max_by(f64::total_cmp) else {
        return format!(
            "Read the reasons: they say what each open target needs, and whether running {path} for longer can settle it."
        );
    };
    let what = match (open.as_slice(), settled.len()) {
        ([sla], _) => in_a_sentence(&sla.title_with_step()),
        (open, all) if open.len() == all => format!("all {all} targets that are open"),
        (open, some) => format!(
            "{some} of the {} targets that are open; the reasons say what the others need",
            open.len()
        ),
    };
    let span = span(longest_s);
    format!("Run {path} again, with {span} of the same load after the warm-up: that would settle {what}.")
}

fn rollback(record: &RunRecord) -> String {
    let was_injected = |incident: &IncidentRecord| {
        let timeline = incident.timeline.as_ref();
        timeline.is_some_and(|timeline| timeline.injected_s.is_some())
            || !record.plan.faults_from_the_start.is_empty()
    };
    if !record.rollback.is_empty() && record.rollback.iter().all(was_injected) && !view::is_harmed(record) {
        return "This was a drill: the scenario broke the target itself, and a threshold tripped as it should. Judge it by \
                how soon that was noticed, undone and over, under \"Alerts and rollback\"."
            .to_owned();
    }
    match record.rollback.first() {
        Some(incident) => format!(
            "Do not release: production would have rolled back at {}.",
            clock(incident.tripped_at_s)
        ),
        None => "Do not release: production would have rolled back.".to_owned(),
    }
}

/// `00:23`, minutes and seconds.
fn clock(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    format!("{:02}:{:02}", whole / 60, whole % 60)
}

/// What the run does not show, in sentences; what is declared as not measured first.
pub(super) fn not_shown(record: &RunRecord) -> Vec<String> {
    let mut sentences = Vec::new();
    let declared: Vec<&str> = record
        .sla
        .iter()
        .filter(|sla| sla.status == "NOT_MEASURED")
        .map(|sla| Metric::from_key(&sla.metric).map_or(sla.metric.as_str(), |metric| metric.title()))
        .collect();
    if !declared.is_empty() {
        sentences.push(format!(
            "{}: declared as not measurable on this target.",
            declared.join(", ")
        ));
    }
    if record.evidence != "certified" {
        sentences.push(
            "That the targets hold beyond this run: it was judged by what was observed, not by what is proven.".to_owned(),
        );
    }
    if record.target.built_in {
        sentences.push(
            "Anything about a deployment of your own: what was tested is the reference server that comes with the tool, \
             on the generator's own machine."
                .to_owned(),
        );
    }
    if record.audit.is_none() {
        sentences.push("Whether accepted work was lost: there was no audit.".to_owned());
    }
    sentences.push(format!(
        "Other loads: it holds for \"{}\" as it is written, with seed {}.",
        record.scenario.name, record.seed
    ));
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Contention;
    use crate::plan::JudgeMode;
    use crate::report::tests::record;
    use crate::sla::fixture;

    #[test]
    fn every_verdict_has_one_next_step() {
        let mut healthy = record(fixture::healthy());
        assert!(healthy.target.built_in);
        let action = next_action(&healthy);
        assert!(action.starts_with("Test your own deployment"), "{action}");
        healthy.target.built_in = false;
        let action = next_action(&healthy);
        assert!(action.contains("Before a release"), "{action}");
        let slow = next_action(&record(fixture::slow()));
        assert!(
            slow.starts_with("Do not release. Begin with response time p9"),
            "{slow}"
        );
        let failing = record(fixture::failing());
        let action = next_action(&failing);
        assert_eq!(failing.verdict, "ROLLBACK");
        assert!(action.contains("would have rolled back at 00:"), "{action}");
        let mut broken_from_the_start = failing.clone();
        broken_from_the_start.plan.faults_from_the_start = vec!["10% of the requests fail".to_owned()];
        let action = next_action(&broken_from_the_start);
        assert!(action.starts_with("This was a drill"), "{action}");
        let mut drill = failing;
        for incident in &mut drill.rollback {
            incident.timeline.as_mut().unwrap().injected_s = Some(10.0);
        }
        let action = next_action(&drill);
        assert!(action.starts_with("This was a drill"), "{action}");
        let lossy = next_action(&record(fixture::lossy()));
        assert!(lossy.contains("first violation"), "{lossy}");
        let invalid = next_action(&record(fixture::starved_generator()));
        assert!(invalid.starts_with("Repeat the run once. If"), "{invalid}");
        let mut crowded = fixture::starved_generator();
        crowded
            .evidence
            .generator
            .host_use
            .get_or_insert_default()
            .contended_by_second = [(11, Contention::default())].into();
        let invalid = next_action(&record(crowded));
        assert!(invalid.ends_with("cores that it waited for."), "{invalid}");
    }

    /// A healthy run that is too short to prove its targets.
    fn open() -> RunRecord {
        let mut run = fixture::healthy();
        run.criteria.mode = JudgeMode::Certified;
        record(run)
    }

    #[test]
    fn where_targets_are_open_the_next_step_says_which_scenario_to_run_and_for_how_long() {
        let record = open();
        assert_eq!(record.verdict, "INCONCLUSIVE");
        assert_eq!(
            next_action(&record),
            "Run scenarios/peak.toml again, with 16 min 40 s of the same load after the warm-up: that would settle all 6 \
             targets that are open."
        );
        let says_so = |sla: &SlaRecord| sla.reason.contains("measure for 16 min 40 s instead of 30 s");
        assert!(record.sla.iter().any(says_so), "{:?}", record.sla);
    }

    #[test]
    fn the_longest_of_the_times_settles_all_that_have_one() {
        let mut record = open();
        record.sla.truncate(3);
        for (sla, needed_s) in record.sla.iter_mut().zip([1_500.0, 12_500.0, 305.0]) {
            sla.status = "INCONCLUSIVE".to_owned();
            sla.settled_after_s = Some(needed_s);
        }
        let begins = "Run scenarios/peak.toml again, with 3.5 h of the same load after the warm-up: that would settle ";
        assert_eq!(
            next_action(&record),
            format!("{begins}all 3 targets that are open.")
        );
        record.sla[0].settled_after_s = None;
        assert_eq!(
            next_action(&record),
            format!("{begins}2 of the 3 targets that are open; the reasons say what the others need.")
        );
        record.sla[1].waived = true;
        record.sla[2].status = "PASS".to_owned();
        let nothing = next_action(&record);
        assert!(nothing.starts_with("Read the reasons"), "{nothing}");
        record.sla[0].settled_after_s = Some(2.0 * 86_400.0 + 1.0);
        let one = next_action(&record);
        assert!(
            one.ends_with("3 days of the same load after the warm-up: that would settle response time p95."),
            "{one}"
        );
    }

    #[test]
    fn a_run_says_what_it_does_not_show() {
        let healthy = not_shown(&record(fixture::healthy()));
        assert!(
            healthy
                .iter()
                .any(|sentence| sentence.contains("reference server")),
            "{healthy:?}"
        );
        let mut certified = record(fixture::healthy());
        certified.evidence = "certified".to_owned();
        assert!(
            !not_shown(&certified)
                .iter()
                .any(|sentence| sentence.contains("observed")),
            "{certified:?}"
        );
    }
}
