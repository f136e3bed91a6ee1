//! The published vector, the strict cases, rotation, and agreement with the `standardwebhooks` crate.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::*;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
const TIMESTAMP: u64 = 1_649_367_553;
const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
const SIGNATURE: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

fn verifier() -> Verifier {
    Verifier::new(vec![WebhookSecret::parse(SECRET).unwrap()]).unwrap()
}

/// Verifies a request given by all of its header values, at the moment of the published vector.
fn check(ids: &[&str], timestamps: &[&str], signatures: &[&str], body: &[u8]) -> Result<(), VerifyError> {
    let bytes = |values: &[&str]| {
        values
            .iter()
            .map(|value| value.as_bytes().to_vec())
            .collect::<Vec<_>>()
    };
    let (ids, timestamps, signatures) = (bytes(ids), bytes(timestamps), bytes(signatures));
    let headers = SignatureHeaders::parse(
        ids.iter().map(Vec::as_slice),
        timestamps.iter().map(Vec::as_slice),
        signatures.iter().map(Vec::as_slice),
    )?;
    verifier().verify(&headers, body, TIMESTAMP)
}

#[test]
fn the_published_vector_signs_and_verifies() {
    assert_eq!(
        WebhookSecret::parse(SECRET).unwrap().sign(ID, TIMESTAMP, BODY),
        SIGNATURE
    );
    assert_eq!(check(&[ID], &[SECONDS], &[SIGNATURE], BODY), Ok(()));
}

const SECONDS: &str = "1649367553";

#[test]
fn a_missing_or_repeated_header_is_refused() {
    use HeaderError::{Missing, Repeated};
    use HeaderName::{Id, Signature, Timestamp};
    let refused = |error: HeaderError| Err(VerifyError::Header(error));
    assert_eq!(check(&[], &[SECONDS], &[SIGNATURE], BODY), refused(Missing(Id)));
    assert_eq!(check(&[ID], &[], &[SIGNATURE], BODY), refused(Missing(Timestamp)));
    assert_eq!(check(&[ID], &[SECONDS], &[], BODY), refused(Missing(Signature)));
    assert_eq!(
        check(&[ID, ID], &[SECONDS], &[SIGNATURE], BODY),
        refused(Repeated(Id))
    );
    assert_eq!(
        check(&[ID], &[SECONDS, SECONDS], &[SIGNATURE], BODY),
        refused(Repeated(Timestamp))
    );
    assert_eq!(
        check(&[ID], &[SECONDS], &[SIGNATURE, SIGNATURE], BODY),
        refused(Repeated(Signature))
    );
}

#[test]
fn a_malformed_id_is_refused_even_if_signed() {
    let long = "a".repeat(129);
    for id in ["", "msg.1", "msg 1", " msg", "msg_\u{e4}", "msg\n", long.as_str()] {
        let signature = WebhookSecret::parse(SECRET).unwrap().sign(id, TIMESTAMP, BODY);
        let expected = Err(VerifyError::Header(HeaderError::Malformed(HeaderName::Id)));
        assert_eq!(check(&[id], &[SECONDS], &[&signature], BODY), expected, "{id:?}");
    }
}

#[test]
fn a_malformed_timestamp_is_refused() {
    let table = [
        "",
        "0",
        "01649367553",
        "+1649367553",
        "-1649367553",
        " 1649367553",
        "1649367553 ",
        "1649367553abc",
        "1649367553.9",
        "1649367553000",
    ];
    for timestamp in table {
        let expected = Err(VerifyError::Header(HeaderError::Malformed(HeaderName::Timestamp)));
        assert_eq!(
            check(&[ID], &[timestamp], &[SIGNATURE], BODY),
            expected,
            "{timestamp:?}"
        );
    }
}

#[test]
fn a_malformed_signature_list_is_refused_even_if_one_entry_matches() {
    let table = [
        String::new(),
        "v1".to_owned(),
        "v1,".to_owned(),
        ",abc".to_owned(),
        "v1,AAAA".to_owned(),
        format!("{SIGNATURE}  {SIGNATURE}"),
        format!(" {SIGNATURE}"),
        format!("{SIGNATURE} "),
        format!("{SIGNATURE},"),
        format!("{SIGNATURE} nocomma"),
        format!("{SIGNATURE}\t{SIGNATURE}"),
        SIGNATURE.trim_end_matches('=').to_owned(),
        SIGNATURE.replace('/', "_"),
        [SIGNATURE; 17].join(" "),
    ];
    for signature in table {
        let expected = Err(VerifyError::Header(HeaderError::Malformed(HeaderName::Signature)));
        assert_eq!(
            check(&[ID], &[SECONDS], &[&signature], BODY),
            expected,
            "{signature:?}"
        );
    }
}

