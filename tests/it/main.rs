//! The integration tests of `loadtest`: one binary, so that the library is linked once.

#![allow(
    clippy::unwrap_used,
    reason = "these are tests, and a test that cannot go on says where"
)]

mod bad_input;
mod baseline;
mod browser;
mod capacity;
mod compare;
mod connections;
mod documents;
mod encrypted;
mod first_run;
mod generator;
mod host;
mod independent_readers;
mod interruption;
mod peer_scenarios;
mod postgres;
mod program;
mod report_page;
mod reproducible;
mod schemas;
mod servers;
mod stall;
mod stored_run;
mod supabase_js;
mod tidy;
mod verdicts;
mod waivers;
