//! The system under test and the mock of ClassConnect, as the run deals with them: started, asked, stopped.
//!
//! Over HTTP only, and without their types: the target is a black box.

mod children;
mod client;
mod exposition;
mod mock;
mod probe;
mod reference;

pub use children::{Child, ChildError};
pub use exposition::{Queries, QueryTimes};
pub use mock::{LedgerPage, MockControl};
pub use probe::{ControlError, TargetProbe};
pub use reference::{Endpoints, StartError, Started, start};
