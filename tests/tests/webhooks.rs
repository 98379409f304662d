//! Events as their senders' own libraries sign them, and what others make of them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::string_slice, reason = "what is cut here is ASCII")]
#![expect(clippy::format_collect, reason = "a test need not save memory")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_tests::{Engine, Rig, Serving, post, root};
use serde_json::{Value, json};

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");

/// The senders, and the secrets that they share with the spec.
const SENDERS: [(&str, &str); 5] = [
    ("stripe", "whsec_5e1f"),
    ("github", "It's a Secret to Everybody"),
    ("slack", "8f742231b10e8888abcd99yyyzzz85a5"),
    ("shopify", "hush"),
    ("standard", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
];
/// Another secret, which nobody knows.
const OTHER: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx";

/// The senders' libraries, where they can be installed.
struct Libraries {
    folder: PathBuf,
}

impl Libraries {
    /// Installs them, once for all tests.
    fn find() -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap();
        let folder = Path::new(TARGET).join("senders");
        fs::create_dir_all(&folder).unwrap();
        let done = folder.join("installed");
        if !done.exists() {
            let node =
                "npm install --no-audit --no-fund --prefix . stripe@23 @octokit/webhooks-methods@6 standardwebhooks@1";
            let python = "python3 -m pip install --quiet --disable-pip-version-check --target py slack_sdk==3.47.0";
            for line in [node, python] {
                let mut words = line.split(' ');
                let mut command = Command::new(words.next().unwrap());
                command.args(words).current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null());
                if !command.status().is_ok_and(|status| status.success()) {
                    assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "this does not work: {line}");
                    // Written past the capture of the test harness, so that it is seen.
                    _ = writeln!(std::io::stderr(), "skipped: the senders' libraries can't be installed: {line}");
                    return None;
                }
            }
            fs::write(done, "").unwrap();
        }
        Some(Self { folder })
    }

    /// Signs events, each of which is `{vendor, secret, time, id, body}`.
    fn sign(&self, events: &[Event]) -> Vec<Vec<(String, String)>> {
        let (slack, others): (Vec<_>, Vec<_>) = events.iter().partition(|event| event.vendor == "slack");
        let scripts = root().join("tests/senders");
        let mut node = Command::new("node");
        node.arg(scripts.join("sign.mjs")).arg(&self.folder);
        let mut python = Command::new("python3");
        python.arg(scripts.join("sign.py")).env("PYTHONPATH", self.folder.join("py"));
        let (mut others, mut slack) = (ask(node, &others).into_iter(), ask(python, &slack).into_iter());
        let next = |event: &Event| if event.vendor == "slack" { slack.next() } else { others.next() };
        let headers = events.iter().map(next).map(Option::unwrap).collect::<Vec<_>>();
        headers.into_iter().map(|headers| headers.into_iter().collect()).collect()
    }
}

fn ask(mut command: Command, events: &[&Event]) -> Vec<BTreeMap<String, String>> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let list: Vec<Value> = events.iter().map(|event| event.to_json()).collect();
    child.stdin.take().unwrap().write_all(Value::from(list).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// An event that is to be signed.
#[derive(Clone)]
struct Event {
    vendor: &'static str,
    secret: String,
    time: u64,
    id: String,
    body: String,
}

impl Event {
    fn to_json(&self) -> Value {
        json!({"vendor": self.vendor, "secret": self.secret, "time": self.time, "id": self.id, "body": self.body})
    }
}

/// A request to a webhook.
#[derive(Clone)]
struct Delivery {
    vendor: &'static str,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Delivery {
    fn new(event: &Event, headers: &[(String, String)]) -> Self {
        let is_form = event.vendor == "slack" && !event.body.trim_start().starts_with('{');
        let kind = if is_form { "application/x-www-form-urlencoded" } else { "application/json" };
        let mut headers = headers.to_vec();
        headers.push(("Content-Type".to_owned(), kind.to_owned()));
        Self { vendor: event.vendor, headers, body: event.body.clone().into_bytes() }
    }

    fn with_body(&self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self.clone() }
    }

    /// Changes the headers that have a signature or a time in them.
    fn with(&self, change: impl Fn(&str, &str) -> Option<String>) -> Self {
        let change = |(name, value): &(String, String)| {
            if name == "Content-Type" {
                return Some((name.clone(), value.clone()));
            }
            change(name, value).map(|value| (name.clone(), value))
        };
        Self { headers: self.headers.iter().filter_map(change).collect(), ..self.clone() }
    }

    fn signature(&self) -> String {
        let is_signature = |name: &str| {
            [
                "Stripe-Signature",
                "X-Hub-Signature-256",
                "X-Slack-Signature",
                "X-Shopify-Hmac-Sha256",
                "webhook-signature",
            ]
            .contains(&name)
        };
        self.headers.iter().find(|(name, _)| is_signature(name)).unwrap().1.clone()
    }

    /// Changes the signature alone, without what stands before it.
    fn with_signature(&self, change: impl Fn(&str) -> String) -> Self {
        let known = self.signature();
        let start = match self.vendor {
            "stripe" => known.find("v1=").unwrap() + 3,
            "shopify" => 0,
            _ => known.find(['=', ',']).unwrap() + 1,
        };
        let (before, signature) = known.split_at(start);
        let changed = format!("{before}{}", change(signature));
        self.with(|_, value| Some(if value == known { changed.clone() } else { value.to_owned() }))
    }
}

