//! A query of a spec: that it only reads, and what its params are. Knows no database.

use std::collections::HashSet;

use engine_expr::Value;
use engine_runtime::SinkError;
use engine_source::suggest;

/// Requires that a query begins as one that reads.
pub(crate) fn check(text: &str, shown: &str) -> Result<(), SinkError> {
    let first: String =
        text.get(blank(text)..).unwrap_or_default().chars().take_while(char::is_ascii_alphabetic).collect();
    if ["select", "with", "values"].iter().any(|word| first.eq_ignore_ascii_case(word)) {
        Ok(())
    } else {
        Err(not_reading(shown))
    }
}

/// Returns how long the blanks and comments are with which a text of SQL begins.
pub(crate) fn blank(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if rest.starts_with("--") {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        } else if rest.starts_with("/*") {
            rest = rest.split_once("*/").map_or("", |(_, rest)| rest);
        } else {
            return text.len() - rest.len();
        }
    }
}

/// Says that a query does something else than to read.
pub(crate) fn not_reading(shown: &str) -> SinkError {
    SinkError::new(format!("{shown} is no single statement that reads"))
        .help("begin it with `select`, `with` or `values`; records are written by `write`")
}

/// Says that a query is more than one.
pub(crate) fn several(shown: &str) -> SinkError {
    SinkError::new(format!("{shown} has several statements")).help("write one; another `read` may have the next")
}

/// Requires that no two columns have one name.
pub(crate) fn check_names<'n>(names: impl Iterator<Item = &'n str>, shown: &str) -> Result<(), SinkError> {
    let mut known = HashSet::new();
    for name in names {
        if !known.insert(name) {
            return Err(SinkError::new(format!("{shown} gives two columns `{name}`"))
                .help(format!("name one of them otherwise: `… as other_{name}`")));
        }
    }
    Ok(())
}

/// Returns the value of a param.
pub(crate) fn param<'p>(name: &str, params: &'p [(String, Value)], shown: &str) -> Result<&'p Value, SinkError> {
    let found = params.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    found.ok_or_else(|| {
        let error = SinkError::new(format!("{shown} uses `:{name}`, and there is no such param"));
        match suggest(name, params.iter().map(|(name, _)| name.as_str())) {
            Some(help) => error.help(help),
            None => error.help(format!("give its value: `params: {{{name}: …}}`")),
        }
    })
}

/// Requires that a query uses all that is given.
pub(crate) fn check_used(used: &[String], params: &[(String, Value)], shown: &str) -> Result<(), SinkError> {
    match params.iter().find(|(name, _)| !used.contains(name)) {
        Some((name, _)) => Err(SinkError::new(format!("{shown} does not use the param `{name}`"))
            .help(format!("write `:{name}` where its value belongs, or remove it"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_reads() {
        for text in ["select 1", " -- a\n /* b */ WITH x AS (select 1) select * from x", "Values (1)"] {
            assert!(check(text, "it").is_ok(), "{text}");
        }
        for text in
            ["", "-- select", "delete from t", "pragma journal_mode", "selection", "explain select 1", "(select 1)"]
        {
            assert!(check(text, "it").is_err(), "{text}");
        }
    }
}
