//! The system under test and the mock of ClassConnect, as the run deals with them: started, asked, stopped.
//!
//! Over HTTP only, and without their types: the target is a black box.

mod about;
mod arguments;
mod children;
mod client;
mod clock_offset;
mod command;
mod database;
mod exposition;
mod forwarder;
mod mock;
mod operator;
mod postgres;
mod probe;
mod reference;
mod remote;
mod sql;
mod standby;

pub use children::{Child, ChildError};
pub use clock_offset::{ClockComparison, ClockReading, compare_clocks};
pub use database::ThrowAwayDatabase;
pub use exposition::{Queries, QueryTimes};
pub use mock::{LedgerPage, MockControl};
pub use operator::Operator;
pub use probe::{ControlError, TargetProbe};
pub use reference::{Endpoints, StartError, Started, start};
pub use standby::{Standby, StandbyEndpoints};
