//! Incidents in words: what was breached, the moments of it, and what lies between them.

use super::model::{IncidentRecord, IncidentTimelineRecord, RunRecord, TimingRecord};
use super::view;
use crate::sla::wording::{counted, quantity};

/// One incident as every format shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IncidentView {
    /// `alert` or `rollback`.
    pub(super) kind: &'static str,
    pub(super) breach: String,
    /// What the window showed.
    pub(super) what: String,
    /// In the order of time; those that did not come stand last.
    pub(super) moments: Vec<Moment>,
    /// Time to detect, to act, to recover: those that mean something here.
    pub(super) times: Vec<(&'static str, String)>,
    /// What the formula says of the time to detect.
    pub(super) theory: Option<String>,
}

/// One moment of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) name: MomentName,
    /// Its name in reports, or what is told when it did not come.
    pub(super) label: &'static str,
    /// When it came.
    pub(super) at: Option<String>,
}

/// The moments, in the order in which they should come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MomentName {
    Injected,
    Onset,
    Detected,
    RolledBack,
    Recovered,
    Cleared,
}

impl MomentName {
    pub(super) const ALL: [MomentName; 6] = [
        MomentName::Injected,
        MomentName::Onset,
        MomentName::Detected,
        MomentName::RolledBack,
        MomentName::Recovered,
        MomentName::Cleared,
    ];

    /// The heading of a column.
    pub(super) fn heading(self) -> &'static str {
        match self {
            MomentName::Injected => "Injected",
            MomentName::Onset => "First bad second",
            MomentName::Detected => "Detected",
            MomentName::RolledBack => "Rolled back",
            MomentName::Recovered => "Recovered",
            MomentName::Cleared => "Cleared",
        }
    }

    fn label(self, came: bool) -> &'static str {
        match (self, came) {
            (MomentName::Injected, _) => "fault injected",
            (MomentName::Onset, true) => "first bad second",
            (MomentName::Onset, false) => "first bad second unknown",
            (MomentName::Detected, _) => "detected",
            (MomentName::RolledBack, true) => "rolled back",
            (MomentName::RolledBack, false) => "not rolled back",
            (MomentName::Recovered, true) => "recovered",
            (MomentName::Recovered, false) => "not recovered",
            (MomentName::Cleared, true) => "cleared",
            (MomentName::Cleared, false) => "not cleared",
        }
    }

    /// Its name in style sheets.
    pub(super) fn class(self) -> &'static str {
        match self {
            MomentName::Injected => "injected",
            MomentName::Onset => "onset",
            MomentName::Detected => "detected",
            MomentName::RolledBack => "rolled-back",
            MomentName::Recovered => "recovered",
            MomentName::Cleared => "cleared",
        }
    }
}

/// All incidents: those of the rollback first, each kind in the order of detection.
pub(super) fn incidents(record: &RunRecord) -> Vec<IncidentView> {
    let rollback = record
        .rollback
        .iter()
        .map(|incident| view_of("rollback", incident));
    let alerts = record.alerts.iter().map(|incident| view_of("alert", incident));
    rollback.chain(alerts).collect()
}

fn view_of(kind: &'static str, incident: &IncidentRecord) -> IncidentView {
    let timeline = incident.timeline.clone().unwrap_or_else(|| untimed(incident));
    IncidentView {
        kind,
        breach: incident.breach().to_owned(),
        what: what(incident),
        moments: moments(&timeline),
        times: times(&timeline),
        theory: timeline.detection_theoretical_s.map(|seconds| {
            format!(
                "By the formula, a full window finds shares like these {} after the first bad second.",
                self::seconds(seconds)
            )
        }),
    }
}

/// What files of versions that did not time incidents know.
fn untimed(incident: &IncidentRecord) -> IncidentTimelineRecord {
    IncidentTimelineRecord {
        injected_s: None,
        onset_s: incident
            .detected_after_s
            .map(|after| incident.tripped_at_s - after),
        detected_s: incident.tripped_at_s,
        rolled_back_s: None,
        recovered_s: None,
        cleared_s: incident.cleared_at_s,
        time_to_detect: incident.detected_after_s.map(|seconds| TimingRecord {
            seconds,
            censored: false,
        }),
        time_to_act: None,
        time_to_recover: None,
        detection_theoretical_s: None,
    }
}

