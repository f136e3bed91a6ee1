//! What was measured: samples as workers record them, slices per second as everything else reads them.

mod action;
mod contention;
mod evidence;
mod health;
mod history;
mod host_use;
mod instrument;
mod measurements;
mod observation;
mod recorder;
mod sample;
mod slice;
mod under_way;
mod users;

pub use action::{ActionOutcome, ActionRun};
pub use contention::Contention;
pub use evidence::{
    Audit, EarlyStop, Evidence, GeneratorHealth, Hop, Incident, IncidentKind, Interruption, Iterations,
    MockHealth, Timeline, Violation, ViolationKind, WorkerHealth,
};
pub use health::{Delivery, HostStalls, Lateness, NeverBegun, ProcessHealth, Punctuality, TIMELY_WITHIN};
pub use history::{
    Acceptance, HistoryRecord, ResultChannel, ResultRecord, SessionEnd, SessionRecord, Sighting,
    SightingRecord, SubmissionRecord,
};
pub use host_use::{HostSecond, HostUse, Level, MemoryUse};
pub use instrument::{Calibration, ClockOffset};
pub use measurements::{ErrorTally, Measurements, Series, SeriesKey, SeriesKind, Thresholds};
pub use recorder::{Batch, Counters, Recorder};
pub use sample::{EventSample, Outcome, RequestSample, Sample};
pub use slice::Slice;
pub use under_way::{Pending, UnderWay};
pub use users::{Complaints, Completion, StepTally, UserTally, Users};
