//! An example's records, cut into pages.

use std::collections::HashMap;

use engine_expr::{Expr, Value, walk};
use http::StatusCode;

use crate::asked::Asked;
use crate::example::Content;
use crate::flags::{Facts, settle};
use crate::location::{Location, of_expr, of_list, with};
use crate::reply::Reply;
use crate::turning::{Saying, Turning};

/// An example whose records are read page by page.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    /// The example, whole.
    body: Value,
    /// The example as it is written.
    content: Content,
    /// Where the list of records is.
    list: Location,
    /// The items of the list.
    items: Vec<Value>,
    /// The records, which may be parts of the items.
    records: Vec<Value>,
    turning: Turning,
    /// How many items a page has, where that is said.
    size: Option<usize>,
}

/// A page before it says anything about the others.
struct Cut<'a> {
    items: &'a [Value],
    facts: Facts,
    next: Option<usize>,
}

impl Book {
    /// Makes a book of an example; `None` where it can't be cut.
    ///
    /// The records' path starts at what `unwrap` leads to, that of the pagination too.
    pub(crate) fn new(
        content: &Content,
        unwrap: Option<&Expr>,
        records: &Expr,
        pagination: &engine_request::Pagination,
    ) -> Option<Self> {
        let body = content.value()?;
        let unwrapped = unwrap.and_then(|unwrap| of_expr(unwrap, &body, &[])).unwrap_or_default();
        let list = of_list(records, &body, &unwrapped)?;
        let turning = Turning::new(pagination, &body, &unwrapped)?;
        let items = walk(&body, &list)?.as_list()?.to_vec();
        let found = records.as_path().and_then(|path| path.items(walk(&body, &unwrapped)?)?.ok());
        let found: Vec<Value> = found.into_iter().flatten().cloned().collect();
        let records = if found.len() == items.len() { found } else { items.clone() };
        Some(Self { content: content.clone(), body, list, items, records, turning, size: None })
    }

    /// Says how many items a page has.
    #[must_use]
    pub(crate) fn with_size(self, size: Option<usize>) -> Self {
        Self { size, ..self }
    }

    /// Answers with the page that a request wants.
    pub(crate) fn answer(&self, asked: &Asked, captured: &HashMap<String, String>, status: StatusCode) -> Reply {
        let length = self.length(self.turning.size(asked, captured), asked);
        let start = self.turning.start(asked, captured, length, &self.records);
        let saying = self.page(&self.cut(start, length), asked);
        let (content_type, body) = self.content.with_value(saying.body).to_body();
        Reply { headers: saying.headers, ..Reply::new(status, content_type, body) }
    }

    /// Chooses how many records a page has: half of them, so that there are two pages, or as many as are wanted if those are fewer; but
    /// so many that `stop_when` holds on no page before the last.
    fn length(&self, size: Option<usize>, asked: &Asked) -> usize {
        let all = self.items.len().max(1);
        if !self.turning.has_pages() {
            return all;
        }
        if let Some(size) = self.size.filter(|size| *size > 0) {
            return size;
        }
        let half = if all < 3 { all } else { all.div_ceil(2) };
        let size = size.unwrap_or(half);
        let Some(condition) = &self.turning.stop_when else { return half.min(size) };
        let goes_on = |length: usize| {
            (0..all).step_by(length).all(|start| {
                let cut = self.cut(start, length);
                let saying = self.say(&cut, asked);
                cut.next.is_none() || settle(condition, &saying.body, &cut.facts, false, &self.kept()).is_some()
            })
        };
        [half.min(size), size.min(all)].into_iter().find(|length| goes_on(*length)).unwrap_or(all)
    }

    fn cut(&self, start: usize, length: usize) -> Cut<'_> {
        let all = self.items.len();
        let start = start.min(all);
        let end = start.saturating_add(length).min(all);
        let facts = Facts {
            number: start / length + 1,
            count: end - start,
            pages: all.div_ceil(length),
            records: all,
            last: if end > start { self.records.get(end - 1).cloned() } else { None },
            headers: Vec::new(),
        };
        Cut { items: self.items.get(start..end).unwrap_or_default(), facts, next: (end < all).then_some(end) }
    }

    /// Makes a page that says all that it must.
    fn page(&self, cut: &Cut<'_>, asked: &Asked) -> Saying {
        let mut saying = self.say(cut, asked);
        if let Some(condition) = &self.turning.stop_when {
            let facts = Facts { headers: saying.headers.clone(), ..cut.facts.clone() };
            if let Some(body) = settle(condition, &saying.body, &facts, cut.next.is_none(), &self.kept()) {
                saying.body = body;
            }
        }
        saying
    }

    fn say(&self, cut: &Cut<'_>, asked: &Asked) -> Saying {
        let body = with(&self.body, &self.list, Value::list(cut.items.to_vec()));
        let mut saying = Saying { body, headers: Vec::new() };
        self.turning.say(&mut saying, asked, cut.next, cut.facts.records, cut.facts.pages);
        saying
    }

    /// Returns the places of the body that no condition may change.
    fn kept(&self) -> Vec<Location> {
        let mut kept: Vec<Location> = self.turning.locations().cloned().collect();
        kept.push(self.list.clone());
        kept
    }
}
