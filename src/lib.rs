//! Load testing and SLA verification for webhook-driven services.
//!
//! The layers, lowest first: words ([`units`], [`clock`], [`chance`]), data ([`plan`]), pure logic, effects, the run,
//! the shell. Imports point downwards only; `tests/it/tidy.rs` checks it.

pub mod chance;
pub mod clock;
pub mod metrics;
pub mod plan;
pub mod scenario;
pub mod units;
