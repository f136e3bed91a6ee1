//! What was under way at the end of each second, as `run.json` holds it: columns from second 0 on.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metrics::{Pending, UnderWay};

/// Users at their journey and results still to come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnderWayRecord {
    /// Users at their journey, at the end of each second from second 0 on.
    pub users_at_once: Vec<u64>,
    /// Results that were still to come; empty without a mock.
    pub results_pending: Vec<u64>,
    /// How long the oldest of them had been awaited, in milliseconds; empty without a mock.
    pub oldest_pending_ms: Vec<u64>,
}

impl From<&UnderWay> for UnderWayRecord {
    fn from(under_way: &UnderWay) -> Self {
        let pending = || under_way.pending.iter();
        Self {
            users_at_once: under_way.users.clone(),
            results_pending: pending().map(|pending| pending.results).collect(),
            oldest_pending_ms: pending()
                .map(|pending| pending.oldest.as_millis() as u64)
                .collect(),
        }
    }
}

impl From<&UnderWayRecord> for UnderWay {
    fn from(record: &UnderWayRecord) -> Self {
        let pending = record.results_pending.iter().zip(&record.oldest_pending_ms);
        Self {
            users: record.users_at_once.clone(),
            pending: pending
                .map(|(results, oldest_ms)| Pending {
                    results: *results,
                    oldest: Duration::from_millis(*oldest_ms),
                })
                .collect(),
        }
    }
}
