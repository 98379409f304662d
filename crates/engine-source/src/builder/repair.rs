//! Reads on behind values that cannot be read.

use std::ops::Range;

use super::{Mode, read_once};
use crate::finding::Finding;
use crate::findings::Findings;
use crate::node::Node;
use crate::span::SourceId;

/// How many values of one file are replaced so that reading can go on.
const PATIENCE: usize = 50;

/// Reads all documents of a text; nothing if it cannot be read to its end.
///
/// Where one value is to blame that nothing can be read, it is replaced by another as long and the text is read again:
/// so the places stay, and the other mistakes are found too.
pub(crate) fn read(text: &str, source: SourceId, mode: Mode, findings: &mut Findings) -> Option<Vec<Node>> {
    let mut blamed: Vec<Range<usize>> = Vec::new();
    let mut repaired: Option<String> = None;
    loop {
        let mut said = Findings::new();
        let current = repaired.as_deref().unwrap_or(text);
        match read_once(current, source, mode, &blamed, &mut said) {
            Ok(documents) => {
                findings.extend(said.into_iter().map(|finding| without_blamed(finding, &blamed)));
                return Some(documents);
            }
            Err(stop) => {
                let unsaid = !blamed.iter().any(|range| range.contains(&(stop.finding.span().start as usize)));
                if unsaid {
                    findings.push(without_blamed(*stop.finding, &blamed));
                }
                let patient = mode == Mode::Spec && unsaid && blamed.len() < PATIENCE;
                let next = stop.blame.filter(|range| patient && !range.is_empty());
                let replaced = next.and_then(|range| Some((replace(current, &range)?, range)));
                let Some((replaced, range)) = replaced else {
                    findings.extend(said.into_iter().map(|finding| without_blamed(finding, &blamed)));
                    return None;
                };
                repaired = Some(replaced);
                blamed.push(range);
            }
        }
    }
}

/// Reads as much of a text as can be read, whatever stands in it: a line that cannot be is taken for an empty one.
///
/// For whoever looks at a text while it is written. Says nothing about it; the places are those of the text.
pub(crate) fn read_anyhow(text: &str, source: SourceId) -> Option<Node> {
    let mut current = text.to_owned();
    let most = (MOST_READ / text.len().max(1)).clamp(5, 300);
    for _ in 0..most {
        let stop = match read_once(&current, source, Mode::Spec, &[], &mut Findings::new()) {
            Ok(documents) => return documents.into_iter().next(),
            Err(stop) => stop,
        };
        let blamed = stop.blame.filter(|range| !range.is_empty()).and_then(|range| replace(&current, &range));
        current = match blamed {
            Some(replaced) if replaced != current => replaced,
            _ => without_line(&current, stop.finding.span().range().start)?,
        };
    }
    None
}

/// How many bytes are read in all rounds over one text.
const MOST_READ: usize = 8 * 1024 * 1024;

/// Blanks the line of a byte, or the nearest one that has something: first before it, then behind it.
fn without_line(text: &str, at: usize) -> Option<String> {
    let mut start = 0;
    let lines: Vec<Range<usize>> = text
        .split_inclusive('\n')
        .map(|line| {
            let range = start..start + line.len();
            start = range.end;
            range
        })
        .collect();
    let here = lines.partition_point(|line| line.end <= at).min(lines.len().saturating_sub(1));
    let is_full = |index: &usize| {
        let line = lines.get(*index).and_then(|line| text.get(line.clone())).unwrap_or_default();
        !line.trim().is_empty()
    };
    let index = (0..=here).rev().find(is_full).or_else(|| (here..lines.len()).find(is_full))?;
    let line = lines.get(index)?;
    let mut blanked = text.get(..line.start)?.to_owned();
    for letter in text.get(line.clone())?.chars() {
        match letter {
            '\n' | '\r' => blanked.push(letter),
            _ => blanked.extend(std::iter::repeat_n(' ', letter.len_utf8())),
        }
    }
    blanked.push_str(text.get(line.end..)?);
    Some(blanked)
}

/// Takes off a fix that would write the word that stands for a value, in place of the value.
fn without_blamed(mut finding: Finding, blamed: &[Range<usize>]) -> Finding {
    let overlaps = |edit: Range<usize>| blamed.iter().any(|range| edit.start < range.end && range.start < edit.end);
    if finding.fix.as_ref().is_some_and(|fix| fix.edits.iter().any(|(span, _)| overlaps(span.range()))) {
        finding.fix = None;
    }
    finding
}

/// Puts a word in the place of a value within one line.
fn replace(text: &str, range: &Range<usize>) -> Option<String> {
    let value = text.get(range.clone()).filter(|value| !value.contains(['\n', '\r']))?;
    let mut replaced = String::with_capacity(text.len());
    replaced.push_str(text.get(..range.start)?);
    replaced.extend(std::iter::repeat_n('_', value.len()));
    replaced.push_str(text.get(range.end..)?);
    Some(replaced)
}
