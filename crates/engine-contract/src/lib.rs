//! Holds specs against `OpenAPI` documents: whether an API has the operations that its endpoints ask for, takes what they send, and answers with
//! what they and the steps of a flow take from it.
//!
//! Lenient: told is only what by the document surely is not so. Knows nothing of files, the network or the command line.

mod answer;
mod example;
mod fit;
mod flow;
mod operation;
mod request;
mod route;
mod schema;
mod security;
mod sent;
mod told;
mod watch;

use std::collections::BTreeMap;

use engine_import::{Document, ImportError};
use engine_plan::Plan;
use engine_source::{Finding, Findings, Span, suggest};
use serde_json::Value as Json;

pub use crate::sent::api_names;
pub use crate::watch::{Mismatch, Watch};

use crate::answer::Paths;
use crate::flow::{Flow, Held};
use crate::operation::{Found, Operation};
use crate::request::Request;
use crate::schema::Schemas;
use crate::told::Told;

/// A document of an API.
#[derive(Clone, Debug)]
pub struct Contract {
    root: Json,
    name: String,
}

/// What came of holding an API against its document.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// What is not as the document says.
    pub findings: Findings,
    /// How many of its endpoints are operations of the document.
    pub held: usize,
    /// Those that could not be held, each with the reason.
    pub left: Vec<(String, String)>,
}

impl Contract {
    /// Reads a document; the name is what it is called where something is said of it.
    ///
    /// # Errors
    ///
    /// Fails where it is no document of `OpenAPI`.
    pub fn read(name: impl Into<String>, text: &str) -> Result<Self, ImportError> {
        let root = engine_import::document(text)?;
        Document::new(&root)?;
        Ok(Self { root, name: name.into() })
    }

    /// Names the version of the document: `OpenAPI 3.0.0`.
    pub fn version(&self) -> String {
        let version = |name: &str| self.root.get(name).and_then(Json::as_str);
        match (version("openapi"), version("swagger")) {
            (Some(version), _) => format!("OpenAPI {version}"),
            (None, version) => format!("Swagger {}", version.unwrap_or("2.0")),
        }
    }

    /// Returns what it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Holds an API of a plan against it.
    pub fn check(&self, plan: &Plan, api: &str) -> Checked {
        let Ok(document) = Document::new(&self.root) else { return Checked::default() };
        let schemas = Schemas { document };
        let known = operation::Paths::of(&document);
        let paths = Paths { plan, schemas };
        let mut told = Told::default();
        let mut left = Vec::new();
        let mut held: BTreeMap<String, Held<'_, '_>> = BTreeMap::new();
        let (mut elsewhere, mut said, mut trees) = (false, Vec::new(), example::Trees::new());
        for endpoint in plan.endpoints.iter().filter(|endpoint| endpoint.api == api) {
            let label = endpoint.request.span();
            let operation: Operation<'_> = match known.find(plan, endpoint) {
                Found::Operation(operation) => operation,
                Found::Elsewhere(operation, path) => {
                    if !elsewhere {
                        elsewhere = true;
                        let message = format!("the document has `{}` below `{path}`", operation.path);
                        let span = endpoint.base_url.as_ref().map_or(label, engine_expr::Template::span);
                        let finding = Finding::warning("contract-operation", message).label(span, "another path");
                        let place = self.root.get("servers").unwrap_or(&self.root);
                        told.say(finding.help("check `base_url`, and the version of the document"), place);
                    }
                    operation
                }
                Found::Method(path, methods, item) => {
                    let method = endpoint.request.method();
                    let methods: Vec<String> = methods.iter().map(|it| format!("`{}`", it.to_uppercase())).collect();
                    let message = format!("`{path}` has no `{}` in the document", method.as_str());
                    let finding = Finding::error("contract-operation", message).label(label, "not in the document");
                    told.say(finding.help(format!("it has {}", methods.join(", "))), item);
                    continue;
                }
                Found::Nothing(path, closest) => {
                    let message = format!("the document has no path `{path}`");
                    let close = closest.map(|closest| format!("did you mean `{closest}`?"));
                    let place = self.root.get("paths").unwrap_or(&self.root);
                    told.say(
                        Finding::error("contract-operation", message)
                            .label(label, "not in the document")
                            .help_if(close),
                        place,
                    );
                    continue;
                }
                Found::OtherHost(host) => {
                    left.push((endpoint.id(), format!("goes to {host}, of which the document says nothing")));
                    continue;
                }
                Found::Unknown => {
                    left.push((endpoint.id(), "its URL is only known while running".to_owned()));
                    continue;
                }
            };
            if operation.own.get("deprecated") == Some(&Json::Bool(true)) {
                let message = format!("`{}` is deprecated by the document", operation.shown());
                let finding = Finding::warning("deprecated-operation", message).label(label, "deprecated");
                told.say(finding.help("ask the vendor's pages what replaces it"), operation.own);
            }
            security::hold(&schemas, &operation, endpoint, &mut said, &mut told);
            let request = Request::of(schemas, operation);
            let uses = request.hold(endpoint, &mut told);
            let raw = answer::schema_of(&schemas, &operation);
            example::hold(plan, endpoint, &operation, &raw, &schemas, &mut trees, &mut told);
            let gives = paths.endpoint(endpoint, raw, &mut told);
            held.insert(endpoint.id(), Held { request, uses, gives });
        }
        Flow { paths: &paths, held: &held }.plan(plan, &mut told);
        Checked { findings: told.findings(&self.root, &self.name), held: held.len(), left }
    }
}

/// Says that a plan has no such API.
///
/// # Errors
///
/// Fails where it has none, with what it has.
pub fn known_api(plan: &Plan, api: &str) -> Result<(), Finding> {
    let names = api_names(plan);
    if names.contains(&api) {
        return Ok(());
    }
    Err(Finding::error("undefined-api", format!("there is no API `{api}`"))
        .label(Span::default(), "")
        .help_if(suggest(api, names)))
}
