//! Why there is no token.

use std::fmt;

use engine_expr::{EvalError, Value};
use http::header::LOCATION;

use super::OAuth2Auth;
use crate::auth::host_of;
use crate::{Answer, Redactor};

/// Why there is no token. No secret stands in it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TokenError {
    /// A user has to allow the access first, or again.
    #[error("nobody has allowed the access yet")]
    LoginNeeded,
    /// The server refuses, and says why (RFC 6749 §5.2).
    #[error("the provider refuses: {}", Refusal(error, description.as_deref(), *status))]
    Refused {
        /// The code, such as `invalid_grant`.
        error: String,
        /// What the server says about it.
        description: Option<String>,
        /// The status of the answer; 0 where a browser brought it back.
        status: u16,
    },
    /// The answer is none that gives a token.
    #[error("{message}")]
    NoToken {
        /// What it is instead.
        message: String,
        /// The status of the answer.
        status: u16,
    },
    /// There is a token, but it can't be used without something else that the answer lacks.
    #[error("{message}")]
    Lacks {
        /// What is missing, and who needs it.
        message: String,
        /// The name that the spec has for it.
        name: String,
    },
    /// Something in the spec gives no value.
    #[error(transparent)]
    Eval(#[from] EvalError),
}

/// Writes a refusal: `invalid_grant (the token has expired), status 400`.
struct Refusal<'e>(&'e str, Option<&'e str>, u16);

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(error, description, status) = self;
        f.write_str(error)?;
        if let Some(description) = description {
            write!(f, " ({description})")?;
        }
        if *status == 0 {
            return Ok(());
        }
        write!(f, ", status {status}")
    }
}

impl TokenError {
    /// Returns the code with which the server refuses.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { error, .. } => Some(error),
            Self::LoginNeeded | Self::NoToken { .. } | Self::Lacks { .. } | Self::Eval(_) => None,
        }
    }

    /// Tells whether the same request may succeed later.
    pub fn is_temporary(&self) -> bool {
        let is_busy = |status: u16| matches!(status, 408 | 425 | 429 | 500..=599);
        match self {
            Self::Refused { error, status, .. } => {
                matches!(error.as_str(), "temporarily_unavailable" | "server_error") || is_busy(*status)
            }
            Self::NoToken { status, .. } => is_busy(*status),
            Self::LoginNeeded | Self::Lacks { .. } | Self::Eval(_) => false,
        }
    }
}

impl OAuth2Auth {
    /// Says what to do about an error.
    pub fn remedy(&self, error: &TokenError) -> Option<String> {
        let help = match error {
            TokenError::LoginNeeded => self.grant.remedy(),
            TokenError::Refused { error, .. } => match error.as_str() {
                "invalid_client" => {
                    "check `client_id` and `client_secret`, and `client_auth`: some servers take `basic`, others `body`"
                }
                "invalid_grant" | "expired_token" | "access_denied" => self.grant.remedy(),
                "invalid_scope" => "check `scopes` and `scope_separator`",
                "invalid_target" => "check `audience`, and `resource` in the fields of `request`",
                "unauthorized_client" | "unsupported_grant_type" => {
                    "the server does not let this client use the grant: change the `grant`, or allow it there"
                }
                _ => return None,
            },
            TokenError::NoToken { status: 200..=299, .. } => "say where the answer has it: `answer: {token: $.…}`",
            TokenError::NoToken { status: 300..=399, .. } => {
                "a request with credentials is not sent on: write the URL itself that answers it"
            }
            TokenError::NoToken { .. } => return None,
            TokenError::Lacks { name, .. } => {
                return Some(format!("say where the answer has it: `answer: {{{name}: $.…}}`"));
            }
            TokenError::Eval(error) => return error.help.clone(),
        };
        Some(help.to_owned())
    }
}

/// How much of an answer is shown.
const SHOWN: usize = 200;

