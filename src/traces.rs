//! The traces of a run, as W3C Trace Context has them: one for each iteration, so that a tracing backend shows a whole
//! journey together, and one span for each request.
//!
//! A trace's name is eight bytes of the run and eight of the ticket. Those of the run are drawn once and kept in
//! `run.json`, so that two runs with one seed do not meet in a tracing backend. Those of the ticket are mixed with them
//! and look random: there are samplers that keep a share of the traces by these bytes, and backends that look at
//! nothing else. Nothing needs to be kept for a request: from the run and its ticket, every name can be made again.

use std::fmt;

use crate::chance::{Chance, Purpose};
use crate::plan::Traceparent;

/// From one span's name to the next: 2⁶⁴ over the golden ratio, so that neighbours look nothing alike.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// What the traces of a run have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traces {
    run: u64,
    sampled: bool,
}

/// The name of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId {
    run: u64,
    ticket: u64,
}

impl fmt::Display for TraceId {
    /// As tracing backends search for it: 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.run, self.ticket)
    }
}

impl Traces {
    /// The traces of a run that drew `run`; no trace may be all zeros, so a zero is a one.
    pub fn new(run: u64, sampled: bool) -> Self {
        Self {
            run: run.max(1),
            sampled,
        }
    }

    /// As the plan wants them; `None` = requests name no trace.
    pub fn of(setting: Traceparent, run: u64) -> Option<Self> {
        match setting {
            Traceparent::Off => None,
            Traceparent::Unsampled => Some(Self::new(run, false)),
            Traceparent::Sampled => Some(Self::new(run, true)),
        }
    }

    /// With what the name of every trace of the run begins.
    pub fn run(&self) -> u64 {
        self.run
    }

    /// Whether requests ask the target to record their trace.
    pub fn sampled(&self) -> bool {
        self.sampled
    }

    /// The name of a ticket's trace.
    pub fn trace_id(&self, ticket: u64) -> TraceId {
        TraceId {
            run: self.run,
            // Zeros there would be no name to whoever looks at these bytes alone.
            ticket: self.chance().bits(ticket, Purpose::Trace, 0).max(1),
        }
    }

    /// The trace of a ticket's iteration, before its first request.
    pub fn trace(&self, ticket: u64) -> Trace {
        let mut value = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let id = self.trace_id(ticket);
        write_hex(&mut value[3..19], id.run);
        write_hex(&mut value[19..35], id.ticket);
        if self.sampled {
            value[54] = b'1';
        }
        Trace {
            mixed: id.ticket,
            requests: 0,
            value,
        }
    }

    fn chance(&self) -> Chance {
        Chance::new(self.run)
    }
}

/// The trace of one iteration, as its requests name it.
#[derive(Clone)]
pub struct Trace {
    /// The ticket's part of the trace's name, from which those of the spans are made.
    mixed: u64,
    /// How many requests have named it.
    requests: u64,
    /// The header's value, in which each request has a span of its own.
    value: [u8; 55],
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.value).unwrap_or_default())
    }
}

impl Trace {
    /// The same trace, as if `requests` more had named it.
    pub fn after(mut self, requests: u64) -> Self {
        self.requests += requests;
        self
    }

    /// The value of the next request's `traceparent` header.
    pub fn next_traceparent(&mut self) -> &str {
        self.requests += 1;
        // Steps of an odd number meet no value twice, and need no hash.
        let span = self.mixed.wrapping_add(self.requests.wrapping_mul(STEP));
        // All zeros would be no name.
        write_hex(&mut self.value[36..52], if span == 0 { STEP } else { span });
        // It is digits and dashes.
        std::str::from_utf8(&self.value).unwrap_or_default()
    }
}

/// Writes a number as sixteen hexadecimal digits.
fn write_hex(digits: &mut [u8], number: u64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest & 0xf) as usize];
        rest >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_header_is_what_the_recommendation_asks_for() {
        let traces = Traces::new(0x0af7_6519_16cd_43dd, true);
        let header = traces.trace(7).next_traceparent().to_owned();
        let fields: Vec<&str> = header.split('-').collect();
        assert_eq!(fields[0], "00");
        assert_eq!(fields[1], traces.trace_id(7).to_string());
        assert!(fields[1].starts_with("0af7651916cd43dd"), "{header}");
        assert_eq!(fields[1].len(), 32);
        assert_eq!(fields[2].len(), 16);
        assert_eq!(fields[3], "01");
        let is_hex = |field: &&str| {
            field
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        assert!(fields.iter().all(is_hex), "{header}");
        let unsampled = Traces::new(1, false).trace(7).next_traceparent().to_owned();
        assert!(unsampled.ends_with("-00"), "{unsampled}");
    }

    #[test]
    fn iterations_requests_and_runs_have_names_of_their_own() {
        let (first, second) = (Traces::new(1, false), Traces::new(2, false));
        let mut names = BTreeSet::new();
        let mut spans = BTreeSet::new();
        for ticket in 0..200 {
            for traces in [first, second] {
                let name = traces.trace_id(ticket).to_string();
                // A backend may keep the last eight bytes only.
                assert!(names.insert(name[16..].to_owned()), "{name}");
            }
            let mut trace = first.trace(ticket);
            for _ in 0..10 {
                let header = trace.next_traceparent().to_owned();
                assert_eq!(header[3..35], first.trace_id(ticket).to_string());
                assert!(spans.insert(header[36..52].to_owned()), "{header}");
            }
        }
    }

    #[test]
    fn the_bytes_that_samplers_look_at_are_spread_evenly() {
        let traces = Traces::new(0x1234_5678_9abc_def0, false);
        // What a sampler for a tenth of the traces keeps.
        let kept = (0..10_000).filter(|ticket| traces.trace_id(*ticket).ticket < u64::MAX / 10);
        let kept = kept.count();
        assert!((900..1_100).contains(&kept), "{kept} of 10,000");
    }

    #[test]
    fn no_name_is_all_zeros_and_off_is_off() {
        assert_eq!(Traces::new(0, false).run(), 1);
        assert_eq!(Traces::of(Traceparent::Off, 5), None);
        assert_eq!(Traces::of(Traceparent::Unsampled, 5), Some(Traces::new(5, false)));
        assert_eq!(Traces::of(Traceparent::Sampled, 5), Some(Traces::new(5, true)));
    }
}
