//! Every figure that the migration plan and the database document ask for, in their words.
//!
//! This file changes when one of those documents does. What a run says of each is read by the module above.

use crate::metrics::Hop;
use crate::plan::Metric;

/// One figure that is asked for.
pub(super) struct Asked {
    /// The part of the documents that it stands in.
    pub(super) group: &'static str,
    pub(super) words: &'static str,
    /// What is asked of it.
    pub(super) target: &'static str,
    pub(super) reading: Reading,
    pub(super) place: Place,
}

/// What of a run answers the question.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reading {
    /// The value of the whole run.
    Run(Metric, Figure),
    /// As [`Reading::Run`], but the question is one of two architectures: a single run has one half of the answer.
    Half(Metric, Figure),
    /// One hop on the way of a submission, p95.
    Hop(&'static str),
    /// The longest database query, against a second.
    SlowestQuery,
    /// A threshold that is watched while the run goes on.
    Watched(Watch, Metric),
    /// How long a rollback took.
    Rollback,
    /// Accepted work that was lost, doubled or delivered to somebody else.
    Losses,
    /// Users at once.
    Concurrency,
    /// Requests per second, of which one run has those that it offered.
    Offered,
    /// Tickets that the simulated users would have written.
    Tickets,
    /// Nothing of a run; the reason, as a sentence.
    Nothing(&'static str),
}

/// What is made of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Figure {
    P95,
    Mean,
    Share,
}

/// What watches a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watch {
    Alert,
    Rollback,
}

/// Where a figure is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Client,
    Mock,
    ClientAndMock,
    TargetsMetrics,
    SimulatedUsers,
    Windows,
    Operator,
    Audit,
    Nowhere,
}

impl Place {
    /// In words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Place::Client => "by the client",
            Place::Mock => "by the mock of ClassConnect",
            Place::ClientAndMock => "by the client and the mock, joined by submission",
            Place::TargetsMetrics => "by the target's own metrics",
            Place::SimulatedUsers => "on simulated users",
            Place::Windows => "second by second during the run",
            Place::Operator => "from the tripping of the threshold on",
            Place::Audit => "by the audit: client, mock and read-back joined",
            Place::Nowhere => "not measurable here",
        }
    }
}

const fn asked(
    group: &'static str,
    words: &'static str,
    target: &'static str,
    reading: Reading,
    place: Place,
) -> Asked {
    Asked {
        group,
        words,
        target,
        reading,
        place,
    }
}

const PERFORMANCE: &str = "Performance";
const TIMELINE: &str = "Timeline of an update";
const USERS: &str = "User experience";
const SYSTEM: &str = "System";
const ALERTS: &str = "Monitoring and alerts";
const ROLLBACK: &str = "Rollback";
const DATABASE: &str = "Database improvements";

const NOT_BY_A_RUN: &str = "A run sees how long queries take, not which indexes they use; pg_stat_user_indexes of the database \
                            with the data of production tells.";

