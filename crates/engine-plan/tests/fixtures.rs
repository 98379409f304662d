//! Every invalid spec of the fixtures gives exactly the finding that its folder is named after; every valid one gives none,
//! but that something in it may not run yet.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::{fs, io};

use engine_plan::{Compiled, Disk, Files, RULES, Stage, compile, explain};

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
    let mut wrong = Vec::new();
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
                wrong.push(format!("{short}\n{}", described(&compiled)));
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
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn finds_nothing_in_valid_specs() {
    let mut wrong = Vec::new();
    for path in specs(&folder("valid")) {
        let compiled = compile(&path, &Disk);
        if !compiled.findings.is_empty() {
            wrong.push(format!("{}\n{}", path.file_name().unwrap().display(), described(&compiled)));
        }
        assert_eq!(compiled.plan.is_some(), !compiled.findings.has_errors(), "{}", path.display());
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn finds_nothing_in_the_specs_and_examples_of_the_project() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut wrong = Vec::new();
    for path in specs(&root.join("specs")).into_iter().chain(specs(&root.join("examples"))) {
        let compiled = compile(&path, &Disk);
        if !compiled.findings.is_empty() {
            wrong.push(format!("{}\n{}", path.file_name().unwrap().display(), described(&compiled)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

/// Returns the YAML blocks of a page.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// Files that are not on the disk.
struct Memory(Vec<(&'static str, String)>);

impl Files for Memory {
    fn read(&self, path: &Path) -> io::Result<String> {
        let found = self.0.iter().find(|(name, _)| Path::new(name) == path);
        found.map(|(_, text)| text.clone()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Memory {
    /// A spec, and what the pages about imports import.
    fn with(spec: &str) -> Self {
        let input = |kind: &str| format!("version: 1\ninputs: {{since: {{type: {kind}}}}}\n");
        Self(vec![
            ("specs/spec.yaml", spec.to_owned()),
            ("specs/parts/since-date.yaml", input("date")),
            ("specs/parts/since-datetime.yaml", input("datetime")),
            ("parts/shop.yaml", "version: 1\n".to_owned()),
            ("here/specs/spec.yaml", spec.to_owned()),
        ])
    }
}

#[test]
fn explains_each_rule_with_a_wrong_and_a_right_spec() {
    let mut wrong = Vec::new();
    for rule in RULES {
        let blocks = blocks(rule.page);
        let (first, last) = (blocks.first().copied().unwrap_or_default(), blocks.last().copied().unwrap_or_default());
        let check = |spec: &str| {
            let mut files = Memory::with(spec);
            // Below `specs/`, `parts/shop.yaml` is there only for the pages that mean it to be.
            if rule.code.starts_with("import-") && rule.code != "import-missing" {
                files.0.push(("specs/parts/shop.yaml", "version: 1\n".to_owned()));
            }
            compile(Path::new("specs/spec.yaml"), &files)
        };
        let right = check(last);
        if !right.findings.is_empty() {
            wrong.push(format!("{}: right\n{}", rule.code, described(&right)));
        }
        if blocks.len() < 2 {
            continue;
        }
        let found = check(first);
        let codes: Vec<_> = found.findings.iter().map(|finding| finding.code).collect();
        let expected: &[_] = if rule.stage == Stage::Reading { &[rule.code] } else { &[] };
        if codes != expected {
            wrong.push(format!("{}: wrong\n{}", rule.code, described(&found)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}
