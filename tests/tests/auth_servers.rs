//! Tokens of a certified provider that none of us wrote: each way to get one, one for all who need it, and none lost.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use engine_tests::{EchoServer, Engine, Finished, Person, Received, Rig, Running, post};
use serde_json::Value;
use tempfile::TempDir;

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");
const ITEMS: &str = "tests/servers/oidc-items.yaml";
const MANY: &str = "tests/servers/oidc-many.yaml";
/// What the provider has.
const ALL: u64 = 500;

/// A provider, a server between it and the engine that counts the requests for tokens, and a folder for the state.
struct Stage {
    // Dropped in this order: the provider ends before the next test begins one.
    relay: EchoServer,
    rig: Rig,
    folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Stage {
    /// Sets the stage; tokens hold for so many seconds.
    fn set(seconds: u32) -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let rig = Rig::start_with("oidc", Path::new(TARGET), &[("TOKEN_TTL", &seconds.to_string())])?;
        let provider = rig.told("BASE_URL").to_owned();
        let relay = EchoServer::start(move |received| {
            // All who need a token are there before the first has one.
            thread::sleep(Duration::from_millis(300));
            let headers: Vec<_> = ["authorization", "content-type", "accept"]
                .into_iter()
                .filter_map(|name| Some((name, received.header(name)?)))
                .collect();
            let fetched = post(&format!("{provider}{}", received.target()), &headers, received.body());
            let kind = fetched.headers.get("content-type").cloned().unwrap_or_default();
            (fetched.status, vec![("Content-Type", kind)], fetched.body.into_bytes())
        });
        Some(Self { relay, rig, folder: tempfile::tempdir().unwrap(), _turn: turn })
    }

    fn engine(&self, arguments: &[&str], client: &str) -> Engine {
        let state = self.folder.path().join("state.db");
        let secret = match client {
            "basic" | "unknown_end" => self.rig.told("CC_SECRET").trim_matches('\''),
            "body" => self.rig.told("CC_POST_SECRET"),
            "shared_key" => "a-very-long-shared-secret-for-hs256-0123456789",
            "web" => self.rig.told("WEB_SECRET"),
            _ => "",
        };
        let key = match client {
            "rsa" => std::fs::read_to_string(self.rig.told("PKJWT_KEY")).unwrap(),
            "elliptic" => std::fs::read_to_string(self.rig.told("PKJWT_ES_KEY")).unwrap(),
            _ => String::new(),
        };
        Engine::new(arguments)
            .arguments(["--input", &format!("client={client}"), "--state", &state.display().to_string()])
            .variable("HOME", &self.folder.path().display().to_string())
            .variable("ENGINE_OIDC_URL", self.rig.told("BASE_URL"))
            .variable("ENGINE_OIDC_TOKEN_URL", &format!("{}/token", self.relay.url()))
            .variable("ENGINE_OIDC_SECRET", secret)
            .variable("ENGINE_OIDC_KEY", &key)
    }

    /// Reads all items, and sees that none is missing and none is there twice.
    fn read(&self, client: &str, more: &[&str]) {
        let finished = self.engine(&["run", ITEMS], client).arguments(more).finish();
        all_items(client, &finished);
    }

    /// Returns the requests for tokens, each as the fields of its form.
    fn token_requests(&self) -> Vec<Vec<(String, String)>> {
        self.relay.received().iter().map(fields).collect()
    }

    /// Returns with what the tokens were asked for.
    fn grants(&self) -> Vec<String> {
        self.token_requests().iter().map(|fields| field(fields, "grant_type")).collect()
    }

    fn begin_login(&self, client: &str, more: &[&str]) -> (Running, Value) {
        let arguments = ["auth", "login", ITEMS, "items", "--format", "json"];
        let mut running = self.engine(&arguments, client).arguments(more).begin();
        let line = running.line();
        match serde_json::from_str(&line) {
            Ok(asked) => (running, asked),
            Err(error) => panic!("{error}: {line}: {}", running.finish().stderr()),
        }
    }

