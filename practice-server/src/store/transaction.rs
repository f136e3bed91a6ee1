//! A unit of work, and what is left of it once it is committed.

use std::future::Future;
use std::sync::Arc;

use super::{Abort, Tx};
use crate::realtime::Change;

/// Something to do in one database transaction. It owns its input, since it runs on the writer, and it must not
/// wait for anything but the database: every other writer waits for it. It can be cloned, so that it can be run again
/// if the database undoes it in favour of another one.
pub trait Transaction: Clone + Send + 'static {
    /// The label of the query histogram.
    const NAME: &'static str;

    /// Whether this never takes more than one statement, which is a transaction by itself: a backend spares the borders.
    const IS_ONE_STATEMENT: bool = false;

    type Output: Send + 'static;

    /// # Errors
    /// A refusal, or trouble of the database. Either undoes everything this transaction wrote.
    fn run(self, tx: &mut Tx<'_>) -> impl Future<Output = Result<Self::Output, Abort>> + Send;
}

/// The result of a committed transaction.
#[derive(Debug, Clone)]
pub struct Committed<T> {
    pub output: T,
    /// The row changes in the order they were written.
    pub changes: Arc<[Change]>,
}
