//! What drives virtual users: open models take tickets from a schedule, closed models keep users busy.

mod closed_model;
mod iterations;
mod open_model;
mod per_vu_iterations;
mod pool;
mod shared_iterations;
mod stop;

use std::rc::Rc;

use self::per_vu_iterations::PerVuIterations;
use self::shared_iterations::SharedIterations;
use crate::plan::{Executor, Partition};
use crate::schedule::{Arrivals, VuProfile};
use crate::step::Context;
pub use pool::Pool;
pub use stop::{Stop, StopSignal, StopSwitch};

/// Drives one worker's part of the load to its end, drain included. Must run on a `LocalSet`.
pub async fn drive(context: Rc<Context>, partition: Partition, mut stop: StopSignal) -> PoolReport {
    let load = &context.plan.load;
    let pool = Pool::new(partition.share(load.max_vus));
    if !load.executor.is_open() {
        // Workers are ready a moment before the load starts. A schedule says so itself.
        tokio::select! {
            biased;
            () = stop.reached(Stop::Load) => return PoolReport { vus_peak: 0 },
            () = context.clock.sleep_until(context.epoch) => {}
        }
    }
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
        &Executor::PerVuIterations {
            vus,
            iterations,
            max_duration,
        } => {
            let executor = PerVuIterations {
                vus,
                iterations,
                max_duration,
            };
            executor.drive(&context, &pool, partition, stop.clone()).await;
        }
        &Executor::SharedIterations {
            vus,
            iterations,
            max_duration,
        } => {
            let executor = SharedIterations {
                vus,
                iterations,
                max_duration,
            };
            executor.drive(&context, &pool, partition, stop.clone()).await;
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
