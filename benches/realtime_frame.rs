//! Reading a frame from a realtime socket: every event of every virtual user passes here.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use loadtest::protocol::{Frame, decode};
use serde_json::json;

const SESSION: &str = "11111111-1111-4111-8111-111111111111";

/// A result as the reference server sends it.
fn row_change() -> String {
    let columns: Vec<_> = [
        "id",
        "user_id",
        "transcript",
        "improved_transcript",
        "sentences",
        "status",
    ]
    .iter()
    .map(|name| json!({ "name": name, "type": "text" }))
    .collect();
    let text = "I have a seat on train number 4711 to Lisbon. It was not amused. Nor was the fox.";
    json!([null, null, format!("realtime:practice_session_{SESSION}"), "postgres_changes", {
        "ids": [104_868_189],
        "data": {
            "schema": "public",
            "table": "practice_sessions",
            "commit_timestamp": "2026-11-22T00:22:40.877Z",
            "committed_monotonic_ns": 1_234_567_890_u64,
            "type": "UPDATE",
            "columns": columns,
            "record": {
                "id": SESSION,
                "user_id": "0a0a0a0a-0000-4000-8000-00000000000a",
                "transcript": text,
                "improved_transcript": text,
                "sentences": text.split_inclusive(". ").collect::<Vec<_>>(),
                "status": "completed",
                "current_sentence_index": 2,
                "attempt_count": 3,
                "pronunciation_score": 87.5,
                "pronunciation_analysis": { "fluency": 81, "completeness": 100, "accuracy": 88.25 },
                "error_message": null,
                "updated_at": "2026-11-22T00:22:40.877654+00:00",
            },
            "old_record": { "id": SESSION },
            "errors": null,
        },
    }])
    .to_string()
}

fn decode_frame(criterion: &mut Criterion) {
    let change = row_change();
    let heartbeat = r#"[null,"9","phoenix","phx_reply",{"status":"ok","response":{}}]"#.to_owned();
    let cut_off = change[..change.len() / 2].to_owned();
    assert!(matches!(decode(&change), Frame::Change(_)));
    assert!(matches!(decode(&heartbeat), Frame::Other));
    assert!(matches!(decode(&cut_off), Frame::Malformed));
    let mut group = criterion.benchmark_group("decode_frame");
    for (name, text) in [
        ("row_change", change),
        ("heartbeat_reply", heartbeat),
        ("malformed", cut_off),
    ] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| decode(black_box(&text))));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(50);
    targets = decode_frame
}
criterion_main!(benches);
