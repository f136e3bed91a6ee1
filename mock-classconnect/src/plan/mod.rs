//! The delivery plan: how long the mock takes and what it does wrong on purpose. JSON in and out.

mod delay;
mod duration;
mod ratio;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use delay::{Delay, DelayError};
pub use duration::{DurationError, PlanDuration};
pub use ratio::{Ratio, RatioError};

const RETRIES_MAX: usize = 32;

/// How deliveries behave. Every key has a default and unknown keys are refused; see the fields for their meaning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "PlanFile", into = "PlanFile")]
pub struct Plan {
    analysis_delay: Delay,
    improvement_delay: Delay,
    extraction_delay: Delay,
    retry_schedule: Vec<PlanDuration>,
    delivery_timeout: PlanDuration,
    faults: Faults,
    pass_threshold: f64,
}

/// How often something goes wrong on purpose. Each is the share of submissions it befalls, `wrong_signature` the
/// share of delivery attempts.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// The webhook is never sent, so only polling can find the result.
    pub drop: Ratio,
    /// The webhook is sent a second time.
    pub duplicate: Ratio,
    /// The submit call is answered 503; the next try of the same submission is decided anew.
    pub reject_submit: Ratio,
    /// The attempt is signed with a foreign key, so a correct receiver refuses it and gets the retry.
    pub wrong_signature: Ratio,
    /// The analysis ends with `recording.analysis.failed`.
    pub fail_analysis: Ratio,
    /// The analysis completes with `status: "error"`, scores of 0 and empty lists.
    pub soft_error: Ratio,
}

/// Why a plan is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    #[error("pass_threshold must lie above 0 and not above 100, but is {0}")]
    PassThreshold(f64),
    #[error("retry_schedule has {0} entries; at most 32 are allowed")]
    TooManyRetries(usize),
    #[error("delivery_timeout must be longer than zero")]
    DeliveryTimeout,
}

impl Plan {
    /// Reads the JSON of `--plan` and `PUT /_mock/plan`.
    ///
    /// # Errors
    /// When it is not JSON, has an unknown key, or a value is out of range; the message names the place.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    pub fn analysis_delay(&self) -> &Delay {
        &self.analysis_delay
    }

    pub fn improvement_delay(&self) -> &Delay {
        &self.improvement_delay
    }

    pub fn extraction_delay(&self) -> &Delay {
        &self.extraction_delay
    }

    /// Pauses after the first, second, … failed attempt of a delivery; its length is the number of retries.
    pub fn retry_schedule(&self) -> &[PlanDuration] {
        &self.retry_schedule
    }

    /// How long one delivery attempt may take.
    pub fn delivery_timeout(&self) -> PlanDuration {
        self.delivery_timeout
    }

    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The score from which an analysis is passed.
    pub fn pass_threshold(&self) -> f64 {
        self.pass_threshold
    }
}

impl Default for Plan {
    fn default() -> Self {
        let analysis_delay = Delay::default();
        Self {
            improvement_delay: analysis_delay.clone(),
            extraction_delay: analysis_delay.clone(),
            analysis_delay,
            retry_schedule: [1, 5, 15, 60].map(PlanDuration::from_seconds).to_vec(),
            delivery_timeout: PlanDuration::from_seconds(10),
            faults: Faults::default(),
            pass_threshold: 80.0,
        }
    }
}

/// The plan as written: what is left out takes its default.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    analysis_delay: Option<Delay>,
    improvement_delay: Option<Delay>,
    extraction_delay: Option<Delay>,
    retry_schedule: Option<Vec<PlanDuration>>,
    delivery_timeout: Option<PlanDuration>,
    faults: Option<Faults>,
    pass_threshold: Option<f64>,
}

impl TryFrom<PlanFile> for Plan {
    type Error = PlanError;

    fn try_from(file: PlanFile) -> Result<Self, PlanError> {
        let default = Self::default();
        let analysis_delay = file.analysis_delay.unwrap_or(default.analysis_delay);
        let plan = Self {
            improvement_delay: file.improvement_delay.unwrap_or_else(|| analysis_delay.clone()),
            extraction_delay: file.extraction_delay.unwrap_or_else(|| analysis_delay.clone()),
            analysis_delay,
            retry_schedule: file.retry_schedule.unwrap_or(default.retry_schedule),
            delivery_timeout: file.delivery_timeout.unwrap_or(default.delivery_timeout),
            faults: file.faults.unwrap_or_default(),
            pass_threshold: file.pass_threshold.unwrap_or(default.pass_threshold),
        };
        if !(plan.pass_threshold > 0.0 && plan.pass_threshold <= 100.0) {
            return Err(PlanError::PassThreshold(plan.pass_threshold));
        }
        if plan.retry_schedule.len() > RETRIES_MAX {
            return Err(PlanError::TooManyRetries(plan.retry_schedule.len()));
        }
        if plan.delivery_timeout.get().is_zero() {
            return Err(PlanError::DeliveryTimeout);
        }
        Ok(plan)
    }
}

impl From<Plan> for PlanFile {
    fn from(plan: Plan) -> Self {
        Self {
            analysis_delay: Some(plan.analysis_delay),
            improvement_delay: Some(plan.improvement_delay),
            extraction_delay: Some(plan.extraction_delay),
            retry_schedule: Some(plan.retry_schedule),
            delivery_timeout: Some(plan.delivery_timeout),
            faults: Some(plan.faults),
            pass_threshold: Some(plan.pass_threshold),
        }
    }
}
