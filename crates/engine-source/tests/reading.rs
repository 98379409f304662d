//! What is said about text that is no YAML, or is YAML that means something else than its author did.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;

use engine_source::{Findings, MAX_BYTES, Sources, Tree};

fn said(text: &str) -> String {
    let mut sources = Sources::new();
    let id = sources.add("x.yaml", text);
    let mut findings = Findings::new();
    Tree::parse(&sources, id, &mut findings);
    findings.sort();
    let mut said = String::new();
    for finding in &findings {
        let (line, column) = sources.get(id).line_column(finding.span().start);
        let at = sources.text_of(finding.span());
        let help = finding.help.as_deref().unwrap_or("-");
        writeln!(said, "{line}:{column} {}: {} [{at}] {help}", finding.code, finding.message).unwrap();
    }
    said
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let said = said(text);
    assert_eq!(said.trim(), expected.trim(), "\n{text}\n{said}");
}

#[test]
fn has_nothing_to_say_about_good_text() {
    check("", "");
    check("# nothing\n", "");
    check("a: item.a == 'x'\nb: it's fine\nc: {d: 1, \"e\":2}\nf: http://x.y/{id}\ng: a#b\n", "");
    check("---\na: &x {b: 1}\nc:\n  <<: *x\n  d: no\n", "");
    check("a: \"{{ x }}\"\nb: x {{ y }}\nc: [\"f(1, 2)\", b (c)]\n", "");
}

#[test]
fn bounds_what_is_read() {
    let deep = said(&"[".repeat(100_000));
    assert!(deep.contains("too-deep"), "{deep}");
    let deep = said(&(0..200).fold(String::new(), |text, at| text + &" ".repeat(at) + "a:\n"));
    assert!(deep.contains("too-deep"), "{deep}");
    let mut bomb = "a0: &a0 [x, x]\n".to_owned();
    for level in 1..40 {
        writeln!(bomb, "a{level}: &a{level} [*a{0}, *a{0}]", level - 1).unwrap();
    }
    let bomb = said(&bomb);
    assert!(bomb.contains("alias-expansion"), "{bomb}");
    let mut chain = "a0: &a0 [x]\n".to_owned();
    for level in 1..300 {
        writeln!(chain, "a{level}: &a{level} [*a{}]", level - 1).unwrap();
    }
    let chain = said(&chain);
    assert!(chain.contains("too-deep"), "{chain}");
    let large = said(&"a".repeat(MAX_BYTES + 1));
    assert!(large.contains("too-large"), "{large}");
}

#[test]
fn finds_duplicate_keys_among_many() {
    let mut text = (0..100).fold(String::new(), |mut text, at| {
        writeln!(text, "key{at}: {at}").unwrap();
        text
    });
    text.push_str("key7: x\n");
    check(&text, "101:1 duplicate-key: duplicate key `key7` [key7] remove one of the two; the first is defined at 8:1");
}

#[test]
fn shows_templates_in_quotes() {
    check(
        "{{ x }}: 1\nb: 2\n",
        "1:1 unquoted-template: a value that starts with a template must be quoted [{{ x }}] quote it: `\"{{ x }}\"`",
    );
    check(
        "key: {{ x }}
",
        r#"1:6 unquoted-template: a value that starts with a template must be quoted [{{ x }}] quote it: `"{{ x }}"`"#,
    );
    check(
        "key: {{ x }}/foo  # c
b: {{ y }}
",
        r#"1:6 unquoted-template: a value that starts with a template must be quoted [{{ x }}/foo] quote it: `"{{ x }}/foo"`
2:4 unquoted-template: a value that starts with a template must be quoted [{{ y }}] quote it: `"{{ y }}"`"#,
    );
    check(
        "key: {{ x | f('a, b') }}
",
        r#"1:6 unquoted-template: a value that starts with a template must be quoted [{{ x | f('a, b') }}] quote it: `"{{ x | f('a, b') }}"`"#,
    );
    check(
        "key: {% if x %}a{% endif %}
b: {a: {{ x }}/y, c: 1}
",
        r#"1:6 unquoted-template: a value that starts with a template must be quoted [{% if x %}a{% endif %}] quote it: `"{% if x %}a{% endif %}"`
2:8 unquoted-template: a value that starts with a template must be quoted [{{ x }}/y] quote it: `"{{ x }}/y"`"#,
    );
    check(
        "key: {{ x
  }}
b: 1
",
        "1:6 unquoted-template: a value that starts with a template must be quoted [{{ x] put it below `>-`, indented",
    );
}

