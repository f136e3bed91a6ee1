//! Breaches of window policies with their timelines, as `run.json` holds them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::ReportError;
use super::criteria::{BurnRateRecord, ConditionRecord};
use crate::metrics::{Evidence, Incident, IncidentKind};
use crate::plan::Criteria;
use crate::sla::{Context, IncidentTimeline, Timing};

/// A window condition that was breached. Times are seconds from the start of the load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentRecord {
    /// What was breached; of a burn rate, what the rate comes to in terms of its target's metric.
    pub condition: ConditionRecord,
    /// The burn rate, when the policy watches one. Absent otherwise, and in files of versions that knew none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burn_rate: Option<BurnRateRecord>,
    /// When it was detected.
    pub tripped_at_s: f64,
    /// From the first bad second to the detection.
    pub detected_after_s: Option<f64>,
    /// When the window began that was in breach.
    pub window_from_s: f64,
    /// When the breach was over; `null` when it was not.
    pub cleared_at_s: Option<f64>,
    /// What the window was judged on; `null` = infinite: the quantile fell on a failed request.
    pub value: Option<f64>,
    /// Samples in the window.
    pub samples: u64,
    /// Its moments; absent in files of versions that did not time incidents.
    #[serde(default)]
    pub timeline: Option<IncidentTimelineRecord>,
}

/// The moments of an incident and what lies between them. A moment that did not come is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentTimelineRecord {
    /// When an action injected a fault; `null` when none did before the detection. A fault that stands from the start has no
    /// moment of its own.
    pub injected_s: Option<f64>,
    /// The first bad second.
    pub onset_s: Option<f64>,
    /// When the window was found to be in breach.
    pub detected_s: f64,
    /// When what the rollback does was done.
    pub rolled_back_s: Option<f64>,
    /// The first clean second of a stretch as long as the window.
    pub recovered_s: Option<f64>,
    /// When the windows were clean again.
    pub cleared_s: Option<f64>,
    /// From the injection, or else the first bad second, to the detection; `null` when neither is known.
    pub time_to_detect: Option<TimingRecord>,
    /// From the detection to the end of what the rollback did; `null` when it does nothing.
    pub time_to_act: Option<TimingRecord>,
    /// From the detection to the recovery.
    pub time_to_recover: Option<TimingRecord>,
    /// What the formula says of the time from the first bad second to the detection, seconds; `null` when it says
    /// nothing.
    pub detection_theoretical_s: Option<f64>,
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimingRecord {
    /// Its length.
    pub seconds: f64,
    /// Whether it was longer than that: the run stopped looking before it was over.
    pub censored: bool,
}

impl TimingRecord {
    fn of(timing: Timing) -> Option<Self> {
        match timing {
            Timing::Seconds(seconds) => Some(Self {
                seconds,
                censored: false,
            }),
            Timing::MoreThan(seconds) => Some(Self {
                seconds,
                censored: true,
            }),
            Timing::Unknown => None,
        }
    }
}

impl From<&IncidentTimeline> for IncidentTimelineRecord {
    fn from(timeline: &IncidentTimeline) -> Self {
        Self {
            injected_s: timeline.injected_s,
            onset_s: timeline.onset_s,
            detected_s: timeline.detected_s,
            rolled_back_s: timeline.rolled_back_s,
            recovered_s: timeline.recovered_s,
            cleared_s: timeline.cleared_s,
            time_to_detect: TimingRecord::of(timeline.time_to_detect()),
            time_to_act: TimingRecord::of(timeline.time_to_act()),
            time_to_recover: TimingRecord::of(timeline.time_to_recover()),
            detection_theoretical_s: timeline.detection_theoretical_s,
        }
    }
}

impl IncidentRecord {
    pub(super) fn of(
        incident: &Incident,
        criteria: &Criteria,
        evidence: &Evidence,
        context: &Context,
    ) -> Self {
        let timeline = IncidentTimeline::of(incident, criteria, evidence, context);
        Self {
            condition: ConditionRecord::of(&incident.condition),
            burn_rate: incident.burn_rate.as_ref().map(BurnRateRecord::of),
            tripped_at_s: incident.detected_at_s,
            detected_after_s: incident.onset_s.map(|onset| incident.detected_at_s - onset),
            window_from_s: incident.window_from_s,
            cleared_at_s: incident.cleared_at_s,
            value: Some(incident.value).filter(|value| value.is_finite()),
            samples: incident.samples,
            timeline: Some(IncidentTimelineRecord::from(&timeline)),
        }
    }

    pub(super) fn read(&self, kind: IncidentKind) -> Result<Incident, ReportError> {
        Ok(Incident {
            kind,
            condition: self.condition.read()?,
            burn_rate: self.burn_rate.as_ref().map(BurnRateRecord::read).transpose()?,
            window_from_s: self.window_from_s,
            onset_s: self.detected_after_s.map(|after| self.tripped_at_s - after),
            detected_at_s: self.tripped_at_s,
            recovered_at_s: self.timeline.as_ref().and_then(|timeline| timeline.recovered_s),
            cleared_at_s: self.cleared_at_s,
            value: self.value.unwrap_or(f64::INFINITY),
            samples: self.samples,
        })
    }

    /// What was breached, as the policy says it.
    pub fn breach(&self) -> &str {
        self.burn_rate
            .as_ref()
            .map_or(&self.condition.text, |burn_rate| &burn_rate.text)
    }
}
