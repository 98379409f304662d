//! `engine auth` against a provider that answers as a test says.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use engine_tests::{EchoServer, Engine, Running};
use serde_json::{Value, json};
use tempfile::TempDir;

const SPEC: &str = r#"
version: 1
inputs: {url: {type: string, env: SERVER_URL}, redirect_uri: {type: string, default: "https://app.example/back"}}
secrets: {secret: {env: CLIENT_SECRET}}
apis:
  notes:
    base_url: "{{ inputs.url }}"
    auth: &auth
      type: oauth2
      grant: authorization_code
      authorize_url: "{{ inputs.url }}/authorize"
      token_url: "{{ inputs.url }}/token"
      redirect_uri: "{{ inputs.redirect_uri }}"
      client_id: engine
      client_secret: "{{ secrets.secret }}"
    endpoints:
      list_notes: {request: GET /notes, records: $.notes}
  tv:
    base_url: "{{ inputs.url }}"
    auth: {type: oauth2, grant: device_code, device_url: "{{ inputs.url }}/device", token_url: "{{ inputs.url }}/token", client_id: engine}
    endpoints:
      list_shows: {request: GET /shows, records: $.shows}
  shop:
    base_url: "{{ inputs.url }}"
    auth: {type: oauth2, grant: client_credentials, token_url: "{{ inputs.url }}/token", client_id: engine}
    endpoints:
      list_orders: {request: GET /orders, records: $.orders}
  open:
    base_url: "{{ inputs.url }}"
    endpoints:
      list_days: {request: GET /days, records: $.days}
"#;

/// A folder with the spec and a state, and a provider.
struct Stage {
    folder: TempDir,
    provider: EchoServer,
}

impl Stage {
    /// Sets the stage: the provider gives these answers to requests for tokens, one after another.
    fn set(answers: Vec<(u16, Value)>) -> Self {
        Self::set_slow(answers, |_| false)
    }

