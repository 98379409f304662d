//! What can be written in an expression: names with their members, filters, functions, tests.

use std::path::Path;

use engine_expr::{FILTERS, FUNCTIONS, TESTS};
use engine_plan::{COUNTS, GivenName, STEP_MEMBERS, Scope, given_names};
use engine_source::Node;
use gen_lsp_types::CompletionItemKind;

use super::Proposal;
use super::values::declared;
use crate::cursor::{MARK, Reading};
use crate::examples::{members, shown};
use crate::file::Part;
use crate::functions::{describe, signature};
use crate::index::Symbol;
use crate::texts::Texts;
use crate::world::World;

/// What was found, and how many bytes before the cursor it replaces.
pub(super) struct Expressed {
    pub(super) length: usize,
    pub(super) proposals: Vec<Proposal>,
}

/// Proposes what can follow what is written of an expression.
pub(super) fn propose(world: &World, path: &Path, reading: &Reading, written: &str) -> Expressed {
    let length = written.bytes().rev().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let before = written.get(..written.len() - length).unwrap_or_default();
    let trimmed = before.trim_end();
    let found = |proposals| Expressed { length, proposals };
    if trimmed.ends_with('|') {
        return found(called(FILTERS, true));
    }
    let last_word = trimmed.rsplit(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').next();
    let negated = trimmed.strip_suffix("not").map_or(trimmed, str::trim_end);
    if before.ends_with(char::is_whitespace) && (last_word == Some("is") || negated.ends_with(" is")) {
        return found(called(TESTS, true));
    }
    let scope = scope(world, path, reading);
    if let Some(chain) = before.strip_suffix('.').map(chain) {
        return found(member(world, path, reading, &scope, &chain));
    }
    let mut proposals: Vec<Proposal> = Vec::new();
    for name in &scope.names {
        let about = format!("`{}` is known {}", name.name, name.home);
        proposals.push(Proposal::new(name.name, CompletionItemKind::Variable).about(Some(about)).rank(1));
    }
    proposals.extend(called(FUNCTIONS, false));
    found(proposals)
}

fn called(names: &[&str], is_filter: bool) -> Vec<Proposal> {
    let propose = |name: &&str| {
        let one =
            Proposal::new(*name, CompletionItemKind::Function).detail(signature(name)).about(describe(name)).rank(4);
        if is_filter { one } else { one.snippet(format!("{name}($0)")) }
    };
    names.iter().filter(|name| name.starts_with(|first: char| first.is_ascii_alphabetic())).map(propose).collect()
}

/// Reads the names at the end of an expression: `steps.orders` of `x + steps.orders`.
fn chain(text: &str) -> Vec<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '[' | ']' | '\'' | '"');
    let start =
        text.char_indices().rev().take_while(|(_, letter)| is_part(*letter)).last().map_or(text.len(), |(at, _)| at);
    let parts = text.get(start..).unwrap_or_default().split(['.', '[', ']', '\'', '"']);
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Returns what is known in the scalar that is being written, as the compiler says; where it does not come to it, by the section.
fn scope(world: &World, path: &Path, reading: &Reading) -> Scope {
    let mut texts: Texts = world.texts.clone();
    texts.set(path, reading.file.text().into());
    let (scopes, sources) = engine_plan::scopes(path, &texts);
    let own = path.to_string_lossy();
    let is_here = |scope: &&Scope| {
        sources.get(scope.span.source).name() == own && scope.span.range().start == reading.span.range().start
    };
    if let Some(scope) = scopes.iter().find(is_here) {
        return scope.clone();
    }
    let section = match reading.path.first() {
        Some(Part::Key(name)) => &**name,
        _ => "",
    };
    let usual: &[&str] = match section {
        "secrets" => &["inputs"],
        "vars" => &["inputs", "secrets", "vars", "run", "trigger"],
        "apis" => {
            &["inputs", "vars", "secrets", "run", "params", "response", "request", "page", "last", "window", "auth"]
        }
        "sinks" => &["inputs", "vars", "secrets", "run", "item", "stream"],
        "triggers" => &["inputs", "vars", "secrets", "trigger"],
        _ => &["inputs", "vars", "run", "item", "original", "parent", "steps", "stream", "trigger", "response"],
    };
    let names: Vec<GivenName> = given_names().filter(|known| usual.contains(&known.name)).collect();
    let own = |like: Symbol| declared(world, path, &like).into_iter().map(|one| one.label).collect::<Vec<_>>();
    let params = match reading.path.as_slice() {
        [_, Part::Key(api), _, Part::Key(endpoint), ..] if section == "apis" => {
            let params = world.endpoint(path, api, endpoint).and_then(|(_, node)| node.get("params").cloned());
            let names = params.iter().flat_map(Node::entries).map(|entry| entry.key.text.to_string());
            names.collect()
        }
        _ => Vec::new(),
    };
    Scope {
        span: reading.span,
        names,
        params,
        vars: own(Symbol::Var(None, MARK.into())),
        steps: own(Symbol::Step(None, MARK.into())),
        auth: Vec::new(),
        rooted: false,
    }
}

/// Proposes the members of a chain of names.
fn member(world: &World, path: &Path, reading: &Reading, scope: &Scope, chain: &[String]) -> Vec<Proposal> {
    let plain = |names: Vec<&str>| -> Vec<Proposal> {
        names.into_iter().map(|name| Proposal::new(name, CompletionItemKind::Field).rank(2)).collect()
    };
    let owned = |names: &[String]| plain(names.iter().map(String::as_str).collect());
    let Some((root, rest)) = chain.split_first() else { return Vec::new() };
    match (root.as_str(), rest) {
        ("inputs", []) => declared(world, path, &Symbol::Input(MARK.into())),
        ("secrets", []) => declared(world, path, &Symbol::Secret(MARK.into())),
        ("vars", []) => owned(&scope.vars),
        ("params", []) => owned(&scope.params),
        ("auth", []) => owned(&scope.auth),
        ("steps", []) => owned(&scope.steps),
        ("steps", [_]) => plain(STEP_MEMBERS.to_vec()),
        ("steps", [_, counts]) if counts == "counts" => plain(COUNTS.to_vec()),
        ("item" | "original", rest) => {
            let Some(record) = world.item(path, &reading.file.root, &reading.path) else { return Vec::new() };
            let Some(node) = rest.iter().try_fold(&record, |node, name| node.get(name)) else { return Vec::new() };
            let samples = members(node, 1).into_iter().filter(|sample| !sample.path.contains('['));
            let propose = |sample: crate::examples::Sample| {
                Proposal::new(sample.path, CompletionItemKind::Field).detail(Some(shown(&sample.value))).rank(2)
            };
            samples.map(propose).collect()
        }
        (name, []) => scope
            .names
            .iter()
            .find(|known| known.name == name)
            .map(|known| plain(known.members.to_vec()))
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}
