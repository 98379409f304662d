//! Says in our words what is wrong with the text of a template.

use minijinja::Error;

use crate::problem::Problem;

/// Describes why a text could not be parsed; `shift` is what stands before it in the scalar.
pub(super) fn describe(code: &'static str, noun: &str, text: &str, error: &Error) -> Problem {
    let found = error.range().filter(|range| range.end <= text.len() && text.get(range.clone()).is_some());
    let detail = error.detail().unwrap_or_default();
    if detail.contains("end of string") {
        let start = open_quote(text).unwrap_or(0);
        return Problem::new(code, format!("invalid {noun}: a quote is never closed"), start..start + 1, "opened here")
            .help("close the quote");
    }
    let range = found.unwrap_or_else(|| last(text));
    if detail.contains("recursion limit") {
        return super::limit::problem(code, noun, range);
    }
    let here = text.get(range.clone()).unwrap_or_default();
    let rest = text.get(range.start..).unwrap_or_default();
    let before = text.get(..range.start).unwrap_or_default().trim_end();
    let problem =
        |message: &str, label: &str| Problem::new(code, format!("invalid {noun}: {message}"), range.clone(), label);
    if rest.starts_with("&&") {
        return wide(problem("`&&` is not an operator here", "not an operator"), 2).help("write `and`");
    }
    if rest.starts_with("||") || (here == "|" && before.ends_with('|')) {
        return problem("`||` is not an operator here", "not an operator")
            .help("write `or`, or `| default(…)` for a value that may be missing");
    }
    if here == "!" {
        return problem("`!` is not an operator here", "not an operator").help("write `not`");
    }
    if rest.starts_with("??") {
        return wide(problem("`??` is not an operator here", "not an operator"), 2).help("write `| default(…)`");
    }
    if here == "?" {
        return problem("`?` is not an operator here", "not an operator")
            .help("write `a if condition else b`, or `| default(…)` for a member that may be missing");
    }
    if here == "=" {
        return problem("a single `=` compares nothing", "a single `=`").help("write `==`");
    }
    if here == "$" {
        return problem("a path cannot stand in an expression", "a path")
            .help("write `item.name`, or `jsonpath(item, '$.name')`");
    }
    if detail.contains("end of input") {
        let (open, close) = match (text.rfind("{{"), text.rfind("{%")) {
            (Some(variable), Some(block)) if block > variable => ("{%", "%}"),
            (None, Some(_)) => ("{%", "%}"),
            (Some(_), _) => ("{{", "}}"),
            (None, None) => {
                return problem("it ends too early", "more is expected").help("complete the expression");
            }
        };
        if detail.contains("end of variable block") || (text.matches(open).count() > text.matches(close).count()) {
            let start = text.rfind(open).unwrap_or(0);
            return Problem::new(
                code,
                format!("invalid {noun}: `{open}` is never closed"),
                start..start + 2,
                "opened here",
            )
            .help(format!("add `{close}`"));
        }
        return problem("a block is never closed", "the text ends here")
            .help("add `{% endif %}`, `{% endfor %}` or the like");
    }
    if detail.starts_with("unexpected end of variable block") || detail.starts_with("unexpected end of block") {
        if before.ends_with('.') {
            return problem("a name is missing after the dot", "expected a name")
                .help("write a name, or take the dot away");
        }
        if before.ends_with('|') {
            return problem("a filter is missing after `|`", "expected a filter")
                .help("name one, such as `| upper`, or take the `|` away");
        }
        if before.ends_with("{{") {
            return problem("it is empty", "expected an expression").help("write an expression between `{{` and `}}`");
        }
        return problem("an operand is missing", "expected a value").help("write a value after the operator");
    }
    if here == "}" && rest.starts_with("}}") {
        return wide(problem("a bracket is never closed", "expected a closing bracket"), 2)
            .help("close each `(` with `)`, each `[` with `]`");
    }
    if here == "}" {
        return problem("`}` alone closes nothing", "expected `}}`").help("write `}}`");
    }
    if detail.starts_with("unknown statement") {
        return problem(&format!("there is no statement `{here}`"), "not a statement")
            .help("there are `if`, `for`, `set`, `with`, `macro` and `filter`");
    }
    if detail.starts_with("unexpected identifier") {
        return problem("two values stand side by side", "an operator is missing")
            .help("join texts with `~`, give a text its quotes");
    }
    if detail == "unexpected character" {
        return problem("this character means nothing here", "not understood")
            .help("names have letters, digits and `_`; other names go into brackets: `item['first-name']`");
    }
    if here == "%" && noun == "condition" {
        return problem("a statement is no condition", "not understood")
            .help("write the expression alone, without `{% %}`");
    }
    problem("this does not belong here", "not understood").help("write a value here, or take it away")
}

fn wide(mut problem: Problem, width: usize) -> Problem {
    problem.range.end = problem.range.start + width;
    problem
}

fn last(text: &str) -> std::ops::Range<usize> {
    let width = text.chars().next_back().map_or(0, char::len_utf8);
    text.len() - width..text.len()
}

/// Finds the quote that stays open, within the expressions of the text.
fn open_quote(text: &str) -> Option<usize> {
    let mut quote: Option<(usize, char)> = None;
    let mut escaped = false;
    let start = text.find("{{").into_iter().chain(text.find("{%")).min().unwrap_or(0);
    for (at, char) in text.char_indices().filter(|(at, _)| *at >= start) {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if char == '\\' => escaped = true,
            Some((_, open)) if open == char => quote = None,
            Some(_) => {}
            None if matches!(char, '\'' | '"') => quote = Some((at, char)),
            None => {}
        }
    }
    quote.map(|(at, _)| at)
}
