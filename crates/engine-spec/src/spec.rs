//! The whole document.

use engine_expr::Dynamic;
use engine_request::{Named, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Api, Input, Mapping, Secret, Sink, Step, Test, Trigger, Version};

/// One integration: APIs, a flow over them, or both.
///
/// Keys that start with `x-` are ignored, for anchors and tools.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "a spec", deny_unknown_fields)]
#[schemars(title = "Integration spec", rename = "Spec", extend("patternProperties" = {"^x-": {}}))]
pub struct Spec {
    /// The version of the language: 1.
    pub version: Version,
    /// The name of the flow, such as `paid-orders-to-erp`.
    pub name: Option<Text>,
    /// What it does, for people.
    pub description: Option<String>,
    /// Other specs whose inputs, secrets, vars, apis, mappings and sinks are brought in; paths are relative to this file.
    ///
    /// This file's own keys win, deep.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Vec<Text>>")]
    pub imports: Vec<Text>,
    /// What a run is given.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Named<Input>>")]
    pub inputs: Named<Input>,
    /// What must not be shown, and where it comes from.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Named<Secret>>")]
    pub secrets: Named<Secret>,
    /// Named values, computed once per run.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Named<Dynamic>>")]
    pub vars: Named<Dynamic>,
    /// The APIs that are talked to.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Named<Api>>")]
    pub apis: Named<Api>,
    /// Named ways to shape a record.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Named<Mapping>>")]
    pub mappings: Named<Mapping>,
    /// Where records are written to.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Named<Sink>>")]
    pub sinks: Named<Sink>,
    /// When the flow runs.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Vec<Trigger>>")]
    pub triggers: Vec<Trigger>,
    /// What the flow does, one step after another.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Vec<Step>>")]
    pub steps: Vec<Step>,
    /// Steps for when a run failed; `run.error` is known.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Vec<Step>>")]
    pub on_failure: Vec<Step>,
    /// Steps that always run last; `run.status` is known.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Vec<Step>>")]
    pub finally: Vec<Step>,
    /// What is to be true of the flow.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Vec<Test>>")]
    pub tests: Vec<Test>,
}
