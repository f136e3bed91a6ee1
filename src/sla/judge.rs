//! The judge: targets, validity and window policies become one verdict with its reasons.

use super::blame::Blame;
use super::context::Context;
use super::finding::{Finding, Status, Subject};
use super::rolled_back;
use super::steady::PLATEAU_MIN_S;
use super::target::Bench;
use super::validity::{self, Check, CheckName, Severity, Validity};
use super::verdict::Verdict;
use super::waiver::{self, WaiverState, WaiverUse};
use super::wording::{counted, quantity};
use crate::metrics::{Audit, Evidence, Incident, IncidentKind, Interruption};
use crate::plan::{Criteria, JudgeMode};

/// What the judge decided, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    pub verdict: Verdict,
    /// How sure the verdict had to be.
    pub mode: JudgeMode,
    /// Why, in sentences, the weightiest first. Never empty.
    pub reasons: Vec<String>,
    /// One per target, in the order of the criteria, then the metrics declared as not measured.
    pub findings: Vec<Finding>,
    /// What became of each waiver, in the order of the criteria.
    pub waivers: Vec<WaiverUse>,
    pub validity: Validity,
}

/// Judges a run. Pure: the same evidence and criteria give the same judgement. The window policies were watched while
/// the run went on; to judge other policies, [`super::replay`] them and put what they find into the evidence.
pub fn judge(criteria: &Criteria, evidence: &Evidence, context: &Context) -> Judgement {
    let from = evidence.timeline.measured_from_s.max(0.0) as u32;
    let to = (evidence.timeline.load_ended_s.max(0.0).ceil() as u32).max(from);
    let bench = Bench {
        criteria,
        context,
        measurements: &evidence.measurements,
        load: from..to,
        plateau: context
            .plateau
            .map(|(begun, ended)| begun.max(from)..ended.min(to))
            .filter(|seconds| seconds.end >= seconds.start + PLATEAU_MIN_S),
    };
    let mut findings: Vec<Finding> = criteria
        .targets
        .iter()
        .map(|target| bench.judge(target))
        .collect();
    findings.extend(declared(criteria));
    let waivers = waiver::apply(&criteria.waivers, context.judged_on, &mut findings);
    let mut validity = Validity {
        checks: validity::checks(criteria, evidence, context),
    };
    let case = Case {
        criteria,
        evidence,
        context,
        findings: &findings,
        waivers: &waivers,
    };
    if let Some(explained) = case.explained() {
        validity.checks.push(explained);
    }
    let (verdict, mut reasons) = case.decide(&validity);
    if let Some(stop) = &evidence.early_stop
        && !reasons.contains(&stop.sentence)
    {
        reasons.push(stop.sentence.clone());
    }
    Judgement {
        verdict,
        mode: criteria.mode,
        reasons,
        findings,
        waivers,
        validity,
    }
}

/// Findings for metrics that are declared as not measured and have no target.
fn declared(criteria: &Criteria) -> impl Iterator<Item = Finding> {
    criteria
        .not_measured
        .iter()
        .filter(|metric| criteria.targets.iter().all(|target| target.metric != **metric))
        .map(|metric| Finding {
            subject: Subject::NotMeasured(*metric),
            waived: None,
            status: Status::NotMeasured,
            value: None,
            ci_low: None,
            ci_high: None,
            samples: 0,
            samples_effective: None,
            bad: 0,
            budget: None,
            reason: format!("{} is declared as not measurable on this target.", metric.title()),
            settled_after_s: None,
        })
}

/// Everything that is weighed for the verdict.
struct Case<'a> {
    criteria: &'a Criteria,
    evidence: &'a Evidence,
    context: &'a Context,
    findings: &'a [Finding],
    waivers: &'a [WaiverUse],
}

