//! A table of a database: which columns it has, and what gives it more.

use std::collections::HashMap;
use std::fmt::Write as _;

use engine_runtime::SinkError;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::column::{Column, Form, UNTYPED};
use super::failure::{Failure, Trouble};
use super::session::Session;
use crate::identifier::{quoted, quoted_list};
use crate::kind::Kind;
use crate::refusal;

/// The schema of the session's own tables.
pub(super) const OWN: &str = "pg_temp";

/// How many bytes a name may have: the server would cut a longer one in silence.
const LONGEST: usize = 63;

/// A table, as it stood when it was last looked at.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    schema: String,
    name: String,
    /// How messages call it.
    shown: String,
    /// Whether it, or a column of it, may be made.
    pub(super) create: bool,
    pub(super) exists: bool,
    columns: Vec<Column>,
    positions: HashMap<String, usize>,
    /// Columns that the database computes: nobody writes them.
    computed: Vec<String>,
}

/// What has to be done with a table before rows can be written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    /// These columns are made; the first ones make the table.
    Add(Vec<Column>),
    /// A column becomes one that holds more.
    Widen(usize, Column),
}

const COLUMNS: &str = "
    SELECT a.attname::text, format_type(a.atttypid, NULL), format_type(a.atttypid, a.atttypmod), a.atttypmod,
           a.atthasdef OR a.attidentity <> '', a.attgenerated <> '', col_description(a.attrelid, a.attnum)
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE n.oid = CASE $1::text WHEN 'pg_temp' THEN pg_my_temp_schema() ELSE to_regnamespace(quote_ident($1::text)) END
      AND c.relname = $2::text AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY a.attnum";

/// Finds the columns of each unique index that keeps all rows apart at once.
const UNIQUE: &str = "
    SELECT array_agg(a.attname::text)
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
    WHERE n.oid = CASE $1::text WHEN 'pg_temp' THEN pg_my_temp_schema() ELSE to_regnamespace(quote_ident($1::text)) END
      AND c.relname = $2::text
      AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
    GROUP BY i.indexrelid";

impl Table {
    /// Names a table, which nobody has looked at yet.
    pub(super) fn named(schema: &str, name: &str, shown: &str, create: bool) -> Self {
        Self {
            schema: schema.to_owned(),
            name: name.to_owned(),
            shown: shown.to_owned(),
            create,
            exists: false,
            columns: Vec::new(),
            positions: HashMap::new(),
            computed: Vec::new(),
        }
    }

    /// Looks at the database again.
    pub(super) async fn load(&mut self, session: &mut Session) -> Result<(), Failure> {
        let rows = session.rows(COLUMNS, &[&self.schema, &self.name]).await?;
        self.exists = !rows.is_empty();
        self.columns.clear();
        self.positions.clear();
        self.computed.clear();
        for row in rows {
            // A table without columns is a row without values.
            let Some(name) = row.try_get::<_, Option<String>>(0)? else { continue };
            if row.try_get(5)? {
                self.computed.push(name);
                continue;
            }
            let (base, sql): (String, String) = (row.try_get(1)?, row.try_get(2)?);
            let comment: Option<String> = row.try_get(6)?;
            let (modifier, is_filled) = (row.try_get(3)?, row.try_get(4)?);
            self.push(Column::from_catalog(name, &base, sql, modifier, is_filled, comment.as_deref()));
        }
        Ok(())
    }

    fn push(&mut self, column: Column) {
        self.positions.insert(column.name.clone(), self.columns.len());
        self.columns.push(column);
    }

