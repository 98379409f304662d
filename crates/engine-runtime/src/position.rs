//! Where a read goes on after a page, written down so that another process goes on there.

use engine_expr::Value;
use engine_request::Changes;

/// The form of what is written: one that is not known is not gone on with.
const VERSION: i64 = 1;

/// Where a read goes on.
pub(crate) struct Position {
    /// What it does next.
    pub(crate) then: Then,
    /// How many records are still wanted.
    pub(crate) left: u64,
    /// How far it came, as its progress says.
    pub(crate) progress: Value,
}

/// What a read does next.
pub(crate) enum Then {
    /// It asks for another page.
    Page {
        /// What the request sends.
        changes: Changes,
        /// The number of the page before.
        number: u64,
        /// Where the pagination stands.
        pager: Value,
    },
    /// It begins anew.
    Anew,
    /// It was at the end of the records.
    End,
    /// As many came as were wanted, or the rest was skipped.
    Cut,
}

impl Position {
    /// Returns it as text.
    pub(crate) fn written(&self) -> String {
        let then = match &self.then {
            Then::Page { changes, number, pager } => Value::object([
                ("changes", changes.to_value()),
                ("number", Value::from(*number)),
                ("pager", pager.clone()),
            ]),
            Then::Anew => "anew".into(),
            Then::End => "end".into(),
            Then::Cut => "cut".into(),
        };
        // Numbers are of 64 bits with a sign: what is more is as good as no end.
        let left = i64::try_from(self.left).unwrap_or(i64::MAX);
        let members = [
            ("version", Value::from(VERSION)),
            ("then", then),
            ("left", Value::from(left)),
            ("progress", self.progress.clone()),
        ];
        Value::object(members).to_json()
    }

    /// Reads what [`written`](Self::written) gave; nothing where it is something else.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let value = Value::from_json(text).ok()?;
        if value.get("version")?.as_i64()? != VERSION {
            return None;
        }
        let then = match value.get("then")? {
            Value::String(word) => match &**word {
                "anew" => Then::Anew,
                "end" => Then::End,
                "cut" => Then::Cut,
                _ => return None,
            },
            page => Then::Page {
                changes: Changes::from_value(page.get("changes")?)?,
                number: page.get("number")?.as_i64()?.try_into().ok()?,
                pager: page.get("pager")?.clone(),
            },
        };
        let left = match value.get("left")?.as_i64()? {
            i64::MAX => u64::MAX,
            left => left.try_into().ok()?,
        };
        Some(Self { then, left, progress: value.get("progress")?.clone() })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_request::{Place, Target};

    use super::*;

    #[test]
    fn is_the_same_after_it_was_written_down() {
        let changes = Changes::new(vec![
            (Place::new(Target::Query("a b{c}".into())), Value::from("x")),
            (Place::new(Target::Header("X-After".into())), Value::from(7_u64)),
        ]);
        let page = Then::Page { changes, number: 3, pager: Value::object([("counts", Value::from(1_u64))]) };
        for (then, left) in [(page, 5), (Then::Anew, 0), (Then::End, u64::MAX), (Then::Cut, 1)] {
            let position = Position { then, left, progress: Value::object([("cursor", Value::from("a"))]) };
            let again = Position::read(&position.written()).unwrap();
            assert_eq!(again.written(), position.written());
            assert_eq!(again.left, left);
        }
        assert!(Position::read("{}").is_none());
        assert!(Position::read(r#"{"version": 2, "then": "end", "left": 1, "progress": {}}"#).is_none());
    }
}
