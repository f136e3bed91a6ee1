//! What virtual users are like: how long they wait before they leave, whether they try again after an error, and how
//! content they are.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::journey::{Journey, Step, StepId};
use crate::units::{Ratio, format_duration};

/// Nobody waits longer than this, whatever is drawn: a week, the longest duration of a scenario.
const PATIENCE_MAX_S: f64 = 7.0 * 86_400.0;

/// Users with patience. Without them, a virtual user waits for as long as a step's time-out.
#[derive(Debug, Clone, PartialEq)]
pub struct Users {
    pub patience: Patience,
    /// How likely a user tries once more when an error is shown to them.
    pub retry: Ratio,
    /// The share of the users with reason to complain who do: what turns sessions into tickets.
    pub complain: Ratio,
    pub satisfaction: Satisfaction,
}

/// How long a user waits at a step before they leave: a Weibull distribution, with the survival function
/// `S(t) = exp(−(t / scale)^shape)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Patience {
    /// `app`, `impatient-mobile`, or `own` for anchors that the scenario gives.
    pub profile: String,
    /// What the distribution was made from.
    pub anchors: [Anchor; 2],
    /// Called k.
    pub shape: f64,
    /// Called λ, in seconds.
    pub scale_s: f64,
}

/// A point of the distribution: after so long, so many have left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Anchor {
    pub after: Duration,
    pub leave: Ratio,
}

/// How long a step may take for a user to be satisfied: the T of Apdex. Up to four times as long is tolerated.
#[derive(Debug, Clone, PartialEq)]
pub struct Satisfaction {
    /// Of requests.
    pub request: Duration,
    /// Of results that are waited for, counted from the request.
    pub result: Duration,
    /// Of single steps.
    pub by_step: BTreeMap<StepId, Duration>,
}

/// What Apdex makes of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rating {
    Satisfied,
    Tolerating,
    Frustrated,
}

/// Frustration begins beyond this many times T (Apdex specification).
const FRUSTRATED_FROM: u32 = 4;

impl Default for Satisfaction {
    /// 150 ms for a request, the plan's target; 2 s for a result, because it holds an analysis of a second or two, which
    /// no target can shorten.
    fn default() -> Self {
        Self {
            request: Duration::from_millis(150),
            result: Duration::from_secs(2),
            by_step: BTreeMap::new(),
        }
    }
}

impl Satisfaction {
    /// T of a request step.
    pub fn of_request(&self, step: StepId) -> Duration {
        self.by_step.get(&step).copied().unwrap_or(self.request)
    }

    /// T of an await step.
    pub fn of_result(&self, step: StepId) -> Duration {
        self.by_step.get(&step).copied().unwrap_or(self.result)
    }
}

impl Rating {
    /// Rates a wait by its T.
    pub fn of(waited: Duration, satisfied: Duration) -> Self {
        if waited <= satisfied {
            Rating::Satisfied
        } else if waited <= satisfied * FRUSTRATED_FROM {
            Rating::Tolerating
        } else {
            Rating::Frustrated
        }
    }
}

impl Patience {
    /// The profile of an application that people want to use: after 2 s 5 % have left, after 10 s half. Between the
    /// published figures for pages and videos.
    pub fn app() -> Self {
        Self::known("app", [(2, 0.05), (10, 0.5)])
    }

    /// The profile of passers-by on a telephone: after 1 s 10 % have left, after 3 s 53 % (the share that Google published
    /// for mobile pages in 2016).
    pub fn impatient_mobile() -> Self {
        Self::known("impatient-mobile", [(1, 0.1), (3, 0.53)])
    }

    fn known(profile: &str, anchors: [(u64, f64); 2]) -> Self {
        let anchors = anchors.map(|(after_s, leave)| Anchor {
            after: Duration::from_secs(after_s),
            leave: Ratio::new(leave).unwrap_or(Ratio::ZERO),
        });
        Self::through(profile, anchors)
    }

