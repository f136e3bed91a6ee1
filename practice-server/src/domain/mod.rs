//! The words and rules of practice: values that cannot be wrong, statuses and their transitions, progress and
//! the split of columns between the backend and the webhook. Pure: no clock, no storage, no network.

mod architecture;
mod attempt;
mod audio_url;
mod call;
mod id;
mod language;
mod ownership;
mod progress;
mod recording;
mod refusal;
mod result;
mod session;
mod status;
mod timestamp;
mod transcript;
mod user_id;

pub use architecture::Architecture;
pub use attempt::{Attempt, RecordingResult, attempt_type_from_word, attempt_type_word};
pub use audio_url::AudioUrl;
pub use call::{Call, CallState};
pub use id::{AttemptId, CallId, SessionId};
pub use language::Language;
pub use ownership::{ColumnOwner, attempt_column_owner, session_column_owner};
pub use progress::{
    FinalScores, Progress, SettledStatus, final_scores, record_sentence_result, settled_status,
};
pub use recording::{Recording, RecordingTarget};
pub use refusal::Refusal;
pub use result::{ResultFault, check_result};
pub use session::Session;
pub use status::{AttemptStatus, SessionStatus};
pub use timestamp::Timestamp;
pub use transcript::Transcript;
pub use user_id::UserId;

pub use classconnect_api::transcript::Sentence;
pub use classconnect_api::{AttemptType, SubmissionKind, WebhookEvent};
