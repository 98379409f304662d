//! `engine webhook send`: an event, signed as its sender does.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use engine_expr::Value;
use engine_plan::{Plan, Trigger};
use engine_request::Payload;
use engine_runtime::{HeadBounds, MemoryState, Outgoing, RunOptions, World, given};
use engine_server::{Unsigned, Verifier};
use engine_source::Finding;
use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::super::run::world;
use crate::arguments::WebhookSend;
use crate::environment::Variables;
use crate::event_file;
use crate::failure::Failure;
use crate::inputs;
use crate::planned;
use crate::report::Report;
use crate::status::Status;
use crate::terminal::{Terminal, print, tell};

/// How long to wait for an answer: longer than one that waits for its run.
const TIMEOUT: Duration = Duration::from_mins(5);

/// Sends an event, or prints it.
pub(super) fn execute(arguments: &WebhookSend, _terminal: &Terminal) -> Result<Status, Failure> {
    let (plan, _) = planned::plan(&arguments.spec)?;
    let trigger = choose(&plan, arguments.trigger.as_deref())?;
    let event = event_file::read(&arguments.file)?;
    let options = RunOptions { inputs: inputs::gather(&arguments.input, &arguments.inputs)?, ..RunOptions::default() };
    let environment = Variables::load(&arguments.spec)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let world = world(environment, Arc::new(MemoryState::default()))?;
        let request = request(arguments, &plan, &trigger, &event, &world, &options)?;
        if arguments.print {
            print(shown(&request))?;
            return Ok(Status::Done);
        }
        let url = request.url.clone();
        let answer = world.transport.send(request).await;
        let answer = answer.map_err(|error| {
            let failure = Failure::failed(format!("`{url}` does not answer: {error}"));
            failure.help("start the server first: `engine serve`, or say where it is: `--url`")
        })?;
        let is_taken = (200..300).contains(&answer.status);
        let body = answer.body.into_bytes().await.map_err(|error| Failure::failed(error.to_string()))?;
        let id = answer.headers.get("engine-event").and_then(|id| id.to_str().ok());
        let mut line = format!("{} from {url}", answer.status);
        if let Some(id) = id {
            _ = write!(line, ": event {id}");
            if answer.headers.contains_key("engine-event-known") {
                line.push_str(", which came before: it starts nothing");
            }
        }
        tell(format!("{line}\n"));
        print(&body)?;
        if !body.is_empty() && !body.ends_with(b"\n") {
            print("\n")?;
        }
        Ok(if is_taken { Status::Done } else { Status::Failed })
    })
}

/// Finds the webhook that is meant.
fn choose(plan: &Plan, wanted: Option<&str>) -> Result<Arc<Trigger>, Failure> {
    let webhooks: Vec<_> = plan.triggers.iter().filter(|trigger| trigger.webhook().is_some()).collect();
    let path = |trigger: &Trigger| trigger.webhook().map(|webhook| webhook.path.to_string()).unwrap_or_default();
    let paths = || webhooks.iter().map(|trigger| format!("`{}`", path(trigger))).collect::<Vec<_>>().join(", ");
    let found = match wanted {
        None => match webhooks.as_slice() {
            [only] => Some(*only),
            [] => return Err(Failure::usage("the spec has no webhook").help("add one to its `triggers`")),
            _ => {
                let failure = Failure::usage("the spec has several webhooks");
                return Err(failure.help(format!("say which: `--trigger PATH`, one of {}", paths())));
            }
        },
        Some(wanted) => webhooks
            .iter()
            .find(|trigger| path(trigger) == wanted || trigger.address == wanted)
            .or_else(|| webhooks.get(wanted.parse::<usize>().ok()?.checked_sub(1)?))
            .copied(),
    };
    found.cloned().ok_or_else(|| {
        let failure = Failure::usage(format!("there is no webhook `{}`", wanted.unwrap_or_default()));
        failure.help(if webhooks.is_empty() { "the spec has none".to_owned() } else { format!("one of {}", paths()) })
    })
}

