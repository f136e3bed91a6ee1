//! A mock of the ClassConnect API: accepts submissions, and some seconds later fires signed webhooks.
//!
//! What it has beyond a general mock server: the whole fate of a submission is decided by a hash when it is
//! accepted, written to a ledger before the 202 goes out, and then carried out: delays, drops, duplicates, refusals
//! and wrong signatures, with retries signed afresh. An auditor compares the ledger with what the target shows.
//!
//! - [`run`] is the program, [`serve`] the server on a listener of the caller's;
//! - [`Args`] is the command line as typed, [`Config`] as meant, [`plan::Plan`] how deliveries behave.

mod api;
mod args;
mod clock;
mod config;
mod decision;
mod delivery;
mod error;
mod fate;
mod job;
mod ledger;
mod listen;
mod metrics;
pub mod plan;
mod results;
mod retry;
mod schedule;
mod serve;
mod stop;
mod store;
mod webhook_url;

pub use args::{Args, SecretText};
pub use config::Config;
pub use error::{ConfigError, Error};
pub use serve::{run, serve};
