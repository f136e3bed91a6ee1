//! Reading a frame from a realtime socket: every event of every virtual user passes here.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use loadtest::protocol::{Frame, decode};
use serde_json::{Value, json};

const SESSION: &str = "11111111-1111-4111-8111-111111111111";
const ATTEMPT: &str = "22222222-2222-4222-8222-222222222222";
const USER: &str = "0a0a0a0a-0000-4000-8000-00000000000a";
const TEXT: &str = "I have a seat on train number 4711 to Lisbon. The market by the river opens before sunrise. \
                    We will meet again after the long holiday.";
const SENTENCE: &str = "I have a seat on train number 4711 to Lisbon.";

/// A row in the order of its table's columns, as servers send it.
type Row = Vec<(&'static str, Value)>;

/// An update as the reference server sends it.
fn change(table: &str, row: &Row) -> String {
    let members = |of: &dyn Fn(&(&str, Value)) -> String| row.iter().map(of).collect::<Vec<_>>().join(",");
    let columns = members(&|(name, _)| format!(r#"{{"name":"{name}","type":"text"}}"#));
    let record = members(&|(name, value)| format!(r#""{name}":{value}"#));
    format!(
        r#"[null,null,"realtime:practice_session_{SESSION}","postgres_changes",{{"ids":[104868189],"data":{{"schema":"public","table":"{table}","commit_timestamp":"2026-11-22T00:22:40.877Z","type":"UPDATE","columns":[{columns}],"record":{{{record}}},"old_record":{{"id":{}}},"errors":null,"commit_timestamp_us":1795306960877654,"committed_monotonic_ns":1234567890}}}}]"#,
        row[0].1
    )
}

/// A session that is being practised.
fn session() -> Row {
    vec![
        ("id", json!(SESSION)),
        ("user_id", json!(USER)),
        ("transcript", json!(TEXT)),
        ("improved_transcript", json!(TEXT)),
        ("sentences", json!(TEXT.split_inclusive(". ").collect::<Vec<_>>())),
        ("language", json!("en-US")),
        ("status", json!("analyzing")),
        ("current_sentence_index", json!(2)),
        ("current_word_index", json!(0)),
        ("attempt_count", json!(3)),
        ("pronunciation_score", json!(null)),
        ("pronunciation_analysis", json!(null)),
        ("error_message", json!(null)),
        ("created_at", json!("2026-11-22T00:22:31.104211+00:00")),
        ("updated_at", json!("2026-11-22T00:22:40.877654+00:00")),
    ]
}

/// The analysis of a sentence: a score for each word, syllable and phoneme.
fn attempt() -> Row {
    let words: Vec<&str> = SENTENCE.split(' ').collect();
    let phonemes = |word: &str| -> Vec<Value> {
        let phoneme = |sound: char| {
            json!({ "phoneme": sound, "accuracy_score": 81.4, "sounded_like": null, "offset_ms": 420,
                "duration_ms": 70 })
        };
        word.chars().map(phoneme).collect()
    };
    let scores: Vec<Value> = words
        .iter()
        .enumerate()
        .map(|(index, word)| {
            json!({ "word": word, "index": index, "accuracy_score": 78.3, "error_type": "None", "offset_ms": 400,
                "duration_ms": 260, "syllables": [{ "syllable": word, "accuracy_score": 77.9 }],
                "phonemes": phonemes(word) })
        })
        .collect();
    vec![
        ("id", json!(ATTEMPT)),
        ("session_id", json!(SESSION)),
        ("user_id", json!(USER)),
        ("attempt_type", json!("sentence")),
        ("sentence_index", json!(0)),
        ("word_index", json!(null)),
        ("audio_url", json!("https://recordings.invalid/4711/0.webm")),
        ("status", json!("completed")),
        ("pronunciation_score", json!(79.6)),
        (
            "pronunciation_analysis",
            json!({ "accuracy_score": 78.3, "fluency_score": 81.0, "completeness_score": 100.0,
            "prosody_score": 74.5, "audio_duration_ms": 3_310, "snr_db": 28.4, "critical_errors": [] }),
        ),
        ("is_passed", json!(true)),
        (
            "feedback_data",
            json!({ "overall_feedback": "Well done: every word was understood.",
            "problematic_words": [{ "word": "Lisbon", "word_index": 9, "difficulty_score": 31.2 }],
            "phoneme_errors": [] }),
        ),
        (
            "transcription_results",
            json!({ "text": SENTENCE, "confidence": 0.94, "language": "en-US", "filler_words": [] }),
        ),
        ("word_level_scores", json!(scores)),
        ("error_message", json!(null)),
        ("created_at", json!("2026-11-22T00:22:38.104211+00:00")),
        ("updated_at", json!("2026-11-22T00:22:40.877654+00:00")),
    ]
}

fn decode_frame(criterion: &mut Criterion) {
    let session = change("practice_sessions", &session());
    let attempt = change("practice_attempts", &attempt());
    let heartbeat = r#"[null,"9","phoenix","phx_reply",{"status":"ok","response":{}}]"#.to_owned();
    let cut_off = attempt[..attempt.len() / 2].to_owned();
    assert!(matches!(decode(&session), Frame::Change(_)));
    assert!(matches!(decode(&attempt), Frame::Change(_)));
    assert!(matches!(decode(&heartbeat), Frame::Other));
    assert!(matches!(decode(&cut_off), Frame::Malformed));
    let mut group = criterion.benchmark_group("decode_frame");
    for (name, text) in [
        ("session", &session),
        ("attempt_with_analysis", &attempt),
        ("heartbeat_reply", &heartbeat),
        ("malformed", &cut_off),
    ] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| decode(black_box(text))));
    }
    group.finish();
}

/// The columns that a journey looks at, each by its name: `status` stands in the middle of the row.
fn look_at_row(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("look_at_row");
    for (name, text) in [
        ("session", change("practice_sessions", &session())),
        ("attempt_with_analysis", change("practice_attempts", &attempt())),
    ] {
        let Frame::Change(frame) = decode(&text) else {
            panic!("{name} is no change")
        };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let row = black_box(frame.row);
                ["id", "user_id", "status"].map(|column| row.column(column))
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(50);
    targets = decode_frame, look_at_row
}
criterion_main!(benches);
