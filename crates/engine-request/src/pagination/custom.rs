//! Pages whose next request is computed from the answer.

use std::borrow::Cow;

use engine_expr::{Condition, Dynamic, EvalError, Expr, Setting, Value};
use engine_source::{Kind, Span};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use super::turn::{Seen, Turn, is_no_next};
use super::{Next, PagerError};
use crate::shape::Shape;
use crate::{Changes, Keyed, Needs, Place, Target};

/// Computes what the next request sends from the answer, until every value is missing.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "custom pagination", deny_unknown_fields)]
#[schemars(rename = "CustomPagination")]
pub struct CustomPagination {
    /// What the next request sends: a map of places to values, or a path to an object that is merged into the query.
    ///
    /// The values see `response`, `page` and `last`; missing, null, false and `""` mean that there is no next page.
    pub next: CustomNext,
    /// Ends the reading after the page on which it holds, such as `page.count < 100`.
    pub stop_when: Option<Condition>,
    /// Begins anew from the largest cursor value after so many records, for APIs with a depth limit.
    pub restart_after: Option<Setting<u64>>,
    /// Guards against an endless read: reaching so many pages is an error. To read less, use `limit`.
    pub max_pages: Option<Setting<u64>>,
}

/// What the next request of a custom pagination sends.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum CustomNext {
    /// Values, each with the place where it is sent.
    Places(Keyed<Place, Dynamic>),
    /// An object that is merged into the query, such as `MediaWiki`'s `$.continue`.
    Query(Expr),
}

impl<'de> Deserialize<'de> for CustomNext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = Shape::deserialize(deserializer)?;
        match node.kind() {
            Kind::Map(_) => node.read().map(Self::Places),
            _ => node.read().map(Self::Query),
        }
    }
}

impl JsonSchema for CustomNext {
    fn schema_name() -> Cow<'static, str> {
        "CustomNext".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let query = generator.subschema_for::<Expr>();
        let places = generator.subschema_for::<Keyed<Place, Dynamic>>();
        json_schema!({"anyOf": [query, places]})
    }
}

impl CustomNext {
    /// Adds what its values need.
    pub(super) fn add_needs(&self, needs: &mut Needs) {
        match self {
            Self::Places(places) => places.iter().for_each(|(_, value)| needs.add_dynamic(value)),
            Self::Query(expr) => needs.add_expr(expr),
        }
    }
}

impl CustomPagination {
    /// Begins a read.
    pub(super) fn turn(&self) -> CustomTurn {
        CustomTurn { next: self.next.clone() }
    }
}

/// A read whose next request is computed.
#[derive(Debug)]
pub(super) struct CustomTurn {
    next: CustomNext,
}

impl Turn for CustomTurn {
    fn next(&mut self, seen: &Seen<'_>) -> Result<Next, PagerError> {
        let changes = match &self.next {
            CustomNext::Places(places) => from_places(places, seen)?,
            CustomNext::Query(expr) => from_object(expr, seen)?,
        };
        Ok(changes.map_or(Next::End, Next::Request))
    }

    fn asks(&self) -> (Span, String) {
        let span = match &self.next {
            CustomNext::Places(places) => places.iter().next().map_or_else(Span::default, |(place, _)| place.span()),
            CustomNext::Query(expr) => expr.span(),
        };
        (span, "check that `next` gives what the API takes for its next page".to_owned())
    }
}

/// Evaluates the values; a literal says nothing about whether there is a next page.
fn from_places(places: &Keyed<Place, Dynamic>, seen: &Seen<'_>) -> Result<Option<Changes>, PagerError> {
    let mut changes = Changes::default();
    let mut has_next = false;
    for (place, value) in places {
        let Some(found) = value.evaluate(seen.scope)?.filter(|found| !is_no_next(found)) else { continue };
        has_next |= value.as_literal().is_none();
        match (place.target(), &found) {
            (Target::Url, Value::String(text)) => changes.url = Some(seen.resolve(text, value.span())?),
            (Target::Url, other) => {
                return Err(
                    EvalError::new(format!("a URL is needed here, not {}", other.a_kind()), value.span()).into()
                );
            }
            _ => changes.places.push((place.clone(), found)),
        }
    }
    Ok(has_next.then_some(changes))
}

/// Merges an object into the query.
fn from_object(expr: &Expr, seen: &Seen<'_>) -> Result<Option<Changes>, PagerError> {
    let found = match expr.evaluate(seen.scope)? {
        Some(found) if !is_no_next(&found) => found,
        _ => return Ok(None),
    };
    let Some(members) = found.as_object() else {
        let error = EvalError::new(format!("`{}` gives {}, not an object", expr.text(), found.a_kind()), expr.span());
        return Err(error
            .help("an object is merged into the query; for a single value write `query.NAME: …` below `next`")
            .into());
    };
    let places = members.iter().map(|(name, value)| (Place::new(Target::Query(name.clone())), value.clone()));
    let places: Vec<_> = places.collect();
    Ok((!places.is_empty()).then(|| Changes::new(places)))
}

#[cfg(test)]
mod tests {
    use crate::pagination::pager::tests::check;

    const FIRST: &str = "/v1/items?limit=2";

    #[test]
    fn computes_what_the_next_request_sends() {
        let yaml = "
type: custom
next:
  query.seq: $.seq
  header.X-Page: '{{ page.number + 1 if page.count == 2 else none }}'
  query.mode: more";
        let pages = ["{\"items\": [1, 2], \"seq\": 0}", "{\"items\": [3], \"seq\": 7}", "{\"items\": [4]}"];
        check(
            yaml,
            &pages,
            &[FIRST, "/v1/items?limit=2&seq=0&mode=more x-page: 2", "/v1/items?limit=2&seq=7&mode=more", "end"],
        );
    }

    #[test]
    fn merges_an_object_into_the_query() {
        let yaml = "{type: custom, next: $.continue}";
        let pages = [
            "{\"items\": [1], \"continue\": {\"cont\": \"-||\", \"from\": \"B\"}}",
            "{\"items\": [2], \"continue\": {\"cont\": \"x\"}}",
            "{\"items\": [3]}",
        ];
        check(yaml, &pages, &[FIRST, "/v1/items?limit=2&cont=-%7C%7C&from=B", "/v1/items?limit=2&cont=x", "end"]);
        check(yaml, &["{\"continue\": {}}"], &[FIRST, "end"]);
        check(
            yaml,
            &["{\"continue\": 5}"],
            &[FIRST, "error[template-failed]: `$.continue` gives a number, not an object"],
        );
    }

    #[test]
    fn an_empty_page_is_not_the_end() {
        check(
            "{type: custom, next: {query.a: $.a}}",
            &["{\"items\": [], \"a\": 1}", "{\"items\": [1], \"a\": \"\"}"],
            &[FIRST, "/v1/items?limit=2&a=1", "end"],
        );
    }

    #[test]
    fn follows_a_url_with_more_in_the_query() {
        let yaml = "{type: custom, next: {url: $.next, query.key: k}}";
        check(yaml, &["{\"next\": \"/b?key=old&x=1\"}", "{}"], &[FIRST, "/b?key=k&x=1", "end"]);
    }

    #[test]
    fn what_was_sent_already_is_an_error() {
        let error = "error[pagination-loop]: page 2 leads to a page that was already read";
        check(
            "{type: custom, next: {query.a: $.a}}",
            &["{\"items\": [1], \"a\": 1}", "{\"items\": [2], \"a\": 1}"],
            &[FIRST, "/v1/items?limit=2&a=1", error],
        );
    }
}
