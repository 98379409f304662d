//! Writing the records of a step to its sink: a batch at a time, each batch whole.

mod appended;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use engine_expr::{Scope, Template};
use engine_plan::{Items, Source, Step, Target};
use engine_request::KeyMember;
use engine_spec::{Field, FieldType, Mapping, WriteMode};
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Handle;

use crate::claim::Claim;
use crate::failure::Failure;
use crate::file_path::FilePath;
use crate::gap;
use crate::item::Item;
use crate::journal::KnownOnce;
use crate::machine::{Event, WrittenUnit};
use crate::mapping::Scratch;
use crate::needs::Needs;
use crate::record::Record;
use crate::report;
use crate::run::RunContext;
use crate::shape::Shaped;
use crate::sink::{
    Column, ColumnType, Extent, LaidOut, Layout, Mode, PagePart, RecordSink, SinkError, SinkKind, SinkSpec, SinkTarget,
    Unit,
};
use crate::sink_kind::evaluated;
use crate::site::Site;
use crate::stage::Done;
use crate::writing::Room;
use crate::written::{Known, text_of, units_of};

/// Writes to the targets of one step, each opened when its first record comes.
pub(crate) struct Writer {
    context: Arc<RunContext>,
    step: Arc<Step>,
    base: Scope,
    /// What tells the step from all others of a run.
    address: Arc<str>,
    needs: Needs,
    scratch: Scratch,
    spec: Option<SinkSpec>,
    path: Option<FilePath>,
    /// The columns that are declared.
    columns: Vec<Column>,
    /// The open targets: tables by their names, files by their paths.
    open: HashMap<String, Box<dyn RecordSink>>,
    /// The names of the open targets in the order in which they were opened.
    order: Vec<String>,
    /// What is not there for anybody before the end does not count as delivered before it; nor what may not be on the disk yet.
    held: Claim,
    /// What was written before the run was taken up again, by the places.
    known: HashMap<String, Arc<KnownOnce>>,
    /// What tells what is written from what the step writes in other runs of its block.
    turn: String,
    /// The files that were written to since they were brought to the disk.
    unsynced: BTreeSet<String>,
    /// When files were brought to the disk last.
    synced_at: Option<Timestamp>,
}

/// How long what was written to files waits until it is brought to the disk.
const SYNCED: SignedDuration = SignedDuration::from_millis(250);

impl Writer {
    /// Evaluates what the spec says of the sink; nothing is opened yet.
    pub(crate) fn new(site: &Site) -> Result<Self, Failure> {
        let (context, step, base) = (site.context(), &site.step, &site.base);
        let (spec, path) = match &step.target {
            Target::Write(write) => describe(context, step, write, base)?,
            _ => (None, None),
        };
        let needs = match &step.target {
            Target::Write(write) => {
                let table = write.table.iter().flat_map(Template::names);
                Needs::of(table.chain(path.iter().flat_map(FilePath::names)))
            }
            _ => Needs::default(),
        };
        Ok(Self {
            context: Arc::clone(context),
            step: Arc::clone(step),
            base: base.clone(),
            address: Arc::clone(site.address()),
            needs,
            scratch: Scratch::default(),
            spec,
            path,
            columns: shaped_by(site).map(columns).unwrap_or_default(),
            open: HashMap::new(),
            order: Vec::new(),
            held: Claim::none(),
            known: HashMap::new(),
            turn: site.turn(),
            unsynced: BTreeSet::new(),
            synced_at: None,
        })
    }

    /// Tells whether it asks for the page as `response`.
    pub(crate) fn needs_response(&self) -> bool {
        self.needs.response()
    }

    /// Returns how much may come together to be written together: a table takes all of it in one transaction.
    pub(crate) fn room(&self) -> Option<Room> {
        match &self.spec.as_ref()?.kind {
            _ if self.context.options.dry_run => None,
            SinkKind::Postgres { .. } => Some(Room::FAR),
            SinkKind::Sqlite { .. } => Some(Room::NEAR),
            SinkKind::Jsonl { .. } | SinkKind::Csv { .. } | SinkKind::Parquet { .. } => None,
        }
    }

