//! Every invalid spec of the fixtures gives exactly the finding that its folder is named after; every valid one gives none,
//! but that something in it may not run yet.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use engine_plan::{Compiled, Disk, Stage, compile, explain};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/specs").join(name)
}

/// Lists the specs right in a folder; what they import is in folders below it.
fn specs(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.is_file() && path.extension().is_some_and(|it| it == "yaml" || it == "yml"));
    paths.sort();
    paths
}

fn described(compiled: &Compiled) -> String {
    let lines = compiled.findings.iter().map(|finding| {
        let place = compiled.sources.place(finding.span());
        let help = finding.help.as_deref().unwrap_or("-");
        format!("  {place}: {}[{}]: {} | {}\n", finding.severity.name(), finding.code, finding.message, help)
    });
    lines.collect()
}

#[test]
fn finds_what_each_invalid_spec_is_about_and_nothing_else() {
    let mut wrong = String::new();
    let mut count = 0;
    let mut codes: Vec<PathBuf> = fs::read_dir(folder("invalid")).unwrap().map(|entry| entry.unwrap().path()).collect();
    codes.sort();
    for code in codes.iter().filter(|path| path.is_dir()) {
        let name = code.file_name().unwrap().to_str().unwrap();
        assert!(explain(name).is_some_and(|rule| rule.stage == Stage::Reading), "`{name}` has no rule");
        for path in specs(code) {
            count += 1;
            let compiled = compile(&path, &Disk);
            let found: Vec<_> = compiled.findings.iter().map(|finding| finding.code).collect();
            if found != [name] {
                let short = path.strip_prefix(folder("invalid")).unwrap().display();
                wrong.push_str(&format!("{short}\n{}", described(&compiled)));
            }
            for finding in &compiled.findings {
                let rule = explain(finding.code).unwrap_or_else(|| panic!("`{}` has no rule", finding.code));
                assert_eq!(rule.severity, finding.severity, "{}", path.display());
                assert!(!finding.span().is_none(), "{}: without a place", path.display());
            }
            assert_eq!(compiled.plan.is_some(), !compiled.findings.has_errors(), "{}", path.display());
        }
    }
    assert!(count > 120, "only {count} invalid specs");
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn finds_nothing_in_valid_specs() {
    let mut wrong = String::new();
    for path in specs(&folder("valid")) {
        let compiled = compile(&path, &Disk);
        if compiled.findings.iter().any(|finding| finding.code != "not-supported") {
            wrong.push_str(&format!("{}\n{}", path.file_name().unwrap().display(), described(&compiled)));
        }
        assert_eq!(compiled.plan.is_some(), !compiled.findings.has_errors(), "{}", path.display());
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn finds_nothing_in_the_specs_and_examples_of_the_project() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut wrong = String::new();
    for path in specs(&root.join("specs")).into_iter().chain(specs(&root.join("examples"))) {
        let compiled = compile(&path, &Disk);
        if !compiled.findings.is_empty() {
            wrong.push_str(&format!("{}\n{}", path.file_name().unwrap().display(), described(&compiled)));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
