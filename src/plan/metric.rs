//! The metrics that a target, an alert or a rollback threshold can name.

use std::fmt;

/// A metric. Names and definitions are those of the scenario reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Done − intended, per request.
    ResponseTime,
    /// Failed requests over all requests.
    ErrorRate,
    /// Share of one-second slots in which neither the error nor the response rollback condition holds.
    Availability,
    /// Request sent → event with the new status received.
    FeedbackLatency,
    /// Change committed → event in the virtual user's hands.
    RealtimeLatency,
    /// Expected events that did not arrive in time, over expected events.
    RealtimeFailures,
    /// First delivery attempt sent → 2xx, retries included.
    WebhookProcessing,
    /// Webhooks acknowledged within their retry schedule over webhooks due.
    WebhookSuccess,
    /// Delivery attempts without 2xx over all delivery attempts.
    WebhookFailures,
    /// Submission intended → result in the user's hands.
    ResultTurnaround,
    /// Result turnaround less the delay that the mock injected for that very submission.
    ServerTime,
    /// Time of a database query, as the target's own metrics report it.
    DbQueryTime,
    /// Requests completed per second.
    Throughput,
    /// Sessions that came to their end and whose results were read back, over sessions begun.
    CompletionRate,
    /// Sessions whose user left, over sessions begun.
    AbandonmentRate,
    /// Sessions whose user had reason to complain, over sessions begun: a simulated proxy.
    ComplaintRate,
    /// Satisfied and half of the tolerating over all rated steps: the score of Apdex as a share.
    Apdex,
}

/// The unit that a metric's limit is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Time,
    Ratio,
    PerSecond,
}

impl Metric {
    /// All metrics, in the order in which reports list them.
    pub const ALL: [Metric; 17] = [
        Metric::ResponseTime,
        Metric::ErrorRate,
        Metric::Availability,
        Metric::FeedbackLatency,
        Metric::RealtimeLatency,
        Metric::RealtimeFailures,
        Metric::WebhookProcessing,
        Metric::WebhookSuccess,
        Metric::WebhookFailures,
        Metric::ResultTurnaround,
        Metric::ServerTime,
        Metric::DbQueryTime,
        Metric::Throughput,
        Metric::CompletionRate,
        Metric::AbandonmentRate,
        Metric::ComplaintRate,
        Metric::Apdex,
    ];

    /// The metric's key in scenario files and `run.json`.
    pub fn key(self) -> &'static str {
        match self {
            Metric::ResponseTime => "response_time",
            Metric::ErrorRate => "error_rate",
            Metric::Availability => "availability",
            Metric::FeedbackLatency => "feedback_latency",
            Metric::RealtimeLatency => "realtime_latency",
            Metric::RealtimeFailures => "realtime_failures",
            Metric::WebhookProcessing => "webhook_processing",
            Metric::WebhookSuccess => "webhook_success",
            Metric::WebhookFailures => "webhook_failures",
            Metric::ResultTurnaround => "result_turnaround",
            Metric::ServerTime => "server_time",
            Metric::DbQueryTime => "db_query_time",
            Metric::Throughput => "throughput",
            Metric::CompletionRate => "completion_rate",
            Metric::AbandonmentRate => "abandonment_rate",
            Metric::ComplaintRate => "complaint_rate",
            Metric::Apdex => "apdex",
        }
    }

    /// The metric with this key.
    pub fn from_key(key: &str) -> Option<Metric> {
        Self::ALL.into_iter().find(|metric| metric.key() == key)
    }

    /// The metric's name in prose.
    pub fn title(self) -> &'static str {
        match self {
            Metric::ResponseTime => "Response time",
            Metric::ErrorRate => "Error rate",
            Metric::Availability => "Availability",
            Metric::FeedbackLatency => "Feedback latency",
            Metric::RealtimeLatency => "Realtime latency",
            Metric::RealtimeFailures => "Realtime failures",
            Metric::WebhookProcessing => "Webhook processing",
            Metric::WebhookSuccess => "Webhook success",
            Metric::WebhookFailures => "Webhook failures",
            Metric::ResultTurnaround => "Result turnaround",
            Metric::ServerTime => "Server time",
            Metric::DbQueryTime => "Database query time",
            Metric::Throughput => "Throughput",
            Metric::CompletionRate => "Completion rate",
            Metric::AbandonmentRate => "Abandonment rate",
            Metric::ComplaintRate => "Complaint rate",
            Metric::Apdex => "Apdex",
        }
    }

    /// The unit of the metric's limits.
    pub fn unit(self) -> Unit {
        match self {
            Metric::ResponseTime
            | Metric::FeedbackLatency
            | Metric::RealtimeLatency
            | Metric::WebhookProcessing
            | Metric::ResultTurnaround
            | Metric::ServerTime
            | Metric::DbQueryTime => Unit::Time,
            Metric::ErrorRate
            | Metric::Availability
            | Metric::RealtimeFailures
            | Metric::WebhookSuccess
            | Metric::WebhookFailures
            | Metric::CompletionRate
            | Metric::AbandonmentRate
            | Metric::ComplaintRate
            | Metric::Apdex => Unit::Ratio,
            Metric::Throughput => Unit::PerSecond,
        }
    }

    /// Whether a high value is good: such a target is a lower bound (`>=`).
    pub fn higher_is_better(self) -> bool {
        matches!(
            self,
            Metric::Availability
                | Metric::WebhookSuccess
                | Metric::Throughput
                | Metric::CompletionRate
                | Metric::Apdex
        )
    }

    /// Whether the metric can be asked for one step.
    pub fn is_per_step(self) -> bool {
        matches!(
            self,
            Metric::ResponseTime
                | Metric::ErrorRate
                | Metric::FeedbackLatency
                | Metric::ResultTurnaround
                | Metric::ServerTime
                | Metric::Apdex
        )
    }

    /// Whether only users with patience bring it about.
    pub fn needs_users(self) -> bool {
        matches!(
            self,
            Metric::CompletionRate | Metric::AbandonmentRate | Metric::ComplaintRate | Metric::Apdex
        )
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_found_by_its_key() {
        for metric in Metric::ALL {
            assert_eq!(Metric::from_key(metric.key()), Some(metric));
        }
        assert_eq!(Metric::from_key("latency"), None);
    }
}
