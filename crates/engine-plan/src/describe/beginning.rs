//! What incremental reads begin with: the cursor that was kept, or the start that the spec says.

use std::collections::BTreeMap;

use engine_expr::Value;
use engine_request::{BodyStep, Changes, Target};
use serde_json::Value as Json;

use super::fill::to_json;
use super::request::RequestDescription;

/// What a read begins with.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// What all its requests send for it.
    pub sent: Changes,
    /// What its endpoint's templates see as `window`.
    pub window: Value,
}

/// What the reads of flows begin with, as far as it is known before a run.
#[derive(Clone, Debug, Default)]
pub struct Beginnings(BTreeMap<(String, String, usize), Beginning>);

impl Beginnings {
    /// Knows what a read begins with: that of this number in a step of a flow.
    pub fn insert(&mut self, flow: &str, step: &str, number: usize, beginning: Beginning) {
        self.0.insert((flow.to_owned(), step.to_owned(), number), beginning);
    }

    /// Returns what a read begins with.
    pub(super) fn get(&self, flow: &str, step: &str, number: usize) -> Option<&Beginning> {
        self.0.get(&(flow.to_owned(), step.to_owned(), number))
    }
}

impl Beginning {
    /// Puts what is sent into a request, but for params, of which it is made.
    pub(super) fn put(&self, request: &mut RequestDescription) {
        for (place, value) in self.sent.places() {
            let value = to_json(value);
            match place.target() {
                Target::Query(name) => _ = request.query.insert(name.to_string(), value),
                Target::Header(name) => _ = request.headers.insert(name.to_string(), value),
                Target::Cookie(_) | Target::Path(_) | Target::Params(_) => {}
                Target::Body(steps) => {
                    let body = request.body.get_or_insert_with(|| serde_json::json!({"json": {}}));
                    if let Some(inside) = body.as_object_mut().and_then(|body| body.values_mut().next()) {
                        put(inside, steps, value);
                    }
                }
                Target::Url => {
                    if let Json::String(url) = value {
                        request.url = url;
                        request.query.clear();
                    }
                }
            }
        }
    }
}

/// Puts a value where these steps lead; nowhere if they lead through something that has no members.
fn put(at: &mut Json, steps: &[BodyStep], value: Json) {
    let Some((first, rest)) = steps.split_first() else {
        *at = value;
        return;
    };
    let next = match (first, &mut *at) {
        (BodyStep::Member(name), Json::Object(members)) => Some(members.entry(name.to_string()).or_insert(Json::Null)),
        (BodyStep::Element(number), Json::Array(items)) => items.get_mut(*number),
        (BodyStep::Member(name), it @ Json::Null) => {
            *it = Json::Object(serde_json::Map::new());
            it.as_object_mut().map(|members| members.entry(name.to_string()).or_insert(Json::Null))
        }
        _ => None,
    };
    if let Some(next) = next {
        put(next, rest, value);
    }
}
