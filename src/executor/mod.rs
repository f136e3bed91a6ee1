//! What drives virtual users: open models take tickets from a schedule, closed models keep users busy.

mod closed_model;
mod open_model;
mod pool;
mod stop;

use std::rc::Rc;

use crate::plan::Executor;
use crate::schedule::{Arrivals, Partition, VuProfile};
use crate::step::Context;
pub use pool::Pool;
pub use stop::{Stop, StopSignal, StopSwitch};

/// Drives one worker's part of the load to its end, drain included. Must run on a `LocalSet`.
pub async fn drive(context: Rc<Context>, partition: Partition, stop: StopSignal) -> PoolReport {
    let load = &context.plan.load;
    let pool = Pool::new(partition.share(load.max_vus));
    match &load.executor {
        Executor::ConstantArrivalRate { .. } | Executor::RampingArrivalRate { .. } => {
            if let Some(arrivals) = Arrivals::new(&load.executor, context.chance, partition) {
                open_model::issue(&context, arrivals, &pool, stop.clone()).await;
            }
        }
        Executor::ConstantVus { vus, duration } => {
            let profile = VuProfile::constant(*vus, *duration);
            closed_model::keep_busy(&context, &profile, &pool, partition, stop.clone()).await;
        }
        Executor::RampingVus { start_vus, stages } => {
            let profile = VuProfile::ramping(*start_vus, stages);
            closed_model::keep_busy(&context, &profile, &pool, partition, stop.clone()).await;
        }
    }
    pool.drain(&context, stop).await;
    PoolReport {
        vus_peak: pool.peak(),
    }
}

/// What a worker's pool has to say at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolReport {
    /// Most virtual users that were busy at once.
    pub vus_peak: u32,
}

#[cfg(test)]
mod tests;
