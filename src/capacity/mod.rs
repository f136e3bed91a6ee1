//! The highest arrival rate at which all targets hold.
//!
//! [`search`] decides which rate to try next and when it is over.

pub mod search;

pub use search::{Aim, Answer, Bracket, Purpose, Search, SearchEnd};
