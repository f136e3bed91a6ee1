//! Signing and verifying a delivery: once per attempt on either side, and what a forger can make the receiver pay.

use std::hint::black_box;

use classconnect_api::{SignatureHeaders, Verifier, WebhookSecret};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const ID: &str = "msg_2mXZ9c1fT0aVbQ7rJ4kLwE3sYdH";
const SENT_UNIX_SECONDS: u64 = 1_795_306_960;

fn secret(byte: u8) -> WebhookSecret {
    WebhookSecret::from_key(&[byte; 32]).expect("32 bytes are enough")
}

fn sign(criterion: &mut Criterion) {
    let secret = secret(1);
    let mut group = criterion.benchmark_group("sign_webhook");
    for length_bytes in [1_024, 8_192] {
        let body = vec![b'x'; length_bytes];
        group.throughput(Throughput::Bytes(length_bytes as u64));
        group.bench_function(format!("{} KiB", length_bytes / 1_024), |bencher| {
            bencher.iter(|| secret.sign(ID, SENT_UNIX_SECONDS, black_box(&body)));
        });
    }
    group.finish();
}

/// From the raw headers to the verdict, as a receiver does it.
fn is_valid(verifier: &Verifier, signature: &str, body: &[u8]) -> bool {
    let timestamp = SENT_UNIX_SECONDS.to_string();
    SignatureHeaders::parse([ID.as_bytes()], [timestamp.as_bytes()], [signature.as_bytes()])
        .is_ok_and(|headers| verifier.verify(&headers, body, SENT_UNIX_SECONDS + 1).is_ok())
}

fn verify(criterion: &mut Criterion) {
    let verifier = Verifier::new(vec![secret(1)]).expect("one secret");
    let rotating = Verifier::new(vec![secret(2), secret(1)]).expect("two secrets");
    let mut group = criterion.benchmark_group("verify_webhook");
    for length_bytes in [1_024, 8_192] {
        let body = vec![b'x'; length_bytes];
        let valid = secret(1).sign(ID, SENT_UNIX_SECONDS, &body);
        let forged = secret(3).sign(ID, SENT_UNIX_SECONDS, &body);
        group.throughput(Throughput::Bytes(length_bytes as u64));
        for (name, verifier, signature, expected) in [
            ("valid", &verifier, &valid, true),
            ("valid during rotation", &rotating, &valid, true),
            ("forged", &verifier, &forged, false),
        ] {
            assert_eq!(is_valid(verifier, signature, &body), expected, "{name}");
            group.bench_function(format!("{name}, {} KiB", length_bytes / 1_024), |bencher| {
                bencher.iter(|| is_valid(verifier, signature, black_box(&body)));
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(50);
    targets = sign, verify
}
criterion_main!(benches);