#[test]
fn shows_values_in_brackets_in_quotes() {
    check(
        "m: {from: $.a[0].b, x: 1}
n: {check: item.a[0] > 1}
",
        r#"1:11 flow-value: a value with `[` must be quoted inside brackets [$.a[0].b] quote it: `"$.a[0].b"`
2:12 flow-value: a value with `[` must be quoted inside brackets [item.a[0] > 1] quote it: `"item.a[0] > 1"`"#,
    );
    check(
        "m: {check: item.a: b}
",
        r#"1:12 flow-value: a value with `: ` must be quoted inside brackets [item.a: b] quote it: `"item.a: b"`"#,
    );
    check(
        "m: {check: item.a == 'x', b: f(1, 2)}
",
        r#"1:30 flow-value: a value with `,` must be quoted inside brackets [f(1, 2)] quote it: `"f(1, 2)"`"#,
    );
    check(
        "m: [f(1, 2), 3]
",
        r#"1:5 flow-value: a value with `,` must be quoted inside brackets [f(1, 2)] quote it: `"f(1, 2)"`"#,
    );
    check(
        "m: {a, b: 1}
",
        "1:5 flow-value: `a` has no value in `{…}` [a] write `a: …`, or quote the value before if this is part of it",
    );
    check(
        "a: {b:1}
",
        "1:5 flow-value: a space is missing after the `:` [b:1] write `b: 1`",
    );
    check(
        "a: {x: $.a['b'], y: $[?@.a == 1]}
",
        r#"1:8 flow-value: a value with `[` must be quoted inside brackets [$.a['b']] quote it: `"$.a['b']"`
1:21 flow-value: a value with `[` must be quoted inside brackets [$[?@.a == 1]] quote it: `"$[?@.a == 1]"`"#,
    );
    check(
        "a: {x: $.a[0],
  y: 1
b: 2
",
        r#"1:4 yaml-syntax: this `{` is never closed [{] write `}` where it ends
1:8 flow-value: a value with `[` must be quoted inside brackets [$.a[0]] quote it: `"$.a[0]"`"#,
    );
}

