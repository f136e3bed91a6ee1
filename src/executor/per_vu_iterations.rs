//! Each virtual user takes a number of iterations, at its own pace.

use std::rc::Rc;
use std::time::Duration;

use super::iterations::{TicketStore, complete};
use super::pool::Pool;
use super::stop::StopSignal;
use crate::plan::Partition;
use crate::step::Context;

/// The executor's settings.
#[derive(Debug, Clone, Copy)]
pub(super) struct PerVuIterations {
    /// Virtual users of the whole load, over all its parts.
    pub(super) vus: u32,
    /// Iterations of each.
    pub(super) iterations: u32,
    pub(super) max_duration: Duration,
}

impl PerVuIterations {
    /// Drives the users of one part. User u of n takes the tickets u, u + n, u + 2n, …, whoever drives it: the same
    /// users do the same whatever the number of workers.
    pub(super) async fn drive(
        self,
        context: &Rc<Context>,
        pool: &Pool,
        partition: Partition,
        stop: StopSignal,
    ) {
        let vus = u64::from(self.vus);
        let tickets = vus * u64::from(self.iterations);
        let stores = (0..vus)
            .filter(|user| partition.holds(*user))
            .map(|user| TicketStore::new(user..tickets, vus))
            .collect();
        complete(context, pool, stores, self.max_duration, stop).await;
    }
}
