//! Who a client is: API keys and JSON Web Tokens (HS256).

use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;

/// The database role that a token names. A role the database does not know sees as little as `anon`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Anon,
    Authenticated,
    Service,
}

/// What a client may see, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) role: Role,
    /// The user's id (`sub`).
    pub(crate) subject: Option<Arc<str>>,
    /// Seconds since the Unix epoch; an API key does not expire.
    pub(crate) expires_at_unix_s: Option<i64>,
}

impl Identity {
    const ANON: Self = Self {
        role: Role::Anon,
        subject: None,
        expires_at_unix_s: None,
    };

    /// The row-level security rule `user_id = auth.uid()`, which `service_role` bypasses.
    pub(crate) fn may_see_rows_of(&self, owner: &str) -> bool {
        match self.role {
            Role::Anon => false,
            Role::Authenticated => self.subject.as_deref() == Some(owner),
            Role::Service => true,
        }
    }

    /// Private channels need a policy that admits the user, and the reference server has none.
    pub(crate) fn may_join_private_channels(&self) -> bool {
        self.role == Role::Service
    }

    /// Whether both see the same rows, whatever their expiry.
    pub(crate) fn sees_the_same_as(&self, other: &Self) -> bool {
        self.role == other.role && self.subject == other.subject
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

#[derive(Deserialize)]
struct Claims {
    role: Option<Value>,
    exp: Option<Value>,
    iat: Option<Value>,
    sub: Option<String>,
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
            return Ok(Identity::ANON);
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
        let claims = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation)
            .map_err(|error| match error.kind() {
                ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => AuthError::Signature,
                _ => AuthError::Malformed,
            })?
            .claims;
        if claims.iat.is_some_and(|issued| !issued.is_number()) {
            return Err(AuthError::Malformed);
        }
        let role = claims
            .role
            .as_ref()
            .and_then(Value::as_str)
            .ok_or(AuthError::ClaimsMissing)?;
        let expires_at = claims
            .exp
            .as_ref()
            .and_then(whole_seconds)
            .ok_or(AuthError::ClaimsMissing)?;
        if expires_at <= now_unix_us.div_euclid(1_000_000) {
            return Err(AuthError::Expired);
        }
        Ok(Identity {
            role: match role {
                "authenticated" => Role::Authenticated,
                "service_role" => Role::Service,
                _ => Role::Anon,
            },
            subject: claims.sub.map(Arc::from),
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
