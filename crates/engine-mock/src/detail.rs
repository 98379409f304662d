//! One record, asked for by its id: what a list has of it and what the example of one looks like, put together.

use std::collections::HashMap;

use engine_expr::{Members, Value, walk};

use crate::location::{Location, with};
use crate::pattern::Pattern;

/// How an endpoint gives one record of a list.
#[derive(Clone, Debug)]
pub(crate) struct Detail {
    /// The path of the list that the record would be in.
    list: String,
    /// The param that names the record.
    param: String,
    /// Where in the body the record is.
    place: Location,
}

impl Detail {
    /// Reads a path such as `/orders/{id}` as that of one of `/orders`.
    pub(crate) fn new(pattern: &Pattern, place: Location) -> Option<Self> {
        let (list, param) = pattern.collection()?;
        Some(Self { list, param, place })
    }

    /// Returns the path of the list that the record would be in.
    pub(crate) fn list(&self) -> &str {
        &self.list
    }

    /// Makes the body for a record of the list that a request names; `None` if it has none of that id.
    ///
    /// What the example has more than the list stays.
    pub(crate) fn body(
        &self,
        example: Option<&Value>,
        records: &[Value],
        captured: &HashMap<String, String>,
    ) -> Option<Value> {
        let wanted = captured.get(&self.param)?;
        let record = records.iter().find(|record| is_named(record, &self.param, wanted))?;
        let example = example.unwrap_or(&Value::Null);
        let one = match (walk(example, &self.place).and_then(Value::as_object), record.as_object()) {
            (Some(more), Some(members)) => {
                let mut one = Members::clone(more);
                for (name, value) in members.iter() {
                    one.insert(name.clone(), value.clone());
                }
                Value::Object(one.into())
            }
            _ => record.clone(),
        };
        Some(with(example, &self.place, one))
    }
}

/// Finds the item of a list that a request names by a param of its path.
pub(crate) fn one_of<'a>(items: &'a [Value], captured: &HashMap<String, String>) -> Option<&'a Value> {
    let below = |item: &Value, is: &dyn Fn(&Value) -> bool| {
        is(item) || item.as_object().is_some_and(|members| members.iter().any(|(_, value)| is(value)))
    };
    let named = |item: &Value| captured.iter().any(|(param, wanted)| is_named(item, param, wanted));
    let has = |item: &Value| captured.values().any(|wanted| has_member(item, wanted, |_| true));
    items.iter().find(|item| below(item, &named)).or_else(|| items.iter().find(|item| below(item, &has)))
}

/// Tells whether an object's id is this; the id is the member called as the param, or `id`.
fn is_named(item: &Value, param: &str, wanted: &str) -> bool {
    has_member(item, wanted, |name| name.eq_ignore_ascii_case(param) || name.eq_ignore_ascii_case("id"))
}

fn has_member(item: &Value, wanted: &str, is: impl Fn(&str) -> bool) -> bool {
    let mut members = item.as_object().into_iter().flat_map(Members::iter);
    members.any(|(name, value)| is(name) && value.text().is_some_and(|text| text == wanted))
}
