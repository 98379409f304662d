//! What an answer means that is no success, or only looks like one.

use std::time::Duration;

use engine_expr::{Condition, EvalError, Scope, Segment, Setting, Template};
use engine_source::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Answer, Needs, OneOrMany, Period, Prepared, StatusPattern};

/// What to do about an answer; of a list of rules the first that matches wins, over answers with 2xx too.
///
/// All conditions of a rule must hold. A member that the answer lacks makes `when` not match.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "error rule", deny_unknown_fields)]
#[schemars(rename = "ErrorRule")]
pub struct ErrorRule {
    /// The statuses that it is about, such as `404`, `5xx`, or a list of such; all if not given.
    pub status: Option<OneOrMany<Setting<StatusPattern>>>,
    /// A condition over `response` and `request`.
    pub when: Option<Condition>,
    /// What to do; `fail` if not given.
    pub action: Option<ErrorAction>,
    /// What to say, over `response` and `request`.
    pub message: Option<Template>,
    /// How long to wait before the next attempt, instead of what `retry` says.
    pub wait: Option<Setting<Period>>,
}

/// What to do about an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "action", rename_all = "snake_case")]
#[schemars(rename = "ErrorAction")]
pub enum ErrorAction {
    /// Sends the request again, whatever its method.
    Retry,
    /// Drops the item, or ends the read without records; it is counted.
    Skip,
    /// Takes the answer as success.
    Accept,
    /// Fails with the message.
    #[default]
    Fail,
    /// Fetches a new token and sends the request again, once.
    RefreshAuth,
    /// Begins the read anew from the largest cursor value, as `restart_after` does.
    Restart,
    /// Forgets the saved cursor and begins the read from its start.
    ResetCursor,
}

/// The rules about the answers of an endpoint: its own, then those of its API.
#[derive(Clone, Debug, Default)]
pub struct ErrorRules {
    rules: Vec<ErrorRule>,
    needs: Needs,
}

/// What a rule says about an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Ruling {
    /// What to do.
    pub action: ErrorAction,
    /// What to say.
    pub message: Option<String>,
    /// How long to wait before the next attempt.
    pub wait: Option<Duration>,
    /// A place in the rule that took the answer.
    pub span: Span,
}

impl ErrorRules {
    /// Takes the rules in the order in which they are tried.
    pub fn new(rules: impl IntoIterator<Item = ErrorRule>) -> Self {
        let rules: Vec<_> = rules.into_iter().collect();
        let mut needs = Needs::default();
        for rule in &rules {
            rule.when.iter().for_each(|condition| needs.add_condition(condition));
            rule.message.iter().for_each(|template| needs.add_template(template));
            rule.wait.iter().filter_map(Setting::as_template).for_each(|template| needs.add_template(template));
            let statuses = rule.status.iter().flat_map(OneOrMany::iter);
            statuses.filter_map(Setting::as_template).for_each(|template| needs.add_template(template));
        }
        Self { rules, needs }
    }

    /// Returns whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Returns whether something of the list at this path in the body is needed.
    pub fn reaches(&self, list: &[Segment]) -> bool {
        self.needs.reaches(list, 0)
    }

    /// Returns what the first rule says that takes this answer.
    ///
    /// # Errors
    ///
    /// Fails where a template does, other than for a member that the answer lacks: then the rule does not match.
    pub fn judge(&self, answer: &Answer, request: &Prepared, scope: &Scope) -> Result<Option<Ruling>, EvalError> {
        // The body of a good answer is looked at only if a rule without a status asks for it.
        let mut seen = None;
        for rule in &self.rules {
            if !rule.takes_status(answer.status, scope)? {
                continue;
            }
            let scope = seen.get_or_insert_with(|| self.scope(answer, request, scope));
            if let Some(when) = &rule.when {
                match when.test(scope) {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(error) if error.missing => continue,
                    Err(error) => return Err(error),
                }
            }
            return rule.ruling(scope).map(Some);
        }
        Ok(None)
    }

