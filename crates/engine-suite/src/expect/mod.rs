//! Whether what came out of a test is what it expects.

pub(crate) mod difference;
mod requests;
mod waits;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use engine_expr::{Segment, Value};
use engine_plan::{Plan, Trial};
use engine_runtime::{Counts, Entry, RunReport, Status};
use engine_source::{Finding, Label, Node, Span};
use engine_spec::OneOrMany;
use engine_spec::test::{Counts as Expected, Expectation, StepExpectation, TestStatus};

use self::difference::{Difference, differences, drawn};
use crate::sent::Request;
use crate::signing::Answered;
use crate::sinks::MemorySinks;
use crate::watch::Seen;

/// The code of what is not as expected.
pub(crate) const FAILED: &str = "test-failed";

/// How many places are pointed at in one finding.
const PLACES: usize = 4;

/// What came out of a test.
pub(crate) struct Facts<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) reports: &'a [RunReport],
    pub(crate) seen: &'a Seen,
    pub(crate) sent: &'a [Request],
    pub(crate) sinks: &'a MemorySinks,
    pub(crate) cursors: &'a [Entry],
    pub(crate) answered: &'a [Answered],
}

/// Compares what came out with what a test expects.
pub(crate) struct Checker<'a> {
    name: &'a str,
    /// `expect`, as it is written.
    node: Option<&'a Node>,
    facts: &'a Facts<'a>,
    findings: Vec<Finding>,
}

/// Checks all that a test expects.
pub(crate) fn check(trial: &Trial, facts: &Facts<'_>) -> Vec<Finding> {
    let mut checker = Checker { name: &trial.test.name, node: trial.node.get("expect"), facts, findings: Vec::new() };
    let nothing = Expectation::default();
    let expected = trial.test.expect.as_ref().unwrap_or(&nothing);
    checker.all(expected, trial.node.get("name").map(Node::span).unwrap_or_default());
    checker.findings
}

