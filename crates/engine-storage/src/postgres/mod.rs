//! Tables of a Postgres database.
//!
//! A page is one transaction, or several that have come together are. Its rows travel by `COPY`: into the table itself, or, where rows are updated by a key, into a table of the
//! session's own, from which one statement takes them. Tables and columns are made as records need them, as in `SQLite`: a column that a
//! mapping declares has its type, any other that of its first value. `replace` gathers the rows in a table of the session's own, which
//! is gone when the session is, and changes the rows of the real table in one transaction at the end: whoever reads it waits for nothing
//! and sees the old rows or the new ones; its indexes, rights and triggers stay.

mod address;
mod column;
mod commits;
mod connection;
mod failure;
mod layout;
mod line;
mod lines;
mod page;
mod param;
mod query;
mod session;
mod source;
mod table;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use engine_runtime::{
    ColumnType, LaidOut, Layout, Mode, PagePart, Record, RecordSink, SinkError, SinkSpec, SinkTarget, Unit,
};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

pub(crate) use address::Address;
pub(crate) use connection::Connection;
pub(crate) use failure::{Failure, Trouble};
pub(crate) use lines::Lines;
pub(crate) use session::LOCKS;
pub(crate) use source::{PostgresSource, Readers};

use crate::kind::Kind;
use column::Column;
use layout::RowLayout;
use lines::Lent;
use page::{Manner, Page};
use session::Session;
use table::{Change, Table, check_name};

/// The rows of a table that is being replaced.
const STAND_IN: &str = "rows to come";

/// How long to wait before a connection is tried again that was lost. After the last, it is given up.
pub(crate) const PAUSES: [Duration; 6] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(10),
];

/// How often a page is tried again during which the connection was lost.
const LOSSES: usize = 5;

/// How often a page is tried again that stood in the way of somebody else.
const CONFLICTS: usize = 5;

/// A table of a Postgres database, open for writing.
pub(crate) struct PostgresTable {
    lines: Arc<Lines>,
    url: String,
    /// The session that has the rows of a table which is replaced.
    own: Option<Lent>,
    writer: Writer,
}

impl PostgresTable {
    /// Opens a table, and makes it if its columns are known.
    pub(crate) fn open(
        url: &str,
        schema: Option<&str>,
        sink: &SinkSpec,
        target: &SinkTarget,
        lines: &Arc<Lines>,
    ) -> Result<Self, SinkError> {
        let Some(name) = target.table.clone().filter(|name| !name.is_empty()) else {
            return Err(SinkError::new(format!("a table is missing for sink `{}`", sink.name))
                .help("say which: `table: orders`"));
        };
        if target.mode == Mode::Upsert && target.key.is_empty() {
            return Err(SinkError::new(format!("table `{name}` can't be updated without a key"))
                .help("say what identifies a record: `key: [id]`"));
        }
        check_name(&name, "table")?;
        let address = Address::parse(url)
            .map_err(|trouble| Trouble { message: format!("sink `{}`: {}", sink.name, trouble.message), ..trouble })?;
        let schema = schema.map(str::to_owned).or_else(|| address.schema.clone());
        if let Some(schema) = &schema {
            check_name(schema, "schema")?;
        }
        let writer = Writer {
            address,
            schema,
            name: name.clone(),
            create: sink.create,
            declared: target.columns.iter().map(|column| (column.name.clone(), Kind(column.kind))).collect(),
            key: if target.mode == Mode::Append { Vec::new() } else { target.key.clone() },
            mode: target.mode,
            session: None,
            table: Table::named("", &name, &name, sink.create),
            unique: false,
            rows: 0,
            is_new: None,
            laid_out: Vec::new(),
        };
        let mut opened = Self { lines: Arc::clone(lines), url: url.to_owned(), own: None, writer };
        opened.run(async |writer| writer.open().await.map_err(|stopped| writer.said(stopped)))?;
        Ok(opened)
    }

