//! What a server says: a line, or an object, for each run that begins or ends, and for what else happens.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine_plan::Plan;
use engine_runtime::{Clock, Counts, Event, Observer, Record, RunReport, Status, SystemClock};
use engine_server::{Flow, Log, Notice};
use engine_source::Finding;
use engine_spec::Sink;
use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde_json::{Value, json};

use super::{counts, json_lines, text_lines};
use crate::arguments::LogFormat;
use crate::output::{OutputFormat, Printer};
use crate::render::{concise, json as json_findings};
use crate::report::{Report, Reported};
use crate::terminal::{Look, Style, Terminal, tell};

/// Says on stderr what a server does. Clones write to the same place.
#[derive(Clone)]
pub(crate) struct ServeLog {
    format: LogFormat,
    verbose: u8,
    quiet: bool,
    look: Look,
}

impl ServeLog {
    /// Makes the log of a server.
    pub(crate) fn new(format: LogFormat, verbose: u8, quiet: bool, terminal: &Terminal) -> Self {
        Self { format, verbose, quiet, look: terminal.stderr }
    }

    /// Says what is wrong, or odd, with specs.
    pub(crate) fn report(&self, report: &Report) {
        report.iter().for_each(|reported| self.finding(reported, &Value::Null));
    }

    /// Says what is wrong with something, with what it belongs to.
    fn finding(&self, reported: &Reported, of: &Value) {
        if self.quiet && !reported.finding.is_error() {
            return;
        }
        match self.format {
            LogFormat::Text => {
                let line = concise::render(reported, self.look);
                let help = reported.finding.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
                self.line(&format!("{}{help}", line.trim_end()));
            }
            LogFormat::Json => {
                let level = if reported.finding.is_error() { "error" } else { "warn" };
                let fields = serde_json::to_value(json_findings::Object::new(reported)).unwrap_or_default();
                json_lines::say(level, "finding", joined(of, fields));
            }
        }
    }

    fn line(&self, line: &str) {
        let now = SystemClock.now();
        let time = self.look.paint(Style::Dim, &seconds(now));
        tell(format!("{time} {line}\n"));
    }

    /// Says something in both ways, of which one is meant.
    fn say(&self, level: &'static str, event: &str, text: &dyn Fn() -> String, fields: &dyn Fn() -> Value) {
        if self.quiet && level != "error" {
            return;
        }
        match self.format {
            LogFormat::Text => self.line(&text()),
            LogFormat::Json => json_lines::say(level, event, fields()),
        }
    }

    fn run_ended(&self, flow: &str, trigger: &str, report: &RunReport, took: Duration, again: Option<Timestamp>) {
        let level = if report.status == Status::Failed { "error" } else { "info" };
        let text = || {
            let time = counts::time(took);
            let how = match report.status {
                Status::Ok | Status::Skipped => format!("{} in {time}", self.look.paint(Style::Green, "done")),
                Status::Partial => format!(
                    "{} in {time}, but {}",
                    self.look.paint(Style::Yellow, "done"),
                    counts::rejected(report.rejected)
                ),
                Status::Failed => format!("{} after {time}", self.look.paint(Style::Red, "failed")),
                Status::Interrupted => format!("{} after {time}", self.look.paint(Style::Yellow, "interrupted")),
            };
            let mut line = format!("{flow}: run {} {how}: {}", report.id, text_lines::both(&total(report)));
            if let Some(again) = again {
                _ = write!(line, "; tried again at {}", seconds(again));
            }
            line
        };
        let fields = || {
            let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            json!({
                "flow": flow, "run": report.id, "trigger": trigger, "status": report.status.as_str(),
                "elapsed_ms": millis, "rejected": report.rejected, "steps": json_lines::steps(report),
                "again_at": again.map(|again| again.to_string()),
            })
        };
        self.say(level, "run_finished", &text, &fields);
    }
}

