//! `loadtest schema`.

use super::print;
use crate::scenario;
use crate::sla::ExitCode;

pub(super) fn execute() -> ExitCode {
    print(scenario::schema_json().trim_end());
    ExitCode::Go
}
