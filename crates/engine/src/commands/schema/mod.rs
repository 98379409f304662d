//! `engine schema`: the language of specs, for editors and for people.

mod reference;
mod shape;

use crate::arguments::{Schema, SchemaFormat};
use crate::failure::Failure;
use crate::status::Status;
use crate::terminal::print;

/// Prints the schema, as `schemas/spec.json` holds it, or the reference, as `docs/reference.md` does.
pub(super) fn execute(arguments: &Schema) -> Result<Status, Failure> {
    let schema = engine_spec::schema_json();
    match arguments.format {
        SchemaFormat::Json => print(schema)?,
        SchemaFormat::Markdown => {
            let schema = serde_json::from_str(&schema).map_err(|error| Failure::failed(error.to_string()))?;
            print(reference::page(&schema))?;
        }
    }
    Ok(Status::Done)
}
