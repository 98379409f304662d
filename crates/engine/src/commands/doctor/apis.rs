//! Whether an API can be reached, takes who is asking, and gives what it is asked for.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use engine_runtime::{
    ApiPlace, Checkup, Event, Meaning, Observer, Once, Reach, Record, Stop, TransportError, call_once,
};
use engine_source::Finding;

use super::line::Line;
use super::{Patient, all_steps, spoken, until};
use crate::failure::Failure;
use crate::report::counted;

/// How many seconds before its end a certificate is told of: two weeks.
const SOON: i64 = 14 * 86400;
/// By how many seconds clocks may differ.
const OFF: i64 = 30;
/// By how many they differ too much: what is signed is then refused.
const TOO_FAR: i64 = 300;

/// Tells of one thing at once.
type Tell<'t> = dyn FnMut(Line) -> Result<(), Failure> + 't;

/// Looks at an API.
pub(super) async fn examine(
    patient: &Patient,
    checkup: &Checkup,
    api: &str,
    tell: &mut Tell<'_>,
) -> Result<(), Failure> {
    let section = format!("API {api}");
    let places = match checkup.place(api) {
        Ok(places) => places,
        Err(finding) => return tell(Line::found(&section, "base URL", &finding)),
    };
    let mut is_reached = true;
    for place in &places {
        is_reached &= reach(patient, place, &section, tell).await?;
    }
    if !is_reached {
        return tell(
            Line::warn(&section, "auth and reads", "not tried, since the API is out of reach")
                .help("mend that first, then look again"),
        );
    }
    let proved = checkup.prove(api).await;
    if proved.is_empty() {
        tell(Line::ok(&section, "auth", "none"))?;
    }
    let mut is_proved = true;
    for one in proved {
        match one {
            Err(finding) => {
                is_proved = false;
                tell(Line::found(&section, "auth", &finding))?;
            }
            Ok(proved) => {
                let end = proved.expires_at.map(|end| until(&*patient.world.clock, end));
                let what = match (proved.is_fetched, end) {
                    (true, Some(left)) => format!("{}: a token is there, for {}", proved.kind, spoken(left)),
                    (true, None) => format!("{}: a token is there", proved.kind),
                    (false, _) => format!("{}: what it needs is there", proved.kind),
                };
                tell(Line::ok(&section, "auth", &what))?;
            }
        }
    }
    if is_proved {
        reads(patient, api, &section, tell).await?;
    }
    Ok(())
}

/// Looks how far the host of an API can be reached.
async fn reach(patient: &Patient, place: &ApiPlace, section: &str, tell: &mut Tell<'_>) -> Result<bool, Failure> {
    let Some(url) = &place.url else {
        tell(Line::ok(section, "host", "known when it is logged in"))?;
        return Ok(true);
    };
    let Reach { host, port, through, addresses, connected, answered } =
        patient.transport.reach(url, &place.connection).await;
    if let Some(proxy) = through {
        tell(Line::ok(section, "way", &format!("{host} through the proxy `{proxy}`")))?;
    }
    match addresses {
        None => {}
        Some(Ok(found)) => {
            let found: Vec<String> = found.iter().take(3).map(ToString::to_string).collect();
            tell(Line::ok(section, "DNS", &format!("{host} is {}", found.join(", "))))?;
        }
        Some(Err(why)) => {
            tell(
                Line::failed(section, "DNS", &format!("{host}: {why}"))
                    .help("check the host in `base_url`, and that this machine can look up names"),
            )?;
            return Ok(false);
        }
    }
    match connected {
        None => {}
        Some(Ok(took)) => tell(Line::ok(section, "TCP", &format!("{host}:{port} in {}", millis(took))))?,
        Some(Err(why)) => {
            tell(
                Line::failed(section, "TCP", &format!("{host}:{port}: {why}"))
                    .help("check the port, and whether a firewall or a proxy is between"),
            )?;
            return Ok(false);
        }
    }
    let is_secure = url.scheme() == "https";
    match answered {
        None => Ok(false),
        Some(Err(error)) => {
            let (what, help) = match &error {
                TransportError::Tls(_) => (
                    "TLS",
                    "if its certificate is signed by an authority of your own, name its file: `tls: {ca: ca.pem}`",
                ),
                _ => ("HTTP", "check `base_url`: whether it is http or https, and which port"),
            };
            tell(Line::failed(section, what, &error.to_string()).help(help))?;
            Ok(false)
        }
        Some(Ok(reached)) => {
            if is_secure {
                tell(certificate(patient, section, reached.certificate))?;
            }
            tell(Line::ok(section, "HTTP", &format!("answers {} in {}", reached.status, millis(reached.took))))?;
            if let Some((there, here)) = reached.date {
                tell(skew(section, there.duration_since(here).as_secs()))?;
            }
            Ok(true)
        }
    }
}

fn certificate(patient: &Patient, section: &str, end: Option<jiff::Timestamp>) -> Line {
    let Some(end) = end else { return Line::ok(section, "TLS", "secured") };
    let left = until(&*patient.world.clock, end);
    let found = format!("secured; its certificate holds until {} ({})", end.strftime("%Y-%m-%d"), spoken(left));
    if left < SOON {
        return Line::warn(section, "TLS", &found)
            .help("tell those who run the API: without a new one, requests fail then");
    }
    Line::ok(section, "TLS", &found)
}

