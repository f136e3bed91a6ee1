//! One simulated run before the judge: the evidence that a real run would leave, and what is made of it.

use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use loadtest::clock::Moment;
use loadtest::metrics::{Evidence, Iterations, Measurements, SeriesKind, Thresholds, Timeline};
use loadtest::plan::{Criteria, JudgeMode, Plan, StepId};
use loadtest::scenario::{LoadOptions, load};
use loadtest::sla::{Context, Verdict, judge};
use loadtest::units::format_duration;

use crate::binomial::{Side, side};
use crate::workload::{BANDS, Measured, RATE, Second, Target, middle_of};

/// How long requests take where only failures count.
const UNREMARKABLE: Duration = Duration::from_millis(20);

/// Error probability of each of the bounds that decide, as the judge has it.
const ALPHA: f64 = 0.05;

/// Who judges the runs of one target.
pub(crate) struct Court {
    target: Target,
    criteria: Criteria,
    context: Context,
}

/// What all judges said of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rulings {
    pub(crate) certified: Ruling,
    pub(crate) observed: Ruling,
    pub(crate) plain: Ruling,
}

/// What one judge said of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ruling {
    pub(crate) decision: Decision,
    /// Whether the interval that was told holds the truth.
    pub(crate) covered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Go,
    NoGo,
    Inconclusive,
}

impl Court {
    /// The court for runs of so many seconds against a target.
    ///
    /// # Errors
    /// When the target cannot be written in a scenario: the scenario's mistakes.
    pub(crate) fn new(target: Target, seconds: u32) -> Result<Self> {
        let plan = plan(&target, seconds)?;
        Ok(Self {
            target,
            context: Context::of(&plan, None),
            criteria: plan.criteria,
        })
    }

    /// Judges a run.
    ///
    /// # Errors
    /// When the judge calls the run invalid or the like: then the simulated evidence is not what a healthy generator
    /// would leave, and nothing is learnt about targets.
    pub(crate) fn rule(&self, run: &[Second]) -> Result<Rulings> {
        let evidence = self.evidence(run);
        Ok(Rulings {
            certified: self.judged(JudgeMode::Certified, &evidence)?,
            observed: self.judged(JudgeMode::Observed, &evidence)?,
            plain: self.plain(run),
        })
    }

    fn judged(&self, mode: JudgeMode, evidence: &Evidence) -> Result<Ruling> {
        let criteria = Criteria {
            mode,
            ..self.criteria.clone()
        };
        // Arrivals may be random, but a schedule always knows how many it holds.
        let context = Context {
            arrivals_planned: Some(evidence.iterations.due),
            ..self.context.clone()
        };
        let judgement = judge(&criteria, evidence, &context);
        let decision = match judgement.verdict {
            Verdict::Go => Decision::Go,
            Verdict::NoGo => Decision::NoGo,
            Verdict::Inconclusive => Decision::Inconclusive,
            Verdict::Invalid | Verdict::Rollback | Verdict::Interrupted => bail!(
                "a simulated run was judged {}: {}",
                judgement.verdict,
                judgement.reasons.join(" ")
            ),
        };
        let finding = judgement
            .findings
            .first()
            .ok_or_else(|| anyhow!("the judge found nothing on the only target"))?;
        // The value that is the truth: a share, or the limit, which the true quantile lies at.
        let truth = match self.target.measured {
            Measured::Errors => Some(self.target.truth),
            Measured::ResponseTime(limit) => self.at_boundary().then_some(limit.as_secs_f64() * 1e3),
        };
        let covered = match (truth, finding.ci_low, finding.ci_high) {
            (Some(truth), Some(low), Some(high)) => low <= truth && truth <= high,
            (None, ..) | (_, None, _) | (_, _, None) => false,
        };
        Ok(Ruling { decision, covered })
    }

