//! Transcript improvement: small, predictable edits that never join or split sentences.

use classconnect_api::TranscriptImprovement;
use classconnect_api::transcript::{TranscriptChange, TranscriptChangeKind};

use super::sentences::split_sentences;
use crate::job::Job;

/// Spoken forms and their written ones. They are replaced rather than removed: removing a word could bring a full
/// stop next to a capital letter and so make two sentences of one.
const FILLERS: [(&str, &str); 5] = [
    ("gonna", "going to"),
    ("wanna", "want to"),
    ("gotta", "have to"),
    ("kinda", "rather"),
    ("dunno", "do not know"),
];

pub(super) fn improve(job: &Job, transcript: &str) -> TranscriptImprovement {
    let (improved_transcript, changes) = improve_text(transcript);
    TranscriptImprovement {
        job_id: job.id.clone(),
        client_reference_id: job.client_reference_id().to_owned(),
        sequence: 1,
        original_transcript: transcript.to_owned(),
        improved_transcript,
        changes,
    }
}

pub(super) fn improve_text(transcript: &str) -> (String, Vec<TranscriptChange>) {
    let steps = [
        (
            TranscriptChangeKind::Whitespace,
            tidy_whitespace as fn(&str) -> String,
        ),
        (TranscriptChangeKind::Filler, replace_fillers),
        (TranscriptChangeKind::Capitalization, capitalise),
        (TranscriptChangeKind::Punctuation, terminate),
    ];
    let mut changes = Vec::new();
    let mut improved = Vec::new();
    for (sentence, sentence_index) in split_sentences(transcript).into_iter().zip(0_u32..) {
        let mut text = sentence.to_owned();
        for (kind, step) in steps {
            let after = step(&text);
            if after != text {
                changes.push(TranscriptChange {
                    kind,
                    sentence_index,
                    before: text,
                    after: after.clone(),
                });
            }
            text = after;
        }
        improved.push(text);
    }
    (improved.join(" "), changes)
}

fn tidy_whitespace(sentence: &str) -> String {
    sentence.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn replace_fillers(sentence: &str) -> String {
    sentence
        .split(' ')
        .map(replace_filler)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Keeps the punctuation around the word and a capital letter at its start.
fn replace_filler(token: &str) -> String {
    let word = token.trim_matches(|c: char| !c.is_alphanumeric());
    let Some((_, written)) = FILLERS
        .iter()
        .find(|(spoken, _)| spoken.eq_ignore_ascii_case(word))
    else {
        return token.to_owned();
    };
    let written = if word.starts_with(char::is_uppercase) {
        capitalise(written)
    } else {
        (*written).to_owned()
    };
    token.replacen(word, &written, 1)
}

fn capitalise(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Only the last sentence can lack a terminator, so adding one cannot create another sentence.
fn terminate(sentence: &str) -> String {
    if sentence.ends_with(['.', '!', '?']) {
        sentence.to_owned()
    } else {
        format!("{sentence}.")
    }
}
