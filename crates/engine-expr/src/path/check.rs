//! Parses a path and refuses what the grammar of `jsonpath-rust` lets pass, each mistake at its bytes.

use std::ops::Range;

use jsonpath_rust::parser::errors::JsonPathError;
use jsonpath_rust::parser::{model as ast, parse_json_path};

use super::query::Query;
use crate::problem::Problem;

const CODE: &str = "invalid-jsonpath";

pub(super) fn parse(text: &str) -> Result<Query, Box<Problem>> {
    if let Some(range) = split_name(text) {
        return Err(Box::new(
            Problem::new(CODE, "invalid JSONPath: a blank within a name", range, "a blank")
                .help("a name with a blank goes into brackets: `$['first name']`"),
        ));
    }
    if let Some(at) = after_dot_dash(text) {
        return Err(Box::new(
            Problem::new(
                CODE,
                "invalid JSONPath: a name after a dot cannot have a `-`",
                at..at + 1,
                "not part of a name",
            )
            .help("such a name goes into brackets: `$['line-items']`"),
        ));
    }
    let query = parse_json_path(text).map_err(|error| Box::new(describe(text, &error)))?;
    well_typed(&query.segments).map_err(|message| {
        Box::new(
            Problem::new(CODE, format!("invalid JSONPath: {message}"), filter_range(text), "in this filter")
                .help("see RFC 9535 §2.4.3 for what functions take and give"),
        )
    })?;
    Ok(Query::new(&query.segments))
}

/// Finds `.first name`: the grammar takes the blank as part of the name.
fn split_name(text: &str) -> Option<Range<usize>> {
    let mut chars = unquoted(text).peekable();
    let mut after_dot = false;
    let mut blank: Option<usize> = None;
    while let Some((at, char)) = chars.next() {
        if is_name(char) && after_dot {
            if let Some(blank) = blank {
                return Some(blank..at);
            }
        } else if char.is_ascii_whitespace() && after_dot {
            blank.get_or_insert(at);
        } else {
            after_dot = char == '.' && chars.peek().is_some_and(|(_, next)| begins_name(*next));
            blank = None;
        }
    }
    None
}

/// Finds `.line-items`.
fn after_dot_dash(text: &str) -> Option<usize> {
    let mut after_dot = false;
    let mut chars = unquoted(text).peekable();
    while let Some((at, char)) = chars.next() {
        let begins = char == '.' && chars.peek().is_some_and(|(_, next)| begins_name(*next));
        if char == '-' && after_dot {
            return Some(at);
        }
        after_dot = begins || (after_dot && is_name(char));
    }
    None
}

fn begins_name(char: char) -> bool {
    is_name(char) && !char.is_ascii_digit()
}

fn is_name(char: char) -> bool {
    char.is_alphanumeric() || char == '_' || !char.is_ascii()
}

/// Goes over the characters outside of quotes.
fn unquoted(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quote = None;
    let mut escaped = false;
    text.char_indices().filter(move |(_, char)| match quote {
        Some(_) if escaped => {
            escaped = false;
            false
        }
        Some(_) if *char == '\\' => {
            escaped = true;
            false
        }
        Some(open) if open == *char => {
            quote = None;
            false
        }
        Some(_) => false,
        None if matches!(char, '\'' | '"') => {
            quote = Some(*char);
            false
        }
        None => true,
    })
}

fn filter_range(text: &str) -> Range<usize> {
    let start = text.find("[?").unwrap_or(0);
    start..text.rfind(']').map_or(text.len(), |end| end + 1).max(start)
}

/// Says in our words what the parser stumbled over.
fn describe(text: &str, error: &JsonPathError) -> Problem {
    match error {
        JsonPathError::PestError(error) => {
            let at = match error.location {
                pest::error::InputLocation::Pos(at) | pest::error::InputLocation::Span((at, _)) => at.min(text.len()),
            };
            stumble(text, at)
        }
        JsonPathError::MaxNestingDepthExceeded(depth) => Problem::new(
            CODE,
            format!("invalid JSONPath: nested deeper than {depth} levels"),
            0..text.len(),
            "too deep",
        ),
        JsonPathError::InvalidJsonPath(message) if message.contains("number of arguments") => Problem::new(
            CODE,
            "invalid JSONPath: a function has the wrong number of arguments",
            filter_range(text),
            "in this filter",
        )
        .help("`length`, `count` and `value` take one argument, `match` and `search` take two"),
        JsonPathError::InvalidJsonPath(message) if message.contains("not comparable") => Problem::new(
            CODE,
            "invalid JSONPath: the result of `match` or `search` cannot be compared",
            filter_range(text),
            "in this filter",
        )
        .help("it is true or false already: write `[?match(@.name, 'x.*')]`"),
        _ => Problem::new(
            CODE,
            "invalid JSONPath: this filter does not make sense",
            filter_range(text),
            "in this filter",
        ),
    }
}

