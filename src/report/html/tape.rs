//! The series of a run, read for drawing: a point of the charts at a time, and of each only what they show. However many
//! samples a run has, the page is made in the memory of its points.

use std::collections::BTreeMap;

use crate::metrics::{SeriesKind, Slice};
use crate::plan::{StepId, StepInfo};
use crate::report::ReportError;
use crate::report::model::SeriesSet;

/// Everything that charts show of the series. Warm-up is shown, though not judged.
pub(super) struct Tape {
    points: BTreeMap<SeriesKind, Vec<Point>>,
    /// New users at each point: every arrival leaves one sample of its journey's first request.
    pub(super) arrivals: Vec<u64>,
    /// The response times of each point, whole.
    pub(super) responses: Vec<Slice>,
    /// What is judged of the response times, and of the same requests' service times.
    pub(super) response: Slice,
    pub(super) service: Slice,
    /// The thresholds that the response times count exactly, in microseconds.
    pub(super) thresholds_us: Vec<u32>,
}

/// All steps of one kind, in the seconds of one point.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Point {
    pub(super) total: u64,
    pub(super) bad: u64,
    pub(super) mean_ms: Option<f64>,
    pub(super) p50_ms: Option<f64>,
    pub(super) p95_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
}

impl From<&Slice> for Point {
    fn from(slice: &Slice) -> Self {
        Self {
            total: slice.total,
            bad: slice.bad,
            mean_ms: slice.mean_ms(),
            p50_ms: slice.quantile_ms(0.50),
            p95_ms: slice.quantile_ms(0.95),
            p99_ms: slice.quantile_ms(0.99),
        }
    }
}

impl Tape {
    /// Reads the series in `points` points of `stride` seconds each.
    ///
    /// # Errors
    /// When a series is broken.
    pub(super) fn read(
        series: &SeriesSet,
        steps: &[StepInfo],
        stride: u32,
        points: u32,
    ) -> Result<Self, ReportError> {
        let mut tape = Self {
            points: BTreeMap::new(),
            arrivals: arrivals(series, steps, stride, points),
            responses: Vec::new(),
            response: Slice::default(),
            service: Slice::default(),
            thresholds_us: series
                .thresholds_us
                .get(SeriesKind::Response.key())
                .cloned()
                .unwrap_or_default(),
        };
        for kind in SeriesKind::ALL {
            tape.read_kind(series, kind, stride, points)?;
        }
        Ok(tape)
    }

    fn read_kind(
        &mut self,
        series: &SeriesSet,
        kind: SeriesKind,
        stride: u32,
        points: u32,
    ) -> Result<(), ReportError> {
        let mut warm_up = series.reader(kind, true)?;
        let mut judged = series.reader(kind, false)?;
        let mut drawn = Vec::with_capacity(points as usize);
        for point in 1..=points {
            // The last point has what is left, should an event have come after the end.
            let end = if point == points { u32::MAX } else { point * stride };
            let mut slice = judged.up_to(end)?;
            match kind {
                SeriesKind::Response => self.response.merge(&slice),
                SeriesKind::Service => self.service.merge(&slice),
                _ => {}
            }
            let before = warm_up.up_to(end)?;
            if before.total > 0 {
                slice.merge(&before);
            }
            drawn.push(Point::from(&slice));
            if kind == SeriesKind::Response {
                self.responses.push(slice);
            }
        }
        self.points.insert(kind, drawn);
        Ok(())
    }

    /// The points of a kind; without samples when nothing of it was measured.
    pub(super) fn of_kind(&self, kind: SeriesKind) -> &[Point] {
        self.points.get(&kind).map_or(&[], Vec::as_slice)
    }
}

fn arrivals(series: &SeriesSet, steps: &[StepInfo], stride: u32, points: u32) -> Vec<u64> {
    let is_first = |step: Option<u16>| {
        step.and_then(|step| steps.get(StepId(step).index()))
            .is_some_and(|info| info.first_request)
    };
    let mut arrivals = vec![0; points as usize];
    let first = series
        .data
        .iter()
        .filter(|record| record.kind == SeriesKind::Response.key() && is_first(record.step));
    for record in first {
        for (second, total) in record.second.iter().zip(&record.total) {
            if let Some(count) = arrivals.get_mut((second / stride) as usize) {
                *count += total;
            }
        }
    }
    arrivals
}
