//! The primary key of a table that was made here: the rows lie in its order, and no index stands beside them.

use engine_runtime::{ColumnType, SinkError};
use rusqlite::{Connection, OptionalExtension};

use super::super::kind::Kind;
use super::Table;
use crate::identifier::quoted;

/// Defines a column of whole numbers that is the primary key.
pub(super) fn primary_key(column: &str) -> String {
    format!("{} INTEGER PRIMARY KEY", quoted(column))
}

impl Table {
    /// Makes a unique index of a primary key that was made here: as what it is, its column can't be changed. The table is made anew for it.
    pub(super) fn take_primary_key(&self, connection: &Connection, column: &str) -> Result<(), SinkError> {
        let failed = |error: &rusqlite::Error| self.failed(error);
        let Some(definition) = self.without_primary_key(connection, column).map_err(|error| failed(&error))? else {
            return Ok(());
        };
        if self.is_led_to(connection).map_err(|error| failed(&error))? {
            let text = format!(
                "column `{column}` is the primary key of table `{}`, to which foreign keys lead: it can't be widened",
                self.shown
            );
            return Err(SinkError::new(text).help("give the rows another table, or make this one anew"));
        }
        // Views go on to name the table that they name.
        let legacy: bool = connection
            .query_row("PRAGMA legacy_alter_table", [], |row| row.get(0))
            .and_then(|legacy| connection.pragma_update(None, "legacy_alter_table", true).map(|()| legacy))
            .map_err(|error| failed(&error))?;
        let made = self.make_anew(connection, &definition);
        connection.pragma_update(None, "legacy_alter_table", legacy).map_err(|error| failed(&error))?;
        made.map_err(|error| failed(&error))?;
        self.make_unique(connection, &[column.to_owned()])
    }

    /// Returns how the table is defined, from its columns on, but for its primary key; nothing where that was not made here.
    fn without_primary_key(&self, connection: &Connection, column: &str) -> rusqlite::Result<Option<String>> {
        let sql = format!("SELECT sql FROM {}.sqlite_master WHERE type = 'table' AND name = ?1", self.schema);
        let sql: Option<String> = connection.query_row(&sql, [&self.name], |row| row.get(0)).optional()?;
        let begin = format!("CREATE TABLE {}", quoted(&self.name));
        let definition = sql.as_deref().and_then(|sql| sql.strip_prefix(&*begin));
        let plain = format!("{} {}", quoted(column), Kind(ColumnType::Integer).declared());
        let primary = primary_key(column);
        Ok(definition.filter(|sql| sql.matches(&*primary).count() == 1).map(|sql| sql.replace(&primary, &plain)))
    }

    /// Tells whether other rows stand or fall with those of the table.
    fn is_led_to(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM {schema}.sqlite_master AS it, pragma_foreign_key_list(it.name, ?2) AS leading
             WHERE it.type = 'table' AND leading.\"table\" = ?1 COLLATE NOCASE)",
            schema = self.schema
        );
        connection.query_row(&sql, [self.name.as_str(), self.schema], |row| row.get(0))
    }

    /// Makes the table anew, with its rows and what stands beside it (<https://sqlite.org/lang_altertable.html#otheralter>).
    fn make_anew(&self, connection: &Connection, definition: &str) -> rusqlite::Result<()> {
        let (schema, table) = (self.schema, self.sql());
        let beside: String = connection.query_row(
            &format!(
                "SELECT coalesce(group_concat(sql, ';\n'), '') FROM {schema}.sqlite_master
                 WHERE type IN ('index', 'trigger') AND tbl_name = ?1 AND sql IS NOT NULL"
            ),
            [&self.name],
            |row| row.get(0),
        )?;
        let (name, new) = (quoted(&self.name), quoted(&format!("{} made anew", self.name)));
        connection.execute_batch(&format!(
            "CREATE TABLE {schema}.{new}{definition};
             INSERT INTO {schema}.{new} SELECT * FROM {table};
             DROP TABLE {table};
             ALTER TABLE {schema}.{new} RENAME TO {name};
             {beside}"
        ))
    }
}
