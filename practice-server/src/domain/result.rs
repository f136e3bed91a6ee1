//! Whether a result that ClassConnect sent can be stored at all. It is signed, yet it may still be nonsense.

use super::{Transcript, WebhookEvent};

/// What is wrong with a result; the sentence goes into the log and into `error_message`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the result is not usable: {0}")]
pub struct ResultFault(String);

const SENTENCES_MAX: usize = 1_000;

/// Checks the values that rows and rules rely on.
///
/// # Errors
/// A score outside 0–100; an empty or oversized text; sentences that are not numbered 0, 1, 2, …, carry progress
/// already, or are too many.
pub fn check_result(event: &WebhookEvent) -> Result<(), ResultFault> {
    let fault = |sentence: String| Err(ResultFault(sentence));
    match event {
        WebhookEvent::RecordingAnalysisCompleted(analysis) => {
            if !(0.0..=100.0).contains(&analysis.pronunciation_score) {
                return fault(format!(
                    "a score of {} is not within 0–100",
                    analysis.pronunciation_score
                ));
            }
        }
        WebhookEvent::TranscriptImprovementCompleted(improvement) => {
            if Transcript::parse(improvement.improved_transcript.clone()).is_err() {
                return fault("the improved transcript breaks the rules for transcripts".to_owned());
            }
        }
        WebhookEvent::SentenceExtractionCompleted(extraction) => {
            let sentences = &extraction.sentences;
            if sentences.is_empty() || sentences.len() > SENTENCES_MAX {
                return fault(format!(
                    "{} sentences are not within 1–{SENTENCES_MAX}",
                    sentences.len()
                ));
            }
            for (position, sentence) in sentences.iter().enumerate() {
                if sentence.index as usize != position {
                    return fault(format!(
                        "sentence {} stands at position {position}",
                        sentence.index
                    ));
                }
                if sentence.text.trim().is_empty() {
                    return fault(format!("sentence {position} is empty"));
                }
                if sentence.completed || sentence.passed || sentence.attempts > 0 {
                    return fault(format!("sentence {position} carries progress already"));
                }
            }
        }
        WebhookEvent::RecordingAnalysisFailed(_)
        | WebhookEvent::TranscriptImprovementFailed(_)
        | WebhookEvent::SentenceExtractionFailed(_) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use classconnect_api::{SentenceExtraction, TranscriptImprovement};

    use super::super::Sentence;
    use super::*;

    fn extraction(indexes: &[u32], text: &str, completed: bool) -> WebhookEvent {
        let sentences = indexes
            .iter()
            .map(|index| Sentence {
                index: *index,
                text: text.to_owned(),
                words: Vec::new(),
                completed,
                passed: false,
                attempts: 0,
                best_score: None,
            })
            .collect();
        WebhookEvent::SentenceExtractionCompleted(SentenceExtraction {
            job_id: "job".to_owned(),
            client_reference_id: "ref".to_owned(),
            sequence: 1,
            sentences,
        })
    }

    #[test]
    fn sentences_are_numbered_from_zero_without_progress() {
        assert!(check_result(&extraction(&[0, 1, 2], "Text.", false)).is_ok());
        for wrong in [
            extraction(&[], "Text.", false),
            extraction(&[1, 2], "Text.", false),
            extraction(&[0, 0], "Text.", false),
            extraction(&[0], " ", false),
            extraction(&[0], "Text.", true),
        ] {
            assert!(check_result(&wrong).is_err(), "{wrong:?} was accepted");
        }
    }

    #[test]
    fn an_empty_improvement_is_refused() {
        let improvement = |improved: &str| {
            WebhookEvent::TranscriptImprovementCompleted(TranscriptImprovement {
                job_id: "job".to_owned(),
                client_reference_id: "ref".to_owned(),
                sequence: 1,
                original_transcript: "a".to_owned(),
                improved_transcript: improved.to_owned(),
                changes: Vec::new(),
            })
        };
        assert!(check_result(&improvement("Better.")).is_ok());
        assert!(check_result(&improvement("")).is_err());
    }
}
