//! Reading endpoints page by page. The next page is fetched while the one before is worked on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
use crate::idempotency::idempotency_key;
use crate::item::{Item, Origin};
use crate::journal::{Onward, Resumed, SourceLog};
use crate::needs::whole_scope;
use crate::outlet::Batch;
use crate::page::PageReader;
use crate::params::params_of;
use crate::position::{Position, Then};
use crate::progress::{self, Progress};
use crate::site::Site;
use crate::stage::Errors;
use crate::stop::Stop;
use crate::windows::{Fetched, Windows};
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
    /// Makes the pages that one of the flow's tasks sends, for as long as it isn't stopped.
    pub(crate) fn new(receiver: mpsc::Receiver<Paged>, stop: Stop) -> Self {
        Self { receiver, stop, ended: false }
    }

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

/// What reading from one beginning on needs.
struct Pass<'a> {
    asker: &'a Asker<'a>,
    reader: &'a PageReader,
    /// The item that it is read under.
    parent: Option<&'a Arc<Item>>,
    /// The part in the work on that item.
    claim: &'a Claim,
    /// Where its pages are written down.
    log: Option<&'a SourceLog>,
    /// What tells the read from all others of the run, but for the item that it is for.
    place: &'a str,
    /// How many pages came, from all beginnings.
    count: &'a AtomicU64,
    sender: &'a mpsc::Sender<Paged>,
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
            errors: Errors::of_reads(site),
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
        Pages::new(receiver, stop)
    }

    async fn all(
        &self,
        parent: Option<&Arc<Item>>,
        claim: &Claim,
        sender: &mpsc::Sender<Paged>,
    ) -> Result<(), Failure> {
        let Source::Read { reads, .. } = &self.site.step.source else { return Ok(()) };
        for (number, ((read, page), cursor)) in reads.iter().zip(&self.pages).zip(&self.cursors).enumerate() {
            match (read, page) {
                (Reading::Endpoint(read), Some(page)) => {
                    let log = self.journal(number, parent);
                    let place = format!("{}/{number}", self.site.address());
                    self.pages(read, page, cursor.as_ref(), parent, claim, log, &place, sender).await?;
                }
                (Reading::Composite(read), _) => composite::read(&self.site, read, parent, claim, sender).await?,
                (Reading::Endpoint(_), None) => {}
            }
        }
        Ok(())
    }

    /// Returns the journal of one endpoint that is read, if its pages are written down: those of the flow's own steps.
    fn journal(&self, number: usize, parent: Option<&Arc<Item>>) -> Option<(SourceLog, Option<Resumed>)> {
        if !self.site.frame.is_top() {
            return None;
        }
        let (address, path) = (self.site.address(), &self.site.step.path);
        let source = match parent {
            Some(parent) => format!("{address}/{number}@{}", idempotency_key("", "", parent)),
            None => format!("{address}/{number}"),
        };
        self.site.context().journal.source(source, path, parent.and_then(|parent| parent.page().cloned()))
    }

    #[expect(clippy::too_many_arguments, reason = "they have nothing in common but this read")]
    async fn pages(
        &self,
        read: &Read,
        reader: &PageReader,
        cursor: Option<&Arc<CursorPlan>>,
        parent: Option<&Arc<Item>>,
        claim: &Claim,
        log: Option<(SourceLog, Option<Resumed>)>,
        place: &str,
        sender: &mpsc::Sender<Paged>,
    ) -> Result<(), Failure> {
        let (log, resumed) = log.map_or((None, None), |(log, resumed)| (Some(log), resumed));
        if resumed.as_ref().is_some_and(|resumed| resumed.has_ended) {
            return Ok(());
        }
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
        let mut then = Then::Anew;
        let mut known = Vec::new();
        if let Some(Resumed { position: Some(position), seen, .. }) = resumed {
            let position = Position::read(&position);
            let at = position.and_then(|position| Some((progress.at(&position.progress)?, position)));
            let Some((at, position)) = at else {
                let text = format!("it is not known where the read of {} goes on", endpoint.id());
                return Err(Failure::new("run-not-resumable", text, read.span).help("begin anew with `--fresh`"));
            };
            (progress, left, then, known) = (at, position.left, position.then, seen);
        }
        let count = AtomicU64::new(0);
        let (mut windows, asking) = Windows::new(&asker, reader);
        // Whoever wants a part of what there is asks for no more than that.
        let asks_ahead = left == u64::MAX && !self.site.context().options.dry_run;
        let read = async {
            loop {
                let (base, sent, conditions) =
                    (progress.base(&self.site.base), progress.sent().clone(), progress.conditions());
                let mut coming = None;
                if asks_ahead && let Some(window) = base.get("window") {
                    coming = windows.take(&(sent.clone(), window.clone()));
                    windows.ask(progress.windows_ahead()?);
                }
                let asker = Asker { base: &base, sent: &sent, conditions: &conditions, ..asker };
                let passed = match then {
                    Then::End => Passed::End,
                    Then::Cut => Passed::Cut,
                    from @ (Then::Page { .. } | Then::Anew) => {
                        let pass = Pass {
                            asker: &asker,
                            reader,
                            parent,
                            claim,
                            log: log.as_ref(),
                            place,
                            count: &count,
                            sender,
                        };
                        let seen = std::mem::take(&mut known);
                        self.pass(&pass, from, seen, coming, &mut left, &mut progress).await?
                    }
                };
                then = Then::Anew;
                let keep = match passed {
                    Passed::Anew => continue,
                    Passed::End if progress.next_slice()? => continue,
                    Passed::End => progress.end(&asker)?,
                    Passed::Cut => progress.cut(&asker),
                };
                if let Some(log) = log {
                    log.end(keep);
                }
                return Ok(());
            }
        };
        tokio::select! {
            biased;
            done = read => done,
            never = asking => match never {},
        }
    }

    /// Reads from one beginning on.
    async fn pass(
        &self,
        pass: &Pass<'_>,
        from: Then,
        known: Vec<u64>,
        coming: Option<mpsc::Receiver<Fetched>>,
        left: &mut u64,
        progress: &mut Progress,
    ) -> Result<Passed, Failure> {
        let Pass { asker, reader, parent, claim, log, place: read_at, count: came, sender } = *pass;
        let read = asker.read;
        let endpoint = &read.endpoint;
        let first = asker.base.with("params", asker.params.clone());
        let paging = reader.paging.as_ref();
        let mut number = 0_u64;
        #[expect(clippy::single_match_else, reason = "both ways are long")]
        let (mut pager, mut changes) = match from {
            Then::Page { changes, number: before, pager } => {
                number = before;
                let at = |paging: &Arc<_>| match Pager::at(Arc::clone(paging), &first, &pager, known) {
                    Ok(Some(pager)) => Ok(pager),
                    Ok(None) => {
                        let text = format!("the pages of {} follow each other in another way now", endpoint.id());
                        Err(Failure::new("run-not-resumable", text, read.span).help("begin anew with `--fresh`"))
                    }
                    Err(error) => Err(Failure::from(error)),
                };
                (paging.map(at).transpose()?, changes)
            }
            _ => {
                let pager = paging.map(|paging| Pager::new(Arc::clone(paging), &first)).transpose()?;
                let changes = pager.as_ref().map(Pager::first).unwrap_or_default();
                (pager, changes)
            }
        };
        let mut slots = Slots::default();
        let stream: Arc<str> = endpoint.name.as_str().into();
        let at_once = match &endpoint.concurrency {
            Some(concurrency) => concurrency.resolve(&first)?.max(1) as usize,
            None => 1,
        };
        let mut ahead = Ahead::new(asker, at_once, coming);
        while *left > 0 {
            if self.site.frame.stop.is_stopped() {
                return Err(Failure::interrupted());
            }
            number += 1;
            let mut tries = parent.map(|_| self.errors.begin());
            let Came { outcome, scope, place } = loop {
                let failure = match ahead.take(&changes, number).await {
                    Ok(came) => break came,
                    Err(failure) => failure,
                };
                // Of a read under an item the page that failed is asked for again: those before it are handed on.
                let is_again = match &mut tries {
                    Some(tries) => self.errors.again(&failure, asker.item_scope, tries).await?,
                    None => false,
                };
                if !is_again {
                    return Err(failure);
                }
                ahead = Ahead::new(asker, at_once, None);
            };
            let exchanged = match outcome {
                Some(Outcome::Answer(exchanged)) => exchanged,
                Some(Outcome::Skipped) => {
                    self.site.tally.count_of(None, |counts| counts.skipped += 1);
                    return Ok(Passed::Cut);
                }
                Some(Outcome::Refused(refusal)) => return self.refused(*refusal, asker, log, progress).await,
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
            let (delivered, page) = match log {
                Some(log) => {
                    let (delivered, page) = log.page(claim.clone());
                    (delivered, Some(Arc::new(page)))
                }
                None => (claim.clone(), None),
            };
            self.site.tally.count_of(page.as_deref(), |counts| counts.pages += 1);
            // A page that is written down keeps its number when the run is taken up again; others come anew from the first on.
            let ordinal = page.as_ref().map_or_else(|| came.fetch_add(1, Ordering::Relaxed) + 1, |page| page.ordinal);
            let origin = Arc::new(Origin {
                stream: Arc::clone(&stream),
                page,
                exchange: Some(shown.clone()),
                page_key: Some(format!("{read_at}#{ordinal}")),
                response: self.response.as_ref().map(|needs| exchanged.answer.to_value(needs)),
                is_keyed: endpoint.key.is_some(),
                place: read.span,
                under: self.site.frame.under.clone(),
                went_on_from: progress.went_on_from().cloned(),
                ..Origin::default()
            });
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
                let part = part.map_err(told)?;
                let most = part.len().min(taken - seen);
                let mut items = Vec::with_capacity(usize::try_from(most).unwrap_or(0));
                for (json, located) in part.into_json(usize::try_from(taken - seen).unwrap_or(usize::MAX)) {
                    seen += 1;
                    if *left > 0 && progress.keep(json.text()).map_err(told)? {
                        *left -= 1;
                        items.push(Item { located, ..Item::new(json, parent.cloned(), Arc::clone(&origin), seen) });
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
            progress.page(number, &exchanged.answer, &scope).map_err(told)?;
            let then = match next {
                _ if *left == 0 => Then::Cut,
                Next::End => Then::End,
                Next::Request(_) if progress.is_too_deep(count) => {
                    progress.restart().map_err(told)?;
                    Then::Anew
                }
                Next::Request(changes) => {
                    let pager = pager.as_ref().filter(|_| log.is_some()).map(Pager::position).unwrap_or_default();
                    Then::Page { changes, number, pager }
                }
            };
            let passed = match &then {
                Then::Cut => Some(Passed::Cut),
                Then::End => Some(Passed::End),
                Then::Anew => Some(Passed::Anew),
                Then::Page { changes: next, .. } => {
                    changes = next.clone();
                    None
                }
            };
            if let Some(log) = log {
                let seen = pager.as_mut().map(Pager::take_seen).unwrap_or_default();
                let is_last = !matches!(then, Then::Page { .. });
                let position = Position { then, left: *left, progress: progress.position() }.written();
                log.next(Onward { position, seen, is_last, keep: progress.so_far() });
            }
            delivered.settle();
            if let Some(passed) = passed {
                return Ok(passed);
            }
        }
        Ok(Passed::Cut)
    }

    /// Goes on from where the API refused to, as the spec says.
    async fn refused(
        &self,
        refusal: Refusal,
        asker: &Asker<'_>,
        log: Option<&SourceLog>,
        progress: &mut Progress,
    ) -> Result<Passed, Failure> {
        let Refusal { failure, meaning } = refusal;
        let done = match meaning {
            Meaning::Restart => progress.restart(),
            Meaning::Reset => {
                if let Some(log) = log {
                    // What is forgotten must not come back with a page that is delivered later.
                    log.keep_nothing(progress.key()).await?;
                }
                progress.reset(asker).await
            }
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
