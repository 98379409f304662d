//! The JSON Schema of a spec.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::Value;

use crate::Spec;

/// Returns the JSON Schema of a spec, of draft 2020-12.
pub fn schema() -> Schema {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Spec>();
    RecursiveTransform(tidy).transform(&mut schema);
    schema
}

/// Takes out defaults that say nothing, which editors would write into a document, and puts the description of a form with one
/// member on that member, where editors look for it.
fn tidy(schema: &mut Schema) {
    if schema.get("default").is_some_and(|default| {
        default.is_null() || *default == serde_json::json!([]) || *default == serde_json::json!({})
    }) {
        schema.remove("default");
    }
    let Some(description) = schema.get("description").cloned() else { return };
    let Some(Value::Object(members)) = schema.get_mut("properties") else { return };
    if members.len() == 1
        && let Some(Value::Object(member)) = members.values_mut().next()
    {
        member.entry("description").or_insert(description);
    }
}

/// Returns the JSON Schema of a spec as text, as it is checked in.
pub fn schema_json() -> String {
    let mut text = serde_json::to_string_pretty(&schema()).unwrap_or_default();
    text.push('\n');
    text
}
