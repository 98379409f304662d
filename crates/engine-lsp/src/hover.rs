//! What stands at a place: a key's meaning, what a name is declared as, what a function does.

use std::path::Path;
use std::sync::Arc;

use engine_expr::{FILTERS, FUNCTIONS, Host, Scope, TESTS};
use engine_plan::{Fill, Provenance, beside, given_names};
use engine_source::Node;
use engine_spec::test::TestFile;
use gen_lsp_types::{Contents, Hover, MarkupContent, MarkupKind};

use crate::examples::shown;
use crate::file::File;
use crate::functions::describe;
use crate::index::Symbol;
use crate::position::Encoding;
use crate::schema::Schema;
use crate::world::{Place, World};

/// Says what stands at a byte of a file.
pub(crate) fn hover(world: &World, path: &Path, at: usize, encoding: Encoding) -> Option<Hover> {
    let file = world.file(path)?;
    let (text, span) = named(world, &file, at).or_else(|| word(&file, at)).or_else(|| key(&file, at))?;
    let range = file.lines().range(file.text(), span, encoding);
    let contents = Contents::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value: text });
    Some(Hover { contents, range: Some(range) })
}

/// What nothing is asked of: the time and chance are left as they are written.
struct Nobody;

impl Host for Nobody {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }

    fn random(&self) -> u64 {
        0
    }
}

type Said = Option<(String, std::ops::Range<usize>)>;

/// Says what a name stands for.
fn named(world: &World, file: &File, at: usize) -> Said {
    let one = file.occurrence(at)?;
    let span = one.span.range();
    if let Symbol::File(name) = &one.symbol {
        let other = world.file(&beside(&file.path, name))?;
        let text = |key: &str| other.root.get(key).and_then(Node::as_str).unwrap_or_default();
        return Some((format!("`{}`\n\n{}", text("name"), text("description")), span));
    }
    let places = world.definitions(&file.path, &one.symbol);
    let place = places.first()?;
    let mut said = declared(place, &one.symbol);
    if let Symbol::Endpoint(api, name) = &one.symbol {
        said.push_str(&effective(world, &file.path, api, name));
    }
    if place.file.path != file.path
        && let Some(name) = place.file.path.file_name()
    {
        said.extend(["\n\n*defined in `", &name.to_string_lossy(), "`*"]);
    }
    Some((said, span))
}

/// Says what something is declared as.
fn declared(place: &Place, symbol: &Symbol) -> String {
    let Place { file, occurrence } = place;
    let value = World::value(file, occurrence);
    let member = |name: &str| value.and_then(|value| value.get(name));
    let text = |name: &str| member(name).map(shown);
    let mut head = format!("**{}** `{}`", symbol.noun(), symbol.name());
    let mut lines: Vec<String> = Vec::new();
    match symbol {
        Symbol::Input(_) | Symbol::ForeignInput(..) | Symbol::Param(..) => {
            if let Some(kind) = text("type") {
                head.extend([": ", &kind]);
            }
            if text("required").as_deref() == Some("true") {
                head.push_str(", required");
            }
            let default = text("default").map(|value| format!("default: `{value}`"));
            let env = text("env").map(|name| format!("from the environment: `{name}`"));
            let choices: Vec<String> = member("enum")
                .map(Node::items)
                .unwrap_or_default()
                .iter()
                .map(|one| format!("`{}`", shown(one)))
                .collect();
            lines.extend(default.into_iter().chain(env));
            if !choices.is_empty() {
                lines.push(format!("one of {}", choices.join(", ")));
            }
        }
        Symbol::Secret(_) => {
            for kind in ["env", "file", "command", "keyring"] {
                lines.extend(text(kind).map(|value| format!("{kind}: `{value}`")));
            }
        }
        Symbol::Endpoint(..) => {
            lines.extend(text("request").map(|request| format!("`{request}`")));
            let params = member("params").map(Node::entries).unwrap_or_default();
            for entry in params {
                let of = |name: &str| entry.value.get(name).map(shown);
                let kind = of("type").unwrap_or_else(|| "string".to_owned());
                let required = if of("required").as_deref() == Some("true") { ", required" } else { "" };
                let about = of("description").map(|text| format!(" – {text}")).unwrap_or_default();
                lines.push(format!("- `{}`: {kind}{required}{about}", entry.key.text));
            }
        }
        Symbol::Api(_) => lines.extend(text("base_url").map(|url| format!("`{url}`"))),
        Symbol::Sink(_) => {
            lines
                .extend(["type", "path", "url"].into_iter().filter_map(|key| Some(format!("{key}: `{}`", text(key)?))));
        }
        _ => {
            if let Some(span) = occurrence.value {
                let written = file.sources.text_of(span);
                let first: Vec<&str> = written.lines().take(12).collect();
                lines.push(format!("```yaml\n{}\n```", first.join("\n")));
            }
        }
    }
    let about = member("description").and_then(Node::as_str);
    let mut said = head;
    if let Some(about) = about {
        said.push_str("\n\n");
        said.push_str(about);
    }
    if !lines.is_empty() {
        said.push_str("\n\n");
        let is_list = lines.iter().any(|line| line.starts_with("- "));
        said.push_str(&lines.join(if is_list { "\n" } else { "  \n" }));
    }
    said
}

