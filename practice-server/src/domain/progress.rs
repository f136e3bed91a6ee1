//! Progress through a session: what a submission and a result change, and when the session is over.

use serde_json::{Value, json};

use super::{RecordingTarget, Sentence};

/// The backend's bookkeeping of where the learner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// The sentence that was practised last.
    pub current_sentence_index: u32,
    /// The word within it, 0 after a whole sentence.
    pub current_word_index: u32,
    /// Recordings submitted in this session, whatever became of them.
    pub attempt_count: u32,
}

impl Progress {
    /// The progress after one more submission: it counts once, and the indexes follow the learner. A recording of
    /// the full transcript belongs to no sentence, so it leaves the indexes alone.
    pub fn after_submission(self, target: RecordingTarget) -> Self {
        let (sentence, word) = match target {
            RecordingTarget::Sentence { sentence_index } => (sentence_index, 0),
            RecordingTarget::Word {
                sentence_index,
                word_index,
            } => (sentence_index, word_index),
            RecordingTarget::FullTranscript => (self.current_sentence_index, self.current_word_index),
        };
        Self {
            current_sentence_index: sentence,
            current_word_index: word,
            attempt_count: self.attempt_count.saturating_add(1),
        }
    }
}

/// Notes an analysed recording on its sentence. Only a recording of a whole sentence completes it.
pub fn record_sentence_result(sentences: &mut [Sentence], target: RecordingTarget, score: f64, passed: bool) {
    let RecordingTarget::Sentence { sentence_index } = target else {
        return;
    };
    let Some(item) = sentences.iter_mut().find(|item| item.index == sentence_index) else {
        return;
    };
    item.completed = true;
    item.passed |= passed;
    item.attempts = item.attempts.saturating_add(1);
    item.best_score = Some(item.best_score.map_or(score, |best| best.max(score)));
}

/// What a session becomes when one of its attempts is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettledStatus {
    /// Another attempt is still open.
    StillAnalyzing,
    /// Nothing is open and a sentence is left.
    BackToPracticing,
    /// Nothing is open and every sentence has an analysed recording, passed or not.
    Completed,
}

/// The completion rule. `open_attempts` counts the attempts still open after the one that was just settled. A
/// session without sentences cannot complete.
pub fn settled_status(open_attempts: u32, sentences: &[Sentence]) -> SettledStatus {
    if open_attempts > 0 {
        SettledStatus::StillAnalyzing
    } else if !sentences.is_empty() && sentences.iter().all(|item| item.completed) {
        SettledStatus::Completed
    } else {
        SettledStatus::BackToPracticing
    }
}

/// The figures a completed session carries.
#[derive(Debug, Clone, PartialEq)]
pub struct FinalScores {
    /// The mean of the sentences' best scores, rounded to two decimals, 0–100.
    pub pronunciation_score: f64,
    /// The figures behind the score, and `is_passed`: every sentence was passed.
    pub pronunciation_analysis: Value,
}

