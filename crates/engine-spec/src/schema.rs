//! The JSON Schema of a spec.

use schemars::Schema;
use schemars::generate::SchemaSettings;

use crate::Spec;

/// Returns the JSON Schema of a spec, of draft 2020-12.
pub fn schema() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Spec>()
}

/// Returns the JSON Schema of a spec as text, as it is checked in.
pub fn schema_json() -> String {
    let mut text = serde_json::to_string_pretty(&schema()).unwrap_or_default();
    text.push('\n');
    text
}
