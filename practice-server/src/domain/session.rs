//! A row of `practice_sessions`.

use serde_json::{Map, Value, json};

use super::{
    Architecture, FinalScores, Language, Progress, Sentence, SessionId, SessionStatus, Timestamp, Transcript,
    UserId,
};

/// One practice session, all columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    pub status: SessionStatus,
    pub transcript: Transcript,
    pub language: Language,
    pub improved_transcript: Option<String>,
    pub sentences: Option<Vec<Sentence>>,
    pub progress: Progress,
    pub error_message: Option<String>,
    pub final_scores: Option<FinalScores>,
    /// Internal: no reader and no subscriber is told.
    pub architecture: Architecture,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Session {
    /// A session nothing has happened to yet.
    pub fn new(user_id: UserId, transcript: Transcript, language: Language, now: Timestamp) -> Self {
        Self {
            id: SessionId::random(),
            user_id,
            status: SessionStatus::Created,
            transcript,
            language,
            improved_transcript: None,
            sentences: None,
            progress: Progress::default(),
            error_message: None,
            final_scores: None,
            architecture: Architecture::Direct,
            created_at: now,
            updated_at: now,
        }
    }

    /// The transcript to practise: the improved one once there is one.
    pub fn current_transcript(&self) -> &str {
        self.improved_transcript
            .as_deref()
            .unwrap_or(self.transcript.as_str())
    }

    /// Column name → JSON-typed value, for readers and for subscribers.
    pub fn record(&self) -> Map<String, Value> {
        let scores = self.final_scores.as_ref();
        into_map(json!({
            "id": self.id.to_string(),
            "user_id": self.user_id.as_str(),
            "status": self.status.as_str(),
            "transcript": self.transcript.as_str(),
            "language": self.language.as_str(),
            "improved_transcript": self.improved_transcript,
            "sentences": self.sentences,
            "current_sentence_index": self.progress.current_sentence_index,
            "current_word_index": self.progress.current_word_index,
            "attempt_count": self.progress.attempt_count,
            "error_message": self.error_message,
            "pronunciation_score": scores.map(|s| s.pronunciation_score),
            "pronunciation_analysis": scores.map(|s| &s.pronunciation_analysis),
            "created_at": self.created_at.to_string(),
            "updated_at": self.updated_at.to_string(),
        }))
    }
}

pub(super) fn into_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