    /// Does something with a session; one with which it failed is not used again.
    fn run<T>(&mut self, work: impl AsyncFnOnce(&mut Writer) -> Result<T, SinkError>) -> Result<T, SinkError> {
        let Self { lines, url, own, writer } = self;
        let is_replaced = writer.mode == Mode::Replace;
        let mut lent = match own.take() {
            Some(own) => own,
            None if is_replaced => lines.take_own(url, &writer.name)?,
            None => lines.take(url, &writer.name)?,
        };
        let done = lent.run(async |session| {
            writer.session = session.take();
            let done = work(writer).await;
            *session = writer.session.take();
            done
        });
        if is_replaced {
            *own = Some(lent);
        } else if done.is_ok() {
            lent.give_back(&writer.name);
        }
        done
    }
}

impl RecordSink for PostgresTable {
    fn is_new(&self) -> bool {
        self.writer.is_new == Some(true)
    }

    fn write(&mut self, records: &[Record]) -> Result<(), SinkError> {
        self.write_pages(records, &[PagePart { records: records.len(), units: Vec::new() }])
    }

    fn write_units(&mut self, records: &[Record], units: &[Unit]) -> Result<bool, SinkError> {
        if !self.writer.keeps_units() {
            return Ok(false);
        }
        self.write_pages(records, &[PagePart { records: records.len(), units: units.to_vec() }])?;
        Ok(true)
    }

    fn write_pages(&mut self, records: &[Record], pages: &[PagePart]) -> Result<(), SinkError> {
        self.run(async |writer| writer.write(records, pages).await)
    }

    fn layout(&self) -> Option<Arc<dyn Layout>> {
        RowLayout::of(&self.writer).map(|layout| Arc::new(layout) as Arc<dyn Layout>)
    }

    fn write_laid_out(
        &mut self,
        records: &[Record],
        pages: &[PagePart],
        laid_out: Vec<Option<LaidOut>>,
    ) -> Result<(), SinkError> {
        self.writer.laid_out = laid_out;
        let written = self.write_pages(records, pages);
        self.writer.laid_out.clear();
        written
    }

    fn units(&mut self, run: &str, step: &str) -> Result<Vec<Unit>, SinkError> {
        self.run(async |writer| writer.units(run, step).await)
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.run(async |writer| writer.finish().await)?;
        if let Some(own) = self.own.take() {
            own.give_back(&self.writer.name);
        }
        Ok(())
    }
}

/// Forgets what a run that is done has kept beside its rows; the table of it stays where others come soon.
pub(crate) fn forget(
    url: &str,
    schema: Option<&str>,
    run: &str,
    stays: bool,
    lines: &Arc<Lines>,
) -> Result<(), SinkError> {
    let address = Address::parse(url)?;
    let named = schema.map(str::to_owned).or_else(|| address.schema.clone());
    let forget = async |session: &mut Session| {
        // A schema that is not there has nothing to forget in it.
        let schema = match &named {
            Some(schema) => schema.clone(),
            None => session.schema(None, false).await?,
        };
        commits::forget(session, &schema, run, stays).await
    };
    let mut lent = lines.take(url, "")?;
    let forgotten = lent.run(async |session| {
        if let Some(known) = session {
            match forget(known).await {
                // It may have been lost while nobody used it.
                Err(Failure::Lost(_)) => {}
                done => return done,
            }
        }
        forget(session.insert(Session::new(Connection::open(&address).await?))).await
    });
    forgotten.map_err(|failure| failure.of(&format!("database `{}`", address.shown())))?;
    lent.give_back("");
    Ok(())
}

/// What a table is written with.
struct Writer {
    address: Address,
    /// The schema of the table, if it is not that of the connection.
    schema: Option<String>,
    name: String,
    create: bool,
    declared: Vec<(String, Kind)>,
    key: Vec<String>,
    mode: Mode,
    /// The session that it has for now.
    session: Option<Session>,
    /// The table that pages are written to, as it stood when it was last looked at.
    table: Table,
    /// Whether it is known that no two rows can have one key.
    unique: bool,
    rows: u64,
    /// Whether there was no table when it was first looked at.
    is_new: Option<bool>,
    /// The pages at hand, as far as they were laid out beforehand.
    laid_out: Vec<Option<LaidOut>>,
}

