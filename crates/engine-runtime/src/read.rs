//! Reading endpoints page by page. The next page is fetched while the one before is worked on.

use std::sync::Arc;

use engine_expr::{Scope, Slots};
use engine_plan::{Read, Source, Step};
use engine_request::{Draft, Fingerprint, Last, Needs, Next, Page, Pager, PagerError};
use futures_util::stream::{self, Stream};
use tokio::sync::mpsc;

use crate::exchange::{Asked, Outcome};
use crate::failure::Failure;
use crate::item::{Item, Origin};
use crate::needs::whole_scope;
use crate::outlet::Batch;
use crate::page::PageReader;
use crate::params::params_of;
use crate::run::RunContext;
use crate::tally::Tally;

/// How many pages wait to be worked on.
const AHEAD: usize = 1;

/// Reads the endpoints of one step.
pub(crate) struct Reader {
    context: Arc<RunContext>,
    step: Arc<Step>,
    base: Scope,
    tally: Arc<Tally>,
    pages: Vec<PageReader>,
    /// Whether the step's expressions ask for pages as `response`.
    response: bool,
}

impl Reader {
    /// Prepares the reads of a step.
    pub(crate) fn new(context: &Arc<RunContext>, step: &Arc<Step>, base: &Scope, tally: &Arc<Tally>, response: bool) -> Self {
        Self {
            context: Arc::clone(context),
            step: Arc::clone(step),
            base: base.clone(),
            tally: Arc::clone(tally),
            pages: step.reads().iter().map(|read| PageReader::new(&read.endpoint)).collect(),
            response,
        }
    }

    /// Reads all endpoints of the step, one after another, under the item that their params see, if any.
    pub(crate) fn read(self: Arc<Self>, parent: Option<Arc<Item>>) -> impl Stream<Item = Result<Batch, Failure>> + Send + use<> {
        let mut pages = self.start(parent);
        stream::poll_fn(move |task| pages.poll_recv(task))
    }

    /// Begins to read, in a task of its own; pages wait until they are taken.
    pub(crate) fn start(self: Arc<Self>, parent: Option<Arc<Item>>) -> mpsc::Receiver<Result<Batch, Failure>> {
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::spawn(async move {
            let Source::Read { reads, .. } = &self.step.source else { return };
            for (read, page) in reads.iter().zip(&self.pages) {
                if let Err(failure) = self.pages(read, page, parent.as_ref(), &sender).await {
                    let failure = match &parent {
                        Some(item) => failure.about(item),
                        None => failure,
                    };
                    _ = sender.send(Err(failure)).await;
                    return;
                }
            }
        });
        receiver
    }

    async fn pages(
        &self,
        read: &Read,
        reader: &PageReader,
        parent: Option<&Arc<Item>>,
        sender: &mpsc::Sender<Result<Batch, Failure>>,
    ) -> Result<(), Failure> {
        let endpoint = &read.endpoint;
        let item_scope = match parent {
            Some(parent) => whole_scope(&self.base, parent).rooted(parent.current.value().unwrap_or_default()),
            None => self.base.clone(),
        };
        let params = params_of(&endpoint.params, &read.params, &item_scope, read.span)?;
        let mut scope = self.base.with("params", params.clone());
        let step_limit = match &read.limit {
            Some(limit) => Some(limit.resolve(&item_scope)?),
            None => None,
        };
        let mut left = step_limit.into_iter().chain(self.context.options.limit).min().unwrap_or(u64::MAX);
        let mut pager = match &reader.paging {
            Some(paging) => Some(Pager::new(Arc::clone(paging), &scope)?),
            None => None,
        };
        let mut changes = pager.as_ref().map(Pager::first).unwrap_or_default();
        let mut slots = Slots::default();
        let mut page_number = 0_u64;
        let stream: Arc<str> = endpoint.name.as_str().into();
        while left > 0 && !self.context.stop.is_stopped() {
            page_number += 1;
            let has_pages = reader.paging.is_some();
            scope = scope.with("params", changes.params(&params));
            let mut draft = self.draft(read, &scope, &item_scope)?;
            let declared = draft.url().clone();
            changes.apply(&mut draft)?;
            let place = if has_pages { format!(", page {page_number}") } else { String::new() };
            let asked = Asked {
                endpoint,
                scope: &scope,
                tally: &self.tally,
                stop: &self.context.stop,
                span: read.span,
                place: &place,
                declared: &declared,
                has_key: false,
            };
            let exchanged = match self.context.exchanges.send(draft, &asked).await? {
                Outcome::Answer(exchanged) => exchanged,
                Outcome::Skipped => {
                    self.tally.add(|counts| counts.skipped += 1);
                    return Ok(());
                }
                Outcome::Stopped => return Ok(()),
            };
            let shown = format!("{} {}{place}", exchanged.request.method, exchanged.request.shown_url);
            let told = |failure: Failure| Failure { message: format!("{shown}: {}", failure.message), ..failure };
            let records = reader.read(&exchanged.answer, &scope, &mut slots).map_err(told)?;
            let next = match &mut pager {
                None => Next::End,
                Some(pager) => {
                    let last = records.last().map_or(Last::None, Last::Raw);
                    let page = Page {
                        request: &exchanged.request,
                        answer: &exchanged.answer,
                        text: records.text(),
                        slots: Some(&slots),
                        count: records.len() as u64,
                        last,
                        fingerprint: Fingerprint::of(records.parts()),
                    };
                    pager.next(&page, &scope).map_err(|error| told(paging_failure(&error)))?
                }
            };
            self.tally.add(|counts| counts.pages += 1);
            let origin = Arc::new(Origin {
                stream: Arc::clone(&stream),
                exchange: Some(shown),
                response: self.response.then(|| exchanged.answer.to_value(&Needs::all())),
                place: read.span,
            });
            let items: Vec<Item> = records
                .into_json(usize::try_from(left).unwrap_or(usize::MAX))
                .enumerate()
                .map(|(at, json)| Item::new(json, parent.cloned(), Arc::clone(&origin), at as u64 + 1))
                .collect();
            left = left.saturating_sub(items.len() as u64);
            if sender.send(Ok(Arc::new(items))).await.is_err() {
                return Ok(());
            }
            match next {
                Next::End => return Ok(()),
                Next::Request(next) => changes = next,
            }
        }
        Ok(())
    }

    /// Begins a request of a read: what the endpoint says, and over it what the read says.
    fn draft(&self, read: &Read, scope: &Scope, item_scope: &Scope) -> Result<Draft, Failure> {
        let endpoint = &read.endpoint;
        let mut draft = self.context.exchanges.draft(endpoint, scope)?;
        draft.set_query(&read.query, item_scope)?;
        draft.set_headers(&read.headers, item_scope)?;
        Ok(draft)
    }
}

fn paging_failure(error: &PagerError) -> Failure {
    let help = error.help();
    let range = match error {
        PagerError::Eval(error) => error.range.clone(),
        _ => None,
    };
    Failure { range, help, ..Failure::new(error.code(), error.to_string(), error.span()) }
}
