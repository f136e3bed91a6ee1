//! Statements on `practice_attempts`.

use sqlx::postgres::PgRow;
use sqlx::types::Json;

use super::columns::{id, optional_count, optional_json, read, ruled, user_id, word};
use super::work::Work;
use crate::domain::{
    Attempt, AttemptId, AttemptStatus, AudioUrl, Recording, RecordingResult, RecordingTarget, SessionId,
    attempt_type_from_word, attempt_type_word,
};
use crate::store::StoreError;

const DOING_READ: &str = "reading an attempt";

/// What an [`Attempt`] is made of: every column but the internal ones.
macro_rules! columns {
    () => {
        "id, session_id, user_id, attempt_type, sentence_index, word_index, audio_url, status, \
         pronunciation_score, pronunciation_analysis, is_passed, feedback_data, transcription_results, \
         word_level_scores, error_message, created_at, updated_at"
    };
}

pub(in crate::store) async fn insert(work: &mut Work, attempt: &Attempt) -> Result<(), StoreError> {
    let target = attempt.recording.target;
    work.statement(
        "inserting an attempt",
        "INSERT INTO practice_attempts (id, session_id, user_id, attempt_type, sentence_index, word_index, \
         audio_url, status, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         RETURNING txid_current()",
    )
    .bind(attempt.id.uuid())
    .bind(attempt.session_id.uuid())
    .bind(attempt.user_id.as_str())
    .bind(attempt_type_word(target.attempt_type()))
    .bind(target.sentence_index().map(i64::from))
    .bind(target.word_index().map(i64::from))
    .bind(attempt.recording.audio_url.as_str())
    .bind(attempt.status.as_str())
    .bind(attempt.created_at)
    .bind(attempt.updated_at)
    .publish()
    .await
}

pub(in crate::store) async fn update(work: &mut Work, attempt: &Attempt) -> Result<(), StoreError> {
    let result = attempt.result.as_ref();
    work.statement(
        "updating an attempt",
        "UPDATE practice_attempts SET status = $1, error_message = $2, pronunciation_score = $3, is_passed = \
         $4, pronunciation_analysis = $5, feedback_data = $6, transcription_results = $7, word_level_scores \
         = $8, updated_at = $9 WHERE id = $10 RETURNING txid_current()",
    )
    .bind(attempt.status.as_str())
    .bind(attempt.error_message.as_deref())
    .bind(result.map(|result| result.pronunciation_score))
    .bind(result.map(|result| result.is_passed))
    .bind(result.map(|result| Json(&result.pronunciation_analysis)))
    .bind(result.map(|result| Json(&result.feedback_data)))
    .bind(result.map(|result| Json(&result.transcription_results)))
    .bind(result.map(|result| Json(&result.word_level_scores)))
    .bind(attempt.updated_at)
    .bind(attempt.id.uuid())
    .publish()
    .await
}

pub(in crate::store) async fn find(work: &mut Work, id: AttemptId) -> Result<Option<Attempt>, StoreError> {
    work.statement(
        DOING_READ,
        concat!("SELECT ", columns!(), " FROM practice_attempts WHERE id = $1"),
    )
    .bind(id.uuid())
    .fetch_optional(from_row)
    .await
}

/// The attempt, held until the transaction ends.
pub(in crate::store) async fn lock(work: &mut Work, id: AttemptId) -> Result<Option<Attempt>, StoreError> {
    work.statement(
        DOING_READ,
        concat!(
            "SELECT ",
            columns!(),
            " FROM practice_attempts WHERE id = $1 FOR NO KEY UPDATE"
        ),
    )
    .bind(id.uuid())
    .fetch_optional(from_row)
    .await
}

pub(in crate::store) async fn count_open(work: &mut Work, session: SessionId) -> Result<u32, StoreError> {
    let doing = "counting open attempts";
    let open: i64 = work
        .statement(
            doing,
            "SELECT COUNT(*) AS open FROM practice_attempts WHERE session_id = $1 AND status IN \
             ('processing', 'analyzing')",
        )
        .bind(session.uuid())
        .fetch_one(|row| read(row, "open"))
        .await?;
    Ok(u32::try_from(open).unwrap_or(u32::MAX))
}

fn from_row(row: &PgRow) -> Result<Attempt, StoreError> {
    let target = RecordingTarget::parse(
        word(row, "attempt_type", attempt_type_from_word)?,
        optional_count(row, "sentence_index")?,
        optional_count(row, "word_index")?,
    )
    .map_err(|refusal| StoreError::corrupt("attempt_type", refusal))?;
    Ok(Attempt {
        id: id(row, "id")?,
        session_id: id(row, "session_id")?,
        user_id: user_id(row)?,
        recording: Recording {
            target,
            audio_url: ruled(row, "audio_url", AudioUrl::parse)?,
        },
        status: word(row, "status", AttemptStatus::from_word)?,
        error_message: read(row, "error_message")?,
        result: result_from_row(row)?,
        created_at: read(row, "created_at")?,
        updated_at: read(row, "updated_at")?,
    })
}

fn result_from_row(row: &PgRow) -> Result<Option<RecordingResult>, StoreError> {
    let score: Option<f64> = read(row, "pronunciation_score")?;
    let is_passed: Option<bool> = read(row, "is_passed")?;
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
