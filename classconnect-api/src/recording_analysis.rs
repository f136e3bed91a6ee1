//! Result of a recording analysis. Scores are 0–100 with one decimal; times are milliseconds into the recording.

use serde::{Deserialize, Serialize};

use crate::submission::AttemptType;

/// `data` of `recording.analysis.completed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordingAnalysis {
    pub job_id: String,
    pub client_reference_id: String,
    /// Order of this event among the events of its job, from 1.
    pub sequence: u64,
    #[serde(default)]
    pub status: AnalysisStatus,
    pub attempt_type: AttemptType,
    pub sentence_index: Option<u32>,
    /// Recomputes from the parts in `pronunciation_analysis`, see [`crate::scores::pronunciation_score`].
    pub pronunciation_score: f64,
    /// Whether the score reaches `pass_threshold`.
    pub is_passed: bool,
    pub pass_threshold: f64,
    pub pronunciation_analysis: PronunciationAnalysis,
    pub transcription_results: TranscriptionResults,
    pub word_level_scores: Vec<WordScore>,
    pub feedback_data: FeedbackData,
    pub processing_time_ms: u64,
    pub model_version: String,
}

/// An analysis may complete technically and still carry no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnalysisStatus {
    #[default]
    Success,
    /// A soft error: every score is 0 and the lists are empty.
    Error,
}

/// The parts of the score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PronunciationAnalysis {
    pub accuracy_score: f64,
    pub fluency_score: f64,
    /// Share of the expected words that were not omitted, times 100.
    pub completeness_score: f64,
    /// Exists for `en-US` only.
    pub prosody_score: Option<f64>,
    pub audio_duration_ms: u64,
    pub snr_db: f64,
    pub critical_errors: Vec<CriticalError>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CriticalError {
    pub word: String,
    pub error_type: WordErrorType,
}

/// What was heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TranscriptionResults {
    pub text: String,
    /// 0–1.
    pub confidence: f64,
    pub language: String,
    pub filler_words: Vec<FillerWord>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FillerWord {
    pub word: String,
    pub offset_ms: u64,
}

/// What was wrong with a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WordErrorType {
    None,
    Mispronunciation,
    Omission,
    Insertion,
    UnexpectedBreak,
    MissingBreak,
    Monotone,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordScore {
    pub word: String,
    /// Position in the expected text, from 0.
    pub index: u32,
    /// Absent for an omitted word: what was not said cannot be scored.
    pub accuracy_score: Option<f64>,
    pub error_type: WordErrorType,
    pub offset_ms: u64,
    pub duration_ms: u64,
    pub syllables: Vec<SyllableScore>,
    pub phonemes: Vec<PhonemeScore>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyllableScore {
    pub syllable: String,
    pub accuracy_score: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhonemeScore {
    pub phoneme: String,
    pub accuracy_score: f64,
    /// The phoneme that was heard instead, when it was another one.
    pub sounded_like: Option<String>,
    pub offset_ms: u64,
    pub duration_ms: u64,
}

/// What to tell the learner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeedbackData {
    pub overall_feedback: String,
    pub problematic_words: Vec<ProblematicWord>,
    pub phoneme_errors: Vec<WordPhonemeErrors>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProblematicWord {
    pub word: String,
    pub word_index: u32,
    /// 100 minus the word's accuracy.
    pub difficulty_score: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordPhonemeErrors {
    pub word: String,
    pub accuracy: f64,
    pub issues: Vec<PhonemeIssue>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhonemeIssue {
    pub phoneme: String,
    pub accuracy: f64,
    pub issue_type: WordErrorType,
}
