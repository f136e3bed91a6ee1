//! Runs in a series: each on a thread of its own, and Ctrl-C noticed between them.

use std::time::Duration;

use super::interrupts::Interrupts;
use super::{RunError, RunFolder, RunOptions, RunResult, run};
use crate::plan::Plan;

/// How long the event loop may take to hand over a signal that has come. It has nothing else to do.
const SIGNAL_GRACE: Duration = Duration::from_millis(5);

/// Runs a plan on a new thread and waits for it.
///
/// A run makes the thread that keeps its books yield to its workers, and that cannot be taken back without privileges.
/// What the thread starts afterwards inherits it: the second of two runs on one thread would have a slower target than
/// the first. On threads of their own, all runs of a process begin alike.
///
/// # Errors
/// As [`run`], and when the thread or its runtime cannot be started.
pub fn run_apart(
    plan: Plan,
    options: &RunOptions,
    folder: &RunFolder,
    checkpoint: &mut (dyn FnMut(RunResult) + Send),
) -> Result<RunResult, RunError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("run".to_owned())
            .spawn_scoped(scope, || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(RunError::Internal)?;
                runtime.block_on(run(plan, options, folder, &mut |so_far| checkpoint(so_far)))
            })
            .map_err(RunError::Internal)?;
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Notices Ctrl-C and SIGTERM between the runs of a series. A run listens for itself; a signal that comes while one is
/// under way is seen here too.
#[derive(Debug)]
pub struct BetweenRuns {
    runtime: tokio::runtime::Runtime,
    interrupts: Interrupts,
}

impl BetweenRuns {
    /// Listens from now on: the signals no longer end the process by themselves.
    ///
    /// # Errors
    /// When signals cannot be listened to.
    pub fn listen() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let interrupts = {
            let _inside = runtime.enter();
            Interrupts::listen()?
        };
        Ok(Self { runtime, interrupts })
    }

    /// Whether the user has asked to stop since this began to listen.
    pub fn was_interrupted(&mut self) -> bool {
        if self.interrupts.so_far().is_none() {
            let Self { runtime, interrupts } = self;
            // No answer within the grace means that none has come.
            let _ = runtime.block_on(async { tokio::time::timeout(SIGNAL_GRACE, interrupts.next()).await });
        }
        self.interrupts.so_far().is_some()
    }
}
