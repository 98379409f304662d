//! What is kept of the answers of token servers and logins, beside the tokens themselves.

use engine_expr::Value;

use super::Auth;
use crate::{AnswerPlace, Named};

/// The names in `answer` that have a meaning of their own.
const OWN: [&str; 4] = ["token", "expires_in", "expires_at", "refresh_token"];

impl Auth {
    /// Returns the names under which something is kept for `auth.NAME`.
    pub fn keeps(&self) -> impl Iterator<Item = &str> {
        let answer: Option<&Named<AnswerPlace>> = match self {
            Self::Oauth2(auth) => Some(&auth.answer),
            Self::Session(auth) => Some(&auth.answer),
            _ => None,
        };
        let names = answer.into_iter().flat_map(|named| named.iter()).map(|(name, _)| &*name.value);
        names.filter(|name| !OWN.contains(name))
    }

    /// Returns values that stand for what is kept, where nobody logs in.
    pub fn stand_ins(&self) -> Value {
        Value::object(self.keeps().map(|name| (name, Value::from(format!("mock-{name}")))).collect::<Vec<_>>())
    }
}
