//! The gradual roll-out: a flag in the database says how many of a hundred users are served by direct calls. Both
//! architectures work side by side on one database; the flag decides in which one a user's *new* sessions begin.

mod percent;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

pub use percent::DirectPercent;
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::domain::{Architecture, UserId};
use crate::metrics::LegacyMetrics;
use crate::store::StoreError;

/// How often the flag is read. A request that decides by it costs no query, and a change made by another server or in
/// `psql` holds here a second later at most; one made through this server's own interface holds at once.
const REFRESH_EVERY: Duration = Duration::from_secs(1);

/// The flag as this server knows it. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Rollout(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    percent: AtomicU8,
    flag: Flag,
    metrics: LegacyMetrics,
}

#[derive(Debug)]
enum Flag {
    /// Everybody is served directly, because the trigger architecture cannot work here; the sentence says why.
    Fixed(String),
    Stored(PgPool),
}

/// Why the flag was not set.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    #[error("every user is served by direct calls here: {0}")]
    Fixed(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Rollout {
    /// A server without the trigger architecture; `reason` says why.
    pub fn fixed(reason: impl Into<String>, metrics: LegacyMetrics) -> Self {
        Self::new(DirectPercent::EVERYBODY, Flag::Fixed(reason.into()), metrics)
    }

    /// The flag of a database. With `initial` it is set, else it is read.
    ///
    /// # Errors
    /// A database that cannot be read or written.
    pub async fn open(
        database: PgPool,
        initial: Option<DirectPercent>,
        metrics: LegacyMetrics,
    ) -> Result<Self, StoreError> {
        let percent = match initial {
            Some(percent) => {
                write_flag(&database, percent).await?;
                percent
            }
            // Nobody has decided anything: the state in which the migration leaves the flag.
            None => read_flag(&database).await?.unwrap_or(DirectPercent::EVERYBODY),
        };
        Ok(Self::new(percent, Flag::Stored(database), metrics))
    }

    fn new(percent: DirectPercent, flag: Flag, metrics: LegacyMetrics) -> Self {
        metrics.set_direct_percent(percent.get());
        Self(Arc::new(Inner {
            percent: AtomicU8::new(percent.get()),
            flag,
            metrics,
        }))
    }

    pub fn percent(&self) -> DirectPercent {
        let percent = self.0.percent.load(Ordering::Relaxed);
        DirectPercent::try_new(percent.into()).unwrap_or(DirectPercent::EVERYBODY)
    }

    /// The architecture in which a new session of this user begins.
    pub fn architecture_of(&self, user: &UserId) -> Architecture {
        self.percent().architecture_of(user)
    }

    /// Sets the flag for every server on this database.
    ///
    /// # Errors
    /// A server without the trigger architecture (unless everybody is to be served directly, as they are), or a database
    /// that cannot be written.
    pub async fn set(&self, percent: DirectPercent) -> Result<(), SetError> {
        match &self.0.flag {
            Flag::Fixed(_) if percent.is_everybody() => Ok(()),
            Flag::Fixed(reason) => Err(SetError::Fixed(reason.clone())),
            Flag::Stored(database) => {
                write_flag(database, percent).await?;
                self.take_over(percent);
                Ok(())
            }
        }
    }

    /// Reads the flag again. A row that somebody deleted changes nothing.
    ///
    /// # Errors
    /// A database that cannot be read; the flag stays as it was known.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        if let Flag::Stored(database) = &self.0.flag
            && let Some(percent) = read_flag(database).await?
        {
            self.take_over(percent);
        }
        Ok(())
    }

    /// Reads the flag every second until `stop` says true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = sleep(REFRESH_EVERY) => {}
            }
            if let Err(error) = self.refresh().await {
                tracing::debug!(%error, "the roll-out flag could not be read; it stays as it was");
            }
        }
    }

    fn take_over(&self, percent: DirectPercent) {
        let before = self.0.percent.swap(percent.get(), Ordering::Relaxed);
        if before != percent.get() {
            tracing::info!(before, now = percent.get(), "the roll-out flag has changed");
        }
        self.0.metrics.set_direct_percent(percent.get());
    }
}

async fn read_flag(database: &PgPool) -> Result<Option<DirectPercent>, StoreError> {
    let percent: Option<i32> =
        sqlx::query_scalar("SELECT percent FROM public.feature_flags WHERE name = 'direct_percent'")
            .fetch_optional(database)
            .await
            .map_err(|error| StoreError::new("reading the roll-out flag", error))?;
    // The table's own constraint keeps the number within bounds.
    Ok(percent.and_then(|percent| DirectPercent::try_new(u64::try_from(percent).ok()?).ok()))
}

async fn write_flag(database: &PgPool, percent: DirectPercent) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO public.feature_flags (name, percent) VALUES ('direct_percent', $1) ON CONFLICT (name) DO UPDATE SET \
         percent = excluded.percent, updated_at = now()",
    )
    .bind(i32::from(percent.get()))
    .execute(database)
    .await
    .map_err(|error| StoreError::new("writing the roll-out flag", error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_without_triggers_serves_everybody_directly_and_says_why() {
        let rollout = Rollout::fixed("this database is SQLite", LegacyMetrics::default());
        assert!(rollout.percent().is_everybody());
        let refused = rollout.set(DirectPercent::NOBODY).await.unwrap_err();
        assert!(refused.to_string().contains("SQLite"), "{refused}");
        rollout.set(DirectPercent::EVERYBODY).await.unwrap();
        rollout.refresh().await.unwrap();
        assert!(rollout.percent().is_everybody());
    }
}
