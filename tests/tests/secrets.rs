//! A failing run shows no secret: not on stdout, not on stderr, not in a file, in no form, though it says all that it can (`-vvv`) and
//! the server says the secret back in every answer.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use engine_tests::{Echo, EchoServer, Engine, Received, spills};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All that is awkward: what is encoded in URLs, forms, JSON, HTML and shells, two blanks that a summary would join, a letter beyond ASCII.
const SECRET: &str = "q7+K/9%Z\"x\\J  w=é&k~<8>'5;#{m}";
/// The same for a header, which takes ASCII only.
const IN_HEADER: &str = "q7+K/9%Z\"x\\J  w=e&k~<8>'5;#{m}";
/// What a server gives for a token.
const TOKEN: &str = "tT9+/%\"\\ z=Qm~4{r}";

/// A secret in one place of the exchange.
struct Kind {
    secret: &'static str,
    /// The API, its endpoint `list_things`, and others.
    api: &'static str,
    /// Whether a request has the secret as it has to.
    has: fn(&Received, &str) -> bool,
}

fn percent(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Encodes all but what no URL has to encode (RFC 3986 §2.3).
fn strict(text: &str) -> String {
    percent(text).replace("%2E", ".").replace("%2D", "-").replace("%5F", "_").replace("%7E", "~")
}

fn form(text: &str) -> String {
    percent(text).replace("%20", "+")
}

fn json(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap();
    quoted.get(1..quoted.len() - 1).unwrap().to_owned()
}

/// Returns the secret in all forms in which a server may say it back.
fn forms(secret: &str) -> Vec<String> {
    let lower = percent(secret)
        .chars()
        .scan(0_u8, |left, char| {
            let shown = if *left > 0 { char.to_ascii_lowercase() } else { char };
            *left = if char == '%' { 2 } else { left.saturating_sub(1) };
            Some(shown)
        })
        .collect();
    let mut forms = vec![
        secret.to_owned(),
        percent(secret),
        lower,
        form(secret),
        percent(&percent(secret)),
        json(secret),
        json(&json(secret)),
        secret.replace('%', "%25").replace('"', "%22").replace(' ', "%20"),
        secret.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;"),
        URL_SAFE_NO_PAD.encode(secret),
    ];
    for before in ["", "a", "ab"] {
        forms.push(STANDARD.encode(format!("{before}{secret}zzz")));
    }
    // What is shown of a body ends after so many bytes: not in the middle of a secret.
    for begin in [1010, 1020] {
        forms.push(format!("{}{secret}", "x".repeat(begin)));
        forms.push(format!("{}{}", "x".repeat(begin), percent(secret)));
    }
    forms
}

/// Returns all that is said back.
fn sayings(secret: &str, gives_token: bool) -> Vec<String> {
    let token = if gives_token { forms(TOKEN) } else { Vec::new() };
    forms(secret).into_iter().chain(token).collect()
}

/// Returns the number of the page that is asked for.
fn page(received: &Received) -> usize {
    let (_, rest) = received.target().split_once("page=").unwrap_or_default();
    rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or_default()
}

/// Says the secret back, on each page in one form: in the body of an error, in headers, in the page itself; at last in a redirect and an
/// error that ends the run.
fn say(secret: &str, gives_token: bool, received: &Received, is_again: bool) -> Echo {
    let kind = ("Content-Type", "application/json".to_owned());
    if received.target().starts_with("/token") || received.target().starts_with("/login") {
        let token = json(TOKEN);
        let body =
            format!("{{\"access_token\": \"{token}\", \"refresh_token\": \"r{token}\", \"token_type\": \"Bearer\"}}");
        let cookie = ("Set-Cookie", format!("sid={}; Path=/", percent(TOKEN)));
        return (200, vec![kind, cookie], body.into_bytes());
    }
    let headers = |form: &str| {
        let mut headers = vec![("Content-Type", "text/plain".to_owned())];
        if form.is_ascii() {
            headers.extend([("X-Echo", form.to_owned()), ("WWW-Authenticate", format!("Bearer {form}"))]);
        }
        headers
    };
    let page = page(received);
    let all = sayings(secret, gives_token);
    match page.checked_sub(1).and_then(|at| all.get(at)) {
        Some(form) if !is_again => (503, headers(form), form.clone().into_bytes()),
        Some(form) => {
            let body = format!("{{\"things\": [{{\"id\": {page}}}], \"said\": \"{}\"}}", json(form));
            (200, vec![kind], body.into_bytes())
        }
        None if received.method() == "GET" && !received.target().starts_with("/elsewhere") => {
            (302, vec![("Location", format!("/elsewhere?page={page}&said={}", percent(secret)))], Vec::new())
        }
        None => {
            let few: Vec<String> = all.iter().filter(|form| form.len() < 200).cloned().collect();
            (400, headers(secret), few.join("\n").into_bytes())
        }
    }
}

fn spec(api: &str) -> String {
    format!(
        "version: 1
inputs: {{url: {{type: string, env: SERVER_URL}}}}
secrets: {{secret: {{env: SECRET}}}}
sinks: {{store: {{type: sqlite, path: things.db}}, lines: {{type: jsonl, path: things.jsonl}}}}
apis:
  shop:
    retry: {{attempts: 3, on: [503], backoff: {{initial: 1ms, max: 1ms}}}}
    records: $.things
    paginate: {{type: page, into: query.page}}
{api}
steps:
  - id: things
    read: shop.list_things
    write: {{sink: store, table: things}}
  - id: lines
    for_each: things
    write: {{sink: lines}}
"
    )
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

fn check(kind: &Kind) {
    for (format, recording) in [("text", "recording"), ("json", "recording.har")] {
        let asked = Mutex::new(BTreeSet::new());
        let secret = kind.secret;
        let gives_token = kind.api.contains("type: oauth2") || kind.api.contains("type: session");
        let is_digest = kind.api.contains("type: digest");
        let server = EchoServer::start(move |received| {
            if is_digest && received.header("authorization").is_none() {
                let challenge = "Digest realm=\"shop\", nonce=\"n0nce\", algorithm=SHA-256, qop=\"auth\"".to_owned();
                return (401, vec![("WWW-Authenticate", challenge)], Vec::new());
            }
            let is_again = !asked.lock().unwrap().insert(page(received));
            say(secret, gives_token, received, is_again)
        });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("spec.yaml"), spec(kind.api)).unwrap();
        let finished = Engine::new(["run", "spec.yaml", "-vvv", "--log-format", format, "--state", "state.db"])
            .arguments(["--record", recording])
            .folder(folder.path())
            .variable("SERVER_URL", &server.url())
            .variable("SECRET", secret)
            .variable("XDG_DATA_HOME", folder.path().join("keys").to_str().unwrap())
            .finish();
        let mut written =
            vec![("stdout".to_owned(), finished.stdout.clone()), ("stderr".to_owned(), finished.stderr.clone())];
        for path in files(folder.path()) {
            let name = path.strip_prefix(folder.path()).unwrap().display().to_string();
            assert!(spills(secret, name.as_bytes()).is_empty(), "{name}");
            written.push((name, std::fs::read(path).unwrap()));
        }
        let recorded: Vec<_> = written.iter().filter(|(name, _)| name.starts_with("recording")).collect();
        let exchanges = recorded.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes).matches("page=").count());
        assert!(exchanges.sum::<usize>() > 2 * sayings(secret, gives_token).len(), "the recording is not whole");
        let mut faults = Vec::new();
        for (name, bytes) in &written {
            for hidden in [Some(secret), gives_token.then_some(TOKEN)].into_iter().flatten() {
                faults.extend(spills(hidden, bytes).into_iter().map(|found| format!("{name} ({format}): {found}")));
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        let said = finished.stderr();
        assert_eq!(finished.status, Some(1), "{said}");
        assert!(said.contains("http-status"), "{said}");
        let received = server.received();
        assert!(received.iter().any(|it| (kind.has)(it, secret)), "the server did not get it: {received:#?}");
        let (pages, last) = (sayings(secret, gives_token).len(), received.iter().map(page).max().unwrap_or_default());
        assert_eq!(last, pages + 1, "{said}");
        for page in 1..=last {
            let shown = said.matches(&format!("page={page}")).count();
            assert!(shown > 2, "-vvv does not show the exchanges of page {page}: {said}");
        }
    }
}

fn parts(received: &Received) -> Vec<(String, String)> {
    let (_, query) = received.target().split_once('?').unwrap_or_default();
    let body = String::from_utf8_lossy(received.body()).into_owned();
    let pairs = |text: &str| -> Vec<(String, String)> {
        let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        text.split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (decode(name), decode(value)))
            .collect()
    };
    [pairs(query), pairs(&body)].concat()
}