#[test]
fn a_header_that_is_not_utf8_is_malformed() {
    let headers = SignatureHeaders::parse(
        [[0xff_u8].as_slice()],
        [SECONDS.as_bytes()],
        [SIGNATURE.as_bytes()],
    );
    assert_eq!(headers, Err(HeaderError::Malformed(HeaderName::Id)));
}

#[test]
fn one_match_among_several_signatures_is_enough() {
    let other = WebhookSecret::from_key(&[7; 24])
        .unwrap()
        .sign(ID, TIMESTAMP, BODY);
    let table = [
        (format!("{other} {SIGNATURE}"), Ok(())),
        (format!("{SIGNATURE} {other}"), Ok(())),
        (format!("v9,whatever v1a,AAAA {SIGNATURE}"), Ok(())),
        (other, Err(VerifyError::NoMatch)),
        (SIGNATURE.replace("v1,", "v1a,"), Err(VerifyError::NoMatch)),
        (SIGNATURE.replace("v1,", "v2,"), Err(VerifyError::NoMatch)),
    ];
    for (signatures, expected) in table {
        assert_eq!(
            check(&[ID], &[SECONDS], &[&signatures], BODY),
            expected,
            "{signatures}"
        );
    }
}

#[test]
fn rotation_accepts_the_old_and_the_new_secret() {
    let (old, new) = (
        WebhookSecret::from_key(&[1; 32]).unwrap(),
        WebhookSecret::from_key(&[2; 64]).unwrap(),
    );
    let rotating = Verifier::new(vec![new.clone(), old.clone()]).unwrap();
    for secret in [old, new] {
        let signature = secret.sign(ID, TIMESTAMP, BODY);
        let headers =
            SignatureHeaders::parse([ID.as_bytes()], [SECONDS.as_bytes()], [signature.as_bytes()]).unwrap();
        assert_eq!(rotating.verify(&headers, BODY, TIMESTAMP), Ok(()));
        assert_eq!(
            verifier().verify(&headers, BODY, TIMESTAMP),
            Err(VerifyError::NoMatch)
        );
    }
    assert!(Verifier::new(Vec::new()).is_err());
    assert!(Verifier::new(vec![WebhookSecret::from_key(&[1; 32]).unwrap(); 5]).is_err());
}

#[test]
fn the_timestamp_may_lie_300_seconds_off_in_both_directions() {
    let headers =
        SignatureHeaders::parse([ID.as_bytes()], [SECONDS.as_bytes()], [SIGNATURE.as_bytes()]).unwrap();
    let table = [
        (TIMESTAMP + 300, Ok(())),
        (TIMESTAMP + 301, Err(VerifyError::TooOld)),
        (TIMESTAMP - 300, Ok(())),
        (TIMESTAMP - 301, Err(VerifyError::TooNew)),
        (0, Err(VerifyError::TooNew)),
        (u64::MAX, Err(VerifyError::TooOld)),
    ];
    for (now, expected) in table {
        assert_eq!(verifier().verify(&headers, BODY, now), expected, "{now}");
    }
}

#[test]
fn secrets_that_are_unsafe_or_malformed_are_refused() {
    let of_length = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![9_u8; bytes]));
    let table = [
        (String::new(), SecretError::Prefix),
        (
            SECRET.trim_start_matches("whsec_").to_owned(),
            SecretError::Prefix,
        ),
        ("whsec_".to_owned(), SecretError::Length(0)),
        (of_length(8), SecretError::Length(8)),
        (of_length(23), SecretError::Length(23)),
        (of_length(65), SecretError::Length(65)),
        ("whsec_not base64!".to_owned(), SecretError::Base64),
        (
            of_length(25).trim_end_matches('=').to_owned(),
            SecretError::Base64,
        ),
    ];
    for (text, expected) in table {
        assert_eq!(WebhookSecret::parse(&text).unwrap_err(), expected, "{text}");
    }
    assert!(WebhookSecret::parse(&of_length(24)).is_ok());
    assert!(WebhookSecret::parse(&of_length(64)).is_ok());
}

