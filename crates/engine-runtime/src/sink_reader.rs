//! Reading what a sink holds, page by page. The next page is read while the one before is worked on.
//!
//! Nothing of such a reading is journaled: a run that is taken up again reads the sink anew. To go on after so many rows would leave rows
//! out wherever the flow changes what it reads, as one that takes the orders `where not pushed` does; to read again costs time and loses
//! nothing. What was done for a row is known by the row itself: calls that were answered are not sent again, and rows with a key are
//! written in place.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::thread;

use engine_expr::Template;
use engine_plan::{Plan, SinkRead, SinkRecords, Source, Target};
use engine_source::Span;
use foldhash::quality::FixedState;
use tokio::sync::{mpsc, oneshot};

use crate::claim::Claim;
use crate::failure::Failure;
use crate::file_path::FilePath;
use crate::item::{Item, Json, Located, Origin};
use crate::needs::whole_scope;
use crate::outlet::Batch;
use crate::read::{Paged, Pages};
use crate::record::Record;
use crate::sink::{Held, RecordSource, SinkError, SinkQuery, SinkRows, SinkSpec};
use crate::sink_kind::evaluated;
use crate::site::Site;
use crate::stage::Errors;

/// How many pages wait to be worked on.
const AHEAD: usize = 1;

/// How many rows of one reading are remembered, to tell those that are alike.
const REMEMBERED: usize = 1 << 20;

/// Reads the sink of one step.
pub(crate) struct SinkReader {
    site: Site,
    read: Box<SinkRead>,
    errors: Errors,
}

/// What is read, its templates evaluated.
struct Wanted {
    spec: SinkSpec,
    query: SinkQuery,
    /// The name of the stream.
    stream: Arc<str>,
    /// What messages call it: `table orders in sink store`.
    shown: String,
    /// What it is named by in the spec.
    span: Span,
}

/// The rows of a reading so far, by their hashes; nothing where nobody asks which are alike.
struct Seen {
    rows: Option<HashSet<u64, FixedState>>,
    hasher: FixedState,
}

impl SinkReader {
    /// Prepares the readings of a step.
    pub(crate) fn new(site: &Site, read: &SinkRead) -> Self {
        Self { site: site.clone(), read: Box::new(read.clone()), errors: Errors::of_reads(site) }
    }

    /// Begins to read in a task of its own, under the item that the templates see, if any. Pages wait until they are taken. `claim` is the
    /// part in the work on that item, which is done with the last page.
    pub(crate) fn start(self: Arc<Self>, parent: Option<Arc<Item>>, claim: Claim) -> Pages {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let stop = self.site.frame.stop.clone();
        tokio::spawn(async move {
            let read = self.read(parent.as_ref(), &claim, &sender);
            let done = tokio::select! {
                done = read => done,
                () = self.site.frame.stop.stopped() => return,
            };
            let done = match (done, &parent) {
                (Ok(()), _) => Paged::End,
                (Err(failure), _) if failure.is_interruption() => return,
                (Err(failure), None) => Paged::Failed(failure),
                (Err(failure), Some(item)) => match self.errors.settle(item, &self.site.base, failure).await {
                    Ok(()) => Paged::End,
                    Err(failure) => Paged::Failed(failure),
                },
            };
            if matches!(done, Paged::End) {
                claim.settle();
            }
            _ = sender.send(done).await;
        });
        Pages::new(receiver, stop)
    }

