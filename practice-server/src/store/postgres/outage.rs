//! Whether the database can be reached. One finds out for all: while it is down, nobody waits for it, and one prober
//! asks again and again until it answers.

use tokio::sync::watch;

/// What is known. A new epoch begins whenever the database was found to answer again after doubt; connections of an
/// earlier epoch may be dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Up {
        epoch: u64,
    },
    /// A connection broke. Whether it was the database or only the connection is being found out.
    Doubted {
        epoch: u64,
    },
    Down {
        epoch: u64,
    },
}

/// The database is down.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct IsDown;

/// What all connections know about the database.
#[derive(Debug)]
pub(super) struct Availability(watch::Sender<State>);

impl Availability {
    /// The database has just answered.
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(State::Up { epoch: 0 }))
    }

    /// The present epoch. While the database is doubted, waits until that is settled.
    pub(super) async fn epoch(&self) -> Result<u64, IsDown> {
        if let State::Up { epoch } = *self.0.borrow() {
            return Ok(epoch);
        }
        let mut states = self.0.subscribe();
        let settled = states
            .wait_for(|state| !matches!(state, State::Doubted { .. }))
            .await;
        match settled.as_deref() {
            Ok(State::Up { epoch }) => Ok(*epoch),
            _ => Err(IsDown),
        }
    }

    /// Ends when the database is found to be down.
    pub(super) async fn fails(&self) {
        let mut states = self.0.subscribe();
        // The sender is this value's own, so it does not go away.
        let _ = states.wait_for(|state| matches!(state, State::Down { .. })).await;
    }

    /// A connection of this epoch broke. `true`: the caller is the first to say so and must have it found out.
    pub(super) fn doubt(&self, epoch: u64) -> bool {
        self.0.send_if_modified(|state| {
            let first = *state == State::Up { epoch };
            if first {
                *state = State::Doubted { epoch };
            }
            first
        })
    }

    /// It answers.
    pub(super) fn answered(&self) {
        self.0.send_modify(|state| {
            *state = match *state {
                up @ State::Up { .. } => up,
                State::Doubted { epoch } | State::Down { epoch } => State::Up { epoch: epoch + 1 },
            };
        });
    }

    /// It does not answer. `true`: that is news.
    pub(super) fn did_not_answer(&self) -> bool {
        self.0.send_if_modified(|state| match *state {
            State::Doubted { epoch } => {
                *state = State::Down { epoch };
                true
            }
            State::Up { .. } | State::Down { .. } => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_broken_connection_is_told_from_a_database_that_is_down() {
        let availability = Availability::new();
        assert_eq!(availability.epoch().await, Ok(0));
        assert!(availability.doubt(0));
        assert!(!availability.doubt(0), "one finds out for all");
        let (waited, ()) = tokio::join!(availability.epoch(), async { availability.answered() });
        assert_eq!(waited, Ok(1), "it was only the connection");
        assert!(!availability.doubt(0), "a connection of the past says nothing");
    }

    #[tokio::test]
    async fn nobody_waits_for_a_database_that_is_down() {
        let availability = Availability::new();
        availability.doubt(0);
        let (waited, (), news) = tokio::join!(availability.epoch(), availability.fails(), async {
            availability.did_not_answer()
        });
        assert_eq!((waited, news), (Err(IsDown), true));
        assert!(!availability.did_not_answer(), "it is told once");
        assert_eq!(availability.epoch().await, Err(IsDown));
        availability.answered();
        assert_eq!(availability.epoch().await, Ok(1));
    }
}
