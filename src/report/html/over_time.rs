//! What happened when: charts over the run's seconds, with its phases and the limits.

mod strips;

use super::chart::{Axis, Band, Chart, Limit, Line, Tick, Words, chart, nice_step, percent};
use super::heat::heat_map;
use super::tape::{Point, Tape};
use crate::metrics::{Evidence, Incident, IncidentKind, SeriesKind, Timeline};
use crate::plan::{Condition, Criteria, Limit as ConditionLimit, Metric, Statistic, StepInfo};
use crate::report::ReportError;
use crate::report::model::SeriesSet;
use crate::sla::{lag_limit_ms, wording::quantity};

/// Points of a chart; longer runs are drawn in steps of several seconds, their samples merged.
const POINTS_MAX: u32 = 360;

/// Draws charts of one run.
pub(super) struct OverTime<'a> {
    evidence: &'a Evidence,
    criteria: &'a Criteria,
    tape: Tape,
    axis: Axis,
    /// Seconds per point.
    stride: u32,
    points: u32,
}

/// The phases as bands behind charts and lanes.
pub(super) fn phases(timeline: &Timeline) -> Vec<Band> {
    let span = span_s(timeline);
    let band = |from: f64, to: f64, label: &str, class| Band {
        left: percent(from / span),
        width: percent((to - from).max(0.0) / span),
        label: label.to_owned(),
        class,
    };
    let mut bands = vec![
        band(0.0, timeline.measured_from_s, "warm-up", "warm-up"),
        band(
            timeline.measured_from_s,
            timeline.load_ended_s,
            "measuring",
            "measuring",
        ),
        band(timeline.load_ended_s, span, "drain", "drain"),
    ];
    bands.retain(|band| band.width != "0.000%");
    bands
}

/// Incidents, as marks along the upper edge of every chart: from the first bad second to the end.
fn incidents(evidence: &Evidence) -> impl Iterator<Item = Band> {
    let span = span_s(&evidence.timeline);
    let mark = move |incident: &Incident| {
        let from = incident.onset_s.unwrap_or(incident.window_from_s);
        let to = incident.cleared_at_s.unwrap_or(span);
        let (label, class) = match incident.kind {
            IncidentKind::Alert => ("alert", "breach alert"),
            IncidentKind::Rollback => ("rollback", "breach rollback"),
        };
        Band {
            left: percent(from / span),
            width: percent((to - from).max(span * 0.004) / span),
            label: label.to_owned(),
            class,
        }
    };
    evidence.incidents.iter().map(mark)
}

/// What was done to the target, as marks that charts show over the phases.
fn marks(evidence: &Evidence) -> impl Iterator<Item = Band> {
    let span = span_s(&evidence.timeline);
    let actions = evidence.actions.iter().chain(&evidence.rollback_action);
    actions.filter_map(move |action| {
        let begun = action.begun_s?;
        let ended = action.ended_s.unwrap_or(span);
        Some(Band {
            left: percent(begun / span),
            width: percent((ended - begun).max(0.0) / span),
            label: action.name.clone(),
            class: "action",
        })
    })
}

/// The length of the time axis.
pub(super) fn span_s(timeline: &Timeline) -> f64 {
    timeline.drained_s.max(timeline.load_ended_s).ceil().max(1.0)
}

/// Ticks of the time axis.
pub(super) fn time_ticks(span: f64) -> Vec<Tick> {
    let step = nice_step(span / 8.0).max(1.0);
    let mut ticks = Vec::new();
    let mut at = 0.0;
    // The last label needs room before the end of the axis.
    while at <= span - step * 0.3 {
        ticks.push(Tick {
            at: percent(at / span),
            label: format!("{at:.0}"),
        });
        at += step;
    }
    ticks
}

impl<'a> OverTime<'a> {
    /// Reads the series of a run to be drawn; of `evidence` all the rest is used.
    ///
    /// # Errors
    /// When a series is broken.
    pub(super) fn read(
        series: &SeriesSet,
        evidence: &'a Evidence,
        criteria: &'a Criteria,
        steps: &[StepInfo],
    ) -> Result<Self, ReportError> {
        let span = span_s(&evidence.timeline);
        let seconds = span as u32;
        let stride = seconds.div_ceil(POINTS_MAX).max(1);
        let points = seconds.div_ceil(stride);
        let starts = (0..points).map(|point| point * stride);
        let axis = Axis {
            positions: starts
                .clone()
                .map(|start| (f64::from(start) + f64::from(stride) / 2.0) / span)
                .collect(),
            labels: starts
                .map(|start| match stride {
                    1 => format!("second {start}"),
                    _ => format!("seconds {start} to {}", start + stride - 1),
                })
                .collect(),
            ticks: time_ticks(span),
            unit: "seconds since the start",
            bands: phases(&evidence.timeline)
                .into_iter()
                .chain(marks(evidence))
                .chain(incidents(evidence))
                .collect(),
        };
        Ok(Self {
            evidence,
            criteria,
            tape: Tape::read(series, steps, stride, points)?,
            axis,
            stride,
            points,
        })
    }

