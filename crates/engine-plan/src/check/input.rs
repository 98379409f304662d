//! Checks of inputs and params: whether defaults and allowed values fit what is declared about them.

use engine_expr::{Dynamic, Setting, Value, parse_moment};
use engine_request::{Period, Window};
use engine_source::{Finding, Map, Span};
use engine_spec::{Input, InputType, Literal, Param, Text};
use regex::Regex;

use super::Checker;
use super::names::Names;

impl<'a> Checker<'a> {
    pub(super) fn inputs(&mut self) {
        for (_, input) in self.spec.inputs.iter() {
            let Input { kind, default, required, values, pattern, env: _, description: _ } = input;
            self.declared(*kind, default.as_ref(), required.as_ref(), values.as_deref(), pattern.as_ref());
        }
    }

    pub(super) fn params(&mut self, params: &'a Map<Param>) {
        for (_, param) in params {
            let Param { kind, default, required, values, pattern, description: _ } = param;
            self.declared(*kind, default.as_ref(), required.as_ref(), values.as_deref(), pattern.as_ref());
        }
    }

    fn declared(
        &mut self,
        kind: InputType,
        default: Option<&'a Dynamic>,
        required: Option<&Setting<bool>>,
        values: Option<&[Literal]>,
        pattern: Option<&Text>,
    ) {
        let names = Names::default();
        self.setting(required, &names);
        let pattern = pattern.and_then(|pattern| self.regex(pattern));
        for literal in values.unwrap_or_default() {
            if let Some(finding) = unfit(kind, literal.value(), literal.span(), "allowed value") {
                self.findings.push(finding);
            }
        }
        let Some(default) = default else { return };
        self.dynamic(default, &names);
        let Some(value) = default.as_literal() else { return };
        let span = default.span();
        if let Some(finding) = unfit(kind, value, span, "default") {
            self.findings.push(finding);
        } else if let Some(values) = values.filter(|values| values.iter().all(|known| known.value() != value)) {
            let known: Vec<String> = values.iter().take(8).map(|known| format!("`{}`", shown(known.value()))).collect();
            self.findings.push(
                Finding::error(
                    "invalid-default",
                    format!("the default `{}` is not one of the allowed values", shown(value)),
                )
                .label(span, "not in `enum`")
                .help(format!("one of {}", known.join(", "))),
            );
        } else if let (Some(pattern), Some(text)) = (pattern, value.as_str())
            && !pattern.is_match(text)
        {
            self.findings.push(
                Finding::error(
                    "invalid-default",
                    format!("the default `{text}` does not match the pattern `{pattern}`"),
                )
                .label(span, "does not match")
                .help("change the default or the pattern"),
            );
        }
    }

    /// Compiles a regular expression.
    fn regex(&mut self, pattern: &Text) -> Option<Regex> {
        match Regex::new(pattern) {
            Ok(regex) => Some(regex),
            Err(error) => {
                let (range, label, help) = described(pattern, &error.to_string());
                let span = range.map_or(pattern.span(), |range| self.sources.within(pattern.span(), range));
                self.findings.push(
                    Finding::error("invalid-regex", format!("`{pattern}` is not a regular expression: {label}"))
                        .label(span, label)
                        .help(help),
                );
                None
            }
        }
    }
}

/// Returns whether a run cannot begin unless an input is given: nothing else gives it.
pub(crate) fn is_missing(input: &Input) -> bool {
    let is_optional = input.required.as_ref().is_some_and(|required| required.as_value() != Some(&true));
    input.default.is_none() && input.env.is_none() && !is_optional
}

/// What is declared about a value that is given: an input of a flow, or a param of an endpoint.
#[derive(Clone, Copy)]
pub(crate) struct Taken<'d> {
    /// What it is, in a word.
    what: &'static str,
    name: &'d str,
    kind: InputType,
    values: Option<&'d [Literal]>,
    pattern: Option<&'d Text>,
}

impl<'d> Taken<'d> {
    /// Returns what is declared about an input.
    pub(crate) fn input(name: &'d str, input: &'d Input) -> Self {
        let Input { kind, values, pattern, .. } = input;
        Self { what: "input", name, kind: *kind, values: values.as_deref(), pattern: pattern.as_ref() }
    }

