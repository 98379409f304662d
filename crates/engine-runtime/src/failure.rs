//! Why a record, a request or a run failed, in the shape of a finding: what failed, the place in the spec, what to do.

use std::sync::Arc;

use engine_expr::{EvalError, Value};
use engine_request::{AdvanceError, Prepared};
use engine_source::{Finding, Sources, Span};

use crate::item::Item;
use crate::sink::SinkError;

/// Why something failed, before it is known in which step.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The code of the finding.
    pub(crate) code: &'static str,
    /// What went wrong.
    pub(crate) message: String,
    /// The place in the spec.
    pub(crate) span: Span,
    /// The bytes to point at within the scalar at `span`, where they are known.
    pub(crate) range: Option<std::ops::Range<usize>>,
    /// What to do.
    pub(crate) help: Option<String>,
    /// Whether it is none of the record's: whatever `on_error` says, the run fails.
    pub(crate) is_fatal: bool,
    /// Where it happened, once that is known.
    pub(crate) told: Option<Box<Told>>,
}

/// Where something failed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// The address of the step.
    step: Option<Arc<str>>,
    /// What was asked of an API, and what came of it.
    exchange: Option<FailedExchange>,
    /// The field of the step beside which something may be written to go on without the record.
    way_on: Option<&'static str>,
}

/// How much of a request's body is kept with a failure.
const MAX_BODY: usize = 100_000;

/// An exchange that failed.
#[derive(Clone, Debug, Default)]
pub(crate) struct FailedExchange {
    /// The status of the answer; nothing where none came.
    pub(crate) status: Option<u16>,
    /// Whether nobody knows if the API has done what was asked for.
    pub(crate) is_unknown: bool,
    /// Whether the API did not do it, whatever its status: a rule for errors says so.
    pub(crate) is_refused: bool,
    /// The request, without secrets, as it is kept with a dead letter.
    pub(crate) request: Option<Value>,
}

impl FailedExchange {
    /// Writes down a request.
    pub(crate) fn of(request: &Prepared) -> Self {
        let redactor = request.redactor();
        let headers = request.headers.iter().map(|(name, value)| {
            let value = if value.is_sensitive() {
                "***".to_owned()
            } else {
                redactor.redact(&String::from_utf8_lossy(value.as_bytes()))
            };
            (name.as_str(), Value::from(value))
        });
        let mut body = request.show_body();
        if body.len() > MAX_BODY {
            let end = (0..=MAX_BODY).rev().find(|end| body.is_char_boundary(*end)).unwrap_or(0);
            body.truncate(end);
            body.push('…');
        }
        let shown = Value::object([
            ("method", Value::from(request.method.as_str())),
            ("url", Value::from(request.shown_url.as_str())),
            ("headers", Value::object(headers.collect::<Vec<_>>())),
            ("body", Value::from(redactor.redact(&body))),
        ]);
        Self { status: None, is_unknown: false, is_refused: false, request: Some(shown) }
    }
}

impl Failure {
    /// Makes a failure at a place of the spec.
    pub(crate) fn new(code: &'static str, message: impl Into<String>, span: Span) -> Self {
        Self { code, message: message.into(), span, range: None, help: None, is_fatal: false, told: None }
    }

    /// Says that something ended because the run is being stopped: nothing of its own went wrong.
    pub(crate) fn interrupted() -> Self {
        Self::new("interrupted", "the run was stopped", Span::default())
    }

    /// Tells whether nothing went wrong but that the run is being stopped.
    pub(crate) fn is_interruption(&self) -> bool {
        self.code == "interrupted"
    }

    /// Adds what to do.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Makes it one that fails the run, whatever `on_error` says: all other records would fail as this one does.
    #[must_use]
    pub(crate) fn fatal(self) -> Self {
        Self { is_fatal: true, ..self }
    }

    /// Says of which record it is told, unless that has been said.
    #[must_use]
    pub(crate) fn about(mut self, item: &Item) -> Self {
        let item = item.describe();
        if !self.message.strip_prefix(&item).is_some_and(|rest| rest.starts_with(": ")) {
            self.message = format!("{item}: {}", self.message);
        }
        self
    }

    /// Says in which step it happened, unless that has been said of a step within it.
    #[must_use]
    pub(crate) fn within(mut self, step: &str) -> Self {
        self.told().step.get_or_insert_with(|| step.into());
        self
    }