    fn status(&self, client: &str) -> Value {
        let finished = self.engine(&["auth", "status", ITEMS, "--format", "json"], client).finish();
        assert_eq!(finished.status, Some(0), "{}", finished.stderr());
        let list: Value = serde_json::from_str(&finished.stdout()).unwrap();
        list[0].clone()
    }

    fn state_files(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.map(|file| file.unwrap().path()).filter(|path| path.is_file()).collect()
    }
}

fn fields(received: &Received) -> Vec<(String, String)> {
    let decode =
        |text: &str| percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8().unwrap().into_owned();
    let body = String::from_utf8(received.body().to_vec()).unwrap();
    body.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (decode(name), decode(value))).collect()
}

fn field(fields: &[(String, String)], name: &str) -> String {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

#[track_caller]
fn all_items(client: &str, finished: &Finished) {
    assert_eq!(finished.status, Some(0), "{client}: {}", finished.stderr());
    let mut ids: Vec<u64> = finished
        .stdout()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_u64().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=ALL).collect::<Vec<_>>(), "{client}");
}

/// Allows what a login asks for in a browser, and comes back to the engine.
fn allow_in_browser(asked: &Value) -> String {
    let redirect_uri = asked["redirect_uri"].as_str().unwrap();
    Person::default().allow(asked["url"].as_str().unwrap(), redirect_uri)
}

