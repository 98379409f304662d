//! The path of the file that a record goes into. What comes from records is one name in it, so that no value leads out of its folder.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use engine_expr::{EvalError, NameUse, Scope, Template};
use engine_plan::Step;

/// The path of a file, as a spec gives it.
#[derive(Debug)]
pub(crate) struct FilePath {
    folder: PathBuf,
    template: Template,
    parts: Vec<Part>,
    per_item: bool,
}

/// One part of the path.
#[derive(Debug)]
enum Part {
    Text(String),
    /// What the author of the spec, or who runs it, says: it may have folders in it.
    Own(Expression),
    /// What comes from elsewhere.
    Given(Expression),
}

#[derive(Debug)]
struct Expression {
    template: Template,
    /// Where it begins within the whole template.
    start: usize,
}

impl FilePath {
    /// Takes the path of a step's files apart; it is relative to `folder`.
    pub(crate) fn new(folder: &Path, template: &Template, step: &Step) -> Self {
        let is_own = |name: &NameUse| match (name.root(), name.path.get(1)) {
            ("inputs" | "run", _) => true,
            ("vars", Some(member)) => !step.vars.keys().any(|var| *var == **member),
            _ => false,
        };
        // Within other steps all that is not the run's may differ from item to item.
        let is_per_item = |name: &NameUse| !is_own(name) && !matches!(name.root(), "trigger" | "secrets");
        let per_item = template.names().iter().any(is_per_item);
        let text = template.text();
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, inside)) = rest.split_once("{{") {
            let Some((expression, after)) = inside.split_once("}}") else { break };
            let start = text.len() - inside.len() - 2;
            let expression =
                Expression { template: Template::new(&format!("{{{{{expression}}}}}"), template.span()), start };
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let own = expression.template.names().iter().all(is_own);
            parts.push(if own { Part::Own(expression) } else { Part::Given(expression) });
            rest = after;
        }
        let simple = parts.iter().all(|part| match part {
            Part::Text(text) => !text.contains("{%"),
            Part::Own(it) | Part::Given(it) => it.template.problems().is_empty(),
        });
        if simple && !rest.contains("{%") {
            if !rest.is_empty() {
                parts.push(Part::Text(rest.to_owned()));
            }
        } else {
            // With statements there are no parts: the whole is of one kind.
            let expression = Expression { template: template.clone(), start: 0 };
            let own = template.names().iter().all(is_own);
            parts = vec![if own { Part::Own(expression) } else { Part::Given(expression) }];
        }
        Self { folder: folder.to_owned(), template: template.clone(), parts, per_item }
    }

    /// Tells whether each record may have a file of its own.
    pub(crate) fn is_per_item(&self) -> bool {
        self.per_item
    }

    /// Returns it as it is written.
    pub(crate) fn written(&self) -> &str {
        self.template.text()
    }

    /// Returns the names that it uses.
    pub(crate) fn names(&self) -> &[NameUse] {
        self.template.names()
    }

    /// Returns where a path of this file leads to.
    pub(crate) fn place(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Evaluates it, to a path within its folder.
    ///
    /// # Errors
    ///
    /// Fails where an expression does, and where a value can't be a name: it is empty, or `.` or `..`.
    pub(crate) fn render(&self, scope: &Scope) -> Result<String, EvalError> {
        let mut path = String::new();
        // What the name at hand has of a record.
        let mut given: Option<&Expression> = None;
        for part in &self.parts {
            match part {
                Part::Text(text) => self.push(&mut path, text, &mut given)?,
                Part::Own(it) => self.push(&mut path, &self.text(it, scope)?, &mut given)?,
                Part::Given(it) => {
                    let text = self.text(it, scope)?;
                    if text.is_empty() {
                        return Err(self
                            .no_name(it, "empty")
                            .help("drop such records by `where`, or add `| default('none', true)`"));
                    }
                    path.push_str(&encoded(&text));
                    given = Some(it);
                }
            }
        }
        self.check_name(&path, given)?;
        Ok(path)
    }

    fn push(&self, path: &mut String, text: &str, given: &mut Option<&Expression>) -> Result<(), EvalError> {
        match text.split_once('/') {
            Some((before, _)) => {
                path.push_str(before);
                self.check_name(path, given.take())?;
                path.push_str(text.get(before.len()..).unwrap_or_default());
            }
            None => path.push_str(text),
        }
        Ok(())
    }

    /// Requires that the last name of a path leads nowhere else, if a record has a part in it.
    fn check_name(&self, path: &str, given: Option<&Expression>) -> Result<(), EvalError> {
        let name = path.rsplit('/').next().unwrap_or_default();
        match given {
            Some(it) if name == "." || name == ".." => {
                Err(self.no_name(it, &format!("`{name}`")).help("drop such records by `where`"))
            }
            _ => Ok(()),
        }
    }

    fn text(&self, expression: &Expression, scope: &Scope) -> Result<String, EvalError> {
        expression.template.render_text(scope).map_err(|error| self.moved(expression, error))
    }

    fn no_name(&self, expression: &Expression, what: &str) -> EvalError {
        let error = EvalError::new(
            format!("`{}` is {what}, which is no name of a file or folder", expression.template.text()),
            self.template.span(),
        );
        self.moved(expression, error)
    }

    /// Moves an error about a part to its place in the whole.
    fn moved(&self, expression: &Expression, error: EvalError) -> EvalError {
        let start = expression.start;
        let whole = start..start + expression.template.text().len();
        let range = error.range.map_or(whole, |range| start + range.start..start + range.end);
        EvalError { span: self.template.span(), range: Some(range), ..error }
    }
}

/// Makes one name of a value, and of another value another name: what parts paths, and what no name may have, is percent-encoded.
fn encoded(text: &str) -> Cow<'_, str> {
    let is_odd = |it: char| matches!(it, '/' | '\\' | '%') || it.is_control();
    if !text.contains(is_odd) {
        return Cow::Borrowed(text);
    }
    let mut name = String::with_capacity(text.len() + 8);
    for it in text.chars() {
        if is_odd(it) {
            for byte in it.encode_utf8(&mut [0; 4]).bytes() {
                name.push('%');
                name.extend(
                    [byte >> 4, byte & 15]
                        .map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or_default().to_ascii_uppercase()),
                );
            }
        } else {
            name.push(it);
        }
    }
    Cow::Owned(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_name_and_its_own() {
        for (value, name) in [
            ("DE", "DE"),
            ("2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
            ("../../etc/passwd", "..%2F..%2Fetc%2Fpasswd"),
            ("a\\b", "a%5Cb"),
            ("a%2Fb", "a%252Fb"),
            ("x\0\n", "x%00%0A"),
            ("é\u{85}", "é%C2%85"),
        ] {
            assert_eq!(encoded(value), name);
        }
    }
}
