//! `capacity.html`: the answer, how times grow with the rate, and every step.

use askama::Template;

use super::chart::{Axis, Band, Chart, Limit, Line, Tick, Words, chart, percent};
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
/// Ticks of the axis of rates stand no closer, as a share of its length: their labels need the room.
const TICK_DISTANCE_MIN: f64 = 0.11;

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
    let charts = charts(record);
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

fn charts(record: &CapacityRecord) -> Vec<Chart> {
    let (by_rate, apart) = (Steps::new(record, false), Steps::new(record, true));
    if by_rate.steps.is_empty() {
        return Vec::new();
    }
    let failed = apart.failed_targets();
    let targets = failed.iter().zip(TARGET_IDS);
    [apart.response_time(), by_rate.throughput()]
        .into_iter()
        .chain(targets.map(|(target, id)| apart.target(target, id)))
        .collect()
}

/// The steps that proved something, by their rate.
struct Steps<'a> {
    steps: Vec<&'a CapacityStepRecord>,
    axis: Axis,
}

impl<'a> Steps<'a> {
    /// `apart` puts those that held before those that did not: a line that joins them is then not broken by others in
    /// between.
    fn new(record: &'a CapacityRecord, apart: bool) -> Self {
        let mut steps: Vec<&CapacityStepRecord> =
            record.steps.iter().filter(|step| step.is_answer()).collect();
        steps.sort_by(|left, right| {
            (apart && left.failed())
                .cmp(&(apart && right.failed()))
                .then(left.rate_per_s.total_cmp(&right.rate_per_s))
                .then(left.number.cmp(&right.number))
        });
        let rates: Vec<f64> = steps.iter().map(|step| step.rate_per_s).collect();
        let lowest = rates.iter().copied().reduce(f64::min).unwrap_or(1.0);
        let highest = rates.iter().copied().reduce(f64::max).unwrap_or(1.0);
        // Rates grow by factors, so the axis is logarithmic; a little room is left on both sides.
        let span = (highest / lowest).ln().max(0.1);
        let position = |value: f64| 0.04 + 0.92 * (value / lowest).ln() / span;
        let answer = record.result.held_per_s.zip(record.result.not_held_per_s);
        let axis = Axis {
            positions: rates.iter().map(|value| position(*value)).collect(),
            labels: steps
                .iter()
                .map(|step| format!("step {}: {}", step.number, rate(step.rate_per_s)))
                .collect(),
            ticks: ticks(&rates, position),
            unit: "new users per second, on a logarithmic scale",
            bands: answer
                .map(|(held, failed)| Band {
                    left: percent(position(held)),
                    width: percent(position(failed) - position(held)),
                    // The captions say it: a narrow band has no room for a label.
                    label: String::new(),
                    class: "drain",
                })
                .into_iter()
                .collect(),
        };
        Self { steps, axis }
    }

    /// A value of the steps that held, and of those that did not.
    fn held_and_failed(&self, value: impl Fn(&CapacityStepRecord) -> Option<f64>) -> [Line; 2] {
        let of = |failed: bool| {
            let value = |step: &&CapacityStepRecord| value(step).filter(|_| step.failed() == failed);
            self.steps.iter().map(value).collect()
        };
        [("held", "p95", false), ("did not hold", "failed", true)].map(|(name, class, failed)| Line {
            name: name.into(),
            class,
            filled: false,
            values: of(failed),
        })
    }

    fn response_time(&self) -> Chart {
        let limit = self.limit(|sla| sla.metric == Metric::ResponseTime.key() && sla.step.is_none());
        chart(
            Words {
                id: "response",
                title: "Response time p95 over the rate".to_owned(),
                caption: "Over all steps of the journey, from the moment a request was due to its last byte. Hatched: where the \
                          capacity lies."
                    .to_owned(),
                y_unit: "ms",
            },
            &self.axis,
            &self.held_and_failed(|step| {
                let summary = step.response_time.as_ref().filter(|summary| summary.count > 0)?;
                Some(summary.p95.unwrap_or(f64::INFINITY))
            }),
            &limit.into_iter().collect::<Vec<_>>(),
        )
    }

    fn throughput(&self) -> Chart {
        let line = |name: &'static str, class, value: fn(&CapacityStepRecord) -> f64| Line {
            name: name.into(),
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
                caption: "A target that was missed at some rate.".to_owned(),
                y_unit: match unit {
                    Unit::Time => "ms",
                    Unit::Ratio => "%",
                    Unit::PerSecond => "/s",
                },
            },
            &self.axis,
            &self.held_and_failed(|step| {
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

/// The rates that have room for a label beside each other; the lowest and the highest always have.
fn ticks(rates: &[f64], position: impl Fn(f64) -> f64) -> Vec<Tick> {
    let mut sorted = rates.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.last().map(|rate| position(*rate)) else {
        return Vec::new();
    };
    let mut free_from = f64::NEG_INFINITY;
    let mut ticks = Vec::new();
    for value in sorted {
        let at = position(value);
        let is_last = at >= last;
        if at < free_from || (!is_last && at > last - TICK_DISTANCE_MIN) {
            continue;
        }
        free_from = at + TICK_DISTANCE_MIN;
        ticks.push(Tick {
            at: percent(at),
            label: rate(value),
        });
    }
    ticks
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
