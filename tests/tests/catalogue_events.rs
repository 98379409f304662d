//! Events that are signed as the vendors of the catalogue document it, by a program that none of us wrote.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::format_collect, reason = "a test need not save memory")]

use std::io::Write;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_tests::{Serving, head, post};

/// A secret, and what it is where vendors hand it out in base64.
const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// Where the specs look for it as it is.
const SECRETS: [&str; 7] = [
    "ENGINE_ASANA_HOOK_SECRET",
    "ENGINE_HUBSPOT_CLIENT_SECRET",
    "ENGINE_JIRA_WEBHOOK_SECRET",
    "ENGINE_NOTION_WEBHOOK_TOKEN",
    "ENGINE_SHOPIFY_CLIENT_SECRET",
    "ENGINE_TRELLO_SECRET",
    "ENGINE_ZENDESK_WEBHOOK_SECRET",
];

/// What the specs need to ask the APIs, which nobody does here.
const UNUSED: [&str; 7] = [
    "ENGINE_AIRTABLE_TOKEN",
    "ENGINE_ASANA_TOKEN",
    "ENGINE_HUBSPOT_TOKEN",
    "ENGINE_NOTION_TOKEN",
    "ENGINE_TRELLO_KEY",
    "ENGINE_TRELLO_TOKEN",
    "ENGINE_ZENDESK_TOKEN",
];

