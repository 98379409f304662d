//! Tells an answer that lists records from a resource that merely holds a list, as an order holds its lines.
//!
//! A document says neither, so signs for the one are weighed against signs for the other. Knows nothing of how pages follow each other.

mod envelope;
mod paged;

use serde_json::Value;

use self::envelope::is_envelope;
use self::paged::Paged;
use super::answer::member;
use super::document::Document;
use super::operation::Operation;
use super::paging;
use super::param::Params;
use crate::name::snake;

/// A list of records in an answer.
pub(super) struct Listing<'d> {
    /// Its path.
    pub(super) path: String,
    /// What is said of a record.
    pub(super) item: Option<&'d Value>,
}

/// What was found in an answer.
pub(super) enum Found<'d> {
    /// The list of its records.
    List(Listing<'d>),
    /// Several lists, of which none is the records more than another.
    Several,
    /// No list, or a resource that holds some.
    Nothing,
}

/// The members that lists are called, the usual ones first.
const LISTS: [&str; 12] = [
    "data", "items", "results", "records", "value", "values", "entries", "list", "content", "result", "rows", "objects",
];

/// The members in which an answer is wrapped.
const WRAPPERS: [&str; 3] = ["_embedded", "response", "d"];

/// How much speaks for a list where nothing but it is in the answer.
const ALONE: i32 = 4;
/// How much what leads to a next page does, since a single thing has none.
const LED: i32 = 7;
/// How much it does that a page is asked for or told of.
const PAGED: i32 = 4;
/// How much the words of the operation do, the name of the list, and a path that names what is listed.
const NAMED: i32 = 2;
/// How much speaks against one where the path leads to one thing, and where the answer has an id of its own.
const SINGLE: i32 = 3;
/// How much the members of a resource beside the list do at most, each one counting.
const BESIDE: i32 = 4;

/// Finds the list of records in the answer of an operation.
pub(super) fn find<'d>(operation: &Operation<'d>, params: &Params, whole: &Value, schema: &'d Value) -> Found<'d> {
    let document = operation.document;
    if document.kind(schema) == Some("array") {
        return Found::List(Listing { path: "$".to_owned(), item: document.items(schema) });
    }
    let asked = Asked::of(operation, params, whole);
    let members = document.properties(schema);
    let found = asked.judge(document, "$", &members, &[]);
    if matches!(found, Found::List(_)) {
        return found;
    }
    // `{data: {orders: […]}}`, `{_embedded: {orders: […]}}`
    for (outer, inner) in &members {
        if LISTS.contains(outer) || WRAPPERS.contains(outer) {
            let around: Vec<_> = members.iter().filter(|(name, _)| name != outer).copied().collect();
            let found = asked.judge(document, &member("$", outer), &document.properties(inner), &around);
            if matches!(found, Found::List(_)) {
                return found;
            }
        }
    }
    found
}

/// What an operation says of its answer.
struct Asked {
    /// The stem of what the path names last, before a parameter.
    noun: String,
    /// The parameter that it ends in.
    parameter: Option<String>,
    /// Whether it takes the number, the offset or the cursor of a page, or answers with a link to the next one.
    is_paged: bool,
    /// Whether it is called a list or a search.
    is_told: bool,
}

impl Asked {
    fn of(operation: &Operation<'_>, params: &Params, whole: &Value) -> Self {
        // Some documents have a part of the query in the path.
        let path = operation.path.split('?').next().unwrap_or_default().trim_end_matches('/');
        let path =
            [".json", ".xml", ".{format}", ".{_format}"].iter().find_map(|it| path.strip_suffix(it)).unwrap_or(path);
        let segments: Vec<&str> = path.split('/').collect();
        let last = segments.last().copied().unwrap_or_default();
        let (parameter, named) = match last.rsplit_once('}') {
            Some((_, after)) if after.chars().any(char::is_alphanumeric) => (None, after),
            Some((before, _)) => (before.rsplit_once('{').map(|(_, name)| squeezed(name)), ""),
            None => (None, last),
        };
        let before = segments.iter().rev().skip(1).find(|it| !it.contains('{')).copied().unwrap_or_default();
        let noun = stem(if parameter.is_some() { before } else { named });
        let id = operation.own.get("operationId").and_then(Value::as_str).unwrap_or_default();
        let summary = operation.own.get("summary").and_then(Value::as_str).unwrap_or_default();
        let is_told = is_told(id) || is_told(named) || is_summary_of_list(summary);
        Self { noun, parameter, is_paged: paging::is_asked(params) || paging::has_link(whole), is_told }
    }

