//! Results of tests as texts.

use std::fmt::Write as _;

use engine_suite::{Coverage, Disturbed, PointKind};
use serde_json::json;

use super::results::{Results, Suite};
use crate::render::{Format, human, json};
use crate::report::counted;
use crate::terminal::{Look, Style};

/// How many points that no test reaches are named where nobody asked for all.
const NAMED: usize = 5;

/// Writes a line for each spec that has tests, then all that failed.
pub(super) fn human(results: &Results, look: Look) -> String {
    let mut text = String::new();
    for suite in results.suites.iter().filter(|suite| suite.is_wrong() || !suite.cases.is_empty()) {
        text += &line(suite, look);
    }
    let failed = results
        .suites
        .iter()
        .flat_map(|suite| suite.errors.iter().chain(suite.cases.iter().flat_map(|case| case.findings.iter())));
    let failed: String = failed.map(|reported| human::render(reported, look)).collect();
    if !failed.is_empty() {
        text.push('\n');
        text += failed.trim_end_matches('\n');
        text.push('\n');
    }
    text
}

fn line(suite: &Suite, look: Look) -> String {
    let (path, tests) = (suite.path.display(), suite.cases.len());
    let (word, style, rest) = if suite.is_wrong() {
        ("fail", Style::Red, counted(suite.errors.iter().count(), "error"))
    } else {
        match suite.failed() {
            0 => ("ok", Style::Green, counted(tests, "test")),
            failed => ("fail", Style::Red, format!("{failed} of {}", counted(tests, "test"))),
        }
    };
    format!("{} {path}  {rest}\n", look.paint(style, &format!("{word:<4}")))
}

/// Writes counts, and what is reached.
pub(super) fn summary(results: &Results, look: Look, shows_all: bool) -> String {
    let tests = results.cases().count();
    let failed = results.cases().filter(|case| !case.is_ok()).count();
    let mut parts = vec![format!("{} passed", counted(tests - failed, "test"))];
    if failed > 0 {
        parts.push(format!("{failed} failed"));
    }
    if results.errors() > 0 {
        parts.push(format!("{} not valid", counted(results.errors(), "spec")));
    }
    let untested = results.suites.iter().filter(|suite| !suite.is_tested && !suite.is_wrong()).count();
    if untested > 0 {
        parts.push(format!("{} without tests", counted(untested, "spec")));
    }
    let mut text = format!("\n{}\n", parts.join(", "));
    match &results.troubles {
        None => text += &reached(&results.coverage(), look, shows_all),
        Some(Disturbed { runs, faults, crashes, .. }) => {
            _ = writeln!(text, "disturbed: {runs} runs, {faults} faults, {crashes} crashes");
        }
    }
    text
}

fn reached(coverage: &Coverage, look: Look, shows_all: bool) -> String {
    let kinds = [(PointKind::Endpoint, "endpoint"), (PointKind::Step, "step"), (PointKind::Branch, "branch")];
    let counts = kinds.map(|(kind, noun)| {
        let (reached, all) = coverage.counts(kind);
        let noun = match (noun, all) {
            (noun, 1) => noun.to_owned(),
            ("branch", _) => "branches".to_owned(),
            (noun, _) => format!("{noun}s"),
        };
        (all, format!("{reached} of {all} {noun}"))
    });
    let counts: Vec<String> = counts.into_iter().filter(|(all, _)| *all > 0).map(|(_, text)| text).collect();
    if counts.is_empty() {
        return String::new();
    }
    let mut text = format!("covered: {}\n", counts.join(", "));
    let missed: Vec<_> = coverage.missed().collect();
    let named = if shows_all { missed.len() } else { NAMED };
    for point in missed.iter().take(named) {
        let (file, line, column) = &point.place;
        let place = look.paint(Style::Dim, &format!("{file}:{line}:{column}"));
        _ = writeln!(text, "  not covered: {} {place}", point.name);
    }
    if missed.len() > named {
        _ = writeln!(text, "  and {} more: `--coverage` lists them", missed.len() - named);
    }
    text
}

/// Writes all that failed as commands of a GitHub workflow.
pub(super) fn github(results: &Results) -> String {
    let reports = results
        .suites
        .iter()
        .flat_map(|suite| std::iter::once(&suite.errors).chain(suite.cases.iter().map(|case| &case.findings)));
    reports.map(|report| Format::Github.render(report, Look { color: false, unicode: true, width: None })).collect()
}

/// Writes all as one JSON object.
pub(super) fn json(results: &Results) -> String {
    let findings = |report: &crate::report::Report| {
        let objects = report.iter().map(|reported| serde_json::to_value(json::Object::new(reported)));
        objects.filter_map(Result::ok).collect::<Vec<_>>()
    };
    let specs: Vec<_> = results
        .suites
        .iter()
        .map(|suite| {
            let tests: Vec<_> = suite
                .cases
                .iter()
                .map(|case| {
                    let line = suite.sources.get(case.place.source).line_column(case.place.start).0;
                    json!({
                        "name": case.name,
                        "line": line,
                        "status": if case.is_ok() { "passed" } else { "failed" },
                        "seconds": case.took.as_secs_f64(),
                        "findings": findings(&case.findings),
                    })
                })
                .collect();
            json!({"path": suite.path.display().to_string(), "tests": tests, "errors": findings(&suite.errors)})
        })
        .collect();
    let coverage = results.coverage();
    let count = |kind| {
        let (reached, all) = coverage.counts(kind);
        json!({"covered": reached, "all": all})
    };
    let missed = coverage.missed().map(|point| {
        let (path, line, column) = &point.place;
        json!({"name": point.name, "path": path, "line": line, "column": column})
    });
    let failed = results.cases().filter(|case| !case.is_ok()).count();
    let all = json!({
        "specs": specs,
        "passed": results.cases().count() - failed,
        "failed": failed,
        "coverage": {
            "endpoints": count(PointKind::Endpoint),
            "steps": count(PointKind::Step),
            "branches": count(PointKind::Branch),
            "missed": missed.collect::<Vec<_>>(),
        },
    });
    format!("{all:#}\n")
}
