//! The keys that an object can have: those of the schema, and the names that stand for something there.

use std::collections::BTreeSet;
use std::path::Path;

use engine_spec::test::TestFile;
use gen_lsp_types::CompletionItemKind;

use super::Proposal;
use super::values::{declared, endpoints};
use crate::cursor::{Cursor, MARK, Reading};
use crate::file::Part;
use crate::index::Symbol;
use crate::schema::{Member, Schema};
use crate::world::World;

/// Proposes keys.
pub(super) fn propose(world: &World, path: &Path, cursor: &Cursor, reading: &Reading) -> Vec<Proposal> {
    let root = &reading.file.root;
    let object = reading.file.at(&reading.path);
    let is_there = |name: &str| object.is_some_and(|node| node.entries().iter().any(|entry| &*entry.key.text == name));
    let mut proposals = named(world, path, cursor, reading);
    proposals.retain(|one| !is_there(&one.label));
    let schema = if TestFile::is_named(path) { Schema::of_tests() } else { Schema::of_specs() };
    // Without the mark, which fits no form.
    let object = object.map(|node| node.without(MARK));
    let members = schema.members(root, &reading.path, object.as_ref());
    for member in members.into_iter().filter(|member| !is_there(member.name)) {
        proposals.push(key(schema, &member, cursor));
    }
    proposals
}

/// Makes the proposal of a key, with room for its value.
fn key(schema: &Schema, member: &Member<'_>, cursor: &Cursor) -> Proposal {
    let kinds = schema.kinds(member.schema);
    let kinds: BTreeSet<&str> = kinds.into_iter().collect();
    let fixed = member.schema.get("const").map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let only = |kind: &str| kinds.len() == 1 && kinds.contains(kind);
    let name = member.name;
    let text = match fixed {
        _ if cursor.has_colon => name.to_owned(),
        Some(value) => format!("{name}: {value}"),
        None if cursor.in_brackets && only("object") => format!("{name}: {{$0}}"),
        None if cursor.in_brackets && only("array") => format!("{name}: [$0]"),
        None if only("object") => format!("{name}:\n  $0"),
        None if only("array") => format!("{name}:\n  - $0"),
        None => format!("{name}: $0"),
    };
    let shown: Vec<&str> = kinds.into_iter().collect();
    let detail = if member.required { format!("{}, required", shown.join(" | ")) } else { shown.join(" | ") };
    Proposal::new(name, CompletionItemKind::Property)
        .detail(Some(detail))
        .about(member.description)
        .rank(if member.required { 1 } else { 5 })
        .snippet(text)
}

/// Proposes the names of what is keyed by them: the params of an endpoint, the endpoints of a test's mock.
fn named(world: &World, path: &Path, cursor: &Cursor, reading: &Reading) -> Vec<Proposal> {
    let Some(one) = reading.file.occurrence(reading.span.range().start) else { return Vec::new() };
    if one.is_definition || !one.symbol.name().contains(MARK) {
        return Vec::new();
    }
    let colon = if cursor.has_colon { "" } else { ": " };
    let with_colon = |one: Proposal| {
        let text = format!("{}{colon}$0", one.label.replace('$', "\\$"));
        one.snippet(text)
    };
    match &one.symbol {
        Symbol::Param(api, endpoint, _) => params(world, path, api, endpoint).into_iter().map(with_colon).collect(),
        Symbol::Api(_) => endpoints(world, path).into_iter().map(with_colon).collect(),
        Symbol::ForeignInput(file, _) => {
            let other = engine_plan::beside(path, file);
            declared(world, &other, &Symbol::Input(MARK.into())).into_iter().map(with_colon).collect()
        }
        Symbol::File(_) => Vec::new(),
        other => declared(world, path, other).into_iter().map(with_colon).collect(),
    }
}

/// Proposes the params of an endpoint, those first that it needs.
fn params(world: &World, path: &Path, api: &str, endpoint: &str) -> Vec<Proposal> {
    let Some((_, node)) = world.endpoint(path, api, endpoint) else { return Vec::new() };
    let Some(params) = node.get("params") else { return Vec::new() };
    let propose = |entry: &engine_source::Entry| {
        let member = |name: &str| entry.value.get(name).and_then(engine_source::Node::scalar_text);
        let required = member("required").as_deref() == Some("true");
        let kind = member("type").unwrap_or_else(|| "string".into());
        Proposal::new(&*entry.key.text, CompletionItemKind::Field)
            .detail(Some(if required { format!("{kind}, required") } else { kind.to_string() }))
            .about(member("description").map(|text| text.to_string()))
            .rank(if required { 0 } else { 2 })
    };
    params.entries().iter().map(propose).collect()
}

/// Returns whether a way ends in a key.
pub(super) fn ends_in(path: &[Part], names: &[&str]) -> bool {
    matches!(path.last(), Some(Part::Key(name)) if names.contains(&&**name))
}