#[test]
fn shows_values_that_start_with_a_sign_in_quotes() {
    check(
        r#"where: 'x' in item.tags
b: "x" in item.tags
c: 'it's fine'
"#,
        r#"1:8 quoted-start: a value that starts with a quote ends at the next one ['x' in item.tags] quote it: `"'x' in item.tags"`
2:4 quoted-start: a value that starts with a quote ends at the next one ["x" in item.tags] quote it: `'"x" in item.tags'`
3:4 quoted-start: a value that starts with a quote ends at the next one ['it's fine'] quote it: `"it's fine"`"#,
    );
    check(
        "when: !item.x
b: 1
",
        r#"1:7 quoted-start: a value that starts with `!` is a YAML tag, not a text [!item.x] quote it: `"!item.x"`"#,
    );
    check(
        "when: !item.x and y
",
        r#"1:7 quoted-start: a value that starts with `!` is a YAML tag, not a text [!item.x and y] quote it: `"!item.x and y"`"#,
    );
    check(
        "a: !(x)
",
        r#"1:4 quoted-start: a value that starts with `!` is a YAML tag, not a text [!(x)] quote it: `"!(x)"`"#,
    );
    check(
        "cron: */5 * * * *
b: * * * * *
",
        r#"1:7 quoted-start: a value that starts with `*` is a YAML alias, not a text [*/5 * * * *] quote it: `"*/5 * * * *"`
2:4 quoted-start: a value that starts with `*` is a YAML alias, not a text [* * * * *] quote it: `"* * * * *"`"#,
    );
    check(
        "request: {base}/x
b: [1] == x
",
        r#"1:10 quoted-start: a value that starts with `{` ends where that is closed [{base}/x] quote it: `"{base}/x"`
2:4 quoted-start: a value that starts with `[` ends where that is closed [[1] == x] quote it: `"[1] == x"`"#,
    );
    check(
        r##"a: #x
b: 1#x
c: "x"#y
"##,
        r##"3:4 quoted-start: a value that starts with a quote ends at the next one ["x"#y] quote it: `'"x"#y'`"##,
    );
    check(
        r#"where: {x: 'a' in b, y: "c" == d}
"#,
        r#"1:12 quoted-start: a value that starts with a quote ends at the next one ['a' in b] quote it: `"'a' in b"`
1:25 quoted-start: a value that starts with a quote ends at the next one ["c" == d] quote it: `'"c" == d'`"#,
    );
    check(
        r#"a: {x: "y" z: 1}
"#,
        r#"1:8 quoted-start: a value that starts with a quote ends at the next one ["y" z: 1] quote it: `'"y" z: 1'`"#,
    );
    check(
        r#"a: "x" b
"#,
        r#"1:4 quoted-start: a value that starts with a quote ends at the next one ["x" b] quote it: `'"x" b'`"#,
    );
    check(
        r#"a: "{{ x }}" + y
"#,
        r#"1:4 quoted-start: a value that starts with a quote ends at the next one ["{{ x }}" + y] quote it: `'"{{ x }}" + y'`"#,
    );
}

#[test]
fn explains_the_rest() {
    check(
        "a: !foo {b: 1}
",
        "1:4 yaml-syntax: the YAML tag `!foo` means nothing here [!foo] remove it",
    );
    check(
        "a: b: c
",
        r#"1:4 yaml-syntax: a value with `: ` must be quoted [b: c] quote it: `"b: c"`"#,
    );
    check(
        "a: 1
---
b: 2
",
        "2:1 yaml-syntax: a second document begins, but a file holds one [---] put what follows into a file of its own",
    );
    check(
        "a: @foo
b: `foo`
c: %foo
",
        r#"1:4 yaml-syntax: a value cannot start with `@` [@foo] quote it: `"@foo"`
2:4 yaml-syntax: a value cannot start with a backtick [`foo`] quote it: `"`foo`"`
3:4 yaml-syntax: a value cannot start with `%` [%foo] quote it: `"%foo"`"#,
    );
    check(
        r#"a: "\d+"
b: "c\q'"
"#,
        r"1:5 yaml-syntax: `\d` is no escape in a double-quoted text [\d] use single quotes: `'\d+'`
2:6 yaml-syntax: `\q` is no escape in a double-quoted text [\q] write the backslash twice",
    );
    check(
        "a: | x
",
        "1:4 yaml-syntax: the text of a block begins on the next line [|] put the text on the next line, indented",
    );
    check(
        ": x
",
        "1:1 yaml-syntax: a key is missing [:] write `name: value`",
    );
    check(
        "a: 1
b: 2
a: 3
",
        "3:1 duplicate-key: duplicate key `a` [a] remove one of the two",
    );
    check(
        "a: >-2x
b: 1
",
        "1:4 yaml-syntax: the text of a block begins on the next line [>] put the text on the next line, indented",
    );
    check(
        r#"a: {"x":1, 'y':2}
"#,
        "",
    );
    check(
        "a: <%= x %>
b: foo # bar
c: item.a ? 1 : 2
",
        r#"3:4 yaml-syntax: a value with `: ` must be quoted [item.a ? 1 : 2] quote it: `"item.a ? 1 : 2"`"#,
    );
    check(
        "a: 1 # c
  - b
",
        "1:6 yaml-syntax: a comment stands within a text [#] quote the text, or move the comment",
    );
}

#[test]
fn finds_the_bracket_or_quote_to_blame() {
    check(
        "a: [1, 2
b: 3
",
        "1:4 yaml-syntax: this `[` is never closed [[] write `]` where it ends",
    );
    check(
        "a: {b: 1
c: 2
",
        "1:4 yaml-syntax: this `{` is never closed [{] write `}` where it ends",
    );
    check(
        "a: [1, 2
",
        "1:4 yaml-syntax: this `[` is never closed [[] write `]` where it ends",
    );
    check(
        "a: {b: 1]
",
        "1:9 yaml-syntax: `{` is closed by `]` []] close it with `}`",
    );
    check(
        r#"a: "foo
b: 2
"#,
        r#"1:4 yaml-syntax: this `"` is never closed ["] write `"` where the text ends"#,
    );
    check(
        "a: ]
",
        "1:4 yaml-syntax: this `]` closes nothing []] remove it, or quote the value",
    );
    check(
        "? {a: b}
: 1
",
        "1:3 yaml-syntax: an object cannot be a key [{a: b}] write a name before the `:`, in quotes if it has brackets",
    );
    check(
        "[a, b]: 1
",
        "1:1 yaml-syntax: a list cannot be a key [[a, b]] write a name before the `:`, in quotes if it has brackets",
    );
    check(
        "a: {
  b: 1
}
",
        "3:1 yaml-syntax: this `}` stands too far left [}] indent it more than the key that it belongs to, or put it on the line before",
    );
    check(
        "a: {b: 1,
c: 2}
",
        "2:1 yaml-syntax: what stands in brackets must be indented more than its key [c: 2}] indent the lines between the brackets",
    );
    check(
        "a: {b: {c: 1}
d: 1
",
        "1:4 yaml-syntax: this `{` is never closed [{] write `}` where it ends",
    );
    check(
        r#"a: "x
"#,
        r#"1:4 yaml-syntax: this `"` is never closed ["] write `"` where the text ends"#,
    );
    check(
        r#"a: {b: "x}
c: 1
"#,
        r#"1:8 yaml-syntax: this `"` is never closed ["] write `"` where the text ends"#,
    );
    check(
        "a: {
  x: 1
  y: 2 }
