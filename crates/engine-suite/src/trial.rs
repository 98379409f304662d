//! One test, from its beginning to its end.

use std::sync::Arc;

use engine_plan::{Plan, Trial};
use engine_source::{Finding, Node};

use crate::coverage::Coverage;
use crate::expect::{self, FAILED, Facts};
use crate::outcome::Outcome;
use crate::stage::Stage;

/// How tests are run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What the dice of a run begin with.
    pub seed: u64,
}

/// Runs a test of a flow, on a clock of its own: whatever it waits for, this returns at once.
pub fn run(plan: &Arc<Plan>, trial: &Trial, options: Options) -> Outcome {
    let place = trial.node.get("name").map(Node::span).unwrap_or_default();
    let mut outcome =
        Outcome { name: trial.test.name.clone(), place, findings: Vec::new(), coverage: Coverage::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    match runtime {
        Ok(runtime) => runtime.block_on(play(plan, trial, options, &mut outcome)),
        Err(error) => outcome.findings.push(Finding::error("internal-error", format!("cannot start: {error}"))),
    }
    outcome
}

async fn play(plan: &Arc<Plan>, trial: &Trial, options: Options, outcome: &mut Outcome) {
    let name = &trial.test.name;
    let told = |finding: Finding| Finding { message: format!("test `{name}`: {}", finding.message), ..finding };
    let stage = match Stage::new(plan, trial, options.seed) {
        Ok(stage) => stage,
        Err(finding) => return outcome.findings.push(told(*finding)),
    };
    let reports = match stage.play().await {
        Ok(reports) => reports,
        Err(finding) => return outcome.findings.push(told(*finding)),
    };
    let (seen, sent, cursors) = (stage.seen(), stage.apis.sent(), stage.cursors().await);
    outcome.coverage.reached(&stage.plan, trial.plan.is_none(), &reports, &sent, &seen.rules);
    let failures = stage.apis.failures();
    if stage.clock.is_endless() {
        let finding = Finding::error(FAILED, "it waits again and again without an end").label(outcome.place, "");
        return outcome
            .findings
            .push(told(finding.help("give the wait or the `until` a `timeout`, or the mock an answer that ends it")));
    }
    if failures.is_empty() {
        let facts = Facts {
            plan: &stage.plan,
            reports: &reports,
            seen: &seen,
            sent: &sent,
            sinks: &stage.sinks,
            cursors: &cursors,
            answered: &stage.answered(),
        };
        outcome.findings.extend(expect::check(trial, &facts));
    } else {
        outcome.findings.extend(failures.into_iter().map(told));
    }
}
