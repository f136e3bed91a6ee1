//! Attempts whose backend died while it waited for their triggered function. Nobody else would ever end them, and their
//! session would wait for them for ever.

use sqlx::PgPool;
use uuid::Uuid;

use crate::app::App;
use crate::store::StoreError;

/// Attempts that are given up in one start.
const ORPHANS_MAX: i64 = 1_000;

/// Gives up what an earlier server left behind. Once per start is enough, since only the end of a server leaves orphans; and
/// it reads all attempts, which would be too much to do again and again.
pub(crate) async fn give_up_orphans(app: App) {
    let Some(legacy) = app.legacy() else {
        return;
    };
    match find(&legacy.0.database, legacy.settings().trigger_wait.as_secs_f64()).await {
        Ok(orphans) => {
            for (session, attempt) in orphans {
                if let Err(error) = app.service().give_up(session.into(), attempt.into()).await {
                    tracing::warn!(%attempt, %error, "an attempt without its triggered function could not be given up");
                }
            }
        }
        Err(error) => {
            tracing::warn!(%error, "attempts without their triggered function could not be looked for")
        }
    }
}

/// Attempts that wait for longer than any backend does.
async fn find(database: &PgPool, longest_wait_seconds: f64) -> Result<Vec<(Uuid, Uuid)>, StoreError> {
    sqlx::query_as(
        "SELECT session_id, id FROM practice_attempts WHERE architecture = 'trigger' AND status = 'processing' AND \
         created_at < now() - make_interval(secs => $1) AND NOT EXISTS (SELECT FROM classconnect_calls WHERE \
         client_reference_id = practice_attempts.id::text) ORDER BY created_at LIMIT $2",
    )
    .bind(longest_wait_seconds)
    .bind(ORPHANS_MAX)
    .fetch_all(database)
    .await
    .map_err(|error| StoreError::new("looking for attempts without their triggered function", error))
}
