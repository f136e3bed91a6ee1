//! The JSON Schemas of the files that are left behind, for those who read them with programs of their own.

use schemars::generate::SchemaSettings;

use super::StoredKind;
use super::model::comparison::ComparisonRecord;
use super::model::{CapacityRecord, RunRecord};

/// The JSON Schema of a file. What it requires stands in every file of this layout, also in those of earlier versions. It
/// does not forbid further keys, because a later version may add some.
pub fn schema_json(kind: StoredKind) -> String {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let schema = match kind {
        StoredKind::Run => generator.into_root_schema_for::<RunRecord>(),
        StoredKind::Comparison => generator.into_root_schema_for::<ComparisonRecord>(),
        StoredKind::Capacity => generator.into_root_schema_for::<CapacityRecord>(),
    };
    format!("{:#}\n", schema.to_value())
}
