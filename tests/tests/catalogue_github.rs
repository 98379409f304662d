//! The catalogue's GitHub against a server that none of us wrote.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine_tests::{Engine, Finished, Rig, Serving, different, get, of, post, rows};
use serde_json::{Value, json};

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");
const REPOSITORY: &str = "repos/octocat/hello-world";

struct GitHub {
    rig: Rig,
    folder: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl GitHub {
    /// Starts the server; there is one, for one test at a time.
    fn start() -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let rig = Rig::start("emulate", Path::new(TARGET))?;
        Some(Self { rig, folder: tempfile::tempdir().unwrap(), _turn: turn })
    }

    fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Finished {
        let spec = engine_tests::root().join("tests/catalogue/github.yaml");
        let engine = Engine::new([std::ffi::OsStr::new("run"), spec.as_os_str()])
            .arguments(arguments)
            .folder(self.folder.path())
            .variable("ENGINE_GITHUB_URL", self.rig.told("GITHUB_URL"))
            .variable("ENGINE_GITHUB_TOKEN", self.rig.told("GITHUB_TOKEN"));
        variables.iter().fold(engine, |engine, (name, value)| engine.variable(name, value)).finish()
    }

    fn ask(&self, path: &str) -> engine_tests::Fetched {
        let bearer = format!("Bearer {}", self.rig.told("GITHUB_TOKEN"));
        get(&format!("{}/{path}", self.rig.told("GITHUB_URL")), &[("Authorization", &bearer)])
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.ask(path).body).unwrap()
    }

    fn tell(&self, path: &str, body: &Value) -> Value {
        let bearer = format!("Bearer {}", self.rig.told("GITHUB_TOKEN"));
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let url = format!("{}/{path}", self.rig.told("GITHUB_URL"));
        let answer = post(&url, &headers, body.to_string().as_bytes());
        assert_eq!(answer.status, 201, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Counts issues, by the number of the last page.
    fn issues(&self) -> usize {
        let link = self.ask(&format!("{REPOSITORY}/issues?state=all&per_page=1")).headers["link"].clone();
        let last = link.split(", ").find(|part| part.ends_with("rel=\"last\"")).unwrap();
        let (_, number) = last.split_once("&page=").unwrap();
        number.split('>').next().unwrap().parse().unwrap()
    }
}

fn text<'v>(row: &'v Value, member: &str) -> &'v str {
    row.get(member).and_then(Value::as_str).unwrap()
}

#[test]
fn a_repository_is_read_whole_and_written_to() {
    let Some(github) = GitHub::start() else { return };
    let before = github.issues();
    assert!(before > 200, "{before} issues fit on two pages");
    let finished = github.run(&[], &[]);
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    let read = rows(&finished);
    let issues = of(&read, "issues");
    assert_eq!((issues.len(), different(&issues, "number")), (before + 1, before + 1));
    assert_eq!(github.issues(), before + 1, "the server's own count");
    let found = github.json("search/issues?q=repo:octocat/hello-world+label:bug").get("total_count").cloned();
    assert_eq!(Some(of(&read, "found").len()), found.and_then(|it| it.as_u64()).map(|it| usize::try_from(it).unwrap()));

    // What was made is there as it was meant.
    let closed = of(&read, "closed");
    let number = closed[0].get("number").unwrap();
    let issue = github.json(&format!("{REPOSITORY}/issues/{number}"));
    assert_eq!((text(&issue, "state"), text(&issue, "title")), ("closed", "The left oven is too hot (done)"));
    let labels: BTreeSet<&str> =
        issue.get("labels").and_then(Value::as_array).unwrap().iter().map(|label| text(label, "name")).collect();
    assert_eq!(labels, BTreeSet::from(["bug", "urgent"]));
    assert_eq!(text(of(&read, "comments")[0], "body"), "By 25 °C");
    assert_eq!(text(of(&read, "content")[0], "text"), "left,220\n");
    for (stream, path) in [
        ("labels", "labels"),
        ("branches", "branches"),
        ("commits", "commits"),
        ("releases", "releases"),
        ("files", "contents/data"),
    ] {
        let own = github.json(&format!("{REPOSITORY}/{path}?per_page=100"));
        assert_eq!(of(&read, stream).len(), own.as_array().unwrap().len(), "{stream}");
    }
    assert_eq!(of(&read, "repositories").len(), 2);

    // The second run reads the issues that changed since.
    let again = rows(&github.run(&[], &[]));
    let issues = of(&again, "issues");
    assert!(!issues.is_empty() && issues.len() < before / 2, "{} issues have changed", issues.len());

    // As an app.
    let key = std::fs::read_to_string(github.rig.told("GITHUB_APP_KEY")).unwrap();
    let app = [
        ("ENGINE_GITHUB_AUTH", "app"),
        ("ENGINE_GITHUB_APP_ID", github.rig.told("GITHUB_APP_ID")),
        ("ENGINE_GITHUB_INSTALLATION_ID", "100"),
        ("ENGINE_GITHUB_APP_KEY", &*key),
    ];
    let finished = github.run(&["--only", "issues", "--full-refresh"], &app);
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    assert_eq!(finished.stdout().lines().count(), github.issues());

    // Errors of GitHub's form.
    let mut unknown = app;
    unknown[1].1 = "999";
    let refused = github.run(&["--only", "labels"], &unknown);
    assert_eq!(refused.status, Some(1));
    assert!(refused.stderr().contains("GitHub refuses the credentials"), "{}", refused.stderr());
    let untitled = github.run(&["--input", "issue={\"body\": \"none\"}", "--fresh"], &[]);
    assert_eq!(untitled.status, Some(1));
    assert!(untitled.stderr().contains("GitHub can't take this: Validation failed"), "{}", untitled.stderr());
    let gone = github.run(&["--input", "repo=nope", "--only", "issues"], &[]);
    assert!(gone.stderr().contains("answered 404"), "{}", gone.stderr());
}

#[test]
fn what_github_signs_is_taken_once() {
    let Some(github) = GitHub::start() else { return };
    let secret = ("ENGINE_GITHUB_WEBHOOK_SECRET", "a secret of ours");
    let serving = Serving::start("tests/catalogue/github-events.yaml", &[secret]);
    let events = |secret: &str| {
        let config = json!({"url": format!("{}/github", serving.url()), "content_type": "json", "secret": secret});
        json!({"name": "web", "events": ["issues"], "config": config})
    };
    let mut expected = BTreeSet::new();
    // What two webhooks tell, and what somebody signs who does not know the secret.
    for secret in [secret.1, secret.1, "another secret"] {
        github.tell(&format!("{REPOSITORY}/hooks"), &events(secret));
    }
    for number in 0..10 {
        let title = format!("Told {number} — ünïcode");
        github.tell(&format!("{REPOSITORY}/issues"), &json!({"title": title}));
        expected.insert(title);
    }
    let (got, finished) = serving.finish("id", expected.len());
    assert_eq!(got.len(), expected.len(), "each event runs once: {got:?} {}", finished.stderr());
    assert_eq!(got.into_iter().collect::<BTreeSet<_>>(), expected);
}