#[test]
fn debug_output_does_not_show_the_key() {
    assert_eq!(
        format!("{:?}", WebhookSecret::parse(SECRET).unwrap()),
        "WebhookSecret(redacted)"
    );
}

/// The reference crate reads the wall clock itself, so the well-formed comparison needs its time.
#[expect(
    clippy::disallowed_methods,
    reason = "the reference crate offers no clock parameter"
)]
fn now_unix_seconds() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn header_map(id: &str, unix_seconds: u64, signature: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(WEBHOOK_ID, HeaderValue::from_str(id).unwrap());
    headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(unix_seconds));
    headers.insert(WEBHOOK_SIGNATURE, HeaderValue::from_str(signature).unwrap());
    headers
}

fn from_header_map(headers: &HeaderMap) -> Result<SignatureHeaders<'_>, HeaderError> {
    SignatureHeaders::parse(
        headers.get_all(WEBHOOK_ID).iter().map(HeaderValue::as_bytes),
        headers
            .get_all(WEBHOOK_TIMESTAMP)
            .iter()
            .map(HeaderValue::as_bytes),
        headers
            .get_all(WEBHOOK_SIGNATURE)
            .iter()
            .map(HeaderValue::as_bytes),
    )
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_any_change_to_the_body_is_caught(
        key in proptest::collection::vec(any::<u8>(), 24..=64),
        id in "[A-Za-z0-9_-]{1,128}",
        seconds in 1_u64..1_000_000_000_000,
        body in proptest::collection::vec(any::<u8>(), 1..200),
        position in any::<prop::sample::Index>(),
        flip in 1_u8..=255,
    ) {
        let secret = WebhookSecret::from_key(&key).unwrap();
        let signature = secret.sign(&id, seconds, &body);
        let verifier = Verifier::new(vec![secret]).unwrap();
        let map = header_map(&id, seconds, &signature);
        let headers = from_header_map(&map).unwrap();
        prop_assert_eq!(verifier.verify(&headers, &body, seconds), Ok(()));

        let mut tampered = body.clone();
        tampered[position.index(body.len())] ^= flip;
        prop_assert_eq!(verifier.verify(&headers, &tampered, seconds), Err(VerifyError::NoMatch));

        let other_time = header_map(&id, seconds + 1, &signature);
        if let Ok(headers) = from_header_map(&other_time) {
            prop_assert_eq!(verifier.verify(&headers, &body, seconds), Err(VerifyError::NoMatch));
        }
        let other_id = header_map(if id == "other" { "another" } else { "other" }, seconds, &signature);
        let headers = from_header_map(&other_id).unwrap();
        prop_assert_eq!(verifier.verify(&headers, &body, seconds), Err(VerifyError::NoMatch));
    }

    #[test]
    fn no_header_value_makes_parsing_panic(
        id in proptest::collection::vec(any::<u8>(), 0..140),
        timestamp in proptest::collection::vec(any::<u8>(), 0..20),
        signature in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let parsed = SignatureHeaders::parse([id.as_slice()], [timestamp.as_slice()], [signature.as_slice()]);
        if let Ok(headers) = parsed {
            prop_assert_eq!(verifier().verify(&headers, BODY, headers.unix_seconds()), Err(VerifyError::NoMatch));
        }
    }

    #[test]
    fn both_ways_in_agreement_with_the_standardwebhooks_crate(
        key in proptest::collection::vec(any::<u8>(), 24..=64),
        id in "[A-Za-z0-9_-]{1,128}",
        body in "\\PC{0,200}",
        age_seconds in 0_u64..250,
    ) {
        let ours = WebhookSecret::from_key(&key).unwrap();
        let theirs = standardwebhooks::Webhook::from_bytes(key).unwrap();
        let now = now_unix_seconds();
        let sent = now - age_seconds;

        let our_signature = ours.sign(&id, sent, body.as_bytes());
        let their_signature = theirs.sign(&id, sent.try_into().unwrap(), body.as_bytes()).unwrap();
        prop_assert_eq!(&our_signature, &their_signature);

        let map = header_map(&id, sent, &our_signature);
        prop_assert!(theirs.verify(body.as_bytes(), &map).is_ok());
        let verifier = Verifier::new(vec![ours]).unwrap();
        let headers = from_header_map(&map).unwrap();
        prop_assert_eq!(verifier.verify(&headers, body.as_bytes(), now), Ok(()));
    }
}
