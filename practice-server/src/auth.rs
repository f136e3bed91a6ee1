//! Who is asking: the `apikey` header and a bearer token, both required.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::Response;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::config::Secrets;
use crate::domain::UserId;
use crate::error::ApiError;

const API_KEY: HeaderName = HeaderName::from_static("apikey");
/// The role of a signed-in user, also the audience of their tokens.
const AUTHENTICATED: &str = "authenticated";
/// The role of operators, whose routes change what all users get.
const SERVICE_ROLE: &str = "service_role";
const LEEWAY_SECONDS: u64 = 30;
/// Far longer than any token of ours.
const TOKEN_BYTES_MAX: usize = 8_192;

/// Verifies requests. Only HS256 is ever accepted, whatever a token's header says.
pub struct Authenticator {
    key: DecodingKey,
    validation: Validation,
    /// Digests are compared, not keys: how long that takes tells nothing about the key.
    api_key_digest: [u8; 32],
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    role: String,
    #[serde(default)]
    aud: Option<Audience>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn contains(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

impl Authenticator {
    pub fn new(secrets: &Secrets) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY_SECONDS;
        validation.set_required_spec_claims(&["exp", "sub"]);
        validation.validate_nbf = true;
        // Checked below: it must be ours if it is there, but it need not be there.
        validation.validate_aud = false;
        Self {
            key: DecodingKey::from_secret(secrets.jwt.expose().as_bytes()),
            validation,
            api_key_digest: Sha256::digest(secrets.api_key.expose().as_bytes()).into(),
        }
    }

    /// The user a request speaks for; `None` for a request that is not authenticated.
    pub fn user(&self, headers: &HeaderMap) -> Option<UserId> {
        let api_key = headers.get(API_KEY)?.as_bytes();
        if <[u8; 32]>::from(Sha256::digest(api_key)) != self.api_key_digest {
            return None;
        }
        self.user_of_token(bearer_token(headers)?)
    }

    /// Whether a request speaks for an operator: a token with the role `service_role`. The API key, which every client
    /// knows, is not asked for.
    ///
    /// # Errors
    /// A request without a valid token, or with one of another role.
    pub fn operator(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let claims = bearer_token(headers).and_then(|token| self.claims(token));
        match claims {
            Some(claims) if claims.role == SERVICE_ROLE => Ok(()),
            Some(_) => Err(ApiError::Forbidden),
            None => Err(ApiError::Unauthorized),
        }
    }

    fn claims(&self, token: &str) -> Option<Claims> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        Some(decode::<Claims>(token, &self.key, &self.validation).ok()?.claims)
    }

    fn user_of_token(&self, token: &str) -> Option<UserId> {
        let claims = self.claims(token)?;
        let for_us = claims.aud.is_none_or(|audience| audience.contains(AUTHENTICATED));
        if claims.role != AUTHENTICATED || !for_us {
            return None;
        }
        UserId::parse(&claims.sub).ok()
    }
}

fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// The user of an authenticated request.
#[derive(Debug, Clone)]
pub struct User(pub UserId);

/// Lets only authenticated requests pass, and tells the handlers who asks.
pub(crate) async fn authenticate(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let user = app
        .authenticator()
        .user(request.headers())
        .ok_or(ApiError::Unauthorized)?;
    request.extensions_mut().insert(User(user));
    Ok(next.run(request).await)
}

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or(ApiError::Unauthorized)
    }
}

#[cfg(test)]
mod tests;
