//! The series per second, compressed.
//!
//! Counts stand in plain columns, one entry per second. The histograms of all seconds of a series are one block: for
//! each second the number of filled buckets, then for each bucket the distance to the bucket before and the count,
//! all as LEB128 variable-length integers; DEFLATE; base64. A bucket is named by its lowest value in microseconds, in
//! the layout of an HdrHistogram with three significant digits.

mod reader;

use std::collections::BTreeMap;
use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::ReportError;
use crate::clock::Moment;
use crate::metrics::{Measurements, Series, SeriesKey, SeriesKind, Slice, Thresholds};
use crate::plan::StepId;

/// Largest unpacked block that is accepted: a file must not be able to fill the memory.
const BLOCK_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// All series with the thresholds that they count exactly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesSet {
    /// How `values` is packed.
    pub encoding: String,
    /// Per kind: the thresholds in microseconds, in the order of `above`.
    pub thresholds_us: BTreeMap<String, Vec<u32>>,
    /// The series, each in the phases that have events.
    pub data: Vec<SeriesRecord>,
}

/// One series in one phase, as columns: the n-th entry of each belongs to the n-th second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesRecord {
    /// What is measured: a key of `metrics`.
    pub kind: String,
    /// Index into `steps`.
    pub step: Option<u16>,
    /// Whether these are the seconds of the warm-up, which are not judged.
    pub warm_up: bool,
    /// Seconds of the run.
    pub second: Vec<u32>,
    /// Events, good and bad.
    pub total: Vec<u64>,
    /// Bad events.
    pub bad: Vec<u64>,
    /// Per second: good events above each threshold.
    pub above: Vec<Vec<u64>>,
    /// Sum of the times of good events, in microseconds.
    pub sum_us: Vec<u64>,
    /// Shortest time, in microseconds.
    pub min_us: Vec<u32>,
    /// Longest time, in microseconds.
    pub max_us: Vec<u32>,
    /// The packed histograms.
    pub values: String,
}

/// The name of the packing.
const ENCODING: &str = "leb128(bucket distance, count)+deflate+base64";

impl SeriesSet {
    pub(super) fn of(measurements: &Measurements) -> Result<Self, ReportError> {
        let mut data = Vec::new();
        for (key, series) in &measurements.series {
            for (warm_up, slices) in [(true, &series.warm_up), (false, &series.measured)] {
                if !slices.is_empty() {
                    data.push(SeriesRecord::of(*key, warm_up, slices)?);
                }
            }
        }
        Ok(Self {
            encoding: ENCODING.to_owned(),
            thresholds_us: measurements
                .thresholds
                .iter()
                .map(|(kind, list)| (kind.key().to_owned(), list.to_vec()))
                .collect(),
            data,
        })
    }

    fn check_encoding(&self) -> Result<(), ReportError> {
        if self.encoding != ENCODING {
            return Err(ReportError::invalid(format!(
                "the series are packed as \"{}\", which this version does not know",
                self.encoding
            )));
        }
        Ok(())
    }

    pub(super) fn read(&self) -> Result<Measurements, ReportError> {
        self.check_encoding()?;
        let mut thresholds = BTreeMap::new();
        for (key, list) in &self.thresholds_us {
            thresholds.insert(kind(key)?, list.clone());
        }
        let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::from_stored(thresholds));
        for record in &self.data {
            let key = SeriesKey {
                kind: kind(&record.kind)?,
                step: record.step.map(StepId),
            };
            let series: &mut Series = measurements.series.entry(key).or_default();
            let slices = record.read()?;
            if record.warm_up {
                series.warm_up = slices;
            } else {
                series.measured = slices;
            }
        }
        Ok(measurements)
    }
}

fn kind(key: &str) -> Result<SeriesKind, ReportError> {
    SeriesKind::from_key(key)
        .ok_or_else(|| ReportError::invalid(format!("\"{key}\" is not a kind of series")))
}

impl SeriesRecord {
    fn of(key: SeriesKey, warm_up: bool, slices: &BTreeMap<u32, Slice>) -> Result<Self, ReportError> {
        let column = |read: fn(&Slice) -> u64| slices.values().map(read).collect::<Vec<u64>>();
        Ok(Self {
            kind: key.kind.key().to_owned(),
            step: key.step.map(|step| step.0),
            warm_up,
            second: slices.keys().copied().collect(),
            total: column(|slice| slice.total),
            bad: column(|slice| slice.bad),
            above: slices.values().map(|slice| slice.above.clone()).collect(),
            sum_us: column(|slice| slice.sum_us),
            min_us: slices.values().map(|slice| slice.min_us).collect(),
            max_us: slices.values().map(|slice| slice.max_us).collect(),
            values: pack(slices.values().map(|slice| &slice.values))?,
        })
    }

    fn broken(&self, what: &str) -> ReportError {
        ReportError::invalid(format!("the series \"{}\" is broken: {what}", self.kind))
    }

    fn check_columns(&self) -> Result<(), ReportError> {
        let seconds = self.second.len();
        let lengths = [
            self.total.len(),
            self.bad.len(),
            self.above.len(),
            self.sum_us.len(),
            self.min_us.len(),
            self.max_us.len(),
        ];
        if lengths.iter().any(|length| *length != seconds) {
            return Err(self.broken("its columns have different lengths"));
        }
        Ok(())
    }