/// Judges by how many seconds the clock there is ahead of ours.
fn skew(section: &str, ahead: i64) -> Line {
    let found = match ahead {
        -2..=2 => "the same there as here".to_owned(),
        ahead if ahead > 0 => format!("it is {} later there", spoken(ahead)),
        ahead => format!("it is {} earlier there", spoken(-ahead)),
    };
    let help = "set the clock of this machine by NTP: signatures and tokens that are made here are refused otherwise";
    match ahead.abs() {
        0..=OFF => Line::ok(section, "clock", &found),
        TOO_FAR.. => Line::failed(section, "clock", &found).help(help),
        _ => Line::warn(section, "clock", &found).help(help),
    }
}

/// Asks for one page of each read whose params are known.
async fn reads(patient: &Patient, api: &str, section: &str, tell: &mut Tell<'_>) -> Result<(), Failure> {
    let mut asked: Vec<(String, BTreeMap<String, engine_expr::Value>)> = Vec::new();
    let mut not_asked: Vec<String> = Vec::new();
    let blocks = [&patient.description.steps, &patient.description.on_failure, &patient.description.finally];
    let composites = patient.description.made_of_steps.iter().map(|composite| &composite.steps);
    for step in blocks.into_iter().chain(composites).flat_map(|steps| all_steps(steps)) {
        for read in step.reads.iter().filter(|read| read.endpoint.split('.').next() == Some(api)) {
            let is_get = read.request.as_ref().is_some_and(|request| request.method == "GET");
            let Some(params) = super::super::plan::known_params(step, read) else { continue };
            if !is_get {
                not_asked.push(read.endpoint.clone());
                continue;
            }
            if !asked.iter().any(|(known, with)| *known == read.endpoint && *with == params) {
                asked.push((read.endpoint.clone(), params));
            }
        }
    }
    not_asked.dedup();
    for endpoint in &not_asked {
        // What is not a GET may change something there.
        tell(
            Line::warn(section, &format!("read {endpoint}"), "not tried, since it is no GET")
                .help(format!("try it out: `engine call … {endpoint}`")),
        )?;
    }
    if asked.is_empty() && !not_asked.is_empty() {
        return Ok(());
    }
    // An API whose reads need params, or that is only called, is asked by whatever needs none.
    if asked.is_empty() {
        let other = patient.plan.endpoints.iter().find(|endpoint| {
            let is_get = endpoint.request.method().as_str() == "GET";
            endpoint.api == api && is_get && endpoint.is_readable() && endpoint.required_params().next().is_none()
        });
        asked.extend(other.map(|endpoint| (endpoint.id(), BTreeMap::new())));
    }
    if asked.is_empty() {
        let help = "try one out by `engine call`";
        return tell(Line::ok(section, "reads", "none that needs no params").help(help));
    }
    for (endpoint, params) in asked {
        let once = Once { endpoint: endpoint.clone(), params, ..Once::default() };
        let called = call_once(&patient.plan, &patient.world, &patient.options, &once, Arc::new(Nobody), Stop::new());
        let what = format!("read {endpoint}");
        let line = match called.await {
            Err(findings) => match findings.iter().next() {
                Some(finding) => Line::found(section, &what, finding),
                None => Line::failed(section, &what, "no answer came"),
            },
            Ok(called) => match (&called.meaning, &called.records, &called.more) {
                (Meaning::Failure(finding), _, _) => failed(section, &what, finding, called.body.as_deref()),
                (Meaning::Rule { action, message, .. }, _, _) if called.status >= 400 || message.is_some() => {
                    let action = serde_json::to_value(action).unwrap_or_default();
                    let message = message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
                    let found = format!(
                        "{}, for which a rule says `{}`{message}",
                        called.status,
                        action.as_str().unwrap_or_default()
                    );
                    Line::warn(section, &what, &found).help("see it by `engine call`")
                }
                (_, Some(Err(finding)), _) | (_, _, Some(Err(finding))) => Line::found(section, &what, finding),
                (_, Some(Ok(0)), _) => {
                    Line::warn(section, &what, &format!("{}, but no record is in it", called.status))
                        .help("it may have none; see the answer by `engine call`")
                }
                (_, Some(Ok(records)), more) => {
                    let more = if matches!(more, Some(Ok(true))) { ", and more pages" } else { "" };
                    let total = called.total.map(|total| format!(" of {total}")).unwrap_or_default();
                    let records = match total.as_str() {
                        "" => counted(usize::try_from(*records).unwrap_or(usize::MAX), "record"),
                        _ => format!("{records}{total} records"),
                    };
                    let found = format!("{}, {records} in {}{more}", called.status, millis(called.took));
                    Line::ok(section, &what, &found)
                }
                (_, None, _) => Line::ok(section, &what, &format!("{} in {}", called.status, millis(called.took))),
            },
        };
        tell(line)?;
    }
    Ok(())
}

/// Says that a read is refused, with the beginning of what the API says.
fn failed(section: &str, what: &str, finding: &Finding, body: Option<&str>) -> Line {
    let body = body.map(|body| body.split_whitespace().collect::<Vec<_>>().join(" ")).unwrap_or_default();
    let body: String = body.chars().take(200).collect();
    let body = if body.is_empty() { body } else { format!(": {body}") };
    let line = Line::found(section, what, finding);
    Line { found: format!("{}{body}", line.found), ..line }
}

fn millis(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

/// Nobody is told.
struct Nobody;

impl Observer for Nobody {
    fn event(&self, event: Event) {
        _ = event;
    }

    fn records(&self, stream: Option<&str>, records: &[Record]) -> io::Result<()> {
        _ = (stream, records);
        Ok(())
    }
}
