//! Who a token makes its bearer, and what is refused.

use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

use super::*;

const SECRET: &str = "a secret of at least thirty-two characters";
const NOW_S: i64 = 1_800_000_000;

fn authenticate(token: &str) -> Result<Identity, AuthError> {
    Authenticator::new("the key".to_owned(), SECRET).authenticate(token, NOW_S * 1_000_000)
}

fn signed(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    jsonwebtoken::encode(
        &Header::new(algorithm),
        claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    )
    .unwrap()
}

fn claims(claims: Value) -> Result<Identity, AuthError> {
    authenticate(&signed(Algorithm::HS256, SECRET, &claims))
}

#[test]
fn a_token_names_a_role_and_a_user() {
    let user = claims(json!({"role": "authenticated", "sub": "u", "exp": NOW_S + 1})).unwrap();
    assert_eq!((user.role, user.subject()), (Role::Authenticated, Some("u")));
    let service = claims(json!({"role": "service_role", "exp": NOW_S + 1})).unwrap();
    assert_eq!((service.role, service.subject()), (Role::Service, None));
    for nobody in [
        authenticate("the key"),
        claims(json!({"role": "anon", "exp": NOW_S + 1})),
        claims(json!({"role": "postgres", "exp": NOW_S + 1})),
    ] {
        assert_eq!(nobody.unwrap().role, Role::Anon);
    }
}

#[test]
fn a_refreshed_token_is_the_same_user_until_a_claim_about_the_user_changes() {
    let identity = |own: Value| {
        let mut whole = json!({"role": "authenticated", "sub": "u", "exp": NOW_S + 1, "team": "red"});
        whole
            .as_object_mut()
            .unwrap()
            .extend(own.as_object().unwrap().clone());
        claims(whole).unwrap()
    };
    let first = identity(json!({"iat": 1}));
    for (own, same) in [
        (json!({"iat": 2, "exp": NOW_S + 9, "jti": "x", "nbf": 3}), true),
        (json!({"sub": "v"}), false),
        (json!({"role": "service_role"}), false),
        (json!({"team": "blue"}), false),
        (json!({"admin": true}), false),
    ] {
        assert_eq!(first.is_the_same_user_as(&identity(own.clone())), same, "{own}");
    }
}

#[test]
fn role_and_expiry_are_required_and_numbers_are_numbers() {
    for missing in [
        json!({"sub": "u", "exp": NOW_S + 1}),
        json!({"role": "authenticated"}),
        json!({"role": 7, "exp": NOW_S + 1}),
        json!({"role": "authenticated", "exp": "tomorrow"}),
    ] {
        assert_eq!(
            claims(missing.clone()),
            Err(AuthError::ClaimsMissing),
            "{missing}"
        );
    }
    let issued = json!({"role": "authenticated", "exp": NOW_S + 1, "iat": "yesterday"});
    assert_eq!(claims(issued), Err(AuthError::Malformed));
}

#[test]
fn a_token_is_good_until_the_second_of_its_expiry() {
    assert_eq!(
        claims(json!({"role": "anon", "exp": NOW_S})),
        Err(AuthError::Expired)
    );
    let good = claims(json!({"role": "anon", "exp": NOW_S as f64 + 1.5})).unwrap();
    assert_eq!(good.expires_at_unix_s, Some(NOW_S + 1));
}

#[test]
fn only_the_servers_own_signature_counts() {
    let claims = json!({"role": "service_role", "exp": NOW_S + 1});
    let foreign = signed(
        Algorithm::HS256,
        "another secret of thirty-two characters",
        &claims,
    );
    assert_eq!(authenticate(&foreign), Err(AuthError::Signature));
    assert_eq!(
        authenticate(&signed(Algorithm::HS512, SECRET, &claims)),
        Err(AuthError::Signature)
    );
    // `{"alg":"none"}` without a signature.
    let good = signed(Algorithm::HS256, SECRET, &claims);
    let payload = good.split('.').nth(1).unwrap();
    assert!(authenticate(&format!("eyJhbGciOiJub25lIn0.{payload}.")).is_err());
    assert_eq!(authenticate("no token"), Err(AuthError::Malformed));
    assert_eq!(authenticate(""), Err(AuthError::KeyMissing));
}

#[test]
fn platform_keys_are_not_tokens_of_a_channel() {
    let authenticator = Authenticator::new("sb_publishable_ours".to_owned(), SECRET);
    assert_eq!(authenticator.authenticate_channel("sb_secret_theirs", 0), None);
    assert_eq!(
        authenticator.authenticate_channel("sb_publishable_ours", 0),
        Some(Ok(Identity::anon()))
    );
    assert_eq!(
        authenticator.authenticate_channel("x", 0),
        Some(Err(AuthError::Malformed))
    );
}
