//! `engine plan --diff`: what a change of a spec changes, and whether what is kept of the old one survives it.

mod changes;
mod survival;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use engine_expr::Scope;
use engine_plan::{Description, Merged, Plan, Provenance};
use engine_runtime::{MemoryState, RunOptions, known};
use serde_json::{Value, json};

use self::changes::{Change, changes};
use self::survival::{Verdict, survival};
use super::{fill, merged};
use crate::arguments::ResultFormat;
use crate::commands::run::world;
use crate::environment::Variables;
use crate::failure::Failure;
use crate::planned;
use crate::report::counted;
use crate::status::Status;
use crate::terminal::{Look, Style, Terminal, print};

/// One of the two specs.
struct Side {
    plan: Arc<Plan>,
    merged: Merged,
    description: Description,
}

/// A setting of an endpoint that its API has changed for it.
struct Inherited {
    endpoint: String,
    setting: &'static str,
    old: String,
    new: String,
}

/// Says what changes.
pub(super) fn execute(old: &Path, new: &Path, format: ResultFormat, terminal: &Terminal) -> Result<Status, Failure> {
    let (old, new) = (Side::read(old)?, Side::read(new)?);
    let changes = changes(&old.merged, &new.merged);
    let inherited = inherited(&old.description, &new.description);
    let verdicts = survival(&old, &new);
    print(match format {
        ResultFormat::Text => text(&changes, &inherited, &verdicts, terminal.stdout),
        ResultFormat::Json => format!("{:#}\n", to_json(&changes, &inherited, &verdicts)),
    })?;
    Ok(Status::Done)
}

impl Side {
    /// Reads a spec. Nothing that it would be given is looked at, so that both are described alike.
    fn read(spec: &Path) -> Result<Self, Failure> {
        let (plan, _) = planned::plan(spec)?;
        let merged = merged(spec)?;
        let world = world(Variables::default(), Arc::new(MemoryState::default()))?;
        let mut known = known(&plan, &world, &RunOptions::default(), false);
        if let Some(host) = known.scope.host() {
            known.scope = Scope::new(Arc::clone(host));
        }
        let description = plan.describe(&merged, &fill(&plan, &known));
        Ok(Self { plan, merged, description })
    }
}

/// Finds what APIs have changed for their endpoints.
fn inherited(old: &Description, new: &Description) -> Vec<Inherited> {
    let mut found = Vec::new();
    for endpoint in &new.endpoints {
        let Some(before) = old.endpoints.iter().find(|before| before.id == endpoint.id) else { continue };
        for setting in &endpoint.settings {
            let was = before.settings.iter().find(|was| was.name == setting.name);
            let comes_from_api = |from| matches!(from, Provenance::Api | Provenance::Both);
            let Some(was) = was.filter(|was| was.text != setting.text) else { continue };
            if comes_from_api(setting.from) || comes_from_api(was.from) {
                found.push(Inherited {
                    endpoint: endpoint.id.clone(),
                    setting: setting.name,
                    old: was.text.clone(),
                    new: setting.text.clone(),
                });
            }
        }
    }
    found
}

fn text(changes: &[Change], inherited: &[Inherited], verdicts: &[Verdict], look: Look) -> String {
    if changes.is_empty() {
        return "nothing changes\n".to_owned();
    }
    let mut text = String::new();
    let mut section = "";
    for change in changes {
        if change.section() != section {
            section = change.section();
            _ = writeln!(text, "{}", look.paint(Style::Bold, section));
        }
        let at = change.at.as_deref().map(|at| format!("  {}", look.paint(Style::Dim, at))).unwrap_or_default();
        let path = change.path_within();
        let line = match (&change.old, &change.new) {
            (None, Some(new)) => look.paint(Style::Green, &format!("+ {path}: {new}")),
            (Some(old), None) => look.paint(Style::Red, &format!("- {path}: {old}")),
            (old, new) => {
                let (old, new) = (old.as_deref().unwrap_or_default(), new.as_deref().unwrap_or_default());
                format!("~ {path}: {} → {}", look.paint(Style::Red, old), look.paint(Style::Green, new))
            }
        };
        _ = writeln!(text, "  {line}{at}");
    }
    if !inherited.is_empty() {
        _ = writeln!(text, "\n{}", look.paint(Style::Bold, "so that for these endpoints"));
        for one in inherited {
            _ = writeln!(text, "  {} {}: {} → {}", one.endpoint, one.setting, one.old, one.new);
        }
    }
    if !verdicts.is_empty() {
        _ = writeln!(text, "\n{}", look.paint(Style::Bold, "what is kept between runs"));
        for verdict in verdicts {
            let (mark, style) = if verdict.survives { ("stays", Style::Green) } else { ("lost", Style::Yellow) };
            let gap = " ".repeat(6 - mark.len());
            _ = writeln!(text, "  {}{gap}{}: {}", look.paint(style, mark), verdict.what, verdict.why);
        }
    }
    let lost = verdicts.iter().filter(|verdict| !verdict.survives).count();
    let lost = if lost == 0 { String::new() } else { format!("; {lost} of what is kept is lost") };
    _ = writeln!(text, "\n{}{lost}", counted(changes.len(), "change"));
    text
}

fn to_json(changes: &[Change], inherited: &[Inherited], verdicts: &[Verdict]) -> Value {
    let changes = changes
        .iter()
        .map(|change| json!({"path": change.path, "old": change.old, "new": change.new, "at": change.at}));
    let inherited = inherited
        .iter()
        .map(|one| json!({"endpoint": one.endpoint, "setting": one.setting, "old": one.old, "new": one.new}));
    let verdicts =
        verdicts.iter().map(|verdict| json!({"what": verdict.what, "survives": verdict.survives, "why": verdict.why}));
    json!({
        "changes": changes.collect::<Vec<_>>(),
        "endpoints": inherited.collect::<Vec<_>>(),
        "state": verdicts.collect::<Vec<_>>(),
    })
}