impl Checker<'_> {
    fn all(&mut self, expected: &Expectation, name: Span) {
        let Expectation { status, error, requests, records, steps, written, dead_letters, state, answered, waits } =
            expected;
        if self.status(*status, error.as_deref(), name) {
            let answered = answered.as_ref().map(OneOrMany::as_slice);
            self.answered(answered, name);
            // What came of it follows from the failure, and would hide it.
            let single = [requests.is_some(), records.is_some(), waits.is_some()];
            let single = single.into_iter().filter(|is_there| *is_there).count();
            self.leave_out(single + steps.len() + written.len() + dead_letters.len() + state.len());
            return;
        }
        if let Some(requests) = requests {
            self.requests(requests);
        }
        if let Some(records) = records {
            let last = self.facts.plan.steps.last().map(|step| step.path.as_str()).unwrap_or_default();
            let actual = self.items(last);
            let expected = Value::list(records.iter().map(|record| record.value().clone()).collect());
            self.value("the records of the last step", &["records"], &expected, Some(&actual));
        }
        for (id, step) in steps {
            self.step(&id.value, step);
        }
        for (name, rows) in written {
            let expected = Value::list(rows.iter().map(|row| row.value().clone()).collect());
            let actual = Value::list(self.facts.sinks.written(&name.value));
            let help = match self.facts.sinks.names() {
                _ if !actual.as_list().unwrap_or_default().is_empty() => None,
                names if names.is_empty() => Some("nothing was written at all".to_owned()),
                names => Some(format!("written was `{}`", names.join("`, `"))),
            };
            let what = format!("what is written to `{}`", name.value);
            self.value_with(&what, &["written", &name.value], &expected, Some(&actual), help);
        }
        for (id, count) in dead_letters {
            let actual = self.counts(&id.value).dead_lettered;
            self.number(&format!("dead letters of step `{}`", id.value), &["dead_letters", &id.value], *count, actual);
        }
        for (stream, cursor) in state {
            let actual = self.cursor(&stream.value);
            let what = format!("the cursor of `{}`", stream.value);
            self.value(&what, &["state", &stream.value], cursor.value(), actual.as_ref());
        }
        self.answered(answered.as_ref().map(OneOrMany::as_slice), name);
        if let Some(expected) = waits {
            self.waits(expected);
        }
    }

    /// Holds what events were answered; one that is refused is a failure where nothing is said of it.
    fn answered(&mut self, expected: Option<&[u16]>, name: Span) {
        let Some(expected) = expected else {
            for (index, answered) in self.facts.answered.iter().enumerate() {
                let Some(why) = &answered.why else { continue };
                let message = format!("test `{}`: event {} is refused: {why}", self.name, index + 1);
                let help = "where that is meant, expect it: `answered: 401`";
                self.findings.push(Finding::error(FAILED, message).label(name, "").help(help));
            }
            return;
        };
        let list = |statuses: &mut dyn Iterator<Item = u16>| {
            Value::list(statuses.map(|it| Value::from(i64::from(it))).collect())
        };
        let actual = list(&mut self.facts.answered.iter().map(|answered| answered.status));
        let expected = match expected {
            [one] => list(&mut std::iter::repeat_n(*one, self.facts.answered.len().max(1))),
            several => list(&mut several.iter().copied()),
        };
        self.value("what events are answered", &["answered"], &expected, Some(&actual));
    }

    /// Says with the failure of the run how many other expectations were not looked at.
    fn leave_out(&mut self, count: usize) {
        let Some(finding) = self.findings.first_mut().filter(|_| count > 0) else { return };
        let (were, noun) = if count == 1 { ("was", "expectation") } else { ("were", "expectations") };
        _ = write!(finding.message, "\n{count} {noun} {were} not looked at, as the run failed");
    }

    /// Holds how the run ended; tells whether it failed, and nobody expects it.
    fn status(&mut self, wanted: Option<TestStatus>, error: Option<&str>, name: Span) -> bool {
        let is = |status: Status| self.facts.reports.iter().any(|report| report.status == status);
        let status = match () {
            () if is(Status::Failed) || is(Status::Interrupted) => TestStatus::Failed,
            () if is(Status::Partial) => TestStatus::Partial,
            () => TestStatus::Ok,
        };
        let errors: Vec<&Finding> = self.facts.reports.iter().flat_map(|report| &report.errors).collect();
        let expects_failure = wanted == Some(TestStatus::Failed) || (wanted.is_none() && error.is_some());
        if status == TestStatus::Failed && !expects_failure {
            // What failed says it best itself, at its own place.
            for finding in &errors {
                let mut finding = Finding::clone(finding);
                finding.message = format!("test `{}`: {}", self.name, finding.message);
                self.findings.push(finding);
            }
            if errors.is_empty() {
                self.findings
                    .push(Finding::error(FAILED, format!("test `{}`: the run failed", self.name)).label(name, ""));
            }
            return true;
        }
        if let Some(wanted) = wanted.filter(|wanted| *wanted != status) {
            let (wanted, is) = (word(wanted), word(status));
            let mut message = format!("test `{}`: the run is to end `{wanted}`, and ends `{is}`", self.name);
            for finding in self.facts.seen.rejected.iter().take(3) {
                _ = write!(message, "\n{}", finding.message.lines().next().unwrap_or_default());
            }
            let place = self.place(&["status"]);
            self.findings.push(Finding::error(FAILED, message).label(place, format!("ends `{is}`")));
        }
        if let Some(error) = error
            && !errors.iter().any(|finding| finding.message.contains(error))
        {
            let mut message = match errors.len() {
                0 => format!("test `{}`: there is no error with `{error}`: the run does not fail", self.name),
                _ => format!("test `{}`: no error says `{error}`", self.name),
            };
            for finding in errors {
                _ = write!(message, "\n+ {}", finding.message.replace('\n', "\n  "));
            }
            let place = self.place(&["error"]);
            self.findings.push(Finding::error(FAILED, message).label(place, "is said by no error"));
        }
        false
    }

    fn step(&mut self, id: &str, expected: &StepExpectation) {
        let StepExpectation { items, counts } = expected;
        if let Some(items) = items {
            let expected = Value::list(items.iter().map(|item| item.value().clone()).collect());
            let actual = self.items(id);
            self.value(&format!("the items of step `{id}`"), &["steps", id, "items"], &expected, Some(&actual));
        }
        let Some(counts) = counts else { return };
        let actual = self.counts(id);
        let Expected { read, dropped, invalid, sent, failed, skipped, dead_lettered, out } = counts;
        let all = [
            ("read", read, actual.read),
            ("dropped", dropped, actual.dropped),
            ("invalid", invalid, actual.invalid),
            ("sent", sent, actual.sent),
            ("failed", failed, actual.failed),
            ("skipped", skipped, actual.skipped),
            ("dead_lettered", dead_lettered, actual.dead_lettered),
            ("out", out, actual.out),
        ];
        let given = |of: &dyn Fn(u64, u64) -> u64| {
            let members = all.iter().filter_map(|(name, wanted, is)| Some((*name, Value::from(of((**wanted)?, *is)))));
            Value::object(members.collect::<Vec<_>>())
        };
        let (expected, actual) = (given(&|wanted, _| wanted), given(&|_, is| is));
        self.value(&format!("the counts of step `{id}`"), &["steps", id, "counts"], &expected, Some(&actual));
    }

    /// Returns what a step handed on, by its id or its address.
    fn items(&self, id: &str) -> Value {
        let items = self.facts.seen.items.iter().filter(|(address, _)| is_named(address, id));
        Value::list(items.flat_map(|(_, items)| items.iter().cloned()).collect())
    }

    /// Adds up what a step counted, by its id or its address.
    fn counts(&self, id: &str) -> Counts {
        let mut sum = Counts::default();
        for step in self.facts.reports.iter().flat_map(|report| &report.steps).filter(|step| is_named(&step.id, id)) {
            let counts = &step.counts;
            sum.read += counts.read;
            sum.dropped += counts.dropped;
            sum.invalid += counts.invalid;
            sum.sent += counts.sent;
            sum.failed += counts.failed;
            sum.skipped += counts.skipped;
            sum.dead_lettered += counts.dead_lettered;
            sum.out += counts.out;
        }
        sum
    }

    /// Returns the cursor that is kept of a step or an endpoint; a list where there are several, one for each parent.
    fn cursor(&self, stream: &str) -> Option<Value> {
        let cursors = crate::cursors::of(self.facts.cursors);
        let mut found: BTreeMap<&str, Value> = BTreeMap::new();
        for cursor in &cursors {
            let endpoint = cursor.endpoint.split_once('.').map_or(cursor.endpoint, |(_, name)| name);
            if cursor.step == stream || cursor.endpoint == stream || endpoint == stream {
                found.insert(cursor.label, cursor.value.clone());
            }
        }
        let mut values: Vec<Value> = found.into_values().collect();
        match values.len() {
            0 => None,
            1 => values.pop(),
            _ => Some(Value::list(values)),
        }
    }

    fn number(&mut self, what: &str, path: &[&str], expected: u64, actual: u64) {
        if expected != actual {
            let message = format!("test `{}`: {what}: {expected} expected, and {}", self.name, there(actual));
            let place = self.place(path);
            self.findings.push(Finding::error(FAILED, message).label(place, there(actual)));
        }
    }

    fn value(&mut self, what: &str, path: &[&str], expected: &Value, actual: Option<&Value>) {
        self.value_with(what, path, expected, actual, None);
    }

    /// Compares an item of a list that is not looked at as a whole.
    fn value_of_item(&mut self, what: &str, path: &[&str], index: usize, expected: &Value, actual: &Value) {
        let before = self.findings.len();
        self.value(what, path, expected, Some(actual));
        let found = differences(expected, Some(actual));
        if let Some(finding) = self.findings.get_mut(before) {
            finding.labels.clear();
        }
        for difference in found.iter().take(PLACES) {
            let index = Segment::Index(i64::try_from(index).unwrap_or(i64::MAX));
            let inner: Vec<Segment> = std::iter::once(index).chain(difference.path.iter().cloned()).collect();
            let (place, text) = (self.within(path, &inner), told(expected, difference));
            if let Some(finding) = self.findings.get_mut(before) {
                finding.labels.push(Label { span: place, text });
            }
        }
    }

    fn value_with(
        &mut self,
        what: &str,
        path: &[&str],
        expected: &Value,
        actual: Option<&Value>,
        help: Option<String>,
    ) {
        let found = differences(expected, actual);
        if found.is_empty() {
            return;
        }
        let is_plural =
            ["the items", "the records", "the counts", "the headers"].iter().any(|noun| what.starts_with(noun));
        let differ = if is_plural { "differ" } else { "differs" };
        let message = format!("test `{}`: {what} {differ}\n{}", self.name, drawn(expected, actual));
        let mut finding = Finding::error(FAILED, message.trim_end().to_owned()).help_if(help);
        for difference in found.iter().take(PLACES) {
            finding = finding.label(self.within(path, &difference.path), told(expected, difference));
        }
        self.findings.push(finding);
    }

    /// Returns the place of a part of `expect`.
    fn place(&self, path: &[&str]) -> Span {
        self.within(path, &[])
    }

    /// Returns the place within a part of `expect`, as near as there is one.
    fn within(&self, path: &[&str], inner: &[Segment]) -> Span {
        let Some(mut node) = self.node else { return Span::default() };
        for key in path {
            match node.get(key) {
                Some(below) => node = below,
                None => return node.label_span(),
            }
        }
        for segment in inner {
            let below = match segment {
                // Names of headers may be written in any letters.
                Segment::Name(name) => node.get(name).or_else(|| {
                    node.entries()
                        .iter()
                        .find(|entry| entry.key.text.eq_ignore_ascii_case(name))
                        .map(|entry| &entry.value)
                }),
                Segment::Index(index) => usize::try_from(*index).ok().and_then(|index| node.items().get(index)),
            };
            match below {
                Some(below) => node = below,
                None => break,
            }
        }
        node.label_span()
    }
}

