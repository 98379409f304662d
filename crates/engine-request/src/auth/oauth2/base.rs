//! What the base URL of an API needs of a token's answer: where the API is.

use engine_expr::{Members, Scope, Template, Value};
use url::Url;

use super::{OAuth2Auth, TokenError};
use crate::AnswerPlace;
use crate::auth::Token;

impl OAuth2Auth {
    /// Sees that a token's answer has what the base URL of its API takes from it, as `auth.NAME`.
    ///
    /// # Errors
    ///
    /// Fails where something is missing, and where what is there makes no URL.
    pub fn serves(&self, token: &Token, base_url: &Template, scope: &Scope) -> Result<(), TokenError> {
        let of_auth = base_url.names().iter().filter(|name| name.root() == "auth");
        let names: Vec<&str> = of_auth.filter_map(|name| name.path.get(1).map(|name| &**name)).collect();
        let own: Vec<(&str, &AnswerPlace)> =
            names.iter().filter_map(|name| Some((*name, self.answer.get(name)?))).collect();
        if own.is_empty() {
            return Ok(());
        }
        let mut auth = Members::new();
        // What other auths of the API give is their matter.
        for name in names.iter().filter(|name| !self.answer.contains_key(name)) {
            let known = scope.get("auth").and_then(|auth| auth.get(name)).cloned();
            auth.insert(*name, known.unwrap_or_else(|| Value::from("other")));
        }
        for (name, value) in token.fields.as_object().into_iter().flat_map(Members::iter) {
            auth.insert(name.clone(), value.clone());
        }
        let rendered = base_url.render_text(&scope.with("auth", Value::Object(auth.into())));
        if rendered.is_ok_and(|text| is_url(&text)) {
            return Ok(());
        }
        let missing = own.iter().find(|(name, _)| token.fields.get(name).is_none());
        let (name, place, what) = match (missing, own.first()) {
            (Some((name, place)), _) => (name, place, "the answer of the token URL has no"),
            (None, Some((name, place))) => (name, place, "no URL comes of what the answer of the token URL has as"),
            (None, None) => return Ok(()),
        };
        let message = format!("{what} `{}`, which `base_url` needs", place.text());
        Err(TokenError::Lacks { message, name: (*name).to_owned() })
    }
}

fn is_url(text: &str) -> bool {
    // Of `https:///v1` the parser makes the host `v1`.
    let has_host = text.split_once("://").is_some_and(|(_, rest)| !rest.starts_with(['/', '\\']));
    has_host && Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use engine_expr::{Template, Value};
    use engine_source::Span;

    use crate::auth::{OAuth2Auth, Token};
    use crate::draft::tests::{read, scope};

    #[test]
    fn tells_what_is_missing() {
        let auth: OAuth2Auth = read(
            "grant: client_credentials\ntoken_url: https://login.test/token\nanswer: {host: $.instance.host, realm: $.realm}",
        );
        let check = |base_url: &str, fields: &[(&str, &str)], expected: &str| {
            let fields = fields.iter().map(|(name, text)| (*name, Value::from(*text)));
            let token = Token { fields: Value::object(fields.collect::<Vec<_>>()), ..Token::default() };
            let scope = scope("{}").with("inputs", Value::object([("host", Value::from("api.test"))]));
            let found = auth.serves(&token, &Template::new(base_url, Span::default()), &scope);
            let shown = found.map_or_else(
                |error| format!("{error}; {}", auth.remedy(&error).unwrap_or_default()),
                |()| "ok".to_owned(),
            );
            assert_eq!(shown, expected, "{base_url}");
        };
        let missing = "the answer of the token URL has no `$.instance.host`, which `base_url` needs; say where the answer has it: `answer: {host: $.…}`";
        let no_url = "no URL comes of what the answer of the token URL has as `$.instance.host`, which `base_url` needs; say where the answer has it: `answer: {host: $.…}`";
        check("https://{{ inputs.host }}/v1", &[], "ok");
        check("{{ auth.host }}/v1", &[("host", "https://eu.test")], "ok");
        check("{{ auth.host }}/v1", &[], missing);
        check("https://{{ auth.host | default('eu.test') }}", &[], "ok");
        check("https://{{ auth.host }}/{{ auth.of_a_session }}", &[("host", "eu.test")], "ok");
        check("{{ auth.host }}/v1", &[("host", "")], no_url);
        check("https://{{ auth.host }}/v1", &[("host", "")], no_url);
        check("{{ auth.host }}/v1", &[("host", "file:///etc")], no_url);
        // What the base URL does not name may be left out.
        check("{{ auth.host }}", &[("host", "http://127.0.0.1:8080")], "ok");
    }
}