/// Why a page was not written.
enum Stopped {
    /// Nothing of it was.
    Undone(Failure),
    /// Nobody knows whether it was: the connection broke off while it was committed.
    Doubtful(String),
}

/// What to do where nobody knows whether something was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// Do it again: done twice it is the same.
    Repeat,
    /// Look for what is kept beside the rows, which tells, and do it again if it is not there.
    Ask,
    /// Say so.
    Tell,
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Undone(failure)
    }
}

impl From<tokio_postgres::Error> for Stopped {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Undone(error.into())
    }
}

impl From<SinkError> for Stopped {
    fn from(error: SinkError) -> Self {
        Self::Undone(error.into())
    }
}

impl Writer {
    /// Connects where nobody has yet, and looks at the table.
    async fn open(&mut self) -> Result<(), Stopped> {
        match self.session.take() {
            Some(session) => match self.look(session).await {
                // It may have been lost while nobody used it; so the server was there, and is worth waiting for.
                Err(Failure::Lost(_)) => self.reconnect().await?,
                looked => looked?,
            },
            None => self.connect().await?,
        }
        // A column without a type waits for its first value, and those after it wait with it, to keep their order.
        if self.table.exists || self.declared.iter().all(|(_, kind)| kind.0 != ColumnType::Any) {
            self.declare().await?;
        }
        Ok(())
    }

    async fn connect(&mut self) -> Result<(), Failure> {
        let connection = Connection::open(&self.address).await?;
        self.look(Session::new(connection)).await
    }

    /// Looks at the table in a session, which is taken if all is well.
    async fn look(&mut self, mut session: Session) -> Result<(), Failure> {
        let schema = session.schema(self.schema.as_deref(), self.create).await?;
        let mut main = Table::named(&schema, &self.name, &self.name, self.create);
        main.load(&mut session).await?;
        main.check_existence()?;
        self.is_new.get_or_insert(!main.exists);
        self.table = if self.mode == Mode::Replace { session.stand_in(&main, STAND_IN).await? } else { main };
        self.unique = false;
        self.session = Some(session);
        Ok(())
    }

    /// Does something in a transaction, again where that is safe; a failed one leaves no trace.
    async fn transact<T>(
        &mut self,
        doubt: Doubt,
        work: impl AsyncFn(&mut Self, &mut Session, &mut Attempt) -> Result<T, Stopped>,
    ) -> Result<T, Stopped> {
        self.transact_open(doubt, async |this: &mut Self, session: &mut Session, attempt: &mut Attempt| {
            session.begin().await?;
            work(this, session, attempt).await
        })
        .await
    }

