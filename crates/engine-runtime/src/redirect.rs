//! Redirects (RFC 9110 §15.4): which are followed, and what becomes of the request.

use engine_request::{Payload, Prepared, Redirects};
use http::header::{CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, Method};
use url::Url;

use crate::exchange::is_read_only;

/// A redirect that is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redirect {
    /// Where it leads.
    pub(crate) url: Url,
    /// Whether what was asked for is done, and the redirect only leads to what came of it.
    pub(crate) is_done: bool,
}

impl Redirect {
    /// Returns where an answer leads, if that is followed.
    ///
    /// What reads is sent again wherever it leads. What changes something is sent again only where the API asks for just that (307, 308), and to
    /// the same origin; after 303 what came of it is read. A 301 or 302 of it is not followed: browsers make a GET of it, which would do
    /// nothing and look like success.
    pub(crate) fn of(policy: Redirects, request: &Prepared, status: u16, headers: &HeaderMap) -> Option<Self> {
        let target = std::str::from_utf8(headers.get(LOCATION)?.as_bytes()).ok()?;
        let mut url = request.url.join(target).ok()?;
        let is_at_home = url.origin() == request.url.origin();
        let is_followed = match (status, policy) {
            (_, Redirects::None) => false,
            (_, Redirects::SameOrigin) if !is_at_home => false,
            (303, _) => true,
            (301 | 302, _) => is_read_only(&request.method),
            (307 | 308, _) => is_read_only(&request.method) || is_at_home,
            _ => false,
        };
        if url.fragment().is_none() {
            url.set_fragment(request.url.fragment());
        }
        is_followed.then(|| Self { url, is_done: status == 303 && !is_read_only(&request.method) })
    }

    /// Turns a request where the redirect leads.
    pub(crate) fn turn(self, request: &mut Prepared) {
        request.url = self.url;
        if self.is_done {
            request.method = Method::GET;
            request.body = Payload::default();
            for name in [CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE] {
                request.headers.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::Arc;

    use engine_expr::{Host, Scope};
    use engine_request::{Draft, RequestLine};
    use http::HeaderValue;

    use super::*;

    struct Fixed;

    impl Host for Fixed {
        fn now(&self) -> jiff::Timestamp {
            jiff::Timestamp::UNIX_EPOCH
        }

        fn random(&self) -> u64 {
            7
        }
    }

    fn request(line: &str) -> Prepared {
        let line: RequestLine = serde_json::from_value(line.into()).unwrap();
        let mut request = Draft::build(&line, None, &Scope::new(Arc::new(Fixed))).unwrap().finish().unwrap();
        if line.method().as_str() != "GET" {
            request.body = vec![1].into();
            request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        }
        request
    }

    /// Says where a request ends up, and as what.
    fn follow(line: &str, status: u16, to: &str, policy: Redirects) -> Option<String> {
        let mut request = request(line);
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_str(to).unwrap());
        let redirect = Redirect::of(policy, &request, status, &headers)?;
        redirect.turn(&mut request);
        let length = request.body.length();
        assert_eq!(length > 0, request.headers.contains_key(CONTENT_TYPE));
        Some(format!("{} {} {length}", request.method, request.url))
    }

    #[test]
    fn reads_wherever_it_is_led() {
        for status in [301, 302, 303, 307, 308] {
            let to = |to| follow("GET https://a.example/x", status, to, Redirects::Follow);
            assert_eq!(to("/y").as_deref(), Some("GET https://a.example/y 0"), "{status}");
            assert_eq!(to("https://b.example/y").as_deref(), Some("GET https://b.example/y 0"), "{status}");
        }
        for status in [300, 304, 305, 200] {
            assert_eq!(follow("GET https://a.example/x", status, "/y", Redirects::Follow), None);
        }
    }

    #[test]
    fn changes_nothing_twice_and_nothing_elsewhere() {
        for line in ["POST https://a.example/x", "PUT https://a.example/x", "DELETE https://a.example/x"] {
            let method = line.split(' ').next().unwrap();
            for status in [301, 302] {
                assert_eq!(follow(line, status, "/y", Redirects::Follow), None);
            }
            for status in [307, 308] {
                let same = format!("{method} https://a.example/y 1");
                assert_eq!(follow(line, status, "/y", Redirects::Follow), Some(same));
                assert_eq!(follow(line, status, "https://b.example/y", Redirects::Follow), None);
                assert_eq!(follow(line, status, "http://a.example/y", Redirects::Follow), None);
            }
            assert_eq!(follow(line, 303, "/y", Redirects::Follow).as_deref(), Some("GET https://a.example/y 0"));
        }
    }

    #[test]
    fn keeps_to_the_policy() {
        let get = |to, policy| follow("GET https://a.example/x", 302, to, policy);
        assert!(get("/y", Redirects::SameOrigin).is_some());
        assert!(get("https://a.example:443/y", Redirects::SameOrigin).is_some());
        assert!(get("https://a.example:444/y", Redirects::SameOrigin).is_none());
        assert!(get("http://a.example/y", Redirects::SameOrigin).is_none());
        assert!(get("/y", Redirects::None).is_none());
        assert!(follow("POST https://a.example/x", 303, "/y", Redirects::None).is_none());
    }
}
