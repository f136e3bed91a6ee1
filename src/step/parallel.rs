//! The `parallel` step: one user does the same thing several times at once, as with several tabs or an impatient finger.

use futures_util::future::join_all;

use super::session::Session;
use super::{StepFailure, VariableValue, run_steps};
use crate::plan::{Step, Variables};

/// Takes the steps `times` times at once, each on a connection of its own, and goes on when all have ended. It fails when
/// one of them does: the others are not cut off, because nobody takes back a request that is on its way.
pub(super) async fn run(session: &mut Session, times: u32, steps: &[Step]) -> Result<(), StepFailure> {
    let mut courses: Vec<Session> = (0..times).map(|course| session.branch(course)).collect();
    for (course, branch) in (0..times).zip(&mut courses) {
        branch.values[Variables::REPETITION.index()] = VariableValue::number(u64::from(course));
    }
    session.begin_at_once();
    let ended = join_all(courses.iter_mut().map(|branch| run_steps(branch, steps))).await;
    session.rejoin(courses, times);
    session.end_at_once();
    ended.into_iter().collect()
}
