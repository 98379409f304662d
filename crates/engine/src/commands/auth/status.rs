//! `engine auth status`: which APIs are logged in, and until when. Never shows a token.

use engine_request::Token;
use engine_request::auth::OAuth2Auth;
use engine_runtime::{ApiLogin, Clock, Entry, Kind, SystemClock};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{logins, open};
use crate::arguments::{LoginStatus, ResultFormat};
use crate::failure::Failure;
use crate::status::Status;
use crate::terminal::{Style, Terminal, print, tell};

/// Shows what is kept.
pub(super) async fn execute(arguments: &LoginStatus, terminal: &Terminal) -> Result<Status, Failure> {
    let mut rows = Vec::new();
    let mut list = Vec::new();
    if let Some(spec) = &arguments.spec {
        for login in logins(spec, &arguments.given)? {
            let token = login.kept().await.map_err(Failure::from)?;
            list.push(members(&login, token.as_ref()));
            let kind = format!("oauth2, {}", login.auth.grant.name());
            rows.push([login.api.clone(), kind, described(&login.auth, token.as_ref())]);
        }
    } else {
        let (state, _) = open(&arguments.given, None)?;
        for Entry { label, value, saved_at, .. } in state.list(Kind::Token).await.map_err(Failure::from)? {
            let token = Token::from_json(&String::from_utf8_lossy(&value));
            let Labelled { api, kind, grant, host } = Labelled::read(&label);
            let mut entry =
                json!({"api": api, "kind": kind, "grant": grant, "token_host": host, "saved_at": saved_at.to_string()});
            add_token(&mut entry, token.as_ref());
            list.push(entry);
            let state = token.map_or_else(|| "cannot be read".to_owned(), |token| holds(&token));
            let grant = grant.map(|grant| format!(", {grant}")).unwrap_or_default();
            let host = host.map(|host| format!(", from {host}")).unwrap_or_default();
            rows.push([api.to_owned(), format!("{kind}{grant}{host}"), state]);
        }
    }
    match arguments.given.format {
        ResultFormat::Json => print(format!("{:#}\n", Value::Array(list)))?,
        ResultFormat::Text if rows.is_empty() => tell(match &arguments.spec {
            Some(spec) => format!("no API of `{}` has `oauth2` auth\n", spec.display()),
            None => "no token is kept\n".to_owned(),
        }),
        ResultFormat::Text => print(table(&rows, terminal))?,
    }
    Ok(Status::Done)
}

/// Whose token it is, as far as its label says: `notes: oauth2, authorization_code, login.example.com`.
struct Labelled<'l> {
    api: &'l str,
    kind: &'l str,
    grant: Option<&'l str>,
    /// The host that gave it.
    host: Option<&'l str>,
}

impl<'l> Labelled<'l> {
    /// Reads a label; those of older versions end after the kind.
    fn read(label: &'l str) -> Self {
        let (api, rest) = label.split_once(": ").unwrap_or((label, ""));
        let mut parts = rest.split(", ");
        Self { api, kind: parts.next().unwrap_or_default(), grant: parts.next(), host: parts.next() }
    }
}

/// Returns what is known of a login, for programs.
pub(super) fn members(login: &ApiLogin, token: Option<&Token>) -> Value {
    let mut members = json!({
        "api": login.api,
        "kind": "oauth2",
        "grant": login.auth.grant.name(),
        "needs_login": login.auth.needs_login() && !token.is_some_and(is_useful),
    });
    add_token(&mut members, token);
    members
}

fn add_token(members: &mut Value, token: Option<&Token>) {
    let time = |at: Timestamp| Value::from(at.to_string());
    let more = json!({
        "logged_in": token.is_some_and(is_useful),
        "fetched_at": token.map(|token| time(token.fetched_at)),
        "expires_at": token.and_then(|token| token.expires_at).map(time),
        "can_refresh": token.is_some_and(|token| token.refresh.is_some()),
    });
    if let (Some(members), Value::Object(more)) = (members.as_object_mut(), more) {
        members.extend(more);
    }
}

