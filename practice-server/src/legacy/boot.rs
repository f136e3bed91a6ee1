//! The time an edge function needs before its code runs: a model from published figures, off unless asked for.
//!
//! Every figure here is Supabase's own or is marked as somebody's claim; where only some quantiles are published, the
//! curve between them is ours and says so. Which invocation meets which delay is a hash of the seed and of what the
//! client sent, so a run repeats.

use std::time::Duration;

use clap::ValueEnum;

use crate::chance;

/// A published description of how long edge functions take to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum BootProfile {
    /// Nothing is injected: what is measured is the queue, the HTTP request and the database alone
    #[default]
    None,
    /// 25 ms: a function that loads supabase-js, as Supabase measured it in September 2024 ("Edge Functions are now 2x
    /// smaller and boot 3x faster", supabase.com/blog: 275 ms before, 25 ms after)
    #[value(name = "supabase-2024-09")]
    Supabase202409,
    /// Mean 42 ms, p95 86 ms, p99 460 ms, longest 1,630 ms: Supabase's k6 test of July 2025 ("Persistent Storage and 97%
    /// Faster Cold Starts for Edge Functions", supabase.com/blog)
    #[value(name = "supabase-2025-07")]
    Supabase202507,
}

/// Where a curve of quantiles passes: at this share of invocations the start takes at most this long.
struct Point {
    share: f64,
    milliseconds: f64,
}

const fn point(share: f64, milliseconds: f64) -> Point {
    Point { share, milliseconds }
}

/// A single published figure, so there is no spread.
const SUPABASE_2024_09: [Point; 2] = [point(0.0, 25.0), point(1.0, 25.0)];

/// The last three points are published. Between points the logarithm of the time grows evenly. The first point is ours:
/// with it the mean is the published 42 ms. The article's "4 % above 1 s" contradicts its p99 and is left out.
const SUPABASE_2025_07: [Point; 4] = [
    point(0.0, 3.16),
    point(0.95, 86.0),
    point(0.99, 460.0),
    point(1.0, 1_630.0),
];

impl BootProfile {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Supabase202409 => "supabase-2024-09",
            Self::Supabase202507 => "supabase-2025-07",
        }
    }

    /// Where the figures come from, in words for a report.
    pub const fn source(self) -> &'static str {
        match self {
            Self::None => "nothing is injected",
            Self::Supabase202409 => {
                "Supabase, September 2024, \"Edge Functions are now 2x smaller and boot 3x faster\": 25 ms to boot a \
                 function that loads supabase-js"
            }
            Self::Supabase202507 => {
                "Supabase, July 2025, \"Persistent Storage and 97% Faster Cold Starts for Edge Functions\": mean 42 ms, \
                 p95 86 ms, p99 460 ms, longest 1630 ms in a k6 test; the curve between these figures is interpolated"
            }
        }
    }

    /// The longest boot of this share of invocations, from 0 to 1.
    pub fn quantile(self, share: f64) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Supabase202409 => interpolate(&SUPABASE_2024_09, share),
            Self::Supabase202507 => interpolate(&SUPABASE_2025_07, share),
        }
    }
}

fn interpolate(points: &[Point], share: f64) -> Duration {
    let mut below = &points[0];
    for above in points {
        if share <= above.share {
            let span = above.share - below.share;
            let part = if span > 0.0 {
                (share - below.share) / span
            } else {
                1.0
            };
            let grown = (above.milliseconds / below.milliseconds).powf(part);
            return Duration::from_secs_f64(below.milliseconds * grown / 1_000.0);
        }
        below = above;
    }
    Duration::from_secs_f64(below.milliseconds / 1_000.0)
}

/// What is added to every invocation of an edge function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InjectedDelays {
    pub profile: BootProfile,
    /// The share of invocations that boot, from 0 to 1. Nobody publishes how often a warm function meets a request; the
    /// figures of July 2025 are those of a mixed load, warm and cold, so by default every invocation draws one.
    pub cold_share: f64,
    /// The way through the platform's gateway. Not published; third parties claim 100 to 200 ms for a warm invocation.
    pub hop: Duration,
    pub seed: u64,
}

