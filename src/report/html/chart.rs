//! Line charts as geometry: the template turns them into inline SVG.
//!
//! Only the lines are SVG, stretched to the width of the page; labels, limits and phases are HTML placed by percent,
//! so that text keeps its size on every screen and on paper. No script is needed to see a chart.

use std::borrow::Cow;

use serde_json::{Value, json};

/// Height and width of the drawing's own coordinates.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 300.0;
/// A limit this many times the highest value is named in the caption instead of drawn.
const LIMIT_OVER_VALUES_MAX: f64 = 8.0;

/// A chart, ready for the template.
pub(super) struct Chart {
    pub(super) id: &'static str,
    pub(super) title: String,
    /// What is drawn and how to read it, in a sentence or two.
    pub(super) caption: String,
    /// The chart in words, for those who cannot see it.
    pub(super) description: String,
    pub(super) y_unit: &'static str,
    pub(super) x_unit: &'static str,
    pub(super) y_ticks: Vec<Tick>,
    pub(super) x_ticks: Vec<Tick>,
    pub(super) bands: Vec<Band>,
    pub(super) limits: Vec<LimitMark>,
    pub(super) paths: Vec<PathMark>,
    /// What the pointer shows: positions, labels and values.
    pub(super) data: Value,
}

/// A mark on an axis; `at` is a percentage.
pub(super) struct Tick {
    pub(super) at: String,
    pub(super) label: String,
}

/// A phase of the run behind the lines, or what was done to the target in it.
#[derive(Clone)]
pub(super) struct Band {
    pub(super) left: String,
    pub(super) width: String,
    pub(super) label: String,
    pub(super) class: &'static str,
}

/// A limit drawn across the chart.
pub(super) struct LimitMark {
    pub(super) at: String,
    pub(super) label: String,
    pub(super) class: &'static str,
}

/// One line, or the ribbon around one.
pub(super) struct PathMark {
    pub(super) name: Cow<'static, str>,
    pub(super) class: &'static str,
    pub(super) line: String,
    /// The closed shape under the line; empty when it is not filled.
    pub(super) area: String,
}

/// What a line shows. Values may be missing (a gap) or infinite (drawn along the upper edge).
pub(super) struct Line {
    pub(super) name: Cow<'static, str>,
    pub(super) class: &'static str,
    pub(super) filled: bool,
    pub(super) values: Vec<Option<f64>>,
}

/// The space between two lines: an interval around a third. Where either end is missing, there is a gap.
pub(super) struct Ribbon {
    pub(super) name: &'static str,
    pub(super) class: &'static str,
    /// Lower and upper end at each position.
    pub(super) ends: Vec<Option<(f64, f64)>>,
}

/// How values become heights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// Evenly, from zero up.
    FromZero,
    /// Evenly, with zero somewhere between: values may be negative.
    AroundZero,
    /// By their logarithm: every doubling has the same height. Values must be positive.
    Logarithmic,
}

/// The range of values that a chart shows.
struct Span {
    bottom: f64,
    top: f64,
    ticks: Vec<f64>,
    /// Distance of ticks: tells how many decimals they need. 0 = each as many as it needs.
    step: f64,
    is_logarithmic: bool,
}

/// A limit to draw, in the chart's unit.
pub(super) struct Limit {
    pub(super) value: f64,
    pub(super) label: String,
    pub(super) class: &'static str,
    /// Whether the scale is extended to show it, when that is not too far.
    pub(super) wanted: bool,
}

/// The x axis: positions from 0 to 1, how they are read, and the ticks.
pub(super) struct Axis {
    pub(super) positions: Vec<f64>,
    pub(super) labels: Vec<String>,
    pub(super) ticks: Vec<Tick>,
    pub(super) unit: &'static str,
    pub(super) bands: Vec<Band>,
}

/// The words of a chart.
pub(super) struct Words {
    pub(super) id: &'static str,
    pub(super) title: String,
    pub(super) caption: String,
    pub(super) y_unit: &'static str,
}