    /// The distribution through two points, or why there is none, as a sentence.
    ///
    /// # Errors
    /// When the points do not rise, or lie at 0 % or 100 %, where no distribution of this form has any.
    pub fn from_anchors(anchors: [Anchor; 2]) -> Result<Self, &'static str> {
        let [first, second] = anchors;
        let inside = |anchor: &Anchor| (1e-6..=1.0 - 1e-6).contains(&anchor.leave.get());
        if first.after.is_zero() || !anchors.iter().all(inside) {
            return Err("an anchor lies after more than no time, at more than 0 % and less than 100 %");
        }
        if second.after <= first.after || second.leave <= first.leave {
            return Err("the second anchor must be later than the first, and more must have left by then");
        }
        let patience = Self::through("own", anchors);
        if (0.05..=50.0).contains(&patience.shape) && patience.scale_s.is_finite() {
            Ok(patience)
        } else {
            Err(
                "no distribution of patience goes through these anchors: they lie too close together or too far apart",
            )
        }
    }

    /// `k = ln(ln(1 − f₂) / ln(1 − f₁)) / ln(t₂ / t₁)` and `λ = t₁ / (−ln(1 − f₁))^(1/k)`.
    fn through(profile: &str, anchors: [Anchor; 2]) -> Self {
        let [first, second] = anchors;
        let logarithm = |anchor: Anchor| -(1.0 - anchor.leave.get()).ln();
        let (t1, t2) = (first.after.as_secs_f64(), second.after.as_secs_f64());
        let shape = (logarithm(second) / logarithm(first)).ln() / (t2 / t1).ln();
        Self {
            profile: profile.to_owned(),
            anchors,
            shape,
            scale_s: t1 / logarithm(first).powf(1.0 / shape),
        }
    }

    /// The patience that belongs to a number uniform in (0, 1]: the time after which the share `uniform` is still there.
    pub fn draw(&self, uniform: f64) -> Duration {
        let seconds = self.scale_s * (-uniform.ln()).max(0.0).powf(1.0 / self.shape);
        Duration::from_secs_f64(seconds.min(PATIENCE_MAX_S))
    }

    /// The share of users who have left after a wait.
    pub fn left_after(&self, wait: Duration) -> f64 {
        -(-(wait.as_secs_f64() / self.scale_s).powf(self.shape)).exp_m1()
    }
}

impl fmt::Display for Patience {
    /// `app: 5% leave after 2s, 50% after 10s (Weibull, k = 1.62, λ = 12.5 s)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.anchors;
        write!(
            f,
            "{}: {} leave after {}, {} after {} (Weibull, k = {:.2}, λ = {:.1} s)",
            self.profile,
            first.leave,
            format_duration(first.after),
            second.leave,
            format_duration(second.after),
            self.shape,
            self.scale_s
        )
    }
}

impl Users {
    /// How long each thing that a user waits for takes when everything takes its T, in the order of the journey. The
    /// n-th belongs to the n-th draw of patience.
    ///
    /// A user-visible step begins with a request (or with an `await`, when the user turns to a result later), and ends
    /// with the result or at the next pause, repetition, or the end; what is done at once is one step.
    pub fn waits_at_target(&self, journey: &Journey) -> Vec<Duration> {
        let mut walk = Walk {
            satisfaction: &self.satisfaction,
            open: None,
            at_once: 0,
            waits: Vec::new(),
        };
        walk.steps(&journey.steps);
        walk.close();
        walk.waits
    }
}

/// A journey taken without a target.
struct Walk<'a> {
    satisfaction: &'a Satisfaction,
    /// The wait so far at the step that is under way.
    open: Option<Duration>,
    /// How many `parallel`s are around the step.
    at_once: u32,
    waits: Vec<Duration>,
}

