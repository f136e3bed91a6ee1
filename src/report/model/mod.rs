//! `run.json`: everything about a run, enough to render it and to judge it again.
//!
//! The only place besides the scenario parser where types are written to and read from files. The records mirror the
//! domain's types on purpose: the file's keys are a public contract, and must not change when a field is renamed.

mod action;
mod capacity;
pub mod comparison;
mod criteria;
mod digest;
mod early_stop;
mod failure;
mod generator;
mod head;
mod health;
mod incident;
mod instrument;
mod interruption;
mod plan;
mod rollback;
mod series;
mod subject;
mod summary;
mod traces;
mod under_way;
mod users;
mod waiver;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use action::ActionRecord;
pub use capacity::{
    CAPACITY_KIND, CAPACITY_SCHEMA_VERSION, CapacityRecord, CapacityResultRecord, CapacitySearchRecord,
    CapacityStepRecord,
};
pub use criteria::{
    BurnRateRecord, ConditionRecord, CriteriaRecord, RollbackLimitsRecord, RollbackRecord, WindowPolicyRecord,
};
pub use digest::{RunDigest, TargetDigest};
pub use early_stop::EarlyStopRecord;
pub use failure::FailureRecord;
pub use generator::{HostStallRecord, HostStallsRecord, NeverBegunRecord, ProcessRecord, PunctualityRecord};
pub(super) use head::kind_of;
pub use health::{
    AuditRecord, GeneratorRecord, HopRecord, IterationsRecord, MockRecord, TimelineRecord, ViolationRecord,
    WorkerRecord,
};
pub use incident::{IncidentRecord, IncidentTimelineRecord, TimingRecord};
pub use instrument::{
    CalibrationRecord, ClockOffsetRecord, ContentionRecord, DeliveryRecord, HostUseRecord, LatenessRecord,
    LevelRecord, MemoryRecord, ShortSecondRecord, TakenRecord,
};
pub use plan::{FixedIterationsRecord, PlanRecord, StepRecord};
pub use rollback::{PacedRecord, RollbackTimesRecord};
pub use series::{SeriesRecord, SeriesSet};
pub use subject::{EnvironmentRecord, ScenarioFileRecord, ScenarioRecord, TargetRecord};
pub use summary::{
    CheckRecord, MetricRecord, MetricSummary, RequestsRecord, SlaRecord, ValidityRecord, WorstRecord,
};
pub use traces::TracesRecord;
pub use under_way::UnderWayRecord;
pub use users::{
    AnchorRecord, ApdexRecord, ComplaintsRecord, CompletionRecord, PatienceRecord, RateRecord,
    SessionsRecord, UserStepRecord, UsersRecord,
};
pub use waiver::{WaiverRecord, WaiverUseRecord};

use super::ReportError;
use crate::clock::Moment;
use crate::metrics::{ErrorTally, Evidence, IncidentKind, Measurements, Thresholds};
use crate::plan::{Criteria, JudgeMode, StepId};
use crate::sla::{Context, Judgement, RollbackTimes, Verdict, all_dated, judge, replay};
use crate::traces::Traces;

/// The version of the file's layout. It grows when a reader of the old layout would misunderstand the new one; new
/// keys alone do not change it.
pub const SCHEMA_VERSION: u32 = 1;

/// What a run knows about itself that is neither measured nor judged.
#[derive(Debug, Clone, PartialEq)]
pub struct RunFacts {
    /// Names the run, such as `peak-20260102T030405Z`.
    pub run_id: String,
    pub started_at: Timestamp,
    pub seed: u64,
    pub scenario: ScenarioRecord,
    pub target: TargetRecord,
    pub environment: EnvironmentRecord,
    /// What the traces that requests named have in common; `None` = they named none.
    pub traces: Option<Traces>,
    /// The stored run that it is shown beside; it changes no verdict.
    pub baseline: Option<RunDigest>,
}

