//! Flows that cannot be served together.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use engine_plan::Plan;
use engine_source::{Finding, Span};

/// A flow that gets in the way of one before it.
pub(super) struct Clash {
    /// Its file.
    pub(super) file: PathBuf,
    /// The file of the one before it.
    pub(super) other: PathBuf,
    /// What is wrong.
    pub(super) finding: Finding,
}

/// Finds the flows, in the order in which they come, that get in the way of one before them.
pub(super) fn find<'a>(flows: impl IntoIterator<Item = (&'a Path, &'a Plan)>) -> Vec<Clash> {
    let mut names: HashMap<&str, &Path> = HashMap::new();
    let mut paths: HashMap<(String, String), (&Path, &str)> = HashMap::new();
    let mut found = Vec::new();
    let mut clash = |file: &Path, other: &Path, finding| {
        found.push(Clash { file: file.to_owned(), other: other.to_owned(), finding });
    };
    for (file, plan) in flows {
        if let Some(other) = names.insert(&plan.name, file) {
            let (first, second) = (other.display(), file.display());
            let message =
                format!("another flow is called `{}` too: `{second}` has one, and so has `{first}`", plan.name);
            let finding = Finding::error("serve-clash", message).help("give one of them another `name`");
            clash(file, other, at(finding, plan.name_span));
            // Its webhooks are those of the other, if it is a copy.
            continue;
        }
        for trigger in &plan.triggers {
            let Some(webhook) = trigger.webhook() else { continue };
            for method in trigger.methods() {
                let key = (method.to_string(), shape(&webhook.path));
                let Some((other, path)) = paths.insert(key, (file, webhook.path.as_str())) else { continue };
                let there = if other == file { "this file".to_owned() } else { format!("`{}`", other.display()) };
                let path = if path == webhook.path.as_str() { String::new() } else { format!(", as `{path}`") };
                let message = format!("another webhook takes `{method} {}` too: one of {there}{path}", webhook.path);
                let finding = Finding::error("serve-clash", message).help("give one of them another `path`");
                clash(file, other, at(finding, webhook.path.span()));
            }
        }
    }
    found
}

fn at(finding: Finding, span: Span) -> Finding {
    if span.is_none() { finding } else { finding.label(span, "taken twice") }
}

/// Returns a path without the names of its parameters: two that differ in those only take the same requests.
fn shape(path: &str) -> String {
    let part = |part: &str| match part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(_) => "{}".to_owned(),
        None => part.to_owned(),
    };
    path.trim_end_matches('/').split('/').map(part).collect::<Vec<_>>().join("/")
}
