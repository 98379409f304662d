//! Answers of token servers and logins that no test says: a made-up token where the spec looks for one.

use engine_expr::{JsonPath, Members, Segment, Template, Value};
use engine_plan::{Endpoint, Plan};
use engine_request::{AnswerPlace, Auth};

/// How long a token holds that is made up, in seconds.
const LIFETIME: i64 = 3600;

/// An answer of a token server or a login.
#[derive(Clone, Debug, Default)]
pub(crate) struct Login {
    pub(crate) body: Value,
    pub(crate) headers: Vec<(String, String)>,
}

/// Makes the answer of who gives the tokens of an API; the number tells one token from the next.
pub(crate) fn token(plan: &Plan, api: &str, number: usize) -> Login {
    let auths = || auths(plan, api);
    let mut login = Login::default();
    login.put(&path("access_token"), format!("test-token-{number}").into());
    login.put(&path("token_type"), "Bearer".into());
    login.put(&path("expires_in"), LIFETIME.into());
    for auth in auths() {
        let Auth::Oauth2(auth) = auth else { continue };
        for (name, place) in auth.answer.iter() {
            login.put(place, made_up(&name.value, api, number));
        }
    }
    login
}

/// Makes the answer of an endpoint, if it is a login of its API.
pub(crate) fn login(plan: &Plan, endpoint: &Endpoint, number: usize) -> Option<Login> {
    let sessions = auths(plan, &endpoint.api).filter_map(|auth| match auth {
        Auth::Session(session) if session.login.iter().any(|name| name.as_str() == endpoint.name) => Some(session),
        _ => None,
    });
    let mut login = None;
    for session in sessions {
        let login =
            login.get_or_insert_with(|| Login { body: Value::Object(Members::new().into()), headers: Vec::new() });
        login.headers.push(("set-cookie".to_owned(), format!("session=test-session-{number}")));
        for (name, place) in session.answer.iter() {
            login.put(place, made_up(&name.value, &endpoint.api, number));
        }
    }
    login
}

/// Returns the auths of an API, also those that depend on a value.
fn auths<'a>(plan: &'a Plan, api: &str) -> impl Iterator<Item = &'a Auth> {
    let endpoints = plan.endpoints.iter().filter(move |endpoint| endpoint.api == api);
    let mut all: Vec<&Auth> = endpoints.flat_map(|endpoint| endpoint.auth.iter()).collect();
    let mut next = 0;
    while let Some(auth) = all.get(next).copied() {
        next += 1;
        if let Auth::Switch(switch) = auth {
            all.extend(switch.cases.iter().filter_map(|(_, auths)| auths.as_set()).flat_map(|auths| auths.iter()));
        }
    }
    all.into_iter()
}

fn made_up(name: &str, api: &str, number: usize) -> Value {
    match name {
        "token" => format!("test-token-{number}").into(),
        "refresh_token" => format!("test-refresh-token-{number}").into(),
        "expires_in" => LIFETIME.into(),
        "expires_at" => "2999-12-31T00:00:00Z".into(),
        name if name.contains("url") => format!("https://{}.test", api.replace('_', "-")).into(),
        name => format!("test-{name}").into(),
    }
}

fn path(member: &str) -> AnswerPlace {
    AnswerPlace::Path(JsonPath::new(format!("$.{member}"), engine_source::Span::default()))
}

impl Login {
    fn put(&mut self, place: &AnswerPlace, value: Value) {
        match place {
            AnswerPlace::Path(path) => {
                if let Some(segments) = path.singular() {
                    self.body = with(&self.body, segments, value);
                }
            }
            AnswerPlace::Header(name) => self.headers.push((name.value.to_string(), text(&value))),
            AnswerPlace::Cookie(name) => {
                self.headers.push(("set-cookie".to_owned(), format!("{}={}", name.value, text(&value))));
            }
            AnswerPlace::Template(template) => self.put_named(template, value),
        }
    }

    /// Puts a value where a template looks for one.
    fn put_named(&mut self, template: &Template, value: Value) {
        let [name] = template.names() else { return };
        match name.path.as_slice() {
            [_, part, header] if &**part == "headers" => self.headers.push((header.to_string(), text(&value))),
            [_, part, rest @ ..] if &**part == "body" => {
                let segments: Vec<Segment> = rest.iter().map(|name| Segment::Name(name.clone())).collect();
                self.body = with(&self.body, &segments, value);
            }
            _ => {}
        }
    }
}

fn text(value: &Value) -> String {
    value.text().map_or_else(|| value.to_json(), std::borrow::Cow::into_owned)
}

/// Returns a value with another one at a place; what is on the way to it is made.
fn with(value: &Value, segments: &[Segment], new: Value) -> Value {
    let Some((segment, rest)) = segments.split_first() else { return new };
    match segment {
        Segment::Name(name) => {
            let mut members = value.as_object().cloned().unwrap_or_default();
            let inner = with(members.get(name).unwrap_or(&Value::Null), rest, new);
            members.insert(name.clone(), inner);
            Value::Object(members.into())
        }
        Segment::Index(_) => Value::list(vec![with(&Value::Null, rest, new)]),
    }
}
