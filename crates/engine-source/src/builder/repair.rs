//! Reads on behind values that cannot be read.

use std::ops::Range;

use super::{Mode, read_once};
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
                findings.extend(said);
                return Some(documents);
            }
            Err(stop) => {
                let unsaid = !blamed.iter().any(|range| range.contains(&(stop.finding.span().start as usize)));
                if unsaid {
                    findings.push(stop.finding);
                }
                let patient = mode == Mode::Spec && unsaid && blamed.len() < PATIENCE;
                let next = stop.blame.filter(|range| patient && !range.is_empty());
                let replaced = next.and_then(|range| Some((replace(current, &range)?, range)));
                let Some((replaced, range)) = replaced else {
                    findings.extend(said);
                    return None;
                };
                repaired = Some(replaced);
                blamed.push(range);
            }
        }
    }
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