",
        "2:6 yaml-syntax: a comma is missing between two members [1] write `,` at the end of the member before",
    );
    check(
        "a:
  - {x: 1,
    y: 2
    z: 3}
",
        "3:8 yaml-syntax: a comma is missing between two members [2] write `,` at the end of the member before",
    );
    check(
        "a: 'it''s
b: 1
",
        "1:4 yaml-syntax: this `'` is never closed ['] write `'` where the text ends",
    );
    check(
        "a: [1, 2
b: [3]
",
        "1:4 yaml-syntax: this `[` is never closed [[] write `]` where it ends",
    );
    check(
        "a: [b
   c: d]
",
        "1:5 yaml-syntax: a comma is missing between two members [b] write `,` at the end of the member before",
    );
    check(
        r#"a: {b: "x}
c: 1
"#,
        r#"1:8 yaml-syntax: this `"` is never closed ["] write `"` where the text ends"#,
    );
    check(
        "a: 'it''s
b: 1
",
        "1:4 yaml-syntax: this `'` is never closed ['] write `'` where the text ends",
    );
    check(
        r#"a: "x
  y
b: 1
"#,
        r#"1:4 yaml-syntax: this `"` is never closed ["] write `"` where the text ends"#,
    );
    check(
        "a: [
  1,
  2
",
        "1:4 yaml-syntax: this `[` is never closed [[] write `]` where it ends",
    );
}

#[test]
fn finds_tabs() {
    check("a:\n  - b: 1\n\t  c: 2\n", "3:1 tab: a tab cannot indent in YAML [\t] write spaces instead");
    check("a: |\n  b\n\tc\n", "3:1 tab: a tab cannot indent in YAML [\t] write spaces instead");
    check("a: |\n  b\n  \tc\nd:\te\n", "");
    check("a:\n\tb: 1\n", "2:1 tab: a tab cannot indent in YAML [\t] write spaces instead");
    check("a:\n  b: 1\n\tc: 2\n", "3:1 tab: a tab cannot indent in YAML [\t] write spaces instead");
}

#[test]
fn explains_indentation() {
    check(
        "a: b
 c: d
",
        "2:2 yaml-syntax: `c` stands below a key that already has a value [c] give it the indentation of the line above, or remove the value there",
    );
    check(
        "- a
b: 1
",
        "2:1 yaml-syntax: the indentation fits to no line above [b] give it the indentation of the lines that it belongs to",
    );
    check(
        "a: 5
  b: 6
",
        "2:3 yaml-syntax: `b` stands below a key that already has a value [b] give it the indentation of the line above, or remove the value there",
    );
    check(
        "a:
  - 1
 - 2
",
        "3:2 yaml-syntax: the indentation fits to no line above [-] give it the indentation of the lines that it belongs to",
    );
    check(
        "a
b: 1
",
        "1:1 yaml-syntax: `a` is neither a key nor part of a text [a] write `a: …` if it is a key",
    );
    check(
        "a: - b
",
        "1:4 yaml-syntax: a list cannot begin on the line of its key [-] put it on the next line, indented",
    );
    check(
        "a:
  b: 1
   c: 2
",
        "3:4 yaml-syntax: `c` stands below a key that already has a value [c] give it the indentation of the line above, or remove the value there",
    );
    check(
        "a:
    b: 1
  c: 2
",
        "3:3 yaml-syntax: the indentation fits to no line above [c] give it the indentation of the lines that it belongs to",
    );
    check(
        "steps:
  - id: a
   read: x
",
        "3:4 yaml-syntax: the indentation fits to no line above [read] give it the indentation of the lines that it belongs to",
    );
    check(
        r#"a: "x"
  y: 1
"#,
        "2:3 yaml-syntax: the indentation fits to no line above [y] give it the indentation of the lines that it belongs to",
    );
    check(
        " a: 1
b: 2
",
        "2:1 yaml-syntax: the indentation fits to no line above [b] give it the indentation of the lines that it belongs to",
    );
    check(
        "a:
  - b
  c: 1
",
        "3:3 yaml-syntax: the indentation fits to no line above [c] give it the indentation of the lines that it belongs to",
    );
}

#[test]
fn explains_anchors() {
    check(
        "a: *missing
",
        "1:4 unknown-anchor: unknown anchor `missing` [*missing] write `&missing` before the value that is meant, further up",
    );
    check(
        "a: &x 1
b: {<<: *x}
",
        "2:5 yaml-syntax: `<<` takes an object, not a number [<<] name an anchor of an object: `<<: *name`",
    );
    check(
        "a: &a [*a]
",
        "1:8 alias-expansion: `*a` stands inside what it names [*a] name a value that was closed before",
    );
}
