//! What a table or a file lacks that is new, though its read goes on from where the run before ended.

use engine_expr::NameUse;
use engine_plan::{Step, Target};

use crate::file_path::FilePath;
use crate::item::Item;
use crate::sink::{Mode, SinkKind, SinkSpec, SinkTarget};

/// Functions that give something else each time.
const FICKLE: [&str; 3] = ["now(", "uuid(", "random("];

/// Tells whether all runs write to this one place, so that what the runs before have read should be there.
pub(crate) fn may_be(step: &Step, path: Option<&FilePath>, spec: &SinkSpec, target: &SinkTarget) -> bool {
    let Target::Write(write) = &step.target else { return false };
    let is_one = |text: &str, names: &[NameUse]| {
        names.iter().all(|name| name.root() == "inputs") && !FICKLE.iter().any(|function| text.contains(function))
    };
    path.is_none_or(|path| is_one(path.written(), path.names()))
        && write.table.as_ref().is_none_or(|table| is_one(table.text(), table.names()))
        && target.mode != Mode::Replace
        // Each of them is a file of its run.
        && !matches!(spec.kind, SinkKind::Parquet { .. })
}

/// Returns the cursor of the run before from which the read of an item, or of what it is under, went on.
pub(crate) fn went_on_from(item: &Item) -> Option<&str> {
    std::iter::successors(Some(item), |item| item.parent.as_deref())
        .find_map(|item| item.origin.went_on_from.as_deref())
}

/// Says what is not there, and how it comes to be.
pub(crate) fn message(sink: &str, place: &str, cursor: &str) -> String {
    let what = if place.is_empty() { "the file".to_owned() } else { format!("table `{place}`") };
    format!(
        "{what} of sink `{sink}` is new, but the read goes on from {cursor}, where the run before ended; \
         `--full-refresh` reads all"
    )
}
