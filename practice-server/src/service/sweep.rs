//! The sweep: whatever was left lying is picked up or brought to an end, so that nothing stays open for ever.

use std::time::Duration;

use classconnect_api::WebhookEnvelope;

use super::apply::{Applied, apply_result, fail_submission, record_end};
use super::outbox::bury;
use super::session_status::{StatusMetadata, update_session_status};
use super::webhook_results::find_call;
use crate::domain::{CallState, SessionStatus};
use crate::store::{Abort, DeadLetter, Disposition, InboxRow, Retention, Transaction, TransitionCause, Tx};

/// Rows of each kind in one sweep, so that it does not hold up the other writers; the rest is for the next one.
const BATCH: u32 = 100;

/// How long things may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepSettings {
    /// A session nobody touched for this long is abandoned.
    pub session_idle: Duration,
    /// A webhook that matches no submission is tried again for this long.
    pub unmatched_webhook: Duration,
    pub retention: Retention,
}

/// One sweep.
#[derive(Debug, Clone)]
pub struct Sweep(pub SweepSettings);

/// What a sweep found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    pub leases_released: usize,
    pub calls_timed_out: u64,
    pub webhooks_matched: u64,
    pub webhooks_dead: u64,
    pub sessions_abandoned: u64,
}

impl Transaction for Sweep {
    const NAME: &'static str = "sweep";

    type Output = Swept;

    async fn run(self, tx: &mut Tx<'_>) -> Result<Swept, Abort> {
        let settings = self.0;
        let mut swept = Swept {
            leases_released: tx.release_expired_leases().await?,
            ..Swept::default()
        };
        for call in tx.overdue_calls(BATCH).await? {
            let reason = "timeout: ClassConnect did not deliver a result in time";
            if tx
                .finish_call(call.id, CallState::Dead, None, Some(reason))
                .await?
            {
                record_end(tx, &call, CallState::Dead, TransitionCause::Sweep).await?;
                bury(tx, &call, reason).await?;
                fail_submission(tx, &call, reason, TransitionCause::Sweep).await?;
                swept.calls_timed_out += 1;
            }
        }
        for row in tx.unmatched_webhooks(BATCH).await? {
            if match_again(tx, &row).await? {
                swept.webhooks_matched += 1;
            } else if tx.now().since(row.received_at) >= settings.unmatched_webhook {
                bury_webhook(tx, &row).await?;
                swept.webhooks_dead += 1;
            }
        }
        let idle_since = tx.now().minus(settings.session_idle);
        for mut session in tx.idle_sessions(idle_since, BATCH).await? {
            let metadata = StatusMetadata::default();
            let cause = TransitionCause::Sweep;
            update_session_status(tx, &mut session, SessionStatus::Abandoned, metadata, cause).await?;
            swept.sessions_abandoned += 1;
        }
        tx.forget(settings.retention).await?;
        Ok(swept)
    }
}

async fn match_again(tx: &mut Tx<'_>, row: &InboxRow) -> Result<bool, Abort> {
    let Ok(envelope) = serde_json::from_str::<WebhookEnvelope>(&row.payload) else {
        return Ok(false);
    };
    let Some(call) = find_call(tx, &envelope.event).await? else {
        return Ok(false);
    };
    let disposition = match apply_result(tx, &call, &envelope.event, TransitionCause::Webhook).await? {
        Applied::Applied => Disposition::Applied,
        Applied::Superseded => Disposition::Superseded,
    };
    tx.settle_inbox(&row.webhook_id, disposition).await?;
    Ok(true)
}

async fn bury_webhook(tx: &mut Tx<'_>, row: &InboxRow) -> Result<(), Abort> {
    let letter = DeadLetter {
        source: "webhook",
        reference_id: row.webhook_id.clone(),
        payload: row.payload.clone(),
        reason: "no submission matches this webhook".to_owned(),
        attempts: row.deliveries,
    };
    tx.insert_dead_letter(&letter).await?;
    Ok(tx.settle_inbox(&row.webhook_id, Disposition::Dead).await?)
}
