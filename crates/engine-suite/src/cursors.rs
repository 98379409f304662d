//! Cursors as they are kept, taken apart again.

use engine_expr::Value;
use engine_runtime::Entry;

/// A cursor that is kept.
pub(crate) struct Cursor<'a> {
    /// The address of the step.
    pub(crate) step: &'a str,
    /// The endpoint that it reads.
    pub(crate) endpoint: &'a str,
    /// All that it is known by.
    pub(crate) label: &'a str,
    pub(crate) value: Value,
}

/// Reads what is kept of cursors: their labels are `FLOW, step ADDRESS: API.ENDPOINT PARAMS`.
pub(crate) fn of(entries: &[Entry]) -> Vec<Cursor<'_>> {
    let read = |entry: &'_ Entry| -> Option<(usize, usize, usize)> {
        let step = entry.label.find(", step ")? + ", step ".len();
        let end = step + entry.label.get(step..)?.find(": ")?;
        let endpoint = end + 2;
        Some((step, end, endpoint))
    };
    entries
        .iter()
        .filter_map(|entry| {
            let (step, end, endpoint) = read(entry)?;
            let endpoint = entry.label.get(endpoint..)?.split(' ').next()?;
            let text = String::from_utf8_lossy(&entry.value);
            let value = Value::from_json(&text).unwrap_or_else(|_| text.as_ref().into());
            Some(Cursor { step: entry.label.get(step..end)?, endpoint, label: &entry.label, value })
        })
        .collect()
}
