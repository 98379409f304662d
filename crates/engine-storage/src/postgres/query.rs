//! A query of a spec, as the server takes it: `$1` in the place of `:name`. Texts, names and comments stay as they are.

use std::fmt::Write as _;

use engine_runtime::SinkError;

use crate::query::{blank, several};

/// A query whose params have numbers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) sql: String,
    /// The names of the params, the first one that of `$1`.
    pub(super) names: Vec<String>,
}

impl Query {
    /// Gives the params numbers.
    ///
    /// # Errors
    ///
    /// Fails where there are several statements, and with params that have numbers already.
    pub(super) fn parse(text: &str, shown: &str) -> Result<Self, SinkError> {
        let mut query = Self { sql: String::with_capacity(text.len()), names: Vec::new() };
        let mut rest = text;
        let mut before = ' ';
        while let Some(next) = rest.chars().next() {
            let length = match next {
                ':' if rest.starts_with("::") => 2,
                ':' => {
                    let name = name(rest.get(1..).unwrap_or_default());
                    if !name.is_empty() {
                        let number = query.number(name);
                        // A text takes all that is written to it.
                        _ = write!(query.sql, "${number}");
                        rest = rest.get(1 + name.len()..).unwrap_or_default();
                        before = '0';
                        continue;
                    }
                    1
                }
                '$' if is_part_of_name(before) => 1,
                '$' if rest.get(1..).is_some_and(|rest| rest.starts_with(|it: char| it.is_ascii_digit())) => {
                    let digits = rest.get(1..).unwrap_or_default();
                    let end = digits.find(|it: char| !it.is_ascii_digit()).unwrap_or(digits.len());
                    let number = digits.get(..end).unwrap_or_default();
                    return Err(SinkError::new(format!("{shown}: `${number}` is no name of a param"))
                        .help("write `:name`, and its value in `params`"));
                }
                '$' => dollar_quoted(rest),
                '\'' => quoted(rest, '\'', matches!(before, 'e' | 'E')),
                '"' => quoted(rest, '"', false),
                '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
                '/' if rest.starts_with("/*") => comment(rest),
                ';' => {
                    let after = rest.get(1..).unwrap_or_default();
                    if blank(after) < after.len() {
                        return Err(several(shown));
                    }
                    break;
                }
                other => other.len_utf8(),
            };
            let (taken, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            query.sql.push_str(taken);
            // The letter of `E'…'` is one only where it stands by itself.
            before = if is_part_of_name(before) && matches!(next, 'e' | 'E') { 'x' } else { next };
            rest = after;
        }
        Ok(query)
    }

    fn number(&mut self, name: &str) -> usize {
        let known = self.names.iter().position(|known| known == name);
        known.map_or_else(
            || {
                self.names.push(name.to_owned());
                self.names.len()
            },
            |at| at + 1,
        )
    }
}

fn is_part_of_name(char: char) -> bool {
    char.is_alphanumeric() || char == '_' || char == '$' || !char.is_ascii()
}

/// Returns the name that a text begins with.
fn name(text: &str) -> &str {
    if !text.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_') {
        return "";
    }
    let end = text.find(|it: char| !(it.is_ascii_alphanumeric() || it == '_')).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// Returns the length of what stands in quotes, of which two stand for one.
fn quoted(text: &str, quote: char, has_escapes: bool) -> usize {
    let mut chars = text.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        if char == '\\' && has_escapes {
            chars.next();
        } else if char == quote {
            // Two quotes end one text and begin the next, which comes to the same.
            return at + 1;
        }
    }
    text.len()
}

/// Returns the length of a text between `$tag$` and `$tag$`; 1 where none begins.
fn dollar_quoted(text: &str) -> usize {
    let tag = name(text.get(1..).unwrap_or_default());
    let length = tag.len() + 2;
    if text.get(1 + tag.len()..length) != Some("$") {
        return 1;
    }
    let mark = text.get(..length).unwrap_or_default();
    let after = text.get(length..).unwrap_or_default();
    after.find(mark).map_or(text.len(), |at| length + at + length)
}

/// Returns the length of a comment, which may have others within.
fn comment(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth = depth.saturating_sub(1);
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str, names: &[&str]) {
        match Query::parse(text, "it") {
            Ok(query) => assert_eq!(
                (query.sql.as_str(), query.names),
                (expected, names.iter().map(ToString::to_string).collect()),
                "{text}"
            ),
            Err(error) => assert_eq!(error.message, expected, "{text}"),
        }
    }

    #[test]
    fn params_have_numbers() {
        check("select :a, :b_1, :a", "select $1, $2, $1", &["a", "b_1"]);
        check(
            "select :a::int, x::text from t where y=:y;  -- end\n",
            "select $1::int, x::text from t where y=$2",
            &["a", "y"],
        );
        check("select a[1 : 2], f(x := 1)", "select a[1 : 2], f(x := 1)", &[]);
    }

    #[test]
    fn what_is_no_param_stays() {
        for text in [
            "select ':a', 'it''s :b', E'\\':c', \"x:d\", $$:e;$$, $t$ $$ :f $t$ -- :g\n /* :h /* :i */ :j */",
            "select the':a' from x$a$b",
            "select 'open :a",
            "select $$ open :a",
            "/* open :a",
            "ü 'ö:x'",
        ] {
            check(text, text, &[]);
        }
        check("select E'a\\\\', :x", "select E'a\\\\', $1", &["x"]);
        check("select 'a\\', :x", "select 'a\\', $1", &["x"]);
    }

    #[test]
    fn one_statement_with_names() {
        check("select 1; select 2", "it has several statements", &[]);
        check("select ';'; ", "select ';'", &[]);
        check("select $1", "it: `$1` is no name of a param", &[]);
    }
}