    /// Writes batches that have come together and hands each on.
    pub(crate) async fn take_all(&mut self, site: &Site, batches: Vec<Shaped>) -> Result<Vec<Done>, Failure> {
        // What is appended for an item that may be tried again is known page by page.
        let is_known = site.frame.trail().is_some() && batches.iter().any(|batch| self.adds(batch.items.first()));
        if batches.len() < 2 || self.room().is_none() || is_known {
            let mut done = Vec::with_capacity(batches.len());
            for batch in batches {
                done.push(self.take(site, batch).await?);
            }
            return Ok(done);
        }
        let count = batches.iter().map(|batch| batch.items.len()).sum();
        let mut all = Shaped { items: Vec::with_capacity(count), ..Shaped::default() };
        let (mut parts, mut laid_out) = (Vec::with_capacity(batches.len()), Vec::with_capacity(batches.len()));
        for Shaped { items, scopes, claim, laid_out: own, .. } in batches {
            if !scopes.is_empty() {
                all.scopes.resize_with(all.items.len(), || site.base.clone());
                all.scopes.extend(scopes);
            }
            parts.push((items.len(), claim.clone()));
            if !items.is_empty() {
                laid_out.push(own);
            }
            all.items.extend(items);
            all.claim.join(claim);
        }
        let counts: Vec<usize> = parts.iter().map(|(count, _)| *count).collect();
        let Done { items, claim } = self.take_parts(site, all, &counts, laid_out).await?;
        claim.settle();
        let mut items = items.into_iter();
        let part = |(count, claim)| Done { items: items.by_ref().take(count).collect(), claim };
        Ok(parts.into_iter().map(part).collect())
    }

    /// Writes a batch and hands it on.
    pub(crate) async fn take(&mut self, site: &Site, mut batch: Shaped) -> Result<Done, Failure> {
        let (count, laid_out) = (batch.items.len(), batch.laid_out.take());
        self.take_parts(site, batch, &[count], vec![laid_out]).await
    }

    /// Returns what lays records out for the target, where there is one for all of them.
    pub(crate) fn layout(&self) -> Option<Arc<dyn Layout>> {
        match self.order.as_slice() {
            [only] => self.open.get(only)?.layout(),
            _ => None,
        }
    }

