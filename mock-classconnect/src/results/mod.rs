//! What an analysis finds: pure functions of a job's input, its fate and the seed.
//!
//! Nothing here is stored. A result is computed again whenever it is sent, looked up or written to the ledger, and
//! is the same each time.

mod extraction;
mod feedback;
mod improvement;
mod recording;
mod sentences;
#[cfg(test)]
mod tests;
mod words;

use classconnect_api::{JobError, JobErrorCode, JobFailure, WebhookEvent};
use serde_json::value::{RawValue, to_raw_value};

use crate::fate::Outcome;
use crate::job::{Job, JobInput};

pub(crate) use words::spoken_words;

/// The single event that a job ends with.
pub(crate) fn event_of(job: &Job) -> WebhookEvent {
    match (&job.input, job.fate.outcome) {
        (JobInput::Recording(_), Outcome::Failed(code)) => {
            WebhookEvent::RecordingAnalysisFailed(failure_of(job, code))
        }
        (JobInput::Recording(input), Outcome::SoftError) => {
            WebhookEvent::RecordingAnalysisCompleted(Box::new(recording::soft_error(job, input)))
        }
        (JobInput::Recording(input), Outcome::Success) => {
            WebhookEvent::RecordingAnalysisCompleted(Box::new(recording::analyse(job, input)))
        }
        (JobInput::Improvement(input), _) => {
            WebhookEvent::TranscriptImprovementCompleted(improvement::improve(job, &input.transcript))
        }
        (JobInput::Extraction(input), _) => {
            WebhookEvent::SentenceExtractionCompleted(extraction::extract(job, &input.transcript))
        }
    }
}

/// The event's `data`, serialised.
pub(crate) fn data_of(event: &WebhookEvent) -> Result<Box<RawValue>, serde_json::Error> {
    match event {
        WebhookEvent::RecordingAnalysisCompleted(data) => to_raw_value(data),
        WebhookEvent::TranscriptImprovementCompleted(data) => to_raw_value(data),
        WebhookEvent::SentenceExtractionCompleted(data) => to_raw_value(data),
        WebhookEvent::RecordingAnalysisFailed(data)
        | WebhookEvent::TranscriptImprovementFailed(data)
        | WebhookEvent::SentenceExtractionFailed(data) => to_raw_value(data),
    }
}

fn failure_of(job: &Job, code: JobErrorCode) -> JobFailure {
    let message = match code {
        JobErrorCode::NoSpeech => "No speech was found in the recording.",
        JobErrorCode::Unintelligible => "The speech could not be understood.",
        JobErrorCode::AudioUnreachable => "The recording could not be fetched.",
        JobErrorCode::InternalError => "The analysis ended with an internal error.",
    };
    JobFailure {
        job_id: job.id.clone(),
        client_reference_id: job.client_reference_id().to_owned(),
        sequence: 1,
        error: JobError {
            code,
            message: message.to_owned(),
            retryable: code.is_retryable(),
        },
    }
}
