//! What came of a request, for people: the request and the head of the answer before its body, what it means to a run after it.

use std::fmt::Write as _;
use std::time::Duration;

use engine_expr::Value;
use engine_plan::Plan;
use engine_runtime::{Called, Meaning};
use engine_source::Finding;

use crate::report::counted;
use crate::terminal::{Look, Style, Terminal};

/// Returns what goes before the body: the request, the status, the headers.
pub(super) fn head(called: &Called, look: Look) -> String {
    let mut text = String::new();
    let request = &called.request;
    _ = writeln!(text, "{} {}", look.paint(Style::Bold, &request.method), request.url);
    for (name, value) in &request.headers {
        _ = writeln!(text, "{}", look.paint(Style::Dim, &format!("> {name}: {value}")));
    }
    for line in request.body.lines() {
        _ = writeln!(text, "{}", look.paint(Style::Dim, &format!("> {line}")));
    }
    let style = match called.status {
        200..300 => Style::Green,
        300..400 => Style::Yellow,
        _ => Style::Red,
    };
    let name = reason(called.status).map(|name| format!(" {name}")).unwrap_or_default();
    let status = look.paint(style, &format!("{}{name}", called.status));
    _ = writeln!(text, "\n{status}  {}", look.paint(Style::Dim, &timing(called)));
    for (name, value) in &called.headers {
        _ = writeln!(text, "{}", look.paint(Style::Dim, &format!("< {name}: {value}")));
    }
    text.push('\n');
    text
}

/// Returns the body: JSON well laid out, and with colours on a terminal.
pub(super) fn body(called: &Called, terminal: &Terminal) -> String {
    let Some(body) = &called.body else { return String::new() };
    let text = match Value::from_json(body) {
        Ok(value @ (Value::Object(_) | Value::List(_))) => {
            let mut text = String::new();
            laid_out(&value, 0, terminal.stdout, &mut text);
            text
        }
        _ => body.clone(),
    };
    if text.is_empty() || text.ends_with('\n') { text } else { format!("{text}\n") }
}

/// Returns what goes after the body: what a run makes of the answer.
pub(super) fn foot(called: &Called, plan: &Plan, look: Look) -> String {
    let mut text = String::new();
    if called.body.is_none() && called.length > 0 {
        _ = writeln!(text, "a body of {} bytes, which is no text", called.length);
    }
    match &called.records {
        Some(Ok(records)) => {
            let records = counted(usize::try_from(*records).unwrap_or(usize::MAX), "record");
            let total = called.total.map(|total| format!(" of {total}")).unwrap_or_default();
            let more = match &called.more {
                Some(Ok(true)) => " on this page; there are more pages, which `--all` reads",
                Some(Ok(false)) => " on the only page",
                Some(Err(_)) | None => "",
            };
            _ = writeln!(text, "{}", look.paint(Style::Green, &format!("{records}{total}{more}")));
        }
        Some(Err(finding)) => problem(&mut text, finding, look),
        None => {}
    }
    if let Some(Err(finding)) = &called.more {
        problem(&mut text, finding, look);
    }
    match &called.meaning {
        Meaning::Success => {}
        Meaning::Rule { action, message, span } => {
            let action = serde_json::to_value(action).unwrap_or_default();
            let message = message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
            let at = if span.is_none() { String::new() } else { format!(" ({})", plan.sources.place(*span)) };
            let line = format!("a rule takes this answer, `{}`{message}{at}", action.as_str().unwrap_or_default());
            _ = writeln!(text, "{}", look.paint(Style::Yellow, &line));
        }
        Meaning::Failure(finding) => problem(&mut text, finding, look),
    }
    text
}

fn problem(text: &mut String, finding: &Finding, look: Look) {
    _ = writeln!(text, "{} {}", look.paint(Style::Red, "error:"), finding.message);
    if let Some(help) = &finding.help {
        _ = writeln!(text, "{} {help}", look.paint(Style::Cyan, "help:"));
    }
}

/// Says how long it took, and for what else.
fn timing(called: &Called) -> String {
    let millis = |time: Duration| format!("{} ms", time.as_millis());
    let (last, others) = match called.exchanges.split_last() {
        Some((last, others)) => (Some(last), others),
        None => (None, &called.exchanges[..]),
    };
    let mut text = match last {
        Some(last) => format!("{} until the answer began", millis(last.took)),
        None => millis(called.took),
    };
    if !others.is_empty() {
        let before: Vec<String> = others
            .iter()
            .map(|hop| {
                let status = hop.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
                format!("{} {status} {}", hop.asked, millis(hop.took))
            })
            .collect();
        _ = write!(text, ", {} in all, after {}", millis(called.took), before.join(", "));
    }
    text
}

fn reason(status: u16) -> Option<&'static str> {
    Some(match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        410 => "Gone",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => return None,
    })
}

/// Lays out JSON over lines; numbers keep their digits.
fn laid_out(value: &Value, depth: usize, look: Look, text: &mut String) {
    let (indent, end) = ("  ".repeat(depth + 1), "  ".repeat(depth));
    match value {
        Value::Object(members) if members.iter().next().is_some() => {
            text.push('{');
            for (index, (name, value)) in members.iter().enumerate() {
                let name = look.paint(Style::Cyan, &Value::from(&**name).to_json());
                let comma = if index == 0 { "" } else { "," };
                _ = write!(text, "{comma}\n{indent}{name}: ");
                laid_out(value, depth + 1, look, text);
            }
            _ = write!(text, "\n{end}}}");
        }
        Value::List(list) if !list.items().is_empty() => {
            text.push('[');
            for (index, value) in list.items().iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                _ = write!(text, "{comma}\n{indent}");
                laid_out(value, depth + 1, look, text);
            }
            _ = write!(text, "\n{end}]");
        }
        Value::String(_) => text.push_str(&look.paint(Style::Green, &value.to_json())),
        Value::Number(_) | Value::Bool(_) | Value::Null => text.push_str(&look.paint(Style::Yellow, &value.to_json())),
        other => text.push_str(&other.to_json()),
    }
}
