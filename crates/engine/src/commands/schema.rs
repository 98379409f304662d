//! `engine schema`: the JSON Schema of specs.

use crate::failure::Failure;
use crate::status::Status;
use crate::terminal::print;

/// Prints the schema, as `schemas/spec.json` holds it.
pub(super) fn execute() -> Result<Status, Failure> {
    print(engine_spec::schema_json())?;
    Ok(Status::Done)
}