impl Walk<'_> {
    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Request(request) => {
                    let before = self.open.unwrap_or_default();
                    self.open = Some(before + self.satisfaction.of_request(request.id));
                }
                Step::Await(wait) => {
                    let before = self.open.unwrap_or_default();
                    self.open = Some(before.max(self.satisfaction.of_result(wait.id)));
                    self.close();
                }
                Step::Subscribe(_) => {}
                Step::Think(_) => self.close(),
                Step::Repeat { times, steps } => {
                    for _ in 0..*times {
                        self.close();
                        self.steps(steps);
                    }
                    self.close();
                }
                Step::Parallel { steps, .. } => {
                    self.at_once += 1;
                    self.steps(steps);
                    self.at_once -= 1;
                }
            }
        }
    }

    fn close(&mut self) {
        if self.at_once == 0 {
            self.waits.extend(self.open.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// The numbers were computed from the anchors apart from this program.
    #[test]
    fn the_profiles_have_the_published_parameters() {
        let app = Patience::app();
        assert!((app.shape - 1.62).abs() < 0.005, "{app}");
        assert!((app.scale_s - 12.5).abs() < 0.05, "{app}");
        for (after_s, left, within) in [
            (0.5, 0.005, 0.001),
            (1.0, 0.017, 0.001),
            (2.0, 0.05, 1e-9),
            (5.0, 0.20, 0.005),
            (10.0, 0.5, 1e-9),
        ] {
            let found = app.left_after(seconds(after_s));
            assert!((found - left).abs() < within, "{found} after {after_s} s");
        }
        let mobile = Patience::impatient_mobile();
        assert!((mobile.shape - 1.79).abs() < 0.005, "{mobile}");
        assert!((mobile.scale_s - 3.5).abs() < 0.05, "{mobile}");
        assert!((mobile.left_after(seconds(0.5)) - 0.03).abs() < 0.002);
        assert!((mobile.left_after(seconds(5.0)) - 0.85).abs() < 0.005);
        assert_eq!(
            app.to_string(),
            "app: 5% leave after 2s, 50% after 10s (Weibull, k = 1.62, λ = 12.5 s)"
        );
    }

    #[test]
    fn a_draw_is_the_inverse_of_the_distribution() {
        let app = Patience::app();
        for still_there in [0.999, 0.95, 0.5, 0.1, 1e-9] {
            let patience = app.draw(still_there);
            assert!(
                (app.left_after(patience) - (1.0 - still_there)).abs() < 1e-6,
                "{patience:?}"
            );
        }
        assert_eq!(app.draw(1.0), Duration::ZERO);
    }

    #[test]
    fn anchors_that_do_not_rise_make_no_distribution() {
        let anchor = |after_s: f64, leave: f64| Anchor {
            after: seconds(after_s),
            leave: Ratio::new(leave).unwrap(),
        };
        assert!(Patience::from_anchors([anchor(1.0, 0.1), anchor(3.0, 0.53)]).is_ok());
        for anchors in [
            [anchor(3.0, 0.1), anchor(1.0, 0.5)],
            [anchor(1.0, 0.5), anchor(3.0, 0.1)],
            [anchor(1.0, 0.5), anchor(1.0, 0.6)],
            [anchor(0.0, 0.1), anchor(3.0, 0.5)],
            [anchor(1.0, 0.0), anchor(3.0, 0.5)],
            [anchor(1.0, 0.5), anchor(3.0, 1.0)],
            [anchor(1.0, 0.1), anchor(1.000_1, 0.9)],
        ] {
            assert!(Patience::from_anchors(anchors).is_err(), "{anchors:?}");
        }
    }

    #[test]
    fn apdex_rates_a_wait_by_its_t() {
        let t = Duration::from_millis(150);
        for (waited_ms, rating) in [
            (0, Rating::Satisfied),
            (150, Rating::Satisfied),
            (151, Rating::Tolerating),
            (600, Rating::Tolerating),
            (601, Rating::Frustrated),
        ] {
            assert_eq!(Rating::of(Duration::from_millis(waited_ms), t), rating);
        }
    }
}
