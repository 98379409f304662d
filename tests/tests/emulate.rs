//! Flows against emulated APIs of several vendors; what comes is compared with what the servers themselves say.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use engine_tests::{Engine, Finished, Rig, different, get, of, post, rows};
use serde_json::Value;

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");

struct Servers {
    rig: Rig,
    folder: tempfile::TempDir,
}

impl Servers {
    fn engine(&self, flow: &str, variables: &[(&str, &str)]) -> Engine {
        let spec = engine_tests::root().join(format!("tests/servers/emulate/{flow}.yaml"));
        let engine = Engine::new([std::ffi::OsStr::new("run"), spec.as_os_str()]).folder(self.folder.path());
        variables.iter().fold(engine, |engine, (name, told)| {
            // What the server told, or a text as it is.
            let value = told.strip_prefix('=').unwrap_or_else(|| self.rig.told(told));
            engine.variable(name, value)
        })
    }

    fn run(&self, flow: &str, variables: &[(&str, &str)]) -> Vec<Value> {
        rows(&done(self.engine(flow, variables).finish(), 0))
    }
}

fn done(finished: Finished, status: i32) -> Finished {
    assert_eq!(finished.status, Some(status), "{}", finished.stderr());
    finished
}

#[test]
fn each_vendor_is_read_and_written_in_its_own_way() {
    let Some(rig) = Rig::start("emulate", Path::new(TARGET)) else { return };
    let servers = Servers { rig, folder: tempfile::tempdir().unwrap() };
    github(&servers);
    slack(&servers);
    linear(&servers);
    s3(&servers);
    microsoft(&servers);
    twilio(&servers);
    resend(&servers);
}

fn github(servers: &Servers) {
    let url = servers.rig.told("GITHUB_URL").to_owned();
    let bearer = format!("Bearer {}", servers.rig.told("GITHUB_TOKEN"));
    let total = || {
        let first = format!("{url}/repos/octocat/hello-world/issues?state=all&per_page=1");
        let first = get(&first, &[("Authorization", &bearer)]);
        let last = first.headers["link"].split(", ").find(|part| part.ends_with("rel=\"last\"")).unwrap().to_owned();
        let (_, number) = last.split_once("&page=").unwrap();
        number.split('>').next().unwrap().parse::<usize>().unwrap()
    };
    let before = total();
    assert!(before > 200, "{before} issues fit on two pages");
    let user = [("ENGINE_GITHUB_URL", "GITHUB_URL"), ("ENGINE_GITHUB_TOKEN", "GITHUB_TOKEN")];
    let read = servers.run("github", &user);
    let issues = of(&read, "issues");
    assert_eq!((issues.len(), different(&issues, "number")), (before + 1, before + 1));
    assert_eq!(total(), before + 1, "the server's own count");
    assert!(issues.iter().any(|issue| issue.get("title").and_then(Value::as_str) == Some("Made by a flow")));

    // As an app: a token that is signed here gives one for the installation.
    let key = std::fs::read_to_string(servers.rig.told("GITHUB_APP_KEY")).unwrap();
    let app = [("ENGINE_GITHUB_URL", "GITHUB_URL"), ("ENGINE_GITHUB_APP_KEY", &*format!("={key}"))];
    let finished = done(servers.engine("github", &app).arguments(["-i", "asks_as=app"]).finish(), 0);
    assert_eq!(of(&rows(&finished), "issues").len(), before + 2);

    // What is not there is an error of GitHub's form.
    let refused = done(servers.engine("github", &user).arguments(["-i", "repository=octocat/nope"]).finish(), 1);
    assert!(refused.stderr().contains("answered 404"), "{}", refused.stderr());
}

fn slack(servers: &Servers) {
    let variables = [
        ("ENGINE_SLACK_URL", "SLACK_URL"),
        ("ENGINE_SLACK_CHANNEL", "SLACK_CHANNEL"),
        ("ENGINE_SLACK_TOKEN", "SLACK_TOKEN"),
    ];
    let read = servers.run("slack", &variables);
    let messages = of(&read, "messages");
    assert!(messages.len() > 200, "{} messages fit on two pages", messages.len());
    assert_eq!(different(&messages, "ts"), messages.len());
    assert!(
        messages.iter().any(|it| it.get("text").and_then(Value::as_str).is_some_and(|text| text.starts_with("Grüße")))
    );
    let again = servers.run("slack", &variables);
    assert_eq!(of(&again, "messages").len(), messages.len() + 1, "one was posted meanwhile");
    // An error comes with 200.
    let mut readonly = variables;
    readonly[2].1 = "=xoxb-readonly";
    let refused = done(servers.engine("slack", &readonly).finish(), 1);
    assert!(refused.stderr().contains("Slack says missing_scope"), "{}", refused.stderr());
}

