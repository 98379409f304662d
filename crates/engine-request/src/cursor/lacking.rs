//! What a record has where its cursor is looked for.

use engine_expr::{JsonPath, Segment, Value};
use engine_source::similar;

/// How many members are named.
const SHOWN: usize = 8;

/// What the first record without a cursor has in its place.
#[derive(Clone, Debug)]
pub(super) struct Lacking {
    /// What it has, in words.
    pub(super) has: String,
    /// What to do.
    pub(super) help: Option<String>,
}

impl Lacking {
    /// Looks where the path leads no further; nothing where it leads to something, or is more than a path of members.
    pub(super) fn of(path: &JsonPath, record: &Value) -> Option<Self> {
        let mut at = record;
        let mut owner = "$".to_owned();
        for segment in path.singular()? {
            let Segment::Name(name) = segment else { return None };
            let Some(next) = at.get(name) else {
                return Some(Self::within(at, &owner, name));
            };
            owner = format!("{owner}.{name}");
            at = next;
        }
        None
    }

    fn within(at: &Value, owner: &str, wanted: &str) -> Self {
        let subject = if owner == "$" { "a record".to_owned() } else { format!("`{owner}` of a record") };
        let Value::Object(members) = at else {
            return Self { has: format!("{subject} is {}", at.a_kind()), help: None };
        };
        let names: Vec<&str> = members.names().map(|name| &**name).collect();
        let shown = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let more = if names.len() > SHOWN { ", …" } else { "" };
        let has = if names.is_empty() { "no members".to_owned() } else { format!("{shown}{more}") };
        let close = similar(wanted, names.iter().copied());
        Self {
            has: format!("{subject} has {has}"),
            help: close.map(|close| format!("did you mean `{owner}.{close}`?")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_source::Span;

    use super::*;

    #[test]
    fn says_what_a_record_has_where_the_path_leads_no_further() {
        let record = Value::from_json(r#"{"meta": {"up": 1, "day": 2}, "updated_at": 3}"#).unwrap();
        let of = |path: &str| Lacking::of(&JsonPath::new(path, Span::default()), &record);
        for (path, expected, help) in [
            ("$.meta.at", "`$.meta` of a record has `up`, `day`", None),
            ("$.meta.day_of", "`$.meta` of a record has `up`, `day`", Some("did you mean `$.meta.day`?")),
            ("$.meta.up.at", "`$.meta.up` of a record is a number", None),
            ("$.updated", "a record has `meta`, `updated_at`", Some("did you mean `$.updated_at`?")),
        ] {
            let lacking = of(path).unwrap();
            assert_eq!((lacking.has.as_str(), lacking.help.as_deref()), (expected, help), "{path}");
        }
        assert!(of("$.updated_at").is_none() && of("$.*").is_none());
    }
}