    /// Returns the columns that can be written, in order.
    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns where the column of a member is. For the database, names differ by case.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }

    /// Returns the schema that it is in.
    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    /// Returns the name that messages use.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Returns the table as SQL names it.
    pub(super) fn sql(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.name))
    }

    /// Requires that the table is there, or may be made.
    pub(super) fn check_existence(&self) -> Result<(), SinkError> {
        if self.exists || self.create { Ok(()) } else { Err(refusal::not_to_be_made(&self.shown, None)) }
    }

    /// Plans further columns, if they may be made.
    pub(super) fn add(&mut self, columns: Vec<Column>) -> Result<Option<Change>, SinkError> {
        let Some(first) = columns.first() else { return Ok(None) };
        for column in &columns {
            check_name(&column.name, "column")?;
            if self.computed.contains(&column.name) {
                return Err(SinkError::new(format!(
                    "column `{}` of table `{}` is computed by the database and can't be written",
                    column.name, self.shown
                ))
                .help("take the member out of `map`"));
            }
        }
        if !self.create {
            return Err(refusal::not_to_be_made(&self.shown, self.exists.then_some(&*first.name)));
        }
        let change = Change::Add(columns);
        self.note(&change);
        Ok(Some(change))
    }

    /// Plans to bring a column to a kind that holds more, if that may be.
    pub(super) fn widen(&mut self, at: usize, kind: Kind) -> Result<Change, SinkError> {
        let column = &self.columns[at];
        if !self.create {
            return Err(refusal::not_to_be_widened(&column.name, &self.shown, column.kind(), kind));
        }
        let wider = Column { is_filled: column.is_filled, ..Column::of(&column.name, kind) };
        let change = Change::Widen(at, wider);
        self.note(&change);
        Ok(change)
    }

    fn note(&mut self, change: &Change) {
        match change {
            Change::Add(columns) => {
                columns.iter().cloned().for_each(|column| self.push(column));
                self.exists = true;
            }
            Change::Widen(at, wider) => self.columns[*at].clone_from(wider),
        }
    }

    /// Does what was planned for a table that stood as this one does; false where it turned out that the table is not what it
    /// seemed, and has to be looked at again.
    pub(super) async fn apply(&mut self, client: &Client, change: &Change) -> Result<bool, Failure> {
        let table = self.sql();
        match change {
            Change::Add(columns) => {
                let definition = |column: &Column| format!("{} {}", quoted(&column.name), column.sql);
                let mut sql = if self.exists {
                    let parts = columns.iter().map(|column| format!("ADD COLUMN {}", definition(column)));
                    format!("ALTER TABLE {table} {};", parts.collect::<Vec<_>>().join(", "))
                } else {
                    format!("CREATE TABLE {table} ({});", columns.iter().map(definition).collect::<Vec<_>>().join(", "))
                };
                for column in columns.iter().filter(|column| column.form == Form::Untyped) {
                    // A text takes all that is written to it.
                    _ = write!(sql, " COMMENT ON COLUMN {table}.{} IS '{UNTYPED}';", quoted(&column.name));
                }
                client.batch_execute(&sql).await?;
            }
            Change::Widen(at, wider) => {
                let column = &self.columns[*at];
                let name = quoted(&column.name);
                let holds = |condition: &str| format!("SELECT EXISTS (SELECT FROM {table} WHERE {condition})");
                if column.form == Form::Untyped {
                    client.batch_execute(&format!("COMMENT ON COLUMN {table}.{name} IS NULL")).await?;
                    // Somebody else has written texts: it is a column of texts.
                    let is_used = client.query_one(&holds(&format!("{name} IS NOT NULL")), &[]).await?;
                    if is_used.try_get(0)? {
                        return Ok(false);
                    }
                }
                if wider.form == Form::Real {
                    // Beyond it, not every whole number is a binary float.
                    let lost = holds(&format!("abs({name}::numeric) > 9007199254740992"));
                    if client.query_one(&lost, &[]).await?.try_get(0)? {
                        return Err(refusal::would_lose(&column.name, &self.shown, column.kind(), wider.kind()).into());
                    }
                }
                let sql = format!(
                    "ALTER TABLE {table} ALTER COLUMN {name} TYPE {} USING {}",
                    wider.sql,
                    column.conversion(&name, wider)
                );
                client.batch_execute(&sql).await?;
            }
        }
        self.note(change);
        Ok(true)
    }

    /// Makes sure that no two rows have one key.
    pub(super) async fn make_unique(&self, client: &Client, key: &[String]) -> Result<(), Failure> {
        let mut wanted: Vec<&str> = key.iter().map(String::as_str).collect();
        wanted.sort_unstable();
        wanted.dedup();
        for row in client.query(UNIQUE, &[&self.schema, &self.name]).await? {
            let mut columns: Vec<String> = row.try_get(0)?;
            columns.sort_unstable();
            if columns == wanted {
                return Ok(());
            }
        }
        // The server finds a name that is free and short enough.
        let sql = format!("CREATE UNIQUE INDEX ON {} ({})", self.sql(), quoted_list(wanted.iter().copied()));
        // A table of the session's own is nobody's.
        if !self.create && self.schema != OWN {
            return Err(Trouble::new(format!(
                "table `{}` has no unique index on its key, and `create: false` forbids to make one",
                self.shown
            ))
            .help(format!("make it: `{sql}`"))
            .into());
        }
        match client.batch_execute(&sql).await.map_err(Failure::from) {
            Err(failure) if failure.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                Err(refusal::shared_key(&self.shown, key).into())
            }
            done => done,
        }
    }
}

/// Requires a name that the database takes as it is.
pub(super) fn check_name(name: &str, what: &str) -> Result<(), SinkError> {
    let why = if name.is_empty() {
        "is empty".to_owned()
    } else if name.contains('\0') {
        "has a NUL character in it".to_owned()
    } else if name.len() > LONGEST {
        format!("has {} bytes, and the database takes {LONGEST}", name.len())
    } else {
        return Ok(());
    };
    let help = if what == "column" { "give it another name in `map`" } else { "choose another name" };
    Err(SinkError::new(format!("the name of a {what} {why}: `{}`", name.escape_debug())).help(help))
}
