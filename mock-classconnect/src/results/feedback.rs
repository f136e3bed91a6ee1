//! What the learner is told: the five weakest words and the three weakest phonemes of each.

use classconnect_api::recording_analysis::{
    FeedbackData, PhonemeIssue, ProblematicWord, WordErrorType, WordPhonemeErrors, WordScore,
};
use classconnect_api::scores::round_to_tenth;

use super::recording::{PHONEME_PASS, WORD_PASS};

const WORDS_MAX: usize = 5;
const PHONEMES_MAX: usize = 3;

pub(super) fn feedback_on(words: &[WordScore], is_passed: bool) -> FeedbackData {
    let mut weak: Vec<(&WordScore, f64)> = words
        .iter()
        .filter_map(|word| Some((word, word.accuracy_score?)))
        .filter(|(_, accuracy)| *accuracy < WORD_PASS)
        .collect();
    weak.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    weak.truncate(WORDS_MAX);
    let problematic_words = weak
        .iter()
        .map(|(word, accuracy)| ProblematicWord {
            word: word.word.clone(),
            word_index: word.index,
            difficulty_score: round_to_tenth(100.0 - accuracy),
        })
        .collect();
    let phoneme_errors = weak
        .iter()
        .map(|(word, accuracy)| WordPhonemeErrors {
            word: word.word.clone(),
            accuracy: *accuracy,
            issues: issues_of(word),
        })
        .filter(|errors| !errors.issues.is_empty())
        .collect();
    let overall_feedback = match (is_passed, weak.is_empty()) {
        (true, true) => "Well done: every word was clear.",
        (true, false) => "Well done. A few words can still become clearer.",
        (false, true) => "Every word was clear; practise speaking more fluently and completely.",
        (false, false) => "Practise the marked words and try again.",
    };
    FeedbackData {
        overall_feedback: overall_feedback.to_owned(),
        problematic_words,
        phoneme_errors,
    }
}

fn issues_of(word: &WordScore) -> Vec<PhonemeIssue> {
    let mut issues: Vec<PhonemeIssue> = word
        .phonemes
        .iter()
        .filter(|phoneme| phoneme.accuracy_score < PHONEME_PASS)
        .map(|phoneme| PhonemeIssue {
            phoneme: phoneme.phoneme.clone(),
            accuracy: phoneme.accuracy_score,
            issue_type: WordErrorType::Mispronunciation,
        })
        .collect();
    issues.sort_by(|a, b| a.accuracy.total_cmp(&b.accuracy));
    issues.truncate(PHONEMES_MAX);
    issues
}
