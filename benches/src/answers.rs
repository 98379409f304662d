//! Compares what two programs wrote: the same records, in the same order. Numbers are compared by value, the
//! order of members is not compared. Knows nothing about how the records came about.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Lines};
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;

/// How two outputs differ.
#[derive(Debug, thiserror::Error)]
pub enum Difference {
    /// One of the files cannot be read.
    #[error("cannot read the output: {0}")]
    Io(#[from] io::Error),
    /// A line is no JSON.
    #[error("line {line} is not JSON: {text}")]
    NotJson {
        /// From 1.
        line: usize,
        /// What it holds.
        text: String,
    },
    /// Two lines are not the same record.
    #[error("line {line} differs\n  expected {expected}\n  got      {got}")]
    Record {
        /// From 1.
        line: usize,
        /// By hand.
        expected: String,
        /// By the engine.
        got: String,
    },
    /// A database cannot be read.
    #[error("cannot read a database: {0}")]
    Database(#[from] rusqlite::Error),
    /// Two tables have not the same rows.
    #[error("expected {expected} rows, got {got}; {same} of them are the same")]
    Rows {
        /// By hand.
        expected: i64,
        /// By the engine.
        got: i64,
        /// In both.
        same: i64,
    },
    /// There are fewer, or more.
    #[error("expected {expected} records, got {got}")]
    Count {
        /// By hand.
        expected: usize,
        /// By the engine.
        got: usize,
    },
}

/// Compares the output at `got` with the right one at `expected`, and gives the number of records.
pub fn compare(expected: &Path, got: &Path) -> Result<usize, Difference> {
    let open = |path: &Path| -> io::Result<Lines<BufReader<File>>> { Ok(BufReader::new(File::open(path)?).lines()) };
    let (mut expected, mut got, mut line) = (open(expected)?, open(got)?, 0);
    loop {
        match (expected.next().transpose()?, got.next().transpose()?) {
            (None, None) => return Ok(line),
            (Some(_), None) => {
                return Err(Difference::Count { expected: line + 1 + expected.count(), got: line });
            }
            (None, Some(_)) => {
                return Err(Difference::Count { expected: line, got: line + 1 + got.count() });
            }
            (Some(expected), Some(got)) => {
                line += 1;
                if !same(&parse(line, &expected)?, &parse(line, &got)?) {
                    return Err(Difference::Record { line, expected, got });
                }
            }
        }
    }
}

/// Compares the orders in two databases, and gives their number: the same columns, the same rows by their ids.
pub fn compare_tables(expected: &Path, got: &Path) -> Result<i64, Difference> {
    let connection = Connection::open(expected)?;
    connection.execute("ATTACH DATABASE ?1 AS got", [got.to_string_lossy()])?;
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let columns = "id, number, state, ordered_at, customer, email, city, total, sku";
    let (expected, got) = (count("SELECT count(*) FROM main.orders")?, count("SELECT count(*) FROM got.orders")?);
    let same = count(&format!(
        "SELECT count(*) FROM (SELECT {columns} FROM main.orders INTERSECT SELECT {columns} FROM got.orders)"
    ))?;
    if expected == got && same == got { Ok(got) } else { Err(Difference::Rows { expected, got, same }) }
}

fn parse(line: usize, text: &str) -> Result<Value, Difference> {
    serde_json::from_str(text).map_err(|_| Difference::NotJson { line, text: text.chars().take(200).collect() })
}

fn same(expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, one)| other.get(name).is_some_and(|other| same(one, other)))
        }
        _ => expected == got,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::fs;

    use super::{Difference, compare};

    fn check(expected: &str, got: &str) -> Result<usize, Difference> {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        fs::write(&one, expected).unwrap();
        fs::write(&other, got).unwrap();
        compare(&one, &other)
    }

    #[test]
    fn takes_records_that_are_written_differently_for_the_same() {
        let count = check("{\"a\":\"ó\",\"b\":60.00}\n{}\n", "{ \"b\":60, \"a\":\"\\u00f3\" }\n{}");
        assert_eq!(count.unwrap(), 2);
    }

    #[test]
    fn tells_which_record_differs() {
        let difference = check("{\"a\":1}\n{\"a\":2}\n", "{\"a\":1}\n{\"a\":\"2\"}\n").unwrap_err();
        assert!(matches!(difference, Difference::Record { line: 2, .. }), "{difference}");
        let difference = check("{}\n{}\n{}\n", "{}\n").unwrap_err();
        assert!(matches!(difference, Difference::Count { expected: 3, got: 1 }), "{difference}");
        let difference = check("{}\n", "{\n").unwrap_err();
        assert!(matches!(difference, Difference::NotJson { line: 1, .. }), "{difference}");
    }
}
