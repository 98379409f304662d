//! Makes the changes that findings have a safe fix for, in memory, until none is left to make.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use engine_source::{Fix, Span};

use super::check;
use super::texts::{Texts, key};
use crate::failure::Failure;
use crate::report::{Report, Reported};

/// How often files are looked at again: what one fix uncovers the next round mends.
const ROUNDS: usize = 20;

/// What came of mending.
pub(super) struct Mended {
    /// What was found in the files as they are on the disk.
    pub(super) before: Report,
    /// What is left.
    pub(super) left: Report,
    /// What was done, a line each.
    pub(super) made: Vec<String>,
    /// The texts as they are to become.
    pub(super) texts: Texts,
}

/// Mends what can be mended in these files; what they import is left alone unless it is one of them.
pub(super) fn mend(files: &[PathBuf]) -> Result<Mended, Failure> {
    let mut texts = Texts::default();
    let own: HashSet<PathBuf> = files.iter().map(|file| key(file)).collect();
    let before = check(files, &texts)?;
    let mut left = before.clone();
    let mut done = Vec::new();
    // A text that was there already: two findings that undo each other's fix would go on without end.
    let mut seen: HashSet<(String, String)> = HashSet::new();
    for _ in 0..ROUNDS {
        let mut progress = false;
        for (path, found) in by_file(&left) {
            let Some(first) = found.first() else { continue };
            let name = Path::new(&path);
            if !own.contains(&key(name)) {
                continue;
            }
            let old = first.sources.get(first.finding.span().source).text();
            let safe: Vec<&Fix> = found.iter().filter_map(|reported| reported.finding.fix.as_deref()).collect();
            let (changed, numbers) = Fix::make(old, &safe);
            seen.insert((path.clone(), old.to_owned()));
            if numbers.is_empty() || seen.contains(&(path.clone(), changed.clone())) {
                continue;
            }
            progress = true;
            done.extend(numbers.into_iter().filter_map(|number| found.get(number)).map(|one| told(one)));
            texts.change(name, old, changed);
        }
        if !progress {
            break;
        }
        left = check(files, &texts)?;
    }
    Ok(Mended { before, left, made: done, texts })
}

/// Returns what has a fix, by the file that it changes; where two would write different texts at one place, neither is safe.
fn by_file(report: &Report) -> BTreeMap<String, Vec<&Reported>> {
    let mut files: BTreeMap<String, Vec<&Reported>> = BTreeMap::new();
    for reported in report.iter() {
        let Some(fix) = &reported.finding.fix else { continue };
        let source = reported.finding.span().source;
        if fix.edits.iter().all(|(span, _)| span.source == source) {
            files.entry(reported.path.clone()).or_default().push(reported);
        }
    }
    for found in files.values_mut() {
        let mut at: BTreeMap<(u32, u32), HashSet<&str>> = BTreeMap::new();
        let place = |span: Span| (span.start, span.end);
        for (span, text) in found.iter().filter_map(|one| one.finding.fix.as_deref()).flat_map(|fix| &fix.edits) {
            at.entry(place(*span)).or_default().insert(text);
        }
        found.retain(|one| {
            let edits = one.finding.fix.as_deref().map(|fix| fix.edits.as_slice()).unwrap_or_default();
            edits.iter().all(|(span, _)| at.get(&place(*span)).is_none_or(|texts| texts.len() == 1))
        });
    }
    files
}

/// Says what was mended, and where it stood.
fn told(reported: &Reported) -> String {
    let title = reported.finding.fix.as_ref().map_or("", |fix| fix.title.as_str());
    let place = match reported.start() {
        Some((line, column)) => format!("{}:{line}:{column}", reported.path),
        None => reported.path.clone(),
    };
    format!("{place}: {}: {title}", reported.finding.message)
}
