//! What the audit keeps of a result: the values that some submission of the plan compares, and no more.
//!
//! A result of ClassConnect names every word and every sound; a long run has hundreds of thousands of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::plan::{JsonPointer, Plan, Step};

/// The places within results that a plan compares with rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared(Arc<[JsonPointer]>);

/// The values at those places in one result.
#[derive(Debug, Clone, PartialEq)]
pub struct JobResult {
    places: Compared,
    values: Box<[Option<Value>]>,
}

impl Compared {
    /// All places that the plan's submissions name.
    pub fn of(plan: &Plan) -> Self {
        fn collect(steps: &[Step], places: &mut BTreeSet<JsonPointer>) {
            for step in steps {
                match step {
                    Step::Request(step) => {
                        let compared = step.submission.iter().flat_map(|submission| &submission.compare);
                        places.extend(compared.map(|(_, in_result)| in_result.clone()));
                    }
                    Step::Repeat { steps, .. } | Step::Parallel { steps, .. } => collect(steps, places),
                    Step::Subscribe(_) | Step::Await(_) | Step::Think(_) => {}
                }
            }
        }
        let mut places = BTreeSet::new();
        for journey in &plan.journeys {
            collect(&journey.steps, &mut places);
        }
        Self::at(places)
    }

    /// These places.
    pub fn at(places: impl IntoIterator<Item = JsonPointer>) -> Self {
        Self(places.into_iter().collect())
    }

    /// Takes the values out of a result.
    pub(super) fn take_from(&self, result: &Value) -> JobResult {
        let value_at = |place: &JsonPointer| result.pointer(place.as_str()).cloned();
        JobResult {
            places: self.clone(),
            values: self.0.iter().map(value_at).collect(),
        }
    }
}

impl JobResult {
    /// The value at a place; `None` when the result has none there, or the place is not one that is kept.
    pub fn pointer(&self, place: &JsonPointer) -> Option<&Value> {
        let index = self.places.0.iter().position(|kept| kept == place)?;
        self.values.get(index)?.as_ref()
    }
}
