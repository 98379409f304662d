//! Where secrets come from.

use engine_expr::{Setting, Template};
use engine_request::{Group, Text, exclusive, groups_schema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const GROUPS: &[Group] = &[Group::exactly_one(&["env", "file", "command", "keyring"])];

/// A value that must not be shown, and the one place where it comes from.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "a secret", deny_unknown_fields, remote = "Self")]
#[schemars(rename = "Secret", transform = groups_schema(GROUPS))]
pub struct Secret {
    /// A variable of the environment, or of a `.env` file beside the spec or in the working directory.
    pub env: Option<Text>,
    /// A file, whose last line break is cut off; its path is relative to the spec.
    pub file: Option<Template>,
    /// A program with its arguments, whose output is the secret.
    pub command: Option<Vec<Template>>,
    /// An entry of the system's keyring.
    pub keyring: Option<Keyring>,
    /// Whether it may be missing; false if not given.
    pub optional: Option<Setting<bool>>,
}

exclusive!(Secret, "a secret", GROUPS);

/// An entry of the system's keyring.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "keyring", deny_unknown_fields)]
#[schemars(rename = "Keyring")]
pub struct Keyring {
    /// The service that it is for.
    pub service: Template,
    /// The user that it is for.
    pub user: Template,
}