    /// Does something in a transaction that begins when it says so, or with the first rows that it sends.
    async fn transact_open<T>(
        &mut self,
        doubt: Doubt,
        work: impl AsyncFn(&mut Self, &mut Session, &mut Attempt) -> Result<T, Stopped>,
    ) -> Result<T, Stopped> {
        let mut attempt = Attempt::default();
        loop {
            let Some(mut session) = self.session.take() else {
                if self.mode == Mode::Replace && self.rows > 0 {
                    let why = "the rows that were to replace those there went with it".to_owned();
                    return Err(Stopped::Undone(Failure::Lost(why)));
                }
                self.reconnect().await?;
                continue;
            };
            let (table, unique) = (self.table.clone(), self.unique);
            let done = async {
                session.open();
                let done = work(self, &mut session, &mut attempt).await?;
                session.commit().await?;
                Ok(done)
            };
            let stopped = match done.await {
                Ok(done) => {
                    self.session = Some(session);
                    return Ok(done);
                }
                Err(stopped) => stopped,
            };
            self.table = table;
            self.unique = unique;
            match stopped {
                Stopped::Doubtful(_) if doubt != Doubt::Tell && attempt.losses < LOSSES => {
                    attempt.losses += 1;
                    attempt.is_doubtful = doubt == Doubt::Ask;
                }
                Stopped::Doubtful(why) => return Err(Stopped::Doubtful(why)),
                Stopped::Undone(Failure::Lost(why)) => {
                    if self.mode == Mode::Replace && self.rows > 0 {
                        return Err(Stopped::Undone(Failure::Lost(why)));
                    }
                    attempt.losses += 1;
                    if attempt.losses > LOSSES {
                        return Err(Stopped::Undone(Failure::Lost(why)));
                    }
                }
                Stopped::Undone(failure) => {
                    // Where even that fails, the connection is broken, and the next use of it tells.
                    _ = session.client().batch_execute("ROLLBACK").await;
                    session.forget();
                    let again = self.is_worth_another(&failure, doubt, &mut session, &mut attempt).await;
                    self.session = Some(session);
                    if !again {
                        return Err(Stopped::Undone(self.placed(failure, attempt)));
                    }
                    attempt.place = None;
                }
            }
        }
    }

    /// Connects again, for as long as it is likely that the server comes back.
    async fn reconnect(&mut self) -> Result<(), Failure> {
        let mut pauses = PAUSES.into_iter();
        loop {
            match (self.connect().await, pauses.next()) {
                (Err(Failure::Lost(_)), Some(pause)) => wait(pause).await,
                (done, _) => return done,
            }
        }
    }

    /// Tells whether what was refused may go well now: somebody else stood in the way, or has changed the table since it was looked at.
    async fn is_worth_another(
        &mut self,
        failure: &Failure,
        doubt: Doubt,
        session: &mut Session,
        attempt: &mut Attempt,
    ) -> bool {
        if failure.is_conflict() && attempt.conflicts < CONFLICTS {
            attempt.conflicts += 1;
            return true;
        }
        // Keys that differ as texts may be the same for the database, as 1 and 1.0 are.
        if failure.code() == Some(&SqlState::CARDINALITY_VIOLATION) && !attempt.one_by_one {
            attempt.one_by_one = true;
            return true;
        }
        if failure.code().is_none() || attempt.looked_again {
            return false;
        }
        attempt.looked_again = true;
        // Another run has ended, and with it the table of what runs have written.
        if doubt == Doubt::Ask && failure.code() == Some(&SqlState::UNDEFINED_TABLE) {
            return self.table.load(session).await.is_ok();
        }
        let before = self.table.clone();
        let lost_index = failure.code() == Some(&SqlState::INVALID_COLUMN_REFERENCE) && self.unique;
        self.unique = false;
        self.table.load(session).await.is_ok() && (lost_index || self.table != before)
    }

    /// Gives the table the columns that the mapping declares, and those that are there the room that they need.
    async fn declare(&mut self) -> Result<(), Stopped> {
        if self.table.exists && self.declarations(&mut self.table.clone())?.is_empty() {
            return Ok(());
        }
        self.transact(Doubt::Repeat, async |this, session, _| {
            session.lock(&this.table).await?;
            this.table.load(session).await?;
            let mut planned = this.table.clone();
            let changes = this.declarations(&mut planned)?;
            for change in &changes {
                if !this.table.apply(session.client(), change).await? {
                    this.table.load(session).await?;
                    break;
                }
            }
            Ok(())
        })
        .await
    }

