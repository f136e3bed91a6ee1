//! The way to ClassConnect: one HTTP client behind one circuit breaker, the dispatcher that empties the outbox, and
//! the poller that fetches results whose webhook never came.

mod breaker;
mod client;
mod dispatcher;
mod gate;
mod poller;
mod retry;

pub use breaker::{Breaker, BreakerSettings, CallResult, Permit};
pub use client::{ClassConnect, ClassConnectSettings, LookupError, SubmitError};
pub use dispatcher::{DispatchSettings, Dispatcher};
pub use gate::Gate;
pub use poller::Poller;
pub use retry::RetrySchedule;