/// Names of templates that somebody may take for something that `$` leads to.
const NAMES: [&str; 13] = [
    "parent", "original", "response", "steps", "inputs", "vars", "run", "params", "batch", "error", "trigger",
    "window", "secrets",
];

fn stumble(text: &str, at: usize) -> Problem {
    let before = text.get(..at).unwrap_or(text).trim_end();
    let rest = text.get(at..).unwrap_or_default();
    let width = rest.chars().next().map_or(0, char::len_utf8);
    // At the end of the text there is no byte to point at but the last one.
    let here = if width == 0 { at.saturating_sub(last_width(text))..at } else { at..at + width };
    let wrong =
        |message: &str, label: &str| Problem::new(CODE, format!("invalid JSONPath: {message}"), here.clone(), label);
    if let Some(operator) = ["==", "!=", "<=", ">=", "<", ">"].into_iter().find(|operator| before.ends_with(operator)) {
        let start = before.len() - operator.len();
        return wrong("the comparison has no right-hand side", "expected a value")
            .second(start..before.len(), "to compare with this operator")
            .help(format!(
                "write `{} true`, or leave `{operator}` out to test that the member exists",
                before.get(start..).unwrap_or(operator)
            ));
    }
    if before.ends_with("&&") || before.ends_with("||") {
        return wrong("a condition is missing after `&&` or `||`", "expected a condition");
    }
    if rest.starts_with('=') && before.ends_with('=') {
        return wrong("`===` is not an operator", "one `=` too many").help("write `==`");
    }
    if rest.starts_with('=') || before.ends_with('=') {
        return wrong("a comparison is written `==`", "a single `=`").help("write `==`");
    }
    if rest.is_empty() {
        if let Some(open) = unclosed(text) {
            return wrong("the bracket is never closed", "the path ends here")
                .second(open..open + 1, "opened here")
                .help("add the closing bracket");
        }
        if before.ends_with('.') {
            return wrong("a name is missing after the dot", "expected a name")
                .help("write a name, or `*` for every member");
        }
    }
    if before.ends_with('.') {
        return wrong("after a dot comes a name or `*`", "not a name")
            .help("a name with other characters goes into brackets: `$['first-name']`");
    }
    if before.ends_with('[') || before.ends_with(',') {
        return wrong("in brackets comes a quoted name, a number, `*`, a slice or a filter", "expected one of these")
            .help("write `['name']`, `[0]`, `[*]`, `[0:3]` or `[?@.active]`");
    }
    if before.ends_with('?') || before.ends_with('(') {
        return wrong("a filter compares members of `@`", "expected a condition").help("write `[?@.status == 'paid']`");
    }
    if before == "$" {
        let first = rest.split(['.', '[']).next().unwrap_or_default();
        let help = if NAMES.contains(&first) {
            format!("`$` is the item: write `\"{{{{ {rest} }}}}\"` for what is called `{first}`")
        } else {
            format!("write `$.{}`", rest.trim_start_matches('/'))
        };
        return wrong("after `$` comes `.` or `[`", "expected `.` or `[`").help(help);
    }
    if let Some(open) = unclosed(text.get(..at).unwrap_or_default()) {
        return wrong("this does not belong here", "not understood").second(open..open + 1, "within this bracket");
    }
    wrong("this does not belong here", "not understood")
        .help("a path is made of `.name`, `['name']`, `[0]`, `[*]`, `[?filter]` and `..name`")
}

fn last_width(text: &str) -> usize {
    text.chars().next_back().map_or(0, char::len_utf8)
}

/// Finds the innermost bracket that is still open at the end.
fn unclosed(text: &str) -> Option<usize> {
    let mut open = Vec::new();
    for (at, char) in unquoted(text) {
        match char {
            '[' | '(' => open.push(at),
            ']' | ')' => _ = open.pop(),
            _ => {}
        }
    }
    open.pop()
}

