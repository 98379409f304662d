//! `engine plan`: what would happen, before it does.

mod diff;
mod estimate;
mod graph;
mod kept;
mod outlook;
mod probe;
mod resolved;
mod secret;
mod starts;
mod text;

use std::path::Path;
use std::sync::Arc;

use engine_plan::{Disk, Fill, Merged};
use engine_runtime::{Known, RunOptions, known, next_reads};

pub(super) use self::kept::without_password;
use self::outlook::Outlook;
pub(super) use self::probe::known_params;
use super::run::world;
use crate::arguments::{Plan, ResultFormat};
use crate::environment::Variables;
use crate::failure::Failure;
use crate::inputs;
use crate::planned;
use crate::render::Format;
use crate::report::Report;
use crate::state;
use crate::status::Status;
use crate::terminal::{Terminal, print, tell};

/// Says what would happen.
pub(super) fn execute(arguments: &Plan, terminal: &Terminal) -> Result<Status, Failure> {
    if let Some([old, new]) = arguments.diff.as_deref() {
        return diff::execute(old, new, arguments.format, terminal);
    }
    let Some(spec) = arguments.spec.as_deref() else {
        return Err(Failure::usage("no spec is named"));
    };
    let (plan, warnings) = planned::plan(spec)?;
    let plan = planned::only(plan, &arguments.only)?;
    tell(Format::Human.render(&warnings, terminal.stderr));
    let merged = merged(spec)?;
    if arguments.resolved {
        print(resolved::render(&merged, terminal.stdout))?;
        return Ok(Status::Done);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let environment = Variables::load(spec)?;
        let state = state::open(&arguments.state, &environment)?;
        let options =
            RunOptions { inputs: inputs::gather(&arguments.input, &arguments.inputs)?, ..RunOptions::default() };
        let world = world(environment, state)?;
        let known = known(&plan, &world, &options, false);
        if known.findings.has_errors() {
            return Err(Failure::Findings(Report::of(spec, known.findings, &plan.sources)));
        }
        let fill = fill(&plan, &known).with_beginnings(next_reads(&plan, &world, &known).await);
        let description = plan.describe(&merged, &fill);
        if let Some(format) = arguments.graph {
            print(graph::draw(&description, format))?;
            return Ok(Status::Done);
        }
        let kept = kept::look(&plan, &*world.state, &arguments.state).await?;
        let starts = starts::of(&plan, &known, &*world.clock, &merged);
        let probes =
            if arguments.probe { probe::probe(&plan, &world, &options, &description).await } else { Vec::new() };
        let estimate = estimate::of(&plan, &description, &known, &probes, arguments.probe);
        let outlook = Outlook { description: &description, known: &known, starts, kept, estimate, probes };
        print(match arguments.format {
            ResultFormat::Text => text::render(&outlook, terminal.stdout),
            ResultFormat::Json => format!("{:#}\n", outlook.to_json()),
        })?;
        Ok(Status::Done)
    })
}

/// Reads the spec once more, as a tree that knows where each value is written.
fn merged(spec: &Path) -> Result<Merged, Failure> {
    engine_plan::merged(spec, &Disk).ok_or_else(|| Failure::usage(format!("`{}` cannot be read", spec.display())))
}

/// Fills in what is known.
fn fill(plan: &Arc<engine_plan::Plan>, known: &Known) -> Fill {
    Fill::new(known.scope.clone()).with_vars(&plan.vars)
}
