//! How the cursors of reads that share one are compared, as a value that outlives the plan.

use engine_expr::Value;

use super::{CursorForm, Reached};

/// How cursors of one kind are compared, and whether several reads share one.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparing {
    pub(super) form: CursorForm,
    pub(super) is_shared: bool,
}

impl Comparing {
    /// Tells whether all parents share one cursor.
    pub fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Returns the larger of two cursors, as [`Reached`] has them.
    pub fn larger(&self, left: Reached, right: Reached) -> Reached {
        let mark = |reached: &Reached| self.form.read(&Value::from_json(&reached.cursor).ok()?).ok().flatten();
        match (mark(&left), mark(&right)) {
            (Some(one), Some(other)) if one.is_after(&other) => left,
            _ => right,
        }
    }

    /// Returns it as a value.
    pub fn to_value(&self) -> Value {
        let format = self.form.name().map_or(Value::Null, Value::from);
        Value::list(vec![format, self.is_shared.into()])
    }

    /// Reads what [`to_value`](Self::to_value) gave.
    pub fn from_value(value: &Value) -> Option<Self> {
        let [format, is_shared] = value.as_list()? else { return None };
        Some(Self { form: CursorForm::new(format.as_str()), is_shared: is_shared.as_bool()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_same_after_it_was_written_down() {
        for format in [None, Some("integer"), Some("string"), Some("unix"), Some("%Y-%m-%d")] {
            for is_shared in [true, false] {
                let comparing = Comparing { form: CursorForm::new(format), is_shared };
                assert_eq!(Comparing::from_value(&comparing.to_value()), Some(comparing));
            }
        }
    }

    #[test]
    fn the_larger_counts_by_what_the_values_mean() {
        let reached = |cursor: &str| Reached { cursor: cursor.to_owned(), is_largest: true };
        let comparing = Comparing { form: CursorForm::Integer, is_shared: true };
        assert_eq!(comparing.larger(reached("9"), reached("10")), reached("10"));
        assert_eq!(comparing.larger(reached("10"), reached("9")), reached("10"));
    }
}
