//! What a comparison will do and how long it takes, said before it begins.

use std::fmt;
use std::time::Duration;

use crate::capacity::Estimate;
use crate::plan::{ClaimTest, STEP_OVERHEAD, Side, Sides};
use crate::scenario::{CheckReport, LoadedComparison, check};
use crate::units::format_duration;

/// What starting and stopping a target takes about.
const START_AND_STOP: Duration = Duration::from_secs(4);

/// A comparison that has not begun.
#[derive(Debug, Clone)]
pub struct Outline {
    scenario: String,
    arms: Sides<ArmOutline>,
    pairs: u32,
    time_box: Duration,
    /// Each claim: what it says and what it requires.
    claims: Vec<(String, String)>,
    searches: Option<Sides<Estimate>>,
}

#[derive(Debug, Clone)]
struct ArmOutline {
    name: String,
    settings: Vec<(String, String)>,
    check: CheckReport,
}

impl Outline {
    /// What `loaded` comes to.
    pub fn of(loaded: &LoadedComparison) -> Self {
        let comparison = &loaded.comparison;
        let arms = comparison.arms.as_ref().zip(loaded.arms.as_ref());
        let searches = comparison
            .claims
            .iter()
            .any(|claim| matches!(claim.test, ClaimTest::Capacity(_)));
        let estimates = loaded
            .arms
            .as_ref()
            .map(|arm| arm.plan.capacity.as_ref().map(Estimate::of));
        Self {
            scenario: loaded.scenario.plan.name.clone(),
            arms: arms.map(|(arm, scenario)| ArmOutline {
                name: arm.name.clone(),
                settings: arm.overrides.clone(),
                check: check(&scenario.plan),
            }),
            pairs: comparison.pairs,
            time_box: comparison.time_box,
            claims: comparison
                .claims
                .iter()
                .map(|claim| (claim.says.clone(), claim.test.required()))
                .collect(),
            searches: estimates.both().filter(|_| searches),
        }
    }

    /// How long one run takes about, and at most.
    fn run(&self, side: Side) -> (Duration, Duration) {
        let check = &self.arms.get(side).check;
        let drained = check.drain.min(check.journey_time);
        (
            check.load + drained + START_AND_STOP,
            check.load + check.drain + STEP_OVERHEAD,
        )
    }

    /// How long one pair takes at least, about, and at most.
    fn pair(&self) -> (Duration, Duration, Duration) {
        let (mut least, mut about, mut most) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        for side in Side::BOTH {
            let (run_about, run_most) = self.run(side);
            least += run_about;
            about += run_about;
            most += run_most;
            if let Some(searches) = &self.searches {
                let search = searches.get(side);
                least += search.least;
                about += (search.least + search.most) / 2;
                most += search.most;
            }
        }
        (least, about, most)
    }

    /// How long all pairs take, in words.
    pub fn duration(&self) -> String {
        let (least, about, most) = self.pair();
        let all = |duration: Duration| minutes(duration.saturating_mul(self.pairs));
        let pairs = if self.pairs == 1 {
            "1 pair".to_owned()
        } else {
            format!("{} pairs", self.pairs)
        };
        let time_box = format_duration(self.time_box);
        let mut text = if self.searches.is_some() {
            format!("{pairs}: {} to {}, about {}", all(least), all(most), all(about))
        } else {
            format!("{pairs}: about {}, at most {}", all(about), all(most))
        };
        text.push_str(&format!("; time box {time_box}"));
        if about.saturating_mul(self.pairs) > self.time_box {
            let fitting = (self.time_box.as_secs_f64() / about.as_secs_f64().max(1.0))
                .floor()
                .max(1.0);
            text.push_str(&format!(", which has room for about {fitting:.0} of them"));
        }
        text
    }

    /// The order of the runs, as far as it can be seen at a glance: `ab ba ab`.
    fn order(&self) -> String {
        const SHOWN: u32 = 6;
        let shown = (1..=self.pairs.min(SHOWN)).map(|pair| if pair % 2 == 1 { "ab" } else { "ba" });
        let mut text = shown.collect::<Vec<&str>>().join(" ");
        if self.pairs > SHOWN {
            text.push_str(" …");
        }
        text
    }
}

/// A duration to the tenth of a minute that people plan by.
fn minutes(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let rounded = if seconds < 120.0 {
        seconds.round()
    } else {
        (seconds / 30.0).round() * 30.0
    };
    format_duration(Duration::from_secs_f64(rounded))
}

impl fmt::Display for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Comparison {}\n", self.scenario)?;
        for (side, letter) in [(Side::Baseline, 'a'), (Side::Candidate, 'b')] {
            let arm = self.arms.get(side);
            let settings: Vec<String> = arm
                .settings
                .iter()
                .map(|(key, value)| format!("{key} = {value}"))
                .collect();
            let what = if settings.is_empty() {
                "the scenario as it is".to_owned()
            } else {
                settings.join(", ")
            };
            writeln!(f, "  {:<21}{} ({letter}): {what}", side.key(), arm.name)?;
            let (check, (about, most)) = (&arm.check, self.run(side));
            writeln!(
                f,
                "  {:<21}{:.1} users per second at the peak, {:.0} users judged; one run takes about {}, at most {}",
                "",
                check.users_per_s_peak,
                check.users_measured,
                minutes(about),
                minutes(most)
            )?;
            if let Some(searches) = &self.searches {
                writeln!(f, "  {:<21}search for its capacity: {}", "", searches.get(side))?;
            }
        }
        writeln!(f, "  {:<21}{}", "pairs", self.order())?;
        writeln!(f, "  {:<21}{}", "duration", self.duration())?;
        writeln!(f, "\n  Claims")?;
        for (says, required) in &self.claims {
            if says == required {
                writeln!(f, "    {says}")?;
            } else {
                writeln!(f, "    {says}  [{required}]")?;
            }
        }
        if self.pairs == 1 {
            writeln!(
                f,
                "\nOne pair does not show how much runs differ: it can make no claim hold."
            )?;
        }
        Ok(())
    }
}
