//! The wire format, checked against literal JSON rather than against its own derive.

use serde_json::{Value, json};

use super::*;
use crate::failure::JobErrorCode;
use crate::recording_analysis::{AnalysisStatus, WordErrorType};

fn completed_analysis() -> Value {
    json!({
        "type": "recording.analysis.completed",
        "timestamp": "2026-11-22T01:02:03.456Z",
        "data": {
            "job_id": "job_01", "client_reference_id": "ref-1", "sequence": 1, "status": "success",
            "attempt_type": "sentence", "sentence_index": 0,
            "pronunciation_score": 78.4, "is_passed": false, "pass_threshold": 80.0,
            "pronunciation_analysis": {
                "accuracy_score": 81.0, "fluency_score": 74.0, "completeness_score": 100.0,
                "prosody_score": 68.5, "audio_duration_ms": 3120, "snr_db": 38.7,
                "critical_errors": [{ "word": "transportation", "error_type": "mispronunciation" }]
            },
            "transcription_results": {
                "text": "I believe the most", "confidence": 0.94, "language": "en-US",
                "filler_words": [{ "word": "um", "offset_ms": 120 }]
            },
            "word_level_scores": [{
                "word": "transportation", "index": 7, "accuracy_score": null, "error_type": "omission",
                "offset_ms": 1610, "duration_ms": 720,
                "syllables": [{ "syllable": "trans", "accuracy_score": 66.0 }],
                "phonemes": [{ "phoneme": "p", "accuracy_score": 45.0, "sounded_like": "b",
                               "offset_ms": 1690, "duration_ms": 60 }]
            }],
            "feedback_data": {
                "overall_feedback": "Good.",
                "problematic_words": [{ "word": "transportation", "word_index": 7, "difficulty_score": 42.0 }],
                "phoneme_errors": [{ "word": "transportation", "accuracy": 58.0, "issues": [
                    { "phoneme": "p", "accuracy": 45.0, "issue_type": "mispronunciation" }] }]
            },
            "processing_time_ms": 1250, "model_version": "mock-1"
        }
    })
}

#[test]
fn a_completed_analysis_reads_and_writes_as_published() {
    let published = completed_analysis();
    let envelope: WebhookEnvelope = serde_json::from_value(published.clone()).unwrap();

    let WebhookEvent::RecordingAnalysisCompleted(data) = &envelope.event else {
        panic!("wrong event: {envelope:?}");
    };
    assert_eq!(data.status, AnalysisStatus::Success);
    assert_eq!(data.word_level_scores[0].error_type, WordErrorType::Omission);
    assert_eq!(data.word_level_scores[0].accuracy_score, None);
    assert_eq!(serde_json::to_value(&envelope).unwrap(), published);
}

#[test]
fn integers_are_accepted_where_scores_are_expected() {
    let mut published = completed_analysis();
    published["data"]["pass_threshold"] = json!(80);
    published["data"]["word_level_scores"][0]["syllables"][0]["accuracy_score"] = json!(66);
    assert!(serde_json::from_value::<WebhookEnvelope>(published).is_ok());
}

#[test]
fn each_event_type_reads_writes_and_names_itself() {
    let failure = json!({
        "job_id": "job_02", "client_reference_id": "ref-2", "sequence": 3,
        "error": { "code": "no_speech", "message": "No speech was found.", "retryable": false }
    });
    let table = [
        (
            "recording.analysis.failed",
            SubmissionKind::RecordingAnalyses,
            true,
            failure.clone(),
        ),
        (
            "transcript.improvement.failed",
            SubmissionKind::TranscriptImprovements,
            true,
            failure.clone(),
        ),
        (
            "sentence.extraction.failed",
            SubmissionKind::SentenceExtractions,
            true,
            failure,
        ),
        (
            "transcript.improvement.completed",
            SubmissionKind::TranscriptImprovements,
            false,
            json!({
                "job_id": "job_02", "client_reference_id": "ref-2", "sequence": 3,
                "original_transcript": "hi", "improved_transcript": "Hi.",
                "changes": [{ "kind": "punctuation", "sentence_index": 0, "before": "Hi", "after": "Hi." }]
            }),
        ),
        (
            "sentence.extraction.completed",
            SubmissionKind::SentenceExtractions,
            false,
            json!({
                "job_id": "job_02", "client_reference_id": "ref-2", "sequence": 3,
                "sentences": [{ "index": 0, "text": "Hi.", "words": ["Hi"], "completed": false,
                                "passed": false, "attempts": 0, "best_score": null }]
            }),
        ),
    ];
    for (name, submission, is_failure, data) in table {
        let published = json!({ "type": name, "timestamp": "2026-11-22T01:02:03Z", "data": data });
        let envelope: WebhookEnvelope = serde_json::from_value(published.clone()).unwrap();
        let event = &envelope.event;
        assert_eq!(event.type_name(), name);
        assert_eq!(event.submission(), submission);
        assert_eq!(event.is_failure(), is_failure);
        assert_eq!(
            (event.job_id(), event.client_reference_id(), event.sequence()),
            ("job_02", "ref-2", 3)
        );
        assert_eq!(serde_json::to_value(&envelope).unwrap(), published);
    }
}

#[test]
fn the_error_kind_is_typed() {
    let error: crate::JobError =
        serde_json::from_value(json!({ "code": "audio_unreachable", "message": "m", "retryable": true }))
            .unwrap();
    assert_eq!(error.code, JobErrorCode::AudioUnreachable);
    assert!(error.code.is_retryable());
    assert!(!JobErrorCode::NoSpeech.is_retryable());
}

#[test]
fn an_unknown_type_or_a_type_with_foreign_data_is_refused() {
    let mut unknown = completed_analysis();
    unknown["type"] = json!("recording.analysis.started");
    assert!(serde_json::from_value::<WebhookEnvelope>(unknown).is_err());

    let mut foreign = completed_analysis();
    foreign["type"] = json!("sentence.extraction.completed");
    assert!(serde_json::from_value::<WebhookEnvelope>(foreign).is_err());
}
