//! What a run has asked its APIs, and how long each answer took.

use std::fmt::Write as _;

use engine_runtime::RequestEntry;
use serde_json::{Value, json};

use crate::console::time;

/// Writes a line for each request.
pub(super) fn table(requests: &[(u64, RequestEntry)]) -> String {
    if requests.is_empty() {
        return "\nno request is kept\n".to_owned();
    }
    let mut text = "\nrequests\n".to_owned();
    let first = requests.first().map_or(1, |(number, _)| *number);
    if first > 1 {
        _ = writeln!(text, "  (of the first {} nothing is kept)", first - 1);
    }
    for (number, entry) in requests {
        let RequestEntry { at, step, method, url, status, error, attempt, .. } = entry;
        let came = match (status, error) {
            (Some(status), _) => status.to_string(),
            (None, error) => error.clone().unwrap_or_default(),
        };
        let again = if *attempt > 1 { format!("  attempt {attempt}") } else { String::new() };
        let at = at.strftime("%H:%M:%S%.3fZ");
        let took = time(entry.took());
        _ = writeln!(text, "  {number:>4}  {at}  {came:<7}  {took:>8}  {step}  {method} {url}{again}");
    }
    text
}

/// Returns a request, for programs.
pub(super) fn members(number: u64, entry: &RequestEntry) -> Value {
    json!({
        "number": number,
        "at": entry.at.to_string(),
        "step": entry.step,
        "endpoint": entry.asked,
        "method": entry.method,
        "url": entry.url,
        "status": entry.status,
        "error": entry.error,
        "elapsed_ms": entry.took / 1000,
        "attempt": entry.attempt,
        "is_redirect": entry.is_redirect,
    })
}