impl Case<'_> {
    /// The verdict with its reasons, and after them what waivers have to do with it.
    fn decide(&self, validity: &Validity) -> (Verdict, Vec<String>) {
        let (verdict, mut reasons) = self.weigh(validity);
        reasons.extend(self.waived());
        (verdict, reasons)
    }

    /// The verdict of highest precedence that has a reason: INTERRUPTED, INVALID, ROLLBACK, NO-GO, INCONCLUSIVE, GO.
    fn weigh(&self, validity: &Validity) -> (Verdict, Vec<String>) {
        let invalid: Vec<String> = validity.sentences(Severity::Invalid).map(str::to_owned).collect();
        for (verdict, reasons) in [
            (Verdict::Interrupted, self.interrupted()),
            (Verdict::Invalid, invalid),
            (Verdict::Rollback, self.rolled_back()),
            (Verdict::NoGo, self.missed()),
            (Verdict::Inconclusive, self.undecided()),
        ] {
            if !reasons.is_empty() {
                return (verdict, reasons);
            }
        }
        (Verdict::Go, self.met())
    }

    fn interrupted(&self) -> Vec<String> {
        match self.evidence.interruption {
            None => Vec::new(),
            Some(Interruption::Drained) => {
                vec!["The run was stopped by its user; results under way were waited for.".to_owned()]
            }
            Some(Interruption::Cut) => {
                vec!["The run was stopped by its user twice; results under way were given up.".to_owned()]
            }
            Some(Interruption::Killed) => {
                vec![
                    "The run's process ended before the run was over; this is its last checkpoint."
                        .to_owned(),
                ]
            }
        }
    }

    fn rollbacks(&self) -> impl Iterator<Item = &Incident> {
        self.evidence
            .incidents
            .iter()
            .filter(|incident| incident.kind == IncidentKind::Rollback)
    }

    /// Everything that makes the run a rollback. A loss does not change that verdict, but is said with it.
    fn rolled_back(&self) -> Vec<String> {
        let mut reasons: Vec<String> = self.rollbacks().map(incident_sentence).collect();
        if !reasons.is_empty() {
            reasons.extend(rolled_back::sentences(self.criteria, self.evidence, self.context));
            reasons.extend(self.evidence.audit.iter().flat_map(violations));
        }
        reasons
    }

    /// Everything that makes the run a NO-GO.
    fn missed(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if let Some(audit) = &self.evidence.audit {
            reasons.extend(violations(audit));
        }
        for finding in self.deciding(Status::Fail) {
            reasons.push(target_sentence(finding));
        }
        if self.target_prevented_samples() {
            for finding in self.deciding(Status::NoData) {
                reasons.push(format!(
                    "{} No iteration succeeded, because the target failed.",
                    target_sentence(finding)
                ));
            }
        }
        if validity::dropped_by_target(self.evidence, self.context) {
            let dropped = self.evidence.iterations.dropped;
            reasons.push(match self.context.fixed_iterations {
                None => format!(
                    "{} were turned away because earlier users were still waiting for the target.",
                    counted(dropped, "arriving user")
                ),
                Some(_) => format!(
                    "{} could not begin in time because users were still waiting for the target.",
                    counted(dropped, "iteration")
                ),
            });
        }
        reasons
    }

    /// Everything that keeps the run from a GO without being a NO-GO.
    fn undecided(&self) -> Vec<String> {
        let mut reasons: Vec<String> = self
            .deciding(Status::Inconclusive)
            .chain(self.deciding(Status::NoData))
            .map(target_sentence)
            .collect();
        if self.context.submissions {
            reasons.extend(audit_gaps(self.evidence.audit.as_ref()));
        }
        // What was called off cannot have been passed, whatever was measured before.
        reasons.extend(self.evidence.early_stop.iter().map(|stop| stop.sentence.clone()));
        if !self.findings.iter().any(|finding| finding.status == Status::Pass) && reasons.is_empty() {
            let is_waived = self.findings.iter().any(|finding| finding.waived.is_some());
            reasons.push(if is_waived {
                "No target was met, and waivers alone say nothing about a release.".to_owned()
            } else {
                "No target was judged, so nothing can be said.".to_owned()
            });
        }
        reasons
    }

    fn met(&self) -> Vec<String> {
        let passed = self.of_status(Status::Pass).count() as u64;
        let waived = self.findings.iter().filter(|finding| finding.waived.is_some());
        let mut sentence = match (passed, waived.count() as u64) {
            (1, 0) => "The only target was met".to_owned(),
            (_, 0) => format!("All {} were met", counted(passed, "target")),
            (_, waived) => format!(
                "{} met, {} not met and waived",
                were(passed, "target"),
                were(waived, "target")
            ),
        };
        if let Some(audit) = self.evidence.audit.as_ref().filter(|_| self.context.submissions) {
            sentence.push_str(&format!(
                ", and none of {} was lost",
                counted(audit.accepted, "submission")
            ));
        }
        sentence.push('.');
        let mut reasons = vec![sentence];
        let declared = self.of_status(Status::NotMeasured).count() as u64;
        if declared > 0 {
            reasons.push(format!(
                "{} not measured, as the scenario declares.",
                were(declared, "metric")
            ));
        }
        reasons
    }

    /// What was not met and does not count, and which waivers would have been needed and are void.
    fn waived(&self) -> Vec<String> {
        let accepted = self.findings.iter().filter_map(|finding| {
            let waiver = finding.waived.as_ref()?;
            Some(format!(
                "Waived by {} until {} ({}): {}",
                waiver.owner,
                waiver.expires,
                waiver.reason,
                target_sentence(finding)
            ))
        });
        let void = self.waivers.iter().filter_map(|waiver_use| {
            let waiver = &waiver_use.waiver;
            let is_needed = self.findings.iter().any(|finding| {
                matches!(&finding.subject, Subject::Target(condition) if condition.name() == waiver.target)
                    && !matches!(finding.status, Status::Pass | Status::NotMeasured)
            });
            (waiver_use.state == WaiverState::Expired && is_needed)
                .then(|| format!("Besides, {}.", waiver.void_sentence()))
        });
        accepted.chain(void).collect()
    }

    /// The findings of this status that decide the verdict: those that nobody has waived.
    fn deciding(&self, status: Status) -> impl Iterator<Item = &Finding> {
        self.of_status(status).filter(|finding| finding.waived.is_none())
    }

    fn of_status(&self, status: Status) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(move |finding| finding.status == status)
    }

    /// Whether samples are missing because the target failed its users: iterations ran, and none came through.
    fn target_prevented_samples(&self) -> bool {
        let iterations = &self.evidence.iterations;
        iterations.failed + iterations.abandoned > 0 && iterations.succeeded == 0
    }

    /// The check that turns a bad result into an invalid run: only when trouble of the generator or the mock explains
    /// *everything* that is bad about it.
    fn explained(&self) -> Option<Check> {
        let blame = Blame::new(self.criteria, self.evidence, self.context);
        let mut explanations = Vec::new();
        for incident in self.rollbacks() {
            explanations.push(blame.explains_incident(incident)?);
        }
        for finding in self.deciding(Status::Fail) {
            explanations.push(blame.explains_failure(finding)?);
        }
        let others = self.missed().len() - self.deciding(Status::Fail).count();
        let sentence = explanations.into_iter().next()?;
        (others == 0).then_some(Check {
            name: CheckName::ResultExplained,
            severity: Severity::Invalid,
            sentence,
        })
    }
}