/// A share of 1 as a CSS percentage.
pub(super) fn percent(share: f64) -> String {
    format!("{:.3}%", share.clamp(0.0, 1.0) * 100.0)
}

/// Lays a chart out, from zero up.
pub(super) fn chart(words: Words, axis: &Axis, lines: &[Line], limits: &[Limit]) -> Chart {
    chart_on(Scale::FromZero, words, axis, lines, &[], limits)
}

/// Lays a chart out on a scale; ribbons lie behind the lines.
pub(super) fn chart_on(
    scale: Scale,
    words: Words,
    axis: &Axis,
    lines: &[Line],
    ribbons: &[Ribbon],
    limits: &[Limit],
) -> Chart {
    let in_lines = lines.iter().flat_map(|line| &line.values).flatten().copied();
    let ends = ribbons.iter().flat_map(|ribbon| &ribbon.ends).flatten();
    let values: Vec<f64> = in_lines
        .clone()
        .chain(ends.flat_map(|(low, high)| [*low, *high]))
        .filter(|value| value.is_finite())
        .collect();
    let span = Span::of(scale, &values, limits);
    let drawn: Vec<&Limit> = limits.iter().filter(|limit| span.holds(limit.value)).collect();
    let above: Vec<&str> = limits
        .iter()
        .filter(|limit| limit.value > span.top)
        .map(|limit| limit.label.as_str())
        .collect();
    let mut caption = words.caption;
    if !above.is_empty() {
        caption.push_str(&format!(" Above the scale: {}.", above.join(", ")));
    }
    if in_lines.clone().any(f64::is_infinite) {
        caption.push_str(
            " Where a line runs along the upper edge, so many events failed that the percentile has no value.",
        );
    }
    let ribbon_paths = ribbons.iter().map(|ribbon| span.ribbon(ribbon, &axis.positions));
    let line_paths = lines.iter().map(|line| path(line, &axis.positions, &span));
    Chart {
        id: words.id,
        description: describe(&words.title, words.y_unit, lines),
        title: words.title,
        caption,
        y_unit: words.y_unit,
        x_unit: axis.unit,
        y_ticks: span.ticks(),
        x_ticks: axis
            .ticks
            .iter()
            .map(|tick| Tick {
                at: tick.at.clone(),
                label: tick.label.clone(),
            })
            .collect(),
        bands: axis.bands.clone(),
        limits: drawn
            .into_iter()
            .map(|limit| LimitMark {
                at: percent(span.share(limit.value)),
                label: limit.label.clone(),
                class: limit.class,
            })
            .collect(),
        paths: ribbon_paths.chain(line_paths).collect(),
        data: data(words.y_unit, axis, lines, ribbons),
    }
}