    async fn read(
        &self,
        parent: Option<&Arc<Item>>,
        claim: &Claim,
        sender: &mpsc::Sender<Paged>,
    ) -> Result<(), Failure> {
        let Wanted { spec, query, stream, shown, span } = self.wanted(parent)?;
        let mut left = self.site.context().options.limit.unwrap_or(u64::MAX);
        let sinks = Arc::clone(&self.site.context().sinks);
        let source = match blocking(span, move || sinks.read(&spec, &query)).await? {
            Held::Records(source) => source,
            Held::Nothing(error) if self.site.context().options.dry_run => {
                // Another step may have been about to write it.
                self.site.log(&format!("would read {shown}, but {}", error.message));
                return Ok(());
            }
            Held::Nothing(error) => return Err(unreadable(error, span)),
        };
        let origin = |is_keyed| {
            Arc::new(Origin {
                stream: Arc::clone(&stream),
                exchange: Some(shown.clone()),
                is_keyed,
                is_row: true,
                place: span,
                under: self.site.frame.under.clone(),
                ..Origin::default()
            })
        };
        // A row that is like one before it is told from that by its number, which may be another when the sink is read again.
        let (told, alike) = (origin(true), origin(false));
        let mut seen = Seen::of(&self.site.context().plan);
        let mut number = 0;
        let mut pages = pages_of(source, span)?;
        while left > 0 {
            let records = match pages.recv().await {
                Some(page) => page.map_err(|error| unreadable(error, span))?,
                None => return Err(broken_off(span)),
            };
            if records.is_empty() {
                break;
            }
            let mut items = Vec::with_capacity(records.len());
            for record in records.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
                number += 1;
                let (json, located) = match record {
                    Record::Value(value) => (Json::of(&value), Located::Nowhere),
                    Record::Raw(text) => (Json::new(text), Located::Nowhere),
                    Record::Fields(fields) => (Json::new(fields.shared()), Located::Members(fields)),
                };
                let origin = if seen.is_new(json.text()) { &told } else { &alike };
                items.push(Item { located, ..Item::new(json, parent.cloned(), Arc::clone(origin), number) });
            }
            left -= items.len() as u64;
            if sender.send(Paged::Page(Batch::new(items, claim.clone()))).await.is_err() {
                return Err(Failure::interrupted());
            }
        }
        Ok(())
    }

    /// Evaluates what is read.
    fn wanted(&self, parent: Option<&Arc<Item>>) -> Result<Wanted, Failure> {
        let (site, read) = (&self.site, &*self.read);
        let scope = match parent {
            Some(parent) => whole_scope(&site.base, parent)?.rooted(parent.value()?),
            None => site.base.clone(),
        };
        let sink = &read.sink;
        let Some((kind, own)) = evaluated(&sink.sink, &site.base)? else {
            let text = format!("`{}` is a stdout sink, and cannot be read", sink.name);
            return Err(Failure::new("sink-unreadable", text, read.span));
        };
        let path = |template: Option<&Template>| {
            let Some(template) = template else { return Ok(None) };
            let path = FilePath::new(site.context().plan.folder(template.span()), template, &site.step);
            Ok::<_, Failure>(Some(path.place(&path.render(&scope)?)))
        };
        let in_sink = |what: &str| format!("{what} in sink {}", sink.name);
        let (rows, path, shown, stream, span) = match &read.records {
            SinkRecords::Table(table) => {
                let name = table.render_text(&scope)?;
                if name.is_empty() {
                    return Err(Failure::new("template-failed", "the name of the table is empty", table.span()));
                }
                let stream: Arc<str> = name.as_str().into();
                let shown = in_sink(&format!("table {name}"));
                (SinkRows::Table(name), path(own)?, shown, stream, table.span())
            }
            SinkRecords::Query { query, params } => {
                let mut bound = Vec::with_capacity(params.len());
                for (name, value) in params {
                    bound.push((name.value.to_string(), value.evaluate(&scope)?.unwrap_or_default()));
                }
                let rows = SinkRows::Query { text: query.as_str().to_owned(), params: bound };
                (rows, path(own)?, in_sink("the query"), sink.name.as_str().into(), query.span())
            }
            SinkRecords::File(file) => {
                let span = file.as_ref().map_or(read.span, Template::span);
                let path = path(file.as_ref().or(own))?;
                let name = path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
                (SinkRows::All, path, in_sink(&name), sink.name.as_str().into(), span)
            }
        };
        let spec = SinkSpec { name: sink.name.clone(), create: false, kind };
        Ok(Wanted { spec, query: SinkQuery { path, rows }, stream, shown, span })
    }
}

impl Seen {
    /// Remembers rows where the plan does something that a row is known by: a sink knows itself what was written to it.
    fn of(plan: &Plan) -> Self {
        let mut asks = false;
        plan.walk(&mut |step| {
            asks |= !matches!(step.target, Target::None | Target::Write(_) | Target::Log(_) | Target::Fail(_));
            asks |= matches!(step.source, Source::Read { over: Some(_), .. } | Source::Sink { over: Some(_), .. });
        });
        Self { rows: asks.then(HashSet::default), hasher: FixedState::default() }
    }

    /// Tells whether nothing like this came before, as far as that is known.
    fn is_new(&mut self, text: &str) -> bool {
        match &mut self.rows {
            Some(rows) => rows.len() < REMEMBERED && rows.insert(self.hasher.hash_one(text)),
            None => true,
        }
    }
}

/// Reads the pages of a sink on a thread of its own, one ahead of those that are worked on. After the last comes one without records. Nobody
/// waits for the thread: a query may have long to go, and changes nothing.
fn pages_of(
    mut source: Box<dyn RecordSource>,
    span: Span,
) -> Result<mpsc::Receiver<Result<Vec<Record>, SinkError>>, Failure> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let read = move || loop {
        let page = source.next_page();
        let is_last = page.as_ref().map_or(true, Vec::is_empty);
        if sender.blocking_send(page).is_err() || is_last {
            return;
        }
    };
    thread::Builder::new().name("reads a sink".to_owned()).spawn(read).map_err(|error| no_thread(&error, span))?;
    Ok(receiver)
}

/// Does what blocks on a thread of its own. A run that is stopped does not wait for it: a query may have long to go, and changes nothing.
async fn blocking<T: Send + 'static>(
    span: Span,
    work: impl FnOnce() -> Result<T, SinkError> + Send + 'static,
) -> Result<T, Failure> {
    let (sender, receiver) = oneshot::channel();
    let spawned = thread::Builder::new().name("reads a sink".to_owned()).spawn(move || _ = sender.send(work()));
    if let Err(error) = spawned {
        return Err(no_thread(&error, span));
    }
    match receiver.await {
        Ok(done) => done.map_err(|error| unreadable(error, span)),
        Err(_) => Err(broken_off(span)),
    }
}

fn no_thread(error: &std::io::Error, span: Span) -> Failure {
    unreadable(SinkError::new(format!("no thread can be made that reads: {error}")), span)
}

fn broken_off(span: Span) -> Failure {
    Failure::new("internal-error", "the reading of the sink broke off", span)
}

fn unreadable(error: SinkError, span: Span) -> Failure {
    Failure { help: error.help, ..Failure::new("sink-unreadable", error.message, span) }
}