/// Serves the spec of all senders.
fn senders() -> Serving {
    let secrets = SENDERS.map(|(vendor, secret)| (format!("{}_HOOK", vendor.to_uppercase()), secret));
    let variables: Vec<(&str, &str)> = secrets.iter().map(|(name, secret)| (name.as_str(), *secret)).collect();
    Serving::start("tests/senders/spec.yaml", &variables)
}

/// Sends a request, with its headers in their letters; returns the status.
fn send_to(serving: &Serving, delivery: &Delivery) -> u16 {
    let headers: Vec<(&str, &str)> =
        delivery.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let url = format!("{}/{}", serving.url(), delivery.vendor);
    post(&url, &headers, &delivery.body).status
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The bodies that each sender sends; each has an id.
fn body(vendor: &str, number: usize, id: &str) -> String {
    let text = [
        "plain",
        "caf\u{e9} \u{1f600}",
        "a \\\"quoted\\\" one",
        "line\\nbreak",
        "",
        "\\u0000",
        "{{ secrets.stripe }}",
        "x",
    ];
    let text = text[number % text.len()];
    match (vendor, number % 4) {
        ("slack", 0 | 1) => format!("id={id}&token=a%20b&text=%7B%22a%22%3A1%7D&text=two"),
        (_, 0) => format!("{{\"id\":\"{id}\",\"text\":\"{text}\",\"total\":1.10}}"),
        (_, 1) => format!("{{\n  \"text\": \"{text}\",\r\n  \"id\" : \"{id}\"\n}}\n"),
        (_, 2) => format!("{{\"id\":\"{id}\",\"data\":[{}]}}", vec!["{\"sku\":\"A1\",\"n\":12}"; 900].join(",")),
        _ => format!(" {{\"deep\":{{\"deeper\":[[[{{\"text\":\"{text}\"}}]]]}},\"id\":\"{id}\"}} "),
    }
}

fn events(vendor: &'static str, secret: &str, ids: impl Iterator<Item = String>, time: u64) -> Vec<Event> {
    let make = |(number, id): (usize, String)| Event {
        vendor,
        secret: secret.to_owned(),
        time,
        body: body(vendor, number, &id),
        id,
    };
    ids.enumerate().map(make).collect()
}

#[test]
fn all_that_senders_sign_is_taken_and_runs_once() {
    let Some(libraries) = Libraries::find() else { return };
    let serving = senders();
    let mut expected = BTreeSet::new();
    for (vendor, secret) in SENDERS {
        let events = events(vendor, secret, (0..20).map(|number| format!("{vendor}-{number}")), now());
        let signed = libraries.sign(&events);
        for (number, (event, headers)) in events.iter().zip(&signed).enumerate() {
            let mut delivery = Delivery::new(event, headers);
            // The letters of a header's name mean nothing.
            for (name, _) in &mut delivery.headers {
                match number % 4 {
                    1 => name.make_ascii_lowercase(),
                    2 => name.make_ascii_uppercase(),
                    3 => *name = name.replace('s', "S").replace('W', "w"),
                    _ => {}
                }
            }
            assert_eq!(send_to(&serving, &delivery), 200, "{vendor} {number}: {:?}", delivery.headers);
            // What comes again is answered as it was, and starts nothing.
            if number % 3 == 0 {
                assert_eq!(send_to(&serving, &delivery), 200, "{vendor} {number} again");
            }
            expected.insert(event.id.clone());
        }
    }
    let (got, finished) = serving.finish("id", expected.len());
    assert_eq!(got.len(), expected.len(), "each event runs once: {}", finished.stderr());
    assert_eq!(got.into_iter().collect::<BTreeSet<_>>(), expected);
}

/// Makes of a delivery what others could make of it: each with a name.
fn mutations(delivery: &Delivery, other: &Delivery) -> Vec<(&'static str, Delivery)> {
    let body = delivery.body.clone();
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut body = body.clone();
        change(&mut body);
        delivery.with_body(body)
    };
    let mut all = vec![
        ("a byte of the body", changed(&|body| body[0] ^= 1)),
        ("the last byte of the body", changed(&|body| *body.last_mut().unwrap() ^= 4)),
        ("a blank more", changed(&|body| body.push(b' '))),
        ("a byte less", changed(&|body| _ = body.pop())),
        ("half of the body", changed(&|body| body.truncate(body.len() / 2))),
        ("no body", changed(&Vec::clear)),
        ("another body", delivery.with_body(other.body.clone())),
        ("a byte mark before the body", changed(&|body| _ = body.splice(0..0, *b"\xef\xbb\xbf"))),
        ("no headers", delivery.with(|_, _| None)),
        ("the signature of another event", {
            let signature = other.signature();
            let known = delivery.signature();
            delivery.with(|_, value| Some(if value == known { signature.clone() } else { value.to_owned() }))
        }),
        ("an empty signature", delivery.with_signature(|_| String::new())),
        ("a shorter signature", delivery.with_signature(|text| text[..text.len() - 1].to_owned())),
        ("half a signature", delivery.with_signature(|text| text[..text.len() / 2].to_owned())),
        ("a longer signature", delivery.with_signature(|text| format!("{text}0"))),
        ("the signature backwards", delivery.with_signature(|text| text.chars().rev().collect())),
        (
            "another first digit",
            delivery.with_signature(|text| {
                let first = if text.starts_with('a') { 'b' } else { 'a' };
                format!("{first}{}", &text[1..])
            }),
        ),
        (
            "the signature in other letters",
            delivery.with_signature(|text| {
                let swap =
                    |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
                text.chars().map(swap).collect()
            }),
        ),
        (
            "the signature in another encoding",
            delivery.with_signature(|text| match hex(text) {
                Some(bytes) => STANDARD.encode(bytes),
                None => STANDARD.decode(text).unwrap().iter().map(|byte| format!("{byte:02x}")).collect(),
            }),
        ),
        ("the signature in base64 once more", delivery.with_signature(|text| STANDARD.encode(text))),
        ("a signature of zeros", delivery.with_signature(|text| "0".repeat(text.len()))),
        ("what stands before the signature", {
            let known = delivery.signature();
            let start = if delivery.vendor == "stripe" { known.replacen("v1=", "v0=", 1) } else { format!("x{known}") };
            delivery.with(|_, value| Some(if value == known { start.clone() } else { value.to_owned() }))
        }),
        ("two signatures", {
            let mut twice = delivery.clone();
            let known = delivery.signature();
            let header = delivery.headers.iter().find(|(_, value)| *value == known).unwrap().clone();
            twice.headers.push(header);
            twice
        }),
    ];
    let is_time = |name: &str| name.to_lowercase().contains("timestamp");
    if delivery.headers.iter().any(|(name, _)| is_time(name)) {
        let time = |change: &dyn Fn(&str) -> Option<String>| {
            delivery.with(|name, value| if is_time(name) { change(value) } else { Some(value.to_owned()) })
        };
        all.extend([
            ("no time", time(&|_| None)),
            ("a time that is none", time(&|_| Some("soon".to_owned()))),
            ("another time", time(&|value| Some((value.parse::<u64>().unwrap() + 1).to_string()))),
            ("a time in milliseconds", time(&|value| Some(format!("{value}000")))),
        ]);
    }
    if delivery.vendor == "stripe" {
        let known = delivery.signature();
        let (time, rest) = known.split_once(',').unwrap();
        let later: u64 = time[2..].parse::<u64>().unwrap() + 1;
        let set = |text: String| delivery.with(|_, _| Some(text.clone()));
        all.extend([
            ("no time", set(rest.to_owned())),
            ("another time", set(format!("t={later},{rest}"))),
            ("two times", set(format!("{time},t={later},{rest}"))),
        ]);
    }
    if delivery.vendor == "standard" {
        all.push((
            "another id",
            delivery
                .with(|name, value| Some(if name == "webhook-id" { format!("{value}x") } else { value.to_owned() })),
        ));
    }
    all
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| (0..32).map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap()).collect())
}

