//! Checks of JSON Schemas (draft 2020-12), which are compiled here once.

use std::path::Path;

use engine_source::{Finding, Kind, Node, Span, Tree, suggest};
use engine_spec::JsonSchemaSource;
use jsonschema::Draft;

use super::Checker;
use super::at::At;
use crate::load;
use crate::plan::Schema;

/// The types that a value can have.
const TYPES: [&str; 7] = ["string", "integer", "number", "boolean", "object", "array", "null"];

impl<'a> Checker<'a> {
    /// Compiles a schema, or says what is wrong with it.
    pub(super) fn json_schema(&mut self, source: &JsonSchemaSource, at: At<'a>) {
        match source {
            JsonSchemaSource::Inline(literal) => {
                if let Some(node) = at.node() {
                    self.compile_schema(node, literal.span());
                }
            }
            JsonSchemaSource::File(name) => {
                let path = load::beside(Path::new(self.sources.get(name.span().source).name()), name);
                let text = match self.files.read(&path) {
                    Ok(text) => text,
                    Err(error) => {
                        let why = match error.kind() {
                            std::io::ErrorKind::NotFound => format!("there is no file `{name}`"),
                            _ => format!("`{name}` cannot be read"),
                        };
                        self.findings.push(
                            Finding::error("invalid-schema", why)
                                .label(name.span(), "not found")
                                .help(format!("the path is relative to this file: `{}`", path.display())),
                        );
                        return;
                    }
                };
                let id = self.sources.add(path.display().to_string(), text);
                if let Some(tree) = Tree::parse(self.sources, id, &mut self.findings) {
                    self.compile_schema(&tree.root, name.span());
                }
            }
        }
    }

    fn compile_schema(&mut self, node: &Node, span: Span) {
        let Ok(schema) = serde_json::to_value(node) else { return };
        if let Err(error) = jsonschema::draft202012::meta::validate(&schema) {
            let finding = wrong(node, &error.instance_path().to_string());
            self.findings.push(finding);
            return;
        }
        let mut patterns = Vec::new();
        let mut references = Vec::new();
        collect(node, &mut |key, value| match key {
            "pattern" => patterns.push(value.clone()),
            "$ref" | "$dynamicRef" => references.push(value.clone()),
            _ => {}
        });
        if let Ok(validator) = jsonschema::options().with_draft(Draft::Draft202012).build(&schema) {
            self.schemas.insert(span, Schema::new(validator, span));
        } else {
            self.findings.push(unbuildable(node, &patterns, &references));
        }
    }
}

/// Says why a schema that looks right cannot be used: a pattern or a reference in it.
fn unbuildable(node: &Node, patterns: &[Node], references: &[Node]) -> Finding {
    for pattern in patterns {
        let text = pattern.as_str().unwrap_or_default();
        let alone = serde_json::json!({ "pattern": text });
        if jsonschema::options().with_draft(Draft::Draft202012).build(&alone).is_err() {
            return Finding::error("invalid-schema", format!("`{text}` is not a regular expression"))
                .label(pattern.span(), "cannot be read")
                .help("check its brackets and parentheses");
        }
    }
    for reference in references {
        let text = reference.as_str().unwrap_or_default();
        let Some(pointer) = text.strip_prefix('#') else {
            return Finding::error("invalid-schema", format!("`{text}` is in another document"))
                .label(reference.span(), "not in this schema")
                .help("put it under `$defs`, and write `#/$defs/NAME`");
        };
        let found = Tree { root: node.clone() }.locate(pointer).is_some();
        if !found && (pointer.is_empty() || pointer.starts_with('/')) {
            let known: Vec<String> = node
                .get("$defs")
                .map(Node::entries)
                .unwrap_or_default()
                .iter()
                .map(|it| format!("#/$defs/{}", it.key.text))
                .collect();
            return Finding::error("invalid-schema", format!("the schema has no `{text}`"))
                .label(reference.span(), "leads nowhere")
                .help(
                    suggest(text, known.iter().map(String::as_str))
                        .unwrap_or_else(|| "define it under `$defs` of the schema".to_owned()),
                );
        }
    }
    Finding::error("invalid-schema", "the schema cannot be used")
        .label(node.label_span(), "cannot be compiled")
        .help("check its references and patterns")
}

/// Says what is wrong at a place of a schema.
fn wrong(root: &Node, pointer: &str) -> Finding {
    let tree = Tree { root: root.clone() };
    let node = tree.locate(pointer).unwrap_or(root);
    let mut keys = pointer.rsplit('/').map(|part| part.replace("~1", "/").replace("~0", "~"));
    let mut key = keys.next().unwrap_or_default();
    if key.parse::<usize>().is_ok() {
        key = keys.next().unwrap_or_default();
    }
    let shown = node.scalar_text().map_or_else(|| node.described().to_owned(), |text| format!("`{text}`"));
    let (message, help) = match key.as_str() {
        "type" => {
            let help = match node.as_str() {
                Some("int") => "did you mean `integer`?".to_owned(),
                Some("float" | "double" | "decimal") => "did you mean `number`?".to_owned(),
                Some("bool") => "did you mean `boolean`?".to_owned(),
                Some("list") => "did you mean `array`?".to_owned(),
                Some("map" | "dict") => "did you mean `object`?".to_owned(),
                Some("str" | "text") => "did you mean `string`?".to_owned(),
                Some(text) => suggest(text, TYPES).unwrap_or_default(),
                None => format!("one of `{}`", TYPES.join("`, `")),
            };
            (format!("{shown} is not a type in JSON Schema"), help)
        }
        "required" | "enum" | "allOf" | "anyOf" | "oneOf" | "prefixItems" if !matches!(node.kind(), Kind::Seq(_)) => {
            (format!("`{key}` takes a list, not {}", node.described()), format!("write `{key}: [{}]`", inside(node)))
        }
        "" => ("this is not a JSON Schema".to_owned(), "write an object such as `{type: object}`".to_owned()),
        _ => (
            format!("`{key}` cannot have this value in JSON Schema: {shown}"),
            match node.kind() {
                Kind::String(text) if text.parse::<f64>().is_ok() => format!("remove the quotes: `{key}: {text}`"),
                _ => format!("see `{key}` in JSON Schema, draft 2020-12"),
            },
        ),
    };
    Finding::error("invalid-schema", message).label(node.label_span(), "not allowed here").help(help)
}

fn inside(node: &Node) -> String {
    node.scalar_text().map_or_else(|| "…".to_owned(), |text| text.to_string())
}

/// Goes over the texts in a schema with the keys that they are under.
fn collect(node: &Node, visit: &mut impl FnMut(&str, &Node)) {
    for entry in node.entries() {
        if entry.value.as_str().is_some() {
            visit(&entry.key.text, &entry.value);
        }
        collect(&entry.value, visit);
    }
    for item in node.items() {
        collect(item, visit);
    }
}
