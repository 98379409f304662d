//! What a spec says of a sink, its templates evaluated.

use engine_expr::{Scope, Secret, Template};
use engine_spec::Sink;

use crate::failure::Failure;
use crate::sink::SinkKind;

/// Evaluates a sink, and gives the path of its file if it has one; none where records are printed.
pub(crate) fn evaluated<'s>(sink: &'s Sink, base: &Scope) -> Result<Option<(SinkKind, Option<&'s Template>)>, Failure> {
    Ok(Some(match sink {
        Sink::Stdout(_) => return Ok(None),
        Sink::Jsonl(jsonl) => {
            (SinkKind::Jsonl { compression: jsonl.compression.unwrap_or_default() }, Some(&jsonl.path))
        }
        Sink::Csv(csv) => {
            let header = csv.header.as_ref().map_or(Ok(true), |header| header.resolve(base))?;
            let delimiter = csv.delimiter.as_ref().map_or(b',', |delimiter| delimiter.byte());
            let compression = csv.compression.unwrap_or_default();
            (SinkKind::Csv { delimiter, header, compression }, Some(&csv.path))
        }
        Sink::Parquet(parquet) => {
            let row_group = parquet.row_group.as_ref().map(|rows| rows.resolve(base)).transpose()?;
            let compression = parquet.compression.unwrap_or_default();
            (SinkKind::Parquet { compression, row_group }, Some(&parquet.path))
        }
        Sink::Sqlite(sqlite) => {
            let mut pragmas = Vec::new();
            for (name, value) in &sqlite.pragmas {
                pragmas.push((name.value.to_string(), value.evaluate(base)?.unwrap_or_default()));
            }
            (SinkKind::Sqlite { pragmas }, Some(&sqlite.path))
        }
        Sink::Postgres(postgres) => {
            let url = Secret::new(postgres.url.render_text(base)?);
            let schema = postgres.schema.as_ref().map(|schema| schema.render_text(base)).transpose()?;
            (SinkKind::Postgres { url, schema }, None)
        }
    }))
}
