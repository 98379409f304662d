//! Who may ask: whoever has the token, or whoever is on this machine; never the page of somebody else in a browser.

use std::fmt;
use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Api;
use super::problem::Problem;

/// Who may ask.
#[derive(Clone, Debug)]
pub enum Access {
    /// Whoever has this token.
    Token(Token),
    /// Whoever can connect, which is to be this machine alone.
    Machine,
}

/// A token, known by its hash: how long it takes to compare says nothing of it, nor of how long it is.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl Token {
    /// Takes a token; nothing where it can't stand in a header (RFC 6750 §2.1).
    pub fn new(text: &str) -> Option<Self> {
        let is_token = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_token.then(|| Self(hash(text)))
    }

    fn is(&self, given: &str) -> bool {
        self.0.ct_eq(&hash(given)).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// Lets through who may ask, as many at once as there is room for.
pub(super) async fn guard(State(api): State<Api>, request: Request, next: Next) -> Response {
    let mut response = match check(&api.access, request.headers()) {
        Err(problem) => problem.into_response(),
        Ok(()) => {
            if let Ok(_room) = api.room.try_acquire() {
                next.run(request).await
            } else {
                let text = "too many requests are answered already";
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", text).later(1).into_response()
            }
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn check(access: &Access, headers: &HeaderMap) -> Result<(), Problem> {
    let forbidden = |code, text: &str| Err(Problem::new(StatusCode::FORBIDDEN, code, text));
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if let Some(origin) = headers.get(header::ORIGIN)
        && !host.is_some_and(|host| is_own(origin, host))
    {
        return forbidden("foreign-origin", "pages of other sites may not ask this");
    }
    match access {
        // The name of a page may lead to this machine: what a browser asks then is of the same origin as the page.
        Access::Machine if host.is_some_and(|host| !is_loopback(host)) => {
            forbidden("foreign-host", "without a token this is asked as `localhost` or `127.0.0.1` only")
        }
        Access::Machine => Ok(()),
        Access::Token(token) if bearer(headers).is_some_and(|given| token.is(given)) => Ok(()),
        Access::Token(_) => {
            let text = "this needs the header `Authorization: Bearer TOKEN`, with the token that the server was given";
            let problem = Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", text);
            Err(problem.with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
        }
    }
}

/// Returns the token of a request, of which there is one at most.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim_matches(' '))
}

/// Tells whether an origin (RFC 6454 §6) is the server that is asked.
fn is_own(origin: &HeaderValue, host: &str) -> bool {
    let Some((scheme, authority)) = origin.to_str().ok().and_then(|origin| origin.split_once("://")) else {
        return false;
    };
    let port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let bare = |text: &str| text.strip_suffix(port).unwrap_or(text).to_ascii_lowercase();
    bare(authority) == bare(host)
}

/// Tells whether the host of a request is this machine by a name that nobody else can have.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use http::HeaderName;

    use super::*;

    fn status(access: &Access, headers: &[(HeaderName, &str)]) -> u16 {
        let headers =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect();
        check(access, &headers).map_or_else(|problem| problem.into_response().status().as_u16(), |()| 200)
    }

    #[test]
    fn only_the_token_opens() {
        let access = Access::Token(Token::new("s3cret").unwrap());
        for (value, expected) in [
            ("Bearer s3cret", 200),
            ("bearer  s3cret ", 200),
            ("Bearer s3cre", 401),
            ("Bearer s3crets", 401),
            ("Bearer S3CRET", 401),
            ("Basic s3cret", 401),
            ("s3cret", 401),
            ("Bearer ", 401),
        ] {
            assert_eq!(status(&access, &[(header::AUTHORIZATION, value)]), expected, "{value}");
        }
        assert_eq!(status(&access, &[]), 401);
        assert!(Token::new("").is_none() && Token::new("two words").is_none() && Token::new("a\nb").is_none());
        assert_eq!(format!("{access:?}"), "Token(Token)");
    }

    #[test]
    fn pages_of_others_may_not_ask() {
        for (origin, host, expected) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080", 200),
            ("http://LOCALHOST", "localhost:80", 200),
            ("http://localhost:3000", "localhost:8080", 403),
            ("https://evil.example", "127.0.0.1:8080", 403),
            ("null", "127.0.0.1:8080", 403),
            ("file://127.0.0.1:8080", "127.0.0.1:8080", 403),
            // Its name leads to this machine.
            ("http://evil.example:8080", "evil.example:8080", 403),
        ] {
            let headers = [(header::ORIGIN, origin), (header::HOST, host)];
            assert_eq!(status(&Access::Machine, &headers), expected, "{origin} {host}");
        }
        for (host, expected) in
            [("[::1]:8080", 200), ("127.1.2.3", 200), ("localhost.evil.example", 403), ("127.0.0.1.evil.example", 403)]
        {
            assert_eq!(status(&Access::Machine, &[(header::HOST, host)]), expected, "{host}");
        }
        let access = Access::Token(Token::new("s3cret").unwrap());
        let headers = [(header::AUTHORIZATION, "Bearer s3cret"), (header::HOST, "engine.example")];
        assert_eq!(status(&access, &headers), 200);
        let own = [&headers[..], &[(header::ORIGIN, "https://engine.example")]].concat();
        assert_eq!(status(&access, &own), 200);
        let foreign = [&headers[..], &[(header::ORIGIN, "https://evil.example")]].concat();
        assert_eq!(status(&access, &foreign), 403);
    }
}