    /// Says what was asked of an API and with what status it answered, unless that has been said.
    #[must_use]
    pub(crate) fn asked(mut self, request: &Prepared, status: Option<u16>) -> Self {
        let exchange = &mut self.told().exchange;
        exchange.get_or_insert_with(|| FailedExchange { status, ..FailedExchange::of(request) });
        self
    }

    /// Says with what status an API answered.
    #[must_use]
    pub(crate) fn answered(mut self, status: u16) -> Self {
        self.told().exchange.get_or_insert_default().status = Some(status);
        self
    }

    /// Says that nobody knows if the API has done what was asked for.
    #[must_use]
    pub(crate) fn unknown(mut self) -> Self {
        self.told().exchange.get_or_insert_default().is_unknown = true;
        self
    }

    /// Says that the API has not done what was asked for.
    #[must_use]
    pub(crate) fn refused(mut self) -> Self {
        self.told().exchange.get_or_insert_default().is_refused = true;
        self
    }

    /// Says beside which field of the step something may be written to go on without the record; it is told where there is no other help.
    #[must_use]
    pub(crate) fn way_on(mut self, beside: &'static str) -> Self {
        self.told().way_on.get_or_insert(beside);
        self
    }

    /// Takes that back: the run goes on anyway.
    #[must_use]
    pub(crate) fn gone_on(mut self) -> Self {
        self.told.iter_mut().for_each(|told| told.way_on = None);
        self
    }

    fn told(&mut self) -> &mut Told {
        self.told.get_or_insert_default()
    }

    /// Returns the address of the step that failed, if it is known.
    pub(crate) fn step(&self) -> Option<&str> {
        self.told.as_ref()?.step.as_deref()
    }

    /// Returns what was asked of an API, if anything was.
    pub(crate) fn exchange(&self) -> Option<&FailedExchange> {
        self.told.as_ref()?.exchange.as_ref()
    }

    /// Returns the status with which an API answered, if it did.
    pub(crate) fn status(&self) -> Option<u16> {
        self.exchange()?.status
    }

    /// Names what went wrong, as `error.kind` does: by the code of the finding, but for what nobody knows the outcome of.
    pub(crate) fn kind(&self) -> &'static str {
        if self.exchange().is_some_and(|exchange| exchange.is_unknown) { "unknown" } else { self.code }
    }

    /// Makes the finding that is shown.
    pub(crate) fn finding(&self, step: Option<&str>, sources: &Sources) -> Finding {
        let message = match self.step().or(step) {
            Some(step) => format!("step `{step}`: {}", self.message),
            None => self.message.clone(),
        };
        let mut finding = Finding::error(self.code, message);
        if !self.span.is_none() {
            let place = match &self.range {
                Some(range) => sources.within(self.span, range.clone()),
                None => self.span,
            };
            finding = finding.label(place, label_of(self.code));
        }
        let way_on = self.told.as_ref().and_then(|told| told.way_on);
        let skip = |beside| format!("to go on without such records, write `on_error: skip` beside `{beside}`");
        finding.help = self.help.clone().or_else(|| way_on.map(skip));
        finding
    }
}

/// Says in a few words what stands at the place that a failure points at.
fn label_of(code: &str) -> &'static str {
    match code {
        "http-status" | "graphql-errors" | "timeout" | "connection" | "api-unavailable" | "body-too-large" => {
            "asked for here"
        }
        "auth-failed" | "login-needed" => "wanted from here",
        "unreadable-file" => "named here",
        "not-json" | "invalid-body" => "wanted from the answer",
        "unexpected-shape" => "not found in the answer",
        "mapping-required" | "mapping-type" => "from here",
        "pagination-loop" => "the pages follow this",
        "too-many-pages" => "the bound of this read",
        "sink-failed" => "written here",
        "sink-unreadable" => "read from here",
        "host-not-allowed" => "leads there",
        "invalid-record" => "checked here",
        _ => "evaluated here",
    }
}

impl From<EvalError> for Failure {
    fn from(error: EvalError) -> Self {
        Self { range: error.range, help: error.help, ..Self::new("template-failed", error.message, error.span) }
    }
}

impl From<AdvanceError> for Failure {
    fn from(error: AdvanceError) -> Self {
        Self { range: error.range, help: error.help, ..Self::new(error.code, error.message, error.span) }
    }
}

impl Failure {
    /// Says why a sink refused records.
    pub(crate) fn sink(error: SinkError, span: Span) -> Self {
        Self { help: error.help, is_fatal: error.is_final, ..Self::new("sink-failed", error.message, span) }
    }
}
