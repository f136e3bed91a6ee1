//! What people and scripts read first in `run.json`: targets, validity, metrics.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::ReportError;
use super::criteria::unit_key;
use crate::metrics::{Evidence, Measurements, SeriesKind, Slice};
use crate::plan::{Metric, StepInfo};
use crate::sla::{Context, Finding, Severity, Status, Subject, Validity, worst};

/// One target and what was found about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SlaRecord {
    /// The key of the metric, as in a scenario.
    pub metric: String,
    /// The step that the target is about; `null` = all steps.
    pub step: Option<String>,
    /// `p95`, `mean`, `max`, `share` or `per_second`; `null` when it is not measured.
    pub stat: Option<String>,
    /// Comparison and limit: `<= 150ms`.
    pub target: Option<String>,
    /// The limit as a number in `unit`.
    pub limit: Option<f64>,
    /// What was measured, in `unit`; `null` with samples = infinite: the quantile fell on a failed event.
    pub value: Option<f64>,
    /// `ms`, `ratio` or `per_s`.
    pub unit: String,
    /// Lower bound: of shares and rates with one-sided 95 % confidence, of quantiles the lower end of a two-sided
    /// 95 % interval.
    pub ci_low: Option<f64>,
    /// Upper bound, as `ci_low`; `null` with a `ci_low` = infinite.
    pub ci_high: Option<f64>,
    /// Events that were measured.
    pub samples: u64,
    /// How many independent samples they are worth.
    pub samples_effective: Option<f64>,
    /// Events against the target.
    pub bad: u64,
    /// Share of events that may be bad.
    pub budget: Option<f64>,
    /// What came of it.
    #[schemars(extend("enum" = Status::ALL.map(Status::name)))]
    pub status: String,
    /// Why, as a sentence.
    pub reason: String,
    /// For how many seconds to measure, at the same load, to settle a target that is open; absent when it is not open or no
    /// time would do, and in files of versions that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_after_s: Option<f64>,
    /// Whether it was not met and a waiver keeps that from deciding the verdict. Absent in files of versions without
    /// waivers.
    #[serde(default)]
    pub waived: bool,
    /// The worst ten seconds; absent when there are none to compare, and in files of versions that did not look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<WorstRecord>,
}

/// The ten seconds in which a target had its worst value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorstRecord {
    /// Their first second.
    pub from_s: u32,
    /// `null` = infinite: the quantile fell on a failed event.
    pub value: Option<f64>,
}

impl SlaRecord {
    /// The statistic, where it is not the only one that the metric has.
    fn statistic(&self) -> Option<&str> {
        let statistic = self.stat.as_deref();
        statistic.filter(|stat| !matches!(*stat, "share" | "per_second"))
    }

    /// What is judged, for people, without the step: `Response time p99`.
    pub(in crate::report) fn title(&self) -> String {
        let title = Metric::from_key(&self.metric).map_or(self.metric.as_str(), |metric| metric.title());
        match self.statistic() {
            Some(statistic) => format!("{title} {statistic}"),
            None => title.to_owned(),
        }
    }

    /// As [`Self::title`], with the step: `Response time p99 of submit_recording`.
    pub(in crate::report) fn title_with_step(&self) -> String {
        match &self.step {
            Some(step) => format!("{} of {step}", self.title()),
            None => self.title(),
        }
    }

    /// The target as a scenario says it: `response_time{submit_recording} p99 <= 150ms`.
    pub(in crate::report) fn text(&self) -> String {
        let mut text = self.metric.clone();
        if let Some(step) = &self.step {
            text.push_str(&format!("{{{step}}}"));
        }
        for part in self.statistic().into_iter().chain(self.target.as_deref()) {
            text.push_str(&format!(" {part}"));
        }
        text
    }
}

/// Whether the run can prove anything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ValidityRecord {
    /// Whether it can.
    pub valid: bool,
    /// What was checked.
    pub checks: Vec<CheckRecord>,
}

/// One validity check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckRecord {
    /// The key of the check.
    pub name: String,
    /// Whether nothing was found.
    pub ok: bool,
    /// `ok`, `warning` or `invalid`.
    pub severity: String,
    /// What was found, as a sentence.
    pub sentence: String,
}

/// A series over the whole judged part of the run. Times in milliseconds. Quantiles count failed events as infinite
/// (`null`); mean, min and max are those of the events that have a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricRecord {
    #[serde(flatten)]
    pub summary: MetricSummary,
    /// The same for single steps, by their names.
    pub by_step: BTreeMap<String, MetricSummary>,
    /// HdrHistogram V2, DEFLATE, base64; values in microseconds, without the failed events.
    pub histogram: String,
}

