//! How the values of a chart become heights: the range that is shown, and its ticks.

use super::{HEIGHT, Limit, PathMark, Ribbon, Tick, WIDTH, percent};

/// A limit this many times the highest value is named in the caption instead of drawn.
const LIMIT_OVER_VALUES_MAX: f64 = 8.0;

/// How values become heights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report::html) enum Scale {
    /// Evenly, from zero up.
    FromZero,
    /// Evenly, with zero somewhere between: values may be negative.
    AroundZero,
    /// By their logarithm: every doubling has the same height. Values must be positive.
    Logarithmic,
}

/// The range of values that a chart shows.
pub(super) struct Span {
    bottom: f64,
    pub(super) top: f64,
    ticks: Vec<f64>,
    /// Distance of ticks: tells how many decimals they need. 0 = each as many as it needs.
    step: f64,
    is_logarithmic: bool,
}

impl Span {
    pub(super) fn of(scale: Scale, values: &[f64], limits: &[Limit]) -> Self {
        match scale {
            Scale::FromZero => Self::from_zero(values, limits),
            Scale::AroundZero => Self::around_zero(values),
            Scale::Logarithmic => Self::logarithmic(values),
        }
    }

    fn from_zero(values: &[f64], limits: &[Limit]) -> Self {
        let highest_value = values.iter().copied().fold(0.0, f64::max);
        // A limit far above all values would press them flat against the axis.
        let highest = limits
            .iter()
            .filter(|limit| limit.wanted && limit.value <= highest_value * LIMIT_OVER_VALUES_MAX)
            .map(|limit| limit.value * 1.12)
            .fold(highest_value, f64::max);
        let step = nice_step(highest.max(1e-3) / 4.0);
        // A little air above the highest value keeps a flat line apart from the upper edge, which means "infinite".
        let top = (highest * 1.04 / step).ceil().max(1.0) * step;
        Self::even(0.0, top, step)
    }

    fn around_zero(values: &[f64]) -> Self {
        let highest = values.iter().copied().fold(0.0, f64::max);
        let lowest = values.iter().copied().fold(0.0, f64::min);
        let step = nice_step((highest - lowest).max(1e-3) / 4.0);
        let outwards = |value: f64| (value * 1.04 / step).abs().ceil() * step;
        let (bottom, top) = (-outwards(lowest), outwards(highest));
        Self::even(bottom, if top > bottom { top } else { bottom + step }, step)
    }

    fn even(bottom: f64, top: f64, step: f64) -> Self {
        let count = ((top - bottom) / step).round() as u32;
        Self {
            bottom,
            top,
            ticks: (0..=count)
                .map(|index| bottom + f64::from(index) * step)
                .collect(),
            step,
            is_logarithmic: false,
        }
    }

    fn logarithmic(values: &[f64]) -> Self {
        let positive = values.iter().copied().filter(|value| *value > 0.0);
        let lowest = positive.clone().fold(f64::INFINITY, f64::min);
        let highest = positive.fold(0.0, f64::max);
        let (lowest, highest) = if highest > 0.0 {
            (lowest, highest)
        } else {
            (1.0, 10.0)
        };
        let top = nice_step(highest * 1.05);
        let mut bottom = top;
        let mut ticks = vec![top];
        while bottom > lowest * 0.98 {
            // The next lower of 1, 2, 5, 10, …: 0.39 of each rounds up to the one before it.
            bottom = nice_step(bottom * 0.39);
            ticks.push(bottom);
        }
        // Beyond two decades the tens are enough.
        if top / bottom > 200.0 {
            let is_power = |tick: &f64| (tick.log10() - tick.log10().round()).abs() < 1e-6;
            ticks.retain(is_power);
        }
        ticks.reverse();
        Self {
            bottom,
            top,
            ticks,
            step: 0.0,
            is_logarithmic: true,
        }
    }

    pub(super) fn holds(&self, value: f64) -> bool {
        (self.bottom..=self.top).contains(&value)
    }

    /// How far up a value is, from 0 to 1.
    pub(super) fn share(&self, value: f64) -> f64 {
        let share = if self.is_logarithmic {
            (value.max(self.bottom) / self.bottom).ln() / (self.top / self.bottom).ln()
        } else {
            (value - self.bottom) / (self.top - self.bottom)
        };
        share.clamp(0.0, 1.0)
    }

    pub(super) fn height(&self, value: f64) -> f64 {
        HEIGHT * (1.0 - self.share(value))
    }

    pub(super) fn ticks(&self) -> Vec<Tick> {
        self.ticks
            .iter()
            .map(|tick| Tick {
                at: percent(self.share(*tick)),
                label: match self.is_logarithmic {
                    true => plain(*tick, *tick),
                    false => plain(*tick, self.step),
                },
            })
            .collect()
    }

    pub(super) fn ribbon(&self, ribbon: &Ribbon, positions: &[f64]) -> PathMark {
        let mut area = String::new();
        let places: Vec<(f64, Option<(f64, f64)>)> = positions
            .iter()
            .copied()
            .zip(ribbon.ends.iter().copied())
            .collect();
        for stretch in places.split(|(_, ends)| ends.is_none()) {
            let corner = |(position, ends): &(f64, Option<(f64, f64)>), pick: fn((f64, f64)) -> f64| {
                let value = ends.map_or(0.0, pick);
                format!("{:.1} {:.1}", position * WIDTH, self.height(value))
            };
            let lower = stretch.iter().map(|place| corner(place, |(low, _)| low));
            let upper = stretch.iter().rev().map(|place| corner(place, |(_, high)| high));
            let corners: Vec<String> = lower.chain(upper).collect();
            if !corners.is_empty() {
                area.push_str(&format!("M{}Z", corners.join("L")));
            }
        }
        PathMark {
            name: ribbon.name.into(),
            class: ribbon.class,
            line: String::new(),
            area,
        }
    }
}

/// A tick's number with just the decimals that its step needs.
fn plain(value: f64, step: f64) -> String {
    let digits = (-step.log10().floor()).max(0.0) as usize;
    // A rounded zero is no negative one.
    let value = if value.abs() < step / 2.0 { 0.0 } else { value };
    format!("{value:.digits$}").replace('-', "−")
}

/// The next of 1, 2, 5, 10, … that is at least `rough`.
pub(in crate::report::html) fn nice_step(rough: f64) -> f64 {
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}
