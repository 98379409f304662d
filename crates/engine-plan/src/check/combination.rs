//! Checks of what the keys of a step mean for each other: some are nothing without another.

use engine_expr::{Expr, Setting};
use engine_request::Period;
use engine_source::{Finding, Span};
use engine_spec::{Case, Step, Target, Trigger, Wait, WaitFor};

use super::Checker;
use super::at::At;
use super::step::Level;

impl<'a> Checker<'a> {
    /// Checks a step as a whole.
    pub(super) fn combination(&mut self, step: &'a Step, at: At<'a>, level: Level) {
        // A target that was lost to a mistake may be the one that is wanted.
        let is_lost = step.target().is_none() && TARGETS.iter().any(|key| at.has(key));
        if !is_lost {
            self.answered(step, at);
            self.gathered(step, at);
        }
        self.exploded(step, at, level);
        self.unused_concurrency(step, is_lost);
        self.emptiness(step, at);
    }

    /// Checks what is about the answer of a call.
    fn answered(&mut self, step: &Step, at: At<'_>) {
        if step.call.is_some() {
            return;
        }
        for (key, is_given) in [("expect", step.expect.is_some()), ("extract", step.extract.is_some())] {
            if !is_given || (key == "extract" && awaits_event(step)) {
                continue;
            }
            let help = match (key, step.target()) {
                ("extract", None) => "shape the item by `map`, or add the `call` whose answer is meant".to_owned(),
                ("extract", Some(_)) => {
                    "shape the item by `map`, in this step or in one that takes its stream".to_owned()
                }
                (_, None) => "check the item by `validate`, or add the `call` whose answer is meant".to_owned(),
                _ => "check the item by `validate`".to_owned(),
            };
            self.findings.push(
                Finding::error("missing-field", format!("`{key}` is about the answer of a `call`, and there is none"))
                    .label(at.key(key).unwrap_or_else(|| at.span()), "no answer to look at")
                    .help(help),
            );
        }
    }

    /// Checks what is about batches.
    fn gathered(&mut self, step: &Step, at: At<'_>) {
        let place = |key: &str| at.key(key).unwrap_or_else(|| at.span());
        if step.results.is_some() && (step.batch.is_none() || step.call.is_none()) {
            let (message, help) = if step.batch.is_none() {
                let message = "`results` is about the answer for a `batch`, and there is none";
                (message, "add `batch: 100`, or take the list of an answer apart by `explode` in the next step")
            } else {
                let message = "`results` is about the answer of a `call`, and there is none";
                (message, "remove it: without a call there is one item for each batch")
            };
            self.findings.push(
                Finding::error("missing-field", message).label(place("results"), "no list to look at").help(help),
            );
        }
        if step.batch.is_none() {
            return;
        }
        let (message, help) = match step.target() {
            None => (
                "`batch` gathers items for a target, and there is none",
                "add what is done with `batch`, such as a `call`, or remove it",
            ),
            Some(Target::Write(_)) => (
                "`batch` is not for a `write`, which takes records one by one",
                "remove it: sinks gather records by themselves",
            ),
            Some(_) => return,
        };
        self.findings
            .push(Finding::error("missing-field", message).label(place("batch"), "nothing takes a list").help(help));
    }

    /// Checks that there is something to take apart.
    fn exploded(&mut self, step: &Step, at: At<'_>, level: Level) {
        let Some(Expr::Path(path)) = &step.explode else { return };
        let has_source = step.for_each.is_some() || step.read.is_some() || at.has("for_each") || at.has("read");
        let has_event = self.in_flow && self.spec.triggers.iter().any(|it| matches!(it, Trigger::Webhook(_)));
        if has_source || level == Level::Inner || has_event {
            return;
        }
        self.findings.push(
            Finding::error("missing-field", format!("`explode: {}` has no item to take apart", path.text()))
                .label(at.key("explode").unwrap_or(path.span()), "the step has no source")
                .help("add `for_each` or `read`, or write a template that gives the list"),
        );
    }

    fn unused_concurrency(&mut self, step: &Step, is_lost: bool) {
        let Some(concurrency) = step.concurrency.as_ref().filter(|_| !is_lost) else { return };
        let what = match step.target() {
            _ if step.read.is_some() => return,
            None => "hands its items on",
            Some(Target::Write(_)) => "writes",
            Some(Target::Log(_)) => "logs",
            Some(Target::Fail(_)) => "fails",
            Some(_) => return,
        };
        self.findings.push(
            Finding::warning("unused-concurrency", format!("`concurrency` changes nothing in a step that only {what}"))
                .label(concurrency.span(), "nothing waits here")
                .help("remove it, or move it to the step whose calls take the time"),
        );
    }