fn linear(servers: &Servers) {
    let variables = [("ENGINE_LINEAR_URL", "LINEAR_URL"), ("ENGINE_LINEAR_KEY", "LINEAR_KEY")];
    let read = servers.run("linear", &variables);
    let read: Vec<&Value> = read.iter().collect();
    let question = br#"{"query": "{ issues(first: 250) { nodes { id } } }"}"#;
    let headers = [("Authorization", servers.rig.told("LINEAR_KEY")), ("Content-Type", "application/json")];
    let all = post(&format!("{}/graphql", servers.rig.told("LINEAR_URL")), &headers, question);
    let all: Value = serde_json::from_str(&all.body).unwrap();
    let total = all.pointer("/data/issues/nodes").and_then(Value::as_array).unwrap().len();
    assert!(total > 100, "{total} issues fit on two pages");
    assert_eq!((read.len(), different(&read, "id")), (total, total));
    // An error of GraphQL comes with 200, or not: the run fails either way, and says what the API says.
    let refused = servers.engine("linear", &variables).arguments(["-i", "fields=id nonsense"]).finish();
    let refused = done(refused, 1);
    assert!(refused.stderr().contains("nonsense"), "{}", refused.stderr());
}

fn s3(servers: &Servers) {
    let variables = [("ENGINE_AWS_URL", "AWS_URL"), ("ENGINE_AWS_KEY", "AWS_KEY"), ("ENGINE_AWS_SECRET", "AWS_SECRET")];
    let read = servers.run("aws", &variables);
    let named = |stream, member| -> Vec<String> {
        of(&read, stream).iter().map(|row| row.get(member).and_then(Value::as_str).unwrap().to_owned()).collect()
    };
    assert!(named("buckets", "bucket").contains(&"my-app-bucket".to_owned()));
    assert_eq!(named("objects", "object"), ["a.txt", "b c.txt", "ü.txt"]);
    let sizes: Vec<i64> =
        of(&read, "objects").iter().map(|row| row.get("size").and_then(Value::as_i64).unwrap()).collect();
    assert_eq!(sizes, [16, 18, 17]);
}

fn microsoft(servers: &Servers) {
    let mut variables = [
        ("ENGINE_MICROSOFT_URL", "MICROSOFT_URL"),
        ("ENGINE_MICROSOFT_CLIENT", "MS_CLIENT_ID"),
        ("ENGINE_MICROSOFT_SECRET", "MS_CLIENT_SECRET"),
    ];
    let read = servers.run("microsoft", &variables);
    assert_eq!(read.first().and_then(|row| row.get("code")).and_then(Value::as_str), Some("Request_ResourceNotFound"));
    variables[2].1 = "=not-the-secret";
    let refused = done(servers.engine("microsoft", &variables).finish(), 1);
    assert!(
        refused.stderr().contains("invalid_client") && !refused.stderr().contains("not-the-secret"),
        "{}",
        refused.stderr()
    );
}

fn twilio(servers: &Servers) {
    let variables = [
        ("ENGINE_TWILIO_URL", "TWILIO_URL"),
        ("ENGINE_TWILIO_SID", "TWILIO_SID"),
        ("ENGINE_TWILIO_TOKEN", "TWILIO_TOKEN"),
    ];
    let read = servers.run("twilio", &variables);
    let messages = of(&read, "messages");
    assert_eq!((messages.len(), different(&messages, "sid"), different(&messages, "to")), (5, 5, 5));
    assert!(messages.iter().all(|it| it.get("body").and_then(Value::as_str) == Some("Hallo, 1 + 1 = 2 & mehr")));
}

fn resend(servers: &Servers) {
    let sent = servers.run("resend", &[("ENGINE_RESEND_URL", "RESEND_URL"), ("ENGINE_RESEND_KEY", "=re_test")]);
    let sent: Vec<&Value> = sent.iter().collect();
    assert_eq!((sent.len(), different(&sent, "id")), (3, 2), "a key that is known sends no second mail");
}
