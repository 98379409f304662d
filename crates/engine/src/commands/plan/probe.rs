//! The first page of each read that needs nothing that only a run would know: how many records it has, and in all.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use engine_expr::Value as Known;
use engine_plan::{Description, FieldDescription, Plan, ReadDescription, StepDescription};
use engine_runtime::{Event, Meaning, Observer, Once, ReadOf, Record, RunOptions, Stop, World, call_once};
use serde_json::{Value, json};

/// What the first page of a read says.
pub(super) struct Probe {
    /// The address of the step.
    pub(super) step: String,
    /// The endpoint.
    pub(super) endpoint: String,
    /// How many records the page has.
    pub(super) records: Option<u64>,
    /// How many there are in all, where the answer says so.
    pub(super) total: Option<u64>,
    /// Whether there are more pages.
    pub(super) more: Option<bool>,
    /// Why nothing is known.
    pub(super) problem: Option<String>,
}

/// Asks for the first pages.
pub(super) async fn probe(
    plan: &Arc<Plan>,
    world: &World,
    options: &RunOptions,
    description: &Description,
) -> Vec<Probe> {
    let mut probes = Vec::new();
    for step in &description.steps {
        for (number, read) in step.reads.iter().enumerate().filter(|(_, read)| !read.made_of_steps) {
            let once = match (&read.request, known_params(step, read)) {
                (Some(request), Some(_)) if request.method == "GET" => {
                    let of = ReadOf { step: step.path.clone(), number };
                    Once { endpoint: read.endpoint.clone(), read: Some(of), ..Once::default() }
                }
                _ => continue,
            };
            let called = call_once(plan, world, options, &once, Arc::new(Nobody), Stop::new()).await;
            let mut probe = Probe {
                step: step.path.clone(),
                endpoint: read.endpoint.clone(),
                records: None,
                total: None,
                more: None,
                problem: None,
            };
            match called {
                Ok(called) => {
                    probe.total = called.total;
                    match (called.records, called.meaning) {
                        (_, Meaning::Failure(finding)) => probe.problem = Some(finding.message),
                        (Some(Err(finding)), _) => probe.problem = Some(finding.message),
                        (Some(Ok(records)), _) => probe.records = Some(records),
                        (None, _) => {}
                    }
                    match called.more {
                        Some(Ok(more)) => probe.more = Some(more),
                        Some(Err(finding)) => probe.problem = Some(finding.message),
                        None => probe.more = probe.records.map(|_| false),
                    }
                }
                Err(findings) => probe.problem = findings.iter().next().map(|finding| finding.message.clone()),
            }
            probes.push(probe);
        }
    }
    probes
}

/// Returns the params of a read, if all of them are known.
pub(in crate::commands) fn known_params(
    step: &StepDescription,
    read: &ReadDescription,
) -> Option<BTreeMap<String, Known>> {
    let is_open = |text: &str| text.contains("{{") || text.contains("{%") || text.starts_with('$');
    // What is read for each item, or sends what only the item knows, can't be asked without it.
    if step.for_each.is_some() || read.request.as_ref().is_some_and(|request| is_open(&request.url)) {
        return None;
    }
    let param = |param: &FieldDescription| {
        (!is_open(&param.value)).then(|| (param.name.clone(), Known::from(param.value.as_str())))
    };
    read.params.iter().map(param).collect()
}

impl Probe {
    /// Returns it for programs.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "step": self.step,
            "endpoint": self.endpoint,
            "records": self.records,
            "total": self.total,
            "more": self.more,
            "problem": self.problem,
        })
    }
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
