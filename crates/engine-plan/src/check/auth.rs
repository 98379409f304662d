//! Checks that an auth has what its kind needs. Knows nothing about templates.

use std::borrow::Cow;

use engine_request::auth::{ClientAuth, Grant, OAuth2Auth, SessionAuth, SwitchAuth};
use engine_source::{Finding, Span, certain, suggest};

use super::Checker;
use super::at::At;
use crate::catalog::ApiEntry;
use crate::plan;

/// A key that something needs.
#[derive(Clone, Copy)]
struct Need {
    key: &'static str,
    is_there: bool,
    /// What stands at the thing that needs it.
    label: &'static str,
    help: &'static str,
}

impl<'a> Checker<'a> {
    /// Checks what a grant and the proof of the client need.
    pub(super) fn oauth2_needs(&mut self, auth: &OAuth2Auth, at: At<'a>) {
        let client = Need {
            key: "client_id",
            // Some providers call it otherwise: then it is one of the fields.
            is_there: auth.client_id.is_some()
                || auth.request.as_ref().is_some_and(|request| request.fields.contains_key("client_id")),
            label: "without a client",
            help: "add `client_id: …`, which the provider gives for an app",
        };
        let assertion = Need {
            key: "assertion",
            is_there: auth.assertion.is_some(),
            label: "without a key",
            help: "add `assertion: {algorithm: RS256, key: \"{{ secrets.private_key }}\"}`",
        };
        let needs = match auth.grant {
            Grant::AuthorizationCode => vec![
                Need {
                    key: "authorize_url",
                    is_there: auth.authorize_url.is_some(),
                    label: "without a URL to open",
                    help: "add `authorize_url: https://…`, the provider's authorization endpoint",
                },
                client,
            ],
            Grant::DeviceCode => vec![
                Need {
                    key: "device_url",
                    is_there: auth.device_url.is_some(),
                    label: "without a URL to ask",
                    help: "add `device_url: https://…`, the provider's device authorization endpoint",
                },
                client,
            ],
            Grant::RefreshToken => vec![Need {
                key: "refresh_token",
                is_there: auth.refresh_token.is_some(),
                label: "without the first token",
                help: "add `refresh_token: \"{{ secrets.refresh_token }}\"`",
            }],
            Grant::Password => vec![
                Need {
                    key: "username",
                    is_there: auth.username.is_some(),
                    label: "without a user",
                    help: "add `username: …`",
                },
                Need {
                    key: "password",
                    is_there: auth.password.is_some(),
                    label: "without a password",
                    help: "add `password: \"{{ secrets.password }}\"`",
                },
            ],
            Grant::JwtBearer => vec![assertion],
            Grant::ClientCredentials => Vec::new(),
        };
        if self.lacks(&format!("the grant `{}`", auth.grant.name()), at.get("grant").span(), at, &needs) {
            return;
        }
        let (name, needs) = match auth.client_auth {
            Some(ClientAuth::Basic) => ("basic", vec![client]),
            Some(ClientAuth::PrivateKeyJwt) => ("private_key_jwt", vec![client, assertion]),
            Some(ClientAuth::Body | ClientAuth::None) | None => return,
        };
        self.lacks(&format!("`client_auth: {name}`"), at.get("client_auth").span(), at, &needs);
    }

    /// Says the first of the keys that is needed and not there.
    fn lacks(&mut self, who: &str, span: Span, at: At<'a>, needs: &[Need]) -> bool {
        // What is lost to a mistake was said.
        let Some(need) = needs.iter().find(|need| !need.is_there && !at.has(need.key)) else { return false };
        self.findings.push(
            Finding::error("missing-field", format!("{who} needs `{}`", need.key))
                .label(span, need.label)
                .help(need.help),
        );
        true
    }

    /// Checks that a login gives what is sent, and can be called.
    pub(super) fn session_needs(&mut self, auth: &SessionAuth, api: &'a ApiEntry<'a>, at: At<'a>) {
        let sends = [("in", auth.place.is_some()), ("prefix", auth.prefix.is_some())];
        if let Some((key, _)) = sends.into_iter().find(|(_, given)| *given)
            && !auth.answer.contains_key("token")
            && !at.get("answer").has("token")
        {
            self.findings.push(
                Finding::error("missing-field", format!("`{key}` is for a token, and `answer` names none"))
                    .label(at.key(key).unwrap_or_default(), "no token to send")
                    .help("say where the answer has it, such as `answer: {token: $.token}`; cookies are sent without being named"),
            );
        }
        for login in &auth.login {
            let Some(entry) = api.endpoint(login) else { continue };
            let required = entry.model.params.iter().filter(|(_, param)| plan::is_required(param));
            let missing: Vec<&str> = required.map(|(name, _)| &*name.value).collect();
            let Some(first) = missing.first() else { continue };
            let noun = if missing.len() == 1 { "param" } else { "params" };
            self.findings.push(
                Finding::error(
                    "missing-param",
                    format!("`{}` needs the {noun} `{}`", entry.id(), missing.join("`, `")),
                )
                .label(login.span(), "a login is called without params")
                .help(format!("give `{first}` a `default`, or write its value into the endpoint")),
            );
        }
    }

    /// Checks that there are cases, and that they are those of the input that chooses.
    pub(super) fn switch_needs(&mut self, auth: &SwitchAuth, at: At<'a>) {
        if auth.cases.is_empty() {
            // What is lost to a mistake was said.
            if at.get("cases").node().is_none_or(|cases| cases.entries().is_empty()) {
                self.findings.push(
                    Finding::error("missing-field", "the `switch` auth has no cases")
                        .label(at.key("cases").unwrap_or_else(|| at.span()), "chooses among nothing")
                        .help("add one for each value: `cases: {sandbox: {type: bearer, token: …}}`"),
                );
            }
            return;
        }
        let Some(values) = self.values_of(auth) else { return };
        for (case, _) in &auth.cases {
            if !values.iter().any(|value| *value == *case.value) {
                self.findings.push(
                    Finding::error("invalid-value", format!("no value of `{}` is `{}`", inside(auth), case.value))
                        .label(case.span, "never chosen")
                        .help_if(suggest(&case.value, values.iter().map(String::as_str)))
                        .meant(case.span, certain(&case.value, values.iter().map(String::as_str))),
                );
                return;
            }
        }
        let cases = at.get("cases");
        let without = values.iter().find(|value| !auth.cases.contains_key(value) && !cases.has(value));
        if let Some(value) = without {
            self.findings.push(
                Finding::error("missing-field", format!("the `switch` auth has no case for `{value}`"))
                    .label(at.key("cases").unwrap_or_default(), format!("without `{value}`"))
                    .help(format!("add `{value}: {{type: …}}`, or `{value}: none` for no auth")),
            );
        }
    }

    /// Returns the values that an input may have which alone chooses.
    fn values_of(&self, auth: &SwitchAuth) -> Option<Vec<String>> {
        let [name] = auth.on.names() else { return None };
        let [root, input] = &*name.path else { return None };
        if **root != *"inputs" || inside(auth) != format!("inputs.{input}") {
            return None;
        }
        let values = self.spec.inputs.get(input)?.values.as_ref()?;
        values.iter().map(|value| value.value().text().map(Cow::into_owned)).collect()
    }
}

/// Returns what stands within the braces of the template that chooses.
fn inside(auth: &SwitchAuth) -> &str {
    let text = auth.on.text().trim();
    text.strip_prefix("{{").and_then(|text| text.strip_suffix("}}")).unwrap_or(text).trim()
}