    /// Returns what is declared about a param.
    pub(crate) fn param(name: &'d str, param: &'d Param) -> Self {
        let Param { kind, values, pattern, .. } = param;
        Self { what: "param", name, kind: *kind, values: values.as_deref(), pattern: pattern.as_ref() }
    }

    /// Says that a literal is not one that a run would take; texts are read, as those of the command line are.
    pub(crate) fn refuses(self, value: &Dynamic) -> Option<Finding> {
        let (given, span) = (value.as_literal()?, value.span());
        // Null stands for a value that is not given.
        if *given == Value::Null {
            return None;
        }
        let Self { what, name, kind, .. } = self;
        let Some(value) = brought(kind, given) else {
            let (noun, help) = mismatch(kind, given)?;
            let message = format!("`{}` is not {noun}, as the {what} `{name}` wants", shown(given));
            return Some(Finding::error("wrong-type", message).label(span, format!("not {noun}")).help(help));
        };
        if let Some(values) = self.values.filter(|values| values.iter().all(|known| *known.value() != value)) {
            let known: Vec<String> = values.iter().take(8).map(|known| format!("`{}`", shown(known.value()))).collect();
            let message = format!("`{}` is not one of the allowed values of the {what} `{name}`", shown(given));
            return Some(
                Finding::error("invalid-value", message)
                    .label(span, "not in `enum`")
                    .help(format!("one of {}", known.join(", "))),
            );
        }
        let pattern = self.pattern?;
        let is_other = Regex::new(pattern).is_ok_and(|regex| value.as_str().is_some_and(|text| !regex.is_match(text)));
        is_other.then(|| {
            let message = format!("`{}` does not match the pattern `{pattern}` of the {what} `{name}`", shown(given));
            Finding::error("invalid-value", message)
                .label(span, "does not match")
                .help("change the value or the pattern")
        })
    }
}

/// Brings a literal to its declared type as a run does. None if it cannot be brought there.
fn brought(kind: InputType, value: &Value) -> Option<Value> {
    let json = |text: &str| Value::from_json(text).ok();
    match (kind, value) {
        (InputType::String, Value::Number(_) | Value::Bool(_)) => value.text().map(|text| text.into_owned().into()),
        (InputType::Integer | InputType::Number | InputType::Decimal, Value::String(text)) => {
            let number = engine_expr::Number::parse(text)?;
            (kind != InputType::Integer || number.is_integer()).then_some(Value::Number(number))
        }
        (InputType::Boolean, Value::String(text)) => json(text).filter(|value| matches!(value, Value::Bool(_))),
        (InputType::Date | InputType::Datetime, _) => parse_moment(value).map(|_| value.clone()),
        // What is no JSON is a list of texts between commas.
        (InputType::List, Value::String(_)) => Some(value.clone()),
        (InputType::Object, Value::String(text)) => json(text).filter(|value| value.as_object().is_some()),
        _ => mismatch(kind, value).is_none().then(|| value.clone()),
    }
}

/// Says that a value is not of its declared type.
fn unfit(kind: InputType, value: &Value, span: Span, what: &str) -> Option<Finding> {
    let (noun, help) = mismatch(kind, value)?;
    let shown = shown(value);
    if kind == InputType::Duration {
        return Some(
            Finding::error("invalid-duration", format!("`{shown}` is not {noun}"))
                .label(span, format!("not {noun}"))
                .help(help),
        );
    }
    Some(
        Finding::error("invalid-default", format!("the {what} `{shown}` is not {noun}"))
            .label(span, format!("not {noun}"))
            .help(help),
    )
}

