//! The reference practice server: direct service calls, two database updates, realtime over WebSocket.
//!
//! From the inside out: [`domain`] holds the rules, [`store`] the rows, [`service`] the actions as transactions,
//! [`classconnect`] the way to the vendor, [`routes`] the way from the clients; [`app`] puts them together.

pub mod app;
mod args;
pub mod auth;
mod chance;
pub mod classconnect;
pub mod clock;
pub mod config;
pub mod degradation;
pub mod domain;
pub mod error;
pub mod fault;
pub mod legacy;
pub mod metrics;
mod open_files;
pub mod problem;
pub mod realtime;
pub mod rollout;
pub mod routes;
mod run;
mod serve;
pub mod service;
pub mod store;
mod units;

pub use app::App;
pub use args::{Args, ConfigError, LegacyArgs, LogFormat};
pub use config::Config;
pub use error::ServeError;
pub use run::run;
pub use serve::serve;
