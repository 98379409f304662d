//! Which sinks were given what examples made up.

use std::collections::BTreeSet;

use engine_plan::{Plan, Target};
use engine_runtime::RunReport;
use engine_spec::Sink;

/// Says which sinks hold rows now that no API has given: a sink is the real one, whoever answers.
pub(crate) fn note(plan: &Plan, report: &RunReport) -> Option<String> {
    let has_sent = |id: &str| {
        let is_it = |known: &str| known == id || known.rsplit('.').next() == Some(id);
        report.steps.iter().any(|step| is_it(&step.id) && step.counts.sent > 0)
    };
    let mut names = BTreeSet::new();
    plan.walk(&mut |step| {
        let Target::Write(write) = &step.target else { return };
        if !matches!(write.sink.sink, Sink::Stdout(_)) && has_sent(&step.id) {
            names.insert(format!("`{}`", write.sink.name));
        }
    });
    let names: Vec<String> = names.into_iter().collect();
    let (last, rest) = names.split_last()?;
    let (sinks, hold) = if rest.is_empty() {
        (format!("the sink {last}"), "holds")
    } else {
        (format!("the sinks {} and {last}", rest.join(", ")), "hold")
    };
    Some(format!("note: {sinks} {hold} made-up rows now: remove them before a real run, or print them by --dry-run"))
}
