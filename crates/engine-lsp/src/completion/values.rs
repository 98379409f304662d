//! The values that a key can have: names of what is declared, those that the schema lists, files, paths over examples.

use std::fs;
use std::path::Path;

use engine_plan::{Files, normal};
use engine_source::Node;
use engine_spec::test::TestFile;
use gen_lsp_types::CompletionItemKind;

use super::Proposal;
use super::keys::ends_in;
use crate::cursor::{Cursor, MARK, Reading};
use crate::examples::{members, shown};
use crate::file::Part;
use crate::index::Symbol;
use crate::schema::Schema;
use crate::world::{World, is_yaml};

/// The keys in an endpoint whose path is over one record.
const OVER_RECORDS: &[&str] = &["key", "cursor"];

/// The keys in an endpoint whose path is over the answer.
const OVER_ANSWERS: &[&str] = &["records", "from", "next", "total", "total_pages", "token"];

/// The keys whose value says where in a request something goes.
const PLACES: &[&str] = &["into", "size_into", "send", "send_end", "in"];

/// Proposes values.
pub(super) fn propose(world: &World, path: &Path, cursor: &Cursor, reading: &Reading) -> Vec<Proposal> {
    let schema = if TestFile::is_named(path) { Schema::of_tests() } else { Schema::of_specs() };
    let mut proposals = named(world, path, cursor, reading);
    for choice in schema.choices(&reading.file.root, &reading.path) {
        let one = Proposal::new(choice.text, CompletionItemKind::EnumMember);
        proposals.push(one.about(choice.description).rank(3));
    }
    proposals.extend(paths(world, path, cursor, reading));
    if ends_in(&reading.path, &["request"]) && !cursor.prefix.contains(' ') {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            proposals.push(Proposal::new(method, CompletionItemKind::Keyword).snippet(format!("{method} /$0")));
        }
    }
    if ends_in(&reading.path, PLACES) && reading.path.iter().any(|part| *part == Part::Key("apis".into())) {
        for place in ["query.", "header.", "body.", "cookie."] {
            proposals.push(Proposal::new(place, CompletionItemKind::Keyword).rank(6));
        }
    }
    proposals
}

/// Proposes the names of what the place refers to, as what is written there would be read.
fn named(world: &World, path: &Path, cursor: &Cursor, reading: &Reading) -> Vec<Proposal> {
    let Some(one) = reading.file.occurrence(reading.span.range().start) else { return Vec::new() };
    if one.is_definition || !one.symbol.name().contains(MARK) {
        return Vec::new();
    }
    match &one.symbol {
        Symbol::Api(_) => {
            let mut all = endpoints(world, path);
            if ends_in(&reading.path, &["read"]) {
                let readable = |one: &Proposal| {
                    let (api, name) = one.label.split_once('.').unwrap_or_default();
                    world.endpoint(path, api, name).is_some_and(|(file, node)| {
                        let of_api = file.root.get("apis").and_then(|apis| apis.get(api)?.get("records"));
                        node.get("records").or(of_api).is_some() || node.get("steps").is_some()
                    })
                };
                for one in &mut all {
                    one.rank = if readable(one) { 1 } else { 4 };
                }
            }
            all
        }
        Symbol::File(_) => files(world, path, cursor),
        Symbol::Endpoint(api, _) => {
            let found = endpoints(world, path).into_iter().filter_map(|one| {
                let (of, name) = one.label.split_once('.')?;
                (of == &**api).then(|| Proposal::new(name, CompletionItemKind::Method).detail(one.detail.clone()))
            });
            found.collect()
        }
        other => declared(world, path, other),
    }
}

/// Proposes all endpoints, as they are called.
pub(super) fn endpoints(world: &World, path: &Path) -> Vec<Proposal> {
    let mut proposals = Vec::new();
    for file in world.closure(path) {
        for api in file.root.get("apis").map(Node::entries).unwrap_or_default() {
            for endpoint in api.value.get("endpoints").map(Node::entries).unwrap_or_default() {
                let text = |name: &str| endpoint.value.get(name).and_then(Node::as_str);
                proposals.push(
                    Proposal::new(format!("{}.{}", api.key.text, endpoint.key.text), CompletionItemKind::Method)
                        .detail(text("request"))
                        .about(text("description"))
                        .rank(2),
                );
            }
        }
    }
    proposals.retain(|one| !one.label.contains(MARK));
    proposals
}

