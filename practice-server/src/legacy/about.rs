//! What the server says about its architecture, so that a report can say that figures come from a model and what is in it.

use serde::Serialize;
use utoipa::ToSchema;

use super::settings::LegacySettings;
use super::{Legacy, boot::BootProfile};
use crate::rollout::{DirectPercent, Rollout};

/// The server's account of itself.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct About {
    /// Whether any user may be served by the model of the trigger architecture.
    pub model: bool,
    /// One sentence.
    pub summary: String,
    /// One sentence each: what is modelled, what is injected, and where its figures come from.
    pub notes: Vec<String>,
    /// How many of a hundred users are served by direct calls.
    pub direct_percent: u8,
    pub queue: Option<QueueAbout>,
    pub edge_functions: Option<EdgeAbout>,
}

/// The worker of the HTTP queue.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct QueueAbout {
    pub worker: &'static str,
    pub source: &'static str,
    pub timeout_ms: u64,
}

/// The edge functions.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EdgeAbout {
    pub boot: &'static str,
    pub source: &'static str,
    /// Share of the invocations that boot, 0 to 1.
    pub cold_share: f64,
    /// Added to each invocation.
    pub hop_ms: u64,
    /// Whether anything is added at all.
    pub injects: bool,
}

impl About {
    pub fn new(rollout: &Rollout, legacy: Option<&Legacy>) -> Self {
        let percent = rollout.percent();
        let direct = Self {
            model: false,
            summary: "Every user is served by direct service calls.".to_owned(),
            notes: Vec::new(),
            direct_percent: percent.get(),
            queue: None,
            edge_functions: None,
        };
        match legacy {
            Some(legacy) if !percent.is_everybody() => Self::of_model(percent, legacy.settings()),
            Some(legacy) => Self {
                summary: "Every user is served by direct service calls; a model of the trigger architecture stands by."
                    .to_owned(),
                notes: notes(legacy.settings()),
                ..direct
            },
            None => direct,
        }
    }

    fn of_model(percent: DirectPercent, settings: &LegacySettings) -> Self {
        let LegacySettings { queue, delays, .. } = settings;
        let others = if percent == DirectPercent::NOBODY {
            "Every user is".to_owned()
        } else {
            format!("{percent} of 100 users are served by direct service calls, the others are")
        };
        Self {
            model: true,
            summary: format!("{others} served by a model of the trigger architecture."),
            notes: notes(settings),
            direct_percent: percent.get(),
            queue: Some(QueueAbout {
                worker: queue.as_str(),
                source: queue.source(),
                timeout_ms: milliseconds(settings.queue_timeout),
            }),
            edge_functions: Some(EdgeAbout {
                boot: delays.profile.as_str(),
                source: delays.profile.source(),
                cold_share: delays.cold_share,
                hop_ms: milliseconds(delays.hop),
                injects: !delays.are_none(),
            }),
        }
    }
}

fn notes(settings: &LegacySettings) -> Vec<String> {
    let LegacySettings { queue, delays, .. } = settings;
    let mut notes = vec![
        format!(
            "The HTTP queue's worker behaves as {} ({}); it looks for new requests every 1 to 2 ms where pg_net is woken by \
             the commit.",
            queue.as_str(),
            queue.source()
        ),
        "Rows, triggers, queue, HTTP requests and transactions are real; edge functions run in the server's own process, \
         without the platform's gateway and start-up."
            .to_owned(),
    ];
    if delays.are_none() {
        notes.push(
            "Nothing is injected: no figure of the trigger architecture contains an invented delay."
                .to_owned(),
        );
    }
    if delays.profile != BootProfile::None {
        notes.push(format!(
            "Injected: {} % of the edge functions' invocations boot as {} ({}).",
            delays.cold_share * 100.0,
            delays.profile.as_str(),
            delays.profile.source()
        ));
    }
    if !delays.hop.is_zero() {
        notes.push(format!(
            "Injected: {} ms per invocation for the platform's gateway, as configured; there is no official figure.",
            milliseconds(delays.hop)
        ));
    }
    notes
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::legacy::InjectedDelays;

    #[test]
    fn without_injection_it_says_so() {
        let about = About::of_model(DirectPercent::NOBODY, &LegacySettings::default());
        assert!(about.model);
        assert!(
            about
                .notes
                .iter()
                .any(|note| note.contains("Nothing is injected"))
        );
        assert!(about.notes[0].contains("pg-net-0-20") && about.notes[0].contains("worker.c"));
        assert!(!about.edge_functions.unwrap().injects);
    }

    #[test]
    fn every_injected_delay_names_its_source() {
        let settings = LegacySettings {
            delays: InjectedDelays {
                profile: BootProfile::Supabase202507,
                hop: Duration::from_millis(120),
                ..InjectedDelays::default()
            },
            ..LegacySettings::default()
        };
        let about = About::of_model(DirectPercent::try_new(30).unwrap(), &settings);
        assert!(about.summary.starts_with("30 of 100 users"), "{}", about.summary);
        let injected: Vec<_> = about
            .notes
            .iter()
            .filter(|note| note.starts_with("Injected:"))
            .collect();
        assert!(
            injected[0].contains("p99 460 ms") && injected[0].contains("July 2025"),
            "{injected:?}"
        );
        assert!(
            injected[1].contains("120 ms") && injected[1].contains("no official figure"),
            "{injected:?}"
        );
        assert!(
            !about
                .notes
                .iter()
                .any(|note| note.contains("Nothing is injected"))
        );
    }
}
