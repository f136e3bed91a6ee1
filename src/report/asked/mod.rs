//! What the migration plan asks for, figure by figure: what this run has measured of each, and where; or why not.
//!
//! Everything is read from the record. Nothing is judged here: where the scenario has a target of its own for a figure, what was
//! found about it is repeated.

mod catalogue;

use self::catalogue::{ALL, Asked, Figure, Reading, Watch};
use super::model::{IncidentRecord, MetricSummary, RunRecord, WindowPolicyRecord};
use super::view;
use crate::metrics::SeriesKind;
use crate::plan::{Metric, Unit};
use crate::sla::wording::{count, counted, quantity};

/// A part of the plan.
pub(super) struct AskedGroup {
    pub(super) name: &'static str,
    pub(super) rows: Vec<AskedRow>,
}

/// One figure of the plan.
pub(super) struct AskedRow {
    pub(super) words: &'static str,
    pub(super) target: &'static str,
    /// What this run says of it, or why it says nothing.
    pub(super) found: String,
    pub(super) is_measured: bool,
    pub(super) place: &'static str,
}

/// What was found, or why nothing was.
type Found = Result<String, String>;

/// All that the plan asks for. Empty for a run without submissions: then it was another service that was tested.
pub(super) fn asked(record: &RunRecord) -> Vec<AskedGroup> {
    if !record.plan.submissions {
        return Vec::new();
    }
    let mut groups: Vec<AskedGroup> = Vec::new();
    for asked in &ALL {
        let row = row(record, asked);
        match groups.last_mut().filter(|group| group.name == asked.group) {
            Some(group) => group.rows.push(row),
            None => groups.push(AskedGroup {
                name: asked.group,
                rows: vec![row],
            }),
        }
    }
    groups
}

fn row(record: &RunRecord, asked: &Asked) -> AskedRow {
    let found = read(record, asked.reading);
    let is_measured = found.is_ok();
    AskedRow {
        words: asked.words,
        target: asked.target,
        found: match found {
            Ok(found) => found,
            Err(why) if matches!(asked.reading, Reading::Nothing(_)) => why,
            Err(why) => format!("Not measured in this run: {why}."),
        },
        is_measured,
        place: asked.place.words(),
    }
}

fn read(record: &RunRecord, reading: Reading) -> Found {
    match reading {
        Reading::Run(metric, figure) => {
            let found = value(record, metric, figure)?;
            Ok(format!("{found}{}", judged(record, metric, figure)))
        }
        Reading::Half(metric, figure) => {
            let found = value(record, metric, figure)?;
            Ok(format!(
                "{found}; a difference takes two runs or arms (compare, --baseline)"
            ))
        }
        Reading::Hop(name) => hop(record, name),
        Reading::SlowestQuery => slowest_query(record),
        Reading::Watched(watch, metric) => watched(record, watch, metric),
        Reading::Rollback => {
            let took = view::rollback_times(record);
            took.ok_or_else(|| {
                "nothing was rolled back; the scenarios rollback-drill and rollback-full do".to_owned()
            })
        }
        Reading::Losses => losses(record),
        Reading::Concurrency => Ok(format!(
            "{} in all, at most {} at once",
            counted(record.iterations.due, "user"),
            count(u64::from(record.generator.vus_peak))
        )),
        Reading::Offered => Ok(format!(
            "{} were offered; what the target can do takes a search (capacity), and a difference a comparison",
            quantity(record.requests.rate_per_s, Unit::PerSecond)
        )),
        Reading::Tickets => tickets(record),
        Reading::Nothing(why) => Err(why.to_owned()),
    }
}

/// A metric over the whole run.
fn value(record: &RunRecord, metric: Metric, figure: Figure) -> Found {
    let users = record.users.as_ref();
    let rate = match metric {
        Metric::Availability => return availability(record),
        Metric::CompletionRate => users.and_then(|users| users.completion_rate.as_ref()),
        Metric::AbandonmentRate => users.and_then(|users| users.abandonment_rate.as_ref()),
        Metric::Apdex => users.and_then(|users| users.apdex_score.as_ref()),
        _ => None,
    };
    if let Some(rate) = rate {
        return Ok(match metric {
            Metric::Apdex => format!("Apdex {:.2}", rate.value),
            _ => quantity(rate.value, Unit::Ratio),
        });
    }
    let summary = summary(record, metric).ok_or_else(|| why_not(metric).to_owned())?;
    let bad = summary.failed as f64 / summary.count as f64;
    let time = |value: Option<f64>| quantity(value.unwrap_or(f64::INFINITY), Unit::Time);
    Ok(match figure {
        Figure::P95 => format!("p95 {}", time(summary.p95)),
        Figure::Mean => format!(
            "mean {}",
            summary
                .mean
                .map_or_else(|| "unknown".to_owned(), |mean| time(Some(mean)))
        ),
        Figure::Share if metric.higher_is_better() => quantity(1.0 - bad, Unit::Ratio),
        Figure::Share => quantity(bad, Unit::Ratio),
    })
}

