//! Which steps read what others before them write: they wait for the end of those, or they would read a part of it.

use crate::plan::{Block, SinkRead, SinkRecords, Source, Step, Target, Write};

/// Says of every step of a block which ones before it write what it, or a step within it, reads of a sink.
pub(super) fn order(steps: &mut [Step]) {
    for at in 1..steps.len() {
        let (before, after) = steps.split_at_mut(at);
        let Some(step) = after.first_mut() else { continue };
        let mut reads = Vec::new();
        each(step, &mut |step| {
            if let Source::Sink { read, .. } = &step.source {
                reads.push(SinkRead::clone(read));
            }
        });
        if reads.is_empty() {
            continue;
        }
        for writer in before {
            let mut is_read = false;
            each(writer, &mut |step| {
                if let Target::Write(write) = &step.target {
                    is_read |= reads.iter().any(|read| may_be_read(write, read));
                }
            });
            if is_read {
                step.reads_after.push(writer.index);
            }
        }
    }
}

/// Goes over a step and all steps within it.
fn each(step: &Step, seen: &mut dyn FnMut(&Step)) {
    seen(step);
    let cases = step.cases().iter().map(|case| &*case.step);
    let within = step.blocks().flat_map(|block: &Block| block.iter().map(|step| &**step));
    for inner in cases.chain(within).collect::<Vec<_>>() {
        each(inner, seen);
    }
}

/// Tells whether what is written may be what is read: they are in one sink, and not in tables or files that differ whatever the data.
fn may_be_read(write: &Write, read: &SinkRead) -> bool {
    if write.sink.name != read.sink.name {
        return false;
    }
    match &read.records {
        SinkRecords::Query { .. } => true,
        SinkRecords::Table(table) => {
            let names = write.table.as_ref().map(|written| (written.as_literal(), table.as_literal()));
            !matches!(names, Some((Some(written), Some(read))) if written.text() != read.text())
        }
        SinkRecords::File(path) => match (&write.path, path) {
            (Some(written), Some(read)) => {
                let differ = written.text() != read.text();
                !(differ && written.as_literal().is_some() && read.as_literal().is_some())
            }
            // The file of the sink, and perhaps another one.
            (None, Some(other)) | (Some(other), None) => other.as_literal().is_none(),
            (None, None) => true,
        },
    }
}