    /// Writes a batch, which is several of so many items that have come together. Those that are not empty may be laid out.
    async fn take_parts(
        &mut self,
        site: &Site,
        batch: Shaped,
        counts: &[usize],
        mut laid_out: Vec<Option<LaidOut>>,
    ) -> Result<Done, Failure> {
        let Shaped { items, scopes, claim, .. } = batch;
        // A step that runs for each of many items sees other names each time.
        self.base = site.base.clone();
        self.turn = site.turn();
        if items.is_empty() {
            return Ok(Done { items, claim });
        }
        let trail = site.frame.trail().filter(|_| self.adds(items.first())).map(Arc::clone);
        let trail = trail.as_deref();
        let Some(spec) = self.spec.clone() else {
            // A `stdout` sink prints.
            let members = self.not_appended(site, trail, "", (0..items.len()).collect(), &items);
            let records: Vec<Record> = members.iter().filter_map(|at| items.get(*at)).map(Item::record).collect();
            self.context.observer.records(None, &records).map_err(|error| {
                Failure::new("output-failed", format!("the records cannot be printed: {error}"), self.step.span)
            })?;
            self.appended(site, trail, "", &members, &items);
            count_sent(site, &items, &members);
            return Ok(Done { items, claim });
        };
        let is_journaled = self.is_journaled(&spec, &items);
        for (place, members) in self.places(&items, &scopes, &spec)? {
            let members = self.not_appended(site, trail, &place, members, &items);
            if members.is_empty() {
                continue;
            }
            let name = place.clone();
            // What goes to several places is laid out there.
            let laid_out = if members.len() == items.len() { std::mem::take(&mut laid_out) } else { Vec::new() };
            if is_journaled {
                let pages = pages_of(&members, counts);
                let pages: Vec<Vec<&Item>> =
                    pages.map(|page| page.iter().filter_map(|at| items.get(*at)).collect()).collect();
                self.write_once(&spec, place, &pages, laid_out).await?;
                self.appended(site, trail, &name, &members, &items);
                count_sent(site, &items, &members);
                continue;
            }
            let records: Vec<Record> = members.iter().filter_map(|at| items.get(*at)).map(Item::record).collect();
            let count = records.len();
            if self.context.options.dry_run {
                let to = match &spec.kind {
                    kind if has_tables(kind) && !place.is_empty() => format!("{}, table {place}", spec.name),
                    _ if self.path.as_ref().is_some_and(FilePath::is_per_item) => {
                        format!("{}, file {place}", spec.name)
                    }
                    _ => spec.name.clone(),
                };
                let noun = if count == 1 { "record" } else { "records" };
                let message = format!("would write {count} {noun} to {to}");
                site.log(&message);
                continue;
            }
            let first = members.first().and_then(|at| items.get(*at));
            let pages = pages_of(&members, counts).map(|page| PagePart { records: page.len(), units: Vec::new() });
            let pages = pages.collect();
            self.write(&spec, place, records, pages, first).await?;
            self.appended(site, trail, &name, &members, &items);
            count_sent(site, &items, &members);
        }
        if self.is_seen_at_the_end(&spec) || (is_journaled && !has_tables(&spec.kind)) {
            self.held.join(claim.clone().strictly());
        }
        let now = self.context.exchanges.now();
        if !self.unsynced.is_empty() && self.synced_at.is_none_or(|last| now.duration_since(last) >= SYNCED) {
            self.sync().await?;
            std::mem::take(&mut self.held).settle();
        }
        Ok(Done { items, claim })
    }

    /// Tells whether it has to be known what was written, since it would be there twice if it were written again.
    fn is_journaled(&self, spec: &SinkSpec, items: &[Item]) -> bool {
        let appends = || {
            let key = self.step.key(self.read_of(items.first()));
            matches!(&self.step.target, Target::Write(write) if write.mode(key) == WriteMode::Append)
        };
        self.context.journal.is_kept()
            && !self.context.options.dry_run
            && !matches!(spec.kind, SinkKind::Parquet { .. })
            && appends()
    }

    /// Writes what was not written before the run was taken up again, along with what it is known by.
    async fn write_once(
        &mut self,
        spec: &SinkSpec,
        place: String,
        pages: &[Vec<&Item>],
        mut laid_out: Vec<Option<LaidOut>>,
    ) -> Result<(), Failure> {
        let first = pages.iter().flatten().next().copied();
        if !self.open.contains_key(&place) {
            // What is asked for once was not written since.
            let known = self.context.journal.known(&self.place_key(spec, &place));
            let (writer, name) = (&mut *self, place.clone());
            let begin = async move {
                let known = if has_tables(&spec.kind) {
                    writer.write(spec, name.clone(), Vec::new(), Vec::new(), first).await?;
                    if writer.context.journal.is_resumed() {
                        writer.known_to_sink(&name).await?
                    } else {
                        Known::default()
                    }
                } else {
                    writer.known_to_journal(spec, &name, first).await?
                };
                Ok::<_, Failure>(Mutex::new(known))
            };
            known.get_or_try_init(|| begin).await?;
            if !self.open.contains_key(&place) {
                self.write(spec, place.clone(), Vec::new(), Vec::new(), first).await?;
            }
            self.known.insert(place.clone(), known);
        }
        let fresh = self.fresh(&place, pages);
        if fresh.iter().zip(pages).any(|(fresh, page)| fresh.len() != page.len()) {
            laid_out.clear();
        }
        let pages = fresh;
        let records: Vec<Record> = pages.iter().flatten().map(|item| item.record()).collect();
        if records.is_empty() {
            return Ok(());
        }
        if !has_tables(&spec.kind) {
            let units = units_of(pages.iter().flatten().copied(), &self.turn);
            let units = units.into_iter().map(|(page, items)| WrittenUnit { page, items: text_of(&items) }).collect();
            return self.write_intended(place, records, units).await;
        }
        let (run, step) = (&self.context.id, &*self.address);
        let unit = |(page, items)| Unit { run: run.clone(), step: step.to_owned(), page, items };
        let parts: Vec<PagePart> = pages
            .iter()
            .filter(|page| !page.is_empty())
            .map(|page| PagePart {
                records: page.len(),
                units: units_of(page.iter().copied(), &self.turn).into_iter().map(unit).collect(),
            })
            .collect();
        self.with_sink(&place, move |sink| sink.write_laid_out(&records, &parts, laid_out)).await
    }

