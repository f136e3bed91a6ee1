//! `junit.xml`: the run as test cases, for CI systems that show test results.
//!
//! There is no official specification; the layout is that of Jenkins, which GitLab and others read as well. GitLab
//! shows the text of a failure and not its message, so the sentence stands in both; it tells cases of two pipelines
//! apart by their names, so no measured number is part of one.

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::model::{IncidentRecord, RunRecord, SlaRecord};
use super::origin::{self, Origin};
use super::{ReportError, view};

/// Renders the file.
pub(super) fn render(record: &RunRecord) -> Result<String, ReportError> {
    let mut report = Report::new(format!("loadtest {}", record.scenario.name));
    for suite in [
        verdict(record),
        validity(record),
        targets(record),
        windows(record),
        audit(record),
    ] {
        if !suite.test_cases.is_empty() {
            report.add_test_suite(suite);
        }
    }
    report
        .to_string()
        .map_err(|error| ReportError::invalid(format!("the JUnit report could not be written: {error}")))
}

fn failure(kind: &str, sentence: &str) -> TestCaseStatus {
    explained(
        TestCaseStatus::non_success(NonSuccessKind::Failure),
        Some(kind),
        sentence,
    )
}

fn error(kind: &str, sentence: &str) -> TestCaseStatus {
    explained(
        TestCaseStatus::non_success(NonSuccessKind::Error),
        Some(kind),
        sentence,
    )
}

fn skipped(sentence: &str) -> TestCaseStatus {
    explained(TestCaseStatus::skipped(), None, sentence)
}

fn explained(mut status: TestCaseStatus, kind: Option<&str>, sentence: &str) -> TestCaseStatus {
    status.set_message(sentence).set_description(sentence);
    if let Some(kind) = kind {
        status.set_type(kind);
    }
    status
}

/// A test case of the suite `suite`, with the place in the scenario that it is about.
fn case(
    record: &RunRecord,
    suite: &str,
    name: String,
    status: TestCaseStatus,
    origin: Option<Origin>,
) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(format!("{}.{suite}", record.scenario.name));
    if let Some(origin) = origin {
        case.extra.insert("file".into(), origin.path.into());
        case.extra.insert("line".into(), origin.line.to_string().into());
    }
    case
}

/// The verdict itself: whoever reads only the number of failed tests must not miss it.
fn verdict(record: &RunRecord) -> TestSuite {
    let mut suite = TestSuite::new("verdict");
    let sentence = format!("{}: {}", view::banner(record), record.reasons.join(" "));
    let status = match record.verdict.as_str() {
        "GO" => TestCaseStatus::success(),
        "NO-GO" => failure("NoGo", &sentence),
        "ROLLBACK" => failure("Rollback", &sentence),
        "INCONCLUSIVE" => skipped(&sentence),
        "INVALID" => error("InvalidRun", &sentence),
        _ => error("Interrupted", &sentence),
    };
    let mut case = case(
        record,
        "verdict",
        "verdict".to_owned(),
        status,
        origin::of_scenario(record),
    );
    case.set_time(std::time::Duration::try_from_secs_f64(record.duration_s).unwrap_or_default());
    case.set_system_out(sentence);
    suite.add_test_case(case);
    suite
}

fn validity(record: &RunRecord) -> TestSuite {
    let mut suite = TestSuite::new("validity");
    for check in &record.validity.checks {
        let status = match check.severity.as_str() {
            "invalid" => error("InvalidRun", &check.sentence),
            _ => TestCaseStatus::success(),
        };
        let mut case = case(record, "validity", check.name.clone(), status, None);
        case.set_system_out(format!("{}: {}", check.severity, check.sentence));
        suite.add_test_case(case);
    }
    suite
}

fn targets(record: &RunRecord) -> TestSuite {
    let mut suite = TestSuite::new("targets");
    let proves_nothing = view::proves_nothing(record);
    for sla in &record.sla {
        let status = match sla.status.as_str() {
            _ if proves_nothing => skipped(&format!(
                "The run is {}, so this target was not judged. {}",
                record.verdict, sla.reason
            )),
            "PASS" => TestCaseStatus::success(),
            _ if sla.waived => skipped(&format!(
                "A waiver keeps this from deciding the verdict. {}",
                sla.reason
            )),
            "FAIL" => failure("TargetMissed", &sla.reason),
            "NO_DATA" => error("NoData", &sla.reason),
            // Undecided, or declared as not measurable: neither passed nor failed.
            _ => skipped(&sla.reason),
        };
        let mut case = case(
            record,
            "targets",
            sla.text(),
            status,
            origin::of_target(record, sla),
        );
        let numbers = numbers(sla);
        case.add_properties(
            numbers
                .iter()
                .map(|(name, value)| Property::new(*name, value.as_str())),
        );
        // Not every reader shows the properties of a test case.
        let lines: Vec<String> = numbers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        case.set_system_out(format!("{}\n{}", sla.reason, lines.join("\n")));
        suite.add_test_case(case);
    }
    suite
}