/// The final scores of a session whose sentences are all completed; `None` without sentences.
pub fn final_scores(sentences: &[Sentence]) -> Option<FinalScores> {
    let best: Vec<f64> = sentences
        .iter()
        .map(|item| item.best_score.unwrap_or(0.0))
        .collect();
    if best.is_empty() {
        return None;
    }
    let mean = best.iter().sum::<f64>() / best.len() as f64;
    let passed = sentences.iter().filter(|item| item.passed).count();
    let pronunciation_score = (mean * 100.0).round() / 100.0;
    Some(FinalScores {
        pronunciation_score,
        pronunciation_analysis: json!({
            "is_passed": passed == sentences.len(),
            "average_score": pronunciation_score,
            "best_score": best.iter().copied().fold(f64::MIN, f64::max),
            "lowest_score": best.iter().copied().fold(f64::MAX, f64::min),
            "sentences": sentences.len(),
            "sentences_passed": passed,
        }),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn items(count: u32) -> Vec<Sentence> {
        (0..count)
            .map(|index| Sentence {
                index,
                text: format!("Sentence {index}."),
                words: vec!["Sentence".to_owned(), index.to_string()],
                completed: false,
                passed: false,
                attempts: 0,
                best_score: None,
            })
            .collect()
    }

    fn sentence(sentence_index: u32) -> RecordingTarget {
        RecordingTarget::Sentence { sentence_index }
    }

    #[test]
    fn a_submission_counts_once_and_moves_the_indexes() {
        let start = Progress {
            current_sentence_index: 1,
            current_word_index: 2,
            attempt_count: 4,
        };
        assert_eq!(
            start.after_submission(sentence(2)),
            Progress {
                current_sentence_index: 2,
                current_word_index: 0,
                attempt_count: 5
            }
        );
        assert_eq!(
            start.after_submission(RecordingTarget::Word {
                sentence_index: 0,
                word_index: 3
            }),
            Progress {
                current_sentence_index: 0,
                current_word_index: 3,
                attempt_count: 5
            }
        );
        assert_eq!(
            start.after_submission(RecordingTarget::FullTranscript),
            Progress {
                attempt_count: 5,
                ..start
            }
        );
    }

    #[test]
    fn only_a_sentence_recording_completes_a_sentence() {
        let mut sentences = items(2);
        record_sentence_result(&mut sentences, RecordingTarget::FullTranscript, 90.0, true);
        record_sentence_result(
            &mut sentences,
            RecordingTarget::Word {
                sentence_index: 0,
                word_index: 0,
            },
            90.0,
            true,
        );
        assert_eq!(sentences, items(2));
        record_sentence_result(&mut sentences, sentence(1), 70.0, false);
        assert!(sentences[1].completed && !sentences[1].passed);
        assert!(!sentences[0].completed);
    }

    #[test]
    fn a_worse_later_recording_takes_nothing_away() {
        let mut sentences = items(1);
        record_sentence_result(&mut sentences, sentence(0), 85.0, true);
        record_sentence_result(&mut sentences, sentence(0), 40.0, false);
        assert_eq!(sentences[0].best_score, Some(85.0));
        assert!(sentences[0].passed);
        assert_eq!(sentences[0].attempts, 2);
    }

    #[test]
    fn the_completion_rule() {
        let mut sentences = items(2);
        assert_eq!(settled_status(0, &[]), SettledStatus::BackToPracticing);
        assert_eq!(settled_status(0, &sentences), SettledStatus::BackToPracticing);
        record_sentence_result(&mut sentences, sentence(0), 10.0, false);
        assert_eq!(settled_status(0, &sentences), SettledStatus::BackToPracticing);
        record_sentence_result(&mut sentences, sentence(1), 10.0, false);
        assert_eq!(settled_status(1, &sentences), SettledStatus::StillAnalyzing);
        assert_eq!(settled_status(0, &sentences), SettledStatus::Completed);
    }

    #[test]
    fn final_scores_are_the_mean_of_the_best() {
        let mut sentences = items(3);
        for (index, score) in [(0, 80.0), (1, 90.0), (2, 75.0), (2, 71.0)] {
            record_sentence_result(&mut sentences, sentence(index), score, score >= 80.0);
        }
        let scores = final_scores(&sentences).unwrap();
        assert_eq!(scores.pronunciation_score, 81.67);
        assert_eq!(scores.pronunciation_analysis["is_passed"], false);
        assert_eq!(scores.pronunciation_analysis["lowest_score"], 75.0);
        assert_eq!(scores.pronunciation_analysis["sentences_passed"], 2);
        assert_eq!(final_scores(&[]), None);
    }

    proptest! {
        /// Whatever the order of results, a session completes exactly when each sentence was seen.
        #[test]
        fn completion_does_not_depend_on_order(results in prop::collection::vec((0u32..4, 0.0f64..100.0), 0..20)) {
            let mut sentences = items(4);
            for (index, score) in &results {
                record_sentence_result(&mut sentences, sentence(*index), *score, *score >= 80.0);
            }
            let seen = (0..4).all(|index| results.iter().any(|(i, _)| *i == index));
            prop_assert_eq!(settled_status(0, &sentences) == SettledStatus::Completed, seen);
            let counted: u32 = sentences.iter().map(|item| item.attempts).sum();
            prop_assert_eq!(counted as usize, results.len());
        }
    }
}
