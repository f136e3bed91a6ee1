//! `handle_webhook_results`: a verified delivery is recorded and applied in one transaction.

use super::apply::{Applied, apply_result};
use crate::domain::{Call, WebhookEvent};
use crate::store::{Abort, Disposition, InboxEntry, Transaction, TransitionCause, Tx};

/// A delivery whose signature and content were checked.
#[derive(Debug, Clone)]
pub struct HandleWebhookResults {
    pub webhook_id: String,
    /// The signed `webhook-timestamp`, Unix seconds.
    pub webhook_timestamp: u64,
    pub event: WebhookEvent,
    /// The body as it was signed.
    pub payload: String,
}

/// What became of a delivery. All of them are acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookOutcome {
    Applied,
    /// The inbox has it already; nothing happens twice.
    Duplicate,
    /// The submission had its result already, by another delivery or by a poll.
    Superseded,
    /// No submission of ours is known by this job; it is kept, and matching is tried again.
    Unmatched,
}

impl WebhookOutcome {
    /// The label of the counter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Duplicate => "duplicate",
            Self::Superseded => "superseded",
            Self::Unmatched => "unmatched",
        }
    }
}

impl Transaction for HandleWebhookResults {
    const NAME: &'static str = "handle_webhook_results";

    type Output = WebhookOutcome;

    async fn run(self, tx: &mut Tx<'_>) -> Result<WebhookOutcome, Abort> {
        let entry = InboxEntry {
            webhook_id: self.webhook_id,
            webhook_timestamp: self.webhook_timestamp,
            event_type: self.event.type_name(),
            job_id: self.event.job_id().to_owned(),
            client_reference_id: self.event.client_reference_id().to_owned(),
            payload: self.payload,
        };
        if tx.record_delivery(&entry, Disposition::Applied).await? > 1 {
            return Ok(WebhookOutcome::Duplicate);
        }
        let Some(call) = find_call(tx, &self.event).await? else {
            tx.settle_inbox(&entry.webhook_id, Disposition::Unmatched).await?;
            return Ok(WebhookOutcome::Unmatched);
        };
        match apply_result(tx, &call, &self.event, TransitionCause::Webhook).await? {
            Applied::Applied => Ok(WebhookOutcome::Applied),
            Applied::Superseded => {
                tx.settle_inbox(&entry.webhook_id, Disposition::Superseded)
                    .await?;
                Ok(WebhookOutcome::Superseded)
            }
        }
    }
}

/// The call an event answers. The job's id decides; an event that overtook the answer to its call is matched by our
/// own reference, as long as that call has no job yet. An event that contradicts the call it names matches nothing.
pub(super) async fn find_call(tx: &mut Tx<'_>, event: &WebhookEvent) -> Result<Option<Call>, Abort> {
    let reference = event.client_reference_id();
    let agrees = |call: &Call| call.client_reference_id() == reference && call.kind == event.submission();
    if let Some(call) = tx.call_of_job(event.job_id()).await? {
        return Ok(Some(call).filter(agrees));
    }
    if let Some(call) = tx.call_without_job(reference, event.submission()).await? {
        return Ok(Some(call));
    }
    // The answer to the call may have been recorded between the two looks, by whoever sent it.
    Ok(tx.call_of_job(event.job_id()).await?.filter(agrees))
}