/// Makes the request that its sender would send.
fn request(
    arguments: &WebhookSend,
    plan: &Plan,
    trigger: &Trigger,
    event: &Value,
    world: &World,
    options: &RunOptions,
) -> Result<Outgoing, Failure> {
    let Some(webhook) = trigger.webhook() else { return Err(Failure::usage("that trigger is no webhook")) };
    let raw = event.get("body_raw").and_then(Value::text).map(std::borrow::Cow::into_owned).unwrap_or_default();
    let pairs = |name: &str| -> Vec<(String, String)> {
        let members = event.get(name).and_then(Value::as_object);
        let text = |value: &Value| value.text().map_or_else(|| value.to_json(), std::borrow::Cow::into_owned);
        members.map(|it| it.iter().map(|(name, value)| (name.to_string(), text(value))).collect()).unwrap_or_default()
    };
    let mut headers = pairs("headers");
    for header in &arguments.header {
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| Failure::usage(format!("`{header}` is no header")).help("write `--header 'Name: value'`"))?;
        headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name.trim()));
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        let kind = if Value::from_json(&raw).is_ok() { "application/json" } else { "text/plain; charset=utf-8" };
        headers.push(("Content-Type".to_owned(), kind.to_owned()));
    }
    let random = ((u128::from(world.clock.random()) << 64) | u128::from(world.clock.random())).to_be_bytes();
    let id = || uuid::Builder::from_random_bytes(random).into_uuid().simple().to_string();
    let mut unsigned = Unsigned {
        id: arguments.id.clone().unwrap_or_else(|| format!("evt_{}", id())),
        now: world.clock.now(),
        headers,
        query: pairs("query"),
        body: raw.into_bytes(),
        event: event.clone(),
    };
    if let Some(verify) = &webhook.verify {
        let wrong = |findings| Failure::Findings(Report::of(&arguments.spec, findings, &plan.sources));
        let known = given(plan, world, options).map_err(wrong)?;
        let failed = |error: engine_expr::EvalError| {
            let finding = Finding::error("template-failed", known.redactor.redact(&error.message));
            wrong([finding.label(error.span, "evaluated here").help_if(error.help)].into_iter().collect())
        };
        let verifier = Verifier::new(verify, &known.scope).map_err(failed)?;
        verifier.sign(&mut unsigned).map_err(|message| Failure::usage(known.redactor.redact(&message)))?;
    }
    let method = trigger.methods().first().map(ToString::to_string).unwrap_or_default();
    Ok(Outgoing {
        asked: "webhook".into(),
        method: method.parse().unwrap_or(http::Method::POST),
        url: url(&arguments.url, &webhook.path, &pairs("path"), &unsigned.query)?,
        headers: header_map(&unsigned.headers)?,
        body: Payload::Bytes(unsigned.body.into()),
        timeout: TIMEOUT,
        max_body: Outgoing::MAX_BODY,
        head: HeadBounds::default(),
        spool_above: Outgoing::SPOOL_ABOVE,
        connection: Arc::default(),
    })
}

fn url(base: &str, path: &str, names: &[(String, String)], query: &[(String, String)]) -> Result<Url, Failure> {
    let wrong = || Failure::usage(format!("`{base}` is not a URL")).help("write it as `http://127.0.0.1:8080`");
    let mut url: Url = base.parse().map_err(|_| wrong())?;
    {
        let mut parts = url.path_segments_mut().map_err(|()| wrong())?;
        parts.pop_if_empty();
        for part in path.trim_start_matches('/').split('/') {
            match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                None => _ = parts.push(part),
                Some(name) => {
                    let Some((_, value)) = names.iter().find(|(known, _)| known == name) else {
                        let failure =
                            Failure::usage(format!("the event does not say what `{{{name}}}` of the path is"));
                        return Err(failure.help(format!("add `path: {{{name}: …}}` to the event")));
                    };
                    parts.push(value);
                }
            }
        }
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, Failure> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let pair = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value));
        let (Ok(name), Ok(value)) = pair else {
            return Err(Failure::usage(format!("the header `{name}` can't be sent")));
        };
        map.append(name, value);
    }
    Ok(map)
}

/// Shows a request as it would go out.
fn shown(request: &Outgoing) -> Vec<u8> {
    let mut text = format!("{} {}\n", request.method, request.url);
    for (name, value) in &request.headers {
        _ = writeln!(text, "{name}: {}", String::from_utf8_lossy(value.as_bytes()));
    }
    text.push('\n');
    let mut bytes = text.into_bytes();
    if let Payload::Bytes(body) = &request.body {
        bytes.extend_from_slice(body);
    }
    bytes.push(b'\n');
    bytes
}