/// Says what holds for an endpoint that it does not say itself.
fn effective(world: &World, path: &Path, api: &str, name: &str) -> String {
    let Some(plan) = engine_plan::compile(path, &world.texts).plan else { return String::new() };
    let Some(merged) = engine_plan::merged(path, &world.texts) else { return String::new() };
    let description = plan.describe(&merged, &Fill::new(Scope::new(Arc::new(Nobody))));
    let id = format!("{api}.{name}");
    let Some(endpoint) = description.endpoints.iter().find(|one| one.id == id) else { return String::new() };
    let mut said = String::new();
    for setting in endpoint.settings.iter().filter(|one| matches!(one.from, Provenance::Api | Provenance::Both)) {
        said.extend(["\n- ", setting.name, ": ", &setting.text.replace('\n', " "), " *(of the API)*"]);
    }
    if said.is_empty() { said } else { format!("\n\nholds too:\n{said}") }
}

/// Says what a function, a filter, a test or a name of the language is.
fn word(file: &File, at: usize) -> Said {
    let text = file.text();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let bytes = text.as_bytes();
    let start = at - bytes.get(..at)?.iter().rev().take_while(|byte| is_word(byte)).count();
    let end = at + bytes.get(at..)?.iter().take_while(|byte| is_word(byte)).count();
    let name = text.get(start..end).filter(|name| !name.is_empty())?;
    let found = file.find(at).filter(|found| !found.is_key)?;
    let is_condition = matches!(
        found.path.last(),
        Some(crate::file::Part::Key(key)) if crate::index::CONDITIONS.contains(&&**key)
    );
    let before = text.get(found.span.range().start..start)?;
    if !(is_condition || before.contains("{{") || before.contains("{%")) {
        return None;
    }
    let trimmed = before.trim_end();
    let after = text.get(end..)?.trim_start_matches(' ');
    let is_called = trimmed.ends_with('|') && FILTERS.contains(&name)
        || after.starts_with('(') && FUNCTIONS.contains(&name) && !trimmed.ends_with('.')
        || (trimmed.ends_with(" is") || trimmed.ends_with(" not")) && TESTS.contains(&name);
    if is_called {
        return describe(name).map(|about| (about.to_owned(), start..end));
    }
    if trimmed.ends_with('.') {
        return None;
    }
    let given = given_names().find(|given| given.name == name)?;
    let members = match given.members {
        [] => String::new(),
        members => format!("\n\nmembers: `{}`", members.join("`, `")),
    };
    Some((format!("`{name}` is known {}{members}", given.home), start..end))
}

/// Says what a key means.
fn key(file: &File, at: usize) -> Said {
    let found = file.find(at)?;
    let schema = if TestFile::is_named(&file.path) { Schema::of_tests() } else { Schema::of_specs() };
    if found.is_key {
        let about = schema.describe(&file.root, &found.path)?;
        return Some((about.to_owned(), found.span.range()));
    }
    let written = found.node.scalar_text()?;
    let choices = schema.choices(&file.root, &found.path);
    let choice = choices.into_iter().find(|choice| *choice.text == *written)?;
    Some((format!("`{}`: {}", choice.text, choice.description?), found.span.range()))
}
