//! Determinism and the consistency rules, over random texts.

use std::collections::HashSet;
use std::sync::Arc;

use classconnect_api::recording_analysis::{AnalysisStatus, WordErrorType};
use classconnect_api::scores::{completeness_score, pronunciation_score};
use classconnect_api::{
    AttemptType, RecordingAnalysis, RecordingAnalysisRequest, SubmissionKind, TranscriptImprovementRequest,
    WebhookEvent,
};
use proptest::prelude::*;

use super::improvement::improve_text;
use super::recording::DETAILED_WORDS_MAX;
use super::sentences::split_sentences;
use super::words::{phonemes, spoken_words, syllables};
use super::*;
use crate::clock::Moment;
use crate::decision::Draws;
use crate::plan::Plan;

fn recording_job(seed: u64, plan: &str, audio_url: &str, expected_text: &str, language: &str) -> Job {
    let input = JobInput::Recording(RecordingAnalysisRequest {
        client_reference_id: "ref".to_owned(),
        webhook_url: "http://127.0.0.1/hook".to_owned(),
        attempt_type: AttemptType::Sentence,
        expected_text: expected_text.to_owned(),
        sentence_index: Some(2),
        word_context: None,
        audio_url: audio_url.to_owned(),
        language: language.to_owned(),
    });
    job(seed, plan, input)
}

fn job(seed: u64, plan: &str, input: JobInput) -> Job {
    Job::accept(
        input.clone(),
        reqwest::Url::parse("http://127.0.0.1/hook").unwrap(),
        "key".to_owned(),
        Draws::new(seed, input.kind(), input.submission_key()),
        Arc::new(Plan::parse(plan.as_bytes()).unwrap()),
        Moment {
            monotonic_ns: 0,
            unix_us: 0,
        },
    )
}

fn analysis(job: &Job) -> RecordingAnalysis {
    match job.event() {
        WebhookEvent::RecordingAnalysisCompleted(data) => *data,
        other => panic!("not a completed analysis: {other:?}"),
    }
}

#[test]
fn sentences_end_before_whitespace_and_a_capital_letter() {
    let table: [(&str, &[&str]); 8] = [
        ("", &[]),
        ("  \n ", &[]),
        ("one", &["one"]),
        ("One. Two! Three? Four", &["One.", "Two!", "Three?", "Four"]),
        (
            "I paid 3.50 euros. then left.",
            &["I paid 3.50 euros. then left."],
        ),
        ("Wait... What?", &["Wait...", "What?"]),
        ("  Hi.\n\tÄpfel sind gut. ", &["Hi.", "Äpfel sind gut."]),
        ("No.Gap here", &["No.Gap here"]),
    ];
    for (text, expected) in table {
        assert_eq!(split_sentences(text), expected, "{text:?}");
    }
}

#[test]
fn an_improvement_lists_every_edit() {
    let (improved, changes) = improve_text("we're   gonna learn. I wanna speak");
    assert_eq!(improved, "We're going to learn. I want to speak.");
    let kinds: Vec<_> = changes
        .iter()
        .map(|change| (change.sentence_index, change.kind))
        .collect();
    use classconnect_api::transcript::TranscriptChangeKind::{
        Capitalization, Filler, Punctuation, Whitespace,
    };
    assert_eq!(
        kinds,
        [
            (0, Whitespace),
            (0, Filler),
            (0, Capitalization),
            (1, Filler),
            (1, Punctuation)
        ]
    );
    assert_eq!(improve_text("Gonna go!").0, "Going to go!");
}

