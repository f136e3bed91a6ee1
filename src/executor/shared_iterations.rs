//! Virtual users share a number of iterations: who is done takes the next one.

use std::rc::Rc;
use std::time::Duration;

use super::iterations::{TicketStore, complete};
use super::pool::Pool;
use super::stop::StopSignal;
use crate::plan::Partition;
use crate::step::Context;

/// The executor's settings.
#[derive(Debug, Clone, Copy)]
pub(super) struct SharedIterations {
    /// Virtual users of the whole load, over all its parts.
    pub(super) vus: u32,
    /// Iterations of all of them together.
    pub(super) iterations: u32,
    pub(super) max_duration: Duration,
}

impl SharedIterations {
    /// Drives the users of one part. Users share the tickets of their own part and not those of others: parts need
    /// not talk to each other, and the tickets of a part are the same in every run.
    pub(super) async fn drive(
        self,
        context: &Rc<Context>,
        pool: &Pool,
        partition: Partition,
        stop: StopSignal,
    ) {
        let store = TicketStore::new(partition.index()..u64::from(self.iterations), partition.of());
        let stores = vec![store; partition.share(self.vus) as usize];
        complete(context, pool, stores, self.max_duration, stop).await;
    }
}
