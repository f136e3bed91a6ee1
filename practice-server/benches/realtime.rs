//! The hot paths between a commit and the sockets.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use practice_server::realtime::hot_paths::{RowFilter, Subscribers, decode_join, encode_frame};
use practice_server::realtime::{Change, Hub, HubConfig, Operation, Table};
use serde_json::{Map, Value, json};

const USER: &str = "0a0a0a0a-0000-4000-8000-00000000000a";
const SESSION: &str = "11111111-1111-4111-8111-111111111111";

fn row(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(row) => row,
        other => panic!("{other} is no row"),
    }
}

/// A result as the webhook writes it.
fn session_update() -> Change {
    let record = json!({
        "id": SESSION,
        "user_id": USER,
        "transcript": "The quick brown fox jumps over the lazy dog. It was not amused. Nor was the fox.",
        "improved_transcript": "The quick brown fox jumps over the lazy dog. It was not amused. Nor was the fox.",
        "sentences": ["The quick brown fox jumps over the lazy dog.", "It was not amused.", "Nor was the fox."],
        "language": "en-US",
        "status": "completed",
        "current_sentence_index": 2,
        "current_word_index": 0,
        "attempt_count": 3,
        "pronunciation_score": 87.5,
        "pronunciation_analysis": {"fluency": 81, "completeness": 100, "accuracy": 88.25},
        "error_message": null,
        "created_at": "2026-11-22T00:22:31.000001+00:00",
        "updated_at": "2026-11-22T00:22:40.877654+00:00",
    });
    Change {
        table: Table::PracticeSessions,
        operation: Operation::Update,
        record: Some(row(record)),
        old_record: Some(row(json!({"id": SESSION}))),
        committed_monotonic_ns: Some(1_234_567_890),
        commit_record_monotonic_ns: None,
        committed_unix_us: 1_795_306_960_877_654,
    }
}

fn session_bindings() -> Value {
    json!([
        {"event": "UPDATE", "schema": "public", "table": "practice_sessions", "filter": format!("id=eq.{SESSION}")},
        {"event": "*", "schema": "public", "table": "practice_attempts", "filter": format!("session_id=eq.{SESSION}")},
    ])
}

fn encode(criterion: &mut Criterion) {
    let change = session_update();
    let mut group = criterion.benchmark_group("encode_change_frame");
    for vsn in ["1.0.0", "2.0.0"] {
        group.bench_function(vsn, |bencher| {
            bencher.iter(|| encode_frame(black_box(&change), vsn))
        });
    }
    group.finish();
}

fn decode(criterion: &mut Criterion) {
    let payload = json!({
        "config": {"broadcast": {"ack": false, "self": false}, "presence": {"key": "", "enabled": false},
            "postgres_changes": session_bindings(), "private": false},
        "access_token": "x".repeat(300),
    });
    let topic = format!("realtime:practice_session_{SESSION}");
    let object =
        json!({"topic": topic, "event": "phx_join", "payload": payload, "ref": "1", "join_ref": "1"});
    let array = json!(["6", "6", topic, "phx_join", payload]);
    let mut group = criterion.benchmark_group("decode_join");
    for (vsn, frame) in [("1.0.0", object.to_string()), ("2.0.0", array.to_string())] {
        group.bench_function(vsn, |bencher| {
            bencher.iter(|| decode_join(black_box(&frame), vsn))
        });
    }
    group.finish();
}

fn filter(criterion: &mut Criterion) {
    let row = session_update().record.unwrap_or_default();
    let mut group = criterion.benchmark_group("evaluate_filter");
    for (name, text) in [
        ("eq", format!("id=eq.{SESSION}")),
        ("in", "status=in.(ready,failed,completed)".to_owned()),
        (
            "three_conditions",
            "status=neq.failed,attempt_count=gte.1,language=like.en-%".to_owned(),
        ),
    ] {
        let filter = RowFilter::parse(&text, Table::PracticeSessions);
        group.bench_function(name, |bencher| bencher.iter(|| filter.matches(black_box(&row))));
    }
    group.finish();
}

/// The change is for `count` sockets on one topic, and a thousand sessions of others are subscribed to.
fn publish(criterion: &mut Criterion) {
    let changes = [session_update()];
    let mut group = criterion.benchmark_group("publish_to_subscribers");
    for count in [1_usize, 100, 1_000] {
        let hub = Hub::new(HubConfig::new(
            "a secret of at least thirty-two characters",
            "key",
        ));
        let _others: Vec<Subscribers> = (0..1_000)
            .map(|number| {
                let filter = format!("id=eq.22222222-2222-4222-8222-{number:012}");
                let bindings = json!([{"schema": "public", "table": "practice_sessions", "filter": filter}]);
                Subscribers::join(&hub, 1, "someone else", &format!("realtime:{number}"), &bindings)
            })
            .collect();
        let mut subscribers = Subscribers::join(&hub, count, USER, "realtime:session", &session_bindings());
        group.bench_function(count.to_string(), |bencher| {
            bencher.iter_batched(
                || assert!(subscribers.drain() <= count),
                |()| hub.publish(black_box(&changes)),
                BatchSize::PerIteration,
            );
        });
        assert_eq!(hub.metrics().slow_consumers_dropped, 0);
    }
    group.finish();
}

criterion_group!(benches, encode, decode, filter, publish);
criterion_main!(benches);
