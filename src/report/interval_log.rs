//! `metrics.hlog`: one HdrHistogram per second and series, in the interval-log format that HdrHistogram's own tools
//! read (`HistogramLogProcessor`, the log analysers of other languages).
//!
//! Values are microseconds; the column of maxima is in milliseconds. A failed event has no value and cannot be part
//! of a histogram: how many were left out is said in a comment, since a reader of the log alone would take fast
//! failures for a fast server.

use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::ReportError;
use super::model::RunRecord;
use crate::metrics::{SeriesKey, Slice};
use crate::plan::StepInfo;

/// Microseconds in the unit of the column of maxima.
const MICROSECONDS_PER_MILLISECOND: f64 = 1e3;

/// Renders the log.
pub(super) fn render(record: &RunRecord) -> Result<String, ReportError> {
    let failed = |what: &dyn std::fmt::Display| {
        ReportError::invalid(format!("the interval log could not be written: {what}"))
    };
    let start = SystemTime::from(record.started()?);
    let measurements = record.evidence()?.measurements;
    let steps = record.context()?.steps;

    // The log is ordered by time, and by series within a second.
    let mut intervals: Vec<(u32, String, &Slice)> = Vec::new();
    let mut failures: Vec<String> = Vec::new();
    // Sessions are counted as series too, but they are no times.
    let times = measurements.series.iter().filter(|(key, _)| key.kind.is_time());
    for (key, series) in times {
        for (phase, slices) in [("warm-up.", &series.warm_up), ("", &series.measured)] {
            let tag = format!("{phase}{}", tag(key, &steps));
            let bad: u64 = slices.values().map(|slice| slice.bad).sum();
            if bad > 0 {
                failures.push(format!("{tag}: {bad}"));
            }
            let filled = slices.iter().filter(|(_, slice)| slice.good() > 0);
            intervals.extend(filled.map(|(second, slice)| (*second, tag.clone(), slice)));
        }
    }
    intervals.sort_by(|left, right| (left.0, &left.1).cmp(&(right.0, &right.1)));

    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder
        .add_comment(&format!(
            "run {} of loadtest {}",
            record.run_id, record.environment.tool_version
        ))
        .add_comment("values in microseconds, one interval per second and series")
        .add_comment(&match failures.is_empty() {
            true => "no event failed".to_owned(),
            false => format!(
                "failed events have no value and are left out: {}",
                failures.join(", ")
            ),
        })
        .with_start_time(start)
        .with_base_time(start)
        .with_max_value_divisor(MICROSECONDS_PER_MILLISECOND);
    let mut log = builder
        .begin_log_with(&mut bytes, &mut serializer)
        .map_err(|error| failed(&error))?;
    let mut histogram = Histogram::<u64>::new(3).map_err(|error| failed(&error))?;
    for (second, tag, slice) in intervals {
        histogram.reset();
        for (bucket, count) in &slice.values {
            histogram
                .record_n(u64::from(*bucket), *count)
                .map_err(|error| failed(&error))?;
        }
        let tag = Tag::new(&tag).ok_or_else(|| failed(&"a series has a name that is not allowed"))?;
        let from = Duration::from_secs(u64::from(second));
        log.write_histogram(&histogram, from, Duration::from_secs(1), Some(tag))
            .map_err(|error| failed(&error))?;
    }
    String::from_utf8(bytes).map_err(|error| failed(&error))
}

/// `response_time.submit_recording`. Commas, spaces and line ends would end a tag early.
fn tag(key: &SeriesKey, steps: &[StepInfo]) -> String {
    let step = key.step.map(|step| {
        steps
            .get(step.index())
            .map_or("unknown", |info| info.name.as_str())
    });
    let name = match step {
        Some(step) => format!("{}.{step}", key.kind.key()),
        None => key.kind.key().to_owned(),
    };
    let harmless = |letter: char| match letter {
        ',' | ' ' | '\t' | '\r' | '\n' => '_',
        other => other,
    };
    name.chars().map(harmless).collect()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::metrics::SeriesKind;
    use crate::report::tests::record;
    use crate::sla::fixture;

    #[test]
    fn a_reader_of_interval_logs_finds_every_value_in_its_second() {
        let record = record(fixture::failing());
        let text = render(&record).unwrap();
        let measurements = record.evidence().unwrap().measurements;
        let steps = record.context().unwrap().steps;
        let mut found = std::collections::BTreeMap::<(String, u64), u64>::new();
        let mut last = Duration::ZERO;
        for entry in IntervalLogIterator::new(text.as_bytes()) {
            let LogEntry::Interval(interval) = entry.unwrap() else {
                continue;
            };
            assert!(interval.start_timestamp() >= last, "in order");
            last = interval.start_timestamp();
            let bytes = STANDARD.decode(interval.encoded_histogram()).unwrap();
            let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
            assert!((interval.max() - histogram.max() as f64 / 1e3).abs() < 0.001);
            let tag = interval.tag().unwrap().as_str().to_owned();
            found.insert((tag, last.as_secs()), histogram.len());
        }
        for (key, series) in measurements.series.iter().filter(|(key, _)| key.kind.is_time()) {
            for (second, slice) in &series.measured {
                let found = found.get(&(tag(key, &steps), u64::from(*second))).copied();
                assert_eq!(found.unwrap_or(0), slice.good(), "{key:?} {second}");
            }
        }
        let failed = measurements.total(SeriesKind::Response, None).bad;
        assert!(
            failed > 0 && text.contains("failed events have no value and are left out"),
            "{failed}"
        );
    }
}
