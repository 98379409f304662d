//! Reading endpoints page by page. The next page is fetched while the one before is worked on.

use std::sync::Arc;

use engine_expr::{Scope, Slots, Wanted};
use engine_plan::{Read, Source, Step};
use engine_request::{Last, Needs, Next, Page, Pager, PagerError};
use engine_spec::ItemAction;
use tokio::sync::mpsc;

use crate::ahead::{Ahead, Asker, Came};
use crate::asked_of_answers;
use crate::exchange::Outcome;
use crate::failure::Failure;
use crate::item::{Item, Origin};
use crate::needs::whole_scope;
use crate::outlet::Batch;
use crate::page::PageReader;
use crate::params::params_of;
use crate::run::RunContext;
use crate::stop::Stop;
use crate::tally::Tally;

/// How many pages wait to be worked on.
const AHEAD: usize = 1;

/// What a read sends to whoever works on its pages.
enum Paged {
    /// A page.
    Page(Batch),
    /// There are no more.
    End,
    /// The read failed.
    Failed(Failure),
}

/// The pages of a read, as they come.
pub(crate) struct Pages {
    receiver: mpsc::Receiver<Paged>,
    stop: Stop,
    ended: bool,
}

impl Pages {
    /// Returns the next page, nothing at the end. A read that is broken off is not at its end.
    pub(crate) async fn next(&mut self) -> Option<Result<Batch, Failure>> {
        if self.ended {
            return None;
        }
        match self.receiver.recv().await {
            Some(Paged::Page(page)) => return Some(Ok(page)),
            Some(Paged::End) => {
                self.ended = true;
                return None;
            }
            Some(Paged::Failed(failure)) => {
                self.ended = true;
                return Some(Err(failure));
            }
            None => self.ended = true,
        }
        Some(Err(if self.stop.is_stopped() {
            Failure::interrupted()
        } else {
            Failure::new("internal-error", "a read broke off", engine_source::Span::default())
        }))
    }
}

/// What a step asks of the pages that it reads.
pub(crate) struct AskedOfPages<'a> {
    /// What its mapping wants of each record.
    pub(crate) row: Option<&'a Wanted>,
    /// Whether its expressions use `response`.
    pub(crate) response: bool,
}

/// Reads the endpoints of one step.
pub(crate) struct Reader {
    context: Arc<RunContext>,
    step: Arc<Step>,
    base: Scope,
    tally: Arc<Tally>,
    pages: Vec<PageReader>,
    /// What the step's expressions use of pages as `response`, if anything.
    response: Option<Needs>,
}

impl Reader {
    /// Prepares the reads of a step.
    pub(crate) fn new(
        context: &Arc<RunContext>,
        step: &Arc<Step>,
        base: &Scope,
        tally: &Arc<Tally>,
        asked: &AskedOfPages<'_>,
    ) -> Self {
        let response = asked.response.then(|| asked_of_answers::of_pages(step));
        let reader = |read: &Read| PageReader::new(&read.endpoint, asked.row, response.as_ref());
        Self {
            context: Arc::clone(context),
            step: Arc::clone(step),
            base: base.clone(),
            tally: Arc::clone(tally),
            pages: step.reads().iter().map(reader).collect(),
            response,
        }
    }

    /// Begins to read all endpoints of the step, one after another, in a task of its own, under the item that their params see, if any.
    /// Pages wait until they are taken.
    pub(crate) fn start(self: Arc<Self>, parent: Option<Arc<Item>>) -> Pages {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let stop = self.context.stop.clone();
        tokio::spawn(async move {
            let done = match self.all(parent.as_ref(), &sender).await {
                Err(failure) if failure.is_interruption() => return,
                Err(failure) => match &parent {
                    Some(item) if self.step.on_error.action == ItemAction::Skip && !failure.is_fatal => {
                        self.tally.add(|counts| counts.failed += 1);
                        self.context.reject(&self.step.id, &failure.about(item));
                        Paged::End
                    }
                    Some(item) => Paged::Failed(failure.about(item)),
                    None => Paged::Failed(failure),
                },
                Ok(()) => Paged::End,
            };
            _ = sender.send(done).await;
        });
        Pages { receiver, stop, ended: false }
    }

    async fn all(&self, parent: Option<&Arc<Item>>, sender: &mpsc::Sender<Paged>) -> Result<(), Failure> {
        let Source::Read { reads, .. } = &self.step.source else { return Ok(()) };
        for (read, page) in reads.iter().zip(&self.pages) {
            self.pages(read, page, parent, sender).await?;
        }
        Ok(())
    }

