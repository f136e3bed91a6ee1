//! `capacity.html`: the answer, how times grow with the rate, and every step.

use askama::Template;

use super::chart::{Axis, Chart, Limit, Line, Tick, Words, chart, percent};
use super::chart_data;
use crate::plan::{Metric, Unit};
use crate::report::ReportError;
use crate::report::capacity::{StepRow, built_in_note, extent, rows, target};
use crate::report::model::{CapacityRecord, CapacityStepRecord, SlaRecord};
use crate::sla::wording::quantity;
use crate::units::Rate;

/// Targets that are drawn besides the response time: those that failed somewhere, the first ones.
const TARGETS_DRAWN_MAX: usize = 4;
/// What the drawn targets' charts are called in the page; one more for each further target.
const TARGET_IDS: [&str; TARGETS_DRAWN_MAX] = ["target-1", "target-2", "target-3", "target-4"];
/// Ticks of the axis of rates that have room beside each other.
const TICKS_MAX: usize = 9;

#[derive(Template)]
#[template(path = "capacity.html")]
struct Page<'a> {
    record: &'a CapacityRecord,
    class: &'static str,
    icon: &'static str,
    headline: String,
    target: String,
    extent: String,
    built_in_note: Option<&'static str>,
    charts: Vec<Chart>,
    rows: Vec<StepRow>,
    command_line: String,
    chart_data: String,
}

/// Renders the page.
pub(in crate::report) fn render_capacity(record: &CapacityRecord) -> Result<String, ReportError> {
    let charts = Steps::new(record).charts();
    let chart_data = chart_data(charts.iter());
    let (class, icon) = match (record.result.ended.as_str(), record.result.held_per_s) {
        ("found" | "at_least", Some(_)) => ("good", "✓"),
        (_, None) if record.result.not_held_per_s.is_some() => ("bad", "✕"),
        _ => ("warn", "?"),
    };
    let page = Page {
        record,
        class,
        icon,
        headline: headline(record),
        target: target(record),
        extent: extent(record),
        built_in_note: built_in_note(record),
        charts,
        rows: rows(record),
        command_line: record.environment.command_line.join(" "),
        chart_data,
    };
    Ok(page.render()?)
}

fn headline(record: &CapacityRecord) -> String {
    match (record.result.held_per_s, record.result.not_held_per_s) {
        (Some(held), Some(_)) => rate(held),
        (Some(held), None) => format!("≥ {}", rate(held)),
        (None, Some(failed)) => format!("< {}", rate(failed)),
        (None, None) => "unknown".to_owned(),
    }
}

/// The steps that proved something, by their rate.
struct Steps<'a> {
    steps: Vec<&'a CapacityStepRecord>,
    axis: Axis,
}

impl<'a> Steps<'a> {
    fn new(record: &'a CapacityRecord) -> Self {
        let mut steps: Vec<&CapacityStepRecord> =
            record.steps.iter().filter(|step| step.is_answer()).collect();
        steps.sort_by(|left, right| {
            (left.rate_per_s.total_cmp(&right.rate_per_s)).then(left.number.cmp(&right.number))
        });
        let rates: Vec<f64> = steps.iter().map(|step| step.rate_per_s).collect();
        let (lowest, highest) = (
            rates.first().copied().unwrap_or(1.0),
            rates.last().copied().unwrap_or(1.0),
        );
        // Rates grow by factors, so the axis is logarithmic; a little room is left on both sides.
        let span = (highest / lowest).ln().max(0.1);
        let position = |value: f64| 0.04 + 0.92 * (value / lowest).ln() / span;
        let mut marked = rates.clone();
        marked.dedup();
        let every = marked.len().div_ceil(TICKS_MAX).max(1);
        let axis = Axis {
            positions: rates.iter().map(|value| position(*value)).collect(),
            labels: steps
                .iter()
                .map(|step| format!("step {}: {}", step.number, rate(step.rate_per_s)))
                .collect(),
            ticks: marked
                .iter()
                .step_by(every)
                .map(|value| Tick {
                    at: percent(position(*value)),
                    label: rate(*value),
                })
                .collect(),
            unit: "new users per second, on a logarithmic scale",
            bands: Vec::new(),
        };
        Self { steps, axis }
    }

    fn charts(&self) -> Vec<Chart> {
        if self.steps.is_empty() {
            return Vec::new();
        }
        let mut charts = vec![self.response_time(), self.throughput()];
        let failed = self.failed_targets();
        charts.extend(
            failed
                .iter()
                .zip(TARGET_IDS)
                .map(|(target, id)| self.target(target, id)),
        );
        charts
    }

