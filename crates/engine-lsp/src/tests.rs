//! What an editor sees, without an editor. The cursor is where `¦` stands.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use gen_lsp_types::{Contents, TextEdit};

use crate::completion::{Abilities, complete};
use crate::file::File;
use crate::hover::hover;
use crate::index::{Occurrence, Symbol};
use crate::navigation::{definition, references, rename, renamed};
use crate::position::Encoding;
use crate::symbols::outline;
use crate::texts::uri_of;
use crate::world::{World, below};
use engine_plan::beside;

const API: &str = "\
version: 1
inputs:
  since: {type: datetime, required: true, description: First order to take}
  shop_url: {type: string, default: 'https://shop.example'}
secrets: {token: {env: SHOP_TOKEN}}
apis:
  shop:
    description: A shop
    base_url: '{{ inputs.shop_url }}'
    auth: {type: bearer, token: '{{ secrets.token }}'}
    paginate: {type: link_header}
    endpoints:
      list_orders:
        description: All orders
        request: GET /orders/{region}
        params:
          region: {type: string, required: true, description: Where}
          status: {type: string, default: open}
        query: {status: '{{ params.status }}'}
        records: $.orders
        example: {orders: [{id: 7, total: 19.90, customer: {name: Ada}}], next: abc}
      get_order:
        request: GET /orders/{id}
        params: {id: {type: string, required: true}}
";

const FLOW: &str = "\
version: 1
imports: [shop.yaml]
sinks: {db: {type: sqlite, path: x.db}}
mappings: {row: {id: $.id}}
steps:
  - id: orders
    read: {endpoint: shop.list_orders, params: {region: eu}}
    where: item.total > 10
  - id: kept
    for_each: orders
    map: row
    write: {sink: db, table: orders, key: id}
  - log: '{{ steps.orders.counts.out }} since {{ inputs.since }}'
";

/// Makes a world of files, and returns it with the file and the byte of the cursor.
fn world(files: &[(&str, &str)]) -> (World, PathBuf, usize) {
    let mut world = World::default();
    let mut cursor = None;
    for (name, text) in files {
        let path = Path::new("/nowhere").join(name);
        if let Some(at) = text.find('¦') {
            cursor = Some((path.clone(), at));
        }
        world.texts.set(&path, text.replace('¦', "").into());
    }
    let (path, at) = cursor.unwrap();
    (world, path, at)
}

const ABILITIES: Abilities = Abilities { snippets: true, encoding: Encoding::Utf8 };

fn labels(files: &[(&str, &str)]) -> Vec<String> {
    let (world, path, at) = world(files);
    complete(&world, &path, at, ABILITIES).items.into_iter().map(|item| item.label).collect()
}

/// Completes in a flow that imports the API.
#[track_caller]
fn check(flow: &str, expected: &[&str], without: &[&str]) {
    let labels = labels(&[("shop.yaml", API), ("flow.yaml", flow)]);
    for one in expected {
        assert!(labels.iter().any(|label| label == one), "`{one}` is missing: {labels:?}\n{flow}");
    }
    for one in without {
        assert!(!labels.iter().any(|label| label == one), "`{one}` is there: {labels:?}\n{flow}");
    }
}

fn in_flow(step: &str) -> String {
    format!("{FLOW}{step}")
}

#[test]
fn completes_keys_where_nothing_can_be_read_yet() {
    check("¦", &["version", "steps", "apis"], &["read"]);
    check("version: 1\nste¦", &["steps", "apis"], &["version"]);
    check("version: 1\napis:\n  a:\n    ba¦\n    headers: {a: b}\n", &["base_url", "auth"], &["headers", "request"]);
    check("version: 1\napis:\n  a:\n    auth:\n      ¦", &["type"], &["base_url"]);
    check("version: 1\napis: {a: {¦", &["base_url"], &["version"]);
    check("version: 1\napis: {a: {base_url: x, au¦}}\n", &["auth"], &["base_url"]);
    check("version: 1\nsteps:\n  - ¦", &["id", "read"], &["apis"]);
    check("version: 1\nsteps:\n  - id: a\n    r¦\n  - id: b\n", &["read", "where"], &["id"]);
    check("version: 1\napis: {a: {auth: {type: oauth2, ¦}}}", &["client_id"], &["type", "access_key"]);
    check("version: 1\n# a comment ¦", &[], &["steps"]);
}