/// Returns what a value should be, and how to write it, if it is not that.
fn mismatch(kind: InputType, value: &Value) -> Option<(&'static str, String)> {
    let text = value.as_str();
    let is_date = |text: &str| text.parse::<jiff::civil::Date>().is_ok() && text.len() == 10;
    let fits = match kind {
        InputType::String => text.is_some(),
        InputType::Integer => matches!(value, Value::Number(number) if number.is_integer()),
        InputType::Number => matches!(value, Value::Number(_)),
        InputType::Decimal => match value {
            Value::Number(_) => true,
            Value::String(text) => engine_expr::Number::parse(text).is_some(),
            _ => false,
        },
        InputType::Boolean => matches!(value, Value::Bool(_)),
        InputType::Date => text.is_some_and(is_date),
        InputType::Datetime => text.is_some() && parse_moment(value).is_some(),
        InputType::Duration => {
            text.is_some_and(|text| text.parse::<Period>().is_ok() || text.parse::<Window>().is_ok())
        }
        InputType::List => value.as_list().is_some(),
        InputType::Object => value.as_object().is_some(),
    };
    if fits {
        return None;
    }
    let quoted = || format!("write quotes around it: `\"{}\"`", shown(value));
    Some(match kind {
        InputType::String => ("a string", quoted()),
        InputType::Integer => ("a whole number", "write a whole number without quotes: `100`".to_owned()),
        InputType::Number => ("a number", "write a number without quotes: `1.5`".to_owned()),
        InputType::Decimal => ("a decimal number", "write a number: `19.90`".to_owned()),
        InputType::Boolean => ("a boolean", "write `true` or `false`, without quotes".to_owned()),
        InputType::Date => ("a date", "write year, month and day: `2025-01-31`".to_owned()),
        InputType::Datetime => ("a datetime", "write date, time and offset: `2025-01-31T10:00:00Z`".to_owned()),
        InputType::Duration => {
            ("a duration", "write a number and one of the units `ms`, `s`, `m`, `h`, `d`, `w`: `30s`".to_owned())
        }
        InputType::List => ("a list", "write a list: `[a, b]`".to_owned()),
        InputType::Object => ("an object", "write an object: `{key: value}`".to_owned()),
    })
}

/// Returns a value as it is shown in a message.
fn shown(value: &Value) -> String {
    value.text().map_or_else(|| value.to_json(), std::borrow::Cow::into_owned)
}

/// Says in our words, and at its bytes, what is wrong with a regular expression.
fn described(pattern: &str, said: &str) -> (Option<std::ops::Range<usize>>, &'static str, &'static str) {
    let reason = said.lines().last().unwrap_or_default().trim_start_matches("error: ");
    let mut lines = said.lines();
    // The pattern and carets below it, each after four spaces.
    let carets = lines.find(|line| line.trim() == pattern.trim()).and_then(|_| lines.next());
    let range = carets.filter(|line| line.contains('^')).map(|line| {
        let line = line.strip_prefix("    ").unwrap_or(line);
        let before = line.chars().take_while(|letter| *letter != '^').count();
        let length = line.chars().filter(|letter| *letter == '^').count();
        let at = |letters: usize| pattern.char_indices().nth(letters).map_or(pattern.len(), |(at, _)| at);
        at(before)..at(before + length)
    });
    let words = [
        ("unclosed group", "a group is not closed", "close it with `)`, or write `\\(` for a parenthesis"),
        ("unopened group", "a `)` closes nothing", "open the group with `(`, or write `\\)` for a parenthesis"),
        ("unclosed character class", "a class is not closed", "close it with `]`, or write `\\[` for a bracket"),
        ("look-around", "it looks ahead or behind", "patterns have no look-around: match the whole text instead"),
        ("backreferences", "it refers back", "patterns have no back-references"),
        (
            "repetition operator missing expression",
            "nothing to repeat",
            "write what is repeated before it, or `\\` to mean the character",
        ),
        ("unrecognized escape", "an escape that is not known", "write `\\\\` for a backslash"),
        ("invalid character class range", "a range in the wrong order", "write the lower end first"),
        ("repetition quantifier", "a count that is not one", "write `{2}`, `{2,}` or `{2,5}`"),
        ("exceeds size limit", "it is too large", "repeat less"),
    ];
    let found = words.iter().find(|(theirs, ..)| reason.contains(theirs));
    let (label, help) =
        found.map_or(("it cannot be read", "check the pattern from here on"), |(_, label, help)| (*label, *help));
    (range, label, help)
}
