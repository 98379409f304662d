//! Whose tokens they are: what tells those of one user, client and provider from all others.

use engine_expr::{Dynamic, DynamicLeaf, EvalError, NameUse, Scope, Template, Value};
use engine_source::Map;

use super::{Grant, OAuth2Auth};

impl OAuth2Auth {
    /// Returns what tells these tokens from all others, as texts that may be secret: a store keeps a fingerprint of them.
    ///
    /// Where a person allowed the access, the secret of the client is not among them: a new one goes on with the same tokens. Where
    /// the tokens can be asked for from nothing it is, so that whoever changes it sees at once whether the new one is taken.
    ///
    /// # Errors
    ///
    /// Fails where a template does.
    pub fn identity(&self, scope: &Scope) -> Result<Vec<String>, EvalError> {
        let mut parts = vec!["oauth2".to_owned(), self.grant.name().to_owned()];
        let templates = [
            ("token_url", Some(&self.token_url)),
            ("client_id", self.client_id.as_ref()),
            ("username", self.username.as_ref()),
            ("audience", self.audience.as_ref()),
            ("refresh_token", self.refresh_token.as_ref()),
        ];
        for (name, template) in templates {
            if let Some(template) = template {
                parts.push(format!("{name}={}", template.render_text(scope)?));
            }
        }
        let mut scopes = Vec::with_capacity(self.scopes.len());
        for one in &self.scopes {
            scopes.push(one.render_text(scope)?);
        }
        // Their order means nothing.
        scopes.sort();
        scopes.dedup();
        parts.extend(scopes.into_iter().map(|one| format!("scope={one}")));
        if let Some(request) = &self.request {
            add_values(&mut parts, "field", &request.fields, scope);
            add_values(&mut parts, "header", &request.headers, scope);
        }
        if let (Grant::JwtBearer, Some(assertion)) = (self.grant, &self.assertion) {
            add_values(&mut parts, "claim", &assertion.claims, scope);
        }
        if self.begins_anew() {
            let key = self.assertion.as_ref().map(|assertion| &assertion.key);
            for template in [self.client_secret.as_ref(), self.password.as_ref(), key].into_iter().flatten() {
                parts.push(format!("proof={}", template.render_text(scope)?));
            }
            // What else is kept of an answer is there after the next one; where that costs nothing, ask for it at once.
            parts.extend(self.answer.iter().map(|(name, place)| format!("answer.{}={}", name.value, place.text())));
        }
        Ok(parts)
    }
}

/// Adds values that may differ each time, as the time and random numbers do: by what is written, and the values of the names in it.
fn add_values(parts: &mut Vec<String>, what: &str, values: &Map<Dynamic>, scope: &Scope) {
    for (name, value) in values {
        parts.push(format!("{what}.{}={}", name.value, serde_json::to_string(value).unwrap_or_default()));
        value.visit(&mut |leaf| {
            if let DynamicLeaf::Template(template) = leaf {
                add_names(parts, template, scope);
            }
        });
    }
}

fn add_names(parts: &mut Vec<String>, template: &Template, scope: &Scope) {
    for name in template.names() {
        if let Some(value) = value_of(name, scope) {
            parts.push(format!("{}={}", name.path.join("."), value.to_json()));
        }
    }
}

fn value_of<'s>(name: &NameUse, scope: &'s Scope) -> Option<&'s Value> {
    let (root, members) = name.path.split_first()?;
    members.iter().try_fold(scope.get(root)?, |value, member| value.get(member))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_expr::{Secret, Value};

    use crate::auth::OAuth2Auth;
    use crate::draft::tests::{read, scope};

    const SPEC: &str = "grant: client_credentials\ntoken_url: https://login.test/token\nclient_id: '{{ inputs.id }}'\nclient_secret: '{{ secrets.key }}'\nscopes: [a, b]\nrequest: {fields: {account: '{{ inputs.account }}', at: '{{ now() }}', nonce: '{{ uuid() }}'}}";

    fn identity(yaml: &str, inputs: &str) -> Vec<String> {
        let auth: OAuth2Auth = read(yaml);
        auth.identity(&scope("{}").with("inputs", Value::from_json(inputs).unwrap())).unwrap()
    }

    #[test]
    fn differs_where_the_tokens_do() {
        let inputs = r#"{"id": "engine", "account": 1}"#;
        let known = identity(SPEC, inputs);
        assert_eq!(known, identity(SPEC, inputs));
        let same = [SPEC.replace("[a, b]", "[b, a, a]"), format!("{SPEC}\nprefix: Token")];
        for yaml in same {
            assert_eq!(known, identity(&yaml, inputs), "{yaml}");
        }
        let other = [
            SPEC.replace("client_credentials", "password"),
            SPEC.replace("'{{ secrets.key }}'", "another"),
            SPEC.replace("login.test", "login.eu.test"),
            SPEC.replace("[a, b]", "[a]"),
            SPEC.replace("scopes: [a, b]", "audience: x"),
            format!("{SPEC}\nusername: ann"),
            format!("{SPEC}\nanswer: {{instance_url: $.instance_url}}"),
            SPEC.replace("account:", "tenant:"),
        ];
        for yaml in other {
            assert_ne!(known, identity(&yaml, inputs), "{yaml}");
        }
        assert_ne!(known, identity(SPEC, r#"{"id": "engine", "account": 2}"#));
        assert_ne!(known, identity(SPEC, r#"{"id": "other", "account": 1}"#));
    }

    #[test]
    fn a_new_first_refresh_token_begins_anew() {
        let auth: OAuth2Auth =
            read("grant: refresh_token\ntoken_url: https://login.test/token\nrefresh_token: '{{ secrets.refresh }}'");
        let identity = |refresh: &str| {
            let secrets = Value::object([("refresh", Value::Secret(Secret::new(refresh)))]);
            auth.identity(&scope("{}").with("secrets", secrets)).unwrap()
        };
        assert_eq!(identity("a"), identity("a"));
        assert_ne!(identity("a"), identity("b"));
    }

    #[test]
    fn a_signed_token_is_for_whom_it_claims() {
        let yaml = "grant: jwt_bearer\ntoken_url: https://login.test/token\nassertion: {algorithm: HS256, key: k, claims: {sub: '{{ inputs.user }}', iat: '{{ now() }}'}}";
        assert_eq!(identity(yaml, r#"{"user": "ann"}"#), identity(yaml, r#"{"user": "ann"}"#));
        assert_ne!(identity(yaml, r#"{"user": "ann"}"#), identity(yaml, r#"{"user": "bob"}"#));
    }
}