impl Span {
    fn of(scale: Scale, values: &[f64], limits: &[Limit]) -> Self {
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

    fn holds(&self, value: f64) -> bool {
        (self.bottom..=self.top).contains(&value)
    }

    /// How far up a value is, from 0 to 1.
    fn share(&self, value: f64) -> f64 {
        let share = if self.is_logarithmic {
            (value.max(self.bottom) / self.bottom).ln() / (self.top / self.bottom).ln()
        } else {
            (value - self.bottom) / (self.top - self.bottom)
        };
        share.clamp(0.0, 1.0)
    }

    fn height(&self, value: f64) -> f64 {
        HEIGHT * (1.0 - self.share(value))
    }

    fn ticks(&self) -> Vec<Tick> {
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

    fn ribbon(&self, ribbon: &Ribbon, positions: &[f64]) -> PathMark {
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

fn path(line: &Line, positions: &[f64], span: &Span) -> PathMark {
    let mut drawn = String::new();
    let mut area = String::new();
    let mut run: Vec<(f64, f64)> = Vec::new();
    let foot = span.height(0.0);
    let mut finish = |run: &mut Vec<(f64, f64)>| {
        let (Some(first), Some(last)) = (run.first().copied(), run.last().copied()) else {
            return;
        };
        let mut points: Vec<String> = run.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        if points.len() == 1 {
            // A single point has no length; a short stroke makes it visible.
            points.push(format!("{:.1} {:.1}", first.0 + 2.0, first.1));
        }
        drawn.push_str(&format!("M{}", points.join("L")));
        if line.filled {
            area.push_str(&format!(
                "M{:.1} {foot}L{}L{:.1} {foot}Z",
                first.0,
                points.join("L"),
                last.0
            ));
        }
        run.clear();
    };
    for (position, value) in positions.iter().zip(&line.values) {
        match value {
            Some(value) => run.push((position * WIDTH, span.height(*value))),
            None => finish(&mut run),
        }
    }
    finish(&mut run);
    PathMark {
        name: line.name.clone(),
        class: line.class,
        line: drawn,
        area,
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
pub(super) fn nice_step(rough: f64) -> f64 {
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

fn describe(title: &str, unit: &str, lines: &[Line]) -> String {
    let parts: Vec<String> = lines
        .iter()
        .map(|line| {
            let values: Vec<f64> = line
                .values
                .iter()
                .flatten()
                .copied()
                .filter(|value| value.is_finite())
                .collect();
            let (Some(low), Some(high)) = (
                values.iter().copied().reduce(f64::min),
                values.iter().copied().reduce(f64::max),
            ) else {
                return format!("{}: no values", line.name);
            };
            format!("{} from {} to {} {unit}", line.name, short(low), short(high))
        })
        .collect();
    format!("{title}. {}.", parts.join("; "))
}

/// A number for the pointer's label: three significant digits.
fn short(value: f64) -> String {
    let digits = match value.abs() {
        magnitude if magnitude >= 100.0 => 0,
        magnitude if magnitude >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

fn data(unit: &str, axis: &Axis, lines: &[Line], ribbons: &[Ribbon]) -> Value {
    let ribbons = ribbons.iter().map(|ribbon| {
        let values = ribbon.ends.iter().map(|ends| match ends {
            None => Value::Null,
            Some((low, high)) => json!(format!("{} to {}", short(*low), short(*high))),
        });
        json!({ "name": ribbon.name, "values": values.collect::<Vec<Value>>() })
    });
    let lines: Vec<Value> = lines
        .iter()
        .map(|line| {
            let values: Vec<Value> = line
                .values
                .iter()
                .map(|value| match value {
                    None => Value::Null,
                    Some(value) if value.is_infinite() => json!("∞"),
                    Some(value) => json!(short(*value)),
                })
                .collect();
            json!({ "name": line.name, "values": values })
        })
        .chain(ribbons)
        .collect();
    let positions: Vec<f64> = axis.positions.iter().map(|at| (at * 1e5).round() / 1e5).collect();
    json!({ "x": positions, "labels": axis.labels, "unit": unit, "lines": lines })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(points: usize) -> Axis {
        Axis {
            positions: (0..points).map(|index| index as f64 / points as f64).collect(),
            labels: vec![String::new(); points],
            ticks: Vec::new(),
            unit: "s",
            bands: Vec::new(),
        }
    }

    fn words() -> Words {
        Words {
            id: "c",
            title: "T".to_owned(),
            caption: String::new(),
            y_unit: "ms",
        }
    }

    #[test]
    fn scales_end_at_round_numbers() {
        for (rough, step) in [
            (0.9, 1.0),
            (1.1, 2.0),
            (3.0, 5.0),
            (5.1, 10.0),
            (37.5, 50.0),
            (0.02, 0.02),
        ] {
            assert!((nice_step(rough) - step).abs() < 1e-9, "{rough}");
        }
    }

    #[test]
    fn gaps_break_the_line_and_infinity_runs_along_the_edge() {
        let line = Line {
            name: "p95".into(),
            class: "p95",
            filled: false,
            values: vec![Some(10.0), Some(20.0), None, Some(f64::INFINITY), Some(5.0)],
        };
        let drawn = chart(words(), &axis(5), &[line], &[]);
        assert_eq!(drawn.paths[0].line, "M0.0 180.0L200.0 60.0M600.0 0.0L800.0 240.0");
        assert!(drawn.caption.contains("upper edge"));
    }

    #[test]
    fn a_limit_far_above_is_named_and_not_drawn() {
        let line = || Line {
            name: "p95".into(),
            class: "p95",
            filled: false,
            values: vec![Some(10.0), Some(20.0)],
        };
        let limit = |wanted| Limit {
            value: 500.0,
            label: "rollback 500 ms".to_owned(),
            class: "rollback",
            wanted,
        };
        let without = chart(words(), &axis(2), &[line()], &[limit(false)]);
        assert!(without.limits.is_empty() && without.caption.contains("rollback 500 ms"));
        let too_far = chart(words(), &axis(2), &[line()], &[limit(true)]);
        assert!(too_far.limits.is_empty(), "500 is 25 times the highest value");
        let near = Limit {
            value: 150.0,
            ..limit(true)
        };
        assert_eq!(chart(words(), &axis(2), &[line()], &[near]).limits.len(), 1);
    }

    #[test]
    fn a_logarithmic_scale_gives_every_doubling_the_same_height() {
        let line = Line {
            name: "a".into(),
            class: "a",
            filled: false,
            values: vec![Some(10.0), Some(20.0), Some(40.0), Some(f64::INFINITY)],
        };
        let drawn = chart_on(Scale::Logarithmic, words(), &axis(4), &[line], &[], &[]);
        let heights: Vec<f64> = drawn.paths[0]
            .line
            .trim_start_matches('M')
            .split('L')
            .map(|point| point.split_once(' ').unwrap().1.parse().unwrap())
            .collect();
        assert!(
            (heights[0] - heights[1] - (heights[1] - heights[2])).abs() < 0.2,
            "{heights:?}"
        );
        assert_eq!(heights[3], 0.0);
        let labels: Vec<&str> = drawn.y_ticks.iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(labels, ["5", "10", "20", "50"]);
        let wide = Line {
            name: "a".into(),
            class: "a",
            filled: false,
            values: vec![Some(0.5), Some(2_000.0)],
        };
        let drawn = chart_on(Scale::Logarithmic, words(), &axis(2), &[wide], &[], &[]);
        let labels: Vec<&str> = drawn.y_ticks.iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(labels, ["1", "10", "100", "1000"]);
    }

    #[test]
    fn values_on_both_sides_of_zero_have_a_ribbon_around_them() {
        let line = Line {
            name: "difference".into(),
            class: "a",
            filled: false,
            values: vec![Some(-90.0), Some(30.0), None],
        };
        let ribbon = Ribbon {
            name: "95 % interval",
            class: "ribbon",
            ends: vec![Some((-95.0, -80.0)), Some((20.0, 45.0)), None],
        };
        let drawn = chart_on(Scale::AroundZero, words(), &axis(3), &[line], &[ribbon], &[]);
        let labels: Vec<&str> = drawn.y_ticks.iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(labels, ["−100", "−50", "0", "50"]);
        assert_eq!(drawn.paths[0].area, "M0.0 290.0L333.3 60.0L333.3 10.0L0.0 260.0Z");
        assert_eq!(drawn.paths[1].line, "M0.0 280.0L333.3 40.0");
        assert_eq!(drawn.data["lines"][1]["values"][0], "-95.0 to -80.0");
    }

    #[test]
    fn no_values_give_an_empty_chart() {
        let line = Line {
            name: "p95".into(),
            class: "p95",
            filled: true,
            values: vec![None, None],
        };
        let drawn = chart(words(), &axis(2), &[line], &[]);
        assert_eq!(
            (drawn.paths[0].line.as_str(), drawn.paths[0].area.as_str()),
            ("", "")
        );
    }
}