fn logged_in(running: Running) -> Value {
    let finished = running.finish();
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    serde_json::from_str(finished.stdout().trim()).unwrap()
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn clients_prove_themselves_in_every_way() {
    let Some(stage) = Stage::set(60) else { return };
    for client in ["basic", "body", "rsa", "elliptic", "shared_key"] {
        stage.read(client, &[]);
    }
    assert_eq!(stage.grants(), ["client_credentials"; 5]);
    // A second run has the token of the first.
    stage.read("rsa", &[]);
    assert_eq!(stage.grants().len(), 5);
    let status = stage.status("basic");
    assert_eq!(status["logged_in"], true);
    assert!(status["expires_at"].is_string() && status["can_refresh"] == false, "{status}");
}

#[test]
fn a_refused_client_is_told_what_to_check() {
    let Some(stage) = Stage::set(60) else { return };
    let finished = stage.engine(&["run", ITEMS], "body").variable("ENGINE_OIDC_SECRET", "wr0ng+secret").finish();
    assert_eq!(finished.status, Some(1));
    let said = finished.stderr();
    assert!(
        said.contains("auth-failed") && said.contains("invalid_client") && said.contains("`client_auth`"),
        "{said}"
    );
    assert!(!said.contains("wr0ng"), "{said}");
    assert_eq!(stage.grants().len(), 1);
}

#[test]
fn one_token_serves_all_requests_at_once() {
    let Some(stage) = Stage::set(60) else { return };
    let finished = stage.engine(&["run", MANY], "basic").finish();
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    assert_eq!(finished.stdout().lines().count(), 32);
    assert_eq!(stage.grants(), ["client_credentials"]);
}

#[test]
fn one_token_serves_two_processes() {
    let Some(stage) = Stage::set(60) else { return };
    thread::scope(|scope| {
        let runs = [MANY, ITEMS].map(|spec| {
            let engine = stage.engine(&["run", spec], "basic");
            scope.spawn(move || engine.finish())
        });
        for run in runs {
            let finished = run.join().unwrap();
            assert_eq!(finished.status, Some(0), "{}", finished.stderr());
        }
    });
    assert_eq!(stage.grants(), ["client_credentials"]);
}

#[test]
fn no_record_is_lost_when_a_token_ends_in_the_middle() {
    let Some(stage) = Stage::set(2) else { return };
    // 50 pages, ten a second: longer than two tokens hold.
    let slowly = ["--input", "size=10", "--input", "rate=1/100ms"];
    stage.read("basic", &slowly);
    let ahead = stage.grants().len();
    assert!((3..=5).contains(&ahead), "{ahead} tokens");
    // Where nobody says when a token ends, the API does: by 401.
    stage.read("unknown_end", &slowly);
    let after = stage.grants().len() - ahead;
    assert!((3..=5).contains(&after), "{after} tokens");
}

#[test]
fn a_person_allows_the_access_in_a_browser() {
    let Some(stage) = Stage::set(2) else { return };
    let refused = stage.engine(&["run", ITEMS], "native").finish();
    assert_eq!(refused.status, Some(1));
    assert!(refused.stderr().contains("login-needed"), "{}", refused.stderr());
    assert_eq!(stage.status("native")["needs_login"], true);

    let redirect = format!("redirect_uri=http://127.0.0.1:{}/cb", free_port());
    let redirect = ["--input", redirect.as_str()];
    let (running, asked) = stage.begin_login("native", &redirect);
    let url = asked["url"].as_str().unwrap();
    assert!(url.contains("code_challenge_method=S256") && url.contains("state="), "{url}");
    // Somebody else's login is not taken for this one.
    let stray = engine_tests::get(&format!("{}?code=stray&state=stray", asked["redirect_uri"].as_str().unwrap()), &[]);
    assert_eq!(stray.status, 400, "{}", stray.body);
    let back = allow_in_browser(&asked);
    let page = engine_tests::get(&back, &[]);
    assert!(page.status == 200 && page.body.contains("You may close this page"), "{}", page.body);
    let status = logged_in(running);
    assert!(status["logged_in"] == true && status["can_refresh"] == true, "{status}");
    let code = stage.token_requests().remove(0);
    assert_eq!(field(&code, "grant_type"), "authorization_code");
    assert!(field(&code, "code_verifier").len() >= 43);

    // The token ends, and is refreshed; the new refresh token is the one that is used next.
    for _ in 0..2 {
        thread::sleep(Duration::from_secs(2));
        stage.read("native", &redirect);
    }
    assert_eq!(stage.grants(), ["authorization_code", "refresh_token", "refresh_token"]);
    let used: Vec<_> = stage.token_requests().iter().skip(1).map(|fields| field(fields, "refresh_token")).collect();
    assert_ne!(used[0], used[1], "the provider gives a new one each time");

    // Two processes that need a new token at once use the refresh token once: the provider takes a second use for theft.
    thread::sleep(Duration::from_secs(2));
    thread::scope(|scope| {
        let runs = [(); 2].map(|()| {
            let engine = stage.engine(&["run", MANY], "native").arguments(redirect);
            scope.spawn(move || engine.finish())
        });
        for run in runs {
            let finished = run.join().unwrap();
            assert_eq!(finished.status, Some(0), "{}", finished.stderr());
        }
    });
    assert_eq!(stage.grants().len(), 4);

    // Nothing of it can be read in the state.
    for file in stage.state_files() {
        let bytes = std::fs::read(&file).unwrap();
        for token in &used {
            assert!(!String::from_utf8_lossy(&bytes).contains(token.as_str()), "{}", file.display());
        }
    }

    // Somebody else uses an old refresh token: the provider revokes all, and the engine says what to do.
    let body = format!("grant_type=refresh_token&client_id=native&refresh_token={}", used[0]);
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    let stolen = post(stage.rig.told("TOKEN_URL"), &kind, body.as_bytes());
    assert!(stolen.status == 400 && stolen.body.contains("invalid_grant"), "{}", stolen.body);
    thread::sleep(Duration::from_secs(2));
    let ended = stage.engine(&["run", ITEMS], "native").arguments(redirect).finish();
    let said = ended.stderr();
    assert_eq!(ended.status, Some(1), "{said}");
    assert!(said.contains("login-needed") && said.contains("engine auth login"), "{said}");
    assert_eq!(ended.stdout(), "");

    let forgotten = stage.engine(&["auth", "logout", ITEMS, "items"], "native").finish();
    assert_eq!(forgotten.status, Some(0), "{}", forgotten.stderr());
    assert_eq!(stage.status("native")["logged_in"], false);
}

#[test]
fn a_person_pastes_where_the_browser_came_back() {
    let Some(stage) = Stage::set(60) else { return };
    let (mut running, asked) = stage.begin_login("web", &[]);
    let back = allow_in_browser(&asked);
    running.say("not a code at all");
    running.say(&back);
    let status = logged_in(running);
    assert!(status["logged_in"] == true && status["can_refresh"] == true, "{status}");
    stage.read("web", &[]);
    assert_eq!(stage.grants(), ["authorization_code"]);
}

#[test]
fn a_person_types_a_code_on_another_device() {
    let Some(stage) = Stage::set(2) else { return };
    let (running, asked) = stage.begin_login("device", &[]);
    assert!(asked["user_code"].as_str().is_some_and(|code| code.len() >= 4), "{asked}");
    let shown = Person::default().allow(asked["verification_uri_complete"].as_str().unwrap(), "nowhere");
    assert!(shown.to_lowercase().contains("success"), "{shown}");
    let status = logged_in(running);
    assert!(status["logged_in"] == true && status["can_refresh"] == true, "{status}");
    stage.read("device", &[]);
    thread::sleep(Duration::from_secs(2));
    stage.read("device", &[]);
    assert_eq!(stage.grants().last().map(String::as_str), Some("refresh_token"));
}

#[test]
fn salesforce_says_where_it_is_and_not_until_when() {
    let Some(rig) = Rig::start_with("salesforce-mock", Path::new(TARGET), &[("TOKEN_TTL", "1")]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (token_url, secret) = (rig.told("TOKEN_URL"), rig.told("CLIENT_SECRET"));
    let body = format!(
        "grant_type=password&client_id=ckey&client_secret={secret}&username=user%40example.com&password=pw%2BTOKEN"
    );
    let asked = post(token_url, &[("Content-Type", "application/x-www-form-urlencoded")], body.as_bytes());
    let token: Value = serde_json::from_str(&asked.body).unwrap();
    assert!(token.get("expires_in").is_none(), "nobody knows when it ends");
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let query = format!("{}/services/data/v60.0/query?q=SELECT+COUNT()+FROM+Account", rig.told("INSTANCE_URL"));
    let counted = engine_tests::get(&query, &[("Authorization", &bearer)]);
    let total = serde_json::from_str::<Value>(&counted.body).unwrap()["totalSize"].as_u64().unwrap();
    assert!(total > 2000, "{total} accounts fit few pages");
    for grant in ["client_credentials", "password", "refresh_token", "jwt_bearer"] {
        // Six pages take longer than a token holds: the 401 in between has a list as its body.
        let finished = Engine::new(["run", "tests/servers/salesforce-accounts.yaml", "--input", "rate=1/300ms"])
            .arguments(["--input", &format!("grant={grant}")])
            .arguments(["--state", &folder.path().join("state.db").display().to_string()])
            .variable("HOME", &folder.path().display().to_string())
            .variable("ENGINE_SALESFORCE_TOKEN_URL", token_url)
            .variable("ENGINE_SALESFORCE_SECRET", secret)
            .variable("ENGINE_SALESFORCE_PASSWORD", rig.told("PASSWORD"))
            .variable("ENGINE_SALESFORCE_REFRESH_TOKEN", token["refresh_token"].as_str().unwrap())
            .variable("ENGINE_SALESFORCE_KEY", &std::fs::read_to_string(rig.told("JWT_KEY")).unwrap())
            .finish();
        assert_eq!(finished.status, Some(0), "{grant}: {}", finished.stderr());
        let mut lines: Vec<String> = finished.stdout().lines().map(str::to_owned).collect();
        lines.sort();
        lines.dedup();
        assert_eq!(lines.len() as u64, total, "{grant}");
    }
}