    /// Leaves out what was written before the run was taken up again.
    fn fresh<'i>(&self, place: &str, pages: &[Vec<&'i Item>]) -> Vec<Vec<&'i Item>> {
        let Some(known) = self.known.get(place).and_then(|known| known.get()) else { return pages.to_vec() };
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fresh = |page: &Vec<&'i Item>| {
            page.iter().copied().filter(|item| !known.take(item, &self.turn)).collect::<Vec<_>>()
        };
        pages.iter().map(&mut fresh).collect()
    }

    /// Asks a table what of the run is in it.
    async fn known_to_sink(&mut self, place: &str) -> Result<Known, Failure> {
        let (run, step) = (self.context.id.clone(), self.address.to_string());
        let units = self.with_sink(place, move |sink| sink.units(&run, &step)).await?;
        Ok(Known::of_sink(&units))
    }

    /// Finds what of the step is in a file.
    async fn known_to_journal(&mut self, spec: &SinkSpec, place: &str, first: Option<&Item>) -> Result<Known, Failure> {
        let journal = self.context.journal.clone();
        let path = self.path_of(place).unwrap_or_default().display().to_string();
        journal.recovered(&path).get_or_try_init(|| self.recover(spec, place, &path, first)).await?;
        let file = self.file_key(place);
        Ok(journal.ask(|machine| machine.file(&file).map(|file| Known::of_journal(&file.units))).unwrap_or_default())
    }

    /// Looks which of the pages are in a file that steps of the run were about to write, before it was taken up again.
    async fn recover(&mut self, spec: &SinkSpec, place: &str, path: &str, first: Option<&Item>) -> Result<(), Failure> {
        let journal = self.context.journal.clone();
        let (least, mut pages) = journal.ask(|machine| {
            let (mut least, mut pages) = (None, Vec::new());
            for (file, written) in machine.writers_of(path) {
                least = least.max(written.length);
                let tail = written.tail.iter().enumerate();
                pages.extend(tail.map(|(number, page)| (file.clone(), number, page.extent.clone())));
            }
            (least, pages)
        });
        if pages.is_empty() && least.is_none() {
            return Ok(());
        }
        pages.sort_by_key(|(_, _, extent)| extent.at);
        let (sinks, spec, target) = (Arc::clone(&self.context.sinks), spec.clone(), self.target(spec, place, first)?);
        let extents: Vec<Extent> = pages.iter().map(|(_, _, extent)| extent.clone()).collect();
        let span = self.span();
        let found =
            tokio::task::spawn_blocking(move || sinks.recover(&spec, &target, least.unwrap_or_default(), &extents));
        let found = found.await.map_err(|_| Failure::new("internal-error", "the sink broke off", span))?;
        let found = found.map_err(|error| Failure::sink(error, span))?;
        let mut missing: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for ((file, number, _), is_there) in pages.into_iter().zip(found) {
            let missing = missing.entry(file).or_default();
            if !is_there {
                missing.push(number);
            }
        }
        for (file, pages) in missing {
            journal.event(Event::Missing { file, pages });
        }
        Ok(())
    }

    /// Writes a page to a file; that it is about to be there is written down before.
    async fn write_intended(
        &mut self,
        place: String,
        records: Vec<Record>,
        units: Vec<WrittenUnit>,
    ) -> Result<(), Failure> {
        let (journal, file) = (self.context.journal.clone(), self.file_key(&place));
        let unkept = Arc::new(Mutex::new(None));
        let (reason, handle) = (Arc::clone(&unkept), Handle::current());
        let (intended, mut units) = (file.clone(), Some(units));
        let written = self.with_sink(&place, move |sink| {
            sink.write_intended(&records, &mut |extent| {
                let units = units.take().unwrap_or_default();
                journal.event(Event::Writing { file: intended.clone(), extent, units });
                handle.block_on(journal.flush()).map_err(|failure| {
                    let error = SinkError::new(failure.message.clone());
                    *reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                    error
                })
            })
        });
        let written = written.await;
        if let Some(failure) = unkept.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(failure);
        }
        self.context.journal.event(Event::Wrote { file, is_there: written.is_ok() });
        written?;
        self.unsynced.insert(place);
        Ok(())
    }

    /// Brings what was written to files to the disk, and writes down how long they are.
    async fn sync(&mut self) -> Result<(), Failure> {
        if !self.unsynced.is_empty() {
            // Where the machine stops, no more of a file is on the disk than is known of it.
            self.context.journal.sync().await?;
        }
        while let Some(place) = self.unsynced.first().cloned() {
            let length = self.with_sink(&place, |sink| sink.position()).await?;
            self.unsynced.remove(&place);
            self.context.journal.event(Event::Written { file: self.file_key(&place), length, units: Vec::new() });
        }
        self.synced_at = Some(self.context.exchanges.now());
        Ok(())
    }

    fn file_key(&self, place: &str) -> String {
        format!("{} {}", self.address, self.path_of(place).unwrap_or_default().display())
    }

    /// Returns what tells a place from all others to which the steps of a run write.
    fn place_key(&self, spec: &SinkSpec, place: &str) -> String {
        format!("{} {place} {:?}", self.file_key(place), spec.kind)
    }

    /// Returns the path of a file, if it is known.
    fn path_of(&self, place: &str) -> Option<PathBuf> {
        let path = self.path.as_ref()?;
        if path.is_per_item() { Some(path.place(place)) } else { Some(path.place(&path.render(&self.base).ok()?)) }
    }

    /// Does something with an open sink, where it may block.
    async fn with_sink<T: Send + 'static>(
        &mut self,
        place: &str,
        work: impl FnOnce(&mut dyn RecordSink) -> Result<T, SinkError> + Send + 'static,
    ) -> Result<T, Failure> {
        let span = self.span();
        let broken = || Failure::new("internal-error", "the sink broke off", span);
        let mut sink = self.open.remove(place).ok_or_else(broken)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&mut *sink);
            (sink, done)
        })
        .await;
        let (sink, done) = done.map_err(|_| broken())?;
        self.open.insert(place.to_owned(), sink);
        done.map_err(|error| Failure::sink(error, span))
    }

    /// Finds the table or file of each record of a batch: which records go to one place stay in their order.
    fn places(
        &mut self,
        items: &[Item],
        scopes: &[Scope],
        spec: &SinkSpec,
    ) -> Result<Vec<(String, Vec<usize>)>, Failure> {
        let Target::Write(write) = &self.step.target else { return Ok(Vec::new()) };
        let mut places: Vec<(String, Vec<usize>)> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut add = |place: Cow<'_, str>, at: usize| match places.last_mut() {
            Some((last, members)) if *last == place => members.push(at),
            _ => {
                let next = places.len();
                let found = *known.entry(place.clone().into_owned()).or_insert(next);
                if found == next {
                    places.push((place.into_owned(), Vec::new()));
                }
                if let Some((_, members)) = places.get_mut(found) {
                    members.push(at);
                }
            }
        };
        let scope = |at: usize| scopes.get(at).unwrap_or(&self.base);
        match (&self.path, &write.table) {
            (Some(path), _) if path.is_per_item() => {
                for (at, item) in items.iter().enumerate() {
                    let place = self.needs.evaluate(scope(at), item, self.scratch.names(), |scope| path.render(scope));
                    add(place.map_err(|failure| failure.about(item))?.into(), at);
                }
            }
            _ if !has_tables(&spec.kind) => return Ok(vec![(String::new(), (0..items.len()).collect())]),
            (_, Some(table)) => match table.as_literal().and_then(engine_expr::Value::text) {
                Some(literal) => return Ok(vec![(literal.into_owned(), (0..items.len()).collect())]),
                None => {
                    for (at, item) in items.iter().enumerate() {
                        let names = self.scratch.names();
                        let place = self.needs.evaluate(scope(at), item, names, |scope| table.render_text(scope))?;
                        if place.is_empty() {
                            let failure =
                                Failure::new("template-failed", "the name of the table is empty", table.span());
                            return Err(failure.about(item));
                        }
                        add(place.into(), at);
                    }
                }
            },
            (_, None) => {
                for (at, item) in items.iter().enumerate() {
                    add(Cow::Borrowed(&*item.origin.stream), at);
                }
            }
        }
        Ok(places)
    }

    async fn write(
        &mut self,
        spec: &SinkSpec,
        table: String,
        records: Vec<Record>,
        pages: Vec<PagePart>,
        first: Option<&Item>,
    ) -> Result<(), Failure> {
        let span = self.span();
        let sink = self.open.remove(&table);
        if sink.is_none() {
            self.order.push(table.clone());
        }
        let target = match sink {
            Some(_) => None,
            None => Some(self.target(spec, &table, first)?),
        };
        if let Some(target) = target.as_ref().filter(|target| target.mode == Mode::Append && has_tables(&spec.kind)) {
            self.context.journal.writes_to(spec, target);
        }
        let may_lack = target.as_ref().is_some_and(|target| gap::may_be(&self.step, self.path.as_ref(), spec, target));
        let sinks = Arc::clone(&self.context.sinks);
        let (spec, name) = (spec.clone(), spec.name.clone());
        // Sinks block: they have a thread, and the next page is fetched meanwhile.
        let done = tokio::task::spawn_blocking(move || {
            // What was open may hold rows that are nowhere else, and takes more after an error.
            let (mut sink, stays) = match (sink, target) {
                (Some(sink), _) => (sink, true),
                (None, target) => match sinks.open(&spec, &target.unwrap_or_default()) {
                    Ok(sink) => (sink, false),
                    Err(error) => return (None, Err(error)),
                },
            };
            let done = sink.write_pages(&records, &pages);
            ((stays || done.is_ok()).then_some(sink), done)
        })
        .await;
        let (sink, done) = done.map_err(|_| Failure::new("internal-error", "the sink broke off", span))?;
        if let Some(sink) = sink {
            let may_lack = may_lack && done.is_ok() && sink.is_new();
            if let Some(cursor) = first.and_then(gap::went_on_from).filter(|_| may_lack) {
                let message = gap::message(&name, &table, cursor);
                self.context.observer.event(report::Event::Note { message });
            }
            self.open.insert(table, sink);
        }
        done.map_err(|error| Failure::sink(error, span))
    }

    fn span(&self) -> engine_source::Span {
        match &self.step.target {
            Target::Write(write) => write.span,
            _ => self.step.span,
        }
    }

    /// Returns which of the step's reads gave an item.
    fn read_of(&self, first: Option<&Item>) -> usize {
        let is_of = |read: &engine_plan::Reading| first.is_some_and(|item| *read.name() == *item.origin.stream);
        self.step.reads().iter().position(is_of).unwrap_or(0)
    }

    fn target(&self, spec: &SinkSpec, place: &str, first: Option<&Item>) -> Result<SinkTarget, Failure> {
        let Target::Write(write) = &self.step.target else { return Ok(SinkTarget::default()) };
        let key = self.step.key(self.read_of(first));
        let mode = match write.mode(key) {
            WriteMode::Append => Mode::Append,
            WriteMode::Upsert => Mode::Upsert,
            WriteMode::Replace => Mode::Replace,
        };
        let members = |key: &engine_request::Key| {
            key.iter()
                .map(|member| match member {
                    KeyMember::Name(name) => name.as_str().to_owned(),
                    KeyMember::Path(path) => path.text().trim_start_matches("$.").to_owned(),
                })
                .collect()
        };
        let path = match &self.path {
            Some(path) if path.is_per_item() => Some(path.place(place)),
            Some(path) => Some(path.place(&path.render(&self.base)?)),
            None => None,
        };
        Ok(SinkTarget {
            table: has_tables(&spec.kind).then(|| place.to_owned()),
            path,
            key: key.map(members).unwrap_or_default(),
            mode,
            columns: self.columns.clone(),
        })
    }

    /// Opens the target of a step that wrote nothing, if its name is known: its table is made, and `replace` leaves it empty.
    async fn open_unwritten(&mut self, site: Option<&Site>) -> Result<(), Failure> {
        let Target::Write(write) = &self.step.target else { return Ok(()) };
        let Some(spec) = self.spec.clone().filter(|_| self.order.is_empty() && !self.context.options.dry_run) else {
            return Ok(());
        };
        // Rows that have not changed stay.
        if write.mode == Some(WriteMode::Replace)
            && site.is_some_and(|site| site.frame.pending.is_unmodified(&site.frame.steps, self.step.index))
        {
            return Ok(());
        }
        let table = match (&spec.kind, &write.table, self.step.reads()) {
            (kind, Some(table), _) if has_tables(kind) => {
                table.as_literal().and_then(engine_expr::Value::text).map(Cow::into_owned)
            }
            (kind, None, [read]) if has_tables(kind) => Some(read.name().to_owned()),
            (kind, None, _) if has_tables(kind) => None,
            // Which files there would be only records say.
            _ if self.path.as_ref().is_some_and(FilePath::is_per_item) => None,
            _ => Some(String::new()),
        };
        match table {
            Some(table) => self.write(&spec, table, Vec::new(), Vec::new(), None).await,
            None => Ok(()),
        }
    }

    /// Tells whether what is written is there for others only when all of it is.
    fn is_seen_at_the_end(&self, spec: &SinkSpec) -> bool {
        let replaces = matches!(&self.step.target, Target::Write(write) if write.mode == Some(WriteMode::Replace));
        replaces || matches!(spec.kind, SinkKind::Parquet { .. })
    }

    /// Ends the writing to every target; `site` is where, if it ends with its step. Returns what is safe now.
    pub(crate) async fn finish(&mut self, site: Option<&Site>) -> Result<Claim, Failure> {
        let span = self.span();
        self.open_unwritten(site).await?;
        self.sync().await?;
        let mut open: Vec<Box<dyn RecordSink>> = Vec::new();
        for table in self.order.drain(..) {
            open.extend(self.open.remove(&table));
        }
        let done = tokio::task::spawn_blocking(move || open.iter_mut().try_for_each(|sink| sink.finish())).await;
        match done {
            Ok(Ok(())) => Ok(std::mem::take(&mut self.held)),
            Ok(Err(error)) => Err(Failure::sink(error, span)),
            Err(_) => Err(Failure::new("internal-error", "the sink broke off", span)),
        }
    }
}