fn summary(record: &RunRecord, metric: Metric) -> Option<&MetricSummary> {
    let kind = SeriesKind::of_metric(metric).filter(|_| !metric.needs_users())?;
    let found = &record.metrics.get(kind.key())?.summary;
    (found.count > 0).then_some(found)
}

fn availability(record: &RunRecord) -> Found {
    let metric = Metric::Availability.key();
    let found = record
        .sla
        .iter()
        .find(|sla| sla.metric == metric && sla.samples > 0);
    found
        .and_then(|sla| sla.value)
        .map(|value| quantity(value, Unit::Ratio))
        .ok_or_else(|| "the scenario sets no target for availability".to_owned())
}

/// What the judge found about the scenario's own target for this figure of a metric; nothing in a run that proves nothing.
fn judged(record: &RunRecord, metric: Metric, figure: Figure) -> String {
    if view::proves_nothing(record) {
        return String::new();
    }
    let statistic = match figure {
        Figure::P95 => "p95",
        Figure::Mean => "mean",
        Figure::Share => "share",
    };
    let own = record.sla.iter().find(|sla| {
        sla.metric == metric.key()
            && sla.step.is_none()
            && sla.target.is_some()
            && sla.stat.as_deref() == Some(statistic)
    });
    match own {
        Some(sla) => format!(
            " (the scenario's target {}: {})",
            view::pretty_target(sla.target.as_deref().unwrap_or_default()),
            sla.status.replace('_', " ")
        ),
        None => " (no target for it in the scenario)".to_owned(),
    }
}

/// Why there is nothing of a metric.
fn why_not(metric: Metric) -> &'static str {
    match metric {
        Metric::FeedbackLatency => "no step changes a status that its user is subscribed to",
        Metric::RealtimeLatency | Metric::RealtimeFailures => {
            "no change arrived whose moment of commit is known on the generator's clock"
        }
        Metric::WebhookProcessing | Metric::WebhookSuccess | Metric::WebhookFailures => {
            "the mock of ClassConnect was no part of it, or was never called"
        }
        Metric::DbQueryTime => {
            "the target does not tell how long its queries take, as the reference server does"
        }
        Metric::CompletionRate | Metric::AbandonmentRate | Metric::ComplaintRate | Metric::Apdex => {
            "it takes users with patience ([users] in the scenario)"
        }
        Metric::ResultTurnaround | Metric::ServerTime => "no result was waited for",
        Metric::ResponseTime | Metric::ErrorRate | Metric::Throughput | Metric::Availability => {
            "no request was measured"
        }
    }
}

fn hop(record: &RunRecord, name: &str) -> Found {
    let found = record.hops.iter().find(|hop| hop.name == name);
    found
        .map(|hop| format!("p95 {}", quantity(hop.p95_ms, Unit::Time)))
        .ok_or_else(|| "no submission could be joined with its job at the mock".to_owned())
}

fn slowest_query(record: &RunRecord) -> Found {
    let summary =
        summary(record, Metric::DbQueryTime).ok_or_else(|| why_not(Metric::DbQueryTime).to_owned())?;
    // The target counts by buckets: a value is the upper edge of its bucket, and beyond the last one there is none.
    Ok(match summary.max.filter(|_| summary.failed == 0) {
        Some(max) if max <= 1_000.0 => {
            format!("none: the slowest took at most {}", quantity(max, Unit::Time))
        }
        Some(max) => format!("some: the slowest took up to {}", quantity(max, Unit::Time)),
        None => format!(
            "{} beyond what the target counts",
            counted(summary.failed, "query sample")
        ),
    })
}

