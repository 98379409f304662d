//! `engine runs list` and `engine runs show`.

use std::fmt::Write as _;

use engine_runtime::{RunEntry, StateStore, read_requests};
use serde_json::{Value, json};

use super::{find, requests, standing};
use crate::arguments::{ResultFormat, RunsList, RunsShow};
use crate::failure::Failure;
use crate::status::Status;
use crate::terminal::{Style, Terminal, print, tell};

/// Shows the runs, the newest first.
pub(super) async fn execute(
    state: &dyn StateStore,
    arguments: &RunsList,
    terminal: &Terminal,
) -> Result<Status, Failure> {
    let runs = state.list_runs(arguments.flow.as_deref(), arguments.limit).await.map_err(Failure::from)?;
    match arguments.format {
        ResultFormat::Json => print(format!("{:#}\n", Value::Array(runs.iter().map(members).collect())))?,
        ResultFormat::Text if runs.is_empty() => tell("there are no runs\n"),
        ResultFormat::Text => {
            let mut text = String::new();
            for run in &runs {
                let id = terminal.stdout.paint(Style::Bold, &run.id);
                let error = run.error.as_deref().and_then(|error| error.lines().next()).unwrap_or_default();
                let line = format!("{id}  {:11}  {}  {}  {error}", standing(run), second(run.started_at), run.flow);
                text += line.trim_end();
                text.push('\n');
            }
            print(text)?;
        }
    }
    Ok(Status::Done)
}

/// Shows one run.
pub(super) async fn show(state: &dyn StateStore, arguments: &RunsShow) -> Result<Status, Failure> {
    let run = find(state, &arguments.id).await?;
    let mut asked = Vec::new();
    if arguments.requests {
        let kept = state.run_requests(&run.id).await.map_err(Failure::from)?;
        asked = read_requests(&kept, u32::MAX);
    }
    print(match arguments.format {
        ResultFormat::Json => {
            let mut shown = members(&run);
            if let Some(shown) = shown.as_object_mut() {
                shown.insert("steps".to_owned(), Value::Array(steps(&run)));
            }
            if let Some(shown) = shown.as_object_mut().filter(|_| arguments.requests) {
                let requests = asked.iter().map(|(number, entry)| requests::members(*number, entry)).collect();
                shown.insert("requests".to_owned(), Value::Array(requests));
            }
            format!("{shown:#}\n")
        }
        ResultFormat::Text => {
            let mut text = format!(
                "id       {}\nflow     {}\nspec     {}\nstatus   {}\n",
                run.id,
                run.flow,
                run.spec,
                standing(&run)
            );
            _ = writeln!(text, "began    {}", second(run.started_at));
            if let Some(ended_at) = run.ended_at {
                _ = writeln!(text, "ended    {}", second(ended_at));
            }
            if let Some(error) = &run.error {
                _ = writeln!(text, "error    {error}");
            }
            if !run.status.is_done() && standing(&run) != "running" {
                _ = writeln!(text, "go on    engine run {} --resume {}", run.spec, run.id);
            }
            for step in steps(&run) {
                _ = writeln!(text, "step     {}", told(&step));
            }
            if arguments.requests {
                text += &requests::table(&asked);
            }
            text
        }
    })?;
    Ok(Status::Done)
}

/// Returns what became of each step of a run that has ended.
fn steps(run: &RunEntry) -> Vec<Value> {
    let steps = run.steps.as_deref().and_then(|steps| serde_json::from_str(steps).ok());
    steps.unwrap_or_default()
}

/// Says what became of a step: its name, how it ended, and what it counted, if anything.
fn told(step: &Value) -> String {
    let text = |name: &str| step.get(name).and_then(Value::as_str).unwrap_or_default();
    let counts = step.get("counts").and_then(Value::as_object).into_iter().flatten();
    let counts = counts.filter(|(_, count)| count.as_u64().is_some_and(|count| count > 0));
    let one = |name: &str| match name {
        "pages" => "page".to_owned(),
        "requests" => "request".to_owned(),
        "retries" => "retry".to_owned(),
        other => other.replace('_', "-"),
    };
    let shown = |(name, count): (&String, &Value)| match count.as_u64() {
        Some(1) => format!("1 {}", one(name)),
        _ => format!("{count} {}", name.replace('_', "-")),
    };
    let counts: Vec<String> = counts.map(shown).collect();
    format!("{}  {}  {}", text("step"), text("status"), counts.join(", ")).trim_end().to_owned()
}

fn second(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Returns a run, for programs.
fn members(run: &RunEntry) -> Value {
    json!({
        "id": run.id,
        "flow": run.flow,
        "spec": run.spec,
        "status": standing(run),
        "started_at": run.started_at.to_string(),
        "ended_at": run.ended_at.map(|time| time.to_string()),
        "error": run.error,
    })
}