#[test]
fn puts_what_is_required_first_and_makes_room_for_the_value() {
    let (world, path, at) = world(&[(
        "a.yaml",
        "version: 1\napis:\n  a:\n    endpoints:\n      b:\n        params:\n          x:\n            ¦",
    )]);
    let list = complete(&world, &path, at, ABILITIES);
    assert!(list.items.iter().all(|item| item.documentation.is_some()), "each key says what it means");
    let (world, path, at) = self::world(&[("a.yaml", "version: 1\nsteps:\n  - read: {¦}")]);
    let items = complete(&world, &path, at, ABILITIES).items;
    assert!(["endpoint", "sink"].contains(&items[0].label.as_str()), "{:?}", items[0]);
    assert!(items[0].detail.as_ref().unwrap().contains("required"));
}

#[test]
fn completes_values() {
    check("version: 1\napis: {a: {auth: {type: ¦", &["bearer", "oauth2", "api_key"], &[]);
    check("version: 1\napis:\n  a:\n    auth:\n      type: be¦\n", &["bearer"], &[]);
    check("version: 1\ninputs: {a: {type: ¦}}", &["string", "datetime"], &[]);
    check(&in_flow("  - read: ¦"), &["shop.list_orders", "shop.get_order"], &[]);
    check(&in_flow("  - call: shop.¦\n    on_error: skip"), &["shop.get_order"], &[]);
    check(&in_flow("  - call: {endpoint: shop.get_order, params: {¦}}"), &["id"], &["region"]);
    check(
        &in_flow("  - read:\n      endpoint: shop.list_orders\n      params:\n        re¦"),
        &["region", "status"],
        &["id"],
    );
    check(&in_flow("  - for_each: ¦"), &["orders", "kept"], &[]);
    check(&in_flow("  - write: {sink: ¦}"), &["db"], &["orders"]);
    check(&in_flow("  - map: ¦"), &["row"], &[]);
    check(&in_flow("  - on_error: ¦"), &["skip", "dead_letter"], &[]);
    check("version: 1\nimports: [¦]\n", &["shop.yaml"], &["flow.yaml"]);
    check("version: 1\nimports:\n  - sh¦\n", &["shop.yaml"], &[]);
}

#[test]
fn completes_expressions_by_what_is_known_there() {
    check(&in_flow("  - log: '{{ ¦'"), &["item", "steps", "inputs", "now"], &["response", "params"]);
    check(&in_flow("  - log: '{{ inputs.¦ }}'"), &["since", "shop_url"], &["token"]);
    check(&in_flow("  - log: \"{{ inputs.s¦"), &["since"], &[]);
    check(&in_flow("  - log: {{ inputs.¦"), &["since"], &[]);
    check(&in_flow("  - log: '{{ steps.¦ }}'"), &["orders", "kept"], &[]);
    check(&in_flow("  - log: '{{ steps.orders.¦ }}'"), &["items", "counts"], &[]);
    check(&in_flow("  - log: '{{ steps.orders.counts.¦ }}'"), &["out", "dropped"], &[]);
    check(&in_flow("  - log: '{{ inputs.since | da¦ }}'"), &["date_format", "date_add"], &["item"]);
    check(&in_flow("  - log: '{{ inputs.since is ¦ }}'"), &["defined", "none"], &["date_format"]);
    check(&in_flow("  - read: shop.list_orders\n    where: item.¦"), &["id", "total", "customer"], &[]);
    check(&in_flow("  - read: shop.list_orders\n    where: item.customer.¦ == 'x'"), &["name"], &["total"]);
    check(&in_flow("  - for_each: orders\n    map: {a: $.¦}"), &["$.customer.name", "$.id"], &[]);
    let api = |line: &str| format!("{}        {line}\n", API.trim_end_matches('\n').to_owned() + "\n");
    let labels = labels(&[("shop.yaml", &api("query: {a: '{{ params.¦ }}'}"))]);
    assert_eq!(labels, ["id"]);
    let secrets = self::labels(&[("shop.yaml", &API.replace("secrets.token }}", "secrets.¦ }}"))]);
    assert_eq!(secrets, ["token"]);
    let records = self::labels(&[("shop.yaml", &API.replace("records: $.orders", "records: ¦"))]);
    assert!(records.contains(&"$.orders".to_owned()) && !records.contains(&"$.next".to_owned()), "{records:?}");
}