    async fn pages(
        &self,
        read: &Read,
        reader: &PageReader,
        parent: Option<&Arc<Item>>,
        sender: &mpsc::Sender<Paged>,
    ) -> Result<(), Failure> {
        let endpoint = &read.endpoint;
        let item_scope = match parent {
            Some(parent) => whole_scope(&self.base, parent)?.rooted(parent.value()?),
            None => self.base.clone(),
        };
        let params = params_of(&endpoint.params, &read.params, &item_scope, read.span)?;
        let first = self.base.with("params", params.clone());
        let step_limit = match &read.limit {
            Some(limit) => Some(limit.resolve(&item_scope)?),
            None => None,
        };
        let mut left = step_limit.into_iter().chain(self.context.options.limit).min().unwrap_or(u64::MAX);
        let mut pager = match &reader.paging {
            Some(paging) => Some(Pager::new(Arc::clone(paging), &first)?),
            None => None,
        };
        let mut changes = pager.as_ref().map(Pager::first).unwrap_or_default();
        let mut slots = Slots::default();
        let mut number = 0_u64;
        let stream: Arc<str> = endpoint.name.as_str().into();
        let asker = Asker {
            context: &self.context,
            tally: &self.tally,
            read,
            base: &self.base,
            item_scope: &item_scope,
            params: &params,
            has_pages: reader.paging.is_some(),
            takes: reader.takes(),
        };
        let at_once = match &endpoint.concurrency {
            Some(concurrency) => concurrency.resolve(&first)?.max(1) as usize,
            None => 1,
        };
        let mut ahead = Ahead::new(&asker, at_once);
        while left > 0 {
            if self.context.stop.is_stopped() {
                return Err(Failure::interrupted());
            }
            number += 1;
            let Came { outcome, scope, place } = ahead.take(&changes, number).await?;
            let exchanged = match outcome {
                Some(Outcome::Answer(exchanged)) => exchanged,
                Some(Outcome::Skipped) => {
                    self.tally.add(|counts| counts.skipped += 1);
                    return Ok(());
                }
                Some(Outcome::Stopped) => return Err(Failure::interrupted()),
                None => return Ok(()),
            };
            let shown = format!("{} {}{place}", exchanged.request.method, exchanged.request.shown_url);
            let told = |failure: Failure| exchanged.told(failure, &shown);
            let records = reader.read(&exchanged.answer, &exchanged.beside, &scope, &mut slots).map_err(told)?;
            let next = match &mut pager {
                None => Next::End,
                // With this page there are as many records as were asked for.
                Some(_) if records.len() >= left => Next::End,
                Some(pager) => {
                    let last = records.last().map_or(Last::None, Last::Raw);
                    let page = Page {
                        request: &exchanged.request,
                        answer: &exchanged.answer,
                        text: records.text(),
                        slots: Some(&slots),
                        count: records.len(),
                        last,
                        fingerprint: records.fingerprint(),
                    };
                    pager.next(&page, &scope).map_err(|error| told(paging_failure(&error)))?
                }
            };
            self.tally.add(|counts| counts.pages += 1);
            let origin = Arc::new(Origin {
                stream: Arc::clone(&stream),
                exchange: Some(shown.clone()),
                response: self.response.as_ref().map(|needs| exchanged.answer.to_value(needs)),
                is_keyed: endpoint.key.is_some(),
                place: read.span,
            });
            let taken = records.len().min(left);
            left -= taken;
            if let (Some(pager), Next::Request(_)) = (&pager, &next) {
                ahead.plan(pager, number, left.div_ceil(taken.max(1)));
            }
            let mut deliveries = records.deliver(read.span);
            let mut delivered = 0;
            while let Some(part) = deliveries.next().await {
                let wanted = usize::try_from(taken - delivered).unwrap_or(usize::MAX);
                let items: Vec<Item> = part
                    .map_err(told)?
                    .into_json(wanted)
                    .zip(delivered + 1..)
                    .map(|((json, row), number)| Item {
                        row,
                        ..Item::new(json, parent.cloned(), Arc::clone(&origin), number)
                    })
                    .collect();
                delivered += items.len() as u64;
                if sender.send(Paged::Page(Arc::new(items))).await.is_err() {
                    return Err(Failure::interrupted());
                }
                if delivered == taken {
                    break;
                }
            }
            if delivered < taken {
                let text = format!("{taken} records were counted, and {delivered} came");
                return Err(told(Failure::new("internal-error", text, read.span)));
            }
            match next {
                Next::End => return Ok(()),
                Next::Request(next) => changes = next,
            }
        }
        Ok(())
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
