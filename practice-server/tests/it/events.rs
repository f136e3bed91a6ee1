//! What ClassConnect would send.

use classconnect_api::recording_analysis::{
    AnalysisStatus, FeedbackData, PronunciationAnalysis, TranscriptionResults,
};
use classconnect_api::transcript::Sentence;
use classconnect_api::{
    AttemptType, JobError, JobErrorCode, JobFailure, RecordingAnalysis, SentenceExtraction,
    TranscriptImprovement, WebhookEvent,
};

/// A job a call led to: its id, and our own reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) job_id: String,
    pub(crate) client_reference_id: String,
}

pub(crate) fn improved(job: &Job, transcript: &str) -> WebhookEvent {
    WebhookEvent::TranscriptImprovementCompleted(TranscriptImprovement {
        job_id: job.job_id.clone(),
        client_reference_id: job.client_reference_id.clone(),
        sequence: 1,
        original_transcript: transcript.to_lowercase(),
        improved_transcript: transcript.to_owned(),
        changes: Vec::new(),
    })
}

pub(crate) fn extracted(job: &Job, sentences: &[&str]) -> WebhookEvent {
    let sentences = sentences.iter().zip(0..).map(|(text, index)| Sentence {
        index,
        text: (*text).to_owned(),
        words: text.trim_end_matches('.').split(' ').map(str::to_owned).collect(),
        completed: false,
        passed: false,
        attempts: 0,
        best_score: None,
    });
    WebhookEvent::SentenceExtractionCompleted(SentenceExtraction {
        job_id: job.job_id.clone(),
        client_reference_id: job.client_reference_id.clone(),
        sequence: 1,
        sentences: sentences.collect(),
    })
}

pub(crate) fn analysis(job: &Job, score: f64) -> RecordingAnalysis {
    RecordingAnalysis {
        job_id: job.job_id.clone(),
        client_reference_id: job.client_reference_id.clone(),
        sequence: 1,
        status: AnalysisStatus::Success,
        attempt_type: AttemptType::Sentence,
        sentence_index: Some(0),
        pronunciation_score: score,
        is_passed: score >= 80.0,
        pass_threshold: 80.0,
        pronunciation_analysis: PronunciationAnalysis {
            accuracy_score: score,
            fluency_score: score,
            completeness_score: 100.0,
            prosody_score: None,
            audio_duration_ms: 3_120,
            snr_db: 38.7,
            critical_errors: Vec::new(),
        },
        transcription_results: TranscriptionResults {
            text: "What was heard.".to_owned(),
            confidence: 0.94,
            language: "en-US".to_owned(),
            filler_words: Vec::new(),
        },
        word_level_scores: Vec::new(),
        feedback_data: FeedbackData {
            overall_feedback: "Good.".to_owned(),
            problematic_words: Vec::new(),
            phoneme_errors: Vec::new(),
        },
        processing_time_ms: 1_250,
        model_version: "test".to_owned(),
    }
}

pub(crate) fn analysed(job: &Job, score: f64) -> WebhookEvent {
    WebhookEvent::RecordingAnalysisCompleted(Box::new(analysis(job, score)))
}

pub(crate) fn failure(job: &Job, message: &str) -> JobFailure {
    JobFailure {
        job_id: job.job_id.clone(),
        client_reference_id: job.client_reference_id.clone(),
        sequence: 1,
        error: JobError {
            code: JobErrorCode::Unintelligible,
            message: message.to_owned(),
            retryable: false,
        },
    }
}