/// What became of the thresholds on a metric.
fn watched(record: &RunRecord, watch: Watch, metric: Metric) -> Found {
    let (policy, incidents): (Option<&WindowPolicyRecord>, &[IncidentRecord]) = match watch {
        Watch::Alert => (record.criteria.alerts.as_ref(), &record.alerts),
        Watch::Rollback => (
            record.criteria.rollback.as_ref().map(|rollback| &rollback.policy),
            &record.rollback,
        ),
    };
    let all = policy.into_iter().flat_map(WindowPolicyRecord::watched);
    let texts: Vec<&str> = all
        .filter(|(condition, _)| condition.metric == metric.key())
        .map(|(_, text)| text)
        .collect();
    if texts.is_empty() {
        return Err("the scenario does not watch it".to_owned());
    }
    if !view::has_samples(record, metric.key(), None) {
        return Err(why_not(metric).to_owned());
    }
    let first = incidents
        .iter()
        .find(|incident| texts.iter().any(|text| incident.breach() == *text));
    Ok(match first {
        Some(incident) => format!(
            "breached at {:.1} s ({}; {} in all)",
            incident.tripped_at_s,
            incident.breach(),
            counted(
                incidents
                    .iter()
                    .filter(|one| texts.iter().any(|text| one.breach() == *text))
                    .count() as u64,
                "time"
            )
        ),
        None => format!("not breached ({})", texts.join(", ")),
    })
}

fn losses(record: &RunRecord) -> Found {
    let audit = record
        .audit
        .as_ref()
        .ok_or_else(|| "the audit did not take place".to_owned())?;
    Ok(format!(
        "{}, {}, {} of {} accepted",
        view::witnessed_as(audit.lost, "lost"),
        view::witnessed_as(audit.duplicated, "duplicated"),
        view::witnessed_as(audit.misdelivered, "misdelivered"),
        count(audit.accepted)
    ))
}

fn tickets(record: &RunRecord) -> Found {
    let users = record
        .users
        .as_ref()
        .ok_or_else(|| why_not(Metric::ComplaintRate).to_owned())?;
    Ok(format!(
        "{:.0} to be expected of these users, a stand-in: real tickets are written by real users; a difference takes two \
         runs or arms",
        users.expected_tickets
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::record;
    use crate::sla::fixture;

    fn found<'a>(groups: &'a [AskedGroup], group: &str, words: &str) -> &'a AskedRow {
        let group = groups.iter().find(|found| found.name == group).unwrap();
        group.rows.iter().find(|row| row.words == words).unwrap()
    }

    #[test]
    fn every_figure_of_the_plan_has_a_value_or_a_reason() {
        let record = record(fixture::healthy());
        let groups = asked(&record);
        let rows: Vec<&AskedRow> = groups.iter().flat_map(|group| &group.rows).collect();
        assert_eq!(rows.len(), ALL.len(), "the figures of a group stand together");
        for row in &rows {
            assert!(!row.found.is_empty() && !row.place.is_empty(), "{}", row.words);
            assert_eq!(
                row.place == "not measurable here",
                [
                    "Index usage",
                    "Indexed queries; JSON queries",
                    "Constraint violations"
                ]
                .contains(&row.words),
                "{}",
                row.words
            );
        }
        let response = found(&groups, "Performance", "Response time");
        assert!(
            response.is_measured
                && response
                    .found
                    .ends_with("(the scenario's target ≤ 150\u{a0}ms: PASS)"),
            "{}",
            response.found
        );
        let completion = found(&groups, "User experience", "Practice completion rate");
        assert!(
            !completion.is_measured && completion.found.contains("[users]"),
            "{}",
            completion.found
        );
        let alert = found(&groups, "Monitoring and alerts", "API response time alert");
        assert!(
            alert.found.starts_with("not breached (response_time"),
            "{}",
            alert.found
        );
    }

    #[test]
    fn a_breach_and_users_with_patience_are_told() {
        let failing = record(fixture::failing());
        let groups = asked(&failing);
        let tripped = found(&groups, "Rollback", "Error rate");
        assert!(tripped.found.starts_with("breached at "), "{}", tripped.found);
        let with_users = record(fixture::with_users(4, 3));
        let groups = asked(&with_users);
        for (words, says) in [
            ("User satisfaction", "Apdex 0."),
            ("Support tickets", "a stand-in"),
        ] {
            let row = found(&groups, "User experience", words);
            assert!(row.is_measured && row.found.contains(says), "{}", row.found);
        }
    }

    #[test]
    fn another_service_is_not_asked_for_the_figures_of_the_plan() {
        let mut record = record(fixture::healthy());
        record.plan.submissions = false;
        assert!(asked(&record).is_empty());
    }
}
