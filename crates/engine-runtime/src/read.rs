//! Reading endpoints page by page. The next page is fetched while the one before is worked on.

use std::sync::Arc;

use engine_expr::{Slots, Wanted};
use engine_plan::{Read, Reading, Source};
use engine_request::{Changes, CursorPlan, Last, Needs, Next, Page, Pager, PagerError};
use tokio::sync::mpsc;

use crate::ahead::{Ahead, Asker, Came};
use crate::asked_of_answers;
use crate::claim::Claim;
use crate::composite;
use crate::exchange::{Meaning, Outcome, Refusal};
use crate::failure::Failure;
use crate::item::{Item, Origin};
use crate::needs::whole_scope;
use crate::outlet::Batch;
use crate::page::PageReader;
use crate::params::params_of;
use crate::progress::{self, Progress};
use crate::site::Site;
use crate::stage::Errors;
use crate::stop::Stop;
use crate::xml_lists;

/// How many pages wait to be worked on.
const AHEAD: usize = 1;

/// What a read sends to whoever works on its pages.
pub(crate) enum Paged {
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
    site: Site,
    errors: Errors,
    /// How the pages of each endpoint with a request are read.
    pages: Vec<Option<PageReader>>,
    /// What the step's expressions use of pages as `response`, if anything.
    response: Option<Needs>,
    /// What each endpoint says of its cursor.
    cursors: Vec<Option<Arc<CursorPlan>>>,
}

/// How reading from one beginning on ended.
enum Passed {
    /// At the end of the records.
    End,
    /// Before it: as many came as were wanted, or the rest was skipped.
    Cut,
    /// It begins anew.
    Anew,
}

impl Reader {
    /// Prepares the reads of a step.
    pub(crate) fn new(site: &Site, asked: &AskedOfPages<'_>) -> Self {
        let step = &site.step;
        let response = asked.response.then(|| asked_of_answers::of_pages(step));
        let reader = |read: &Read| {
            let lists = Arc::new(xml_lists::of(&site.context().plan, &read.endpoint));
            PageReader::new(&read.endpoint, asked.row, response.as_ref(), lists)
        };
        Self {
            site: site.clone(),
            errors: Errors::new(site),
            pages: step.reads().iter().map(|read| read.as_endpoint().map(reader)).collect(),
            response,
            cursors: progress::cursors(step.reads()),
        }
    }

    /// Begins to read all endpoints of the step, one after another, in a task of its own, under the item that their params see, if any.
    /// Pages wait until they are taken. `claim` is the part in the work on that item, which is done with the last page.
    pub(crate) fn start(self: Arc<Self>, parent: Option<Arc<Item>>, claim: Claim) -> Pages {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let stop = self.site.frame.stop.clone();
        tokio::spawn(async move {
            let done = match self.all(parent.as_ref(), &claim, &sender).await {
                Err(failure) if failure.is_interruption() => return,
                Err(failure) => match &parent {
                    Some(item) => match self.errors.settle(item, &self.site.base, failure).await {
                        Ok(()) => {
                            self.site.frame.pending.hold(self.site.step.index);
                            Paged::End
                        }
                        Err(failure) => Paged::Failed(failure),
                    },
                    None => Paged::Failed(failure),
                },
                Ok(()) => Paged::End,
            };
            if matches!(done, Paged::End) {
                claim.settle();
            }
            _ = sender.send(done).await;
        });
        Pages { receiver, stop, ended: false }
    }

    async fn all(
        &self,
        parent: Option<&Arc<Item>>,
        claim: &Claim,
        sender: &mpsc::Sender<Paged>,
    ) -> Result<(), Failure> {
        let Source::Read { reads, .. } = &self.site.step.source else { return Ok(()) };
        for ((read, page), cursor) in reads.iter().zip(&self.pages).zip(&self.cursors) {
            match (read, page) {
                (Reading::Endpoint(read), Some(page)) => {
                    self.pages(read, page, cursor.as_ref(), parent, claim, sender).await?;
                }
                (Reading::Composite(read), _) => composite::read(&self.site, read, parent, claim, sender).await?,
                (Reading::Endpoint(_), None) => {}
            }
        }
        Ok(())
    }

    async fn pages(
        &self,
        read: &Read,
        reader: &PageReader,
        cursor: Option<&Arc<CursorPlan>>,
        parent: Option<&Arc<Item>>,
        claim: &Claim,
        sender: &mpsc::Sender<Paged>,
    ) -> Result<(), Failure> {
        let endpoint = &read.endpoint;
        let item_scope = match parent {
            Some(parent) => whole_scope(&self.site.base, parent)?.rooted(parent.value()?),
            None => self.site.base.clone(),
        };
        let params = params_of(&endpoint.params, &read.params, &item_scope, read.span)?;
        let first = self.site.base.with("params", params.clone());
        let step_limit = match &read.limit {
            Some(limit) => Some(limit.resolve(&item_scope)?),
            None => None,
        };
        let mut left = step_limit.into_iter().chain(self.site.context().options.limit).min().unwrap_or(u64::MAX);
        let nothing = Changes::default();
        let asker = Asker {
            context: self.site.context(),
            frame: &self.site.frame,
            tally: &self.site.tally,
            read,
            base: &self.site.base,
            item_scope: &item_scope,
            params: &params,
            sent: &nothing,
            conditions: &nothing,
            has_pages: reader.paging.is_some(),
            takes: reader.takes(),
        };
        let pager = reader.paging.as_ref().map(|paging| Pager::new(Arc::clone(paging), &first)).transpose()?;
        let beginning = pager.as_ref().map(Pager::first).unwrap_or_default();
        let mut progress = Progress::begin(&asker, &self.site.step, cursor, &beginning).await?;
        loop {
            let (base, sent, conditions) =
                (progress.base(&self.site.base), progress.sent().clone(), progress.conditions());
            let asker = Asker { base: &base, sent: &sent, conditions: &conditions, ..asker };
            match self.pass(&asker, reader, parent, claim, &mut left, &mut progress, sender).await? {
                Passed::Anew => {}
                Passed::End => return progress.end(&asker),
                Passed::Cut => {
                    progress.cut(&asker);
                    return Ok(());
                }
            }
        }
    }