fn has(received: &Received, name: &str, value: &str) -> bool {
    parts(received).iter().any(|(known, found)| known == name && found == value)
}

/// Makes a test of each kind.
macro_rules! kinds {
    ($($name:ident: $secret:expr, $has:expr, $api:literal;)*) => {
        $(
            #[test]
            fn $name() {
                check(&Kind { secret: $secret, api: $api, has: $has });
            }
        )*
    };
}

kinds! {
    bearer: IN_HEADER, |it, secret| it.header("authorization") == Some(&format!("Bearer {secret}")), r#"
    base_url: "{{ inputs.url }}"
    auth: {type: bearer, token: "{{ secrets.secret }}"}
    endpoints: {list_things: {request: GET /things}}"#;

    header: IN_HEADER, |it, secret| it.header("x-key") == Some(&format!("before {secret} after")), r#"
    base_url: "{{ inputs.url }}"
    headers: {X-Key: "before {{ secrets.secret }} after"}
    endpoints: {list_things: {request: GET /things}}"#;

    basic: SECRET, |it, secret| it.header("authorization") == Some(&format!("Basic {}", STANDARD.encode(format!("ada:{secret}")))), r#"
    base_url: "{{ inputs.url }}"
    auth: {type: basic, username: ada, password: "{{ secrets.secret }}"}
    endpoints: {list_things: {request: GET /things}}"#;

    key_in_the_query: SECRET, |it, secret| has(it, "key", secret), r#"
    base_url: "{{ inputs.url }}"
    auth: {type: api_key, value: "{{ secrets.secret }}", in: query.key}
    endpoints: {list_things: {request: GET /things}}"#;

    query: SECRET, |it, secret| has(it, "key", secret), r#"
    base_url: "{{ inputs.url }}"
    endpoints: {list_things: {request: GET /things, query: {key: "{{ secrets.secret }}"}}}"#;

    path: SECRET, |it, secret| {
        percent_decode_str(it.target()).decode_utf8_lossy().starts_with(&format!("/bot{secret}/things"))
    }, r#"
    base_url: "{{ inputs.url }}/bot{{ secrets.secret | urlencode }}"
    endpoints: {list_things: {request: GET /things}}"#;

    form_body: SECRET, |it, secret| has(it, "password", secret), r#"
    base_url: "{{ inputs.url }}"
    endpoints: {list_things: {request: POST /things, records: $.things, paginate: {type: page}, body: {form: {password: "{{ secrets.secret }}"}}}}"#;

    json_body: SECRET, |it, secret| String::from_utf8_lossy(it.body()).contains(&json(secret)), r#"
    base_url: "{{ inputs.url }}"
    endpoints: {list_things: {request: POST /things, records: $.things, paginate: {type: page}, body: {json: {password: "{{ secrets.secret }}"}}}}"#;

    text_body: SECRET, |it, secret| it.body() == format!("<p>{secret}</p>").as_bytes(), r#"
    base_url: "{{ inputs.url }}"
    endpoints: {list_things: {request: POST /things, records: $.things, paginate: {type: page}, body: {text: "<p>{{ secrets.secret }}</p>"}}}"#;

    client_secret_by_basic: SECRET, |it, secret| {
        it.header("authorization") == Some(&format!("Basic {}", STANDARD.encode(format!("engine:{}", form(secret)))))
    }, r#"
    base_url: "{{ inputs.url }}"
    auth: {type: oauth2, grant: client_credentials, token_url: "{{ inputs.url }}/token", client_id: engine, client_secret: "{{ secrets.secret }}", client_auth: basic}
    endpoints: {list_things: {request: GET /things}}"#;

    client_secret_in_the_body: SECRET, |it, secret| has(it, "client_secret", secret), r#"
    base_url: "{{ inputs.url }}"
    auth: {type: oauth2, grant: client_credentials, token_url: "{{ inputs.url }}/token", client_id: engine, client_secret: "{{ secrets.secret }}", client_auth: body}
    endpoints: {list_things: {request: GET /things}}"#;

    password_grant: SECRET, |it, secret| has(it, "password", secret), r#"
    base_url: "{{ inputs.url }}"
    auth: {type: oauth2, grant: password, token_url: "{{ inputs.url }}/token", client_id: engine, client_auth: none, username: ada, password: "{{ secrets.secret }}"}
    endpoints: {list_things: {request: GET /things}}"#;

    refresh_token: SECRET, |it, secret| has(it, "refresh_token", secret), r#"
    base_url: "{{ inputs.url }}"
    auth: {type: oauth2, grant: refresh_token, token_url: "{{ inputs.url }}/token", client_id: engine, client_auth: none, refresh_token: "{{ secrets.secret }}"}
    endpoints: {list_things: {request: GET /things}}"#;

    token_of_an_oauth2: SECRET, |it, _| it.header("authorization") == Some(&format!("Bearer {TOKEN}")), r#"
    base_url: "{{ inputs.url }}"
    auth: {type: oauth2, grant: client_credentials, token_url: "{{ inputs.url }}/token", client_id: engine, client_secret: "{{ secrets.secret }}", client_auth: body}
    endpoints: {list_things: {request: GET /things}}"#;

    token_in_the_query: SECRET, |it, _| has(it, "token", TOKEN), r#"
    base_url: "{{ inputs.url }}"
    auth: {type: oauth2, grant: client_credentials, token_url: "{{ inputs.url }}/token", client_id: engine, client_secret: "{{ secrets.secret }}", client_auth: body, in: query.token, prefix: ""}
    endpoints: {list_things: {request: GET /things}}"#;

    session_by_password: SECRET, |it, secret| it.target() == "/login" && String::from_utf8_lossy(it.body()).contains(&json(secret)), r#"
    base_url: "{{ inputs.url }}"
    auth: {type: session, login: log_in, answer: {token: $.access_token}, in: header.X-Session, prefix: ""}
    endpoints:
      log_in: {request: POST /login, paginate: none, records: none, body: {json: {password: "{{ secrets.secret }}"}}}
      list_things: {request: GET /things}"#;

    token_of_a_session: SECRET, |it, _| {
        it.header("x-session") == Some(TOKEN) && it.header("cookie") == Some(&format!("sid={}", percent(TOKEN)))
    }, r#"
    base_url: "{{ inputs.url }}"
    auth: {type: session, login: log_in, answer: {token: $.access_token}, in: header.X-Session, prefix: ""}
    endpoints:
      log_in: {request: POST /login, paginate: none, records: none, body: {json: {password: "{{ secrets.secret }}"}}}
      list_things: {request: GET /things}"#;

    key_of_an_hmac: SECRET, |it, _| it.header("x-signature").is_some_and(|it| it.len() == 64), r#"
    base_url: "{{ inputs.url }}"
    auth: {type: hmac, algorithm: sha256, key: "{{ secrets.secret }}", message: "{{ request.timestamp }}{{ request.path }}", encoding: hex, in: header.X-Signature, headers: {X-Timestamp: "{{ request.timestamp }}"}}
    endpoints: {list_things: {request: GET /things}}"#;

    key_of_a_jwt: SECRET, |it, _| it.header("authorization").is_some_and(|it| it.split('.').count() == 3), r#"
    base_url: "{{ inputs.url }}"
    auth: {type: jwt, algorithm: HS256, key: "{{ secrets.secret }}", claims: {sub: ada}}
    endpoints: {list_things: {request: GET /things}}"#;

    cookie: SECRET, |it, secret| {
        let sent = it.header("cookie").and_then(|it| it.strip_prefix("sid=")).unwrap_or_default();
        percent_decode_str(sent).decode_utf8_lossy() == secret
    }, r#"
    base_url: "{{ inputs.url }}"
    auth: {type: api_key, value: "{{ secrets.secret | urlencode }}", in: cookie.sid}
    endpoints: {list_things: {request: GET /things}}"#;

    multipart_body: SECRET, |it, secret| String::from_utf8_lossy(it.body()).contains(&format!("\r\n\r\n{secret}\r\n")), r#"
    base_url: "{{ inputs.url }}"
    endpoints: {list_things: {request: POST /things, records: $.things, paginate: {type: page}, body: {multipart: {password: "{{ secrets.secret }}"}}}}"#;

    graphql_body: SECRET, |it, secret| String::from_utf8_lossy(it.body()).contains(&json(secret)), r#"
    base_url: "{{ inputs.url }}"
    endpoints: {list_things: {request: POST /things, records: $.things, paginate: {type: page}, body: {graphql: {query: "query($p: String) {things(p: $p)}", variables: {p: "{{ secrets.secret }}"}}}}}"#;

    xml_body: SECRET, |it, _| String::from_utf8_lossy(it.body()).contains("&lt;8"), r#"
    base_url: "{{ inputs.url }}"
    endpoints: {list_things: {request: POST /things, records: $.things, paginate: {type: page}, body: {xml: {Login: {Password: "{{ secrets.secret }}"}}}}}"#;

    key_of_aws: SECRET, |it, _| it.header("authorization").is_some_and(|it| it.starts_with("AWS4-HMAC-SHA256")), r#"
    base_url: "{{ inputs.url }}"
    auth: {type: aws_sigv4, access_key: AKIDEXAMPLE, secret_key: "{{ secrets.secret }}", region: eu-central-1, service: execute-api}
    endpoints: {list_things: {request: GET /things}}"#;

    session_token_of_aws: IN_HEADER, |it, secret| it.header("x-amz-security-token") == Some(secret), r#"
    base_url: "{{ inputs.url }}"
    auth: {type: aws_sigv4, access_key: AKIDEXAMPLE, secret_key: key, session_token: "{{ secrets.secret }}", region: eu-central-1, service: execute-api}
    endpoints: {list_things: {request: GET /things}}"#;

    oauth1: SECRET, |it, secret| it.header("authorization").is_some_and(|it| it.contains(&format!("oauth_token=\"{}\"", strict(secret)))), r#"
    base_url: "{{ inputs.url }}"
    auth: {type: oauth1, consumer_key: engine, consumer_secret: "{{ secrets.secret }}", token: "{{ secrets.secret }}", token_secret: "{{ secrets.secret }}", signature_method: HMAC-SHA256}
    endpoints: {list_things: {request: GET /things}}"#;

    digest: SECRET, |it, _| it.header("authorization").is_some_and(|it| it.contains("response=")), r#"
    base_url: "{{ inputs.url }}"
    auth: {type: digest, username: ada, password: "{{ secrets.secret }}"}
    endpoints: {list_things: {request: GET /things}}"#;
}

#[test]
fn a_letter_beyond_ascii_in_a_header_is_sent_or_refused_and_shown_nowhere() {
    let server = EchoServer::start(|received| say(SECRET, false, received, true));
    let folder = tempfile::tempdir().unwrap();
    let api = r#"
    base_url: "{{ inputs.url }}"
    auth: {type: bearer, token: "{{ secrets.secret }}"}
    endpoints: {list_things: {request: GET /things}}"#;
    std::fs::write(folder.path().join("spec.yaml"), spec(api)).unwrap();
    let finished = Engine::new(["run", "spec.yaml", "-vvv"])
        .folder(folder.path())
        .variable("SERVER_URL", &server.url())
        .variable("SECRET", SECRET)
        .finish();
    assert_eq!(finished.status, Some(1), "{}", finished.stderr());
    assert!(spills(SECRET, &finished.stderr).is_empty(), "{:?}", spills(SECRET, &finished.stderr));
    for received in server.received() {
        assert_eq!(received.header("authorization"), Some(format!("Bearer {SECRET}").as_str()));
    }
}
