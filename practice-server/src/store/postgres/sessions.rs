//! Statements on `practice_sessions`.

use sqlx::postgres::PgRow;
use sqlx::types::Json;

use super::columns::{count, id, optional_json, read, ruled, user_id, word};
use super::work::Work;
use crate::domain::{
    FinalScores, Language, Progress, Session, SessionId, SessionStatus, Timestamp, Transcript,
};
use crate::store::StoreError;

const DOING_READ: &str = "reading a session";

/// What a [`Session`] is made of: every column but the internal ones.
macro_rules! columns {
    () => {
        "id, user_id, transcript, improved_transcript, sentences, language, status, current_sentence_index, \
         current_word_index, attempt_count, pronunciation_score, pronunciation_analysis, error_message, \
         created_at, updated_at"
    };
}

pub(in crate::store) async fn insert(work: &mut Work, session: &Session) -> Result<(), StoreError> {
    work.statement(
        "inserting a session",
        "INSERT INTO practice_sessions (id, user_id, status, transcript, language, current_sentence_index, \
         current_word_index, attempt_count, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, \
         $9, $10) RETURNING txid_current()",
    )
    .bind(session.id.uuid())
    .bind(session.user_id.as_str())
    .bind(session.status.as_str())
    .bind(session.transcript.as_str())
    .bind(session.language.as_str())
    .bind(i64::from(session.progress.current_sentence_index))
    .bind(i64::from(session.progress.current_word_index))
    .bind(i64::from(session.progress.attempt_count))
    .bind(session.created_at)
    .bind(session.updated_at)
    .publish()
    .await
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
    .publish()
    .await
}

pub(in crate::store) async fn find(work: &mut Work, id: SessionId) -> Result<Option<Session>, StoreError> {
    work.statement(
        DOING_READ,
        concat!("SELECT ", columns!(), " FROM practice_sessions WHERE id = $1"),
    )
    .bind(id.uuid())
    .fetch_optional(from_row)
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
            " FROM practice_sessions WHERE id = $1 FOR NO KEY UPDATE"
        ),
    )
    .bind(id.uuid())
    .fetch_optional(from_row)
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
            " FROM practice_sessions WHERE status IN ('created', 'ready', 'practicing') AND updated_at < $1 \
             ORDER BY updated_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED"
        ),
    )
    .bind(before)
    .bind(i64::from(limit))
    .fetch_all(from_row)
    .await
}

fn from_row(row: &PgRow) -> Result<Session, StoreError> {
    let score: Option<f64> = read(row, "pronunciation_score")?;
    let final_scores = match (score, optional_json(row, "pronunciation_analysis")?) {
        (Some(pronunciation_score), Some(pronunciation_analysis)) => Some(FinalScores {
            pronunciation_score,
            pronunciation_analysis,
        }),
        _ => None,
    };
    Ok(Session {
        id: id(row, "id")?,
        user_id: user_id(row)?,
        status: word(row, "status", SessionStatus::from_word)?,
        transcript: ruled(row, "transcript", Transcript::parse)?,
        language: ruled(row, "language", Language::parse)?,
        improved_transcript: read(row, "improved_transcript")?,
        sentences: optional_json(row, "sentences")?,
        progress: Progress {
            current_sentence_index: count(row, "current_sentence_index")?,
            current_word_index: count(row, "current_word_index")?,
            attempt_count: count(row, "attempt_count")?,
        },
        error_message: read(row, "error_message")?,
        final_scores,
        created_at: read(row, "created_at")?,
        updated_at: read(row, "updated_at")?,
    })
}
