//! `Idempotency-Key`: the same request twice is done once (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! The answer is stored in the transaction that does the work, so a crash cannot separate the two. Keys belong to
//! their user. The same key with the same request repeats the stored answer, with another request it is refused,
//! and while the first request is unanswered it is a conflict.
//!
//! In the trigger architecture the stored answer is what the request is answered once its triggered function has done its
//! work, for which a repetition waits like the first request. A function whose request was lost is not started again by a
//! repetition: only a new request under a new key does that.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::outcome::Outcome;
use crate::domain::{Refusal, UserId};
use crate::store::{Abort, StoreError, StoredAnswer, Transaction, Tx};

/// The header's value: 1 to 255 visible ASCII characters, with or without the quotes of a structured-field string.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Arc<str>);

impl IdempotencyKey {
    const LENGTH_MAX: usize = 255;

    /// # Errors
    /// A value that is empty, too long, unevenly quoted or not visible ASCII.
    pub fn parse(header: &str) -> Result<Self, Refusal> {
        let bare = header
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(header);
        let right = (1..=Self::LENGTH_MAX).contains(&bare.len())
            && bare
                .bytes()
                .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
        if right {
            Ok(Self(bare.into()))
        } else {
            Err(Refusal::invalid(
                "Idempotency-Key",
                "must be 1 to 255 visible ASCII characters, quoted or not, such as \"8e03978e-40d5\"",
            ))
        }
    }
}

/// A key together with what it was sent for.
#[derive(Debug, Clone)]
pub struct IdempotentRequest {
    pub key: IdempotencyKey,
    fingerprint: [u8; 32],
}

impl IdempotentRequest {
    /// Two requests are the same if method, path and body are.
    pub fn new(key: IdempotencyKey, method: &str, path: &str, body: &[u8]) -> Self {
        let mut hash = Sha256::new();
        for part in [method.as_bytes(), b"\0", path.as_bytes(), b"\0", body] {
            hash.update(part);
        }
        Self {
            key,
            fingerprint: hash.finalize().into(),
        }
    }
}

/// Runs an action unless its key has an answer already.
#[derive(Clone)]
pub(super) struct Idempotent<T> {
    pub(super) user: UserId,
    pub(super) request: IdempotentRequest,
    pub(super) action: T,
}

impl<T: Transaction<Output = Outcome>> Transaction for Idempotent<T> {
    const NAME: &'static str = T::NAME;

    type Output = Outcome;

    async fn run(self, tx: &mut Tx<'_>) -> Result<Outcome, Abort> {
        let Self {
            user,
            request,
            action,
        } = self;
        let unreadable = |error: serde_json::Error| StoreError::Corrupt {
            column: "idempotency_keys.answer",
            detail: error.to_string(),
        };
        let taken = tx.take_key(&user, &request.key.0, &request.fingerprint).await?;
        if let Some(stored) = taken {
            if stored.fingerprint != request.fingerprint {
                return Err(Refusal::KeyReused.into());
            }
            return Ok(serde_json::from_str(&stored.answer).map_err(unreadable)?);
        }
        let outcome = action.run(tx).await?;
        let stored = StoredAnswer {
            fingerprint: request.fingerprint.to_vec(),
            answer: serde_json::to_string(&outcome).map_err(unreadable)?,
        };
        tx.store_answer(&user, &request.key.0, &stored).await?;
        Ok(outcome)
    }
}

/// The keys whose first request has no answer yet. Bounded by the requests under way.
#[derive(Debug, Default)]
pub(super) struct KeysInFlight(Arc<Mutex<HashSet<(UserId, IdempotencyKey)>>>);

impl KeysInFlight {
    /// Marks a key until the returned guard is dropped.
    pub(super) fn enter(&self, user: &UserId, key: &IdempotencyKey) -> Result<InFlight, Refusal> {
        let entry = (user.clone(), key.clone());
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !keys.insert(entry.clone()) {
            return Err(Refusal::KeyInFlight);
        }
        Ok(InFlight {
            keys: Arc::clone(&self.0),
            entry,
        })
    }
}

/// A key in use.
#[derive(Debug)]
pub(super) struct InFlight {
    keys: Arc<Mutex<HashSet<(UserId, IdempotencyKey)>>>,
    entry: (UserId, IdempotencyKey),
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> IdempotencyKey {
        IdempotencyKey::parse(text).unwrap()
    }

    #[test]
    fn quoted_and_bare_keys_are_the_same() {
        assert_eq!(key("\"abc-1\""), key("abc-1"));
        for wrong in ["", "\"\"", "\"abc", "a b", "a\"b", "a\\b", "é", &"x".repeat(256)] {
            assert!(IdempotencyKey::parse(wrong).is_err(), "{wrong:?} was accepted");
        }
    }

    #[test]
    fn a_fingerprint_tells_method_path_and_body_apart() {
        let print = |method, path, body: &str| {
            IdempotentRequest::new(key("k"), method, path, body.as_bytes()).fingerprint
        };
        let first = print("POST", "/a", "x");
        assert_eq!(print("POST", "/a", "x"), first);
        for other in [
            print("PUT", "/a", "x"),
            print("POST", "/b", "x"),
            print("POST", "/a", "y"),
        ] {
            assert_ne!(other, first);
        }
        assert_ne!(print("POST", "/a", "bx"), print("POST", "/ab", "x"));
    }

    #[test]
    fn a_key_is_in_flight_until_its_guard_is_dropped() {
        let keys = KeysInFlight::default();
        let (user, other) = (UserId::parse("u1").unwrap(), UserId::parse("u2").unwrap());
        let guard = keys.enter(&user, &key("k")).unwrap();
        assert_eq!(keys.enter(&user, &key("k")).unwrap_err(), Refusal::KeyInFlight);
        assert!(keys.enter(&other, &key("k")).is_ok(), "keys belong to their user");
        drop(guard);
        assert!(keys.enter(&user, &key("k")).is_ok());
    }
}
