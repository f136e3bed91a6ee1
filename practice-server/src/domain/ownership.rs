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
        "improved_transcript" | "sentences" | "pronunciation_score" | "pronunciation_analysis" => {
            ColumnOwner::Webhook
        }
        "status" | "updated_at" => ColumnOwner::Both,
        _ => return None,
    })
}

/// The owner of a column of `practice_attempts`; `None` for a name that is no column.
pub fn attempt_column_owner(column: &str) -> Option<ColumnOwner> {
    Some(match column {
        "id" | "session_id" | "user_id" | "attempt_type" | "sentence_index" | "word_index" | "audio_url"
        | "created_at" => ColumnOwner::Insert,
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::{
        Attempt, AudioUrl, Language, Recording, RecordingTarget, Session, Timestamp, Transcript, UserId,
    };
    use crate::realtime::Table;

    fn session() -> Session {
        let transcript = Transcript::parse("Hello there.".to_owned()).unwrap();
        let language = Language::parse("en-US".to_owned()).unwrap();
        Session::new(
            UserId::parse("u").unwrap(),
            transcript,
            language,
            Timestamp::from_unix_us(0),
        )
    }

    fn check(
        table: Table,
        record: &serde_json::Map<String, serde_json::Value>,
        owned: impl Fn(&str) -> bool,
    ) {
        let published: BTreeSet<&str> = table.columns().iter().map(|column| column.name).collect();
        let recorded: BTreeSet<&str> = record.keys().map(String::as_str).collect();
        assert_eq!(
            recorded, published,
            "what is recorded is what subscribers are told of"
        );
        assert!(
            published.iter().all(|column| owned(column)),
            "every column has an owner"
        );
        assert!(!owned("no_such_column"));
    }

    #[test]
    fn every_column_of_a_session_is_recorded_published_and_owned() {
        check(Table::PracticeSessions, &session().record(), |column| {
            session_column_owner(column).is_some()
        });
    }

    #[test]
    fn every_column_of_an_attempt_is_recorded_published_and_owned() {
        let audio_url = AudioUrl::parse("https://cdn.example/a.webm".to_owned()).unwrap();
        let recording = Recording {
            target: RecordingTarget::FullTranscript,
            audio_url,
        };
        let attempt = Attempt::new(&session(), recording, Timestamp::from_unix_us(0));
        check(Table::PracticeAttempts, &attempt.record(), |column| {
            attempt_column_owner(column).is_some()
        });
    }
}
