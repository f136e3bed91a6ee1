//! How the live view looks: from 80 columns and 24 lines upwards, and as much as fits on less.

use ratatui::Frame;
use ratatui::layout::{Constraint, Flex, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, LineGauge, Paragraph, Row, Sparkline, Table};

use super::live::View;
use super::reading::{Reading, clock, milliseconds, recent};
use crate::plan::Metric;
use crate::sla::Glance;
use crate::sla::wording::count;

/// Lines of the curves, with their title, where there is little room and where there is much.
const CURVES_LINES_MIN: u16 = 4;
const CURVES_LINES_MAX: u16 = 14;
/// Lines of an ordinary terminal. Half of what there is beyond them goes to the curves.
const ORDINARY_LINES: u16 = 24;
/// Width of the values and of the limits.
const VALUE_COLUMNS: u16 = 14;
/// Lines that are kept for what happened.
const NOTES_LINES_MIN: u16 = 3;

/// Draws the view.
pub(super) fn draw(frame: &mut Frame<'_>, view: &View) {
    let Some(now) = view.history.back() else { return };
    let targets_lines = (view.glances.len() as u16 + 2).min(frame.area().height / 2);
    let curves_lines =
        (CURVES_LINES_MIN + frame.area().height.saturating_sub(ORDINARY_LINES) / 2).min(CURVES_LINES_MAX);
    let [head, gauge, load, curves, targets, notes, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(2),
        Constraint::Length(curves_lines),
        Constraint::Length(targets_lines),
        Constraint::Min(NOTES_LINES_MIN),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let paint = Paint(view.colours);
    frame.render_widget(headline(view, paint), head);
    frame.render_widget(elapsed(view, now, paint), gauge);
    frame.render_widget(Paragraph::new(load_lines(now)), load);
    curves_of(frame, view, curves, paint);
    frame.render_widget(targets_table(view, paint), targets);
    frame.render_widget(notes_list(view, notes, paint), notes);
    frame.render_widget(
        Paragraph::new("Ctrl-C: no new users, results under way are waited for · twice: cut them off")
            .style(paint.quiet()),
        foot,
    );
}

/// Styles, or none where colours are not wanted. Whatever a colour says, a word or a sign says as well.
#[derive(Debug, Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn of(self, colour: Color) -> Style {
        if self.0 {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }

    fn quiet(self) -> Style {
        if self.0 {
            Style::new().add_modifier(Modifier::DIM)
        } else {
            Style::new()
        }
    }

    fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }
}

fn headline(view: &View, paint: Paint) -> Paragraph<'static> {
    Paragraph::new(Line::from(vec![
        Span::styled(view.headline.scenario.clone(), paint.strong()),
        Span::raw(format!(
            " · {} · seed {}",
            view.headline.target, view.headline.seed
        )),
    ]))
}

fn elapsed(view: &View, now: &Reading, paint: Paint) -> LineGauge<'static> {
    let planned = view.headline.planned.as_secs_f64().max(1.0);
    let planned_s = view.headline.planned.as_secs() as u32;
    LineGauge::default()
        .ratio((f64::from(now.second) / planned).clamp(0.0, 1.0))
        .label(format!(
            "{} · {} of {}",
            now.phase.name(),
            clock(now.second),
            clock(planned_s)
        ))
        .filled_style(paint.of(Color::Cyan))
        .unfilled_style(paint.quiet())
}

fn load_lines(now: &Reading) -> Vec<Line<'static>> {
    let mut first = format!(
        "{:.1} requests/s · {} users",
        now.requests_per_s,
        count(now.users)
    );
    if let Some(pending) = now.pending {
        first.push_str(&format!(" · {} results pending", count(pending)));
    }
    if now.dropped > 0 {
        first.push_str(&format!(" · {} arrivals DROPPED", count(now.dropped)));
    }
    let second = format!(
        "response time p50 {} · p95 {} · p99 {} · errors {}",
        milliseconds(now.p50_ms),
        milliseconds(now.p95_ms),
        milliseconds(now.p99_ms),
        now.errors()
    );
    vec![Line::from(first), Line::from(second)]
}

/// A curve: its name, the value of a second, that value in words, and its colour.
struct Curve {
    name: &'static str,
    value: fn(&Reading) -> Option<f64>,
    words: fn(f64) -> String,
    colour: Color,
}

const CURVES: [Curve; 3] = [
    Curve {
        name: "requests/s",
        value: |reading| Some(reading.requests_per_s),
        words: |value| format!("{value:.0}"),
        colour: Color::Cyan,
    },
    Curve {
        name: "p95",
        value: |reading| reading.p95_ms,
        words: |value| format!("{value:.1} ms"),
        colour: Color::Yellow,
    },
    Curve {
        name: "errors",
        value: |reading| reading.failed_share.map(|share| share * 100.0),
        words: |value| format!("{value:.2}%"),
        colour: Color::Red,
    },
];