/// Proposes the names that are declared as what a symbol is.
pub(super) fn declared(world: &World, path: &Path, like: &Symbol) -> Vec<Proposal> {
    let is_kind = |one: &Symbol| std::mem::discriminant(one) == std::mem::discriminant(like);
    let mut proposals = Vec::new();
    for (index, file) in world.closure(path).iter().enumerate() {
        let tested = index == 1 && file.path != path;
        for one in file.index.definitions().filter(|one| is_kind(&one.symbol) && !one.symbol.name().contains(MARK)) {
            if matches!(one.symbol, Symbol::Step(..)) && index > 0 && !(tested && TestFile::is_named(path)) {
                continue;
            }
            let kind = match one.symbol {
                Symbol::Step(..) => CompletionItemKind::Event,
                Symbol::Api(_) => CompletionItemKind::Module,
                Symbol::Mapping(_) => CompletionItemKind::Struct,
                Symbol::Secret(_) => CompletionItemKind::Constant,
                _ => CompletionItemKind::Variable,
            };
            let value = World::value(file, one);
            let text = |name: &str| value.and_then(|value| value.get(name)).and_then(Node::as_str).map(str::to_owned);
            let detail = text("type").unwrap_or_else(|| one.symbol.noun().to_owned());
            let proposal = Proposal::new(&**one.symbol.name(), kind).detail(Some(detail)).about(text("description"));
            proposals.push(proposal.rank(2));
        }
    }
    proposals
}

/// Proposes files beside the spec, by what is written of the path.
fn files(world: &World, path: &Path, cursor: &Cursor) -> Vec<Proposal> {
    let (above, _) = cursor.prefix.rsplit_once('/').unwrap_or(("", ""));
    let folder = normal(&path.parent().unwrap_or(Path::new("")).join(above));
    let before = if above.is_empty() && !cursor.prefix.starts_with('/') { String::new() } else { format!("{above}/") };
    let mut proposals = Vec::new();
    for name in world.texts.names(&folder) {
        if is_yaml(&name) && folder.join(&name) != path {
            proposals.push(Proposal::new(format!("{before}{name}"), CompletionItemKind::File));
        }
    }
    let mut folders: Vec<String> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    folders.sort();
    folders.push("..".to_owned());
    proposals.extend(
        folders.into_iter().map(|name| Proposal::new(format!("{before}{name}/"), CompletionItemKind::Folder).rank(6)),
    );
    proposals
}

/// Proposes paths over the example of the endpoint that the place is in, or whose records its step has.
fn paths(world: &World, path: &Path, cursor: &Cursor, reading: &Reading) -> Vec<Proposal> {
    let key = reading.path.iter().rev().find_map(|part| match part {
        Part::Key(name) => Some(&**name),
        Part::Item(_) => None,
    });
    let key = key.unwrap_or_default();
    let in_endpoint = match reading.path.as_slice() {
        [Part::Key(apis), Part::Key(api), Part::Key(endpoints), Part::Key(endpoint), ..]
            if &**apis == "apis" && &**endpoints == "endpoints" =>
        {
            Some((api, endpoint))
        }
        _ => None,
    };
    let is_path = cursor.prefix.starts_with('$');
    let over = match in_endpoint {
        Some((api, endpoint)) if OVER_ANSWERS.contains(&key) => world.example(path, api, endpoint),
        Some((api, endpoint)) if OVER_RECORDS.contains(&key) => world.record(path, api, endpoint),
        Some(_) => None,
        None if is_path => world.item(path, &reading.file.root, &reading.path),
        None => None,
    };
    let Some(over) = over else { return Vec::new() };
    let mut proposals = Vec::new();
    for sample in members(&over, 3) {
        let is_list = !sample.value.items().is_empty();
        if key == "records" && !is_list {
            continue;
        }
        let text =
            if sample.path.starts_with('[') { format!("${}", sample.path) } else { format!("$.{}", sample.path) };
        proposals.push(Proposal::new(text, CompletionItemKind::Field).detail(Some(shown(&sample.value))).rank(2));
    }
    proposals
}
