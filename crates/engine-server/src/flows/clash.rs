//! Flows that cannot be served together.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine_source::{Finding, Span};

use super::Flow;

/// Finds the first flow, in the order in which they come, that gets in the way of one before it.
pub(super) fn find<'a>(flows: impl IntoIterator<Item = &'a Arc<Flow>>) -> Option<(PathBuf, PathBuf, Finding)> {
    let mut names: HashMap<&str, &Path> = HashMap::new();
    let mut paths: HashMap<(String, String), (&Path, &str)> = HashMap::new();
    for flow in flows {
        if let Some(other) = names.insert(flow.name(), &flow.file) {
            let (first, second) = (other.display(), flow.file.display());
            let message =
                format!("another flow is called `{}` too: `{second}` has one, and so has `{first}`", flow.name());
            let finding = Finding::error("serve-clash", message).help("give one of them another `name`");
            return Some((flow.file.clone(), other.to_owned(), finding));
        }
        for trigger in &flow.plan.triggers {
            let Some(webhook) = trigger.webhook() else { continue };
            for method in trigger.methods() {
                let key = (method.to_string(), shape(&webhook.path));
                let Some((other, path)) = paths.insert(key, (&flow.file, webhook.path.as_str())) else { continue };
                let there = if other == flow.file { "this file".to_owned() } else { format!("`{}`", other.display()) };
                let path = if path == webhook.path.as_str() { String::new() } else { format!(", as `{path}`") };
                let message = format!("another webhook takes `{method} {}` too: one of {there}{path}", webhook.path);
                let finding = Finding::error("serve-clash", message).help("give one of them another `path`");
                return Some((flow.file.clone(), other.to_owned(), at(finding, webhook.path.span())));
            }
        }
    }
    None
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
