//! Verification of a delivery against every active secret.

use std::time::Duration;

use hmac::Mac;

use super::headers::{HeaderError, SignatureHeaders};
use super::secret::WebhookSecret;

/// How far a delivery's timestamp may lie from now, in both directions.
const TOLERANCE: Duration = Duration::from_secs(300);
const SECRETS_MAX: usize = 4;

/// Verifies deliveries with one secret, or with several while keys are rotated.
#[derive(Debug, Clone)]
pub struct Verifier {
    secrets: Vec<WebhookSecret>,
}

/// Why a verifier cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("webhook verification needs 1 to 4 secrets, not {0}")]
pub struct VerifierError(usize);

/// Why a delivery is refused. For logs: the sender gets a 401 without a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error("the delivery's timestamp is more than 300 s old")]
    TooOld,
    #[error("the delivery's timestamp is more than 300 s in the future")]
    TooNew,
    #[error("no signature matches any active secret")]
    NoMatch,
}

impl Verifier {
    /// # Errors
    /// When there is no secret, or more than four (rotation needs two).
    pub fn new(secrets: Vec<WebhookSecret>) -> Result<Self, VerifierError> {
        if !(1..=SECRETS_MAX).contains(&secrets.len()) {
            return Err(VerifierError(secrets.len()));
        }
        Ok(Self { secrets })
    }

    /// Checks the raw body, before it is parsed, against the headers. `now_unix_seconds` is the receiver's wall clock.
    ///
    /// Every secret is compared with every signature in constant time and without an early exit, so that timing does
    /// not tell which secret matched.
    ///
    /// # Errors
    /// When the timestamp lies more than 300 s from now, or no signature matches.
    pub fn verify(
        &self,
        headers: &SignatureHeaders<'_>,
        body: &[u8],
        now_unix_seconds: u64,
    ) -> Result<(), VerifyError> {
        let tolerance_seconds = TOLERANCE.as_secs();
        if now_unix_seconds.saturating_sub(headers.unix_seconds) > tolerance_seconds {
            return Err(VerifyError::TooOld);
        }
        if headers.unix_seconds.saturating_sub(now_unix_seconds) > tolerance_seconds {
            return Err(VerifyError::TooNew);
        }
        let mut matched = false;
        for secret in &self.secrets {
            let message = secret.keyed_message(headers.id, headers.unix_seconds, body);
            for digest in &headers.digests {
                matched |= message.clone().verify_slice(digest).is_ok();
            }
        }
        if matched {
            Ok(())
        } else {
            Err(VerifyError::NoMatch)
        }
    }
}