fn hovered(files: &[(&str, &str)]) -> String {
    let (world, path, at) = world(files);
    match hover(&world, &path, at, Encoding::Utf8).map(|hover| hover.contents) {
        Some(Contents::MarkupContent(markup)) => markup.value,
        _ => String::new(),
    }
}

#[test]
fn says_what_stands_at_a_place() {
    let flow = |from: &str, to: &str| hovered(&[("shop.yaml", API), ("flow.yaml", &FLOW.replacen(from, to, 1))]);
    assert!(flow("for_each", "for_¦each").starts_with("For what the rest happens"));
    let endpoint = flow("shop.list_orders", "shop.list_¦orders");
    for part in [
        "**endpoint** `list_orders`",
        "All orders",
        "`GET /orders/{region}`",
        "- `region`: string, required – Where",
        "*defined in `shop.yaml`*",
    ] {
        assert!(endpoint.contains(part), "{part}: {endpoint}");
    }
    assert!(endpoint.contains("link_header"), "what it inherits: {endpoint}");
    assert!(flow("inputs.since", "inputs.si¦nce").contains("**input** `since`: datetime, required\n\nFirst order"));
    assert!(flow("region: eu", "reg¦ion: eu").contains("Where"));
    let api = |from: &str, to: &str| hovered(&[("shop.yaml", &API.replacen(from, to, 1))]);
    assert!(api("link_header", "link_¦header").contains("link_header"));
    assert!(
        hovered(&[("a.yaml", "version: 1\nsteps:\n  - log: \"{{ now() | date_¦format('%Y') }}\"\n")])
            .contains("date_format(value")
    );
    assert!(
        hovered(&[("a.yaml", "version: 1\nsteps:\n  - log: \"{{ tri¦gger.type }}\"\n")]).contains("`trigger` is known")
    );
    assert_eq!(hovered(&[("a.yaml", "version: 1\n¦\n")]), "");
}

/// Returns where a name leads to: the file and the text of the line.
fn leads_to(files: &[(&str, &str)]) -> Vec<String> {
    let (world, path, at) = world(files);
    let shown = |location: gen_lsp_types::Location| {
        let file = world.file(&crate::texts::path_of(&location.uri.0)).unwrap();
        let line = file.text().lines().nth(location.range.start.line as usize).unwrap_or_default().trim().to_owned();
        format!("{}: {line}", file.path.file_name().unwrap().to_string_lossy())
    };
    definition(&world, &path, at, Encoding::Utf8).into_iter().map(shown).collect()
}

#[test]
fn leads_to_definitions() {
    let flow = |from: &str, to: &str| leads_to(&[("shop.yaml", API), ("flow.yaml", &FLOW.replacen(from, to, 1))]);
    assert_eq!(flow("shop.list_orders", "shop.list_¦orders"), ["shop.yaml: list_orders:"]);
    assert_eq!(flow("shop.list_orders", "sh¦op.list_orders"), ["shop.yaml: shop:"]);
    assert_eq!(
        flow("region: eu", "reg¦ion: eu"),
        ["shop.yaml: region: {type: string, required: true, description: Where}"]
    );
    assert_eq!(flow("for_each: orders", "for_each: ord¦ers"), ["flow.yaml: - id: orders"]);
    assert_eq!(flow("steps.orders", "steps.ord¦ers"), ["flow.yaml: - id: orders"]);
    assert_eq!(flow("map: row", "map: r¦ow"), ["flow.yaml: mappings: {row: {id: $.id}}"]);
    assert_eq!(flow("sink: db", "sink: d¦b"), ["flow.yaml: sinks: {db: {type: sqlite, path: x.db}}"]);
    assert_eq!(flow("[shop.yaml]", "[sh¦op.yaml]"), ["shop.yaml: version: 1"]);
    assert_eq!(flow("inputs.since", "inputs.s¦ince")[0].split(':').next(), Some("shop.yaml"));
    let path = leads_to(&[("shop.yaml", &API.replacen("{region}", "{reg¦ion}", 1))]);
    assert_eq!(path, ["shop.yaml: region: {type: string, required: true, description: Where}"]);
}

/// Returns the text of a file after changes.
fn edited(file: &File, mut edits: Vec<TextEdit>) -> String {
    let mut text = file.text().to_owned();
    edits.sort_by_key(|edit| edit.range.start);
    for edit in edits.iter().rev() {
        let at = |position| file.lines().offset(file.text(), position, Encoding::Utf8);
        text.replace_range(at(edit.range.start)..at(edit.range.end), &edit.new_text);
    }
    text
}