#[test]
fn extraction_returns_each_sentence_with_its_words_and_no_progress() {
    let input = JobInput::Extraction(classconnect_api::SentenceExtractionRequest {
        client_reference_id: "ref".to_owned(),
        webhook_url: String::new(),
        transcript: "Hello, world! It's me.".to_owned(),
        language: "en-US".to_owned(),
    });
    let WebhookEvent::SentenceExtractionCompleted(data) = job(1, "{}", input).event() else {
        panic!("wrong event");
    };
    let seen: Vec<_> = data
        .sentences
        .iter()
        .map(|s| (s.index, s.text.as_str(), s.words.join("|")))
        .collect();
    assert_eq!(
        seen,
        [
            (0, "Hello, world!", "Hello|world".to_owned()),
            (1, "It's me.", "It's|me".to_owned())
        ]
    );
    assert!(
        data.sentences
            .iter()
            .all(|s| !s.completed && s.attempts == 0 && s.best_score.is_none())
    );
}

#[test]
fn each_error_type_and_both_verdicts_occur() {
    let text = "the quick brown fox jumps over the lazy dog again and again";
    let (mut kinds, mut verdicts) = (HashSet::new(), HashSet::new());
    for n in 0..300 {
        let data = analysis(&recording_job(
            1,
            "{}",
            &format!("https://audio/{n}"),
            text,
            "en-US",
        ));
        verdicts.insert(data.is_passed);
        kinds.extend(data.word_level_scores.iter().map(|word| word.error_type));
    }
    assert_eq!(verdicts.len(), 2);
    assert_eq!(
        kinds.len(),
        6,
        "all but insertions, which are not expected words: {kinds:?}"
    );
}