    /// What was read.
    pub(super) fn tape(&self) -> &Tape {
        &self.tape
    }

    /// Every chart beside the strips that the run has data for.
    pub(super) fn charts(&self) -> Vec<Chart> {
        [
            self.heat(),
            self.sessions(),
            self.latency(
                Metric::RealtimeLatency,
                "realtime",
                "Realtime latency",
                "Change committed to event received.",
            ),
            self.latency(
                Metric::FeedbackLatency,
                "feedback",
                "Feedback latency",
                "Request sent to the event with the new status.",
            ),
            self.turnaround(),
            self.latency(
                Metric::WebhookProcessing,
                "webhook",
                "Webhook processing",
                "First delivery attempt sent to its 2xx, retries included.",
            ),
            self.scheduling_lag(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn of_kind(&self, kind: SeriesKind) -> &[Point] {
        self.tape.of_kind(kind)
    }

    fn limits(&self, metric: Metric) -> Vec<Limit> {
        let named = |conditions: &[Condition], role: &str, class: &'static str, wanted: bool| -> Vec<Limit> {
            conditions
                .iter()
                .filter(|condition| condition.metric == metric && condition.step.is_none())
                .filter_map(|condition| match (condition.limit, condition.statistic) {
                    (
                        ConditionLimit::Time(limit),
                        Statistic::Quantile(_) | Statistic::Mean | Statistic::Max,
                    ) => {
                        let value = limit.as_secs_f64() * 1e3;
                        Some(Limit {
                            value,
                            label: format!(
                                "{role}: {} {}",
                                condition.statistic,
                                quantity(value, metric.unit())
                            ),
                            class,
                            wanted,
                        })
                    }
                    _ => None,
                })
                .collect()
        };
        let mut limits = named(&self.criteria.targets, "target", "target", true);
        if let Some(alerts) = &self.criteria.alerts {
            limits.extend(named(&alerts.conditions, "alert", "alert", false));
        }
        if let Some(rollback) = &self.criteria.rollback {
            limits.extend(named(&rollback.policy.conditions, "rollback", "rollback", false));
        }
        limits
    }

    fn response_time(&self) -> Chart {
        chart(
            Words {
                id: "response",
                title: "Response time".to_owned(),
                caption: "From the moment a request was due to its last byte, per second of its due time."
                    .to_owned(),
                y_unit: "ms",
            },
            &self.axis,
            &quantiles(self.of_kind(SeriesKind::Response)),
            &self.limits(Metric::ResponseTime),
        )
    }

    /// Every response time, with the limit of the target that most of them are about.
    fn heat(&self) -> Option<Chart> {
        let limit = self
            .limits(Metric::ResponseTime)
            .into_iter()
            .find(|limit| limit.wanted);
        heat_map(&self.axis, &self.tape.responses, limit.map(|limit| limit.value))
    }

    fn per_second(&self, points: &[Point], read: fn(&Point) -> u64) -> Vec<Option<f64>> {
        points
            .iter()
            .map(|point| Some(read(point) as f64 / f64::from(self.stride)))
            .collect()
    }

    fn rate(&self) -> Chart {
        let points = self.of_kind(SeriesKind::Response);
        chart(
            Words {
                id: "rate",
                title: "Throughput".to_owned(),
                caption: "Requests that were due, and those of them that failed, per second.".to_owned(),
                y_unit: "requests/s",
            },
            &self.axis,
            &[
                Line {
                    name: "requests".into(),
                    class: "volume",
                    filled: true,
                    values: self.per_second(points, |point| point.total),
                },
                Line {
                    name: "failed".into(),
                    class: "failed",
                    filled: true,
                    values: self.per_second(points, |point| point.bad),
                },
            ],
            &[],
        )
    }

    fn arrivals(&self) -> Option<Chart> {
        let arrivals = &self.tape.arrivals;
        arrivals.iter().any(|count| *count > 0).then(|| {
            let per_second = |count: &u64| Some(*count as f64 / f64::from(self.stride));
            chart(
                Words {
                    id: "arrivals",
                    title: "New users".to_owned(),
                    caption: "Arrivals that were due, dropped ones included, per second.".to_owned(),
                    y_unit: "users/s",
                },
                &self.axis,
                &[Line {
                    name: "new users".into(),
                    class: "volume",
                    filled: true,
                    values: arrivals.iter().map(per_second).collect(),
                }],
                &[],
            )
        })
    }

    /// How sessions of users with patience ended.
    fn sessions(&self) -> Option<Chart> {
        let ended = self.of_kind(SeriesKind::Abandonment);
        let complaints = self.of_kind(SeriesKind::Complaint);
        let line = |name: &str, class, filled, points: &[Point], read: fn(&Point) -> u64| Line {
            name: name.to_owned().into(),
            class,
            filled,
            values: self.per_second(points, read),
        };
        ended.iter().any(|point| point.total > 0).then(|| {
            chart(
                Words {
                    id: "sessions",
                    title: "Sessions of simulated users".to_owned(),
                    caption: "Sessions that ended, those whose user left, and those with reason to complain, per second."
                        .to_owned(),
                    y_unit: "sessions/s",
                },
                &self.axis,
                &[
                    line("ended", "volume", true, ended, |point| point.total),
                    line("left", "failed", true, ended, |point| point.bad),
                    line("complaining", "p95", false, complaints, |point| point.bad),
                ],
                &[],
            )
        })
    }

    fn latency(&self, metric: Metric, id: &'static str, title: &str, caption: &str) -> Option<Chart> {
        let points = self.of_kind(SeriesKind::of_metric(metric)?);
        points.iter().any(|point| point.total > 0).then(|| {
            chart(
                Words {
                    id,
                    title: title.to_owned(),
                    caption: caption.to_owned(),
                    y_unit: "ms",
                },
                &self.axis,
                &quantiles(points),
                &self.limits(metric),
            )
        })
    }

    /// The whole wait for a result, and the target's own part of it.
    fn turnaround(&self) -> Option<Chart> {
        let turnaround = self.of_kind(SeriesKind::Turnaround);
        let own = self.of_kind(SeriesKind::ServerTime);
        let p95 = |points: &[Point]| points.iter().map(|point| point.p95_ms).collect();
        turnaround.iter().any(|point| point.total > 0).then(|| {
            chart(
                Words {
                    id: "turnaround",
                    title: "Result turnaround, p95".to_owned(),
                    caption:
                        "From submission to the result in the user's hands, and the part of it that is the \
                              target's own: without the delay that the mock injected."
                            .to_owned(),
                    y_unit: "ms",
                },
                &self.axis,
                &[
                    Line {
                        name: "turnaround".into(),
                        class: "p95",
                        filled: false,
                        values: p95(turnaround),
                    },
                    Line {
                        name: "server time".into(),
                        class: "p50",
                        filled: false,
                        values: p95(own),
                    },
                ],
                &self.limits(Metric::ResultTurnaround),
            )
        })
    }

    fn scheduling_lag(&self) -> Option<Chart> {
        let points = self.of_kind(SeriesKind::SchedulingLag);
        let limit = lag_limit_ms(self.criteria);
        points.iter().any(|point| point.total > 0).then(|| {
            chart(
                Words {
                    id: "lag",
                    title: "Scheduling lag of the generator, p99".to_owned(),
                    caption: "How late the generator itself was. It is no fault of the target.".to_owned(),
                    y_unit: "ms",
                },
                &self.axis,
                &[Line {
                    name: "p99".into(),
                    class: "p95",
                    filled: false,
                    values: points.iter().map(|point| point.p99_ms).collect(),
                }],
                &[Limit {
                    value: limit,
                    label: format!("acceptable: {limit:.0} ms"),
                    class: "alert",
                    wanted: true,
                }],
            )
        })
    }
}

fn quantiles(points: &[Point]) -> Vec<Line> {
    let line = |name: &'static str, read: fn(&Point) -> Option<f64>| Line {
        name: name.into(),
        class: name,
        filled: false,
        values: points.iter().map(read).collect(),
    };
    vec![
        line("p50", |point| point.p50_ms),
        line("p95", |point| point.p95_ms),
        line("p99", |point| point.p99_ms),
    ]
}
