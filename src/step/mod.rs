//! The steps of a journey, one file per kind. A step of a new kind is a new file here and a new variant of
//! [`crate::plan::Step`]; the compiler lists the places.

mod await_event;
mod commit_clock;
mod context;
mod experience;
mod inbox;
mod parallel;
mod poll;
mod realtime;
mod render;
mod request;
mod session;
mod signal;
mod subscribe;

use std::future::Future;
use std::pin::Pin;

pub use commit_clock::CommitClock;
pub use context::{Context, StandbyConnectors, Surroundings};
pub(crate) use experience::{Experience, SharedExperience};
pub use render::{VariableValue, render, render_cow, render_into};
pub(crate) use session::Session;

use crate::chance::Purpose;
use crate::plan::{Step, ThinkStep, Variables};

/// Why an iteration ends at a step. What went wrong is in the samples already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepFailure {
    /// The step failed, and the journey cannot go on.
    Failed,
    /// The user has left, of their own accord.
    Left,
}

/// Runs steps in order until one fails.
pub(crate) async fn run_steps(session: &mut Session, steps: &[Step]) -> Result<(), StepFailure> {
    for step in steps {
        match step {
            Step::Request(step) => request::run(session, step).await?,
            Step::Subscribe(step) => subscribe::run(session, step).await?,
            Step::Await(step) => await_event::run(session, step).await?,
            Step::Think(step) => {
                session.pause();
                think(session, step).await;
            }
            Step::Repeat { times, steps } => {
                for repetition in 0..*times {
                    session.pause();
                    session.values[Variables::REPETITION.index()] =
                        VariableValue::number(u64::from(repetition));
                    // Boxed, because steps are run within steps.
                    let within: Pin<Box<dyn Future<Output = _>>> = Box::pin(run_steps(session, steps));
                    within.await?;
                }
                session.pause();
            }
            Step::Parallel { times, steps } => {
                // Boxed for the same reason, and because few users take such a step.
                let within: Pin<Box<dyn Future<Output = _>>> =
                    Box::pin(parallel::run(session, *times, steps));
                within.await?;
            }
        }
    }
    Ok(())
}

/// A pause moves the moment at which the next step is intended; it is not measured itself.
async fn think(session: &mut Session, step: &ThinkStep) {
    let context = session.context.clone();
    let pause = context
        .chance
        .duration(&step.duration, session.ticket, Purpose::Think, session.thinks);
    session.thinks += 1;
    session.intended = session.intended.plus(pause);
    context.pacer.sleep_until(session.intended).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{AwaitStep, SubscribeStep};

    /// The size of what `start` would start, without starting it.
    fn size_of_future<A, F: Future>(_start: impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }

    /// Thousands of users wait most of their time: what they need only while they connect or read is boxed.
    #[test]
    fn a_user_who_waits_is_small() {
        type With<S> = (&'static mut Session, &'static S);
        let waiting = [
            size_of_future(|(session, step): With<SubscribeStep>| subscribe::run(session, step)),
            size_of_future(|(session, step): With<AwaitStep>| await_event::run(session, step)),
            size_of_future(|(session, step): With<ThinkStep>| think(session, step)),
        ];
        assert!(waiting.iter().all(|size| *size <= 640), "{waiting:?}");
        let task = realtime::size_of_task();
        assert!(task <= 1_280, "{task}");
    }
}
