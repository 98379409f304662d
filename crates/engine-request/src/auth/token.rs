//! Tokens: what a token server or a login gave, and until when it holds.

use std::fmt;
use std::sync::Arc;

use engine_expr::{Secret, Value};
use jiff::{SignedDuration, Timestamp};

/// What a token server or a login gave.
#[derive(Clone, Default, PartialEq)]
pub struct Token {
    /// The token; nothing where a login only gave cookies.
    pub value: Option<Secret>,
    /// Until when it holds; nothing where nobody said, and a 401 tells.
    pub expires_at: Option<Timestamp>,
    /// When it came.
    pub fetched_at: Timestamp,
    /// What asks for the next one.
    pub refresh: Option<Secret>,
    /// What else was kept of the answer, as an object: `auth.NAME`.
    pub fields: Value,
    /// The cookies of a login.
    pub cookies: Vec<(String, Secret)>,
}

/// How long before its end a token is taken for old, at most.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// What names of secrets have in them.
const SECRET: [&str; 11] =
    ["token", "secret", "passw", "ticket", "session", "csrf", "xsrf", "cookie", "jwt", "apikey", "api_key"];

impl Token {
    /// Tells whether it may still be used: until a tenth of its life is left, and at most a minute before its end.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        let Some(end) = self.expires_at else { return true };
        let life = end.duration_since(self.fetched_at);
        let ahead = (life / 10).clamp(SignedDuration::ZERO, AHEAD);
        now < end - ahead
    }

    /// Returns all that must not be shown.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let mut fields = Vec::new();
        hidden_in(&self.fields, &mut fields);
        self.value.iter().chain(&self.refresh).chain(self.cookies.iter().map(|(_, value)| value)).chain(fields)
    }

    /// Returns what is kept of an answer under a name: hidden, where the name says that it is secret.
    pub(in crate::auth) fn field(name: &str, value: Value) -> Value {
        let name = name.to_ascii_lowercase();
        if SECRET.iter().any(|word| name.contains(word)) { hide(value) } else { value }
    }

    /// Writes it down, secrets and all: for a store that encrypts it.
    pub fn to_json(&self) -> String {
        let text = |secret: &Secret| Value::from(secret.expose());
        let cookies = self.cookies.iter().map(|(name, value)| (name.as_str(), text(value)));
        Value::object([
            ("value", self.value.as_ref().map_or(Value::Null, text)),
            ("expires_at", self.expires_at.map_or(Value::Null, |at| at.to_string().into())),
            ("fetched_at", self.fetched_at.to_string().into()),
            ("refresh", self.refresh.as_ref().map_or(Value::Null, text)),
            ("fields", self.fields.clone()),
            ("cookies", Value::object(cookies.collect::<Vec<_>>())),
        ])
        .to_json()
    }

    /// Reads what [`to_json`](Self::to_json) wrote; nothing where it is something else.
    pub fn from_json(text: &str) -> Option<Self> {
        let kept = Value::from_json(text).ok()?;
        let secret = |name: &str| kept.get(name).and_then(Value::as_str).map(Secret::new);
        let time = |name: &str| kept.get(name).and_then(Value::as_str).and_then(|text| text.parse().ok());
        let cookies = kept.get("cookies").and_then(Value::as_object)?;
        Some(Self {
            value: secret("value"),
            expires_at: time("expires_at"),
            fetched_at: time("fetched_at")?,
            refresh: secret("refresh"),
            fields: match kept.get("fields")? {
                Value::Object(fields) => {
                    let field = |(name, value): (&Arc<str>, &Value)| (name.clone(), Self::field(name, value.clone()));
                    Value::Object(Arc::new(fields.iter().map(field).collect()))
                }
                other => other.clone(),
            },
            cookies: cookies
                .iter()
                .filter_map(|(name, value)| Some((name.to_string(), Secret::new(value.as_str()?))))
                .collect(),
        })
    }
}

/// Makes secrets of all texts and numbers in a value, but for the shortest.
fn hide(value: Value) -> Value {
    match &value {
        Value::List(list) => Value::list(list.items().iter().cloned().map(hide).collect()),
        Value::Object(members) => {
            let hidden = members.iter().map(|(name, value)| (Arc::clone(name), hide(value.clone())));
            Value::object(hidden.collect::<Vec<_>>())
        }
        // `true` or `12` would hide half of what is said.
        Value::String(_) | Value::Number(_) => match value.text().filter(|text| text.len() > 3) {
            Some(text) => Value::Secret(Secret::new(&*text)),
            None => value,
        },
        _ => value,
    }
}

/// Gathers the secrets in a value.
fn hidden_in<'v>(value: &'v Value, found: &mut Vec<&'v Secret>) {
    match value {
        Value::Secret(secret) => found.push(secret),
        Value::List(list) => list.items().iter().for_each(|item| hidden_in(item, found)),
        Value::Object(members) => members.iter().for_each(|(_, member)| hidden_in(member, found)),
        _ => {}
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn is_old_a_little_before_its_end() {
        let lasting = |seconds| Token { fetched_at: at(0), expires_at: Some(at(seconds)), ..Token::default() };
        assert!(lasting(3600).is_fresh(at(3539)));
        assert!(!lasting(3600).is_fresh(at(3540)));
        assert!(lasting(20).is_fresh(at(17)));
        assert!(!lasting(20).is_fresh(at(18)));
        assert!(!lasting(0).is_fresh(at(0)));
        assert!(Token::default().is_fresh(at(1 << 35)));
    }

    #[test]
    fn is_written_and_read() {
        let fields = Value::object([
            ("instance_url", Value::from("https://eu1.test")),
            ("XsrfToken", Value::Secret(Secret::new("xsrf-1"))),
            ("session", Value::object([("id", Value::Secret(Secret::new("id-of-it")))])),
            ("realm", Value::from(7_i64)),
        ]);
        let token = Token {
            value: Some(Secret::new("a\"b")),
            expires_at: Some(at(7)),
            fetched_at: at(1),
            refresh: Some(Secret::new("r")),
            fields,
            cookies: vec![("s".to_owned(), Secret::new("c"))],
        };
        assert_eq!(Token::from_json(&token.to_json()).unwrap(), token);
        let hidden: Vec<_> = token.secrets().map(Secret::expose).collect();
        assert_eq!(hidden, ["a\"b", "r", "c", "xsrf-1", "id-of-it"]);
        assert_eq!(Token::from_json("{}"), None);
        assert!(!format!("{token:?}").contains('"'));
    }
}
