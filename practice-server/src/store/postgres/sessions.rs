//! Statements on `practice_sessions`.

use sqlx::types::Json;

use super::columns::Columns;
use super::work::{Work, nothing};
use crate::domain::{
    Architecture, FinalScores, Language, Progress, Session, SessionId, SessionStatus, Timestamp, Transcript,
};
use crate::store::StoreError;

const DOING_READ: &str = "reading a session";

/// What a [`Session`] is made of; the table goes by the name of `session`.
macro_rules! columns {
    () => {
        "session.id, session.user_id, session.transcript, session.improved_transcript, session.sentences, \
         session.language, session.status, session.current_sentence_index, session.current_word_index, \
         session.attempt_count, session.pronunciation_score, session.pronunciation_analysis, \
         session.error_message, session.architecture, session.created_at, session.updated_at"
    };
}
pub(super) use columns;

pub(in crate::store) async fn insert(work: &mut Work, session: &Session) -> Result<(), StoreError> {
    work.statement(
        "inserting a session",
        "INSERT INTO practice_sessions (id, user_id, status, transcript, language, current_sentence_index, \
         current_word_index, attempt_count, architecture, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, \
         $6, $7, $8, $9, $10, $11) RETURNING txid_current()",
    )
    .bind(session.id.uuid())
    .bind(session.user_id.as_str())
    .bind(session.status.as_str())
    .bind(session.transcript.as_str())
    .bind(session.language.as_str())
    .bind(i64::from(session.progress.current_sentence_index))
    .bind(i64::from(session.progress.current_word_index))
    .bind(i64::from(session.progress.attempt_count))
    .bind(session.architecture.as_str())
    .bind(session.created_at)
    .bind(session.updated_at)
    .publish(nothing)
    .await?;
    Ok(())
}

pub(in crate::store) async fn update(work: &mut Work, session: &Session) -> Result<(), StoreError> {
    let scores = session.final_scores.as_ref();
    work.statement(
        "updating a session",
        "UPDATE practice_sessions SET status = $1, improved_transcript = $2, sentences = $3, \
         current_sentence_index = $4, current_word_index = $5, attempt_count = $6, error_message = $7, \
         pronunciation_score = $8, pronunciation_analysis = $9, updated_at = $10 WHERE id = $11 RETURNING \
         txid_current()",
    )
    .bind(session.status.as_str())
    .bind(session.improved_transcript.as_deref())
    .bind(session.sentences.as_ref().map(Json))
    .bind(i64::from(session.progress.current_sentence_index))
    .bind(i64::from(session.progress.current_word_index))
    .bind(i64::from(session.progress.attempt_count))
    .bind(session.error_message.as_deref())
    .bind(scores.map(|scores| scores.pronunciation_score))
    .bind(scores.map(|scores| Json(&scores.pronunciation_analysis)))
    .bind(session.updated_at)
    .bind(session.id.uuid())
    .publish(nothing)
    .await?;
    Ok(())
}

/// Writes down when practice was asked for, which fires the trigger of a session of the trigger architecture.
pub(in crate::store) async fn request_practice(
    work: &mut Work,
    id: SessionId,
    now: Timestamp,
) -> Result<(), StoreError> {
    work.statement(
        "requesting practice",
        "UPDATE practice_sessions SET practice_requested_at = $1, updated_at = $1 WHERE id = $2 RETURNING \
         txid_current()",
    )
    .bind(now)
    .bind(id.uuid())
    .publish(nothing)
    .await?;
    Ok(())
}

pub(in crate::store) async fn find(work: &mut Work, id: SessionId) -> Result<Option<Session>, StoreError> {
    work.statement(
        DOING_READ,
        concat!(
            "SELECT ",
            columns!(),
            " FROM practice_sessions AS session WHERE id = $1"
        ),
    )
    .bind(id.uuid())
    .fetch_optional(|row| from_columns(&mut Columns::of(row)))
    .await
}

/// The session, held until the transaction ends: whoever wants to change it meanwhile waits. The lock is the weaker one,
/// which lets others refer to the row.
pub(in crate::store) async fn lock(work: &mut Work, id: SessionId) -> Result<Option<Session>, StoreError> {
    work.statement(
        DOING_READ,
        concat!(
            "SELECT ",
            columns!(),
            " FROM practice_sessions AS session WHERE id = $1 FOR NO KEY UPDATE"
        ),
    )
    .bind(id.uuid())
    .fetch_optional(|row| from_columns(&mut Columns::of(row)))
    .await
}

/// Created, ready or practicing, and untouched since before `before`. What somebody is changing just now is not idle.
pub(in crate::store) async fn lock_idle(
    work: &mut Work,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<Session>, StoreError> {
    work.statement(
        DOING_READ,
        concat!(
            "SELECT ",
            columns!(),
            " FROM practice_sessions AS session WHERE status IN ('created', 'ready', 'practicing') AND updated_at < $1 \
             ORDER BY updated_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED"
        ),
    )
    .bind(before)
    .bind(i64::from(limit))
    .fetch_all(|row| from_columns(&mut Columns::of(row)))
    .await
}

/// Reads what `columns!` lists.
pub(super) fn from_columns(columns: &mut Columns<'_>) -> Result<Session, StoreError> {
    let id = columns.id("id")?;
    let user_id = columns.user_id()?;
    let transcript = columns.ruled("transcript", Transcript::parse)?;
    let improved_transcript = columns.take("improved_transcript")?;
    let sentences = columns.optional_json("sentences")?;
    let language = columns.ruled("language", Language::parse)?;
    let status = columns.word("status", SessionStatus::from_word)?;
    let progress = Progress {
        current_sentence_index: columns.count("current_sentence_index")?,
        current_word_index: columns.count("current_word_index")?,
        attempt_count: columns.count("attempt_count")?,
    };
    let score: Option<f64> = columns.take("pronunciation_score")?;
    let final_scores = match (score, columns.optional_json("pronunciation_analysis")?) {
        (Some(pronunciation_score), Some(pronunciation_analysis)) => Some(FinalScores {
            pronunciation_score,
            pronunciation_analysis,
        }),
        _ => None,
    };
    Ok(Session {
        id,
        user_id,
        status,
        transcript,
        language,
        improved_transcript,
        sentences,
        progress,
        error_message: columns.take("error_message")?,
        final_scores,
        architecture: columns.word("architecture", Architecture::from_word)?,
        created_at: columns.take("created_at")?,
        updated_at: columns.take("updated_at")?,
    })
}