/// Renames, and returns the texts of the files afterwards.
fn named_anew(files: &[(&str, &str)], name: &str) -> Result<Vec<String>, String> {
    let (world, path, at) = world(files);
    assert!(renamed(&world, &path, at, Encoding::Utf8).is_some());
    let edit = rename(&world, &path, at, name, Encoding::Utf8).map_err(|error| error.to_string())?;
    let mut changes = edit.changes.unwrap();
    let mut texts = Vec::new();
    for (name, _) in files {
        let path = Path::new("/nowhere").join(name);
        let file = world.file(&path).unwrap();
        let edits = changes.remove(&gen_lsp_types::Uri(uri_of(&path))).unwrap_or_default();
        let text = edited(&file, edits);
        texts.push(text);
    }
    Ok(texts)
}

#[test]
fn names_anew_in_all_files() {
    let texts = named_anew(
        &[("shop.yaml", API), ("flow.yaml", &FLOW.replacen("shop.list_orders", "shop.list_¦orders", 1))],
        "all_orders",
    )
    .unwrap();
    assert_eq!(texts, [API.replace("list_orders", "all_orders"), FLOW.replace("list_orders", "all_orders")]);
    let texts =
        named_anew(&[("shop.yaml", &API.replacen("  region:", "  reg¦ion:", 1)), ("flow.yaml", FLOW)], "area").unwrap();
    assert_eq!(texts, [API.replace("region", "area"), FLOW.replace("region", "area")]);
    let texts =
        named_anew(&[("shop.yaml", &API.replacen("  since", "  si¦nce", 1)), ("flow.yaml", FLOW)], "from_day").unwrap();
    assert_eq!(texts, [API.replace("since", "from_day"), FLOW.replace("inputs.since", "inputs.from_day")]);
    let texts =
        named_anew(&[("shop.yaml", API), ("flow.yaml", &FLOW.replacen("id: orders", "id: ord¦ers", 1))], "read")
            .unwrap();
    let expected = FLOW
        .replace("id: orders", "id: read")
        .replace("for_each: orders", "for_each: read")
        .replace("steps.orders", "steps.read");
    assert_eq!(texts[1], expected);
    for (name, error) in [("1x", "cannot be a name"), ("kept", "there is another step")] {
        let result =
            named_anew(&[("shop.yaml", API), ("flow.yaml", &FLOW.replacen("id: orders", "id: ord¦ers", 1))], name);
        assert!(result.as_ref().is_err_and(|said| said.contains(error)), "{result:?}");
    }
}

#[test]
fn names_are_only_of_their_own_home() {
    let other = "version: 1\ninputs: {since: {type: string}}\nsteps:\n  - {id: orders, log: '{{ inputs.since }}'}\n";
    let files =
        [("shop.yaml", API), ("flow.yaml", FLOW), ("other.yaml", &other.replacen("inputs.since", "inputs.si¦nce", 1))];
    let texts = named_anew(&files, "day").unwrap();
    assert_eq!(texts, [API.to_owned(), FLOW.to_owned(), other.replace("since", "day")]);
    let (world, path, at) = world(&[
        ("shop.yaml", API),
        ("flow.yaml", &FLOW.replacen("id: orders", "id: ord¦ers", 1)),
        ("other.yaml", other),
    ]);
    assert_eq!(references(&world, &path, at, false, Encoding::Utf8).len(), 2);
    assert_eq!(references(&world, &path, at, true, Encoding::Utf8).len(), 3);
}

#[test]
fn outlines_a_file() {
    let (world, path, _) = world(&[("flow.yaml", &FLOW.replacen("version", "¦version", 1))]);
    let symbols = outline(&world.file(&path).unwrap(), Encoding::Utf16);
    let names: Vec<String> = symbols.iter().map(|one| one.name.clone()).collect();
    assert_eq!(names, ["sinks", "mappings", "steps"]);
    let steps = symbols[2].children.as_ref().unwrap();
    assert_eq!((steps[0].name.as_str(), steps[0].detail.as_deref()), ("orders", Some("read shop.list_orders")));
    assert_eq!(steps[2].name, "step 3");
}