/// Finds the refusal in an answer: as RFC 6749 §5.2 says, or in the members that others use.
pub(super) fn refusal(answer: &Answer, redactor: &Redactor) -> Option<TokenError> {
    let value = answer.value();
    let text = |name: &str| value.get(name).and_then(words);
    let inner = value.get("error").filter(|error| error.as_object().is_some());
    let inner_text = |name: &str| inner.and_then(|inner| inner.get(name)).and_then(words);
    let code = match inner {
        Some(_) => inner_text("code").or_else(|| inner_text("status")).or_else(|| inner_text("type")),
        None => text("error"),
    };
    let code = code.or_else(|| text("errorCode")).or_else(|| text("error_code"));
    let said = ["error_description", "errorSummary", "error_message", "message", "detail"];
    let said = said.into_iter().find_map(text).or_else(|| inner_text("message"));
    let error = code.or_else(|| said.clone().filter(|_| !answer.is_success()))?;
    let shown = |text: &str| shortened(&redactor.redact(text));
    let description = said.filter(|said| *said != error).map(|said| shown(&said));
    Some(TokenError::Refused { error: shown(&error), description, status: answer.status })
}

/// Says what an answer is that is neither a token nor a refusal.
///
/// `found` is what stands where the token should.
pub(super) fn no_token(answer: &Answer, wanted: &str, found: Option<&Value>, redactor: &Redactor) -> TokenError {
    let status = answer.status;
    let value = answer.value();
    let has = match value {
        Value::Null => "it is empty".to_owned(),
        Value::Object(members) if members.is_empty() => "it is an empty object".to_owned(),
        Value::Object(_) => format!("it has {}", listed(&members_of(value, ""))),
        Value::String(text) if !answer.is_success() => shortened(&redactor.redact(text)),
        Value::String(_) => "it is not JSON".to_owned(),
        other => format!("it is {}", other.a_kind()),
    };
    let is = found.map(|found| match found {
        Value::Null => "null".to_owned(),
        Value::String(_) => "empty".to_owned(),
        other => format!("{}, not a text", other.a_kind()),
    });
    let message = match (answer.is_success(), value) {
        (true, Value::Object(_)) if let Some(is) = is => {
            format!("`{wanted}` in the answer of the token URL is {is}: {has}")
        }
        (true, _) => format!("the answer of the token URL has no `{wanted}`: {has}"),
        (false, Value::Null) => format!("the token URL answered {status}"),
        (false, _) => format!("the token URL answered {status}: {has}"),
    };
    TokenError::NoToken { message, status }
}

/// Says where an answer leads that is a redirect: to which host, and no more of it.
pub(super) fn redirect(answer: &Answer) -> Option<TokenError> {
    let status = answer.status;
    if !(300..=399).contains(&status) {
        return None;
    }
    let target = answer.url.join(&answer.header(LOCATION.as_str())?).ok()?;
    let host = target.host().map(|_| host_of(&target))?;
    Some(TokenError::NoToken { message: format!("the token URL answered {status}, a redirect to `{host}`"), status })
}

/// Names the members of an answer, those of its members too, without their values.
pub(in crate::auth) fn members_of(value: &Value, before: &str) -> Vec<String> {
    let Some(members) = value.as_object() else { return Vec::new() };
    let mut names = Vec::new();
    for (name, value) in members.iter() {
        let name = format!("{before}{name}");
        match value {
            Value::Object(inner) if before.is_empty() && !inner.is_empty() => {
                names.extend(members_of(value, &format!("{name}.")));
            }
            _ => names.push(format!("`{name}`")),
        }
    }
    names
}

/// How many members are named.
const NAMED: usize = 12;

/// Lists names: those at the front, where there are many.
pub(in crate::auth) fn listed(names: &[String]) -> String {
    let mut shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > NAMED {
        shown.push_str(", …");
    }
    shown
}

/// Reads a text or a number that says something.
fn words(value: &Value) -> Option<String> {
    match value {
        Value::String(_) | Value::Number(_) => {
            value.text().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty() && text != "0")
        }
        _ => None,
    }
}

/// Makes one line of a text that a server wrote, and not a long one.
fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = line.chars().filter(|char| !char.is_control()).collect();
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
