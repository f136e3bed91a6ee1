//! Load testing and SLA verification for webhook-driven services.
//!
//! The layers, lowest first: words ([`units`], [`clock`], [`chance`]), data ([`plan`]), pure logic, effects, the run,
//! the shell. Imports point downwards only; `tests/it/tidy.rs` checks it.

pub mod audit;
pub mod calibration;
pub mod capacity;
pub mod chance;
pub mod cli;
pub mod clock;
pub mod compare;
pub mod comparison;
pub mod dashboard;
pub mod executor;
pub mod identity;
pub mod init;
pub mod metrics;
pub mod pacing;
pub mod plan;
pub mod protocol;
pub mod recording;
pub mod report;
pub mod run;
pub mod scenario;
pub mod schedule;
pub mod serve;
pub mod sla;
pub mod step;
pub mod target;
pub mod traces;
pub mod units;
pub mod vu;
