//! Recording analysis: scores that are invented but consistent.
//!
//! A speaker's skill is drawn once per recording; words scatter around it, and every total is computed from its
//! parts by the rules in [`classconnect_api::scores`].

use classconnect_api::RecordingAnalysis;
use classconnect_api::RecordingAnalysisRequest;
use classconnect_api::recording_analysis::{
    AnalysisStatus, CriticalError, FeedbackData, FillerWord, PhonemeScore, PronunciationAnalysis,
    SyllableScore, TranscriptionResults, WordErrorType, WordScore,
};
use classconnect_api::scores::{completeness_score, pronunciation_score, round_to_tenth};

use super::feedback::feedback_on;
use super::words::{phonemes, spoken_words, syllables};
use crate::decision::{Draws, Purpose};
use crate::job::Job;

const MODEL_VERSION: &str = "mock-1";
/// A word below this accuracy is mispronounced.
pub(super) const WORD_PASS: f64 = 70.0;
/// A phoneme below this accuracy is a problem.
pub(super) const PHONEME_PASS: f64 = 60.0;
/// Longer texts are scored per word only, so that a webhook's body stays within some tens of kilobytes.
pub(super) const DETAILED_WORDS_MAX: usize = 60;
const PHONEME_DURATION_MS: u64 = 70;
const GAP_MS: u64 = 60;
/// Room in the numbering of draws for the parts of one word.
const PARTS_PER_WORD: u64 = 64;

pub(super) fn analyse(job: &Job, request: &RecordingAnalysisRequest) -> RecordingAnalysis {
    let draws = job.draws;
    let words = score_words(draws, &request.expected_text);
    let parts = combine(draws, request, &words);
    let score = pronunciation_score(&parts);
    let is_passed = score >= job.fate.pass_threshold;
    RecordingAnalysis {
        feedback_data: feedback_on(&words, is_passed),
        transcription_results: transcribe(draws, request, &words),
        pronunciation_score: score,
        is_passed,
        pronunciation_analysis: parts,
        word_level_scores: words,
        ..frame(job, request, AnalysisStatus::Success)
    }
}

/// Completes technically and carries no result.
pub(super) fn soft_error(job: &Job, request: &RecordingAnalysisRequest) -> RecordingAnalysis {
    frame(job, request, AnalysisStatus::Error)
}

/// Everything that does not depend on what was heard, with empty results.
fn frame(job: &Job, request: &RecordingAnalysisRequest, status: AnalysisStatus) -> RecordingAnalysis {
    RecordingAnalysis {
        job_id: job.id.clone(),
        client_reference_id: request.client_reference_id.clone(),
        sequence: 1,
        status,
        attempt_type: request.attempt_type,
        sentence_index: request.sentence_index,
        pronunciation_score: 0.0,
        is_passed: false,
        pass_threshold: job.fate.pass_threshold,
        pronunciation_analysis: PronunciationAnalysis {
            accuracy_score: 0.0,
            fluency_score: 0.0,
            completeness_score: 0.0,
            prosody_score: has_prosody(request).then_some(0.0),
            audio_duration_ms: 0,
            snr_db: 0.0,
            critical_errors: Vec::new(),
        },
        transcription_results: TranscriptionResults {
            text: String::new(),
            confidence: 0.0,
            language: request.language.clone(),
            filler_words: Vec::new(),
        },
        word_level_scores: Vec::new(),
        feedback_data: FeedbackData {
            overall_feedback: "The recording could not be assessed.".to_owned(),
            problematic_words: Vec::new(),
            phoneme_errors: Vec::new(),
        },
        processing_time_ms: job.fate.delay.as_millis().try_into().unwrap_or(u64::MAX),
        model_version: MODEL_VERSION.to_owned(),
    }
}

fn has_prosody(request: &RecordingAnalysisRequest) -> bool {
    request.language.eq_ignore_ascii_case("en-US")
}

fn score_words(draws: Draws, expected_text: &str) -> Vec<WordScore> {
    let words: Vec<&str> = spoken_words(expected_text).collect();
    let is_detailed = words.len() <= DETAILED_WORDS_MAX;
    let skill = 72.0 + 26.0 * draws.uniform(Purpose::Skill, 0);
    let mut offset_ms = 120;
    let mut scores = Vec::with_capacity(words.len());
    for (word, index) in words.into_iter().zip(0_u32..) {
        let score = score_word(draws, word, index, skill, offset_ms, is_detailed);
        offset_ms += score.duration_ms + GAP_MS;
        scores.push(score);
    }
    scores
}