    /// A value of every step, and the same again for the steps that did not hold.
    fn with_failed(
        &self,
        name: &'static str,
        value: impl Fn(&CapacityStepRecord) -> Option<f64>,
    ) -> [Line; 2] {
        let of = |only_failed: bool| {
            let wanted = |step: &&&CapacityStepRecord| !only_failed || step.failed();
            self.steps
                .iter()
                .map(|step| Some(step).filter(wanted).and_then(|step| value(step)))
                .collect()
        };
        [
            Line {
                name,
                class: "p95",
                filled: false,
                values: of(false),
            },
            Line {
                name: "did not hold",
                class: "failed",
                filled: false,
                values: of(true),
            },
        ]
    }

    fn response_time(&self) -> Chart {
        let limit = self.limit(|sla| sla.metric == Metric::ResponseTime.key() && sla.step.is_none());
        chart(
            Words {
                id: "response",
                title: "Response time p95 over the rate".to_owned(),
                caption: "Over all steps of the journey, from the moment a request was due to its last byte."
                    .to_owned(),
                y_unit: "ms",
            },
            &self.axis,
            &self.with_failed("p95", |step| {
                let summary = step.response_time.as_ref().filter(|summary| summary.count > 0)?;
                Some(summary.p95.unwrap_or(f64::INFINITY))
            }),
            &limit.into_iter().collect::<Vec<_>>(),
        )
    }

    fn throughput(&self) -> Chart {
        let line = |name, class, value: fn(&CapacityStepRecord) -> f64| Line {
            name,
            class,
            filled: false,
            values: self.steps.iter().map(|step| Some(value(step))).collect(),
        };
        chart(
            Words {
                id: "throughput",
                title: "Throughput over the rate".to_owned(),
                caption: "Users that were planned, that began, and that came to the end of their journey, per second \
                          of the load. A rate at which a threshold tripped was ended early."
                    .to_owned(),
                y_unit: "users/s",
            },
            &self.axis,
            &[
                line("planned", "p50", |step| step.rate_per_s),
                line("begun", "p95", |step| step.achieved_per_s),
                line("completed", "p99", |step| step.completed_per_s),
            ],
            &[],
        )
    }

    /// The targets that some step missed, in the order of the scenario.
    fn failed_targets(&self) -> Vec<&SlaRecord> {
        let mut failed: Vec<&SlaRecord> = Vec::new();
        let missed = self
            .steps
            .iter()
            .flat_map(|step| &step.sla)
            .filter(|sla| sla.status == "FAIL" || sla.status == "INCONCLUSIVE");
        for sla in missed {
            let is_drawn = sla.metric == Metric::ResponseTime.key()
                && sla.step.is_none()
                && sla.stat.as_deref() == Some("p95");
            if !is_drawn && !failed.iter().any(|known| is_same(known, sla)) {
                failed.push(sla);
            }
        }
        failed.truncate(TARGETS_DRAWN_MAX);
        failed
    }

    fn target(&self, target: &SlaRecord, id: &'static str) -> Chart {
        let unit = unit(target);
        let scale = if unit == Unit::Ratio { 100.0 } else { 1.0 };
        let mut title = Metric::from_key(&target.metric)
            .map_or_else(|| target.metric.clone(), |metric| metric.title().to_owned());
        let stat = target.stat.as_deref();
        for part in stat
            .filter(|stat| !matches!(*stat, "share" | "per_second"))
            .into_iter()
            .chain(target.step.as_deref())
        {
            title.push(' ');
            title.push_str(part);
        }
        let limit = self.limit(|sla| is_same(sla, target)).map(|limit| Limit {
            value: limit.value * scale,
            ..limit
        });
        chart(
            Words {
                id,
                title: format!("{title} over the rate"),
                caption: "A target that did not hold at some rate.".to_owned(),
                y_unit: match unit {
                    Unit::Time => "ms",
                    Unit::Ratio => "%",
                    Unit::PerSecond => "/s",
                },
            },
            &self.axis,
            &self.with_failed("measured", |step| {
                let sla = step.sla.iter().find(|sla| is_same(sla, target))?;
                (sla.samples > 0).then(|| sla.value.unwrap_or(f64::INFINITY) * scale)
            }),
            &limit.into_iter().collect::<Vec<_>>(),
        )
    }

    /// The limit of a target, as the steps were judged by it.
    fn limit(&self, wanted: impl Fn(&SlaRecord) -> bool) -> Option<Limit> {
        let sla = self.steps.first()?.sla.iter().find(|sla| wanted(sla))?;
        let value = sla.limit?;
        Some(Limit {
            value,
            label: format!("target: {}", quantity(value, unit(sla))),
            class: "target",
            wanted: true,
        })
    }
}

fn is_same(left: &SlaRecord, right: &SlaRecord) -> bool {
    (&left.metric, &left.step, &left.stat) == (&right.metric, &right.step, &right.stat)
}

fn unit(sla: &SlaRecord) -> Unit {
    Metric::from_key(&sla.metric).map_or(Unit::Time, Metric::unit)
}

fn rate(per_second: f64) -> String {
    Rate::per_second(per_second).map_or_else(|_| format!("{per_second}/s"), |rate| rate.to_string())
}
