//! Statements on `practice_attempts`.

use sqlx::types::Json;

use super::columns::Columns;
use super::sessions;
use super::work::{Work, nothing};
use crate::domain::{
    Architecture, Attempt, AttemptId, AttemptStatus, AudioUrl, Recording, RecordingResult, RecordingTarget,
    Session, SessionId, Timestamp, attempt_type_from_word, attempt_type_word,
};
use crate::store::StoreError;

const DOING_READ: &str = "reading an attempt";

/// What an [`Attempt`] is made of; the table goes by the name of `attempt`.
macro_rules! columns {
    () => {
        "attempt.id, attempt.session_id, attempt.user_id, attempt.attempt_type, attempt.sentence_index, \
         attempt.word_index, attempt.audio_url, attempt.status, attempt.pronunciation_score, \
         attempt.is_passed, attempt.pronunciation_analysis, attempt.feedback_data, \
         attempt.transcription_results, attempt.word_level_scores, attempt.error_message, attempt.architecture, \
         attempt.created_at, attempt.updated_at"
    };
}

pub(in crate::store) async fn insert(work: &mut Work, attempt: &Attempt) -> Result<(), StoreError> {
    let target = attempt.recording.target;
    work.statement(
        "inserting an attempt",
        "INSERT INTO practice_attempts (id, session_id, user_id, attempt_type, sentence_index, word_index, \
         audio_url, status, architecture, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, \
         $10, $11) RETURNING txid_current()",
    )
    .bind(attempt.id.uuid())
    .bind(attempt.session_id.uuid())
    .bind(attempt.user_id.as_str())
    .bind(attempt_type_word(target.attempt_type()))
    .bind(target.sentence_index().map(i64::from))
    .bind(target.word_index().map(i64::from))
    .bind(attempt.recording.audio_url.as_str())
    .bind(attempt.status.as_str())
    .bind(attempt.architecture.as_str())
    .bind(attempt.created_at)
    .bind(attempt.updated_at)
    .publish(nothing)
    .await?;
    Ok(())
}

/// Moves an attempt on, if its status is still `from`. Answers it as it is now.
pub(in crate::store) async fn advance(
    work: &mut Work,
    id: AttemptId,
    from: AttemptStatus,
    to: AttemptStatus,
    now: Timestamp,
) -> Result<Option<Attempt>, StoreError> {
    work.statement(
        "moving an attempt on",
        concat!(
            "UPDATE practice_attempts AS attempt SET status = $1, updated_at = $2 WHERE id = $3 AND status = $4 \
             RETURNING txid_current(), ",
            columns!()
        ),
    )
    .bind(to.as_str())
    .bind(now)
    .bind(id.uuid())
    .bind(from.as_str())
    .publish(from_columns)
    .await
}

