//! Statements on `practice_attempts`.

use rusqlite::Row;

use super::columns::{json_text, optional_json, parsed, read, word};
use super::connection::Connection;
use crate::domain::{
    Architecture, Attempt, AttemptId, AttemptStatus, AudioUrl, Recording, RecordingResult, RecordingTarget,
    SessionId, Timestamp, UserId, attempt_type_from_word, attempt_type_word,
};
use crate::store::StoreError;

const DOING_READ: &str = "reading an attempt";

pub(in crate::store) fn insert(connection: &Connection, attempt: &Attempt) -> Result<(), StoreError> {
    let target = attempt.recording.target;
    connection
        .statement(
            "inserting an attempt",
            "INSERT INTO practice_attempts (id, session_id, user_id, attempt_type, sentence_index, \
                 word_index, audio_url, status, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, \
                 ?, ?)",
        )
        .bind(attempt.id.to_string())
        .bind(attempt.session_id.to_string())
        .bind(attempt.user_id.as_str())
        .bind(attempt_type_word(target.attempt_type()))
        .bind(target.sentence_index())
        .bind(target.word_index())
        .bind(attempt.recording.audio_url.as_str())
        .bind(attempt.status.as_str())
        .bind(attempt.created_at.unix_us())
        .bind(attempt.updated_at.unix_us())
        .execute()?;
    Ok(())
}

pub(in crate::store) fn update(connection: &Connection, attempt: &Attempt) -> Result<(), StoreError> {
    let result = attempt.result.as_ref();
    connection
        .statement(
            "updating an attempt",
            "UPDATE practice_attempts SET status = ?, error_message = ?, pronunciation_score = ?, \
                 is_passed = ?, pronunciation_analysis = ?, feedback_data = ?, transcription_results = ?, \
                 word_level_scores = ?, updated_at = ? WHERE id = ?",
        )
        .bind(attempt.status.as_str())
        .bind(attempt.error_message.as_deref())
        .bind(result.map(|r| r.pronunciation_score))
        .bind(result.map(|r| r.is_passed))
        .bind(result.map(|r| json_text(&r.pronunciation_analysis)).transpose()?)
        .bind(result.map(|r| json_text(&r.feedback_data)).transpose()?)
        .bind(result.map(|r| json_text(&r.transcription_results)).transpose()?)
        .bind(result.map(|r| json_text(&r.word_level_scores)).transpose()?)
        .bind(attempt.updated_at.unix_us())
        .bind(attempt.id.to_string())
        .execute()?;
    Ok(())
}

/// Moves an attempt on, if its status is still `from`. Answers it as it is now.
pub(in crate::store) fn advance(
    connection: &Connection,
    id: AttemptId,
    from: AttemptStatus,
    to: AttemptStatus,
    now: Timestamp,
) -> Result<Option<Attempt>, StoreError> {
    connection
        .statement(
            "moving an attempt on",
            "UPDATE practice_attempts SET status = ?, updated_at = ? WHERE id = ? AND status = ? RETURNING *",
        )
        .bind(to.as_str())
        .bind(now.unix_us())
        .bind(id.to_string())
        .bind(from.as_str())
        .fetch_optional(from_row)
}

pub(in crate::store) fn find(connection: &Connection, id: AttemptId) -> Result<Option<Attempt>, StoreError> {
    connection
        .statement(DOING_READ, "SELECT * FROM practice_attempts WHERE id = ?")
        .bind(id.to_string())
        .fetch_optional(from_row)
}

pub(in crate::store) fn count_open(connection: &Connection, session: SessionId) -> Result<u32, StoreError> {
    let doing = "counting open attempts";
    connection
        .statement(
            doing,
            "SELECT COUNT(*) FROM practice_attempts WHERE session_id = ? AND status IN ('processing', \
                 'analyzing')",
        )
        .bind(session.to_string())
        .fetch_one(|row| row.get(0).map_err(|error| StoreError::new(doing, error)))
}

fn from_row(row: &Row<'_>) -> Result<Attempt, StoreError> {
    let target = RecordingTarget::parse(
        word(row, "attempt_type", attempt_type_from_word)?,
        read(row, "sentence_index", DOING_READ)?,
        read(row, "word_index", DOING_READ)?,
    )
    .map_err(|refusal| StoreError::corrupt("attempt_type", refusal))?;
    let audio_url = AudioUrl::parse(read(row, "audio_url", DOING_READ)?)
        .map_err(|refusal| StoreError::corrupt("audio_url", refusal))?;
    Ok(Attempt {
        id: parsed(row, "id")?,
        session_id: parsed(row, "session_id")?,
        user_id: UserId::parse(&read::<String>(row, "user_id", DOING_READ)?)
            .map_err(|refusal| StoreError::corrupt("user_id", refusal))?,
        recording: Recording { target, audio_url },
        status: word(row, "status", AttemptStatus::from_word)?,
        error_message: read(row, "error_message", DOING_READ)?,
        result: result_from_row(row)?,
        // SQLite has no triggers that send requests.
        architecture: Architecture::Direct,
        created_at: Timestamp::from_unix_us(read(row, "created_at", DOING_READ)?),
        updated_at: Timestamp::from_unix_us(read(row, "updated_at", DOING_READ)?),
    })
}

fn result_from_row(row: &Row<'_>) -> Result<Option<RecordingResult>, StoreError> {
    let score: Option<f64> = read(row, "pronunciation_score", DOING_READ)?;
    let is_passed: Option<bool> = read(row, "is_passed", DOING_READ)?;
    let (Some(pronunciation_score), Some(is_passed)) = (score, is_passed) else {
        return Ok(None);
    };
    Ok(Some(RecordingResult {
        pronunciation_score,
        is_passed,
        pronunciation_analysis: optional_json(row, "pronunciation_analysis")?.unwrap_or_default(),
        feedback_data: optional_json(row, "feedback_data")?.unwrap_or_default(),
        transcription_results: optional_json(row, "transcription_results")?.unwrap_or_default(),
        word_level_scores: optional_json(row, "word_level_scores")?.unwrap_or_default(),
    }))
}