    /// Reads from one beginning on.
    async fn pass(
        &self,
        asker: &Asker<'_>,
        reader: &PageReader,
        parent: Option<&Arc<Item>>,
        claim: &Claim,
        left: &mut u64,
        progress: &mut Progress,
        sender: &mpsc::Sender<Paged>,
    ) -> Result<Passed, Failure> {
        let read = asker.read;
        let endpoint = &read.endpoint;
        let first = asker.base.with("params", asker.params.clone());
        let mut pager = reader.paging.as_ref().map(|paging| Pager::new(Arc::clone(paging), &first)).transpose()?;
        let mut changes = pager.as_ref().map(Pager::first).unwrap_or_default();
        let mut slots = Slots::default();
        let mut number = 0_u64;
        let stream: Arc<str> = endpoint.name.as_str().into();
        let at_once = match &endpoint.concurrency {
            Some(concurrency) => concurrency.resolve(&first)?.max(1) as usize,
            None => 1,
        };
        let mut ahead = Ahead::new(asker, at_once);
        while *left > 0 {
            if self.site.frame.stop.is_stopped() {
                return Err(Failure::interrupted());
            }
            number += 1;
            let Came { outcome, scope, place } = ahead.take(&changes, number).await?;
            let exchanged = match outcome {
                Some(Outcome::Answer(exchanged)) => exchanged,
                Some(Outcome::Skipped) => {
                    self.site.tally.add(|counts| counts.skipped += 1);
                    return Ok(Passed::Cut);
                }
                Some(Outcome::Refused(refusal)) => return self.refused(*refusal, asker, progress).await,
                Some(Outcome::Stopped) => return Err(Failure::interrupted()),
                None => return Ok(Passed::Cut),
            };
            let shown = format!("{} {}{place}", exchanged.request.method, exchanged.request.shown_url);
            let told = |failure: Failure| exchanged.told(failure, &shown);
            let records = reader.read(&exchanged.answer, &exchanged.beside, &scope, &mut slots).map_err(told)?;
            let next = match &mut pager {
                None => Next::End,
                // With this page there are as many records as were asked for.
                Some(_) if records.len() >= *left && !progress.drops() => Next::End,
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
            self.site.tally.add(|counts| counts.pages += 1);
            let origin = Arc::new(Origin {
                stream: Arc::clone(&stream),
                exchange: Some(shown.clone()),
                response: self.response.as_ref().map(|needs| exchanged.answer.to_value(needs)),
                is_keyed: endpoint.key.is_some(),
                place: read.span,
                under: self.site.frame.under.clone(),
                ..Origin::default()
            });
            let delivered = claim.clone();
            let count = records.len();
            // Where records may be left out, more of a page may be needed than are wanted.
            let taken = if progress.drops() { count } else { count.min(*left) };
            if let (Some(pager), Next::Request(_), false) = (&pager, &next, progress.is_bounded()) {
                ahead.plan(pager, number, left.saturating_sub(taken).div_ceil(taken.max(1)));
            }
            let mut deliveries = records.deliver(read.span);
            let mut seen = 0;
            while seen < taken
                && *left > 0
                && let Some(part) = deliveries.next().await
            {
                let mut items = Vec::new();
                for (json, row) in part.map_err(told)?.into_json(usize::try_from(taken - seen).unwrap_or(usize::MAX)) {
                    seen += 1;
                    if *left > 0 && progress.keep(json.text()).map_err(told)? {
                        *left -= 1;
                        items.push(Item { row, ..Item::new(json, parent.cloned(), Arc::clone(&origin), seen) });
                    }
                }
                if sender.send(Paged::Page(Batch::new(items, delivered.clone()))).await.is_err() {
                    return Err(Failure::interrupted());
                }
            }
            if seen < taken && *left > 0 {
                let text = format!("{taken} records were counted, and {seen} came");
                return Err(told(Failure::new("internal-error", text, read.span)));
            }
            delivered.settle();
            progress.page(number, &exchanged.answer, &scope).map_err(told)?;
            match next {
                _ if *left == 0 => return Ok(Passed::Cut),
                Next::End => return Ok(Passed::End),
                Next::Request(_) if progress.is_too_deep(count) => {
                    progress.restart().map_err(told)?;
                    return Ok(Passed::Anew);
                }
                Next::Request(next) => changes = next,
            }
        }
        Ok(Passed::Cut)
    }

    /// Goes on from where the API refused to, as the spec says.
    async fn refused(&self, refusal: Refusal, asker: &Asker<'_>, progress: &mut Progress) -> Result<Passed, Failure> {
        let Refusal { failure, meaning } = refusal;
        let done = match meaning {
            Meaning::Restart => progress.restart(),
            Meaning::Reset => progress.reset(asker).await,
            Meaning::NotModified if progress.is_unmodified(asker) => {
                let message = format!("{} has not changed since the last run", asker.read.endpoint.id());
                self.site.log(&message);
                return Ok(Passed::Cut);
            }
            Meaning::NotModified => return Err(failure),
        };
        match done {
            Ok(()) => Ok(Passed::Anew),
            Err(why) => Err(Failure { message: format!("{}; {}", failure.message, why.message), ..why }),
        }
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
