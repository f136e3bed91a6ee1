//! The audit: was anything that the target accepted lost, done twice, or given to somebody else?
//!
//! Three witnesses are joined: the clients' history, the mock's ledger, and what can be read back from the target.
//! A count without a witness is `None`, never 0.

mod backlog;
mod ledger;
mod reconcile;
mod result;
mod sessions;
mod waterfall;

pub use ledger::{Job, JobKey, Ledger, LedgerNews};
pub use reconcile::{Reconciler, RowState, RowVerdict, judge_row};
pub use result::{Compared, JobResult};
pub use sessions::{AuditedSession, Sessions, completion};
pub use waterfall::Waterfall;
