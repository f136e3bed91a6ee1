//! The practice server over real sockets. `wiremock` stands in for ClassConnect; the background workers are driven by
//! hand, so no test waits for time to pass.

#![allow(
    clippy::unwrap_used,
    reason = "these are tests, and a test that cannot go on says where"
)]

mod concurrency;
mod databases;
mod dual_update;
mod events;
mod faults;
mod fixture;
mod http;
mod idempotency;
mod journey;
mod legacy;
mod outage;
mod outbox;
mod pool;
mod postgres_schema;
mod process;
mod realtime;
mod statements;
mod store;
mod webhook;
