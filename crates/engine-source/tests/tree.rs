//! What a tree is: anchors, merge keys, places, merging.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use engine_source::{Findings, Kind, Node, Sources, Tree};

fn parse(text: &str) -> (Sources, Tree) {
    let mut sources = Sources::new();
    let id = sources.add("x.yaml", text);
    let mut findings = Findings::new();
    let tree = Tree::parse(&sources, id, &mut findings).unwrap();
    assert_eq!(findings, Findings::new());
    (sources, tree)
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(format!("{:?}", parse(text).1.root), expected);
}

#[test]
fn reads_scalars_by_the_core_schema() {
    check(
        "[1, 1.50, 0x1F, true, no, ~, null, '1', 2024-01-01, !!str 5, !!int '5', .inf, 017, a b]",
        r#"[1, 1.50, 0x1F, true, "no", null, null, "1", "2024-01-01", "5", 5, .inf, 017, "a b"]"#,
    );
    check("a:\nb: ''\n404: x\ntrue: y\n", r#"{"a": null, "b": "", "404": "x", "true": "y"}"#);
}

#[test]
fn expands_anchors_and_merge_keys() {
    check("a: &x [1, 2]\nb: *x\n", r#"{"a": [1, 2], "b": [1, 2]}"#);
    check("a: &x {p: 1, q: 2}\nb: {q: 3, <<: *x, r: 4}\n", r#"{"a": {"p": 1, "q": 2}, "b": {"q": 3, "p": 1, "r": 4}}"#);
    check(
        "a: &x {p: 1}\nb: &y {p: 2, q: 3}\nc:\n  <<: [*x, *y]\n",
        r#"{"a": {"p": 1}, "b": {"p": 2, "q": 3}, "c": {"p": 1, "q": 3}}"#,
    );
    check("'<<': 1\n", r#"{"<<": 1}"#);
    check("a: &k name\n*k : 1\n", r#"{"a": "name", "name": 1}"#);
}

#[test]
fn knows_the_places_of_what_aliases_stand_for() {
    let text = "a: &x {p: one}\nb: *x\nc: &y two\nd: *y\n";
    let (sources, tree) = parse(text);
    let at = |pointer: &str| sources.text_of(tree.locate(pointer).unwrap().span()).to_owned();
    assert_eq!([at("/a"), at("/b"), at("/b/p"), at("/d")], ["{p: one}", "*x", "one", "two"]);
}

#[test]
fn knows_the_places_of_all_values() {
    let text = "a:\n  - b: 1\n    c: |  # x\n      text\n      more\n\n  - [x, {y: z}]\n  -\n    - 'q'\nd: >-\n  f\n";
    let (sources, tree) = parse(text);
    let at = |pointer: &str| sources.text_of(tree.locate(pointer).unwrap().span()).to_owned();
    assert_eq!(at("/a/0"), "b: 1\n    c: |  # x\n      text\n      more");
    assert_eq!(at("/a/0/c"), "|  # x\n      text\n      more");
    assert_eq!(at("/a/1"), "[x, {y: z}]");
    assert_eq!(at("/a/1/1"), "{y: z}");
    assert_eq!(at("/a/2"), "- 'q'");
    assert_eq!(at("/d"), ">-\n  f");
    assert_eq!(sources.place(tree.locate("/a/1/1/y").unwrap().span()), "x.yaml:7:13");
}

#[test]
fn locates_by_pointer() {
    let (_, tree) = parse("a/b: {'~c': [1, {d: 2}]}\n");
    let number = |pointer: &str| tree.locate(pointer).and_then(Node::scalar_text).map(|text| text.to_string());
    assert_eq!(number("/a~1b/~0c/1/d").as_deref(), Some("2"));
    assert!(tree.locate("").is_some());
    for missing in ["/x", "/a~1b/~0c/7", "x", "/a~1b/~0c/0/y"] {
        assert!(tree.locate(missing).is_none(), "{missing}");
    }
}

#[test]
fn merges_deep_with_the_upper_winning() {
    let (_, base) = parse("a: {b: 1, c: [1], d: {e: 1}}\nf: 1\ng: 2\n");
    let (_, over) = parse("a: {c: [2], d: {h: 3}}\nf: null\ni: 4\n");
    let merged = Node::merge(&base.root, &over.root);
    assert_eq!(format!("{merged:?}"), r#"{"a": {"b": 1, "c": [2], "d": {"e": 1, "h": 3}}, "f": null, "g": 2, "i": 4}"#);
    let without = merged.without("a").without("nothing");
    assert_eq!(format!("{without:?}"), r#"{"f": null, "g": 2, "i": 4}"#);
    assert!(matches!(without.kind(), Kind::Map(entries) if entries.len() == 3));
}

#[test]
fn counts_columns_in_characters() {
    let (sources, tree) = parse("\u{feff}ä: é x\nb: [😀, c]\r\nd: 1\n");
    let place = |pointer: &str| sources.place(tree.locate(pointer).unwrap().span());
    assert_eq!(place("/ä"), "x.yaml:1:4");
    assert_eq!(place("/b/1"), "x.yaml:2:8");
    assert_eq!(place("/d"), "x.yaml:3:4");
    let (_, file) = sources.iter().next().unwrap();
    assert_eq!((file.line(2), file.line(9)), ("b: [😀, c]", ""));
}