/// A run: its verdict with the evidence for it, and every second of every series. New keys may come without a new
/// `schema_version`, so ignore those that you do not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "run.json of loadtest")]
pub struct RunRecord {
    /// Version of the layout.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    pub schema_version: u32,
    /// Names the run, such as `peak-20260102T030405Z`.
    pub run_id: String,
    /// The decision.
    #[schemars(extend("enum" = Verdict::ALL.map(Verdict::name)))]
    pub verdict: String,
    /// Exit code of the program for this verdict.
    pub exit_code: u8,
    /// How sure the verdict is: `observed` or `certified`.
    #[schemars(extend("enum" = [JudgeMode::Observed, JudgeMode::Certified].map(criteria::mode_key)))]
    pub evidence: String,
    /// Why, in sentences, the weightiest first.
    pub reasons: Vec<String>,
    /// The scenario as it was written.
    pub scenario: ScenarioRecord,
    /// What was tested.
    pub target: TargetRecord,
    /// Seed of all chance in the run.
    pub seed: u64,
    /// When the run started (UTC, RFC 3339).
    pub started_at: String,
    /// From the run's start to the end of the drain, in seconds.
    pub duration_s: f64,
    /// Where the load came from.
    pub environment: EnvironmentRecord,
    /// The traces that requests named; absent when they named none, and in files of versions that could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traces: Option<TracesRecord>,
    /// The targets and what was found about them.
    pub sla: Vec<SlaRecord>,
    /// The stored run that this one is shown beside; absent without one, and in files of versions that knew none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<RunDigest>,
    /// What became of each waiver; absent in files of versions that knew none.
    #[serde(default)]
    pub waivers: Vec<WaiverUseRecord>,
    /// The day (UTC) of the judgement, which decided what waivers held; absent in files of versions that knew none.
    #[serde(default)]
    pub judged_on: Option<String>,
    /// Alerts that were raised.
    pub alerts: Vec<IncidentRecord>,
    /// Rollback thresholds that tripped.
    pub rollback: Vec<IncidentRecord>,
    /// What the scenario did to its target; absent in files of versions that knew no actions.
    #[serde(default)]
    pub actions: Vec<ActionRecord>,
    /// Why the load ended before its time, when a target was settled already.
    #[serde(default)]
    pub early_stop: Option<EarlyStopRecord>,
    /// What was done when a rollback threshold tripped; absent when nothing was, and in files of versions that could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_action: Option<ActionRecord>,
    /// How long the rollback took; absent when no threshold tripped, and in files of versions that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_times: Option<RollbackTimesRecord>,
    /// Users with patience; absent when the scenario had none, and in files of versions that knew none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<UsersRecord>,
    /// Whether the run can prove anything.
    pub validity: ValidityRecord,
    /// What became of everything that was accepted; `null` when the audit did not take place.
    pub audit: Option<AuditRecord>,
    /// The measured requests.
    pub requests: RequestsRecord,
    /// What became of the iterations, warm-up included.
    pub iterations: IterationsRecord,
    /// The numbers of each metric that has samples, by its key.
    pub metrics: BTreeMap<String, MetricRecord>,
    /// How requests failed, by step and outcome.
    pub failures: Vec<FailureRecord>,
    /// The hops of a submission's way, in order.
    pub hops: Vec<HopRecord>,
    /// Submissions under way, second by second; absent in files of versions that did not look.
    #[serde(default)]
    pub under_way: UnderWayRecord,
    /// The phases.
    pub timeline: TimelineRecord,
    /// How the load generator did.
    pub generator: GeneratorRecord,
    /// How the mock of ClassConnect did; `null` without one.
    pub mock: Option<MockRecord>,
    /// `drained` or `cut` when the user stopped the run; `killed` in a checkpoint.
    pub interruption: Option<String>,
    /// What the judge must know of the plan.
    pub plan: PlanRecord,
    /// All that the run was judged by.
    pub criteria: CriteriaRecord,
    /// Values beyond an hour, which were counted as an hour.
    pub values_clamped: u64,
    /// Values below zero (of clocks that differ), which were counted as zero.
    pub values_negative: u64,
    /// Every second of every series.
    pub series: SeriesSet,
}

