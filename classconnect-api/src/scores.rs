//! The rules that tie a recording's scores together. The sender keeps them and the receiver may check them.

use crate::recording_analysis::{PronunciationAnalysis, WordErrorType, WordScore};

/// The overall score of an analysis, 0–100 with one decimal.
///
/// The parts are sorted ascending, so the weakest part weighs most: with prosody
/// `0.4·s0 + 0.2·s1 + 0.2·s2 + 0.2·s3`, without it `0.6·s0 + 0.2·s1 + 0.2·s2`. This is the formula behind the
/// `PronScore` that Azure's pronunciation assessment returns.
pub fn pronunciation_score(parts: &PronunciationAnalysis) -> f64 {
    let mut sorted = vec![
        parts.accuracy_score,
        parts.fluency_score,
        parts.completeness_score,
    ];
    sorted.extend(parts.prosody_score);
    sorted.sort_by(f64::total_cmp);
    let weight_of_weakest = if parts.prosody_score.is_some() { 0.4 } else { 0.6 };
    let score = weight_of_weakest * sorted[0] + 0.2 * sorted[1..].iter().sum::<f64>();
    round_to_tenth(score)
}

/// Share of the expected words that were not omitted, times 100, with one decimal. An empty list is incomplete.
pub fn completeness_score(words: &[WordScore]) -> f64 {
    let expected = words
        .iter()
        .filter(|word| word.error_type != WordErrorType::Insertion)
        .count();
    if expected == 0 {
        return 0.0;
    }
    let omitted = words
        .iter()
        .filter(|word| word.error_type == WordErrorType::Omission)
        .count();
    round_to_tenth(100.0 * (expected - omitted) as f64 / expected as f64)
}

/// Scores carry one decimal.
pub fn round_to_tenth(score: f64) -> f64 {
    (score * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(accuracy: f64, fluency: f64, completeness: f64, prosody: Option<f64>) -> PronunciationAnalysis {
        PronunciationAnalysis {
            accuracy_score: accuracy,
            fluency_score: fluency,
            completeness_score: completeness,
            prosody_score: prosody,
            audio_duration_ms: 0,
            snr_db: 0.0,
            critical_errors: Vec::new(),
        }
    }

    fn word(error_type: WordErrorType) -> WordScore {
        WordScore {
            word: "w".to_owned(),
            index: 0,
            accuracy_score: None,
            error_type,
            offset_ms: 0,
            duration_ms: 0,
            syllables: Vec::new(),
            phonemes: Vec::new(),
        }
    }

    #[test]
    fn the_score_agrees_with_published_samples() {
        let table = [
            (parts(96.0, 100.0, 100.0, Some(91.0)), 95.6),
            (parts(13.0, 0.0, 0.0, Some(59.6)), 14.5),
            (parts(100.0, 100.0, 100.0, Some(87.8)), 95.1),
            (parts(96.0, 100.0, 100.0, None), 97.6),
        ];
        for (parts, expected) in table {
            assert_eq!(pronunciation_score(&parts), expected, "{parts:?}");
        }
    }

    #[test]
    fn completeness_counts_omitted_words_against_expected_ones() {
        use WordErrorType::{Insertion, Mispronunciation, None, Omission};
        assert_eq!(completeness_score(&[]), 0.0);
        assert_eq!(
            completeness_score(&[word(None), word(Omission), word(Mispronunciation)]),
            66.7
        );
        assert_eq!(completeness_score(&[word(None), word(Insertion)]), 100.0);
    }
}
