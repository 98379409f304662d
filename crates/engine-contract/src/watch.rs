//! Answers held against the document as they come.

use std::collections::BTreeMap;

use engine_expr::{Expr, JsonPath, Value};
use engine_import::Document;
use engine_plan::Plan;
use serde_json::Value as Json;

use crate::Contract;
use crate::answer;
use crate::fit::{Manner, Misfit};
use crate::operation::{self, Found};
use crate::schema::{Look, Node, Schemas};
use crate::told::place_of;

/// A document, and which of its operations each endpoint of an API is: found once, for all answers.
#[derive(Clone, Debug)]
pub struct Watch {
    contract: Contract,
    endpoints: BTreeMap<String, Watched>,
}

#[derive(Clone, Debug)]
struct Watched {
    path: String,
    method: &'static str,
    /// What is unwrapped of the body, and where the records are in that.
    unwrapped: Option<JsonPath>,
    records: Option<JsonPath>,
}

/// What of an answer is not as the document says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// How many records were held; one for an answer without records.
    pub held: usize,
    /// How many of them do not fit.
    pub wrong: usize,
    /// The first of these, from 1.
    pub first: usize,
    /// What is wrong with it.
    pub what: String,
    /// What the document says of that: a JSON pointer.
    pub place: String,
}

/// What the answer to all requests is held in.
const ANSWER: Manner = Manner { as_text: false, is_answer: true };

impl Contract {
    /// Gets ready to hold the answers of an API.
    pub fn watch(self, plan: &Plan, api: &str) -> Watch {
        let mut endpoints = BTreeMap::new();
        if let Ok(document) = Document::new(&self.root) {
            let paths = operation::Paths::of(&document);
            for endpoint in plan.endpoints.iter().filter(|endpoint| endpoint.api == api) {
                let (Found::Operation(found) | Found::Elsewhere(found, _)) = paths.find(plan, endpoint) else {
                    continue;
                };
                let path = |expr: &Expr| expr.as_path().cloned();
                let watched = Watched {
                    path: found.path.to_owned(),
                    method: found.method,
                    unwrapped: endpoint.response.body.as_ref().and_then(path),
                    records: endpoint.records.as_ref().and_then(|records| path(records.from())),
                };
                endpoints.insert(endpoint.id(), watched);
            }
        }
        Watch { contract: self, endpoints }
    }
}

impl Watch {
    /// Returns what the document is called.
    pub fn name(&self) -> &str {
        self.contract.name()
    }

    /// Tells whether the answers of an endpoint are held.
    pub fn knows(&self, endpoint: &str) -> bool {
        self.endpoints.contains_key(endpoint)
    }

    /// Holds the body of a good answer; nothing where the document says nothing of it.
    pub fn answer(&self, endpoint: &str, status: u16, body: &Value) -> Option<Mismatch> {
        let watched = self.endpoints.get(endpoint)?;
        let document = Document::new(&self.contract.root).ok()?;
        let schemas = Schemas { document };
        let item = document.look(self.contract.root.get("paths")?.get(&watched.path)?);
        let node = schema_of(&document, item.get(watched.method)?, status);
        if node.is_unknown() {
            return None;
        }
        let (body, node) = match &watched.unwrapped {
            Some(path) => (path.value(body).ok()??, follow(schemas, path, &node)),
            None => (body.clone(), node),
        };
        let mut mismatch = Mismatch::default();
        let mut misfits: Vec<Misfit<'_>> = Vec::new();
        let records = watched.records.as_ref().and_then(|path| {
            let values = path.items(&body)?.ok()?;
            let at = follow(schemas, path, &node);
            let is_list = path.singular().is_some();
            let of = match (is_list, schemas.items(&at)) {
                (false, _) => at,
                (true, Look::Has(items)) => items,
                (true, _) => Node::default(),
            };
            Some((values, of))
        });
        if let Some((values, of)) = records {
            mismatch.held = values.len();
            for (index, value) in values.into_iter().enumerate() {
                let found = schemas.fit(value, &of, ANSWER);
                if !found.is_empty() {
                    mismatch.wrong += 1;
                    if misfits.is_empty() {
                        mismatch.first = index + 1;
                        misfits = found;
                    }
                }
            }
        } else {
            mismatch.held = 1;
            misfits = schemas.fit(&body, &node, ANSWER);
            mismatch.wrong = usize::from(!misfits.is_empty());
            mismatch.first = 1;
        }
        if let Some(misfit) = misfits.first() {
            let path = misfit.path();
            let what = if path.is_empty() { "it".to_owned() } else { format!("`{path}`") };
            mismatch.what = format!("{what} {}", misfit.what);
            mismatch.place = place_of(&self.contract.root, misfit.schema).unwrap_or_default();
        }
        Some(mismatch)
    }
}

/// Follows a path through schemas, without a word.
fn follow<'d>(schemas: Schemas<'d>, path: &JsonPath, from: &Node<'d>) -> Node<'d> {
    answer::follow(schemas, path, from, &mut |_| {})
}

/// Finds the schema of an answer with a status.
fn schema_of<'d>(document: &Document<'d>, operation: &'d Json, status: u16) -> Node<'d> {
    let Some(responses) = operation.get("responses") else { return Node::default() };
    let found = responses
        .get(status.to_string())
        .or_else(|| responses.get(format!("{}XX", status / 100)))
        .or_else(|| responses.get("default"));
    let Some(response) = found.map(|found| document.look(found)) else { return Node::default() };
    if let Some(schema) = response.get("schema") {
        return Node::of(schema);
    }
    let content = response.get("content").and_then(Json::as_object);
    let json = content
        .into_iter()
        .flatten()
        .find(|(media, _)| engine_import::BodyKind::of(media) == Some(engine_import::BodyKind::Json));
    json.and_then(|(_, of)| of.get("schema")).map(Node::of).unwrap_or_default()
}
