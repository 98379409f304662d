//! `engine lsp`, driven by the library with which VS Code itself speaks to language servers.
//!
//! It was chosen over an editor since it is what most editors' users run, its types are those of the protocol's authors, and it comes by `npm` like the
//! other tools of these tests; what it is told is what VS Code would show.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use engine_tests::{Engine, root, say};
use serde_json::{Value, json};

const SHOP: &str = "\
version: 1
inputs:
  since: {type: datetime, required: true, description: First order to take}
apis:
  shop:
    base_url: https://shop.example
    endpoints:
      list_orders:
        description: All orders
        request: GET /orders
        records: $.orders
        example: {orders: [{id: 7, total: 19.90}]}
";

const FLOW: &str = "\
version: 1
imports: [shop.yaml]
sinks: {db: {type: sqlite, path: x.db}}
steps:
  # ünï 😀 here
  - id: orders
    read: shop.list_orders
  - {id: kept, for_each: orders, log: '😀 {{ steps.orders.counts.out }}'}
  - {for_each: ordesr, write: {sink: db, table: t}}
";

/// Installs the library, once for all tests; nothing where that does not work.
fn library() -> Option<PathBuf> {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("editor");
    fs::create_dir_all(&folder).unwrap();
    let done = folder.join("installed");
    if !done.exists() {
        let words = "install --no-audit --no-fund --prefix . vscode-languageserver-protocol@3.17.5 vscode-languageserver-textdocument@1.0.12";
        let mut command = Command::new("npm");
        command.args(words.split(' ')).current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null());
        if !command.status().is_ok_and(|status| status.success()) {
            assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "this does not work: npm {words}");
            say("skipped: the editor's library can't be installed");
            return None;
        }
        fs::write(done, "").unwrap();
    }
    Some(folder)
}

/// Plays the script of the client in a folder with the files, and returns the answers.
fn play(encoding: &str) -> Option<Value> {
    let library = library()?;
    let workspace = tempfile::tempdir().unwrap();
    // The editor's text is not the disk's: what is on it has another endpoint.
    fs::write(workspace.path().join("shop.yaml"), SHOP).unwrap();
    fs::write(workspace.path().join("flow.yaml"), FLOW).unwrap();
    let output = Command::new("node")
        .arg(root().join("tests/editor/client.mjs"))
        .arg(&library)
        .arg(Engine::new(["lsp"]).command().get_program())
        .arg(workspace.path().canonicalize().unwrap())
        .arg(encoding)
        .env("XDG_DATA_HOME", workspace.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let on_disk = fs::read_to_string(workspace.path().join("flow.yaml")).unwrap();
    assert_eq!(on_disk, FLOW, "a server writes nothing");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[track_caller]
fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer}: {value:#}"))
}

#[test]
fn an_editor_is_helped_from_the_first_word_to_the_last() {
    let Some(answers) = play("utf-16") else { return };
    assert_eq!(text(&answers, "/server"), "engine");
    assert_eq!(text(&answers, "/encoding"), "utf-16");

    let found = &answers["diagnostics"];
    assert_eq!(found.as_array().unwrap().len(), 1, "{found:#}");
    assert_eq!(text(found, "/0/code"), "undefined-step");
    assert!(text(found, "/0/message").starts_with("undefined step `ordesr`\nhelp: did you mean `orders`"), "{found:#}");
    assert_eq!(found[0]["severity"], 1);
    assert_eq!(found[0]["range"], json!({"start": {"line": 8, "character": 15}, "end": {"line": 8, "character": 21}}));
    assert!(text(found, "/0/codeDescription/href").ends_with("/undefined-step.md"), "{found:#}");
    assert_eq!(answers["clean"], json!([]));

    assert_eq!(answers["actions"][0], json!({"title": "write `orders`", "kind": "quickfix"}));
    assert_eq!(answers["actions"][1]["kind"], "source.fixAll");
    assert_eq!(answers["mended"], json!([]));
    assert_eq!(text(&answers, "/line"), "  - {for_each: orders, write: {sink: db, table: t}}");

    let endpoint = json!({"label": "shop.list_orders", "detail": "GET /orders", "text": "shop.list_orders"});
    assert!(answers["endpoints"].as_array().unwrap().contains(&endpoint), "{:#}", answers["endpoints"]);
    assert_eq!(text(&answers, "/keys/0/text"), "where: $0");
    assert_eq!(answers["members"], json!(["id", "total"]));
    assert!(answers["filters"].as_array().unwrap().contains(&json!("date_format")), "{answers:#}");

    assert!(text(&answers, "/hoverKey").starts_with("For what the rest happens"));
    let hovered = text(&answers, "/hoverEndpoint");
    assert!(hovered.contains("All orders") && hovered.contains("`GET /orders`"), "{hovered}");
    let start = json!({"line": 7, "character": 6});
    assert_eq!(answers["definition"][0]["file"], "shop.yaml");
    assert_eq!(answers["definition"][0]["range"]["start"], start);

    assert_eq!(text(&answers, "/prepared"), "list_orders");
    let (shop, flow) = (text(&answers, "/renamed/0"), text(&answers, "/renamed/1"));
    assert_eq!(shop, SHOP.replace("list_orders", "all_orders"));
    assert_eq!(flow.matches("shop.all_orders").count(), 2, "{flow}");
    assert!(!flow.contains("list_orders") && flow.contains("log: '😀 {{ steps.orders.counts.out }}'"), "{flow}");
    assert!(text(&answers, "/refused").contains("`no name` cannot be a name"));
    assert_eq!(answers["symbols"], json!(["inputs", "apis"]));

    assert_eq!(answers["taken"], true);
    assert_eq!(answers["unknown"], -32601);
    assert_eq!(answers["status"], 0, "a goodbye is no failure");
}

#[test]
fn an_editor_that_goes_away_without_a_word_is_a_failure() {
    let mut child = Engine::new(["lsp"])
        .command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{"general":{"positionEncodings":["utf-8","utf-16"]}}}}"#;
    let mut stdin = child.stdin.take().unwrap();
    write!(stdin, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let body = r#"{"jsonrpc":"2.0","method":"initialized","params":{}}"#;
    write!(stdin, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let (said, answered) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(answered.contains(r#""positionEncoding":"utf-8""#), "{answered}");
    assert_eq!(said, "error: the editor went away\n");
}
