//! The immediate answer to every practice action.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{AttemptId, SessionId};

/// The work is accepted and durable; its result comes by realtime, or by polling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    /// Always `processing`.
    pub status: String,
    pub session_id: String,
    /// The attempt that was created, for a submitted recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_id: Option<String>,
    pub message: String,
    pub estimated_completion: String,
}

impl Accepted {
    pub(super) fn new(session: SessionId, attempt: Option<AttemptId>) -> Self {
        Self {
            status: "processing".to_owned(),
            session_id: session.to_string(),
            attempt_id: attempt.map(|id| id.to_string()),
            message: "Analysis started".to_owned(),
            estimated_completion: "2-5 seconds".to_owned(),
        }
    }
}
