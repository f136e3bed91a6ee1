//! A first scenario for a service of one's own, from a few answers, and the pipeline that runs it.
//!
//! What is written is commented and complete: it runs as it is, and a reader learns from it what to change.

mod pipeline;
mod questions;
mod scenario;

pub use pipeline::Pipeline;
pub use questions::{Answer, Question, ask};
pub use scenario::{Service, scenario_text};