    /// The slice of the second at `index`, without its histogram, which is made sure to hold as many events.
    fn counts(&self, index: usize, buckets: &[(u32, u64)]) -> Result<Slice, ReportError> {
        let slice = Slice {
            total: self.total[index],
            bad: self.bad[index],
            above: self.above[index].clone(),
            values: BTreeMap::new(),
            sum_us: self.sum_us[index],
            max_us: self.max_us[index],
            min_us: self.min_us[index],
        };
        let good = slice.total.checked_sub(slice.bad);
        let counted = buckets
            .iter()
            .try_fold(0_u64, |sum, (_, count)| sum.checked_add(*count));
        if good.is_none() || good != counted {
            return Err(self.broken("its counts do not agree with its histogram"));
        }
        Ok(slice)
    }

    fn read(&self) -> Result<BTreeMap<u32, Slice>, ReportError> {
        self.check_columns()?;
        let mut slices = BTreeMap::new();
        let mut unpacking = Unpacking::new(&self.values)?;
        let mut buckets = Vec::new();
        for (index, second) in self.second.iter().enumerate() {
            buckets.clear();
            unpacking.take_second(&mut buckets)?;
            let mut slice = self.counts(index, &buckets)?;
            slice.values = buckets.iter().copied().collect();
            slices.insert(*second, slice);
        }
        unpacking.finish()?;
        Ok(slices)
    }
}

fn pack<'a>(histograms: impl Iterator<Item = &'a BTreeMap<u32, u64>>) -> Result<String, ReportError> {
    let mut plain = Vec::new();
    for histogram in histograms {
        write_integer(&mut plain, histogram.len() as u64);
        let mut before = 0;
        for (bucket, count) in histogram {
            write_integer(&mut plain, u64::from(bucket - before));
            write_integer(&mut plain, *count);
            before = *bucket;
        }
    }
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(&plain)
        .and_then(|()| encoder.finish())
        .map(|packed| STANDARD.encode(packed))
        .map_err(|error| ReportError::invalid(format!("a series could not be packed: {error}")))
}

/// A packed block, from its first histogram to its last.
struct Unpacking {
    bytes: std::vec::IntoIter<u8>,
}

impl Unpacking {
    fn new(text: &str) -> Result<Self, ReportError> {
        let packed = STANDARD.decode(text).map_err(|_| Self::broken())?;
        let mut plain = Vec::new();
        DeflateDecoder::new(packed.as_slice())
            .take(BLOCK_BYTES_MAX)
            .read_to_end(&mut plain)
            .map_err(|_| Self::broken())?;
        Ok(Self {
            bytes: plain.into_iter(),
        })
    }

    fn broken() -> ReportError {
        ReportError::invalid("the packed values of a series are broken".to_owned())
    }

    /// Appends the buckets of the next histogram, the lowest first.
    fn take_second(&mut self, buckets: &mut Vec<(u32, u64)>) -> Result<(), ReportError> {
        let mut integer = || read_integer(&mut self.bytes).ok_or_else(Self::broken);
        let mut bucket = 0_u32;
        for _ in 0..integer()? {
            let distance = u32::try_from(integer()?).map_err(|_| Self::broken())?;
            bucket = bucket.checked_add(distance).ok_or_else(Self::broken)?;
            buckets.push((bucket, integer()?));
        }
        Ok(())
    }

    /// Makes sure that nothing is left.
    fn finish(mut self) -> Result<(), ReportError> {
        match self.bytes.next() {
            None => Ok(()),
            Some(_) => Err(Self::broken()),
        }
    }
}

/// Writes an integer seven bits at a time, the lowest first; the high bit says that more follow.
fn write_integer(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn read_integer(bytes: &mut impl Iterator<Item = u8>) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = bytes.next()?;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unpack(text: &str, seconds: usize) -> Result<Vec<BTreeMap<u32, u64>>, ReportError> {
        let mut unpacking = Unpacking::new(text)?;
        let mut histograms = Vec::new();
        for _ in 0..seconds {
            let mut buckets = Vec::new();
            unpacking.take_second(&mut buckets)?;
            histograms.push(buckets.into_iter().collect());
        }
        unpacking.finish()?;
        Ok(histograms)
    }

    proptest! {
        #[test]
        fn packing_loses_nothing(
            histograms in proptest::collection::vec(
                proptest::collection::btree_map(any::<u32>(), any::<u64>(), 0..40), 0..10)
        ) {
            let packed = pack(histograms.iter()).unwrap();
            prop_assert_eq!(unpack(&packed, histograms.len()).unwrap(), histograms);
        }

        /// Whatever stands in the file, reading it gives values or an error.
        #[test]
        fn broken_blocks_are_refused(text in "[A-Za-z0-9+/]{0,40}={0,2}", seconds in 0_usize..5) {
            let _ = unpack(&text, seconds);
        }
    }

    #[test]
    fn counts_must_agree_with_the_histogram() {
        let mut slice = Slice::default();
        slice.add_value(1_000, 1_000, 3, &[500]);
        slice.add_bad(1);
        let key = SeriesKey {
            kind: SeriesKind::Response,
            step: Some(StepId(1)),
        };
        let good = SeriesRecord::of(key, false, &BTreeMap::from([(4, slice)])).unwrap();
        assert!(good.read().is_ok());
        for spoil in [
            |record: &mut SeriesRecord| record.bad[0] = 9,
            |record: &mut SeriesRecord| record.total[0] = 9,
            |record: &mut SeriesRecord| record.sum_us.clear(),
            |record: &mut SeriesRecord| record.values = "?".to_owned(),
        ] {
            let mut record = good.clone();
            spoil(&mut record);
            assert!(record.read().is_err());
        }
    }
}