/// All of it, in the order of the documents.
pub(super) const ALL: [Asked; 33] = [
    asked(
        PERFORMANCE,
        "Response time",
        "200–800 ms → 50–150 ms",
        Reading::Run(Metric::ResponseTime, Figure::P95),
        Place::Client,
    ),
    asked(
        PERFORMANCE,
        "Error rate",
        "< 1 %",
        Reading::Run(Metric::ErrorRate, Figure::Share),
        Place::Client,
    ),
    asked(
        PERFORMANCE,
        "Real-time latency",
        "< 50 ms",
        Reading::Run(Metric::RealtimeLatency, Figure::P95),
        Place::Client,
    ),
    asked(
        PERFORMANCE,
        "Webhook processing",
        "< 2 s",
        Reading::Run(Metric::WebhookProcessing, Figure::P95),
        Place::Mock,
    ),
    asked(
        PERFORMANCE,
        "Load with multiple concurrent users",
        "no number",
        Reading::Concurrency,
        Place::Client,
    ),
    asked(
        TIMELINE,
        "User action → the frontend shows processing",
        "50 ms",
        Reading::Run(Metric::FeedbackLatency, Figure::P95),
        Place::Client,
    ),
    asked(
        TIMELINE,
        "User action → ClassConnect called",
        "100 ms",
        Reading::Hop(Hop::CALLED),
        Place::ClientAndMock,
    ),
    asked(
        TIMELINE,
        "Webhook → the frontend shows the result",
        "50 ms",
        Reading::Hop(Hop::RECEIVED),
        Place::ClientAndMock,
    ),
    asked(
        TIMELINE,
        "User action → result, with ClassConnect's analysis",
        "2–5 s",
        Reading::Run(Metric::ResultTurnaround, Figure::P95),
        Place::Client,
    ),
    asked(
        USERS,
        "Practice completion rate",
        "+20 %",
        Reading::Half(Metric::CompletionRate, Figure::Share),
        Place::SimulatedUsers,
    ),
    asked(
        USERS,
        "Session abandonment",
        "−30 %",
        Reading::Half(Metric::AbandonmentRate, Figure::Share),
        Place::SimulatedUsers,
    ),
    asked(
        USERS,
        "User satisfaction",
        "+25 %",
        Reading::Half(Metric::Apdex, Figure::Share),
        Place::SimulatedUsers,
    ),
    asked(
        USERS,
        "Support tickets",
        "−50 %",
        Reading::Tickets,
        Place::SimulatedUsers,
    ),
    asked(
        SYSTEM,
        "Database query time",
        "−60 %",
        Reading::Half(Metric::DbQueryTime, Figure::Mean),
        Place::TargetsMetrics,
    ),
    asked(
        SYSTEM,
        "API throughput",
        "+200 %",
        Reading::Offered,
        Place::Client,
    ),
    asked(
        SYSTEM,
        "System reliability",
        "99.9 %",
        Reading::Run(Metric::Availability, Figure::Share),
        Place::Client,
    ),
    asked(
        SYSTEM,
        "Webhook success rate",
        "99.5 %",
        Reading::Run(Metric::WebhookSuccess, Figure::Share),
        Place::Mock,
    ),
    asked(SYSTEM, "Data loss", "none", Reading::Losses, Place::Audit),
    asked(
        ALERTS,
        "API response time alert",
        "> 200 ms",
        Reading::Watched(Watch::Alert, Metric::ResponseTime),
        Place::Windows,
    ),
    asked(
        ALERTS,
        "Error rate alert",
        "> 2 %",
        Reading::Watched(Watch::Alert, Metric::ErrorRate),
        Place::Windows,
    ),
    asked(
        ALERTS,
        "Webhook failure alert",
        "> 5 %",
        Reading::Watched(Watch::Alert, Metric::WebhookFailures),
        Place::Windows,
    ),
    asked(
        ALERTS,
        "Database query time alert",
        "> 100 ms",
        Reading::Watched(Watch::Alert, Metric::DbQueryTime),
        Place::Windows,
    ),
    asked(
        ROLLBACK,
        "API response time",
        "> 500 ms",
        Reading::Watched(Watch::Rollback, Metric::ResponseTime),
        Place::Windows,
    ),
    asked(
        ROLLBACK,
        "Error rate",
        "> 5 %",
        Reading::Watched(Watch::Rollback, Metric::ErrorRate),
        Place::Windows,
    ),
    asked(
        ROLLBACK,
        "Real-time updates failing",
        "no number",
        Reading::Watched(Watch::Rollback, Metric::RealtimeFailures),
        Place::Windows,
    ),
    asked(
        ROLLBACK,
        "User complaints about performance",
        "no number",
        Reading::Watched(Watch::Rollback, Metric::ComplaintRate),
        Place::SimulatedUsers,
    ),
    asked(
        ROLLBACK,
        "Time to roll back",
        "quick < 5 min, full < 30 min",
        Reading::Rollback,
        Place::Operator,
    ),
    asked(
        DATABASE,
        "Average query time",
        "should decrease",
        Reading::Half(Metric::DbQueryTime, Figure::Mean),
        Place::TargetsMetrics,
    ),
    asked(
        DATABASE,
        "Slow queries",
        "> 1 s",
        Reading::SlowestQuery,
        Place::TargetsMetrics,
    ),
    asked(
        DATABASE,
        "Error rate",
        "should decrease",
        Reading::Half(Metric::ErrorRate, Figure::Share),
        Place::Client,
    ),
    asked(
        DATABASE,
        "Index usage",
        "no number",
        Reading::Nothing(NOT_BY_A_RUN),
        Place::Nowhere,
    ),
    asked(
        DATABASE,
        "Indexed queries; JSON queries",
        "50–90 % faster; 10–100 times faster",
        Reading::Nothing(
            "It takes the same queries with and without the indexes on tables of a real size; the practice journey does not \
             ask them.",
        ),
        Place::Nowhere,
    ),
    asked(
        DATABASE,
        "Constraint violations",
        "zero",
        Reading::Nothing("The target does not count them; one that meets a user shows as a failed request."),
        Place::Nowhere,
    ),
];
