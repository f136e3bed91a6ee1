//! Results of the two calls that work on text: transcript improvement and sentence extraction.

use serde::{Deserialize, Serialize};

/// `data` of `transcript.improvement.completed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranscriptImprovement {
    pub job_id: String,
    pub client_reference_id: String,
    pub sequence: u64,
    pub original_transcript: String,
    pub improved_transcript: String,
    pub changes: Vec<TranscriptChange>,
}

/// One edit that leads from the original transcript to the improved one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranscriptChange {
    pub kind: TranscriptChangeKind,
    /// The sentence that was changed, counted from 0.
    pub sentence_index: u32,
    pub before: String,
    pub after: String,
}

/// What an edit was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TranscriptChangeKind {
    Whitespace,
    Filler,
    Capitalization,
    Punctuation,
}

/// `data` of `sentence.extraction.completed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SentenceExtraction {
    pub job_id: String,
    pub client_reference_id: String,
    pub sequence: u64,
    pub sentences: Vec<Sentence>,
}

/// One sentence and the learner's progress on it, which starts empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sentence {
    /// Position in the transcript, from 0.
    pub index: u32,
    pub text: String,
    pub words: Vec<String>,
    pub completed: bool,
    pub passed: bool,
    pub attempts: u32,
    /// 0–100, absent before the first attempt.
    pub best_score: Option<f64>,
}