fn score_word(
    draws: Draws,
    word: &str,
    index: u32,
    skill: f64,
    offset_ms: u64,
    is_detailed: bool,
) -> WordScore {
    let error_type = word_error(draws, index);
    let base = WordScore {
        word: word.to_owned(),
        index,
        accuracy_score: None,
        error_type,
        offset_ms,
        duration_ms: 0,
        syllables: Vec::new(),
        phonemes: Vec::new(),
    };
    if error_type == WordErrorType::Omission {
        return base;
    }
    let u = draws.uniform(Purpose::WordAccuracy, index.into());
    let accuracy = if error_type == WordErrorType::Mispronunciation {
        35.0 + u * (WORD_PASS - 35.1)
    } else {
        (skill + 16.0 * (u - 0.5)).clamp(WORD_PASS, 100.0)
    };
    let sounds = phonemes(word);
    let duration_ms = PHONEME_DURATION_MS * sounds.len() as u64;
    let (phonemes, syllables) = if is_detailed {
        (
            score_phonemes(draws, sounds, index, accuracy, offset_ms),
            score_syllables(draws, word, index, accuracy),
        )
    } else {
        (Vec::new(), Vec::new())
    };
    WordScore {
        accuracy_score: Some(round_to_tenth(accuracy)),
        duration_ms,
        phonemes,
        syllables,
        ..base
    }
}

fn word_error(draws: Draws, index: u32) -> WordErrorType {
    match draws.uniform(Purpose::WordError, index.into()) {
        u if u < 0.10 => WordErrorType::Mispronunciation,
        u if u < 0.13 => WordErrorType::Omission,
        u if u < 0.15 => WordErrorType::UnexpectedBreak,
        u if u < 0.17 => WordErrorType::MissingBreak,
        u if u < 0.18 => WordErrorType::Monotone,
        _ => WordErrorType::None,
    }
}

/// Scatters a part of a word around the word's accuracy.
fn scatter(draws: Draws, purpose: Purpose, index: u32, part: u64, accuracy: f64) -> f64 {
    let u = draws.uniform(purpose, u64::from(index) * PARTS_PER_WORD + part);
    round_to_tenth((accuracy + 30.0 * (u - 0.5)).clamp(0.0, 100.0))
}

fn score_phonemes(
    draws: Draws,
    sounds: Vec<String>,
    index: u32,
    accuracy: f64,
    word_offset_ms: u64,
) -> Vec<PhonemeScore> {
    const CONFUSED_WITH: [&str; 8] = ["b", "d", "f", "s", "z", "v", "i", "eh"];
    let score_one = |(sound, part): (String, u64)| {
        let accuracy_score = scatter(draws, Purpose::PhonemeAccuracy, index, part, accuracy);
        let number = u64::from(index) * PARTS_PER_WORD + part;
        let confused_with = draws
            .pick(Purpose::SoundedLike, number, &CONFUSED_WITH)
            .filter(|_| accuracy_score < PHONEME_PASS);
        PhonemeScore {
            sounded_like: confused_with.filter(|other| *other != sound).map(str::to_owned),
            phoneme: sound,
            accuracy_score,
            offset_ms: word_offset_ms + part * PHONEME_DURATION_MS,
            duration_ms: PHONEME_DURATION_MS,
        }
    };
    sounds.into_iter().zip(0_u64..).map(score_one).collect()
}

fn score_syllables(draws: Draws, word: &str, index: u32, accuracy: f64) -> Vec<SyllableScore> {
    let score_one = |(syllable, part)| SyllableScore {
        syllable,
        accuracy_score: scatter(draws, Purpose::SyllableAccuracy, index, part, accuracy),
    };
    syllables(word).into_iter().zip(0_u64..).map(score_one).collect()
}

fn combine(draws: Draws, request: &RecordingAnalysisRequest, words: &[WordScore]) -> PronunciationAnalysis {
    let scored: Vec<f64> = words.iter().filter_map(|word| word.accuracy_score).collect();
    let mean = if scored.is_empty() {
        0.0
    } else {
        scored.iter().sum::<f64>() / scored.len() as f64
    };
    let near_mean =
        |purpose| round_to_tenth((mean + 20.0 * (draws.uniform(purpose, 0) - 0.5)).clamp(0.0, 100.0));
    let critical_errors = words
        .iter()
        .filter(|word| {
            matches!(
                word.error_type,
                WordErrorType::Mispronunciation | WordErrorType::Omission
            )
        })
        .map(|word| CriticalError {
            word: word.word.clone(),
            error_type: word.error_type,
        })
        .collect();
    PronunciationAnalysis {
        accuracy_score: round_to_tenth(mean),
        fluency_score: near_mean(Purpose::Fluency),
        completeness_score: completeness_score(words),
        prosody_score: has_prosody(request).then(|| near_mean(Purpose::Prosody)),
        audio_duration_ms: words.last().map_or(0, |word| word.offset_ms + word.duration_ms) + 200,
        snr_db: round_to_tenth(20.0 + 25.0 * draws.uniform(Purpose::Noise, 0)),
        critical_errors,
    }
}

fn transcribe(draws: Draws, request: &RecordingAnalysisRequest, words: &[WordScore]) -> TranscriptionResults {
    let heard: Vec<&str> = words
        .iter()
        .filter(|word| word.error_type != WordErrorType::Omission)
        .map(|word| word.word.as_str())
        .collect();
    let filler_words = if draws.happens(Purpose::Filler, 0, 0.2) {
        vec![FillerWord {
            word: "um".to_owned(),
            offset_ms: 20,
        }]
    } else {
        Vec::new()
    };
    TranscriptionResults {
        text: heard.join(" "),
        confidence: (80.0 + 20.0 * draws.uniform(Purpose::Confidence, 0)).round() / 100.0,
        language: request.language.clone(),
        filler_words,
    }
}