/// Tells whether a token still serves: by itself, or by what it is refreshed with.
fn is_useful(token: &Token) -> bool {
    token.refresh.is_some() || (token.value.is_some() && token.expires_at.is_none_or(|end| end > SystemClock.now()))
}

/// Says how it stands with a login, for people.
pub(super) fn described(auth: &OAuth2Auth, token: Option<&Token>) -> String {
    match token {
        Some(token) if is_useful(token) => format!("logged in; {}", holds(token)),
        _ if auth.needs_login() => match token {
            Some(_) => "the login has ended; `engine auth login` begins a new one".to_owned(),
            None => "not logged in".to_owned(),
        },
        Some(_) => "the token has ended; the next run fetches a new one".to_owned(),
        None => "no token yet; the next run fetches one".to_owned(),
    }
}

/// Says until when a token holds.
fn holds(token: &Token) -> String {
    let now = SystemClock.now();
    let end = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let then = if token.refresh.is_some() { ", then it is refreshed" } else { "" };
    match token.expires_at {
        _ if token.value.is_none() && token.refresh.is_some() => "the next run fetches a token".to_owned(),
        Some(at) if at > now => format!("the token holds until {}{then}", end(at)),
        Some(at) if token.refresh.is_some() => format!("the token ended {} and is refreshed by the next run", end(at)),
        Some(at) => format!("the token ended {}", end(at)),
        None => format!("the token holds until the API refuses it{then}"),
    }
}

/// Writes rows with their columns under each other.
fn table(rows: &[[String; 3]], terminal: &Terminal) -> String {
    let width =
        |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    let pad = |text: &str, width: usize| " ".repeat(width.saturating_sub(text.chars().count()));
    let mut text = String::new();
    for [api, kind, state] in rows {
        let bold = terminal.stdout.paint(Style::Bold, api);
        text.extend([&*bold, &pad(api, first), "  ", kind, &pad(kind, second), "  ", state, "\n"]);
    }
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_expr::Secret;
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn reads_whose_token_it_is() {
        let read = |label: &'static str| {
            let Labelled { api, kind, grant, host } = Labelled::read(label);
            (api, kind, grant, host)
        };
        let full = ("notes", "oauth2", Some("password"), Some("login.test:8443"));
        assert_eq!(read("notes: oauth2, password, login.test:8443"), full);
        assert_eq!(read("notes: oauth2, password"), ("notes", "oauth2", Some("password"), None));
        assert_eq!(read("notes: oauth2"), ("notes", "oauth2", None, None));
    }

    #[test]
    fn says_how_it_stands_and_no_token() {
        let now = SystemClock.now();
        let token = |seconds: Option<i64>, refresh: bool| Token {
            value: Some(Secret::new("hush")),
            fetched_at: now,
            expires_at: seconds.map(|seconds| now.checked_add(SignedDuration::from_secs(seconds)).unwrap()),
            refresh: refresh.then(|| Secret::new("hush")),
            ..Token::default()
        };
        let cases = [
            (token(Some(60), true), true, "the token holds until 2… UTC, then it is refreshed"),
            (token(Some(60), false), true, "the token holds until 2… UTC"),
            (token(Some(-60), true), true, "the token ended 2… UTC and is refreshed by the next run"),
            (token(Some(-60), false), false, "the token ended 2… UTC"),
            (token(None, true), true, "the token holds until the API refuses it, then it is refreshed"),
            (token(None, false), true, "the token holds until the API refuses it"),
        ];
        for (token, useful, expected) in cases {
            let text = holds(&token);
            let (start, end) = expected.split_once('…').unwrap_or((expected, ""));
            assert!(text.starts_with(start) && text.ends_with(end), "{text}");
            assert_eq!(is_useful(&token), useful, "{text}");
            let mut members = json!({});
            add_token(&mut members, Some(&token));
            assert!(!members.to_string().contains("hush") && members["logged_in"] == useful, "{members}");
        }
    }
}