impl RunRecord {
    /// The record of a run.
    ///
    /// # Errors
    /// When a histogram cannot be written.
    pub fn new(
        facts: RunFacts,
        criteria: &Criteria,
        context: &Context,
        evidence: &Evidence,
        judgement: &Judgement,
    ) -> Result<Self, ReportError> {
        let measurements = &evidence.measurements;
        let incidents = |kind: IncidentKind| {
            evidence
                .incidents
                .iter()
                .filter(|incident| incident.kind == kind)
                .map(|incident| IncidentRecord::of(incident, criteria, evidence, context))
                .collect()
        };
        Ok(Self {
            schema_version: SCHEMA_VERSION,
            run_id: facts.run_id,
            verdict: judgement.verdict.name().to_owned(),
            exit_code: judgement.verdict.exit_code().code(),
            evidence: criteria::mode_key(judgement.mode).to_owned(),
            reasons: judgement.reasons.clone(),
            scenario: facts.scenario,
            target: facts.target,
            seed: facts.seed,
            started_at: facts.started_at.to_string(),
            duration_s: evidence.timeline.drained_s,
            environment: facts.environment,
            traces: facts.traces.map(TracesRecord::from),
            sla: (judgement.findings.iter())
                .map(|finding| SlaRecord::of(finding, evidence, context))
                .collect(),
            baseline: facts.baseline,
            waivers: judgement.waivers.iter().map(WaiverUseRecord::from).collect(),
            judged_on: context.judged_on.map(|day| day.to_string()),
            alerts: incidents(IncidentKind::Alert),
            rollback: incidents(IncidentKind::Rollback),
            actions: evidence.actions.iter().map(ActionRecord::from).collect(),
            early_stop: evidence.early_stop.as_ref().map(EarlyStopRecord::from),
            rollback_action: evidence.rollback_action.as_ref().map(ActionRecord::from),
            rollback_times: RollbackTimes::of(criteria, evidence, context).map(RollbackTimesRecord::from),
            users: evidence
                .users
                .as_ref()
                .map(|users| UsersRecord::of(users, measurements, &context.steps)),
            validity: ValidityRecord::from(&judgement.validity),
            audit: evidence.audit.as_ref().map(AuditRecord::from),
            requests: RequestsRecord::of(evidence),
            iterations: IterationsRecord::from(&evidence.iterations),
            metrics: summary::metrics(measurements, &context.steps)?,
            failures: failure::failures(evidence, &context.steps, facts.traces.as_ref()),
            hops: evidence.hops.iter().map(HopRecord::from).collect(),
            under_way: (&evidence.under_way).into(),
            timeline: TimelineRecord::from(&evidence.timeline),
            generator: GeneratorRecord::from(&evidence.generator),
            mock: evidence.mock.as_ref().map(MockRecord::from),
            interruption: evidence.interruption.map(|how| interruption::key(how).to_owned()),
            plan: PlanRecord::of(context),
            criteria: CriteriaRecord::of(criteria),
            values_clamped: measurements.clamped,
            values_negative: measurements.negative,
            series: SeriesSet::of(measurements)?,
        })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When the text is not a run file, is broken, or was written by a newer version.
    pub fn from_json(text: &str) -> Result<Self, ReportError> {
        head::check_version(text)?;
        serde_json::from_str(text).map_err(ReportError::NotJson)
    }

    /// The facts that the record was made with.
    ///
    /// # Errors
    /// When the start is not a timestamp.
    pub fn facts(&self) -> Result<RunFacts, ReportError> {
        Ok(RunFacts {
            run_id: self.run_id.clone(),
            started_at: self.started()?,
            seed: self.seed,
            scenario: self.scenario.clone(),
            target: self.target.clone(),
            environment: self.environment.clone(),
            traces: self.traces.as_ref().map(TracesRecord::read).transpose()?,
            baseline: self.baseline.clone(),
        })
    }

    /// When the run started.
    ///
    /// # Errors
    /// When the file holds no timestamp there.
    pub fn started(&self) -> Result<Timestamp, ReportError> {
        self.started_at
            .parse()
            .map_err(|_| ReportError::invalid(format!("\"{}\" is not a timestamp", self.started_at)))
    }

    /// The criteria that the run was judged by.
    ///
    /// # Errors
    /// When a stored condition is broken.
    pub fn criteria(&self) -> Result<Criteria, ReportError> {
        self.criteria.read()
    }

    /// What the judge must know of the plan.
    ///
    /// # Errors
    /// When a stored step is broken.
    pub fn context(&self) -> Result<Context, ReportError> {
        self.plan.read()
    }

    /// Everything that was measured.
    ///
    /// # Errors
    /// When a stored series, incident or count is broken.
    pub fn evidence(&self) -> Result<Evidence, ReportError> {
        self.evidence_with(self.series.read()?)
    }

    /// As [`Self::evidence`], without the series: those of a long run are large, and who only shows it reads them bit by bit.
    ///
    /// # Errors
    /// When a stored incident or count is broken.
    pub(in crate::report) fn evidence_without_series(&self) -> Result<Evidence, ReportError> {
        self.evidence_with(Measurements::new(Moment::from_nanos(0), Thresholds::default()))
    }

    fn evidence_with(&self, mut measurements: Measurements) -> Result<Evidence, ReportError> {
        measurements.clamped = self.values_clamped;
        measurements.negative = self.values_negative;
        for failure in &self.failures {
            let tally = ErrorTally {
                count: failure.count,
                example_tickets: failure.example_tickets.clone(),
            };
            measurements
                .errors
                .insert((StepId(failure.step), failure.outcome()?), tally);
        }
        let mut incidents = Vec::new();
        for (kind, records) in [
            (IncidentKind::Alert, &self.alerts),
            (IncidentKind::Rollback, &self.rollback),
        ] {
            for record in records {
                incidents.push(record.read(kind)?);
            }
        }
        incidents.sort_by(|left, right| left.detected_at_s.total_cmp(&right.detected_at_s));
        Ok(Evidence {
            measurements,
            timeline: (&self.timeline).into(),
            iterations: (&self.iterations).into(),
            generator: (&self.generator).into(),
            mock: self.mock.as_ref().map(Into::into),
            audit: self.audit.as_ref().map(AuditRecord::read).transpose()?,
            hops: self.hops.iter().map(Into::into).collect(),
            under_way: (&self.under_way).into(),
            incidents,
            actions: self
                .actions
                .iter()
                .map(ActionRecord::read)
                .collect::<Result<_, _>>()?,
            early_stop: self.early_stop.as_ref().map(Into::into),
            rollback_action: self
                .rollback_action
                .as_ref()
                .map(ActionRecord::read)
                .transpose()?,
            users: self.users.as_ref().map(UsersRecord::read).transpose()?,
            interruption: self.interruption.as_deref().map(interruption::read).transpose()?,
        })
    }

    /// The day on which the run was judged; `None` in files of versions that did not say.
    ///
    /// # Errors
    /// When the file holds no date there.
    pub fn judged_on(&self) -> Result<Option<Date>, ReportError> {
        let date = |text: &String| {
            text.parse()
                .map_err(|_| ReportError::invalid(format!("\"{text}\" is not a date")))
        };
        self.judged_on.as_ref().map(date).transpose()
    }

    /// Judges the stored run by other criteria, with the waivers that hold on `day` (UTC). A window policy that differs
    /// from the stored one is replayed over the series; one that is the same keeps what it found while the run went on.
    ///
    /// # Errors
    /// When the stored run is broken.
    pub fn judged_again(&self, criteria: &Criteria, day: Option<Date>) -> Result<Self, ReportError> {
        let stored = self.criteria()?;
        let context = Context {
            judged_on: day,
            ..self.context()?
        };
        let mut evidence = self.evidence()?;
        let policies = [
            (
                IncidentKind::Alert,
                stored.alerts.as_ref(),
                criteria.alerts.as_ref(),
            ),
            (
                IncidentKind::Rollback,
                stored.rollback.as_ref().map(|rollback| &rollback.policy),
                criteria.rollback.as_ref().map(|rollback| &rollback.policy),
            ),
        ];
        for (kind, before, now) in policies {
            if before != now {
                evidence.incidents.retain(|incident| incident.kind != kind);
                if let Some(policy) = now {
                    let found = replay(kind, policy, &evidence, &context);
                    evidence.incidents.extend(found);
                }
            }
        }
        evidence.incidents = all_dated(
            evidence.incidents,
            criteria,
            &context.steps,
            &evidence.measurements,
            &evidence.timeline,
        );
        let judgement = judge(criteria, &evidence, &context);
        Self::new(self.facts()?, criteria, &context, &evidence, &judgement)
    }
}
