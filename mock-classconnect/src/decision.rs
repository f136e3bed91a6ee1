//! Chance without a generator: every decision is a hash of (seed, submission, purpose, n).
//!
//! Concurrency changes the order in which decisions are asked for, so a shared generator would give the same
//! submission another fate in every run. A hash does not know the order.

use classconnect_api::SubmissionKind;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

/// What a number is drawn for. The discriminants are part of the outcome: changing one changes every run that was
/// recorded with the same seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Purpose {
    RejectSubmit = 1,
    Delay = 2,
    Drop = 3,
    Duplicate = 4,
    DuplicateGap = 5,
    WrongSignature = 6,
    FailAnalysis = 7,
    FailureCode = 8,
    SoftError = 9,
    Skill = 20,
    Fluency = 21,
    Prosody = 22,
    Noise = 23,
    Confidence = 24,
    WordError = 25,
    WordAccuracy = 26,
    PhonemeAccuracy = 27,
    SyllableAccuracy = 28,
    SoundedLike = 29,
    Filler = 30,
}

/// All draws of one submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Draws {
    state: u64,
}

impl Draws {
    /// `key` is the input that the caller assigned: the recording's `audio_url`, or the transcript. The kind of call
    /// is hashed as well, so that improving a text and extracting its sentences do not share one fate.
    pub(crate) fn new(seed: u64, kind: SubmissionKind, key: &str) -> Self {
        let kind_seed = xxh3_64_with_seed(kind.as_str().as_bytes(), seed);
        Self {
            state: xxh3_64_with_seed(key.as_bytes(), kind_seed),
        }
    }

    /// The n-th number drawn for a purpose, uniform in [0, 1).
    pub(crate) fn uniform(self, purpose: Purpose, n: u64) -> f64 {
        let mut input = [0_u8; 16];
        input[..8].copy_from_slice(&(purpose as u64).to_le_bytes());
        input[8..].copy_from_slice(&n.to_le_bytes());
        // The upper 53 bits fill the mantissa of a double exactly.
        (xxh3_64_with_seed(&input, self.state) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something of this probability happens.
    pub(crate) fn happens(self, purpose: Purpose, n: u64, probability: f64) -> bool {
        self.uniform(purpose, n) < probability
    }

    /// One element of a list that is not empty.
    pub(crate) fn pick<T: Copy>(self, purpose: Purpose, n: u64, choices: &[T]) -> Option<T> {
        let position = (self.uniform(purpose, n) * choices.len() as f64) as usize;
        choices.get(position).copied()
    }

    /// A standard normal number, by the Box–Muller transform of two uniform ones.
    pub(crate) fn standard_normal(self, purpose: Purpose, n: u64) -> f64 {
        // 1 − u lies in (0, 1], where the logarithm is finite.
        let radius = (-2.0 * (1.0 - self.uniform(purpose, 2 * n)).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform(purpose, 2 * n + 1)).cos()
    }

    /// Names the submission without keeping its text.
    pub(crate) const fn identity(self) -> u64 {
        self.state
    }
}

/// Recognises a request body that was seen before.
pub(crate) fn fingerprint(kind: SubmissionKind, body: &[u8]) -> u128 {
    xxh3_128_with_seed(body, xxh3_64_with_seed(kind.as_str().as_bytes(), 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: SubmissionKind = SubmissionKind::RecordingAnalyses;

    #[test]
    fn the_same_question_has_the_same_answer_whatever_was_asked_before() {
        let forwards: Vec<_> = (0..100)
            .map(|n| Draws::new(7, KIND, "a").uniform(Purpose::Delay, n))
            .collect();
        let mut backwards: Vec<_> = (0..100)
            .rev()
            .map(|n| Draws::new(7, KIND, "a").uniform(Purpose::Delay, n))
            .collect();
        backwards.reverse();
        assert_eq!(forwards, backwards);
    }

    #[test]
    fn seed_kind_key_purpose_and_number_all_matter() {
        let base = Draws::new(7, KIND, "a").uniform(Purpose::Delay, 0);
        assert_ne!(base, Draws::new(8, KIND, "a").uniform(Purpose::Delay, 0));
        assert_ne!(
            base,
            Draws::new(7, SubmissionKind::SentenceExtractions, "a").uniform(Purpose::Delay, 0)
        );
        assert_ne!(base, Draws::new(7, KIND, "b").uniform(Purpose::Delay, 0));
        assert_ne!(base, Draws::new(7, KIND, "a").uniform(Purpose::Drop, 0));
        assert_ne!(base, Draws::new(7, KIND, "a").uniform(Purpose::Delay, 1));
    }

    #[test]
    fn the_hash_is_the_one_that_recorded_runs_were_made_with() {
        let draws = Draws::new(42, KIND, "https://audio/1.webm");
        assert_eq!(draws.uniform(Purpose::Delay, 0), 0.881_135_520_846_176_2);
    }

    #[test]
    fn draws_are_uniform_over_submissions() {
        let draws: Vec<f64> = (0..20_000)
            .map(|n| Draws::new(1, KIND, &format!("k{n}")).uniform(Purpose::Drop, 0))
            .collect();
        for tenth in 0..10 {
            let (low, high) = (f64::from(tenth) / 10.0, f64::from(tenth + 1) / 10.0);
            let share = draws.iter().filter(|u| (low..high).contains(*u)).count() as f64 / 20_000.0;
            assert!(
                (share - 0.1).abs() < 0.01,
                "{share} of the draws lie in [{low}, {high})"
            );
        }
    }

    #[test]
    fn probabilities_zero_and_one_are_certain() {
        for n in 0..1_000 {
            let draws = Draws::new(3, KIND, "x");
            assert!(!draws.happens(Purpose::Drop, n, 0.0));
            assert!(draws.happens(Purpose::Drop, n, 1.0));
            assert!(draws.pick(Purpose::Drop, n, &[1, 2, 3]).is_some());
        }
        assert_eq!(Draws::new(3, KIND, "x").pick::<u8>(Purpose::Drop, 0, &[]), None);
    }
}