/// The numbers of one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricSummary {
    /// Events, failed ones included.
    pub count: u64,
    /// Events that failed, were lost, or never came.
    pub failed: u64,
    /// Mean.
    pub mean: Option<f64>,
    /// Shortest.
    pub min: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// 99.9th percentile.
    pub p999: Option<f64>,
    /// Longest.
    pub max: Option<f64>,
}

/// The measured requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RequestsRecord {
    /// Requests after the warm-up.
    pub total: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Requests per second.
    pub rate_per_s: f64,
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

impl SlaRecord {
    pub(super) fn of(finding: &Finding, evidence: &Evidence, context: &Context) -> Self {
        let condition = match &finding.subject {
            Subject::Target(condition) => Some(condition),
            Subject::NotMeasured(_) => None,
        };
        Self {
            metric: finding.subject.metric().key().to_owned(),
            step: condition.and_then(|condition| condition.step.clone()),
            stat: condition.map(|condition| condition.statistic.to_string()),
            target: condition.map(|condition| format!("{} {}", condition.comparator, condition.limit)),
            limit: condition.map(|condition| condition.limit.as_number()),
            value: finite(finding.value),
            unit: unit_key(finding.subject.unit()).to_owned(),
            ci_low: finite(finding.ci_low),
            ci_high: finite(finding.ci_high),
            samples: finding.samples,
            samples_effective: finding.samples_effective,
            bad: finding.bad,
            budget: finding.budget,
            status: finding.status.name().to_owned(),
            reason: finding.reason.clone(),
            settled_after_s: finding.settled_after_s,
            waived: finding.waived.is_some(),
            worst: condition
                .and_then(|condition| worst(condition, evidence, context))
                .map(|worst| WorstRecord {
                    from_s: worst.from_s,
                    value: finite(Some(worst.value)),
                }),
        }
    }
}

impl From<&Validity> for ValidityRecord {
    fn from(validity: &Validity) -> Self {
        Self {
            valid: validity.valid(),
            checks: validity
                .checks
                .iter()
                .map(|check| CheckRecord {
                    name: check.name.key().to_owned(),
                    ok: check.severity == Severity::Ok,
                    severity: check.severity.name().to_owned(),
                    sentence: check.sentence.clone(),
                })
                .collect(),
        }
    }
}

impl RequestsRecord {
    /// The requests that were measured.
    pub(super) fn of(evidence: &Evidence) -> Self {
        let total = evidence.measurements.total(SeriesKind::Response, None);
        let seconds = evidence.timeline.load_ended_s - evidence.timeline.measured_from_s;
        Self {
            total: total.total,
            failed: total.bad,
            rate_per_s: if seconds > 0.0 {
                total.total as f64 / seconds
            } else {
                0.0
            },
        }
    }
}

impl MetricSummary {
    /// The numbers of one slice.
    pub(in crate::report) fn of(slice: &Slice) -> Self {
        let quantile = |quantile: f64| finite(slice.quantile_ms(quantile));
        Self {
            count: slice.total,
            failed: slice.bad,
            mean: slice.mean_ms(),
            min: slice.min_ms(),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p95: quantile(0.95),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: (slice.good() > 0).then(|| f64::from(slice.max_us) / 1e3),
        }
    }
}

/// Every metric that has samples.
pub(super) fn metrics(
    measurements: &Measurements,
    steps: &[StepInfo],
) -> Result<BTreeMap<String, MetricRecord>, ReportError> {
    let mut metrics = BTreeMap::new();
    for kind in SeriesKind::ALL {
        let total = measurements.total(kind, None);
        if total.total == 0 {
            continue;
        }
        let mut by_step: BTreeMap<String, Slice> = BTreeMap::new();
        for step in measurements.steps_of(kind) {
            let name = steps
                .get(step.index())
                .map_or("unknown", |info| info.name.as_str());
            by_step
                .entry(name.to_owned())
                .or_default()
                .merge(&measurements.total(kind, Some(step)));
        }
        metrics.insert(
            kind.key().to_owned(),
            MetricRecord {
                summary: MetricSummary::of(&total),
                by_step: by_step
                    .into_iter()
                    .map(|(name, slice)| (name, MetricSummary::of(&slice)))
                    .collect(),
                histogram: histogram(&total)?,
            },
        );
    }
    Ok(metrics)
}

fn histogram(slice: &Slice) -> Result<String, ReportError> {
    let broken = |error: String| ReportError::invalid(format!("a histogram could not be written: {error}"));
    let mut histogram = Histogram::<u64>::new(3).map_err(|error| broken(error.to_string()))?;
    for (bucket, count) in &slice.values {
        histogram
            .record_n(u64::from(*bucket), *count)
            .map_err(|error| broken(error.to_string()))?;
    }
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(&histogram, &mut bytes)
        .map_err(|error| broken(error.to_string()))?;
    Ok(STANDARD.encode(bytes))
}