/// Evaluates a sink; none where records are printed.
fn describe(
    context: &RunContext,
    step: &Step,
    write: &engine_plan::Write,
    base: &Scope,
) -> Result<(Option<SinkSpec>, Option<FilePath>), Failure> {
    let sink = &write.sink;
    let Some((kind, path)) = evaluated(&sink.sink, base)? else { return Ok((None, None)) };
    let Some(path) = path else {
        return Ok((Some(SinkSpec { name: sink.name.clone(), create: create(write, base)?, kind }), None));
    };
    let path = write.path.as_ref().unwrap_or(path);
    let path = FilePath::new(context.plan.folder(path.span()), path, step);
    if !path.is_per_item() {
        // What is wrong with it is said before the first request.
        path.render(base)?;
    }
    let create = create(write, base)?;
    Ok((Some(SinkSpec { name: sink.name.clone(), create, kind }), Some(path)))
}

/// Tells whether tables, columns and files may be made.
fn create(write: &engine_plan::Write, base: &Scope) -> Result<bool, Failure> {
    Ok(match (&write.create, write.sink.sink.create()) {
        (Some(create), _) | (None, Some(create)) => create.resolve(base)?,
        (None, None) => true,
    })
}

/// Counts items that were written, by their places.
fn count_sent(site: &Site, items: &[Item], members: &[usize]) {
    for run in members.chunk_by(|one, next| one + 1 == *next) {
        if let (Some(first), Some(last)) = (run.first(), run.last()) {
            let items = items.get(*first..=*last).unwrap_or_default();
            site.tally.count(items, |counts, number| counts.sent += number);
        }
    }
}

