//! The shared key, and signing with it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const PREFIX: &str = "whsec_";
const LENGTH_BYTES_MIN: usize = 24;
const LENGTH_BYTES_MAX: usize = 64;

/// A webhook signing key of 24 to 64 bytes, written `whsec_<base64>`.
#[derive(Clone)]
pub struct WebhookSecret {
    /// The keyed hash before any message: deriving it once saves two hash blocks per signature.
    keyed: Hmac<Sha256>,
}

/// Why a text is not a webhook secret. No variant repeats the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("the webhook secret must start with \"whsec_\"")]
    Prefix,
    #[error("the webhook secret must be padded standard base64 after \"whsec_\"")]
    Base64,
    #[error("the webhook secret holds {0} bytes; it must hold 24 to 64 random bytes")]
    Length(usize),
}

impl WebhookSecret {
    /// Reads `whsec_<base64>`.
    ///
    /// # Errors
    /// When the prefix is missing, the rest is not padded standard base64, or the key has less than 24 or more than
    /// 64 bytes. An empty key would let anyone sign.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretError::Prefix)?;
        let key = STANDARD.decode(encoded).map_err(|_| SecretError::Base64)?;
        Self::from_key(&key)
    }

    /// Takes the key itself.
    ///
    /// # Errors
    /// When the key has less than 24 or more than 64 bytes.
    pub fn from_key(key: &[u8]) -> Result<Self, SecretError> {
        if !(LENGTH_BYTES_MIN..=LENGTH_BYTES_MAX).contains(&key.len()) {
            return Err(SecretError::Length(key.len()));
        }
        let keyed = Hmac::<Sha256>::new_from_slice(key).map_err(|_| SecretError::Length(key.len()))?;
        Ok(Self { keyed })
    }

    /// Signs one delivery attempt; the result is one entry of the `webhook-signature` header, `v1,<base64>`.
    ///
    /// `id` goes into the `webhook-id` header and `unix_seconds`, the time of this attempt, into
    /// `webhook-timestamp`. A verifier takes the result only if the id matches `[A-Za-z0-9_-]{1,128}`.
    pub fn sign(&self, id: &str, unix_seconds: u64, body: &[u8]) -> String {
        let digest = self.keyed_message(id, unix_seconds, body).finalize().into_bytes();
        format!("v1,{}", STANDARD.encode(digest))
    }

    pub(super) fn keyed_message(&self, id: &str, unix_seconds: u64, body: &[u8]) -> Hmac<Sha256> {
        let mut message = self.keyed.clone();
        message.update(id.as_bytes());
        message.update(b".");
        message.update(unix_seconds.to_string().as_bytes());
        message.update(b".");
        message.update(body);
        message
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(redacted)")
    }
}

impl std::str::FromStr for WebhookSecret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        Self::parse(text)
    }
}
