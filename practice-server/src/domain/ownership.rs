//! Which of the two updates writes which column.
//!
//! The backend answers for status and progress, the webhook for results. `status` itself belongs to the backend,
//! with one exception: the final `completed` (of a session or an attempt) is written by the webhook, as are the
//! statuses that a result brings about.

/// The update that writes a column after its row was inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnOwner {
    /// Written when the row is inserted, never afterwards.
    Insert,
    /// Written by the service methods behind the practice API.
    Backend,
    /// Written when ClassConnect's result is applied, however it came.
    Webhook,
    /// `status` and `updated_at`: each update that changes the row writes them.
    Both,
}

/// The owner of a column of `practice_sessions`; `None` for a name that is no column.
pub fn session_column_owner(column: &str) -> Option<ColumnOwner> {
    Some(match column {
        "id" | "user_id" | "transcript" | "language" | "created_at" => ColumnOwner::Insert,
        "current_sentence_index" | "current_word_index" | "attempt_count" | "error_message" => {
            ColumnOwner::Backend
        }
        "improved_transcript"
        | "sentences"
        | "pronunciation_score"
        | "is_passed"
        | "pronunciation_analysis" => ColumnOwner::Webhook,
        "status" | "updated_at" => ColumnOwner::Both,
        _ => return None,
    })
}

/// The owner of a column of `practice_attempts`; `None` for a name that is no column.
pub fn attempt_column_owner(column: &str) -> Option<ColumnOwner> {
    Some(match column {
        "id" | "session_id" | "user_id" | "attempt_type" | "attempt_number" | "sentence_index"
        | "word_index" | "audio_url" | "created_at" => ColumnOwner::Insert,
        "error_message" => ColumnOwner::Backend,
        "pronunciation_score"
        | "is_passed"
        | "pronunciation_analysis"
        | "feedback_data"
        | "transcription_results"
        | "word_level_scores" => ColumnOwner::Webhook,
        "status" | "updated_at" => ColumnOwner::Both,
        _ => return None,
    })
}
