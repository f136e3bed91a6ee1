//! Statements on `practice_sessions`.

use rusqlite::Row;

use super::columns::{json_text, optional_json, parsed, read, word};
use super::connection::Connection;
use crate::domain::{
    Architecture, FinalScores, Language, Progress, Session, SessionId, SessionStatus, Timestamp, Transcript,
    UserId,
};
use crate::store::StoreError;

const DOING_READ: &str = "reading a session";

pub(in crate::store) fn insert(connection: &Connection, session: &Session) -> Result<(), StoreError> {
    let doing = "inserting a session";
    connection
        .statement(
            doing,
            "INSERT INTO practice_sessions (id, user_id, status, transcript, language, \
                 current_sentence_index, current_word_index, attempt_count, created_at, updated_at) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(session.id.to_string())
        .bind(session.user_id.as_str())
        .bind(session.status.as_str())
        .bind(session.transcript.as_str())
        .bind(session.language.as_str())
        .bind(session.progress.current_sentence_index)
        .bind(session.progress.current_word_index)
        .bind(session.progress.attempt_count)
        .bind(session.created_at.unix_us())
        .bind(session.updated_at.unix_us())
        .execute()?;
    Ok(())
}

pub(in crate::store) fn update(connection: &Connection, session: &Session) -> Result<(), StoreError> {
    let doing = "updating a session";
    let scores = session.final_scores.as_ref();
    connection
        .statement(
            doing,
            "UPDATE practice_sessions SET status = ?, improved_transcript = ?, sentences = ?, \
                 current_sentence_index = ?, current_word_index = ?, attempt_count = ?, error_message = \
                 ?, pronunciation_score = ?, pronunciation_analysis = ?, updated_at = ? WHERE id = ?",
        )
        .bind(session.status.as_str())
        .bind(session.improved_transcript.as_deref())
        .bind(session.sentences.as_ref().map(json_text).transpose()?)
        .bind(session.progress.current_sentence_index)
        .bind(session.progress.current_word_index)
        .bind(session.progress.attempt_count)
        .bind(session.error_message.as_deref())
        .bind(scores.map(|s| s.pronunciation_score))
        .bind(scores.map(|s| json_text(&s.pronunciation_analysis)).transpose()?)
        .bind(session.updated_at.unix_us())
        .bind(session.id.to_string())
        .execute()?;
    Ok(())
}

pub(in crate::store) fn find(connection: &Connection, id: SessionId) -> Result<Option<Session>, StoreError> {
    connection
        .statement(DOING_READ, "SELECT * FROM practice_sessions WHERE id = ?")
        .bind(id.to_string())
        .fetch_optional(from_row)
}

/// Created, ready or practicing, and untouched since before `before`.
pub(in crate::store) fn idle(
    connection: &Connection,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<Session>, StoreError> {
    connection
        .statement(
            DOING_READ,
            "SELECT * FROM practice_sessions WHERE status IN ('created', 'ready', 'practicing') AND \
                 updated_at < ? ORDER BY updated_at LIMIT ?",
        )
        .bind(before.unix_us())
        .bind(limit)
        .fetch_all(from_row)
}

fn from_row(row: &Row<'_>) -> Result<Session, StoreError> {
    let score: Option<f64> = read(row, "pronunciation_score", DOING_READ)?;
    let final_scores = match (score, optional_json(row, "pronunciation_analysis")?) {
        (Some(pronunciation_score), Some(pronunciation_analysis)) => Some(FinalScores {
            pronunciation_score,
            pronunciation_analysis,
        }),
        _ => None,
    };
    Ok(Session {
        id: parsed(row, "id")?,
        user_id: UserId::parse(&read::<String>(row, "user_id", DOING_READ)?)
            .map_err(|refusal| StoreError::corrupt("user_id", refusal))?,
        status: word(row, "status", SessionStatus::from_word)?,
        transcript: Transcript::parse(read(row, "transcript", DOING_READ)?)
            .map_err(|refusal| StoreError::corrupt("transcript", refusal))?,
        language: Language::parse(read(row, "language", DOING_READ)?)
            .map_err(|refusal| StoreError::corrupt("language", refusal))?,
        improved_transcript: read(row, "improved_transcript", DOING_READ)?,
        sentences: optional_json(row, "sentences")?,
        progress: Progress {
            current_sentence_index: read(row, "current_sentence_index", DOING_READ)?,
            current_word_index: read(row, "current_word_index", DOING_READ)?,
            attempt_count: read(row, "attempt_count", DOING_READ)?,
        },
        error_message: read(row, "error_message", DOING_READ)?,
        final_scores,
        // SQLite has no triggers that send requests.
        architecture: Architecture::Direct,
        created_at: Timestamp::from_unix_us(read(row, "created_at", DOING_READ)?),
        updated_at: Timestamp::from_unix_us(read(row, "updated_at", DOING_READ)?),
    })
}