/// Says how many there are.
pub(super) fn there(count: u64) -> String {
    match count {
        0 => "there are none".to_owned(),
        1 => "there is 1".to_owned(),
        many => format!("there are {many}"),
    }
}

/// Tells whether an address is that of a step: its own, or its id at the end.
fn is_named(address: &str, id: &str) -> bool {
    address == id || address.strip_suffix(id).is_some_and(|before| before.ends_with('/'))
}

/// Says in a few words what is there.
fn told(expected: &Value, difference: &Difference) -> String {
    const SHORT: usize = 40;
    let wanted = difference
        .path
        .iter()
        .try_fold(expected, |value, segment| engine_expr::walk(value, std::slice::from_ref(segment)));
    match (&difference.actual, wanted) {
        (None, _) => "is not there".to_owned(),
        (Some(Value::List(actual)), Some(Value::List(_))) => there(actual.items().len() as u64),
        (Some(actual), _) => {
            let text = difference::short(actual);
            match text.char_indices().nth(SHORT) {
                Some((at, _)) => format!("is `{}…`", text.get(..at).unwrap_or_default()),
                None => format!("is `{text}`"),
            }
        }
    }
}

fn word(status: TestStatus) -> &'static str {
    match status {
        TestStatus::Ok => "ok",
        TestStatus::Failed => "failed",
        TestStatus::Partial => "partial",
    }
}