/// Three curves side by side; each title says the largest value, which is the height of its curve.
fn curves_of(frame: &mut Frame<'_>, view: &View, area: Rect, paint: Paint) {
    let areas: [Rect; 3] = Layout::horizontal([Constraint::Ratio(1, 3); 3])
        .spacing(1)
        .areas(area);
    for (curve, area) in CURVES.iter().zip(areas) {
        let columns = usize::from(area.width);
        let skipped = view.history.len().saturating_sub(columns);
        let shown: Vec<Option<f64>> = view.history.iter().skip(skipped).map(curve.value).collect();
        let finite = shown.iter().flatten().copied().filter(|value| value.is_finite());
        let largest = finite.fold(0.0, f64::max);
        // A curve of whole numbers: a thousandth of the largest value is finer than any terminal draws. A second in
        // which everything failed stands as high as the curve goes.
        let scale = if largest > 0.0 { 1e3 / largest } else { 0.0 };
        let height = |value: &Option<f64>| match value {
            Some(value) if value.is_finite() => (value * scale) as u64,
            Some(_) => 1_000,
            None => 0,
        };
        let heights: Vec<u64> = shown.iter().map(height).collect();
        let [title, drawing] = Layout::vertical([Constraint::Length(1), Constraint::Min(1)]).areas(area);
        frame.render_widget(
            Paragraph::new(format!("{}, at most {}", curve.name, (curve.words)(largest)))
                .style(paint.quiet()),
            title,
        );
        frame.render_widget(
            Sparkline::default()
                .data(&heights)
                .max(1_000)
                .style(paint.of(curve.colour)),
            drawing,
        );
    }
}

fn targets_table(view: &View, paint: Paint) -> Table<'static> {
    let names: Vec<String> = view.glances.iter().map(target_name).collect();
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0) as u16;
    let rows: Vec<Row<'static>> = view
        .glances
        .iter()
        .zip(names)
        .map(|(glance, name)| target_row(glance, name, paint))
        .collect();
    Table::new(
        rows,
        [
            Constraint::Length(8),
            Constraint::Max(longest),
            Constraint::Length(VALUE_COLUMNS),
            Constraint::Length(VALUE_COLUMNS),
        ],
    )
    // On a wide terminal a value stays beside its name.
    .flex(Flex::Start)
    .column_spacing(2)
    .header(Row::new(["So far", "Target", "Last 10 s", "Limit"]).style(paint.strong()))
    .block(Block::new().borders(Borders::TOP).border_style(paint.quiet()))
}

fn target_name(glance: &Glance) -> String {
    let condition = &glance.condition;
    let mut name = condition.metric.title().to_owned();
    if !matches!(
        condition.statistic,
        crate::plan::Statistic::Share | crate::plan::Statistic::PerSecond
    ) {
        name.push_str(&format!(" {}", condition.statistic));
    }
    if let Some(step) = &condition.step {
        name.push_str(&format!(" of {step}"));
    }
    name
}

fn target_row(glance: &Glance, name: String, paint: Paint) -> Row<'static> {
    let condition = &glance.condition;
    let (sign, style) = match glance.holds {
        Some(true) => ("✓ holds", paint.of(Color::Green)),
        Some(false) => ("✕ missed", paint.of(Color::Red)),
        // Slots are judged when the run is over.
        None if condition.metric == Metric::Availability => ("· later", paint.quiet()),
        None => ("· no data", paint.quiet()),
    };
    let value_style = match glance.holds_recently {
        Some(false) => paint.of(Color::Red),
        _ => Style::new(),
    };
    Row::new([
        Cell::new(sign).style(style),
        Cell::new(name),
        Cell::new(recent(glance)).style(value_style),
        Cell::new(format!("{} {}", condition.comparator, condition.limit)),
    ])
}

fn notes_list(view: &View, area: Rect, paint: Paint) -> Paragraph<'static> {
    // One line is the border's.
    let lines = usize::from(area.height.saturating_sub(1));
    let skipped = view.notes.len().saturating_sub(lines);
    let shown: Vec<Line<'static>> = view.notes.iter().skip(skipped).cloned().map(Line::from).collect();
    let shown = if shown.is_empty() {
        vec![Line::from(
            "No alert, no rollback threshold, nothing else happened.",
        )]
    } else {
        shown
    };
    Paragraph::new(shown).block(
        Block::new()
            .borders(Borders::TOP)
            .border_style(paint.quiet())
            .title("What happened "),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::run::progress::Headline;
    use crate::run::progress::reading::{Phase, reading};
    use crate::sla::{fixture, glances};

    fn view() -> View {
        let headline = Headline {
            scenario: "peak".to_owned(),
            target: "the built-in reference server (direct service calls, SQLite)".to_owned(),
            seed: 1,
            planned: Duration::from_secs(80),
        };
        let mut view = View::new(headline, false);
        let run = fixture::slow();
        for second in 0..76 {
            let reading = Reading {
                second,
                phase: Phase::Measuring,
                requests_per_s: f64::from(second) * 2.5,
                p95_ms: (second % 10 != 0).then(|| f64::from(second % 7) * 12.0),
                ..reading()
            };
            let glances = glances(
                &run.criteria.targets,
                &run.context.steps,
                &run.evidence.measurements,
                10,
                20..30,
            );
            view.take(reading, glances);
        }
        view.note("alert breached: response_time p95 > 200ms");
        view
    }

    fn drawn(view: &View, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, view)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn the_view_of_an_ordinary_terminal() {
        insta::assert_snapshot!(drawn(&view(), 80, 24));
    }

    #[test]
    fn the_view_of_a_large_terminal() {
        insta::assert_snapshot!(drawn(&view(), 200, 50));
    }

    #[test]
    fn no_terminal_is_too_small_to_draw_on() {
        for (width, height) in [(1, 1), (10, 3), (40, 10), (79, 23)] {
            drawn(&view(), width, height);
        }
        drawn(&View::new(Headline::default(), true), 80, 24);
    }
}
