//! What can be wrong with a run of another spec's flow.

use std::io::{Error, ErrorKind};
use std::path::Path;

use engine_source::{Finding, Map, Sources, certain, similar, suggest};
use engine_spec::Input;

use crate::check::{FlowUse, Taken, is_missing};
use crate::files::Files;
use crate::load::unreadable;
use crate::plan::Plan;

/// Says that something is named that is no file.
pub(crate) fn no_file(flow: &FlowUse) -> Option<Finding> {
    let name = flow.spec.as_str();
    name.contains("://").then(|| {
        Finding::error("unreadable-file", format!("a flow is in a file, not at an address: `{name}`"))
            .label(flow.span(), "not a file")
            .help("copy the file, and name the copy")
    })
}

/// Says that flows run each other without end.
pub(crate) fn cycle<'p>(flow: &FlowUse, ring: impl Iterator<Item = &'p Path>) -> Finding {
    let ring: Vec<String> = ring.map(|path| format!("`{}`", path.display())).collect();
    let message = match ring.len() {
        2 => format!("the flow runs itself: {}", ring.join(" → ")),
        _ => format!("these flows run each other: {}", ring.join(" → ")),
    };
    Finding::error("flow-cycle", message)
        .label(flow.span(), "leads back")
        .help("put what both need into a spec of its own, and run that")
}

/// Says that the other spec is not there, or cannot be read.
pub(crate) fn missing(flow: &FlowUse, path: &Path, error: &Error, files: &dyn Files) -> Finding {
    let name = flow.spec.as_str();
    if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) {
        return unreadable(path, error).label(flow.span(), "cannot be read");
    }
    let names = files.names(path.parent().unwrap_or(Path::new("")));
    let wanted = path.file_name().and_then(|it| it.to_str()).unwrap_or(name);
    let help = match similar(wanted, names.iter().map(String::as_str)) {
        Some(close) => match name.rsplit_once('/') {
            Some((before, _)) => format!("did you mean `{before}/{close}`?"),
            None => format!("did you mean `{close}`?"),
        },
        None => format!("the path is relative to this file: `{}`", path.display()),
    };
    Finding::error("unreadable-file", format!("there is no spec `{name}` whose flow could run"))
        .label(flow.span(), "not found")
        .help(help)
}

/// Looks at what a flow is given.
pub(crate) fn check_inputs(flow: &FlowUse, plan: &Plan, sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (name, declared): (_, &Map<Input>) = (flow.spec.as_str(), &plan.inputs);
    let mut close_to = Vec::new();
    for (given, value) in &flow.inputs {
        let Some(input) = declared.get(&given.value) else {
            let close = similar(&given.value, declared.keys());
            close_to.extend(close);
            let help = match close {
                Some(close) => {
                    let place = declared.key_span(close).unwrap_or_default();
                    Some(format!("did you mean `{close}`, defined at {}?", sources.place(place)))
                }
                None if declared.is_empty() => Some("remove it: it has no inputs".to_owned()),
                None => suggest(&given.value, declared.keys()),
            };
            findings.push(
                Finding::error("unknown-field", format!("`{name}` has no input `{}`", given.value))
                    .label(given.span, "not an input")
                    .help_if(help)
                    .meant(given.span, certain(&given.value, declared.keys())),
            );
            continue;
        };
        findings.extend(Taken::input(&given.value, input).refuses(value));
    }
    let missing = declared.iter().filter(|(name, input)| {
        is_missing(input) && !flow.inputs.contains_key(&name.value) && !close_to.contains(&&*name.value)
    });
    let missing: Vec<&str> = missing.map(|(name, _)| &*name.value).collect();
    if let Some(first) = missing.first() {
        let noun = if missing.len() == 1 { "input" } else { "inputs" };
        findings.push(
            Finding::error("missing-field", format!("`{name}` needs the {noun} `{}`", missing.join("`, `")))
                .label(flow.inputs_span, format!("without `{first}`"))
                .help(format!("add `inputs: {{{first}: …}}`")),
        );
    }
    findings
}