fn numbers(sla: &SlaRecord) -> Vec<(&'static str, String)> {
    let unit = &sla.unit;
    let number = |value: Option<f64>| value.map(|value| format!("{value} {unit}"));
    [
        ("measured", number(sla.value)),
        ("ci_low", number(sla.ci_low)),
        ("ci_high", number(sla.ci_high)),
        ("samples", Some(sla.samples.to_string())),
        (
            "samples_effective",
            sla.samples_effective.map(|samples| format!("{samples:.0}")),
        ),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

/// A rollback threshold that tripped is a failure; an alert decides nothing, and says so in its output.
fn windows(record: &RunRecord) -> TestSuite {
    let mut suite = TestSuite::new("alerts");
    let rollback = record.criteria.rollback.as_ref().map(|rollback| &rollback.policy);
    for (kind, policy, incidents) in [
        ("alerts", record.criteria.alerts.as_ref(), &record.alerts),
        ("rollback", rollback, &record.rollback),
    ] {
        let Some(policy) = policy else { continue };
        for (condition, text) in policy.watched() {
            let raised: Vec<String> = incidents
                .iter()
                .filter(|incident| incident.breach() == text)
                .map(view_of)
                .collect();
            // Burn rates stand in tables of their own, which name a target and not a condition.
            let origin = match condition.text == text {
                true => origin::of_window(record, kind, &condition.metric, condition.step.as_deref()),
                false => origin::of_window(record, kind, "budget", None),
            };
            suite.add_test_case(window(record, kind, text, &raised, origin));
        }
    }
    suite
}

fn window(record: &RunRecord, kind: &str, name: &str, raised: &[String], origin: Option<Origin>) -> TestCase {
    let status = match kind {
        "rollback" if !raised.is_empty() => failure("Rollback", &raised.join(" ")),
        _ => TestCaseStatus::success(),
    };
    let mut case = case(record, "alerts", format!("{kind}: {name}"), status, origin);
    if !raised.is_empty() {
        case.set_system_out(raised.join("\n"));
    }
    case
}

fn view_of(incident: &IncidentRecord) -> String {
    let cleared = match incident.cleared_at_s {
        Some(at) => format!("cleared at {at:.0} s"),
        None => "not cleared before the end".to_owned(),
    };
    format!(
        "{} was raised {:.0} s into the run, {cleared}.",
        incident.breach(),
        incident.tripped_at_s
    )
}

fn audit(record: &RunRecord) -> TestSuite {
    let mut suite = TestSuite::new("audit");
    let Some(audit) = &record.audit else {
        return suite;
    };
    for (kind, number) in [
        ("lost", audit.lost),
        ("duplicated", audit.duplicated),
        ("misdelivered", audit.misdelivered),
    ] {
        let status = match number {
            Some(0) => TestCaseStatus::success(),
            Some(number) => {
                let witnesses: Vec<&str> = audit
                    .violations
                    .iter()
                    .filter(|violation| violation.kind == kind)
                    .map(|violation| violation.detail.as_str())
                    .collect();
                failure(
                    "WorkLost",
                    &format!(
                        "{kind}: {number} of {} accepted. {}",
                        audit.accepted,
                        witnesses.join(" ")
                    ),
                )
            }
            None => skipped(&format!("There is no witness for whether anything was {kind}.")),
        };
        suite.add_test_case(case(record, "audit", format!("nothing was {kind}"), status, None));
    }
    suite
}

#[cfg(test)]
mod tests {
    use quick_junit::Report;

    use super::*;
    use crate::report::tests::record;
    use crate::sla::fixture;

    fn read(record: &RunRecord) -> Report {
        Report::deserialize_from_str(&render(record).unwrap()).unwrap()
    }

    fn non_successes(report: &Report) -> (usize, usize) {
        (report.failures, report.errors)
    }

    #[test]
    fn a_reader_of_junit_sees_what_the_verdict_says() {
        let healthy = read(&record(fixture::healthy()));
        assert_eq!(non_successes(&healthy), (0, 0));
        let slow = record(fixture::slow());
        let missed = slow.sla.iter().filter(|sla| sla.status == "FAIL").count();
        assert!(missed > 0);
        let report = read(&slow);
        // The verdict, and each missed target.
        let targets = report
            .test_suites
            .iter()
            .find(|suite| suite.name.as_str() == "targets")
            .unwrap();
        assert_eq!(targets.failures, missed);
        assert!(report.failures > missed);
        let invalid = read(&record(fixture::starved_generator()));
        assert!(invalid.errors > 0, "an invalid run is an error");
        let lossy = read(&record(fixture::lossy()));
        let audit = lossy
            .test_suites
            .iter()
            .find(|suite| suite.name.as_str() == "audit")
            .unwrap();
        assert!(audit.failures > 0);
    }

    #[test]
    fn names_are_unique_and_hold_nothing_that_was_measured() {
        let (slow, healthy) = (read(&record(fixture::slow())), read(&record(fixture::healthy())));
        let names = |report: &Report| -> Vec<String> {
            let suites = report.test_suites.iter();
            suites
                .flat_map(|suite| {
                    suite
                        .test_cases
                        .iter()
                        .map(|case| format!("{} {}", suite.name.as_str(), case.name.as_str()))
                })
                .collect()
        };
        let mut unique = names(&healthy);
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), names(&healthy).len());
        let targets = |names: Vec<String>| -> Vec<String> {
            names
                .into_iter()
                .filter(|name| name.starts_with("targets"))
                .collect()
        };
        assert_eq!(targets(names(&slow)), targets(names(&healthy)));
    }
}