impl Log for ServeLog {
    fn notice(&self, notice: Notice<'_>) {
        let say = |level, event, text: String, fields: Value| {
            self.say(level, event, &|| text.clone(), &|| fields.clone());
        };
        match notice {
            Notice::Serves { flow, triggers, next } => {
                let started = if triggers.is_empty() { "nothing but the API".to_owned() } else { triggers.join("; ") };
                let time = next.map(|next| format!(", next at {}", seconds(next))).unwrap_or_default();
                let next = next.map(|next| next.to_string());
                let fields = json!({"flow": flow, "triggers": triggers, "next_at": next});
                say("info", "flow_served", format!("{flow}: started by {started}{time}"), fields);
            }
            Notice::Listening { address } => {
                say(
                    "info",
                    "listening",
                    format!("listening on http://{address}"),
                    json!({"address": address.to_string()}),
                );
            }
            Notice::RunStarted { flow, run, trigger, attempts, .. } => {
                let again = if attempts == 0 { String::new() } else { format!(", attempt {}", attempts + 1) };
                let text = format!("{flow}: run {run} begins: {trigger}{again}");
                say(
                    "info",
                    "run_started",
                    text,
                    json!({"flow": flow, "run": run, "trigger": trigger, "attempt": attempts + 1}),
                );
            }
            Notice::RunEnded { flow, trigger, report, sources, took, again } => {
                let of = json!({"flow": flow, "run": report.id});
                for error in &report.errors {
                    self.finding(&Reported::new(std::path::Path::new(flow), error.clone(), sources), &of);
                }
                self.run_ended(flow, trigger, report, took, again);
            }
            Notice::RunParked { flow, run, until } => {
                let time = (until < jiff::Timestamp::MAX).then_some(until);
                let shown = time.map(|time| format!(", until {} at most", seconds(time))).unwrap_or_default();
                let until = time.map(|time| time.to_string());
                let text = format!("{flow}: run {run} waits for an event{shown}");
                say("info", "run_parked", text, json!({"flow": flow, "run": run, "until": until}));
            }
            Notice::Skipped { flow, tick } => {
                let text = format!("{flow}: the run of {} is left out: the one before is not done", seconds(tick));
                say("warn", "run_skipped", text, json!({"flow": flow, "tick": tick.to_string()}));
            }
            Notice::Missed { flow, tick } => {
                let text = format!("{flow}: runs were missed since {}, and are not made up for", seconds(tick));
                say("warn", "runs_missed", text, json!({"flow": flow, "tick": tick.to_string()}));
            }
            Notice::CaughtUp { flow, runs, is_bounded } => {
                let most = if is_bounded { ", the latest; those before them are not" } else { "" };
                let text = format!("{flow}: missed runs are made up for: {runs}{most}");
                say("info", "runs_made_up", text, json!({"flow": flow, "runs": runs, "is_bounded": is_bounded}));
            }
            Notice::Loaded { flow, file } => {
                let file = file.display().to_string();
                say(
                    "info",
                    "flow_loaded",
                    format!("{flow}: loaded from `{file}`"),
                    json!({"flow": flow, "file": file}),
                );
            }
            Notice::Removed { flow, file } => {
                let file = file.display().to_string();
                let text = format!("{flow}: not served any more: `{file}` is gone, or has another flow");
                say("warn", "flow_removed", text, json!({"flow": flow, "file": file}));
            }
            Notice::Refused { broken, is_served } => {
                let file = broken.file.display().to_string();
                for finding in &broken.findings {
                    let reported = Reported::new(&broken.file, finding.clone(), &broken.sources);
                    self.finding(&reported, &json!({"file": file}));
                }
                let goes_on = if is_served { "what was served before goes on" } else { "it is not served" };
                say(
                    "error",
                    "flow_refused",
                    format!("`{file}` is refused: {goes_on}"),
                    json!({"file": file, "is_served": is_served}),
                );
            }
            Notice::EventRefused { flow, trigger, reason } => {
                let text = format!("{flow}: an event is refused by {trigger}: {reason}");
                say("warn", "event_refused", text, json!({"flow": flow, "trigger": trigger, "reason": reason}));
            }
            Notice::EventKnown { flow, trigger, event } => {
                let text = format!("{flow}: an event came again by {trigger}, and starts nothing: it is {event}");
                say("info", "event_known", text, json!({"flow": flow, "trigger": trigger, "event": event}));
            }
            Notice::Trouble { message } => say("error", "trouble", message.to_owned(), json!({"message": message})),
            Notice::Stopping => {
                let text = "stopping after what is on its way; interrupt again to break off".to_owned();
                say("warn", "stopping", text, Value::Null);
            }
            // What comes new is told in its debug form rather than not at all.
            other => say("info", "notice", format!("{other:?}"), json!({"message": format!("{other:?}")})),
        }
    }