/// What the window showed.
fn what(incident: &IncidentRecord) -> String {
    let samples = counted(incident.samples, "sample");
    match incident.value {
        _ if incident.samples == 0 => "nothing came, although it was due".to_owned(),
        Some(value) => format!(
            "{} over {samples}",
            quantity(value, view::unit(&incident.condition.unit))
        ),
        None => format!("so many failed that the percentile is one of them, over {samples}"),
    }
}

fn moments(timeline: &IncidentTimelineRecord) -> Vec<Moment> {
    let at = |name| match name {
        MomentName::Injected => timeline.injected_s,
        MomentName::Onset => timeline.onset_s,
        MomentName::Detected => Some(timeline.detected_s),
        MomentName::RolledBack => timeline.rolled_back_s,
        MomentName::Recovered => timeline.recovered_s,
        MomentName::Cleared => timeline.cleared_s,
    };
    let mut moments: Vec<(f64, Moment)> = MomentName::ALL
        .into_iter()
        .filter(|name| match name {
            MomentName::Injected => timeline.injected_s.is_some(),
            MomentName::RolledBack => timeline.rolled_back_s.is_some() || timeline.time_to_act.is_some(),
            // What is not known to an older file is not told to have failed.
            MomentName::Recovered => timeline.time_to_recover.is_some(),
            MomentName::Onset | MomentName::Detected | MomentName::Cleared => true,
        })
        .map(|name| {
            let at = at(name);
            let moment = Moment {
                name,
                label: name.label(at.is_some()),
                at: at.map(seconds),
            };
            (at.unwrap_or(f64::INFINITY), moment)
        })
        .collect();
    // Stable: what comes at the same time stays in the order in which it should come.
    moments.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    moments.into_iter().map(|(_, moment)| moment).collect()
}

fn times(timeline: &IncidentTimelineRecord) -> Vec<(&'static str, String)> {
    [
        ("Time to detect", timeline.time_to_detect),
        ("Time to act", timeline.time_to_act),
        ("Time to recover", timeline.time_to_recover),
    ]
    .into_iter()
    .filter_map(|(name, timing)| Some((name, self::timing(timing?))))
    .collect()
}

/// `4 s`, or `> 312 s` when it was not over.
fn timing(timing: TimingRecord) -> String {
    let sign = if timing.censored { "> " } else { "" };
    format!("{sign}{}", seconds(timing.seconds))
}

/// Whole seconds as such, others with one digit.
pub(super) fn seconds(seconds: f64) -> String {
    let rounded = (seconds * 10.0).round() / 10.0;
    if rounded.fract() == 0.0 {
        format!("{rounded:.0} s")
    } else {
        format!("{rounded:.1} s")
    }
}

impl IncidentView {
    /// The breach and what the window showed, in a line.
    pub(super) fn headline(&self) -> String {
        format!("{}: {}", self.breach, self.what)
    }

    /// The moments and the times, in a line.
    pub(super) fn course(&self) -> String {
        let moments: Vec<String> = self
            .moments
            .iter()
            .map(|moment| match &moment.at {
                Some(at) => format!("{} {at}", moment.label),
                None => moment.label.to_owned(),
            })
            .collect();
        let times: Vec<String> = self
            .times
            .iter()
            .map(|(name, value)| format!("{} {value}", name.to_lowercase()))
            .collect();
        let mut line = moments.join(", ");
        if !times.is_empty() {
            line.push_str("; ");
            line.push_str(&times.join(", "));
        }
        line
    }

    /// When a moment came; empty when it did not.
    pub(super) fn at(&self, name: MomentName) -> &str {
        self.moments
            .iter()
            .find(|moment| moment.name == name)
            .and_then(|moment| moment.at.as_deref())
            .unwrap_or_default()
    }

    /// One of the times; empty when it means nothing here.
    pub(super) fn time(&self, wanted: &str) -> &str {
        self.times
            .iter()
            .find(|(name, _)| *name == wanted)
            .map_or("", |(_, value)| value.as_str())
    }
}
