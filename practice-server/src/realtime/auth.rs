//! Who a client is: API keys and JSON Web Tokens (HS256).

use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};

/// The database role that a token names. Any other role is taken for `anon`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    Anon,
    Authenticated,
    Service,
}

impl Role {
    pub(crate) const ALL: [Self; 3] = [Self::Anon, Self::Authenticated, Self::Service];

    /// The role's name in the database.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Anon => "anon",
            Self::Authenticated => "authenticated",
            Self::Service => "service_role",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// Claims that say when and for how long a token was issued, not for whom. A refreshed token differs in them.
const CLAIMS_OF_THE_TOKEN: [&str; 4] = ["exp", "iat", "jti", "nbf"];

/// What a client may see, and until when.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Identity {
    pub(crate) role: Role,
    /// The token's claims, which policies of the database ask about.
    pub(crate) claims: Arc<Map<String, Value>>,
    /// Seconds since the Unix epoch; an API key does not expire.
    pub(crate) expires_at_unix_s: Option<i64>,
}

impl Identity {
    /// Whoever has nothing but the publishable key.
    pub(crate) fn anon() -> Self {
        Self {
            role: Role::Anon,
            claims: Arc::new(Map::from_iter([("role".to_owned(), Role::Anon.name().into())])),
            expires_at_unix_s: None,
        }
    }

    /// The user's id (`sub`).
    pub(crate) fn subject(&self) -> Option<&str> {
        self.claims.get("sub").and_then(Value::as_str)
    }

    /// Private channels need a policy that admits the user, and the reference server has none.
    pub(crate) fn may_join_private_channels(&self) -> bool {
        self.role == Role::Service
    }

    /// Whether both are the same to every policy that does not ask about the token itself.
    pub(crate) fn is_the_same_user_as(&self, other: &Self) -> bool {
        let claims = |identity: &'_ Self| {
            let mut claims = Map::clone(&identity.claims);
            claims.retain(|name, _| !CLAIMS_OF_THE_TOKEN.contains(&name.as_str()));
            claims
        };
        self.role == other.role && claims(self) == claims(other)
    }
}

/// Why a token was refused. The texts are those of the real server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AuthError {
    #[error("API key is missing")]
    KeyMissing,
    #[error("Token has expired")]
    Expired,
    #[error("Fields `role` and `exp` are required in JWT")]
    ClaimsMissing,
    #[error("Failed to validate JWT signature")]
    Signature,
    #[error("The token provided is not a valid JWT")]
    Malformed,
}

impl AuthError {
    /// The code that starts the reason of a refused join.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::KeyMissing | Self::Expired | Self::ClaimsMissing => "InvalidJWTToken",
            Self::Signature => "JwtSignatureError",
            Self::Malformed => "MalformedJWT",
        }
    }
}

/// Checks keys and tokens against the server's secrets.
pub(crate) struct Authenticator {
    /// A publishable key that stands for the role `anon`.
    api_key: String,
    key: DecodingKey,
    validation: Validation,
}

impl Authenticator {
    pub(crate) fn new(api_key: String, jwt_secret: &str) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // The expiry is compared with the clock that the server was given, below.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Self {
            api_key,
            key: DecodingKey::from_secret(jwt_secret.as_bytes()),
            validation,
        }
    }

    /// Checks a handshake's API key: the configured key, or any token.
    pub(crate) fn authenticate(&self, key: &str, now_unix_us: i64) -> Result<Identity, AuthError> {
        if key.is_empty() {
            return Err(AuthError::KeyMissing);
        }
        if key == self.api_key {
            return Ok(Identity::anon());
        }
        self.verify(key, now_unix_us)
    }

    /// Checks a channel's token. Publishable and secret keys (`sb_…`) are not tokens: `None`, the channel
    /// keeps the identity it has.
    pub(crate) fn authenticate_channel(
        &self,
        token: &str,
        now_unix_us: i64,
    ) -> Option<Result<Identity, AuthError>> {
        if token != self.api_key && token.starts_with("sb_") {
            return None;
        }
        Some(self.authenticate(token, now_unix_us))
    }

    fn verify(&self, token: &str, now_unix_us: i64) -> Result<Identity, AuthError> {
        let claims = jsonwebtoken::decode::<Map<String, Value>>(token, &self.key, &self.validation)
            .map_err(|error| match error.kind() {
                ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => AuthError::Signature,
                _ => AuthError::Malformed,
            })?
            .claims;
        if claims
            .get("iat")
            .is_some_and(|issued| !issued.is_null() && !issued.is_number())
        {
            return Err(AuthError::Malformed);
        }
        let role = claims
            .get("role")
            .and_then(Value::as_str)
            .ok_or(AuthError::ClaimsMissing)?;
        let expires_at = claims
            .get("exp")
            .and_then(whole_seconds)
            .ok_or(AuthError::ClaimsMissing)?;
        if expires_at <= now_unix_us.div_euclid(1_000_000) {
            return Err(AuthError::Expired);
        }
        Ok(Identity {
            role: Role::from_name(role).unwrap_or(Role::Anon),
            claims: Arc::new(claims),
            expires_at_unix_s: Some(expires_at),
        })
    }
}

/// RFC 7519 allows fractions of a second in dates.
fn whole_seconds(date: &Value) -> Option<i64> {
    date.as_i64()
        .or_else(|| date.as_f64().map(|seconds| seconds as i64))
}

#[cfg(test)]
mod tests;
