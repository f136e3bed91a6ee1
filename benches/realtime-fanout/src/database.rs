//! The writer: it changes rows with SQL, beside the server, and writes down when each COMMIT returned.

use anyhow::Result;
use sqlx::{Connection, PgConnection};

use crate::monotonic_ns;
use crate::subscribers::Meter;

/// The id of the session of subscriber `number`, who is the user of the same id.
pub(crate) fn id_of(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

pub(crate) struct Writer {
    connection: PgConnection,
    sessions: usize,
}

impl Writer {
    /// Gives every subscriber a session.
    pub(crate) async fn prepare(url: &str, sessions: usize) -> Result<Self> {
        let mut connection = PgConnection::connect(url).await?;
        sqlx::query(
            "INSERT INTO practice_sessions (id, user_id, transcript, sentences, language, status, created_at, updated_at)
             SELECT format('00000000-0000-4000-8000-%s', lpad(n::text, 12, '0'))::uuid,
                    format('00000000-0000-4000-8000-%s', lpad(n::text, 12, '0')),
                    repeat('The train to the coast leaves at nine. ', 8), '[\"one\", \"two\", \"three\"]', 'en-US', 'ready',
                    now(), now()
             FROM generate_series(0, $1 - 1) AS n",
        )
        .bind(i32::try_from(sessions)?)
        .execute(&mut connection)
        .await?;
        Ok(Self { connection, sessions })
    }

    /// Makes change number `change`, of one row after the other. The number is in the row, so that its events are known.
    pub(crate) async fn change(&mut self, change: u64, meter: &Meter) -> Result<()> {
        // A step that spreads neighbours in time over the rows.
        let number = usize::try_from(change)?.wrapping_mul(7_919) % self.sessions;
        sqlx::query(
            "UPDATE practice_sessions SET attempt_count = $1, updated_at = now() WHERE id = $2::uuid",
        )
        .bind(i32::try_from(change)?)
        .bind(id_of(number))
        .execute(&mut self.connection)
        .await?;
        meter.committed(change, monotonic_ns());
        Ok(())
    }
}