    fn observer(&self, flow: &Flow, run: &str) -> Arc<dyn Observer> {
        let printer = prints(&flow.plan).then(|| OutputFormat::Jsonl.printer(None)).flatten();
        Arc::new(ServedRun {
            log: self.clone(),
            flow: flow.name().to_owned(),
            run: run.to_owned(),
            plan: Arc::clone(&flow.plan),
            printer: Mutex::new(printer),
        })
    }
}

/// A run of a server.
struct ServedRun {
    log: ServeLog,
    flow: String,
    run: String,
    plan: Arc<Plan>,
    printer: Mutex<Option<Box<dyn Printer>>>,
}

impl ServedRun {
    fn reject(&self, step: &str, finding: Finding) {
        let reported = Reported::new(&self.plan.path, finding, &self.plan.sources);
        self.log.finding(&reported, &json!({"flow": self.flow, "run": self.run, "step": step}));
    }
}

impl Observer for ServedRun {
    fn event(&self, event: Event) {
        let is_told = match &event {
            Event::Rejected { step, finding } => return self.reject(step, (**finding).clone()),
            Event::Note { .. } | Event::Log { .. } | Event::CircuitOpened { .. } | Event::CircuitClosed { .. } => true,
            Event::Progress { .. } => self.log.verbose > 1,
            _ => self.log.verbose > 0,
        };
        if self.log.quiet || !is_told {
            return;
        }
        match self.log.format {
            LogFormat::Text => {
                if let Some(line) = text_lines::line(&event, self.log.verbose.max(1)) {
                    self.log.line(&format!("{}: run {}: {line}", self.flow, self.run));
                }
            }
            LogFormat::Json => {
                if let Some((level, name, fields)) = json_lines::fields(&event) {
                    json_lines::say(level, name, joined(&json!({"flow": self.flow, "run": self.run}), fields));
                }
            }
        }
    }

    fn records(&self, stream: Option<&str>, records: &[Record]) -> io::Result<()> {
        let mut printer = self.printer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(printer) = printer.as_mut() else { return Ok(()) };
        let mut buffer = Vec::new();
        printer.page(stream, records, &mut buffer)?;
        let mut out = io::stdout().lock();
        out.write_all(&buffer).and_then(|()| out.flush())
    }
}

/// Tells whether a flow says itself that it prints. What others do not write anywhere is not for the log of a server.
fn prints(plan: &Plan) -> bool {
    plan.sinks.iter().any(|sink| matches!(sink.sink, Sink::Stdout(_)))
}

/// Adds up what all steps did.
fn total(report: &RunReport) -> Counts {
    let mut total = Counts::default();
    // What a step hands on the next one reads: in sum that would be records that there are not.
    let steps = report.steps.iter().filter(|step| !step.id.contains('.'));
    for step in steps {
        let Counts { read, dropped, invalid, sent, failed, skipped, dead_lettered, out: _, pages, requests, retries } =
            step.counts;
        total.read = total.read.max(read);
        total.dropped += dropped;
        total.invalid += invalid;
        total.sent += sent;
        total.failed += failed;
        total.skipped += skipped;
        total.dead_lettered += dead_lettered;
        total.pages += pages;
        total.requests += requests;
        total.retries += retries;
    }
    total
}

fn joined(first: &Value, second: Value) -> Value {
    match (first, second) {
        (Value::Object(first), Value::Object(second)) => {
            let mut all = first.clone();
            all.extend(second);
            Value::Object(all)
        }
        (_, second) => second,
    }
}

/// Writes a time to the second.
fn seconds(time: Timestamp) -> String {
    DateTimePrinter::new().precision(Some(0)).timestamp_to_string(&time)
}
