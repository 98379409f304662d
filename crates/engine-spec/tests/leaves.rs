//! No template, path or condition of a document is forgotten.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod corpus;

use std::collections::BTreeMap;

use engine_expr::leaves;
use engine_source::{Findings, Kind, Node};
use engine_spec::{Spec, read};

/// Lists the texts that read as a template or a path, with their pointers.
fn texts(node: &Node, pointer: &str, found: &mut Vec<(String, String)>) {
    match node.kind() {
        Kind::String(text) if text.contains("{{") || text.starts_with('$') => {
            found.push((pointer.to_owned(), text.to_string()));
        }
        Kind::Seq(items) => {
            items.iter().enumerate().for_each(|(at, item)| texts(item, &format!("{pointer}/{at}"), found));
        }
        Kind::Map(entries) => {
            for entry in entries {
                texts(
                    &entry.value,
                    &format!("{pointer}/{}", entry.key.text.replace('~', "~0").replace('/', "~1")),
                    found,
                );
            }
        }
        _ => {}
    }
}

/// Returns whether what is there is data, which is taken as it is.
fn is_data(pointer: &str) -> bool {
    let names: Vec<&str> = pointer.split('/').collect();
    names.contains(&"tests")
        || names.contains(&"example")
        || names.get(1).is_some_and(|name| name.starts_with("x-"))
        || matches!(names.last(), Some(&("value" | "description")))
}

#[test]
fn every_text_is_a_leaf_at_its_place() {
    for (name, text) in ["specs", "examples", "tests/specs/valid"].into_iter().flat_map(corpus::folder) {
        let Ok(tree) = corpus::tree(&name, &text) else { continue };
        let spec: Spec = read(&tree, &mut Findings::default()).unwrap();
        let found: BTreeMap<String, String> = leaves(&spec).into_iter().map(|leaf| (leaf.pointer, leaf.text)).collect();
        for (pointer, text) in &found {
            let at = pointer.split('/').skip(1).try_fold(&tree, |node, name| match name.parse::<usize>() {
                Ok(at) if !node.items().is_empty() => node.items().get(at),
                _ => node.get(&name.replace("~1", "/").replace("~0", "~")),
            });
            let written = at.and_then(Node::scalar_text);
            assert_eq!(written.as_deref(), Some(text.as_str()), "{name}: {pointer}");
        }
        let mut written = Vec::new();
        texts(&tree, "", &mut written);
        for (pointer, text) in written {
            assert!(is_data(&pointer) || found.get(&pointer) == Some(&text), "{name}: {pointer}: {text}");
        }
    }
}
