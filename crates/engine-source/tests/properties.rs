//! What holds for every text: reading never panics, and places re-read to their values.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use engine_source::{AnyNode, Findings, Kind, Map, Node, Scalar, Sources, Spanned, Tree, quoted};
use proptest::prelude::*;
use serde::Deserialize;

const SPEC: &str = "\
version: 1
apis: &all
  shop:
    base_url: \"https://{{ inputs.shop }}.x/\\u00e9\"
    headers: {Accept: 'it''s', X: [a, b]}
    query: {<<: {a: 1}, limit: 250}
    body: |
      one
        two {{ x }}

    note: >-
      folded
      text
steps:
  - {id: a, when: item.x > 1}
  - *all
";

#[derive(Deserialize)]
#[serde(rename = "the spec")]
struct Spec {
    #[serde(rename = "version")]
    _version: Spanned<u32>,
    #[serde(rename = "apis")]
    _apis: Map<Map<AnyNode>>,
    #[serde(rename = "steps")]
    _steps: Vec<Map<Scalar>>,
}

/// Reads a text in every way; returns the tree.
fn read(sources: &mut Sources, text: &str) -> (Option<Tree>, Findings) {
    let id = sources.add("x.yaml", text);
    let mut findings = Findings::new();
    Tree::parse_documents(sources, id, &mut Findings::new());
    let tree = Tree::parse(sources, id, &mut findings);
    if let Some(tree) = &tree {
        tree.root.deserialize::<Spec>(sources, &mut findings);
    }
    (tree, findings)
}

/// Every label is a range of whole characters, and every error has one.
fn places_are_in_the_text(sources: &Sources, text: &str, findings: &Findings) {
    for finding in findings {
        assert!(!finding.labels.is_empty(), "{finding:?}");
        for label in &finding.labels {
            assert!(text.get(label.span.range()).is_some(), "{finding:?} in {text:?}");
            sources.place(label.span);
        }
    }
}

/// Every scalar's place, read by itself, gives its value; every part of it has a place.
fn places_reread(sources: &Sources, text: &str, node: &Node) {
    assert!(text.get(node.span().range()).is_some(), "{node:?} in {text:?}");
    match node.kind() {
        Kind::Seq(items) => items.iter().for_each(|item| places_reread(sources, text, item)),
        Kind::Map(entries) => {
            for entry in entries {
                assert!(text.get(entry.key.span.range()).is_some(), "{:?} in {text:?}", entry.key);
                places_reread(sources, text, &entry.value);
            }
        }
        Kind::Number(digits) => assert_eq!(&**digits, sources.text_of(node.span())),
        Kind::String(value) if !node.is_broken() => {
            for (at, letter) in value.char_indices() {
                let place = sources.within(node.span(), at..at + letter.len_utf8());
                let written = sources.text_of(place);
                assert!(
                    written.starts_with(letter)
                        || letter.is_whitespace()
                        || written.starts_with('\\')
                        || place == node.span(),
                    "{letter:?} of {value:?} is {written:?} in {text:?}"
                );
            }
        }
        _ => {}
    }
}

/// A text of the pieces that YAML is made of.
fn yamlish() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a", "b: ", "- ", "\n", "\n  ", "\n    ", "{", "}", "[", "]", ", ", ": ", "'", "\"", "|\n", ">-\n", "&x ",
        "*x", "<<: ", "!t ", "{{ x }}", "{% if %}", "# c", "\t", "\r\n", "---", "...", "? ", "\\n", "é", "😀", "1",
        "~", "no", "\u{feff}", "%", "@", "`", "f(1, 2)", "$.a[0].b", "''", "key: ", "\0",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// The spec above with some characters replaced, removed or added.
fn mutated() -> impl Strategy<Value = String> {
    let change = (0..SPEC.chars().count(), prop::option::of(any::<char>()), 0..3_usize);
    prop::collection::vec(change, 1..6).prop_map(|changes| {
        let mut letters: Vec<char> = SPEC.chars().collect();
        for (at, letter, removed) in changes {
            let at = at.min(letters.len());
            let end = (at + removed).min(letters.len());
            letters.splice(at..end, letter);
        }
        letters.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reads_any_text(text in any::<String>()) {
        let mut sources = Sources::new();
        let (_, findings) = read(&mut sources, &text);
        places_are_in_the_text(&sources, &text, &findings);
    }

    #[test]
    fn reads_any_yamlish_text(text in yamlish()) {
        let mut sources = Sources::new();
        let (tree, findings) = read(&mut sources, &text);
        places_are_in_the_text(&sources, &text, &findings);
        if let Some(tree) = tree {
            places_reread(&sources, &text, &tree.root);
        }
    }

    #[test]
    fn reads_any_broken_spec(text in mutated()) {
        let mut sources = Sources::new();
        let (tree, findings) = read(&mut sources, &text);
        places_are_in_the_text(&sources, &text, &findings);
        if let Some(tree) = tree {
            places_reread(&sources, &text, &tree.root);
        }
    }

    #[test]
    fn says_why_there_is_no_tree(text in yamlish()) {
        let mut sources = Sources::new();
        let (tree, findings) = read(&mut sources, &text);
        prop_assert!(tree.is_some() || findings.has_errors());
    }

    #[test]
    fn quoted_texts_read_back(text in "[^\u{85}\u{2028}\u{2029}\u{feff}\u{fffe}\u{ffff}]*") {
        let mut sources = Sources::new();
        let id = sources.add("x.yaml", format!("k: {}\n", quoted(&text)));
        let mut findings = Findings::new();
        let tree = Tree::parse(&sources, id, &mut findings).unwrap();
        prop_assert_eq!(tree.locate("/k").unwrap().as_str().unwrap(), text.as_str());
    }

    #[test]
    fn parts_of_quoted_texts_have_their_places(before in "[ a-zé😀'\"\\\\]*", after in "[ a-zé😀'\"\\\\\t]*") {
        let text = format!("k: {}\n", quoted(&format!("{before}{{{{ X }}}}{after}")));
        let mut sources = Sources::new();
        let id = sources.add("x.yaml", text.as_str());
        let tree = Tree::parse(&sources, id, &mut Findings::new()).unwrap();
        let node = tree.locate("/k").unwrap();
        let at = node.as_str().unwrap().find('X').unwrap();
        let place = sources.within(node.span(), at..at + 1);
        prop_assert_eq!(sources.text_of(place), "X");
    }
}
