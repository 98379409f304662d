//! `engine state` on what runs kept.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use engine_tests::{EchoServer, Engine};
use serde_json::{Value, json};
use tempfile::TempDir;

const SPEC: &str = r#"
version: 1
name: orders
inputs: {url: {type: string, env: SERVER_URL}}
apis:
  shop:
    base_url: "{{ inputs.url }}"
    endpoints:
      list_orders:
        request: GET /orders
        records: $.orders
        incremental: {cursor: $.at, start: "2025-01-01T00:00:00Z", send: query.since}
      list_numbers:
        request: GET /numbers
        records: $.orders
        incremental: {cursor: $.number, format: integer, send: query.after}
"#;

/// A folder with a spec and a state, and an API that answers any request with two orders.
struct Stage {
    folder: TempDir,
    api: EchoServer,
}

impl Stage {
    fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("spec.yaml"), SPEC).unwrap();
        let orders = json!({"orders": [{"number": 4, "at": "2025-03-01T10:00:00Z"}, {"number": 5, "at": "2025-03-02T10:00:00Z"}]});
        let api = EchoServer::start(move |_| {
            (200, vec![("Content-Type", "application/json".to_owned())], orders.to_string().into_bytes())
        });
        Self { folder, api }
    }

    #[track_caller]
    fn run(&self, arguments: &[&str], status: i32) -> String {
        let engine = Engine::new(arguments).folder(self.folder.path()).variable("SERVER_URL", &self.api.url());
        let finished = engine.finish();
        let text = format!("{}{}", finished.stdout(), finished.stderr());
        assert_eq!(finished.status, Some(status), "{arguments:?}: {text}");
        if status == 0 { finished.stdout() } else { text }
    }

    fn list(&self, more: &[&str]) -> Vec<Value> {
        let text = self.run(&[&["state", "list", "--format", "json"], more].concat(), 0);
        serde_json::from_str(&text).unwrap()
    }

    /// Runs, and returns what was asked of the API.
    #[track_caller]
    fn asked(&self) -> Vec<String> {
        let before = self.api.received().len();
        self.run(&["run", "spec.yaml", "--quiet"], 0);
        self.api.received().iter().skip(before).map(|received| received.target().to_owned()).collect()
    }
}

#[test]
fn cursors_are_listed_set_and_forgotten() {
    let stage = Stage::set();
    assert!(stage.list(&[]).is_empty());
    assert_eq!(stage.asked(), ["/orders?since=2025-01-01T00:00:00Z", "/numbers"]);
    let kept = stage.list(&[]);
    let of = |name: &str| {
        let found = kept.iter().find(|one| one["label"].as_str().unwrap().contains(name)).unwrap();
        (found["id"].as_str().unwrap().to_owned(), found["value"].clone())
    };
    let ((orders, at), (numbers, number)) = (of("list_orders"), of("list_numbers"));
    assert_eq!((kept.len(), at, number), (2, json!("2025-03-02T10:00:00Z"), json!(5)));
    assert_eq!(stage.asked(), ["/orders?since=2025-03-02T10:00:00Z", "/numbers?after=5"]);

    let shown = stage.run(&["state", "show", orders.get(..8).unwrap()], 0);
    assert!(shown.contains("2025-03-02T10:00:00Z") && shown.contains(&orders), "{shown}");
    stage.run(&["state", "set", &orders, "2025-02-01T00:00:00Z"], 0);
    let changed = stage.run(&["state", "set", &numbers, "3"], 0);
    assert!(changed.ends_with(": 3, was 5\n"), "{changed}");
    assert_eq!(stage.asked(), ["/orders?since=2025-02-01T00:00:00Z", "/numbers?after=3"]);

    assert!(stage.run(&["state", "set", &numbers, "soon"], 2).contains("of another kind"));
    assert!(stage.run(&["state", "show", "zz"], 2).contains("engine state list"));
    assert_eq!(stage.run(&["state", "reset", &numbers], 0), "1 value forgotten\n");
    assert_eq!(stage.list(&[]).len(), 1);
    assert!(stage.run(&["state", "reset", "--flow", "other"], 2).contains("nothing is kept of a flow `other`"));
    assert_eq!(stage.run(&["state", "reset", "--flow", "orders"], 0), "1 value forgotten\n");
    assert_eq!(stage.asked(), ["/orders?since=2025-01-01T00:00:00Z", "/numbers"]);
}

#[test]
fn what_is_exported_goes_on_elsewhere() {
    let stage = Stage::set();
    stage.asked();
    let exported = stage.run(&["state", "export"], 0);
    std::fs::write(stage.folder.path().join("kept.json"), &exported).unwrap();
    assert_eq!(stage.run(&["state", "import", "kept.json", "--state", "other.db"], 0), "2 values kept\n");
    let (here, there) = (stage.list(&[]), stage.list(&["--state", "other.db"]));
    let values = |kept: &[Value]| kept.iter().map(|one| (one["id"].clone(), one["value"].clone())).collect::<Vec<_>>();
    assert_eq!(values(&here), values(&there));
    stage.run(&["run", "spec.yaml", "--state", "other.db", "--quiet"], 0);
    assert_eq!(stage.api.received().last().unwrap().target(), "/numbers?after=5");

    std::fs::write(stage.folder.path().join("bad.json"), exported.replace("\"cursor\"", "\"kursor\"")).unwrap();
    assert!(stage.run(&["state", "import", "bad.json", "--state", "third.db"], 2).contains("unknown kind `kursor`"));
    assert!(stage.list(&["--state", "third.db"]).is_empty(), "nothing of it is kept");
}
