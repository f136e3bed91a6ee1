//! The mock over real sockets: its answers, its webhooks, its ledger, and the program around it.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails the test by panicking"
)]

mod control;
mod deliveries;
mod mock;
mod program;
mod receiver;
mod submissions;