    /// Judges the members of an object, and those around it.
    fn judge<'d>(
        &self,
        document: &Document<'d>,
        path: &str,
        members: &[(&'d str, &'d Value)],
        around: &[(&'d str, &'d Value)],
    ) -> Found<'d> {
        let told =
            members.iter().chain(around).map(|(name, it)| Paged::of(document, name, it)).max().unwrap_or(Paged::No);
        let is_paged = self.is_paged || told != Paged::No;
        let lists: Vec<_> = members
            .iter()
            .filter(|(name, it)| {
                document.kind(it) == Some("array") && (self.is_named(name) || !is_envelope(document, name, it))
            })
            .copied()
            .collect();
        let is_of = |list: &Value, kinds: &[Option<&str>]| {
            kinds.contains(&document.items(list).and_then(|it| document.kind(it)))
        };
        let only = |kinds: &[Option<&str>]| {
            let mut found = lists.iter().filter(|(_, list)| is_of(list, kinds));
            found.next().filter(|_| found.next().is_none())
        };
        let holds_more = |list: &Value| is_paged || is_of(list, &[Some("object"), None]);
        let mut all_named = lists.iter().filter(|(name, list)| self.is_named(name) && holds_more(list));
        let exactly = lists.iter().find(|(name, list)| stem(name) == self.noun && holds_more(list));
        let named = exactly
            .filter(|(name, _)| self.is_named(name))
            .or_else(|| all_named.next().filter(|_| all_named.next().is_none()));
        let usual = LISTS.iter().find_map(|usual| lists.iter().find(|(name, _)| name == usual));
        let any = || lists.first().filter(|_| lists.len() == 1 && is_paged);
        let Some((name, list)) = named.or(usual).or_else(|| only(&[Some("object")])).or_else(any) else {
            let many = lists.len() > 1 && is_paged && self.parameter.is_none();
            return if many { Found::Several } else { Found::Nothing };
        };
        let beside: Vec<_> = members.iter().filter(|(other, _)| other != name).chain(around).collect();
        let has_id = beside.iter().any(|(name, _)| self.is_id(name));
        let own = beside.iter().filter(|(name, it)| !self.is_id(name) && !is_envelope(document, name, it)).count();
        let mut weight = 0;
        for (holds, counts) in [
            (own == 0 && !has_id, ALONE),
            (told == Paged::Leads, LED),
            (is_paged && told != Paged::Leads, PAGED),
            (self.is_told, NAMED),
            (self.is_named(name) || LISTS.contains(name), NAMED),
            (self.parameter.is_none(), 1),
            (self.parameter.is_some(), -SINGLE),
            (has_id, -SINGLE),
        ] {
            weight += if holds { counts } else { 0 };
        }
        weight -= i32::try_from(own).unwrap_or(BESIDE).min(BESIDE);
        if weight > 0 {
            Found::List(Listing { path: member(path, name), item: document.items(list) })
        } else {
            Found::Nothing
        }
    }

    /// Tells whether a member is called what the path names last: `orders` of `/orders`, `UserSummaryList` of `/users-summary`.
    fn is_named(&self, name: &str) -> bool {
        let name = stem(name);
        let ends = |one: &str, other: &str| other.len() > 2 && one.ends_with(other);
        self.parameter.is_none() && (ends(&name, &self.noun) || ends(&self.noun, &name))
    }

    /// Tells whether a member identifies one thing, such as `id`, or what the path ends in.
    fn is_id(&self, name: &str) -> bool {
        let name = squeezed(name);
        let of_noun = || name.strip_suffix("id").is_some_and(|rest| rest.len() > 2 && stem(rest) == self.noun);
        matches!(name.as_str(), "id" | "uuid" | "guid" | "gid" | "arn")
            || Some(&name) == self.parameter.as_ref()
            || of_noun()
    }
}

