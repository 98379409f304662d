//! The outlines of the plans of valid specs, beside them; `UPDATE=1` writes them anew. What does not run yet has one, too.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use engine_source::Node;

use crate::compiler::Compiler;
use crate::files::Disk;
use crate::load::Loader;

fn specs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/specs/valid");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "yaml"));
    paths.sort();
    paths
}

fn name(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

/// Whether a spec is about steps.
fn is_about_steps(path: &Path) -> bool {
    let name = name(path);
    name.starts_with("step-") || ["endpoint-of-steps", "on-failure-and-finally", "whole-integration"].contains(&name)
}

#[test]
fn shows_the_plan_of_every_spec_that_is_about_steps() {
    #[expect(clippy::disallowed_methods, reason = "a test asks whether to write")]
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for path in specs().into_iter().filter(|path| is_about_steps(path)) {
        let mut compiler = Compiler::new(&Disk);
        let plan = compiler.spec(&path).unwrap_or_else(|| panic!("{}: {:#?}", path.display(), compiler.findings));
        let (outline, beside) = (plan.outline(), path.with_extension("plan"));
        if update {
            fs::write(&beside, &outline).unwrap();
        } else if fs::read_to_string(&beside).ok().as_deref() != Some(&outline) {
            wrong.push(format!("{} is\n{outline}", beside.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn numbers_steps_in_the_order_of_the_outline() {
    for path in specs() {
        let Some(plan) = Compiler::new(&Disk).spec(&path) else { panic!("{}", path.display()) };
        let (mut next, mut paths) = (0, BTreeSet::new());
        plan.walk(&mut |step| {
            assert_eq!(step.uid, next, "{}: {}", path.display(), step.path);
            assert!(paths.insert(step.path.clone()), "{}: {} twice", path.display(), step.path);
            next += 1;
        });
    }
}

/// Adds the keys of steps, of their targets and of what these say.
fn keys(step: &Node, found: &mut BTreeSet<String>) {
    for entry in step.entries() {
        found.insert(entry.key.text.to_string());
        for inner in entry.value.entries() {
            found.insert(format!("{}.{}", entry.key.text, inner.key.text));
        }
        match &*entry.key.text {
            "steps" | "switch" => entry.value.items().iter().for_each(|step| keys(step, found)),
            "parallel" => entry.value.items().iter().flat_map(Node::items).for_each(|step| keys(step, found)),
            _ => {}
        }
    }
}

#[test]
fn shows_every_key_of_steps() {
    let schema: serde_json::Value = serde_json::from_str(&engine_spec::schema_json()).unwrap();
    let properties = |name: &str| -> Vec<String> {
        let known = schema.pointer(&format!("/$defs/{name}/properties"));
        known.and_then(|it| it.as_object()).unwrap_or_else(|| panic!("{name}")).keys().cloned().collect()
    };
    let mut found = BTreeSet::new();
    for path in specs().into_iter().filter(|path| is_about_steps(path)) {
        let root = Loader::new(&Disk).load(&path).root.unwrap();
        for key in ["steps", "on_failure", "finally"] {
            root.get(key).map(Node::items).unwrap_or_default().iter().for_each(|step| keys(step, &mut found));
        }
    }
    let parts = [
        ("Call", "call"),
        ("ReadEndpoint", "read"),
        ("ReadSink", "read"),
        ("WriteTo", "write"),
        ("Flow", "flow"),
        ("WaitFor", "wait"),
        ("BatchLimits", "batch"),
        ("Validate", "validate"),
        ("Expect", "expect"),
        ("ErrorHandling", "on_error"),
    ];
    let mut wanted = properties("Step");
    wanted.extend(properties("Case"));
    for (definition, key) in parts {
        wanted.extend(properties(definition).into_iter().map(|member| format!("{key}.{member}")));
    }
    let missing: Vec<&String> = wanted.iter().filter(|key| !found.contains(*key)).collect();
    assert!(missing.is_empty(), "in no fixture: {missing:?}");
}
