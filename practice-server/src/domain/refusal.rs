//! Why a request that was understood is not carried out. The sentences are shown to the caller.

/// A refusal that the rules of the domain demand; storage and network trouble are errors of their own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such row, or it belongs to somebody else: the caller cannot tell the two apart.
    #[error("there is no {entity} with this id among your own")]
    NotFound { entity: &'static str },
    /// The row's present state does not allow the action.
    #[error("{detail}")]
    Conflict { detail: String },
    /// A value in the request breaks a rule.
    #[error("`{field}` {reason}")]
    Invalid { field: &'static str, reason: String },
    /// The idempotency key was used before with a different request.
    #[error("this Idempotency-Key was used before with a different request; use a new key for a new request")]
    KeyReused,
    /// The first request with this idempotency key has not been answered yet.
    #[error("a request with this Idempotency-Key is still being processed; repeat it after a moment")]
    KeyInFlight,
}

impl Refusal {
    /// A broken rule about one field; `reason` completes the sentence that the field's name begins.
    pub fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            reason: reason.into(),
        }
    }

    /// A state that does not allow the action.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::Conflict {
            detail: detail.into(),
        }
    }
}
