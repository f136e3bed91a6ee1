//! Ctrl-C and SIGTERM, from the start of a run to its last word: once to stop, twice to cut off.

use std::pin::pin;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::progress::Progress;
use crate::metrics::Interruption;

/// Listens for the user's wish to stop. A signal that nobody waits for at the moment is not lost.
#[derive(Debug)]
pub(super) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    so_far: Option<Interruption>,
}

impl Interrupts {
    /// # Errors
    /// When signals cannot be listened to.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            so_far: None,
        })
    }

    /// How far the user has gone until now.
    pub(super) fn so_far(&self) -> Option<Interruption> {
        self.so_far
    }

    /// The next signal, and what it means: the first lets everything under way end, all others cut it off.
    pub(super) async fn next(&mut self) -> Interruption {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        let meaning = match self.so_far {
            None => Interruption::Drained,
            Some(_) => Interruption::Cut,
        };
        self.so_far = Some(meaning);
        meaning
    }

    /// Does `work` before the load, unless a signal comes first: then `None`.
    pub(super) async fn unless_any<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            _ = self.next() => None,
            done = work => Some(done),
        }
    }

    /// Does `work` after the load, unless the user cuts it off: then `None`.
    pub(super) async fn unless_cut<T>(
        &mut self,
        progress: &mut Progress,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = pin!(work);
        while self.so_far != Some(Interruption::Cut) {
            tokio::select! {
                biased;
                interruption = self.next() => match interruption {
                    Interruption::Drained => {
                        progress.note("stopping after the audit (press Ctrl-C again to go without it)");
                    }
                    Interruption::Cut | Interruption::Killed => progress.note("leaving out the audit"),
                },
                done = &mut work => return Some(done),
            }
        }
        None
    }
}
