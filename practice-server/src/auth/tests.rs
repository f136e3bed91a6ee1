//! Tokens that pass, and one reason at a time why they do not.

use axum::http::HeaderValue;
use classconnect_api::{Verifier, WebhookSecret};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;
use crate::config::Secret;

const JWT_SECRET: &str = "0123456789abcdef0123456789abcdef";

fn authenticator() -> Authenticator {
    Authenticator::new(&Secrets {
        jwt: Secret::new(JWT_SECRET),
        api_key: Secret::new("anon-key"),
        classconnect_api_key: Secret::new("key"),
        webhook: Verifier::new(vec![WebhookSecret::from_key(&[7; 32]).unwrap()]).unwrap(),
    })
}

fn claims() -> Value {
    json!({
        "sub": "user-1",
        "role": "authenticated",
        "aud": "authenticated",
        "exp": jsonwebtoken::get_current_timestamp() + 60,
    })
}

fn token(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    encode(
        &Header::new(algorithm),
        claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    )
    .unwrap()
}

fn user(api_key: &str, authorization: &str) -> Option<UserId> {
    let mut headers = HeaderMap::new();
    headers.insert(API_KEY, HeaderValue::from_str(api_key).unwrap());
    headers.insert(AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
    authenticator().user(&headers)
}

fn user_with(claims: &Value) -> Option<UserId> {
    user(
        "anon-key",
        &format!("Bearer {}", token(Algorithm::HS256, JWT_SECRET, claims)),
    )
}

fn changed(key: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[key] = value;
    claims
}

#[test]
fn a_valid_token_names_its_user() {
    assert_eq!(user_with(&claims()), Some(UserId::parse("user-1").unwrap()));
    assert!(user_with(&changed("aud", json!(["other", "authenticated"]))).is_some());
    let mut without_audience = claims();
    without_audience.as_object_mut().unwrap().remove("aud");
    assert!(user_with(&without_audience).is_some());
}

#[test]
fn each_wrong_claim_is_refused() {
    let past = jsonwebtoken::get_current_timestamp() - 31;
    for wrong in [
        changed("exp", json!(past)),
        changed("role", json!("anon")),
        changed("aud", json!("other")),
        changed("aud", json!([])),
        changed("sub", json!("")),
        changed("sub", json!(5)),
        changed("nbf", json!(past + 600)),
    ] {
        assert_eq!(user_with(&wrong), None, "{wrong}");
    }
    for missing in ["exp", "sub", "role"] {
        let mut wrong = claims();
        wrong.as_object_mut().unwrap().remove(missing);
        assert_eq!(user_with(&wrong), None, "without {missing}");
    }
}

#[test]
fn the_leeway_is_thirty_seconds() {
    let now = jsonwebtoken::get_current_timestamp();
    assert!(user_with(&changed("exp", json!(now - 20))).is_some());
}

#[test]
fn other_algorithms_keys_and_schemes_are_refused() {
    let bearer = |token: &str| format!("Bearer {token}");
    let good = token(Algorithm::HS256, JWT_SECRET, &claims());
    assert!(user("anon-key", &bearer(&good)).is_some());
    assert!(user("wrong-key", &bearer(&good)).is_none());
    assert!(user("anon-key", &good).is_none(), "without the scheme");
    let other_secret = token(Algorithm::HS256, "another-secret-another-secret-32", &claims());
    assert!(user("anon-key", &bearer(&other_secret)).is_none());
    let other_algorithm = token(Algorithm::HS512, JWT_SECRET, &claims());
    assert!(user("anon-key", &bearer(&other_algorithm)).is_none());
    // {"alg":"none","typ":"JWT"} with an empty signature.
    let payload = good.split('.').nth(1).unwrap();
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.");
    assert!(user("anon-key", &bearer(&unsigned)).is_none());
    let huge = "a".repeat(TOKEN_BYTES_MAX + 1);
    assert!(user("anon-key", &bearer(&huge)).is_none());
}
