//! What came of a request, for programs.

use engine_request::ErrorAction;
use engine_runtime::{Called, Meaning};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// All that is known of it. The body stays as it came, so that numbers keep their digits.
#[derive(Serialize)]
struct Told<'c> {
    request: Value,
    status: u16,
    headers: Value,
    milliseconds: f64,
    exchanges: Vec<Value>,
    length: u64,
    body: Option<&'c RawValue>,
    records: Option<u64>,
    records_problem: Option<&'c str>,
    more_pages: Option<bool>,
    total: Option<u64>,
    meaning: Value,
}

/// Writes all that is known of it.
pub(super) fn render(called: &Called) -> String {
    let headers = |headers: &[(String, String)]| -> Value {
        let mut members = Map::new();
        for (name, value) in headers {
            match members.get_mut(name) {
                Some(Value::Array(all)) => all.push(Value::from(value.as_str())),
                Some(one) => *one = json!([one.clone(), value]),
                None => _ = members.insert(name.clone(), Value::from(value.as_str())),
            }
        }
        Value::Object(members)
    };
    // What is no JSON is a text.
    let text = called.body.as_ref().filter(|body| serde_json::from_str::<&RawValue>(body).is_err());
    let text = text.map(|body| Value::from(body.as_str()).to_string());
    let body = text.as_ref().or(called.body.as_ref()).and_then(|body| serde_json::from_str(body).ok());
    let exchanges = called
        .exchanges
        .iter()
        .map(|hop| json!({"asked": hop.asked, "status": hop.status, "milliseconds": millis(hop.took)}));
    let told = Told {
        request: json!({
            "method": called.request.method,
            "url": called.request.url,
            "headers": headers(&called.request.headers),
            "body": if called.request.body.is_empty() { None } else { Some(&called.request.body) },
        }),
        status: called.status,
        headers: headers(&called.headers),
        milliseconds: millis(called.took),
        exchanges: exchanges.collect(),
        length: called.length,
        body,
        records: called.records.as_ref().and_then(|records| records.as_ref().ok()).copied(),
        records_problem: called
            .records
            .as_ref()
            .and_then(|records| records.as_ref().err())
            .map(|it| it.message.as_str()),
        more_pages: called.more.as_ref().and_then(|more| more.as_ref().ok()).copied(),
        total: called.total,
        meaning: meaning(&called.meaning),
    };
    let text = serde_json::to_string_pretty(&told).unwrap_or_default();
    format!("{text}\n")
}

fn millis(time: std::time::Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

fn meaning(meaning: &Meaning) -> Value {
    match meaning {
        Meaning::Success => json!({"is": "success"}),
        Meaning::Rule { action, message, .. } => json!({"is": "rule", "action": action, "message": message}),
        Meaning::Failure(finding) => {
            json!({"is": "failure", "code": finding.code, "message": finding.message, "help": finding.help})
        }
    }
}

/// Tells whether a run takes an answer for which a rule says this.
pub(super) fn takes(action: ErrorAction) -> bool {
    matches!(action, ErrorAction::Accept | ErrorAction::Skip)
}
