//! Reads stored series a stretch at a time, so that the seconds of a long run never stand in memory all at once.

use super::super::super::ReportError;
use super::{SeriesRecord, SeriesSet, Unpacking};
use crate::metrics::{SeriesKind, Slice};

/// The series of one kind and phase, all steps together, from the first second on.
pub(in crate::report) struct SeriesReader<'a> {
    series: Vec<Cursor<'a>>,
    /// Buckets of the stretch that is being read.
    buckets: Vec<(u32, u64)>,
}

/// One series, read up to a second.
struct Cursor<'a> {
    record: &'a SeriesRecord,
    /// Place of the next second in the columns.
    next: usize,
    values: Unpacking,
}

impl SeriesSet {
    /// A reader of the series of `kind`, of the warm-up or of what is judged.
    ///
    /// # Errors
    /// When a series is broken.
    pub(in crate::report) fn reader(
        &self,
        kind: SeriesKind,
        warm_up: bool,
    ) -> Result<SeriesReader<'_>, ReportError> {
        self.check_encoding()?;
        let series = self
            .data
            .iter()
            .filter(|record| record.kind == kind.key() && record.warm_up == warm_up)
            .map(|record| {
                record.check_columns()?;
                Ok(Cursor {
                    record,
                    next: 0,
                    values: Unpacking::new(&record.values)?,
                })
            })
            .collect::<Result<_, ReportError>>()?;
        Ok(SeriesReader {
            series,
            buckets: Vec::new(),
        })
    }
}

impl SeriesReader<'_> {
    /// All that is not read yet of the seconds before `end`, merged.
    ///
    /// # Errors
    /// When a series is broken.
    pub(in crate::report) fn up_to(&mut self, end: u32) -> Result<Slice, ReportError> {
        let mut merged = Slice::default();
        self.buckets.clear();
        for cursor in &mut self.series {
            while cursor
                .record
                .second
                .get(cursor.next)
                .is_some_and(|second| *second < end)
            {
                let from = self.buckets.len();
                cursor.values.take_second(&mut self.buckets)?;
                merged.merge(&cursor.record.counts(cursor.next, &self.buckets[from..])?);
                cursor.next += 1;
            }
        }
        // Each second is in order already; a stable sort merges what is.
        self.buckets.sort_by_key(|(bucket, _)| *bucket);
        let sums = self.buckets.chunk_by(|left, right| left.0 == right.0);
        merged.values = sums
            .map(|same| (same[0].0, same.iter().map(|(_, count)| count).sum()))
            .collect();
        Ok(merged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::record;
    use crate::sla::fixture;

    #[test]
    fn stretches_add_up_to_what_was_measured() {
        let record = record(fixture::failing());
        let measurements = record.series.read().unwrap();
        for kind in SeriesKind::ALL {
            let mut reader = record.series.reader(kind, false).unwrap();
            let mut read = Slice::default();
            for end in [7, 8, 20, u32::MAX] {
                read.merge(&reader.up_to(end).unwrap());
            }
            let mut whole = measurements.total(kind, None);
            // Whether there are counters of thresholds without an event makes no difference.
            let thresholds = whole.above.len().max(read.above.len());
            whole.above.resize(thresholds, 0);
            read.above.resize(thresholds, 0);
            assert_eq!(read, whole, "{kind:?}");
        }
    }

    #[test]
    fn a_broken_series_is_refused() {
        let mut record = record(fixture::healthy());
        let kind = SeriesKind::Response;
        for series in &mut record.series.data {
            series.bad[0] += 1;
        }
        let mut reader = record.series.reader(kind, false).unwrap();
        assert!(reader.up_to(u32::MAX).is_err());
        record.series.encoding = "other".to_owned();
        assert!(record.series.reader(kind, false).is_err());
    }
}
