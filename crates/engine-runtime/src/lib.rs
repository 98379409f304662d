//! Running a plan: the executor.

mod record;
mod sink;

pub use crate::record::Record;
pub use crate::sink::{Column, ColumnType, Mode, RecordSink, SinkError, SinkKind, SinkSpec, SinkTarget, Sinks};
