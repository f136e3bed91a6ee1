//! Filling the path and the body of a request: once or twice per request, on the worker's thread.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use loadtest::plan::{Encoding, Piece, Template, VariableId, Variables};
use loadtest::step::{VariableValue, render_into};

fn literal(text: &str) -> Piece {
    Piece::Literal(text.into())
}

fn variable(id: VariableId, encoding: Encoding) -> Piece {
    Piece::Variable { id, encoding }
}

/// `/api/v1/practice/sessions/{{user_id}}/submit-recording`
fn path() -> Template {
    Template {
        pieces: vec![
            literal("/api/v1/practice/sessions/"),
            variable(Variables::USER_ID, Encoding::PathSegment),
            literal("/submit-recording"),
        ],
    }
}

/// `{"attempt_type":"sentence","sentence_index":{{repetition}},"audio_url":"{{recording_url}}"}`
fn recording_body() -> Template {
    Template {
        pieces: vec![
            literal(r#"{"attempt_type":"sentence","sentence_index":"#),
            variable(Variables::REPETITION, Encoding::JsonValue),
            literal(r#","audio_url":"#),
            variable(Variables::RECORDING_URL, Encoding::JsonValue),
            literal("}"),
        ],
    }
}

/// `{"transcript":"{{transcript}}","language":"en-US"}`
fn transcript_body() -> Template {
    Template {
        pieces: vec![
            literal(r#"{"transcript":"#),
            variable(Variables::TRANSCRIPT, Encoding::JsonValue),
            literal(r#","language":"en-US"}"#),
        ],
    }
}

fn values(transcript: &str) -> Vec<VariableValue> {
    let mut values = vec![VariableValue::default(); Variables::new().len()];
    values[Variables::USER_ID.index()] = VariableValue::text("0a0a0a0a-0000-4000-8000-00000000000a");
    values[Variables::TRANSCRIPT.index()] = VariableValue::text(transcript);
    values[Variables::RECORDING_URL.index()] = VariableValue::text("https://recordings.invalid/4711/2.webm");
    values[Variables::REPETITION.index()] = VariableValue::number(2);
    values
}

fn render(criterion: &mut Criterion) {
    let plain = "I have a seat on train number 4711 to Lisbon. The market by the river opens before sunrise. \
                 We will meet again after the long holiday.";
    let quoted = plain.replace("the ", "\"the\"\n");
    let mut group = criterion.benchmark_group("render_template");
    for (name, template, values) in [
        ("path", path(), values(plain)),
        ("recording_body", recording_body(), values(plain)),
        ("transcript_body", transcript_body(), values(plain)),
        ("transcript_body_with_escapes", transcript_body(), values(&quoted)),
    ] {
        let mut out = String::new();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                render_into(black_box(&template), black_box(&values), &mut out);
                out.len()
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(50);
    targets = render
}
criterion_main!(benches);
