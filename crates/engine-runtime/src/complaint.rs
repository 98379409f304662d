//! What an answer says of an error of its own, whatever its status. Knows nothing of rules.

use engine_expr::Value;

/// What an answer says of its own error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// What it says, in one line.
    pub(crate) text: String,
    /// Where it says so: `response.body.error.message`.
    pub(crate) place: String,
}

/// Where APIs say what is wrong, the more telling first.
const PLACES: [&[&str]; 9] = [
    &["error", "message"],
    &["error", "description"],
    &["error_description"],
    &["errors", "0", "message"],
    &["errors", "0", "detail"],
    &["errors", "0"],
    &["error"],
    &["error_message"],
    &["message"],
];

/// How much is shown of it.
const SHOWN: usize = 200;

impl Complaint {
    /// Finds it in the body of an answer.
    pub(crate) fn of(body: &Value) -> Option<Self> {
        PLACES.iter().find_map(|steps| {
            let found = steps.iter().try_fold(body.clone(), |value, step| match step.parse::<usize>() {
                Ok(index) => value.as_list()?.get(index).cloned(),
                Err(_) => value.get(step).cloned(),
            })?;
            let Value::String(text) = &found else { return None };
            let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let text: String = text.chars().take(SHOWN).collect();
            let place = steps.iter().fold("response.body".to_owned(), |place, step| {
                if step.parse::<usize>().is_ok() { format!("{place}[{step}]") } else { format!("{place}.{step}") }
            });
            (!text.is_empty()).then_some(Self { text, place })
        })
    }

    /// Says how a rule takes such an answer for an error.
    pub(crate) fn help(&self) -> String {
        let place = &self.place;
        format!(
            "let a rule take it for an error: `errors: [{{when: {place} is defined, action: fail, message: \"{{{{ {place} }}}}\"}}]`"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: Option<(&str, &str)>) {
        let found = Value::from_json(body).ok().and_then(|body| Complaint::of(&body));
        let found = found.as_ref().map(|it| (it.text.as_str(), it.place.as_str()));
        assert_eq!(found, expected, "{body}");
    }

    #[test]
    fn finds_what_an_answer_says_in_its_usual_places() {
        check(r#"{"ok": false, "error": "missing_scope"}"#, Some(("missing_scope", "response.body.error")));
        check(r#"{"error": {"code": 7, "message": "no\n such"}}"#, Some(("no such", "response.body.error.message")));
        check(r#"{"errors": [{"message": "a"}, {"message": "b"}]}"#, Some(("a", "response.body.errors[0].message")));
        check(r#"{"errors": ["a"]}"#, Some(("a", "response.body.errors[0]")));
        check(
            r#"{"error": "invalid_grant", "error_description": "it ended"}"#,
            Some(("it ended", "response.body.error_description")),
        );
        check(r#"{"message": "not here"}"#, Some(("not here", "response.body.message")));
        check(r#"{"error": null, "message": "", "errors": []}"#, None);
        check(r#"{"items": [], "error": false}"#, None);
        check("[1]", None);
    }
}
