//! Who the virtual users are: an identifier, a practice text and a token for each ticket.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use uuid::Uuid;

use crate::chance::{Chance, Purpose};

/// How long a signed token is valid: longer than any run.
const TOKEN_VALIDITY: Duration = Duration::from_secs(8 * 24 * 3600);

/// Who the operator's tokens speak for: nobody's user id.
const OPERATOR: &str = "loadtest-operator";

/// Makes the identities of all tickets. Cheap to clone.
#[derive(Clone)]
pub struct Identities {
    chance: Chance,
    credentials: Arc<Credentials>,
    api_key: Option<Arc<str>>,
}

enum Credentials {
    None,
    Signed { key: EncodingKey, expires_at_s: i64 },
    Listed(Vec<String>),
}

impl fmt::Debug for Identities {
    /// Names no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identities").finish_non_exhaustive()
    }
}

impl Identities {
    /// Users without tokens.
    pub fn anonymous(chance: Chance, api_key: Option<&str>) -> Self {
        Self {
            chance,
            credentials: Arc::new(Credentials::None),
            api_key: api_key.map(Into::into),
        }
    }

    /// Users whose tokens are signed with an HS256 secret; `now_s` is the wall clock in Unix seconds.
    pub fn signed(chance: Chance, api_key: Option<&str>, jwt_secret: &str, now_s: i64) -> Self {
        let credentials = Credentials::Signed {
            key: EncodingKey::from_secret(jwt_secret.as_bytes()),
            expires_at_s: now_s + TOKEN_VALIDITY.as_secs() as i64,
        };
        Self {
            chance,
            credentials: Arc::new(credentials),
            api_key: api_key.map(Into::into),
        }
    }

    /// Users who take the given tokens in turn. An empty list means no tokens.
    pub fn listed(chance: Chance, api_key: Option<&str>, tokens: Vec<String>) -> Self {
        Self {
            chance,
            credentials: Arc::new(Credentials::Listed(tokens)),
            api_key: api_key.map(Into::into),
        }
    }

    /// The key that every request carries.
    pub fn api_key(&self) -> Option<&str> {
        self.api_key.as_deref()
    }

    /// The user of a ticket.
    pub fn user_id(&self, ticket: u64) -> Uuid {
        self.chance.uuid(ticket, Purpose::User, 0)
    }

    /// Whether the run itself decided who the user is, so that rows of other users can be told by `user_id`.
    pub fn knows_user_ids(&self) -> bool {
        matches!(*self.credentials, Credentials::Signed { .. })
    }

    /// The token of a ticket's user, without `Bearer`.
    pub fn token(&self, ticket: u64) -> Option<String> {
        match &*self.credentials {
            Credentials::None => None,
            Credentials::Listed(tokens) => {
                (!tokens.is_empty()).then(|| tokens[(ticket % tokens.len() as u64) as usize].clone())
            }
            Credentials::Signed { key, expires_at_s } => {
                let claims = serde_json::json!({
                    "aud": "authenticated",
                    "role": "authenticated",
                    "sub": self.user_id(ticket),
                    "exp": expires_at_s,
                });
                // HS256 with a plain JSON object has no way to fail.
                jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, key).ok()
            }
        }
    }

    /// A token of the target's operator (role `service_role`), without `Bearer`; `None` when the run does not hold the
    /// secret that signs tokens.
    pub fn operator_token(&self) -> Option<String> {
        match &*self.credentials {
            Credentials::None | Credentials::Listed(_) => None,
            Credentials::Signed { key, expires_at_s } => {
                let claims = serde_json::json!({
                    "aud": "authenticated",
                    "role": "service_role",
                    "sub": OPERATOR,
                    "exp": expires_at_s,
                });
                jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, key).ok()
            }
        }
    }

    /// The practice text of a ticket: three sentences, of which the first holds the ticket's number, so that no two
    /// tickets share a text.
    pub fn transcript(&self, ticket: u64) -> String {
        const SECOND: [&str; 6] = [
            "The market by the river opens before sunrise.",
            "My brother repairs old bicycles in his garage.",
            "She would rather walk than wait for another bus.",
            "Our teacher explained the rule with three short examples.",
            "They have been living near the harbour since April.",
            "The library keeps newspapers from the last hundred years.",
        ];
        const THIRD: [&str; 5] = [
            "We will meet again after the long holiday.",
            "Nobody expected such a quiet evening in the city.",
            "He asked whether the bridge was already open.",
            "Please turn off the light when you leave the room.",
            "I could hear the rain through the kitchen window.",
        ];
        let pick =
            |n: u64, of: usize| (self.chance.bits(ticket, Purpose::Transcript, n) % of as u64) as usize;
        format!(
            "I have a seat on train number {ticket} to Lisbon. {} {}",
            SECOND[pick(0, SECOND.len())],
            THIRD[pick(1, THIRD.len())]
        )
    }

    /// The address of the `n`-th recording of a ticket. Never fetched; it only has to be unique and the same for the
    /// same seed.
    pub fn recording_url(&self, ticket: u64, n: u64) -> String {
        format!("https://recordings.invalid/{ticket}/{n}.webm")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ticket_is_somebody_else_and_the_same_again() {
        let identities = Identities::signed(
            Chance::new(3),
            Some("key"),
            "0123456789abcdef0123456789abcdef",
            1_000,
        );
        assert_ne!(identities.user_id(1), identities.user_id(2));
        assert_ne!(identities.transcript(1), identities.transcript(2));
        assert_eq!(identities.transcript(1), identities.clone().transcript(1));
        assert_eq!(identities.transcript(9).matches(". ").count() + 1, 3);
        assert_ne!(identities.recording_url(1, 0), identities.recording_url(1, 1));
    }

    #[test]
    fn tokens_name_their_user_and_debug_output_names_no_secret() {
        let secret = "0123456789abcdef0123456789abcdef";
        let identities = Identities::signed(Chance::new(3), None, secret, 4_000_000_000);
        let token = identities.token(5).unwrap();
        let key = jsonwebtoken::DecodingKey::from_secret(secret.as_bytes());
        let mut validation = jsonwebtoken::Validation::new(Algorithm::HS256);
        validation.set_audience(&["authenticated"]);
        let claims = jsonwebtoken::decode::<serde_json::Value>(&token, &key, &validation)
            .unwrap()
            .claims;
        assert_eq!(claims["sub"], identities.user_id(5).to_string());
        let operator = identities.operator_token().unwrap();
        let claims = jsonwebtoken::decode::<serde_json::Value>(&operator, &key, &validation)
            .unwrap()
            .claims;
        assert_eq!(claims["role"], "service_role");
        assert!(!format!("{identities:?}").contains(secret));
    }

    #[test]
    fn listed_tokens_are_taken_in_turn() {
        let identities = Identities::listed(Chance::new(3), None, vec!["a".into(), "b".into()]);
        assert_eq!(identities.token(3).as_deref(), Some("b"));
        assert_eq!(Identities::anonymous(Chance::new(3), None).token(3), None);
        assert_eq!(identities.operator_token(), None);
    }
}
