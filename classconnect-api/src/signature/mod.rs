//! Standard Webhooks 1.0.0, scheme `v1`: HMAC-SHA256 over `id "." timestamp "." raw body`.
//!
//! - [`WebhookSecret`] signs; it cannot hold a key that is too short to be safe.
//! - [`SignatureHeaders`] are the three headers, already checked for form.
//! - [`Verifier`] holds one secret, or several while keys are rotated.
//!
//! The published libraries disagree on malformed input (one accepts a signature made with an empty key). This
//! implementation is strict wherever they differ and works on bytes, so a body need not be UTF-8.

mod headers;
mod secret;
mod verifier;

pub use headers::{HeaderError, HeaderName, SignatureHeaders};
pub use secret::{SecretError, WebhookSecret};
pub use verifier::{Verifier, VerifierError, VerifyError};

/// Header with the event's id, the same in every retry: the receiver's key for recognising duplicates.
pub const WEBHOOK_ID: &str = "webhook-id";
/// Header with the Unix seconds of this delivery attempt.
pub const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
/// Header with one or more signatures separated by single spaces.
pub const WEBHOOK_SIGNATURE: &str = "webhook-signature";

#[cfg(test)]
mod tests;
