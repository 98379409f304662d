//! The catalogue's Slack against a server that none of us wrote.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use engine_tests::{Engine, Finished, Rig, Serving, different, of, post, rows};
use serde_json::{Value, json};

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");

struct Slack {
    rig: Rig,
    folder: tempfile::TempDir,
}

impl Slack {
    fn run(&self, arguments: &[&str], token: &str) -> Finished {
        let spec = engine_tests::root().join("tests/catalogue/slack.yaml");
        // The address that a file is sent to says `localhost`.
        let url = self.rig.told("SLACK_URL").replace("127.0.0.1", "localhost");
        Engine::new([std::ffi::OsStr::new("run"), spec.as_os_str()])
            .arguments(arguments)
            .folder(self.folder.path())
            .variable("ENGINE_SLACK_URL", &url)
            .variable("ENGINE_SLACK_HOOKS_HOST", url.trim_start_matches("http://"))
            .variable("ENGINE_SLACK_WEBHOOK_URL", &format!("{url}/services/T000000001/B000000001/a-token"))
            .variable("ENGINE_SLACK_CHANNEL", self.rig.told("SLACK_CHANNEL"))
            .variable("ENGINE_SLACK_TOKEN", token)
            .finish()
    }

    /// Asks the server itself; all of a list is on one page.
    fn ask(&self, method: &str, form: &str) -> Value {
        let bearer = format!("Bearer {}", self.rig.told("SLACK_TOKEN"));
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
        let url = format!("{}/api/{method}", self.rig.told("SLACK_URL"));
        let answer = post(&url, &headers, format!("limit=1000&{form}").as_bytes());
        serde_json::from_str(&answer.body).unwrap()
    }

    fn count(&self, method: &str, form: &str, member: &str) -> usize {
        self.ask(method, form).get(member).and_then(Value::as_array).unwrap().len()
    }
}

fn text<'v>(row: &'v Value, member: &str) -> &'v str {
    row.get(member).and_then(Value::as_str).unwrap()
}

#[test]
fn a_workspace_is_read_whole_and_written_to() {
    let Some(rig) = Rig::start("emulate", Path::new(TARGET)) else { return };
    let slack = Slack { rig, folder: tempfile::tempdir().unwrap() };
    let channel = format!("channel={}", slack.rig.told("SLACK_CHANNEL"));
    let token = slack.rig.told("SLACK_TOKEN").to_owned();
    let before = slack.count("conversations.history", &channel, "messages");
    assert!(before > 200, "{before} messages fit on one page");
    let finished = slack.run(&[], &token);
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    let read = rows(&finished);
    let messages = of(&read, "messages");
    // One was posted, one came by the webhook, one shows the file; the answer is in its thread, and one is gone.
    assert_eq!((messages.len(), different(&messages, "ts")), (before + 3, before + 3));
    assert_eq!(slack.count("conversations.history", &channel, "messages"), before + 3, "the server's own count");
    assert!(messages.iter().any(|message| text(message, "text") == "Grüße & <mehr> (changed)"));
    assert!(messages.iter().any(|message| text(message, "text") == "By the webhook"));
    let replies: Vec<&str> = of(&read, "replies").iter().map(|reply| text(reply, "text")).collect();
    assert_eq!(replies[1], "An answer");
    let file = of(&read, "uploaded")[0].pointer("/files/0").unwrap();
    assert_eq!((text(file, "name"), file.get("size").and_then(Value::as_u64)), ("plan.csv", Some(13)));
    assert_eq!(of(&read, "all_users").len(), slack.count("users.list", "", "members"));
    assert_eq!(of(&read, "conversations").len(), slack.count("conversations.list", "", "channels"));

    // Errors come with 200.
    let refused = slack.run(&["--fresh"], "xoxb-readonly");
    assert_eq!(refused.status, Some(1));
    assert!(refused.stderr().contains("missing_scope: the token has channels:read"), "{}", refused.stderr());
}

#[test]
fn what_slack_signs_is_taken_once() {
    let secret = ("ENGINE_SLACK_SIGNING_SECRET", "8f742231b10e8888abcd99yyyzzz85a5");
    let serving = Serving::start("tests/catalogue/slack-events.yaml", &[secret]);
    let json = [("Content-Type", "application/json")];
    let url = format!("{}/slack/events", serving.url());
    let challenge = post(&url, &json, br#"{"type": "url_verification", "token": "x", "challenge": "3eZbrw1a"}"#);
    assert_eq!((challenge.status, challenge.body.as_str()), (200, "3eZbrw1a"));
    let folder = tempfile::tempdir().unwrap();
    let send = |id: &str, kind: &str, secret: &str| {
        let file = folder.path().join("event.json");
        let event = json!({"type": kind, "text": "Grüße"});
        let body = json!({"body": {"type": "event_callback", "event_id": id, "event": event}});
        fs::write(&file, body.to_string()).unwrap();
        Engine::new(["webhook", "send", "tests/catalogue/slack-events.yaml", "--url", serving.url(), "--file"])
            .argument(&file)
            .variable("ENGINE_DATABASE", "unused.db")
            .variable("ENGINE_SLACK_SIGNING_SECRET", secret)
            .finish()
    };
    for (id, kind) in [("Ev1", "message"), ("Ev2", "message"), ("Ev1", "message"), ("Ev3", "reaction_added")] {
        let finished = send(id, kind, secret.1);
        assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    }
    let refused = send("Ev4", "message", "another secret");
    assert!(refused.stderr().starts_with("401 "), "{}", refused.stderr());
    let (mut got, _) = serving.finish("id", 2);
    got.sort();
    assert_eq!(got, ["Ev1", "Ev2"]);
}