    fn declarations(&self, table: &mut Table) -> Result<Vec<Change>, SinkError> {
        let exists = table.exists;
        let missing = self
            .declared
            .iter()
            .filter(|(name, kind)| table.position(name).is_none() && !(kind.0 == ColumnType::Any && exists));
        let added: Vec<Column> = missing.map(|(name, kind)| Column::of(name, *kind)).collect();
        let mut changes: Vec<Change> = table.add(added)?.into_iter().collect();
        for (name, kind) in self.declared.iter().filter(|(_, kind)| kind.0 != ColumnType::Any) {
            let Some(at) = table.position(name) else { continue };
            let column = &table.columns()[at];
            let wider = match column.form {
                column::Form::Untyped => *kind,
                column::Form::Foreign => continue,
                _ => column
                    .kind()
                    .widened_to(*kind)
                    .ok_or_else(|| crate::refusal::would_lose(name, table.shown(), column.kind(), *kind))?,
            };
            if wider != column.kind() {
                changes.push(table.widen(at, wider)?);
            }
        }
        Ok(changes)
    }

    /// Tells whether the database keeps what rows are known by: those that are updated or replaced are the same however often they are; and
    /// where no table may be made, there is none for units.
    fn keeps_units(&self) -> bool {
        self.mode == Mode::Append && self.create
    }

    async fn write(&mut self, records: &[Record], pages: &[PagePart]) -> Result<(), SinkError> {
        let stopped = match self.write_together(records, pages).await {
            Ok(()) => return Ok(()),
            Err(stopped) => stopped,
        };
        let is_at_fault = matches!(stopped, Stopped::Undone(Failure::Refused(_) | Failure::Other(_)));
        if pages.len() < 2 || !is_at_fault {
            return Err(self.said(stopped));
        }
        // Where one of the pages is at fault, those before it are written without it.
        self.laid_out.clear();
        let mut rest = records;
        for page in pages {
            let (own, after) = rest.split_at_checked(page.records).unwrap_or((rest, &[]));
            rest = after;
            let written = self.write_together(own, std::slice::from_ref(page)).await;
            written.map_err(|stopped| self.said(stopped))?;
        }
        Ok(())
    }

    /// Writes pages in one transaction.
    async fn write_together(&mut self, records: &[Record], pages: &[PagePart]) -> Result<(), Stopped> {
        let keeps = self.keeps_units();
        let units: Vec<Unit> = pages.iter().filter(|_| keeps).flat_map(|page| &page.units).cloned().collect();
        if records.is_empty() && units.is_empty() {
            return Ok(());
        }
        let doubt = match self.mode {
            Mode::Upsert => Doubt::Repeat,
            Mode::Append if !units.is_empty() => Doubt::Ask,
            Mode::Append => Doubt::Tell,
            // The rows are the session's own, and gone with it: on a new one the first page begins anew.
            Mode::Replace if self.rows == 0 => Doubt::Repeat,
            Mode::Replace => Doubt::Tell,
        };
        let work = async |this: &mut Self, session: &mut Session, attempt: &mut Attempt| {
            this.write_all(records, pages, &units, session, attempt).await
        };
        self.transact_open(doubt, work).await.map_err(|stopped| match stopped {
            // Committed or not, the rows are gone with the session.
            Stopped::Doubtful(why) if self.mode == Mode::Replace => Stopped::Undone(Failure::Lost(why)),
            stopped => stopped,
        })?;
        self.rows += records.len() as u64;
        Ok(())
    }