/// Takes the places of items apart by the batches, of so many items each, that they came in.
fn pages_of<'m>(members: &'m [usize], counts: &[usize]) -> impl Iterator<Item = &'m [usize]> {
    let ends = counts.iter().scan(0, |end, count| {
        *end += count;
        Some(*end)
    });
    let mut rest = members;
    ends.map(move |end| {
        let (page, after) = rest.split_at(rest.partition_point(|at| *at < end));
        rest = after;
        page
    })
    .filter(|page| !page.is_empty())
}

/// Tells whether a sink has tables, each with a name.
fn has_tables(kind: &SinkKind) -> bool {
    match kind {
        SinkKind::Sqlite { .. } | SinkKind::Postgres { .. } => true,
        SinkKind::Jsonl { .. } | SinkKind::Csv { .. } | SinkKind::Parquet { .. } => false,
    }
}

/// Finds the mapping that shapes what a step writes: its own, or that of the step whose stream it takes as it is.
fn shaped_by(site: &Site) -> Option<&Mapping> {
    let mut step = &site.step;
    loop {
        if let Some(mapping) = &step.map {
            return Some(mapping);
        }
        let (Source::Items(Items::Step(number)), None) = (&step.source, &step.explode) else { return None };
        step = site.frame.steps.get(*number)?;
        // What a call or another flow hands on is not what it was given, nor is a batch.
        if step.batch.is_some() || !matches!(step.target, Target::None | Target::Write(_) | Target::Log(_)) {
            return None;
        }
    }
}

/// The columns that a mapping declares.
fn columns(mapping: &Mapping) -> Vec<Column> {
    let declared = mapping.fields().iter().filter(|(name, _)| &*name.value != "*");
    declared
        .map(|(name, field)| {
            let kind = match field {
                // What has a format of its own is a text for everybody else.
                Field::Long(long)
                    if long.format.is_some() && matches!(long.kind, Some(FieldType::Date | FieldType::Datetime)) =>
                {
                    ColumnType::String
                }
                Field::Long(long) => match long.kind {
                    Some(FieldType::String) => ColumnType::String,
                    Some(FieldType::Integer) => ColumnType::Integer,
                    Some(FieldType::Number) => ColumnType::Number,
                    Some(FieldType::Decimal) => ColumnType::Decimal,
                    Some(FieldType::Boolean) => ColumnType::Boolean,
                    Some(FieldType::Date) => ColumnType::Date,
                    Some(FieldType::Datetime) => ColumnType::Datetime,
                    None => ColumnType::Any,
                },
                Field::Object(_) | Field::Each(_) => ColumnType::Json,
                Field::Value(_) => ColumnType::Any,
            };
            Column { name: name.value.to_string(), kind }
        })
        .collect()
}