/// Signs with `openssl`.
fn sign(algorithm: &str, message: &str) -> Vec<u8> {
    let key: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut child = Command::new("openssl")
        .args(["dgst", &format!("-{algorithm}"), "-mac", "HMAC", "-macopt", &format!("hexkey:{key}"), "-binary"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(message.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    output.stdout
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The path of an event, its body, and its headers over what is signed.
type Event = (&'static str, String, Vec<(&'static str, String)>);

/// Makes an event of each vendor.
fn events(name: &str) -> Vec<Event> {
    let now = jiff::Timestamp::now();
    let (millis, moment) = (now.as_millisecond().to_string(), now.to_string());
    let of_sha256 = |message: &str| hex(&sign("sha256", message));
    let base64 = |algorithm: &str, message: &str| STANDARD.encode(sign(algorithm, message));
    let mut all = Vec::new();
    let body = format!(
        "{{\"name\":\"jira {name}\",\"issue\":{{\"id\":\"{name}\"}},\"webhookEvent\":\"jira:issue_updated\",\"timestamp\":{millis}}}"
    );
    all.push(("jira", body.clone(), vec![("X-Hub-Signature", format!("sha256={}", of_sha256(&body)))]));
    let body = format!("[{{\"name\":\"hubspot {name}\",\"eventId\":1}}]");
    let signed = format!("POSThttps://hooks.example.com/hubspot{body}{millis}");
    let headers =
        vec![("X-HubSpot-Signature-v3", base64("sha256", &signed)), ("X-HubSpot-Request-Timestamp", millis.clone())];
    all.push(("hubspot", body, headers));
    let body = format!("{{\"name\":\"asana {name}\",\"events\":[{{\"action\":\"changed\"}}]}}");
    all.push(("asana", body.clone(), vec![("X-Hook-Signature", of_sha256(&body))]));
    let body = format!("{{\"name\":\"trello {name}\",\"action\":{{\"id\":\"{name}\"}}}}");
    let signed = format!("{body}https://hooks.example.com/trello");
    all.push(("trello", body, vec![("X-Trello-Webhook", base64("sha1", &signed))]));
    let body = format!("{{\"name\":\"notion {name}\",\"id\":\"{name}\",\"entity\":{{\"id\":\"p\"}}}}");
    all.push(("notion", body.clone(), vec![("X-Notion-Signature", format!("sha256={}", of_sha256(&body)))]));
    let body = format!("{{\"name\":\"zendesk {name}\",\"id\":\"{name}\"}}");
    let headers = vec![
        ("X-Zendesk-Webhook-Signature", base64("sha256", &format!("{moment}{body}"))),
        ("X-Zendesk-Webhook-Signature-Timestamp", moment),
    ];
    all.push(("zendesk", body, headers));
    let body = format!("{{\"name\":\"airtable {name}\",\"base\":{{\"id\":\"app1\"}}}}");
    all.push(("airtable", body.clone(), vec![("X-Airtable-Content-MAC", format!("hmac-sha256={}", of_sha256(&body)))]));
    let body = format!("{{\"name\":\"teams {name}\",\"id\":\"{name}\",\"text\":\"grüße\"}}");
    all.push(("teams", body.clone(), vec![("Authorization", format!("HMAC {}", base64("sha256", &body)))]));
    let body = format!("{{\"name\":\"shopify {name}\",\"id\":\"{name}\",\"updated_at\":1}}");
    all.push(("shopify", body.clone(), vec![("X-Shopify-Hmac-Sha256", base64("sha256", &body))]));
    all
}

#[test]
fn what_vendors_sign_is_taken_and_nothing_else() {
    let encoded = STANDARD.encode(SECRET);
    let mut variables = vec![
        ("ENGINE_AIRTABLE_MAC_SECRET", &*encoded),
        ("ENGINE_TEAMS_HOOK_TOKEN", &*encoded),
        ("ENGINE_TEAMS_CLIENT_STATE", SECRET),
        ("ENGINE_HUBSPOT_HOOK_URL", "https://hooks.example.com/hubspot"),
        ("ENGINE_TRELLO_HOOK_URL", "https://hooks.example.com/trello"),
        ("ENGINE_JIRA_URL", "https://example.atlassian.net"),
        ("ENGINE_SHOPIFY_SHOP", "example"),
        ("ENGINE_ZENDESK_SUBDOMAIN", "example"),
    ];
    // What only asks of the API needs no right value here.
    variables.extend(UNUSED.map(|name| (name, "unused")));
    variables.extend(SECRETS.map(|name| (name, SECRET)));
    let serving = Serving::start("tests/catalogue/events.yaml", &variables);
    let send = |path: &str, body: &str, headers: &[(&str, String)]| {
        let mut sent: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        sent.push(("Content-Type", "application/json"));
        post(&format!("{}/{path}", serving.url()), &sent, body.as_bytes()).status
    };
    // Trello asks whether somebody is there before it makes a webhook, and Graph wants its token back.
    assert_eq!(head(&format!("{}/trello", serving.url()), &[]).status, 200);
    let validated = post(&format!("{}/teams/changes?validationToken=a%20token", serving.url()), &[], b"");
    assert_eq!((validated.status, validated.body.as_str()), (200, "a token"));
    let forged = format!("{{\"name\":\"graph\",\"value\":[{{\"clientState\":\"not {SECRET}\"}}]}}");
    assert_eq!(post(&format!("{}/teams/changes", serving.url()), &[], forged.as_bytes()).status, 401);
    let (all, others) = (events("a"), events("b"));
    for ((path, body, headers), (_, other, _)) in all.iter().zip(&others) {
        assert_eq!(send(path, body, headers), 200, "{path}");
        assert_eq!(send(path, other, headers), 401, "{path}: another body");
        assert_eq!(send(path, body, &[]), 401, "{path}: no signature");
        let wrong =
            headers.iter().map(|(name, value)| (*name, value.replacen(['A', 'a', '1'], "0", 1))).collect::<Vec<_>>();
        if wrong != *headers {
            assert_eq!(send(path, body, &wrong), 401, "{path}: another signature");
        }
    }
    let (mut got, finished) = serving.finish("id", all.len());
    got.sort();
    let mut expected: Vec<String> = all.iter().map(|(path, _, _)| format!("{path} a")).collect();
    expected.sort();
    assert_eq!(got, expected, "{}", finished.stderr());
}