/// Writes the end of an attempt and answers how many others of its session are open. The session is held, so nobody adds
/// or ends one meanwhile; the attempt itself is left out of the count, which sees it as it was before this statement.
pub(in crate::store) async fn end(work: &mut Work, attempt: &Attempt) -> Result<u32, StoreError> {
    let result = attempt.result.as_ref();
    let open: Option<i64> = work
        .statement(
            "ending an attempt",
            "UPDATE practice_attempts AS attempt SET status = $1, error_message = $2, pronunciation_score = $3, \
             is_passed = $4, pronunciation_analysis = $5, feedback_data = $6, transcription_results = $7, \
             word_level_scores = $8, updated_at = $9 WHERE id = $10 RETURNING txid_current(), (SELECT count(*) \
             FROM practice_attempts WHERE session_id = attempt.session_id AND id <> attempt.id AND status IN \
             ('processing', 'analyzing')) AS open",
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
        .publish(|columns| columns.take("open"))
        .await?;
    Ok(u32::try_from(open.unwrap_or_default()).unwrap_or(u32::MAX))
}

/// A session and one of its attempts, both held until the transaction ends, the session first.
pub(in crate::store) async fn lock_with_session(
    work: &mut Work,
    session: SessionId,
    attempt: AttemptId,
) -> Result<Option<(Session, Attempt)>, StoreError> {
    work.statement(
        DOING_READ,
        concat!(
            "SELECT ",
            sessions::columns!(),
            ", ",
            columns!(),
            " FROM practice_sessions AS session JOIN practice_attempts AS attempt ON attempt.session_id = \
             session.id WHERE session.id = $1 AND attempt.id = $2 FOR NO KEY UPDATE OF session, attempt"
        ),
    )
    .bind(session.uuid())
    .bind(attempt.uuid())
    .fetch_optional(|row| {
        let mut columns = Columns::of(row);
        Ok((sessions::from_columns(&mut columns)?, from_columns(&mut columns)?))
    })
    .await
}

pub(in crate::store) async fn find(work: &mut Work, id: AttemptId) -> Result<Option<Attempt>, StoreError> {
    work.statement(
        DOING_READ,
        concat!(
            "SELECT ",
            columns!(),
            " FROM practice_attempts AS attempt WHERE id = $1"
        ),
    )
    .bind(id.uuid())
    .fetch_optional(|row| from_columns(&mut Columns::of(row)))
    .await
}

/// The attempt, held until the transaction ends.
pub(in crate::store) async fn lock(work: &mut Work, id: AttemptId) -> Result<Option<Attempt>, StoreError> {
    work.statement(
        DOING_READ,
        concat!(
            "SELECT ",
            columns!(),
            " FROM practice_attempts AS attempt WHERE id = $1 FOR NO KEY UPDATE"
        ),
    )
    .bind(id.uuid())
    .fetch_optional(|row| from_columns(&mut Columns::of(row)))
    .await
}

/// Reads what `columns!` lists.
pub(super) fn from_columns(columns: &mut Columns<'_>) -> Result<Attempt, StoreError> {
    let id = columns.id("id")?;
    let session_id = columns.id("session_id")?;
    let user_id = columns.user_id()?;
    let target = RecordingTarget::parse(
        columns.word("attempt_type", attempt_type_from_word)?,
        columns.optional_count("sentence_index")?,
        columns.optional_count("word_index")?,
    )
    .map_err(|refusal| StoreError::corrupt("attempt_type", refusal))?;
    let audio_url = columns.ruled("audio_url", AudioUrl::parse)?;
    Ok(Attempt {
        id,
        session_id,
        user_id,
        recording: Recording { target, audio_url },
        status: columns.word("status", AttemptStatus::from_word)?,
        result: result_from_columns(columns)?,
        error_message: columns.take("error_message")?,
        architecture: columns.word("architecture", Architecture::from_word)?,
        created_at: columns.take("created_at")?,
        updated_at: columns.take("updated_at")?,
    })
}

fn result_from_columns(columns: &mut Columns<'_>) -> Result<Option<RecordingResult>, StoreError> {
    let score: Option<f64> = columns.take("pronunciation_score")?;
    let is_passed: Option<bool> = columns.take("is_passed")?;
    let pronunciation_analysis = columns.optional_json("pronunciation_analysis")?;
    let feedback_data = columns.optional_json("feedback_data")?;
    let transcription_results = columns.optional_json("transcription_results")?;
    let word_level_scores = columns.optional_json("word_level_scores")?;
    let (Some(pronunciation_score), Some(is_passed)) = (score, is_passed) else {
        return Ok(None);
    };
    Ok(Some(RecordingResult {
        pronunciation_score,
        is_passed,
        pronunciation_analysis: pronunciation_analysis.unwrap_or_default(),
        feedback_data: feedback_data.unwrap_or_default(),
        transcription_results: transcription_results.unwrap_or_default(),
        word_level_scores: word_level_scores.unwrap_or_default(),
    }))
}
