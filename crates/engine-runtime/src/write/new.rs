//! Writing for an item that is tried again: what was appended in an earlier attempt is there already.

use std::sync::Arc;

use engine_plan::Target;
use engine_spec::WriteMode;

use super::Writer;
use crate::appended::{Appended, Row};
use crate::failure::Failure;
use crate::item::Item;
use crate::shape::Shaped;
use crate::sink::{LaidOut, SinkKind};
use crate::site::Site;
use crate::stage::Done;

impl Writer {
    /// Tells whether records would be there twice if they were written again.
    pub(super) fn adds(&self, items: &[Item]) -> bool {
        let key = self.step.key(self.read_of(items.first()));
        matches!(&self.step.target, Target::Write(write) if write.mode(key) != WriteMode::Upsert)
    }

    /// Writes what was not written in an earlier attempt at the item that these steps run for, and hands all on.
    pub(super) async fn take_new(
        &mut self,
        site: &Site,
        appended: &Appended,
        batch: Shaped,
        laid_out: Option<LaidOut>,
    ) -> Result<Done, Failure> {
        let (step, turn) = (Arc::clone(&self.address), site.turn());
        let replaces = matches!(&self.step.target, Target::Write(write) if write.mode == Some(WriteMode::Replace));
        let is_whole = matches!(self.spec.as_ref().map(|spec| &spec.kind), Some(SinkKind::Parquet { .. }));
        let row = |item| Row { item, step: &step, turn: &turn, context: site.context(), stays: !replaces && !is_whole };
        let Shaped { items, scopes, claim, .. } = batch;
        let is_new: Vec<bool> = items.iter().map(|item| !appended.take(&row(item))).collect();
        let new = |at: &usize| is_new.get(*at).copied().unwrap_or_default();
        let some: Vec<Item> = (0..items.len()).filter(new).filter_map(|at| items.get(at).cloned()).collect();
        let laid_out = laid_out.filter(|_| some.len() == items.len());
        let scopes = scopes.into_iter().enumerate().filter(|(at, _)| new(at)).map(|(_, scope)| scope).collect();
        let part = Shaped { items: some.clone(), scopes, claim, ..Shaped::default() };
        let done = self.take_parts(site, part, &[some.len()], vec![laid_out]).await?;
        for item in &some {
            appended.add(&row(item));
        }
        Ok(Done { items, ..done })
    }
}