#[test]
fn nothing_that_others_make_of_it_is_taken() {
    let Some(libraries) = Libraries::find() else { return };
    let serving = senders();
    let mut count = 0;
    let mut refuse = |what: &str, delivery: &Delivery| {
        let status = send_to(&serving, delivery);
        assert_eq!(status, 401, "{what}: {} {:?}", delivery.vendor, delivery.headers);
        count += 1;
    };
    let mut taken = 0;
    for (vendor, secret) in SENDERS {
        let ids = || (0..5).map(|number| format!("{vendor}-{number}"));
        let time = now();
        let known = events(vendor, secret, ids(), time);
        let signed = libraries.sign(&known);
        let deliveries: Vec<Delivery> = known.iter().zip(&signed).map(|(event, it)| Delivery::new(event, it)).collect();
        for (number, delivery) in deliveries.iter().enumerate() {
            let other = &deliveries[(number + 1) % deliveries.len()];
            for (what, mutation) in mutations(delivery, other) {
                refuse(what, &mutation);
            }
        }
        let foreign = events(vendor, OTHER, ids(), time);
        for (event, headers) in foreign.iter().zip(&libraries.sign(&foreign)) {
            refuse("another secret", &Delivery::new(event, headers));
        }
        if matches!(vendor, "stripe" | "slack" | "standard") {
            // What was signed for another time: a replay of what came long ago, or will.
            for other in [time - 1000, time + 1000] {
                let replayed = events(vendor, secret, ids(), other);
                for (event, headers) in replayed.iter().zip(&libraries.sign(&replayed)) {
                    refuse("a replay", &Delivery::new(event, headers));
                }
            }
        }
        // The server still takes what is right, after all of that.
        assert_eq!(send_to(&serving, &deliveries[0]), 200, "{vendor}");
        taken += 1;
    }
    assert!(count >= 300, "{count} mutations");
    let (got, _) = serving.finish("id", taken);
    let expected: BTreeSet<String> = SENDERS.iter().map(|(vendor, _)| format!("{vendor}-0")).collect();
    assert_eq!(got.len(), taken, "nothing that was refused has run: {got:?}");
    assert_eq!(got.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn what_stripe_delivers_arrives_and_runs() {
    let Some(rig) = Rig::start("localstripe", Path::new(TARGET)) else { return };
    let (stripe, key) = (rig.told("BASE_URL").to_owned(), format!("Bearer {}", rig.told("API_KEY")));
    let serving = Serving::start("tests/senders/stripe.yaml", &[("STRIPE_HOOK", "whsec_local")]);
    let form = [("Authorization", key.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    let hook =
        format!("url={}/stripe&secret=whsec_local&events[]=customer.created&events[]=customer.updated", serving.url());
    assert_eq!(post(&format!("{stripe}/_config/webhooks/engine"), &form, hook.as_bytes()).status, 200);
    let mut expected = BTreeSet::new();
    for number in 0..20 {
        let email = format!("new-{number}@example.com");
        let made = post(&format!("{stripe}/v1/customers"), &form, format!("email={email}&name=Zo%C3%AB").as_bytes());
        assert_eq!(made.status, 200, "{}", made.body);
        let made: Value = serde_json::from_str(&made.body).unwrap();
        let id = made.get("id").and_then(Value::as_str).unwrap();
        // An update is delivered too, and is not wanted.
        assert_eq!(post(&format!("{stripe}/v1/customers/{id}"), &form, b"description=seen").status, 200);
        expected.insert(email);
    }
    let (got, finished) = serving.finish("email", expected.len());
    assert_eq!(got.len(), expected.len(), "{got:?} {}", finished.stderr());
    assert_eq!(got.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn what_vendors_say_beside_their_signatures_is_sent_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("event.json");
    let spec = folder.path().join("hooks.yaml");
    let check = |vendor: &str, body: &str, arguments: &[&str], expected: &[&str]| {
        let verify = format!("{{type: {vendor}, secret: '{{{{ inputs.key }}}}'}}");
        let text = format!(
            "version: 1\ninputs: {{key: {{type: string, default: k}}}}\ntriggers: [{{type: webhook, path: /hook, verify: {verify}}}]\nsteps: [{{log: taken}}]\n"
        );
        fs::write(&spec, text).unwrap();
        fs::write(&file, body).unwrap();
        let engine = Engine::new(["webhook", "send", "--print", "--file"]).argument(&file).arguments(arguments);
        let finished = engine.argument(&spec).finish();
        let printed = format!("{}{}", finished.stdout(), finished.stderr()).to_lowercase();
        assert_eq!(finished.status, Some(0), "{printed}");
        for header in expected {
            assert!(printed.contains(header), "{header}: {printed}");
        }
    };
    let order = r#"{"id": 1, "financial_status": "paid", "line_items": []}"#;
    check("shopify", order, &["--id", "one"], &["x-shopify-topic: orders/create", "x-shopify-webhook-id: one"]);
    check("shopify", order, &["--header", "X-Shopify-Topic: orders/paid"], &["x-shopify-topic: orders/paid"]);
    check("github", r#"{"issue": {}}"#, &["--id", "one"], &["x-github-event: issues", "x-github-delivery: one"]);
}

#[test]
fn an_event_is_signed_and_sent_by_hand() {
    let serving = senders();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("event.json");
    let send = |vendor: &str, number: &str, id: &str, secret: Option<&str>| {
        fs::write(&file, format!("{{\"body\": {{\"id\": \"{id}\", \"text\": \"caf\u{e9}\"}}}}")).unwrap();
        let arguments = ["webhook", "send", "tests/senders/spec.yaml", "--trigger", number, "--url", serving.url()];
        let engine = Engine::new(arguments).argument("--file").argument(&file);
        let engine = engine.variable("ENGINE_DATABASE", "unused.db");
        let engine = SENDERS.iter().fold(engine, |engine, (known, right)| {
            let secret = secret.filter(|_| *known == vendor).unwrap_or(right);
            engine.variable(&format!("{}_HOOK", known.to_uppercase()), secret)
        });
        let finished = engine.finish();
        (finished.status, finished.stderr())
    };
    for (index, (vendor, _)) in SENDERS.iter().enumerate() {
        let number = (index + 1).to_string();
        let (status, said) = send(vendor, &number, &format!("{vendor}-hand"), None);
        assert_eq!(status, Some(0), "{said}");
        assert!(said.starts_with("200 from ") && said.contains(": event "), "{said}");
        let (_, again) = send(vendor, &number, &format!("{vendor}-hand"), None);
        // The id that Standard Webhooks tells events apart by is a new one each time.
        assert_eq!(again.contains("which came before"), *vendor != "standard", "{vendor}: {again}");
        let path = format!("/{vendor}");
        let (status, said) = send(vendor, &path, "never", Some(OTHER));
        assert_eq!(status, Some(1), "{said}");
        assert!(said.starts_with("401 from "), "{said}");
    }
    let (status, said) = send("stripe", "/other", "never", None);
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("one of `/stripe`, `/github`, `/slack`, `/shopify`, `/standard`"), "{said}");
    let (got, _) = serving.finish("id", SENDERS.len());
    let expected: BTreeSet<String> = SENDERS.iter().map(|(vendor, _)| format!("{vendor}-hand")).collect();
    assert_eq!(got.into_iter().collect::<BTreeSet<_>>(), expected);
}

/// Sends bytes as they are; returns the first line of the answer, nothing where the connection ends without one.
fn raw(address: &str, bytes: &[u8]) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    // The server may close before all was sent.
    _ = connection.write_all(bytes);
    let mut line = String::new();
    let mut reader = BufReader::new(connection);
    _ = reader.read_line(&mut line);
    _ = reader.take(1 << 16).read_to_end(&mut Vec::new());
    line.trim_end().to_owned()
}

#[test]
fn what_is_no_request_harms_nobody() {
    let serving = senders();
    let address = serving.url().strip_prefix("http://").unwrap();
    let head = "POST /stripe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
    let many = (0..500).map(|number| format!("X-{number}: 1\r\n")).collect::<String>();
    for (request, expected) in [
        (format!("{head}Content-Length: 2000000\r\n\r\n"), "413"),
        (format!("{head}X-Long: {}\r\n\r\n", "x".repeat(100_000)), "431"),
        (format!("{head}{many}\r\n"), "431"),
        (format!("{head}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde"), "400"),
        (format!("{head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "401"),
        (format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"), "400"),
        (format!("{head}X-Nul: a\0b\r\n\r\n"), "400"),
        ("POST /stripe\r\n\r\n".to_owned(), "400"),
        ("\0\0\0\0\r\n\r\n".to_owned(), "400"),
        ("POST /%00%ff/../stripe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned(), "404"),
        (format!("{head}Content-Length: 2\r\n\r\n{{}}"), "401"),
    ] {
        let shown: String = request.chars().take(80).collect();
        let line = raw(address, request.as_bytes());
        assert!(line.contains(expected), "{shown:?}: {line}");
    }
    let large = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        format!("10000\r\n{}\r\n", "x".repeat(0x10000)).repeat(20)
    );
    assert!(raw(address, large.as_bytes()).contains("413"));
    let (got, _) = serving.finish("id", 0);
    assert!(got.is_empty(), "{got:?}");
}
