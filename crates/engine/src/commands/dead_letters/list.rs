//! `engine dead-letters list` and `engine dead-letters show`.

use std::fmt::Write as _;

use engine_expr::{Members, Value};
use engine_runtime::{Letter, StateStore};

use super::all;
use super::chosen::{find, is_of};
use crate::arguments::{LettersList, LettersShow, ResultFormat};
use crate::failure::Failure;
use crate::planned;
use crate::status::Status;
use crate::terminal::{Style, Terminal, print, tell};

/// How many characters of an id tell one from all others, as a rule.
const SHORT: usize = 10;

/// Shows the letters.
pub(super) async fn execute(
    state: &dyn StateStore,
    arguments: &LettersList,
    terminal: &Terminal,
) -> Result<Status, Failure> {
    let flow = match &arguments.spec {
        Some(spec) => Some(planned::plan(spec)?.0.name.clone()),
        None => arguments.flow.clone(),
    };
    let mut letters = all(state).await?;
    letters.retain(|letter| {
        flow.as_deref().is_none_or(|flow| flow == letter.flow())
            && arguments.step.as_deref().is_none_or(|step| is_of(letter, step))
    });
    match arguments.format {
        ResultFormat::Json => {
            let letters = letters.iter().map(Letter::to_value).collect::<Vec<_>>();
            print(Value::list(letters).to_json() + "\n")?;
        }
        ResultFormat::Text if letters.is_empty() => tell("there are no dead letters\n"),
        ResultFormat::Text => {
            let mut text = String::new();
            for letter in &letters {
                let id = terminal.stdout.paint(Style::Bold, letter.id.get(..SHORT).unwrap_or(&letter.id));
                let what = first_line(letter.message());
                // Most messages say which record it is.
                let place = if what.starts_with(letter.place()) { "" } else { letter.place() };
                let colon = if place.is_empty() { "" } else { ": " };
                let time = letter.kept_at.strftime("%Y-%m-%dT%H:%M:%SZ");
                _ = writeln!(text, "{id}  {time}  {}, step {}  {place}{colon}{what}", letter.flow(), letter.step());
            }
            print(text)?;
        }
    }
    Ok(Status::Done)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Shows one letter whole.
pub(super) async fn show(state: &dyn StateStore, arguments: &LettersShow) -> Result<Status, Failure> {
    let letters = all(state).await?;
    let letter = find(&letters, &arguments.id)?.to_value();
    print(match arguments.format {
        ResultFormat::Json => letter.to_json() + "\n",
        ResultFormat::Text => text_of(&letter),
    })?;
    Ok(Status::Done)
}

/// Returns a letter in lines, a member each; those of the error and the request by themselves.
fn text_of(letter: &Value) -> String {
    let mut lines = Vec::new();
    for (name, value) in letter.as_object().into_iter().flat_map(Members::iter) {
        match (&**name, value) {
            (_, Value::Null) => {}
            ("error" | "request", Value::Object(members)) => {
                let members = members.iter().filter(|(_, value)| !value.is_null());
                lines.extend(members.map(|(member, value)| (format!("{name} {member}"), shown(value))));
            }
            _ => lines.push((name.replace('_', " "), shown(value))),
        }
    }
    let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    lines.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect::<Vec<_>>().concat()
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_json(), str::to_owned)
}
