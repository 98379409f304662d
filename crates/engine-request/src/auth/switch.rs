//! One of several kinds of auth, chosen by an input.

use engine_expr::{EvalError, Scope, Template};
use engine_source::{Map, suggest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Auths;
use crate::Method;

/// Chooses the auth by the value of a template over inputs.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "switch auth", deny_unknown_fields)]
#[schemars(rename = "SwitchAuth")]
pub struct SwitchAuth {
    /// The value that chooses, such as `"{{ inputs.environment }}"`.
    pub on: Template,
    /// The auth for each value.
    pub cases: Map<Auths>,
    /// The methods that it is applied to, such as `[POST]`; all if not given.
    pub methods: Option<Vec<Method>>,
}

impl SwitchAuth {
    /// Returns the auth of the case that holds.
    ///
    /// # Errors
    ///
    /// Fails where the template does, and where its value has no case.
    pub fn choose(&self, scope: &Scope) -> Result<&Auths, EvalError> {
        let value = self.on.render(scope)?;
        let Some(text) = value.text() else {
            return Err(EvalError::new(
                format!("a case is chosen by a text, not by {}", value.a_kind()),
                self.on.span(),
            ));
        };
        if let Some(auths) = self.cases.get(&text) {
            return Ok(auths);
        }
        let shown = if value.holds_secret() { "***".into() } else { text };
        let error = EvalError::new(format!("no case of the `switch` auth is called `{shown}`"), self.on.span());
        Err(error.help(suggest(&shown, self.cases.keys()).unwrap_or_else(|| "add one to `cases`".to_owned())))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_expr::Value;

    use super::SwitchAuth;
    use crate::draft::tests::{read, scope};

    #[test]
    fn chooses_by_the_value() {
        let check = |on: &str, inputs: &str, expected: &str| {
            let auth: SwitchAuth = read(&format!(
                "on: '{on}'\ncases: {{sandbox: {{type: bearer, token: t}}, '7': none, 'true': {{type: basic, username: u}}}}"
            ));
            let scope = scope("{}").with("inputs", Value::from_json(inputs).unwrap());
            let found = match auth.choose(&scope) {
                Ok(auths) => auths
                    .as_set()
                    .map_or("none".to_owned(), |auths| auths.as_slice().first().unwrap().kind().to_owned()),
                Err(error) => format!("{} ({})", error.message, error.help.unwrap_or_default()),
            };
            assert_eq!(found, expected, "{on} {inputs}");
        };
        check("{{ inputs.env }}", r#"{"env": "sandbox"}"#, "bearer");
        check("sandbox", "{}", "bearer");
        check("{{ inputs.env }}", r#"{"env": 7}"#, "none");
        check("{{ inputs.env }}", r#"{"env": true}"#, "basic");
        check(
            "{{ inputs.env }}",
            r#"{"env": "live"}"#,
            "no case of the `switch` auth is called `live` (one of `sandbox`, `7`, `true`)",
        );
        check("{{ inputs.env }}", r#"{"env": null}"#, "a case is chosen by a text, not by null ()");
        check(
            "{{ secrets.key }}",
            "{}",
            "no case of the `switch` auth is called `***` (one of `sandbox`, `7`, `true`)",
        );
    }
}