    /// Writes pages within a transaction.
    async fn write_all(
        &mut self,
        records: &[Record],
        pages: &[PagePart],
        units: &[Unit],
        session: &mut Session,
        attempt: &mut Attempt,
    ) -> Result<(), Stopped> {
        if attempt.is_doubtful {
            session.begin().await?;
            if commits::are_kept(session, self.table.schema(), units).await? {
                return Ok(());
            }
        } else if let Some(unit) = units.first() {
            session.hold(commits::held(&unit.run));
        }
        let keeper = match units {
            [] => None,
            _ => Some(commits::Keeper::new(session, self.table.schema()).await?),
        };
        // Rows go on in one `COPY` for as long as they have the same columns, and the server reads them while others are laid out.
        let (mut under_way, mut parts, mut before) = (None, 0, 0);
        for (at, part) in pages.iter().enumerate() {
            let own = records.get(before..before + part.records).unwrap_or_default();
            let laid_out = self.laid_out.get_mut(at).and_then(Option::take);
            let mut page = match laid_out.and_then(|page| layout::page_for(page, &self.table)) {
                Some(page) => page,
                None => Page::lay_out(own, &mut self.table.clone(), self.manner(attempt, before))?,
            };
            let is_ready = page.changes.is_empty() && (self.key.is_empty() || self.unique);
            if !(is_ready && self.key.is_empty() && page.is_copied()) {
                session.begin().await?;
            }
            if !is_ready {
                let ended = session::end(&mut under_way).await;
                ended.map_err(|refusal| self.of_row(refusal, attempt))?;
                page = self.change_for(own, before, session, attempt).await?;
            }
            let written = if self.key.is_empty() {
                session.append(&self.table, &mut page, before, &mut under_way).await
            } else {
                session.upsert(&self.table, &page, &self.key, before, &mut parts).await
            };
            written.map_err(|refusal| self.of_row(refusal, attempt))?;
            before += part.records;
        }
        let Some(keeper) = keeper else {
            return Ok(session::end(&mut under_way).await.map_err(|refusal| self.of_row(refusal, attempt))?);
        };
        let Some(copying) = under_way else {
            session.begin().await?;
            keeper.keep(session.client(), units).await?;
            return Ok(());
        };
        let keep = async |client: &Client| keeper.keep(client, units).await;
        session.commit_with(copying, keep).await.map_err(|refusal| match refusal {
            (_, Failure::Lost(why)) => Stopped::Doubtful(why),
            refusal => Stopped::Undone(self.of_row(refusal, attempt)),
        })
    }