    fn scope(&self, answer: &Answer, request: &Prepared, scope: &Scope) -> Scope {
        let mut names = Vec::new();
        if self.needs.has("response") {
            names.push(("response", answer.to_value(&self.needs)));
        }
        if self.needs.has("request") {
            names.push(("request", request.to_value()));
        }
        if names.is_empty() { scope.clone() } else { scope.with_all(names) }
    }
}

impl ErrorRule {
    fn takes_status(&self, status: u16, scope: &Scope) -> Result<bool, EvalError> {
        let Some(patterns) = &self.status else { return Ok(true) };
        for pattern in patterns {
            if pattern.resolve(scope)?.matches(status) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn ruling(&self, scope: &Scope) -> Result<Ruling, EvalError> {
        let message = match self.message.as_ref().map(|message| message.render_text(scope)) {
            None => None,
            Some(Ok(message)) => Some(message),
            // What failed is said in any case; a message that lacks a member must not hide it.
            Some(Err(error)) if error.missing => None,
            Some(Err(error)) => return Err(error),
        };
        Ok(Ruling {
            action: self.action.unwrap_or_default(),
            message,
            wait: self.wait.as_ref().map(|wait| wait.resolve(scope).map(Period::duration)).transpose()?,
            span: self.span(),
        })
    }

    /// Returns a place in it: what tells it from others.
    pub fn span(&self) -> Span {
        let spans = [
            self.when.as_ref().map(Condition::span),
            self.status.as_ref().and_then(|status| status.iter().next()).map(Setting::span),
            self.message.as_ref().map(Template::span),
        ];
        spans.into_iter().flatten().next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::{ErrorRule, ErrorRules};
    use crate::answer::tests::answer;
    use crate::draft::tests::{read, scope};
    use crate::{Draft, RequestLine};

    fn check(yaml: &str, text: &str, expected: &str) {
        let rules = ErrorRules::new(read::<Vec<ErrorRule>>(yaml));
        let line = RequestLine::parse("POST https://api.test/a", engine_source::Span::default()).unwrap();
        let request = Draft::build(&line, None, &scope("{}")).unwrap().finish().unwrap();
        let found = match rules.judge(&answer(text), &request, &scope("{}")) {
            Ok(Some(ruling)) => format!("{:?} {} {:?}", ruling.action, ruling.message.unwrap_or_default(), ruling.wait),
            Ok(None) => "none".to_owned(),
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(found, expected, "{yaml} {text}");
    }

    #[test]
    fn the_first_rule_wins_whose_conditions_all_hold() {
        let yaml = "
- {status: 404, action: skip}
- {status: [400-403, 5xx], when: response.body.code == 'busy', action: retry, wait: 30s}
- {when: response.body.ok == false, message: 'it says {{ response.body.error }} to {{ request.method }}'}
- {status: 403}";
        check(yaml, "404", "Skip  None");
        check(yaml, "402\n\n{\"code\": \"busy\"}", "Retry  Some(30s)");
        check(yaml, "500\n\n{\"code\": \"busy\"}", "Retry  Some(30s)");
        check(yaml, "404\n\n{\"code\": \"busy\"}", "Skip  None");
        check(yaml, "200\n\n{\"ok\": false, \"error\": \"x\"}", "Fail it says x to POST None");
        check(yaml, "200\n\n{\"ok\": false}", "Fail  None");
        check(yaml, "403\n\n{\"code\": \"other\"}", "Fail  None");
        check(yaml, "200\n\n{\"ok\": true}", "none");
    }

    #[test]
    fn a_member_that_the_answer_lacks_makes_a_rule_not_match() {
        for when in [
            "response.body.errors[0].code == 'X'",
            "response.body.error",
            "not response.body.error",
            "response.body.a.b.c > 1",
            "response.headers['X-Y'] == 'z'",
        ] {
            let yaml = format!("[{{when: \"{when}\", action: retry}}]");
            for body in ["{}", "{\"errors\": []}", "{\"errors\": null, \"a\": 1}", "[]", "no JSON", ""] {
                if when.contains("error\"") && body.contains("error") {
                    continue;
                }
                check(&yaml, &format!("200\n\n{body}"), "none");
            }
        }
        check(
            "[{when: response.body.n > 1}]",
            "200\n\n{\"n\": \"x\"}",
            "error: a string cannot be compared with a number",
        );
    }
}
