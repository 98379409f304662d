//! What tables of every database refuse, in words.

use engine_runtime::SinkError;

use crate::cell::Cell;
use crate::kind::Kind;

/// Says that a table, or a column of it, may not be made.
pub(crate) fn not_to_be_made(table: &str, column: Option<&str>) -> SinkError {
    match column {
        Some(column) => {
            SinkError::new(format!("table `{table}` has no column `{column}`, and `create: false` forbids to make it"))
                .help("make the column, take the member out of `map`, or take `create: false` away")
        }
        None => SinkError::new(format!("there is no table `{table}`, and `create: false` forbids to make it"))
            .help("make the table, or take `create: false` away"),
    }
}

/// Says that a column may not be changed.
pub(crate) fn not_to_be_widened(column: &str, table: &str, kind: Kind, wider: Kind) -> SinkError {
    SinkError::new(format!(
        "column `{column}` of table `{table}` is {}, and `create: false` forbids to make it {}",
        kind.name(),
        wider.name()
    ))
    .help("change the column, say its type in `map`, or take `create: false` away")
}

/// Says that a column can't become another kind.
pub(crate) fn would_lose(column: &str, table: &str, kind: Kind, wider: Kind) -> SinkError {
    SinkError::new(format!(
        "column `{column}` of table `{table}` is {}: making it {} would lose digits",
        kind.name(),
        wider.name()
    ))
    .help("say its type in `map`, or write to another table")
}

/// Says that rows that are there share a key.
pub(crate) fn shared_key(table: &str, key: &[String]) -> SinkError {
    let key = key.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    SinkError::new(format!("table `{table}` has rows that share a key ({key})"))
        .help("remove the double rows, or choose another `key`")
}

/// Says that a record has no key.
pub(crate) fn without_key(member: &str) -> SinkError {
    SinkError::new(format!("the record has no value in `{member}`, a member of the key"))
        .help("choose a `key` that every record has, or keep it in `map`")
}

/// Says that a record has nothing to write.
pub(crate) fn without_members() -> SinkError {
    SinkError::new("the record has no members to make columns of")
}

/// Says that a value does not fit into its column, which has the type that a mapping declared, or one that nothing widens.
pub(crate) fn misfit(column: &str, table: &str, kind: Kind, cell: &Cell<'_>, declared: Option<Kind>) -> SinkError {
    let error = SinkError::new(format!(
        "column `{column}` of table `{table}` is {}, and {} does not fit",
        kind.name(),
        cell.shown()
    ));
    match declared {
        Some(kind) => {
            error.help(format!("the mapping says `type: {}`: give a value of it, or change the type", kind.name()))
        }
        None => error.help("say a type in `map`, or write to another table"),
    }
}