    /// Makes of the table what a page needs, and lays it out.
    async fn change_for(
        &mut self,
        records: &[Record],
        before: usize,
        session: &mut Session,
        attempt: &Attempt,
    ) -> Result<Page, Stopped> {
        session.lock(&self.table).await?;
        // What was planned was planned for the table as it was when nobody else changed it.
        let page = 'changed: loop {
            self.table.load(session).await?;
            let mut table = self.table.clone();
            let page = Page::lay_out(records, &mut table, self.manner(attempt, before))?;
            for change in &page.changes {
                if !self.table.apply(session.client(), change).await? {
                    continue 'changed;
                }
            }
            break page;
        };
        if !self.key.is_empty() {
            self.table.make_unique(session.client(), &self.key).await?;
            self.unique = true;
        }
        Ok(page)
    }

    fn manner<'a>(&'a self, attempt: &Attempt, before: usize) -> Manner<'a> {
        let before = self.rows + before as u64;
        Manner { declared: &self.declared, key: &self.key, one_by_one: attempt.one_by_one, before }
    }

    /// Notes of which row and column something is, if the database says it.
    fn of_row(&self, (place, failure): session::Refusal, attempt: &mut Attempt) -> Failure {
        attempt.place = place.map(|(record, column)| (self.rows + record as u64 + 1, column));
        failure
    }

    fn placed(&self, failure: Failure, attempt: Attempt) -> Failure {
        let Some((row, column)) = attempt.place else { return failure };
        let what = match column {
            Some(column) => format!("column `{column}` of table `{}`", self.name),
            None => format!("table `{}`", self.name),
        };
        let trouble = failure.of(&what);
        Failure::Other(Trouble { message: format!("row {row}: {}", trouble.message), ..trouble })
    }

    /// Returns the units that a step of a run has written.
    async fn units(&mut self, run: &str, step: &str) -> Result<Vec<Unit>, SinkError> {
        let schema = self.table.schema().to_owned();
        let found = self
            .transact(Doubt::Repeat, async |_, session, _| Ok(commits::of_step(session, &schema, run, step).await?));
        found.await.map_err(|failure| self.said(failure))
    }

    async fn finish(&mut self) -> Result<(), SinkError> {
        let done = async {
            // A table of no rows still says what its columns are.
            if !self.table.exists {
                self.declare().await?;
            }
            if self.mode == Mode::Replace {
                self.transact(Doubt::Tell, async |this, session, _| this.replace(session).await).await?;
            }
            Ok(())
        };
        let done: Result<(), Stopped> = done.await;
        done.map_err(|failure| self.said(failure))?;
        // Whoever has the session next may replace a table too.
        if let Some(mut session) = self.session.take_if(|_| self.mode == Mode::Replace) {
            self.session = session.clear().await.is_ok().then_some(session);
        }
        Ok(())
    }

    /// Puts the gathered rows into the place of the old ones, within a transaction.
    async fn replace(&mut self, session: &mut Session) -> Result<(), Stopped> {
        let schema = session.schema(self.schema.as_deref(), self.create).await?;
        let rows = &self.table;
        let mut table = Table::named(&schema, &self.name, &self.name, self.create);
        session.lock(&table).await?;
        table.load(session).await?;
        let client = session.client();
        if table.exists {
            client.batch_execute(&format!("DELETE FROM {}", table.sql())).await?;
        }
        if !rows.exists {
            return Ok(());
        }
        let mut planned = table.clone();
        let missing = rows.columns().iter().filter(|column| planned.position(&column.name).is_none());
        let mut changes: Vec<Change> = Vec::new();
        let missing: Vec<Column> = missing.cloned().collect();
        changes.extend(planned.add(missing)?);
        for column in rows.columns() {
            let Some(at) = planned.position(&column.name) else { continue };
            let there = &planned.columns()[at];
            let wider = match there.form {
                column::Form::Untyped => Some(column.kind()),
                _ => there.kind().widened_to(column.kind()),
            };
            if let Some(wider) = wider.filter(|wider| *wider != there.kind()) {
                changes.push(planned.widen(at, wider)?);
            }
        }
        for change in &changes {
            table.apply(client, change).await?;
        }
        let names: Vec<&str> = rows.columns().iter().map(|column| column.name.as_str()).collect();
        if !names.is_empty() {
            let names = crate::identifier::quoted_list(names);
            let sql = format!("INSERT INTO {} ({names}) SELECT {names} FROM {}", table.sql(), rows.sql());
            client.batch_execute(&sql).await?;
        }
        if !self.key.is_empty() {
            table.make_unique(client, &self.key).await?;
        }
        Ok(())
    }

    /// Says why the table could not be written.
    fn said(&self, stopped: Stopped) -> SinkError {
        let (name, what) = (&self.name, "the connection was lost");
        match stopped {
            Stopped::Doubtful(why) => SinkError::new(format!(
                "table `{name}`: {what} while rows were committed, and nobody knows whether they were: {why}"
            ))
            .help("look whether the last rows are there before you run again; with a `key` nothing is written twice"),
            Stopped::Undone(Failure::Lost(why)) if self.mode == Mode::Replace && self.rows > 0 => SinkError::new(
                format!("table `{name}`: {what}, and with it the new rows, which were not in their place yet: {why}"),
            )
            .help("run again: the old rows are still there")
            .finally(),
            Stopped::Undone(Failure::Lost(why)) => {
                SinkError::new(format!("can't reach the database `{}`: {why}", self.address.shown()))
                    .help("see whether the server runs and the network is there, then run again")
            }
            Stopped::Undone(failure) => failure.of(&format!("table `{name}`")).into(),
        }
    }
}

/// What is known from the attempts before.
#[derive(Default)]
struct Attempt {
    losses: usize,
    /// Whether nobody knows if an attempt before was committed.
    is_doubtful: bool,
    conflicts: usize,
    looked_again: bool,
    /// Whether each row goes by itself.
    one_by_one: bool,
    /// Where the database found something wrong: the number of the row, and the column.
    place: Option<(u64, Option<String>)>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "no run waits for its clock here: a server is given the time to come back"
)]
pub(crate) async fn wait(time: Duration) {
    tokio::time::sleep(time).await;
}