impl Default for InjectedDelays {
    fn default() -> Self {
        Self {
            profile: BootProfile::None,
            cold_share: 1.0,
            hop: Duration::ZERO,
            seed: 0,
        }
    }
}

impl InjectedDelays {
    /// Whether nothing is added at all.
    pub fn are_none(&self) -> bool {
        self.profile == BootProfile::None && self.hop.is_zero()
    }

    /// The delay of the invocation of `function` for what `identity` names: something the client chose, never an id that
    /// the server invented.
    pub fn of(&self, function: &str, identity: &[&str]) -> Duration {
        let draw = |purpose: &str| {
            let mut parts = vec![purpose.as_bytes(), function.as_bytes()];
            parts.extend(identity.iter().map(|part| part.as_bytes()));
            chance::unit(self.seed, &parts)
        };
        let is_cold = self.profile != BootProfile::None && draw("edge-cold") < self.cold_share;
        let boot = if is_cold {
            self.profile.quantile(draw("edge-boot"))
        } else {
            Duration::ZERO
        };
        self.hop + boot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(profile: BootProfile) -> InjectedDelays {
        InjectedDelays {
            profile,
            seed: 7,
            ..InjectedDelays::default()
        }
    }

    fn milliseconds(duration: Duration) -> f64 {
        duration.as_secs_f64() * 1_000.0
    }

    #[test]
    fn the_curve_passes_through_the_published_figures() {
        let profile = BootProfile::Supabase202507;
        for (share, published) in [(0.95, 86.0), (0.99, 460.0), (1.0, 1_630.0)] {
            let modelled = milliseconds(profile.quantile(share));
            assert!(
                (modelled - published).abs() < 0.001,
                "{modelled} ms at {share} instead of {published}"
            );
        }
        let mean: f64 = (0..100_000)
            .map(|n| milliseconds(profile.quantile((f64::from(n) + 0.5) / 100_000.0)))
            .sum::<f64>()
            / 100_000.0;
        assert!((41.5..42.5).contains(&mean), "mean {mean} ms instead of 42");
    }

    #[test]
    fn drawn_delays_follow_the_curve_and_repeat() {
        let delays = delays(BootProfile::Supabase202507);
        let drawn = |n: u32| {
            delays.of(
                "auto-submit-recording",
                &["user", &format!("https://cdn.example/{n}.webm")],
            )
        };
        let mut all: Vec<Duration> = (0..20_000).map(drawn).collect();
        assert!((0..100).all(|n| drawn(n) == all[n as usize]));
        all.sort_unstable();
        let p95 = milliseconds(all[19_000]);
        assert!((75.0..97.0).contains(&p95), "p95 {p95} ms");
        assert!(all[19_999] <= Duration::from_millis(1_630));
        let other_seed = InjectedDelays { seed: 8, ..delays };
        assert!((0..100).any(|n: u32| {
            other_seed.of(
                "auto-submit-recording",
                &["user", &format!("https://cdn.example/{n}.webm")],
            ) != drawn(n)
        }));
    }

    #[test]
    fn a_single_published_figure_has_no_spread() {
        let delays = delays(BootProfile::Supabase202409);
        assert!((0..100).all(|n| delays.of("f", &[&n.to_string()]) == Duration::from_millis(25)));
    }

    #[test]
    fn nothing_is_injected_by_default_and_warm_functions_only_hop() {
        let none = InjectedDelays::default();
        assert!(none.are_none());
        assert_eq!(none.of("f", &["a"]), Duration::ZERO);
        let warm = InjectedDelays {
            cold_share: 0.0,
            hop: Duration::from_millis(100),
            ..delays(BootProfile::Supabase202507)
        };
        assert!(!warm.are_none());
        assert!((0..100).all(|n| warm.of("f", &[&n.to_string()]) == warm.hop));
    }

    #[test]
    fn about_the_cold_share_boots() {
        let some = InjectedDelays {
            cold_share: 0.25,
            ..delays(BootProfile::Supabase202409)
        };
        let booted = (0..10_000)
            .filter(|n| !some.of("f", &[&n.to_string()]).is_zero())
            .count();
        assert!((2_300..2_700).contains(&booted), "{booted} of 10000");
    }
}