/// Checks functions and comparisons by the types of RFC 9535 §2.4.3.
fn well_typed(segments: &[ast::Segment]) -> Result<(), String> {
    for segment in segments {
        match segment {
            ast::Segment::Descendant(inner) => well_typed(std::slice::from_ref(inner))?,
            ast::Segment::Selector(selector) => selector_typed(selector)?,
            ast::Segment::Selectors(selectors) => selectors.iter().try_for_each(selector_typed)?,
        }
    }
    Ok(())
}

fn selector_typed(selector: &ast::Selector) -> Result<(), String> {
    match selector {
        ast::Selector::Filter(filter) => filter_typed(filter),
        _ => Ok(()),
    }
}

fn filter_typed(filter: &ast::Filter) -> Result<(), String> {
    match filter {
        ast::Filter::Or(parts) | ast::Filter::And(parts) => parts.iter().try_for_each(filter_typed),
        ast::Filter::Atom(ast::FilterAtom::Filter { expr, .. }) => filter_typed(expr),
        ast::Filter::Atom(ast::FilterAtom::Test { expr, .. }) => match &**expr {
            ast::Test::Function(function) => match &**function {
                ast::TestFunction::Match(..) | ast::TestFunction::Search(..) => function_typed(function),
                other => Err(format!("the result of `{}` must be compared", name_of(other))),
            },
            test => test_typed(test),
        },
        ast::Filter::Atom(ast::FilterAtom::Comparison(comparison)) => {
            let (left, right) = comparison.vals();
            comparable_typed(left)?;
            comparable_typed(right)
        }
    }
}

fn test_typed(test: &ast::Test) -> Result<(), String> {
    match test {
        ast::Test::RelQuery(segments) => well_typed(segments),
        ast::Test::AbsQuery(query) => well_typed(&query.segments),
        ast::Test::Function(function) => function_typed(function),
    }
}

fn comparable_typed(comparable: &ast::Comparable) -> Result<(), String> {
    match comparable {
        ast::Comparable::Function(function) => match function {
            ast::TestFunction::Length(_) | ast::TestFunction::Count(_) | ast::TestFunction::Value(_) => {
                function_typed(function)
            }
            other => Err(format!("the result of `{}` cannot be compared", name_of(other))),
        },
        ast::Comparable::Literal(_) | ast::Comparable::SingularQuery(_) => Ok(()),
    }
}

fn function_typed(function: &ast::TestFunction) -> Result<(), String> {
    let name = name_of(function);
    match function {
        ast::TestFunction::Length(argument) => value_argument(argument, name),
        ast::TestFunction::Match(text, pattern) | ast::TestFunction::Search(text, pattern) => {
            value_argument(text, name)?;
            value_argument(pattern, name)
        }
        ast::TestFunction::Count(argument) | ast::TestFunction::Value(argument) => match argument {
            ast::FnArg::Test(test) if !matches!(**test, ast::Test::Function(_)) => test_typed(test),
            _ => Err(format!("`{name}` takes a path")),
        },
        ast::TestFunction::Custom(name, _) => Err(format!("`{name}` is not a function of RFC 9535")),
    }
}

fn value_argument(argument: &ast::FnArg, name: &str) -> Result<(), String> {
    let one = || format!("`{name}` takes a value or a path to one value");
    match argument {
        ast::FnArg::Literal(_) => Ok(()),
        ast::FnArg::Filter(_) => Err(one()),
        ast::FnArg::Test(test) => match &**test {
            ast::Test::RelQuery(segments) => Query::new(segments).singular().map(drop).ok_or_else(one),
            ast::Test::AbsQuery(query) => Query::new(&query.segments).singular().map(drop).ok_or_else(one),
            ast::Test::Function(function) => match &**function {
                ast::TestFunction::Length(_) | ast::TestFunction::Count(_) | ast::TestFunction::Value(_) => {
                    function_typed(function)
                }
                _ => Err(one()),
            },
        },
    }
}

fn name_of(function: &ast::TestFunction) -> &str {
    match function {
        ast::TestFunction::Custom(name, _) => name,
        ast::TestFunction::Length(_) => "length",
        ast::TestFunction::Value(_) => "value",
        ast::TestFunction::Count(_) => "count",
        ast::TestFunction::Search(..) => "search",
        ast::TestFunction::Match(..) => "match",
    }
}
