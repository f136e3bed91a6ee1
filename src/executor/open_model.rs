//! The open model: tickets are issued when the schedule says so, whether the target keeps up or not.

use std::rc::Rc;

use super::pool::Pool;
use super::stop::{Stop, StopSignal};
use crate::schedule::Arrivals;
use crate::step::Context;
use crate::vu::{self, Iteration};

/// Arrivals that are issued before users get to run, when many are due at once.
const IN_A_ROW_MAX: u32 = 64;

/// Issues every arrival at its time. One that finds no free user is dropped and counted, never put off.
pub(super) async fn issue(context: &Rc<Context>, arrivals: Arrivals, pool: &Pool, mut stop: StopSignal) {
    let mut issued_in_a_row = 0;
    for arrival in arrivals {
        let intended = context.epoch.plus(arrival.offset);
        if context.clock.now() < intended {
            issued_in_a_row = 0;
            tokio::select! {
                biased;
                () = stop.reached(Stop::Load) => return,
                () = context.pacer.sleep_until(intended) => {}
            }
        } else if issued_in_a_row >= IN_A_ROW_MAX {
            // A worker that is behind must let its users run: only they make places free again.
            issued_in_a_row = 0;
            tokio::task::yield_now().await;
        }
        issued_in_a_row += 1;
        if stop.has_reached(Stop::Load) {
            return;
        }
        context.recorder.iterations(|iterations| iterations.due += 1);
        let Some(mut busy) = pool.take() else {
            vu::drop_arrival(context, arrival.ticket, intended);
            continue;
        };
        context.record_lag(intended);
        // Begun here and not in the task: the end of the run may come before the task gets to run.
        let iteration = Iteration::begin(Rc::clone(context), arrival.ticket, intended);
        pool.spawn(async move { busy.user.iterate(iteration).await });
    }
}