#[test]
fn failures_and_soft_errors_befall_recordings_only() {
    let failing = recording_job(
        1,
        r#"{"faults":{"fail_analysis":1}}"#,
        "https://audio/1",
        "Hello there.",
        "en-US",
    );
    let WebhookEvent::RecordingAnalysisFailed(failure) = failing.event() else {
        panic!("it did not fail")
    };
    assert_eq!(failure.error.retryable, failure.error.code.is_retryable());

    let soft = recording_job(
        1,
        r#"{"faults":{"soft_error":1}}"#,
        "https://audio/1",
        "Hello there.",
        "en-US",
    );
    let data = analysis(&soft);
    assert_eq!(data.status, AnalysisStatus::Error);
    assert_eq!((data.pronunciation_score, data.is_passed), (0.0, false));
    assert!(data.word_level_scores.is_empty());
    assert_eq!(pronunciation_score(&data.pronunciation_analysis), 0.0);

    let input = JobInput::Improvement(TranscriptImprovementRequest {
        client_reference_id: "ref".to_owned(),
        webhook_url: String::new(),
        transcript: "hi".to_owned(),
        language: "en-US".to_owned(),
    });
    let event = job(1, r#"{"faults":{"fail_analysis":1,"soft_error":1}}"#, input).event();
    assert_eq!(event.submission(), SubmissionKind::TranscriptImprovements);
    assert!(!event.is_failure());
}

#[test]
fn a_job_shows_its_result_only_once_it_is_due() {
    let plan = r#"{"analysis_delay":{"distribution":"fixed","value":"2s"}}"#;
    let job = recording_job(1, plan, "https://audio/1", "Hello there.", "en-US");
    let at = |monotonic_ns| {
        job.view(Moment {
            monotonic_ns,
            unix_us: 0,
        })
    };
    assert_eq!(at(1_999_999_999).status, classconnect_api::JobStatus::Queued);
    assert_eq!(at(1_999_999_999).result, None);
    assert_eq!(at(2_000_000_000).status, classconnect_api::JobStatus::Completed);
    assert_eq!(at(2_000_000_000).result, Some(job.event()));
    assert_eq!(job.acceptance().estimated_completion_ms, 2_000);
}

fn assert_consistent(data: &RecordingAnalysis, expected_text: &str) {
    let words = &data.word_level_scores;
    let parts = &data.pronunciation_analysis;
    assert_eq!(data.pronunciation_score, pronunciation_score(parts));
    assert_eq!(data.is_passed, data.pronunciation_score >= data.pass_threshold);
    assert_eq!(parts.completeness_score, completeness_score(words));
    let named: Vec<&str> = words.iter().map(|word| word.word.as_str()).collect();
    assert_eq!(named, spoken_words(expected_text).collect::<Vec<_>>());
    for (position, word) in words.iter().enumerate() {
        assert_eq!(word.index as usize, position);
        assert_eq!(
            word.accuracy_score.is_none(),
            word.error_type == WordErrorType::Omission
        );
        let all = word
            .accuracy_score
            .into_iter()
            .chain(word.phonemes.iter().map(|p| p.accuracy_score));
        assert!(
            all.chain(word.syllables.iter().map(|s| s.accuracy_score))
                .all(|s| (0.0..=100.0).contains(&s))
        );
        let end = word.offset_ms + word.duration_ms;
        assert!(end <= parts.audio_duration_ms);
        assert!(
            word.phonemes
                .iter()
                .all(|p| p.offset_ms >= word.offset_ms && p.offset_ms + p.duration_ms <= end)
        );
        assert!(words.get(position + 1).is_none_or(|next| next.offset_ms >= end));
    }
    assert!(data.feedback_data.problematic_words.len() <= 5);
    assert!(
        data.feedback_data
            .phoneme_errors
            .iter()
            .all(|errors| errors.issues.len() <= 3)
    );
}

proptest! {
    #[test]
    fn an_analysis_is_consistent_in_itself(
        seed in any::<u64>(),
        text in "(\\PC{0,8} ){0,30}[a-z]{1,12}",
        language in prop_oneof![Just("en-US"), Just("de-DE")],
        threshold in 1_u32..=100,
    ) {
        let plan = format!(r#"{{"pass_threshold":{threshold}}}"#);
        let data = analysis(&recording_job(seed, &plan, "https://audio/x", &text, language));
        assert_consistent(&data, &text);
        prop_assert_eq!(data.pronunciation_analysis.prosody_score.is_some(), language == "en-US");
    }

    #[test]
    fn the_same_recording_always_has_the_same_result(
        seed in any::<u64>(), url in "[a-z]{1,20}", text in "[a-z ]{1,40}x",
    ) {
        let (first, second) =
            (recording_job(seed, "{}", &url, &text, "en-US"), recording_job(seed, "{}", &url, &text, "en-US"));
        prop_assert_ne!(&first.id, &second.id);
        prop_assert_eq!(&first.fate, &second.fate);
        let mut other = analysis(&second);
        other.job_id.clone_from(&first.id);
        prop_assert_eq!(analysis(&first), other);
    }

    #[test]
    fn improving_keeps_the_number_of_sentences_and_is_done_once(text in "([ \\n]?[a-zA-Z.!?\"]{0,6}){0,20}") {
        let (improved, _) = improve_text(&text);
        prop_assert_eq!(split_sentences(&improved).len(), split_sentences(&text).len());
        let (again, changes) = improve_text(&improved);
        prop_assert_eq!(&again, &improved);
        prop_assert!(changes.is_empty());
    }

    #[test]
    fn improving_any_text_keeps_the_number_of_sentences(text in "\\PC{0,60}") {
        prop_assert_eq!(split_sentences(&improve_text(&text).0).len(), split_sentences(&text).len());
    }

    #[test]
    fn syllables_join_to_the_word_and_phonemes_are_bounded(word in "\\PC{1,60}") {
        prop_assert_eq!(syllables(&word).concat(), word.clone());
        prop_assert!(phonemes(&word).len() <= 24);
    }
}

#[test]
fn long_texts_are_scored_per_word_only() {
    let text = vec!["pronunciation"; DETAILED_WORDS_MAX + 1].join(" ");
    let data = analysis(&recording_job(1, "{}", "https://audio/1", &text, "en-US"));
    assert!(
        data.word_level_scores
            .iter()
            .all(|word| word.phonemes.is_empty() && word.syllables.is_empty())
    );
    assert_consistent(&data, &text);
}
