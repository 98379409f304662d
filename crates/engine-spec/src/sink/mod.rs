//! Where records are written to: one file per kind.

mod csv;
mod jsonl;
mod parquet;
mod postgres;
mod sqlite;
mod stdout;

use engine_expr::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use csv::CsvSink;
pub use jsonl::{FileCompression, JsonlSink};
pub use parquet::{ParquetCompression, ParquetSink};
pub use postgres::PostgresSink;
pub use sqlite::SqliteSink;
pub use stdout::{StdoutFormat, StdoutSink};

/// Where records are written to.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "@tag:type:sink", rename_all = "snake_case")]
#[schemars(tag = "type", rename = "Sink")]
pub enum Sink {
    /// The output of the program.
    Stdout(StdoutSink),
    /// Files with a JSON text per line.
    Jsonl(JsonlSink),
    /// Files with rows of fields (RFC 4180).
    Csv(CsvSink),
    /// Parquet files.
    Parquet(ParquetSink),
    /// Tables in a database file of `SQLite`.
    Sqlite(SqliteSink),
    /// Tables of a Postgres database.
    Postgres(PostgresSink),
}

impl Sink {
    /// Returns the name of its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Stdout(_) => "stdout",
            Self::Jsonl(_) => "jsonl",
            Self::Csv(_) => "csv",
            Self::Parquet(_) => "parquet",
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    /// Returns whether records go into tables, which have names, keys and modes.
    pub const fn has_tables(&self) -> bool {
        matches!(self, Self::Sqlite(_) | Self::Postgres(_))
    }

    /// Returns whether tables may be made and widened; they may if nothing is said.
    pub const fn create(&self) -> Option<&Setting<bool>> {
        match self {
            Self::Sqlite(sink) => sink.create.as_ref(),
            Self::Postgres(sink) => sink.create.as_ref(),
            Self::Stdout(_) | Self::Jsonl(_) | Self::Csv(_) | Self::Parquet(_) => None,
        }
    }
}
