//! What a learner submits: a recording, and the part of the transcript it is of.

use super::{AttemptType, AudioUrl, Refusal, Sentence};

/// The part of the transcript that was spoken. An attempt type and its indexes, in no combination but a valid one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingTarget {
    Sentence { sentence_index: u32 },
    Word { sentence_index: u32, word_index: u32 },
    FullTranscript,
}

impl RecordingTarget {
    /// # Errors
    /// An index that the attempt type needs and lacks, or has and must not have.
    pub fn parse(
        attempt_type: AttemptType,
        sentence_index: Option<u32>,
        word_index: Option<u32>,
    ) -> Result<Self, Refusal> {
        match (attempt_type, sentence_index, word_index) {
            (AttemptType::Sentence, Some(sentence_index), None) => Ok(Self::Sentence { sentence_index }),
            (AttemptType::Word, Some(sentence_index), Some(word_index)) => Ok(Self::Word {
                sentence_index,
                word_index,
            }),
            (AttemptType::FullTranscript, None, None) => Ok(Self::FullTranscript),
            (AttemptType::Sentence | AttemptType::Word, None, _) => Err(Refusal::invalid(
                "sentence_index",
                "is required for a recording of a sentence or a word",
            )),
            (AttemptType::Word, Some(_), None) => Err(Refusal::invalid(
                "word_index",
                "is required for a recording of a word",
            )),
            (AttemptType::FullTranscript, Some(_), _) => Err(Refusal::invalid(
                "sentence_index",
                "must be absent for a recording of the full transcript",
            )),
            (AttemptType::Sentence | AttemptType::FullTranscript, _, Some(_)) => Err(Refusal::invalid(
                "word_index",
                "is only allowed for a recording of a word",
            )),
        }
    }

    pub fn attempt_type(self) -> AttemptType {
        match self {
            Self::Sentence { .. } => AttemptType::Sentence,
            Self::Word { .. } => AttemptType::Word,
            Self::FullTranscript => AttemptType::FullTranscript,
        }
    }

    pub fn sentence_index(self) -> Option<u32> {
        match self {
            Self::Sentence { sentence_index } | Self::Word { sentence_index, .. } => Some(sentence_index),
            Self::FullTranscript => None,
        }
    }

    pub fn word_index(self) -> Option<u32> {
        match self {
            Self::Word { word_index, .. } => Some(word_index),
            Self::Sentence { .. } | Self::FullTranscript => None,
        }
    }

    /// The text that should have been said, given the session's sentences.
    ///
    /// # Errors
    /// An index beyond the sentences, or beyond the words of the sentence.
    pub fn expected_text<'a>(self, whole: &'a str, sentences: &'a [Sentence]) -> Result<&'a str, Refusal> {
        let sentence = |index: u32| {
            sentences.iter().find(|item| item.index == index).ok_or_else(|| {
                Refusal::invalid(
                    "sentence_index",
                    format!(
                        "must be below {}, the number of sentences in this session",
                        sentences.len()
                    ),
                )
            })
        };
        match self {
            Self::FullTranscript => Ok(whole),
            Self::Sentence { sentence_index } => Ok(&sentence(sentence_index)?.text),
            Self::Word {
                sentence_index,
                word_index,
            } => {
                let words = &sentence(sentence_index)?.words;
                words.get(word_index as usize).map(String::as_str).ok_or_else(|| {
                    Refusal::invalid(
                        "word_index",
                        format!(
                            "must be below {}, the number of words in this sentence",
                            words.len()
                        ),
                    )
                })
            }
        }
    }
}

/// A recording as submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    pub target: RecordingTarget,
    pub audio_url: AudioUrl,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attempt_type_takes_its_own_indexes_and_no_others() {
        for attempt_type in [
            AttemptType::Sentence,
            AttemptType::Word,
            AttemptType::FullTranscript,
        ] {
            for sentence_index in [None, Some(1)] {
                for word_index in [None, Some(2)] {
                    let parsed = RecordingTarget::parse(attempt_type, sentence_index, word_index);
                    let valid = match attempt_type {
                        AttemptType::Sentence => sentence_index.is_some() && word_index.is_none(),
                        AttemptType::Word => sentence_index.is_some() && word_index.is_some(),
                        AttemptType::FullTranscript => sentence_index.is_none() && word_index.is_none(),
                    };
                    assert_eq!(
                        parsed.is_ok(),
                        valid,
                        "{attempt_type:?} {sentence_index:?} {word_index:?}"
                    );
                    if let Ok(target) = parsed {
                        assert_eq!(target.attempt_type(), attempt_type);
                        assert_eq!(target.sentence_index(), sentence_index);
                        assert_eq!(target.word_index(), word_index);
                    }
                }
            }
        }
    }

    #[test]
    fn the_expected_text_is_the_part_that_was_meant() {
        let sentences = [Sentence {
            index: 0,
            text: "Hello there.".to_owned(),
            words: vec!["Hello".to_owned(), "there".to_owned()],
            completed: false,
            passed: false,
            attempts: 0,
            best_score: None,
        }];
        let text = |target: RecordingTarget| target.expected_text("whole", &sentences).map(str::to_owned);
        assert_eq!(text(RecordingTarget::FullTranscript).unwrap(), "whole");
        assert_eq!(
            text(RecordingTarget::Sentence { sentence_index: 0 }).unwrap(),
            "Hello there."
        );
        assert_eq!(
            text(RecordingTarget::Word {
                sentence_index: 0,
                word_index: 1
            })
            .unwrap(),
            "there"
        );
        assert!(text(RecordingTarget::Sentence { sentence_index: 1 }).is_err());
        assert!(
            text(RecordingTarget::Word {
                sentence_index: 0,
                word_index: 2
            })
            .is_err()
        );
    }
}