    /// Whether the interval of a quantile can be held against the truth. Away from the boundary the true quantile is
    /// some other time than the limit, and times are simulated exactly only as far as their side of the limit goes.
    pub(crate) fn coverage_is_known(&self) -> bool {
        self.target.measured == Measured::Errors || self.at_boundary()
    }

    fn at_boundary(&self) -> bool {
        (self.target.truth / self.target.budget - 1.0).abs() < 1e-3
    }

    /// The plain interval, and what certified mode would make of it.
    fn plain(&self, run: &[Second]) -> Ruling {
        let requests = run.iter().map(Second::requests).sum();
        let bad = run.iter().map(Second::bad).sum();
        let decision = match side(bad, requests, self.target.budget, ALPHA) {
            Side::Within => Decision::Go,
            Side::Around => Decision::Inconclusive,
            Side::Beyond => Decision::NoGo,
        };
        // As the judge tells them: shares by two bounds of 95 %, quantiles by one interval of 95 %.
        let outside = match self.target.measured {
            Measured::Errors => ALPHA,
            Measured::ResponseTime(_) => ALPHA / 2.0,
        };
        Ruling {
            decision,
            covered: side(bad, requests, self.target.truth, outside) == Side::Around,
        }
    }

    /// What a punctual generator would have recorded.
    fn evidence(&self, run: &[Second]) -> Evidence {
        let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::of(&self.criteria));
        let limit = match self.target.measured {
            Measured::Errors => UNREMARKABLE,
            Measured::ResponseTime(limit) => limit,
        };
        let times_ns: [i64; BANDS] = std::array::from_fn(|band| {
            let time = limit.mul_f64(middle_of(band));
            i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
        });
        let (mut requests, mut failed) = (0, 0);
        for (at, second) in (0..).zip(run) {
            let answered = second
                .bands
                .iter()
                .zip(times_ns)
                .map(|(count, time_ns)| (Some(time_ns), *count));
            for (time_ns, count) in answered.chain([(None, second.failed)]) {
                if count > 0 {
                    let (kind, step) = (SeriesKind::Response, Some(StepId(0)));
                    measurements.add_many(kind, step, false, at, time_ns, count);
                }
            }
            requests += second.requests();
            failed += second.failed;
        }
        let seconds = run.len() as f64;
        Evidence::of_measurements(
            measurements,
            Timeline {
                measured_from_s: 0.0,
                load_ended_s: seconds,
                load_planned_s: seconds,
                drained_s: seconds,
            },
            Iterations {
                due: requests,
                started: requests,
                succeeded: requests - failed,
                failed,
                ..Iterations::default()
            },
        )
    }
}

/// The plan of a scenario with this target alone, read as every scenario is.
fn plan(target: &Target, seconds: u32) -> Result<Plan> {
    let (metric, limit) = match target.measured {
        Measured::Errors => ("error_rate", format!("\"< {}%\"", target.budget * 100.0)),
        Measured::ResponseTime(limit) => (
            "response_time",
            format!(
                "{{ p{} = \"<= {}\" }}",
                ((1.0 - target.budget) * 100.0).round(),
                format_duration(limit)
            ),
        ),
    };
    let text = format!(
        "name = \"simulated\"\n\
         [target]\nserver = \"reference\"\n\
         [load]\nexecutor = \"constant-arrival-rate\"\nrate = \"{RATE}/s\"\nduration = \"{seconds}s\"\n\
         [[journey]]\nname = \"one\"\nsteps = [{{ request = \"GET /\", name = \"only\" }}]\n\
         [sla]\n{metric} = {limit}\n"
    );
    let options = LoadOptions {
        sets: &[],
        seed: None,
        cores: 1,
        environment: &|_| None,
        read: &|_| Ok::<_, io::Error>(text.clone()),
    };
    let loaded = load(Path::new("simulated.toml"), &options).map_err(|mistakes| anyhow!("{mistakes}"))?;
    Ok(loaded.plan)
}