/// Asks for everything at one place of a text.
fn ask(text: &str, at: usize) {
    let mut world = World::default();
    let path = Path::new("/nowhere/x.yaml");
    world.texts.set(path, text.into());
    complete(&world, path, at, ABILITIES);
    hover(&world, path, at, Encoding::Utf16);
    definition(&world, path, at, Encoding::Utf16);
    outline(&world.file(path).unwrap(), Encoding::Utf16);
}

/// Cuts every spec of the repository off at every so many bytes, and asks there.
fn cut_off(most: usize, stride: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["specs", "examples"] {
        below(&root.join(folder), 4, &mut files);
    }
    assert!(files.len() > 10);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let stride = stride.max(text.len() / most.max(1));
        for at in (0..text.len()).step_by(stride).filter(|at| text.is_char_boundary(*at)) {
            ask(text.get(..at).unwrap(), at);
        }
    }
}

#[test]
fn answers_whatever_is_cut_off() {
    cut_off(12, 7);
}

#[test]
#[ignore = "takes minutes; the one above does the same at fewer places"]
fn answers_whatever_is_cut_off_anywhere() {
    cut_off(usize::MAX, 7);
}

#[test]
fn answers_whatever_stands_there() {
    for text in [
        "",
        "\u{feff}",
        "{",
        "[",
        "'",
        "\"",
        "{{",
        "{%",
        "a: {{",
        "- ",
        "? ",
        "*x",
        "&x",
        "!x",
        "a: &b *b",
        "\t",
        "a:\r\n\r",
        "ä: {ö: ",
        "---\n---\n",
        "|",
        "a: |\n  {{ b.",
        "<<: *a",
        "steps: {{{{",
        "%YAML 9\n",
    ] {
        for at in 0..=text.len() + 1 {
            ask(text, at);
        }
    }
}

/// Returns the folders of the repository with specs that are right.
fn repository() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    ["specs", "examples", "tests/specs/valid"].map(|folder| root.join(folder)).to_vec()
}

/// Each name that is used in a spec of the repository leads somewhere.
#[test]
fn all_that_is_used_is_defined() {
    let world = World::new(repository());
    let mut files = Vec::new();
    for folder in repository() {
        below(&folder, 4, &mut files);
    }
    let mut uses = 0;
    for path in &files {
        let file = world.file(path).unwrap();
        for one in file.index.occurrences.iter().filter(|one| !one.is_definition) {
            // `mock: {API.auth: …}` answers for who gives tokens, which is no endpoint; what is numbered has no id.
            let name = &**one.symbol.name();
            let is_given = matches!(name, "auth" | "replay") || name.contains('/') || name.starts_with("step_");
            let there = match &one.symbol {
                Symbol::File(name) => beside(path, name).exists(),
                symbol => is_given || !world.definitions(path, symbol).is_empty(),
            };
            assert!(there, "{}: {:?} at {}", path.display(), one.symbol, file.sources.place(one.span));
            uses += 1;
        }
    }
    assert!(uses > 2000, "{uses}");
}

/// A spec with another name in it is as right as it was: no use was forgotten, and none was taken for another.
#[test]
fn what_is_named_anew_is_still_right() {
    let world = World::new(repository());
    let mut files = Vec::new();
    for folder in repository() {
        below(&folder, 4, &mut files);
    }
    let mut renames = 0;
    let mut before = HashMap::new();
    for path in &files {
        let file = world.file(path).unwrap();
        let definitions: Vec<&Occurrence> = file.index.definitions().collect();
        for one in definitions.iter().step_by((definitions.len() / 2).max(1)) {
            let edit = rename(&world, path, one.span.range().start, "zz_anew", Encoding::Utf8).unwrap();
            let mut texts = world.texts.clone();
            let mut changed = Vec::new();
            #[expect(clippy::iter_over_hash_type, reason = "each changes a file of its own")]
            for (uri, edits) in edit.changes.unwrap() {
                let path = crate::texts::path_of(&uri.0);
                let file = world.file(&path).unwrap();
                texts.set(&path, edited(&file, edits).into());
                changed.push(path);
            }
            for path in changed {
                let now = || engine_plan::compile(&path, &world.texts).findings.counts();
                let before = *before.entry(path.clone()).or_insert_with(now);
                let compiled = engine_plan::compile(&path, &texts);
                let said: Vec<String> = compiled.findings.iter().map(|finding| finding.message.clone()).collect();
                assert_eq!(compiled.findings.counts(), before, "{:?} of {}: {said:?}", one.symbol, path.display());
            }
            renames += 1;
        }
    }
    assert!(renames > 100, "{renames}");
}
