//! How a list is read page by page, as far as it is known before the first request.

use engine_expr::{Expr, Scope, Segment, Value, Wanted};

use super::{Page, PagerError, Pagination};
use crate::{AnswerPlace, Needs};

/// How a list is read page by page, made once per plan.
#[derive(Clone, Debug)]
pub struct Paging {
    pub(super) pagination: Pagination,
    pub(super) unwrap: Option<Expr>,
    slot: Option<usize>,
    pub(super) needs: Needs,
}

impl Paging {
    /// Makes it of what the endpoint says; `unwrap` is its `response.body`.
    pub fn new(pagination: &Pagination, unwrap: Option<&Expr>) -> Self {
        let mut needs = Needs::default();
        pagination.add_needs(&mut needs);
        if let Some(place) = pagination.watched() {
            needs.add_place(place);
        }
        Self { pagination: pagination.clone(), unwrap: unwrap.cloned(), slot: None, needs }
    }

    /// Adds the path that must be read from every page to those that the runtime wants of it anyway.
    ///
    /// The slots that are filled by `wanted` must then come with every [`Page`]. Without this, or where the path is not
    /// singular, the body is parsed as far as it is needed.
    pub fn want(&mut self, wanted: &mut Wanted) {
        let Some(AnswerPlace::Path(path)) = self.pagination.watched() else { return };
        let Some(path) = path.singular() else { return };
        let prefix: &[Segment] = match &self.unwrap {
            None => &[],
            Some(Expr::Path(unwrap)) => match unwrap.singular() {
                Some(segments) => segments,
                None => return,
            },
            Some(Expr::Template(_)) => return,
        };
        self.slot = wanted.add(&[prefix, path].concat());
        if self.slot.is_some() {
            let mut needs = Needs::default();
            self.pagination.add_needs(&mut needs);
            self.needs = needs;
        }
    }

    /// Returns whether pages must come with their last record.
    pub fn needs_last(&self) -> bool {
        matches!(self.pagination, Pagination::LastRecord(_)) || self.needs.has("last")
    }

    /// Returns whether something of a list in the body is needed; `list` is its path, of which the first `unwrapped` steps lead to `$`.
    pub fn reaches(&self, list: &[Segment], unwrapped: usize) -> bool {
        let mut needs = self.needs.clone();
        if let Some(place) = self.pagination.watched() {
            needs.add_place(place);
        }
        needs.reaches(list, unwrapped)
    }

    /// Returns the pagination.
    pub fn pagination(&self) -> &Pagination {
        &self.pagination
    }
}

impl Paging {
    /// Takes what the watched place has.
    pub(super) fn watched(&self, page: &Page<'_>, scope: &Scope) -> Result<Option<Value>, PagerError> {
        let Some(place) = self.pagination.watched() else { return Ok(None) };
        if let (Some(slot), Some(slots)) = (self.slot, page.slots) {
            // What was found was scanned already, and so is JSON.
            return Ok(slots.get(slot, page.text).and_then(|text| Value::from_json(text).ok()));
        }
        Ok(match (place, scope.root()) {
            (AnswerPlace::Path(path), Some(root)) => path.value(root)?,
            _ => place.take(page.answer, scope)?,
        })
    }
}