    /// Sets the stage with a provider that takes its time for requests for tokens with some body.
    fn set_slow(answers: Vec<(u16, Value)>, is_slow: fn(&str) -> bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("spec.yaml"), SPEC).unwrap();
        let asked = AtomicUsize::new(0);
        let provider = EchoServer::start(move |received| {
            let (status, body) = match received.target() {
                "/token" => {
                    if is_slow(&String::from_utf8_lossy(received.body())) {
                        thread::sleep(Duration::from_secs(4));
                    }
                    let at = asked.fetch_add(1, Ordering::Relaxed);
                    answers.get(at).cloned().unwrap_or((500, json!({"error": "server_error"})))
                }
                "/device" => (
                    200,
                    json!({"device_code": "dev+1ce", "user_code": "AB-CD", "verification_uri": "https://tv.example", "interval": 1}),
                ),
                _ => (200, json!({"notes": [{"id": 1}], "shows": [{"id": 2}], "orders": [{"id": 3}]})),
            };
            (status, vec![("Content-Type", "application/json".to_owned())], body.to_string().into_bytes())
        });
        Self { folder, provider }
    }

    fn engine(&self, arguments: &[&str]) -> Engine {
        Engine::new(arguments)
            .folder(self.folder.path())
            .variable("SERVER_URL", &self.provider.url())
            .variable("CLIENT_SECRET", "cl1ent+secret")
    }

    /// Begins a login; returns what it asks for.
    fn begin(&self, api: &str, more: &[&str]) -> (Running, Value) {
        let arguments = ["auth", "login", "spec.yaml", api, "--format", "json"];
        let mut running = self.engine(&arguments).arguments(more).begin();
        let line = running.line();
        match serde_json::from_str(&line) {
            Ok(asked) => (running, asked),
            Err(error) => panic!("{error}: {line}: {}", running.finish().stderr()),
        }
    }

    /// Writes a flow that reads one endpoint.
    fn reads(&self, endpoint: &str) {
        let text = format!("{SPEC}steps:\n  - read: {endpoint}\n");
        std::fs::write(self.folder.path().join("spec.yaml"), text).unwrap();
    }

    /// Waits until so many requests came to a path.
    fn wait_for(&self, target: &str, count: usize) {
        for _ in 0..1500 {
            if self.asked(target).len() >= count {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("{target} was not asked {count} times");
    }

    /// Returns the credentials of the requests to a path.
    fn asked(&self, target: &str) -> Vec<String> {
        let received = self.provider.received();
        let asked = received.iter().filter(|received| received.target() == target);
        asked.map(|received| received.header("authorization").unwrap_or_default().to_owned()).collect()
    }

    #[track_caller]
    fn check(&self, arguments: &[&str], status: i32, expected: &str) {
        let finished = self.engine(arguments).finish();
        let text = format!("{}{}", finished.stdout(), finished.stderr());
        assert_eq!(finished.status, Some(status), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
        assert!(!text.contains("cl1ent") && !text.contains("t0ken"), "{arguments:?}: {text}");
    }
}

/// Returns the state in the URL of a login.
fn state_of(asked: &Value) -> String {
    let url = asked["url"].as_str().unwrap();
    url.split(['?', '&']).find_map(|pair| pair.strip_prefix("state=")).unwrap().to_owned()
}

#[track_caller]
fn ended(running: Running, status: i32, expected: &str) {
    let finished = running.finish();
    let text = format!("{}{}", finished.stdout(), finished.stderr());
    assert_eq!(finished.status, Some(status), "{text}");
    assert!(text.contains(expected), "{text}");
    assert!(!text.contains("cl1ent") && !text.contains("t0ken") && !text.contains("dev+1ce"), "{text}");
}

#[test]
fn a_login_is_kept_shown_and_forgotten() {
    let stage =
        Stage::set(vec![(200, json!({"access_token": "t0ken-1", "refresh_token": "t0ken-r", "expires_in": 3600}))]);
    stage.check(&["auth", "status"], 0, "no token is kept");
    stage.check(&["auth", "status", "spec.yaml"], 0, "notes  oauth2, authorization_code  not logged in\n");
    stage.check(&["run", "spec.yaml"], 1, "login-needed");
    let (mut running, asked) = stage.begin("notes", &[]);
    assert_eq!(asked["redirect_uri"], "https://app.example/back");
    running.say(&format!("https://app.example/back?code=c0de&state={}", state_of(&asked)));
    ended(running, 0, "\"logged_in\":true");
    let body = stage.provider.received().iter().find(|received| received.target() == "/token").unwrap().body().to_vec();
    let body = String::from_utf8(body).unwrap();
    assert!(body.starts_with("grant_type=authorization_code&code=c0de&"), "{body}");
    stage.check(&["auth", "status", "spec.yaml"], 0, "logged in; the token holds until 2");
    let host = stage.provider.url().replace("http://", "");
    let row = format!("notes  oauth2, authorization_code, from {host}  the token holds until 2");
    stage.check(&["auth", "status"], 0, &row);
    let listed = stage.engine(&["auth", "status", "--format", "json"]).finish();
    let listed: Value = serde_json::from_str(&listed.stdout()).unwrap();
    assert!(listed[0]["grant"] == "authorization_code" && listed[0]["token_host"] == host.as_str(), "{listed}");
    assert!(listed[0]["can_refresh"] == true && listed[0]["expires_at"].is_string(), "{listed}");
    stage.check(&["auth", "logout", "spec.yaml", "notes"], 0, "notes: logged out here");
    stage.check(&["auth", "logout", "spec.yaml", "notes"], 0, "notes: no token was kept");
    stage.check(&["auth", "logout", "--all"], 0, "0 tokens forgotten");
}

#[test]
fn a_login_without_a_refresh_token_is_warned_of() {
    let stage = Stage::set(vec![(200, json!({"access_token": "t0ken-1", "expires_in": 3600}))]);
    let (mut running, asked) = stage.begin("notes", &[]);
    running.say(&format!("code=c0de&state={}", state_of(&asked)));
    ended(running, 0, "gave no refresh token");
}

#[test]
fn what_is_not_allowed_is_not_logged_in() {
    let stage =
        Stage::set(vec![(400, json!({"error": "invalid_grant", "error_description": "c0de was used, cl1ent+secret"}))]);
    let (mut running, asked) = stage.begin("notes", &[]);
    running.say(&format!("?error=access_denied&error_description=no+way&state={}", state_of(&asked)));
    ended(running, 1, "`notes`: the provider refuses: access_denied (no way)");
    let (mut running, _) = stage.begin("notes", &[]);
    running.say("https://app.example/back?code=c0de&state=of-another-login");
    ended(running, 1, "the login that came back is not the one that was begun here");
    let (mut running, _) = stage.begin("notes", &[]);
    running.say("c0de");
    ended(running, 1, "`notes`: the provider refuses: invalid_grant (c0de was used, ***), status 400");
    let (running, _) = stage.begin("notes", &[]);
    ended(running, 1, "nothing was pasted, and nothing is listened to");
    stage.check(&["auth", "status", "spec.yaml"], 0, "notes  oauth2, authorization_code  not logged in\n");
}

#[test]
fn whoever_waits_for_another_process_says_so() {
    let stage = Stage::set_slow(vec![(200, json!({"access_token": "t0ken-1"}))], |_| true);
    stage.reads("shop.list_orders");
    let first = stage.engine(&["run", "spec.yaml"]).begin();
    stage.wait_for("/token", 1);
    let waits = ": waits for another process that is fetching the token of `shop`\n";
    stage.check(&["run", "spec.yaml"], 0, waits);
    let finished = first.finish();
    assert!(finished.status == Some(0) && !finished.stderr().contains("waits for"), "{}", finished.stderr());
    assert_eq!(stage.asked("/token").len(), 1);
}

#[test]
fn a_login_waits_for_a_run_that_renews() {
    let token = |name: &str, seconds: u32| {
        let refresh = format!("t0ken-r{name}");
        (200, json!({"access_token": format!("t0ken-{name}"), "refresh_token": refresh, "expires_in": seconds}))
    };
    let answers = vec![token("1", 1), token("2", 3600), token("3", 3600)];
    let stage = Stage::set_slow(answers, |body| body.contains("grant_type=refresh_token"));
    stage.reads("notes.list_notes");
    let log_in = |expected: &str| {
        let (mut running, asked) = stage.begin("notes", &[]);
        running.say(&format!("code=c0de&state={}", state_of(&asked)));
        ended(running, 0, expected);
    };
    log_in("\"logged_in\":true");
    thread::sleep(Duration::from_millis(1100));
    // While the run waits for its answer, the login has the second, and keeps it after what the run has kept.
    let run = stage.engine(&["run", "spec.yaml"]).begin();
    stage.wait_for("/token", 2);
    log_in("waits for another process that is fetching the token of `notes`");
    assert_eq!(run.finish().status, Some(0));
    stage.check(&["run", "spec.yaml"], 0, "");
    assert_eq!(stage.asked("/notes"), ["Bearer t0ken-3", "Bearer t0ken-2"]);
    assert_eq!(stage.asked("/token").len(), 3);
}

#[test]
fn a_device_waits_until_somebody_allows_it() {
    let pending = || (400, json!({"error": "authorization_pending"}));
    let stage = Stage::set(vec![pending(), (503, Value::Null), (200, json!({"access_token": "t0ken-2"}))]);
    let (running, asked) = stage.begin("tv", &[]);
    assert!(asked["user_code"] == "AB-CD" && asked["verification_uri"] == "https://tv.example", "{asked}");
    ended(running, 0, "\"logged_in\":true");
    let stage = Stage::set(vec![pending(), (400, json!({"error": "access_denied"}))]);
    let (running, _) = stage.begin("tv", &[]);
    ended(running, 1, "`tv`: the provider refuses: access_denied, status 400");
}

#[test]
fn says_what_can_be_logged_in_to() {
    let stage = Stage::set(Vec::new());
    stage.check(&["auth", "login", "spec.yaml", "nots"], 2, "did you mean `notes`?");
    stage.check(
        &["auth", "login", "spec.yaml", "open"],
        2,
        "no API of `spec.yaml` with `oauth2` auth is called `open`",
    );
    stage.check(&["auth", "login", "spec.yaml", "shop"], 2, "nobody has to log in to `shop`");
    stage.check(&["auth", "login", "spec.yaml", "notes", "--port", "8910"], 2, "`redirect_uri`");
    stage.check(&["auth", "login", "spec.yaml"], 2, "<API>");
    stage.check(&["auth", "logout", "spec.yaml"], 2, "<API>");
    stage.check(&["auth", "status", "missing.yaml"], 2, "`missing.yaml` does not exist");
    assert!(!Path::new(&stage.folder.path().join(".engine")).exists(), "nothing was kept, and no file made");
}
