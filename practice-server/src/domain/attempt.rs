//! A row of `practice_attempts`.

use serde_json::{Map, Value, json};

use super::session::into_map;
use super::{
    Architecture, AttemptId, AttemptStatus, AttemptType, Recording, Session, SessionId, Timestamp, UserId,
};

/// One submitted recording, all columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    pub id: AttemptId,
    pub session_id: SessionId,
    pub user_id: UserId,
    pub recording: Recording,
    pub status: AttemptStatus,
    pub error_message: Option<String>,
    pub result: Option<RecordingResult>,
    /// Its session's. Internal: no reader and no subscriber is told.
    pub architecture: Architecture,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The columns that a result fills, as ClassConnect sent them.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingResult {
    pub pronunciation_score: f64,
    pub is_passed: bool,
    pub pronunciation_analysis: Value,
    pub feedback_data: Value,
    pub transcription_results: Value,
    pub word_level_scores: Value,
}

impl Attempt {
    /// A new attempt in this session.
    pub fn new(session: &Session, recording: Recording, now: Timestamp) -> Self {
        Self {
            id: AttemptId::random(),
            session_id: session.id,
            user_id: session.user_id.clone(),
            recording,
            status: AttemptStatus::Processing,
            error_message: None,
            result: None,
            architecture: session.architecture,
            created_at: now,
            updated_at: now,
        }
    }

    /// Column name → JSON-typed value, for readers and for subscribers.
    pub fn record(&self) -> Map<String, Value> {
        let result = self.result.as_ref();
        into_map(json!({
            "id": self.id.to_string(),
            "session_id": self.session_id.to_string(),
            "user_id": self.user_id.as_str(),
            "attempt_type": attempt_type_word(self.recording.target.attempt_type()),
            "sentence_index": self.recording.target.sentence_index(),
            "word_index": self.recording.target.word_index(),
            "audio_url": self.recording.audio_url.as_str(),
            "status": self.status.as_str(),
            "error_message": self.error_message,
            "pronunciation_score": result.map(|r| r.pronunciation_score),
            "is_passed": result.map(|r| r.is_passed),
            "pronunciation_analysis": result.map(|r| &r.pronunciation_analysis),
            "feedback_data": result.map(|r| &r.feedback_data),
            "transcription_results": result.map(|r| &r.transcription_results),
            "word_level_scores": result.map(|r| &r.word_level_scores),
            "created_at": self.created_at.to_string(),
            "updated_at": self.updated_at.to_string(),
        }))
    }
}

/// The word that rows store for an attempt type; the same as on the wire.
pub fn attempt_type_word(attempt_type: AttemptType) -> &'static str {
    match attempt_type {
        AttemptType::Sentence => "sentence",
        AttemptType::Word => "word",
        AttemptType::FullTranscript => "full_transcript",
    }
}

/// The attempt type a stored word stands for; `None` for a word that is none.
pub fn attempt_type_from_word(word: &str) -> Option<AttemptType> {
    [
        AttemptType::Sentence,
        AttemptType::Word,
        AttemptType::FullTranscript,
    ]
    .into_iter()
    .find(|attempt_type| attempt_type_word(*attempt_type) == word)
}
