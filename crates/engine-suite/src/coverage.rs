//! What of specs their tests reach: endpoints, steps, branches.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use engine_plan::{Plan, Reading, Step, Target};
use engine_runtime::{Counts, RunReport, Status};
use engine_source::Span;

use crate::sent::Request;

/// Something that a test may reach.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// What it is.
    pub kind: PointKind,
    /// Where it is: the file, the line and the column.
    pub place: (String, usize, usize),
    /// What it is called.
    pub name: String,
}

/// What a test may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PointKind {
    /// An endpoint with a request.
    Endpoint,
    /// A step.
    Step,
    /// A case of a `switch`, or a rule of `errors`.
    Branch,
}

/// What of specs is reached.
#[derive(Clone, Debug, Default)]
pub struct Coverage(BTreeMap<Point, bool>);

impl Coverage {
    /// Returns all that there is to reach in a spec: what its own file says, and the endpoints that it uses.
    pub fn of(plan: &Plan) -> Self {
        let mut coverage = Self::default();
        coverage.endpoints(plan, &|_| false, &HashSet::new());
        coverage.steps(plan, true, &|_| false);
        coverage
    }

    /// Adds what a run reached; `is_own` tells whether it was one of the spec's own steps.
    pub(crate) fn reached(
        &mut self,
        plan: &Plan,
        is_own: bool,
        reports: &[RunReport],
        sent: &[Request],
        rules: &HashSet<Span>,
    ) {
        let asked: HashSet<&str> = sent.iter().map(|request| &*request.asked).collect();
        self.endpoints(plan, &|id| asked.contains(id), rules);
        let has_run = |step: &Step| {
            let mut steps = reports.iter().flat_map(|report| &report.steps);
            steps.any(|report| {
                let is_it = *report.id == *step.path || report.id.ends_with(&format!("/{}", step.path));
                is_it && report.status != Status::Skipped && (!is_case(step) || is_busy(&report.counts))
            })
        };
        self.steps(plan, is_own, &has_run);
    }

    /// Adds what others reached.
    pub fn join(&mut self, other: Self) {
        for (point, is_reached) in other.0 {
            self.put(point, is_reached);
        }
    }

    /// Counts what is reached of a kind, and all that there is.
    pub fn counts(&self, kind: PointKind) -> (usize, usize) {
        let all = || self.0.iter().filter(|(point, _)| point.kind == kind);
        (all().filter(|(_, is_reached)| **is_reached).count(), all().count())
    }

    /// Returns what is not reached.
    pub fn missed(&self) -> impl Iterator<Item = &Point> {
        self.0.iter().filter(|(_, is_reached)| !**is_reached).map(|(point, _)| point)
    }

    fn put(&mut self, point: Point, is_reached: bool) {
        *self.0.entry(point).or_default() |= is_reached;
    }

    fn endpoints(&mut self, plan: &Plan, is_asked: &dyn Fn(&str) -> bool, rules: &HashSet<Span>) {
        let used = used(plan);
        for endpoint in &plan.endpoints {
            let id = endpoint.id();
            if !is_in(plan, endpoint.span) && !used.contains(&id) {
                continue;
            }
            let is_reached = is_asked(&id);
            for rule in &endpoint.errors {
                let span = rule.span();
                if span.is_none() {
                    continue;
                }
                let name = format!("error rule `{}` of `{}`", plan.sources.text_of(span), endpoint.api);
                self.put(Point { kind: PointKind::Branch, place: place(plan, span), name }, rules.contains(&span));
            }
            self.put(Point { kind: PointKind::Endpoint, place: place(plan, endpoint.span), name: id }, is_reached);
        }
    }

    fn steps(&mut self, plan: &Plan, is_own: bool, has_run: &dyn Fn(&Step) -> bool) {
        plan.walk(&mut |step| {
            // The steps of a test are none of the spec's; those of endpoints are.
            if !is_in(plan, step.span) || step.is_implied || !(is_own || step.path.contains('.')) {
                return;
            }
            let kind = if is_case(step) { PointKind::Branch } else { PointKind::Step };
            let name = if is_case(step) { format!("case `{}`", step.path) } else { format!("step `{}`", step.path) };
            self.put(Point { kind, place: place(plan, step.span), name }, has_run(step));
        });
    }
}

/// Returns the endpoints that the steps of a spec's own file use.
fn used(plan: &Plan) -> HashSet<String> {
    let mut used = HashSet::new();
    plan.walk(&mut |step| {
        if !is_in(plan, step.span) {
            return;
        }
        used.extend(step.reads().iter().filter_map(Reading::as_endpoint).map(|read| read.endpoint.id()));
        if let Target::Call(call) = &step.target {
            used.insert(call.endpoint.id());
        }
    });
    used
}

/// Tells whether something is written in the spec itself.
fn is_in(plan: &Plan, span: Span) -> bool {
    !span.is_none() && Path::new(plan.sources.get(span.source).name()) == plan.path
}

fn place(plan: &Plan, span: Span) -> (String, usize, usize) {
    let file = plan.sources.get(span.source);
    let (line, column) = file.line_column(span.start);
    (file.name().to_owned(), line, column)
}

/// Tells whether a step is a case of a `switch`.
fn is_case(step: &Step) -> bool {
    let mut parts = step.path.rsplit('/');
    parts.next();
    parts.next() == Some("switch")
}

fn is_busy(counts: &Counts) -> bool {
    *counts != Counts::default()
}