    /// Checks that lists of steps are not empty.
    fn emptiness(&mut self, step: &Step, at: At<'_>) {
        let empty = [
            ("steps", step.steps.as_ref().is_some_and(Vec::is_empty), "nothing would be done"),
            ("switch", step.switch.as_ref().is_some_and(Vec::is_empty), "no case would take an item"),
            ("parallel", step.parallel.as_ref().is_some_and(Vec::is_empty), "nothing would be done"),
        ];
        for (key, is_empty, label) in empty {
            // What was lost to a mistake was said.
            if is_empty && at.get(key).node().is_none_or(|node| node.items().is_empty()) {
                self.findings.push(
                    Finding::error("invalid-value", format!("`{key}` is an empty list"))
                        .label(at.key(key).unwrap_or_else(|| at.span()), label)
                        .help("write what is to be done, or remove it"),
                );
            }
        }
        let Some(branches) = &step.parallel else { return };
        for (index, branch) in branches.iter().enumerate() {
            let node = at.get("parallel").item(index);
            if branch.is_empty() && node.node().is_some_and(|node| node.items().is_empty()) {
                self.findings.push(
                    Finding::error("invalid-value", "a branch of `parallel` is empty")
                        .label(node.span(), "nothing would be done")
                        .help("a branch is a list of steps: write `- - call: …`"),
                );
            }
        }
    }

    /// Checks that each case can be taken.
    pub(super) fn reachable(&mut self, cases: &[Case], at: At<'_>) {
        let is_aligned = at.node().is_none_or(|node| node.items().len() == cases.len());
        let mut default: Option<Span> = None;
        for (index, case) in cases.iter().enumerate() {
            let node = if is_aligned { at.item(index) } else { At::default() };
            let own = case.default.as_ref();
            if let Some(first) = default {
                let (key, label) = if own.is_some() { ("default", "the second one") } else { ("case", "never taken") };
                let span = node.key(key).or_else(|| case.case.as_ref().map(engine_expr::Condition::span));
                let place = self.place(node.span(), first);
                let (message, help) = match own {
                    Some(_) => ("a `switch` has one `default`", format!("keep one of them: the first is at {place}")),
                    None => (
                        "no item comes to a case after `default`",
                        format!("move it above the `default`, which is at {place}, or remove it"),
                    ),
                };
                self.findings.push(
                    Finding::error("unreachable-case", message)
                        .label(span.or(own.map(Setting::span)).unwrap_or_default(), label)
                        .help(help),
                );
                return;
            }
            let Some(setting) = own else { continue };
            match setting.as_value() {
                Some(true) => default = node.key("default").or(Some(setting.span())),
                Some(false) => self.findings.push(
                    Finding::error("unreachable-case", "a case with `default: false` takes nothing")
                        .label(setting.span(), "never taken")
                        .help("write `default: true` for what no case takes, or a `case` with a condition"),
                ),
                None => {}
            }
        }
    }

    /// Checks how long and how often a wait looks.
    pub(super) fn rhythm(&mut self, wait: &Wait, at: At<'_>) {
        let WaitFor { until: _, every, event, timeout } = match wait {
            Wait::Period(period) => return self.some_time("wait", period),
            Wait::For(wait) => &**wait,
        };
        for (key, time) in [("every", every), ("timeout", timeout)] {
            if let Some(time) = time {
                self.some_time(key, time);
            }
        }
        if let (Some(every), Some(_)) = (every, event) {
            self.findings.push(
                Finding::error("missing-field", "`every` of a wait belongs to `until`, which is missing")
                    .label(at.key("every").unwrap_or_else(|| every.span()), "an event is not looked for")
                    .help("remove it: the event ends the wait when it comes"),
            );
        }
    }

    /// Checks that a time is one.
    pub(super) fn some_time(&mut self, key: &str, time: &Setting<Period>) {
        if time.as_value().is_some_and(|time| time.duration().is_zero()) {
            self.findings.push(
                Finding::error("invalid-value", format!("`{key}` is no time at all"))
                    .label(time.span(), "nothing would be waited for")
                    .help("write a time such as `5s`, or leave it out"),
            );
        }
    }
}

/// The keys of targets.
/// Tells whether a step waits for an event, of which something can be taken.
fn awaits_event(step: &Step) -> bool {
    matches!(&step.wait, Some(Wait::For(wait)) if wait.event.is_some())
}

const TARGETS: &[&str] = &["call", "write", "switch", "steps", "parallel", "flow", "wait", "fail", "log"];
