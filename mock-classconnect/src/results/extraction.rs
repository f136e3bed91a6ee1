//! Sentence extraction.

use classconnect_api::transcript::{Sentence, SentenceExtraction};

use super::sentences::split_sentences;
use super::words::spoken_words;
use crate::job::Job;

pub(super) fn extract(job: &Job, transcript: &str) -> SentenceExtraction {
    let sentences = split_sentences(transcript)
        .into_iter()
        .zip(0_u32..)
        .map(|(text, index)| Sentence {
            index,
            text: text.to_owned(),
            words: spoken_words(text).map(str::to_owned).collect(),
            completed: false,
            passed: false,
            attempts: 0,
            best_score: None,
        })
        .collect();
    SentenceExtraction {
        job_id: job.id.clone(),
        client_reference_id: job.client_reference_id().to_owned(),
        sequence: 1,
        sentences,
    }
}