fn were(number: u64, noun: &str) -> String {
    let verb = if number == 1 { "was" } else { "were" };
    format!("{} {verb}", counted(number, noun))
}

/// A target with what was measured: `response_time p95 <= 150ms: measured 212 ms. …`.
fn target_sentence(finding: &Finding) -> String {
    match (&finding.subject, finding.value) {
        (Subject::Target(condition), Some(value)) => {
            format!(
                "{condition}: measured {}. {}",
                quantity(value, condition.limit.unit()),
                finding.reason
            )
        }
        (Subject::Target(condition), None) => format!("{condition}: {}", finding.reason),
        (Subject::NotMeasured(_), _) => finding.reason.clone(),
    }
}

fn incident_sentence(incident: &Incident) -> String {
    if incident.samples == 0 {
        return format!(
            "The rollback threshold {} tripped {:.0} s into the run: nothing came, although it was due.",
            incident.breach(),
            incident.detected_at_s
        );
    }
    let value = if incident.value.is_finite() {
        format!("at {}", quantity(incident.value, incident.condition.limit.unit()))
    } else {
        "because so many requests failed that the percentile is one of them,".to_owned()
    };
    format!(
        "The rollback threshold {} tripped {:.0} s into the run, {value} over {}.",
        incident.breach(),
        incident.detected_at_s,
        counted(incident.samples, "sample"),
    )
}

fn violations(audit: &Audit) -> impl Iterator<Item = String> {
    [
        (
            audit.lost,
            "submission",
            "was accepted and then lost",
            "were accepted and then lost",
        ),
        (audit.duplicated, "effect", "happened twice", "happened twice"),
        (
            audit.misdelivered,
            "event or result",
            "reached somebody else",
            "reached somebody else",
        ),
    ]
    .into_iter()
    .filter_map(|(number, noun, singular, plural)| {
        let number = number.filter(|number| *number > 0)?;
        let verb = if number == 1 { singular } else { plural };
        let noun = if noun == "event or result" && number != 1 {
            "events or result"
        } else {
            noun
        };
        Some(format!("{} {verb}.", counted(number, noun)))
    })
}

/// What the audit could not say.
fn audit_gaps(audit: Option<&Audit>) -> Vec<String> {
    let Some(audit) = audit else {
        return vec![
            "The audit did not take place, so nobody knows whether accepted work was lost.".to_owned(),
        ];
    };
    let mut gaps: Vec<String> = [
        (audit.lost, "lost"),
        (audit.duplicated, "duplicated"),
        (audit.misdelivered, "misdelivered"),
    ]
    .into_iter()
    .filter(|(number, _)| number.is_none())
    .map(|(_, what)| format!("There is no witness for whether anything was {what}."))
    .collect();
    if audit.pending > 0 {
        gaps.push(format!(
            "{} had no result yet when the run ended.",
            counted(audit.pending, "submission")
        ));
    }
    gaps
}
