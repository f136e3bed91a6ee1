//! When the program is asked to stop.

use std::future::Future;
use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::error::Error;

/// Resolves on SIGTERM, on Ctrl-C and, if `with_stdin`, when standard input ends. The signals are watched from the
/// moment of the call, so none is missed between the ready line and the first poll.
pub(crate) fn asked_to_stop(with_stdin: bool) -> Result<impl Future<Output = ()> + Send, Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    let stdin_end = with_stdin.then(watch_stdin).transpose()?;
    Ok(async move {
        let stdin_ended = async {
            match stdin_end {
                // The thread drops its end whatever happens to it, so an error means the same.
                Some(end) => drop(end.await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = stdin_ended => {}
        }
    })
}

/// A thread of its own, because a blocking read in the runtime's pool would hold up the end of the process.
fn watch_stdin() -> Result<oneshot::Receiver<()>, Error> {
    let (ended, end) = oneshot::channel();
    let watch = move || {
        // Whether the input ends or breaks, the parent is gone.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = ended.send(());
    };
    std::thread::Builder::new()
        .name("stdin-watch".to_owned())
        .spawn(watch)
        .map_err(Error::Signals)?;
    Ok(end)
}
