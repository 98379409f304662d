//! Laying pages out for a table while others are still on their way to it.

use std::sync::Arc;

use engine_runtime::{LaidOut, Layout, Mode, Record};

use super::Writer;
use super::page::{Manner, Page};
use super::table::Table;
use crate::kind::Kind;

/// Lays pages out for a table as it is known to be.
pub(super) struct RowLayout {
    table: Arc<Table>,
    declared: Vec<(String, Kind)>,
}

/// A page, and the table that it was laid out for.
struct Laid {
    table: Arc<Table>,
    page: Page,
}

impl RowLayout {
    /// Lays out what is added to a table that is there. Rows that are put to others by their keys are laid out as they are written.
    pub(super) fn of(writer: &Writer) -> Option<Self> {
        let is_plain = writer.mode == Mode::Append && writer.table.exists;
        is_plain.then(|| Self { table: Arc::new(writer.table.clone()), declared: writer.declared.clone() })
    }
}

impl Layout for RowLayout {
    fn lay_out(&self, records: &[Record]) -> Option<LaidOut> {
        let manner = Manner { declared: &self.declared, key: &[], one_by_one: false, before: 0 };
        // What is wrong with a record is said when it is written, and tables change only then.
        let page = Page::lay_out(records, &mut Table::clone(&self.table), manner).ok()?;
        page.changes.is_empty().then(|| LaidOut::new(Laid { table: Arc::clone(&self.table), page }))
    }
}

/// Returns a page that was laid out, if it was for the table as it is now.
pub(super) fn page_for(laid_out: LaidOut, table: &Table) -> Option<Page> {
    let laid = laid_out.into_page::<Laid>()?;
    (*laid.table == *table).then_some(laid.page)
}