/// Tells whether a name is that of a list: `list_orders`, `Orders_ListByShop`, `users.search`, `get_all_orders`.
fn is_told(name: &str) -> bool {
    let name = snake(name);
    let words: Vec<&str> = name.split('_').collect();
    let says = |word: &&str| matches!(*word, "list" | "search" | "find" | "query" | "browse");
    words.first().is_some_and(says)
        || words.last().is_some_and(says)
        || words.windows(2).any(|two| matches!(two, ["list", "by" | "all" | "for"] | ["get" | "find", "all"]))
}

/// Tells whether a sentence begins as one about a list does.
fn is_summary_of_list(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|it| !it.is_empty()).take(5).collect();
    words.first().is_some_and(|it| matches!(*it, "list" | "lists" | "search" | "searches" | "browse" | "all"))
        || words.get(1) == Some(&"all")
        || words.windows(2).any(|two| two == ["list", "of"])
}

fn squeezed(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|it| it.to_ascii_lowercase()).collect()
}

/// Returns what the singular and the plural of a name have in common.
fn stem(name: &str) -> String {
    let name = snake(name);
    let mut words: Vec<&str> = name.split('_').collect();
    while words.len() > 1
        && words.last().is_some_and(|it| matches!(*it, "list" | "summary" | "summaries" | "collection"))
    {
        words.pop();
    }
    let name = words.concat();
    let stem = name.trim_end_matches(['e', 's']);
    stem.strip_suffix('i').map_or_else(|| stem.to_owned(), |it| format!("{it}y"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::{Notes, Options};

    /// Returns where the records are of a request whose answer has such members: `[]` a list of objects, `[s]` one of texts, `{…}` an object.
    fn records(request: &str, operation: &str, members: &Value) -> Option<String> {
        let (path, query) = request.split_once('?').unwrap_or((request, ""));
        let parameters: Vec<Value> = query
            .split('&')
            .filter(|name| !name.is_empty())
            .map(|name| json!({"name": name, "in": "query", "schema": {"type": "string"}}))
            .collect();
        let root = json!({
            "openapi": "3.0.3",
            "info": {"title": "A", "version": "1"},
            "servers": [{"url": "https://a.example"}],
            "paths": {path: {"get": {
                "operationId": operation,
                "parameters": parameters,
                "responses": {"200": {"description": "d", "content": {"application/json": {"schema": schema(members)}}}},
            }}},
        });
        let options = Options { no_examples: true, ..Options::default() };
        let spec = super::super::import(&root, &options, &mut Notes::default()).ok()?;
        spec.endpoints.into_iter().next()?.1.records
    }

    fn schema(members: &Value) -> Value {
        match members {
            Value::Object(members) => {
                let members: serde_json::Map<_, _> =
                    members.iter().map(|(name, it)| (name.clone(), schema(it))).collect();
                json!({"type": "object", "properties": members})
            }
            Value::Array(items) => {
                let items = items.first().map_or_else(|| json!({"type": "object"}), schema);
                json!({"type": "array", "items": items})
            }
            Value::String(_) => json!({"type": "string"}),
            Value::Bool(_) => json!({"type": "boolean"}),
            Value::Number(number) if number.is_f64() => json!({"type": "number"}),
            _ => json!({"type": "integer"}),
        }
    }

    #[test]
    fn an_answer_that_lists_has_records() {
        for (request, operation, members, expected) in [
            ("/orders", "orders", json!([]), "$"),
            ("/orders/{id}", "orders", json!([]), "$"),
            ("/orders", "orders", json!({"orders": []}), "$.orders"),
            ("/orders.json", "orders", json!({"orders": [], "customers": [], "currency": ""}), "$.orders"),
            ("/orders", "orders", json!({"orders": [], "total": 1, "page": 1, "next": ""}), "$.orders"),
            ("/orders/{id}/lines", "lines", json!({"lines": [], "order": {"id": 1}}), "$.lines"),
            ("/things", "things", json!({"data": [], "has_more": true, "object": "", "url": ""}), "$.data"),
            ("/things", "things", json!({"data": [], "included": [], "links": {}, "jsonapi": {}}), "$.data"),
            ("/things", "things", json!({"value": [], "@odata.nextLink": ""}), "$.value"),
            ("/things?limit&offset", "things", json!({"names": [""], "region": ""}), "$.names"),
            ("/cars?start&rows", "cars", json!({"a": 1, "b": {}, "c": 1, "d": 1, "listings": []}), "$.listings"),
            (
                "/users-summary/{instance}",
                "listUsers",
                json!({"UserSummaryList": [], "NextToken": ""}),
                "$.UserSummaryList",
            ),
            ("/Invoices/{id}", "getInvoice", json!({"Invoices": [], "Status": ""}), "$.Invoices"),
            (
                "/sessions/{session_id}",
                "chat",
                json!({"session_id": "", "from": "", "next_page_token": "", "messages": []}),
                "$.messages",
            ),
            ("/tags/{label}", "tagged", json!({"data": [], "page": 1, "pages": 1, "results": 1}), "$.data"),
            (
                "/calendars/{id}/events",
                "events",
                json!({"summary": "", "timeZone": "", "reminders": [], "items": [], "nextPageToken": ""}),
                "$.items",
            ),
            (
                "/conversations.list",
                "conversations_list",
                json!({"ok": true, "channels": [], "response_metadata": {"next_cursor": ""}}),
                "$.channels",
            ),
            ("/orders", "orders", json!({"data": {"orders": [], "total": 1}}), "$.data.orders"),
            (
                "/orders",
                "orders",
                json!({"_embedded": {"orders": []}, "_links": {}, "page": {"number": 1}}),
                "$._embedded.orders",
            ),
        ] {
            assert_eq!(records(request, operation, &members).as_deref(), Some(expected), "{request} {members}");
        }
    }

    #[test]
    fn a_resource_that_holds_a_list_has_none() {
        for (request, operation, members) in [
            ("/orders/{id}", "getOrder", json!({"id": 1, "total": 1.5, "lines": []})),
            ("/orders/{id}", "getOrder", json!({"id": 1, "items": []})),
            ("/orders/{id}", "getOrder", json!({"data": {"id": 1, "state": "", "lines": []}})),
            ("/orders/{id}", "getOrder", json!({"id": 1, "_embedded": {"lines": []}, "_links": {"self": {}}})),
            ("/orders/{id}", "getOrder", json!({"order": {"id": 1}, "errors": []})),
            ("/orders/{id}", "getOrder", json!({"data": {"type": "", "attributes": {}}, "included": []})),
            ("/carts/{id}", "getCart", json!({"items": [], "total": 1.5, "currency": ""})),
            ("/orders/{id}/shipment", "getShipment", json!({"id": 1, "carrier": "", "items": []})),
            ("/me", "getMe", json!({"id": 1, "name": "", "companies": [], "origins": [""]})),
            ("/serverInfo", "getServerInfo", json!({"version": "", "baseUrl": "", "healthChecks": []})),
            ("/plans/{plan}", "getPlan", json!({"object": "", "amount": 1, "tiers": [], "next_invoice": 1})),
            (
                "/commits/{ref}?page&per_page",
                "getCommit",
                json!({"sha": "", "author": {}, "message": "", "parents": [], "files": []}),
            ),
            ("/orders", "orders", json!({"message": "", "ok": true})),
        ] {
            assert_eq!(records(request, operation, &members), None, "{request} {members}");
        }
    }
}
