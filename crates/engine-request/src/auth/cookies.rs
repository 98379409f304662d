//! Cookies that logins set, gathered to be sent with what follows.

use engine_expr::Secret;
use http::header::SET_COOKIE;
use jiff::Timestamp;

use crate::{Answer, SetCookie};

/// Takes over the cookies that an answer sets, and drops those that it removes (RFC 6265 §5.2, §5.3).
///
/// A cookie goes to the API that set it, whatever its path says. Their ends are not kept: a 401 tells.
pub(in crate::auth) fn gather(cookies: &mut Vec<(String, Secret)>, answer: &Answer, now: Timestamp) {
    for cookie in answer.headers.get_all(SET_COOKIE).iter().filter_map(SetCookie::parse) {
        cookies.retain(|(known, _)| *known != cookie.name);
        if !cookie.is_removal(now) {
            cookies.push((cookie.name, Secret::new(cookie.value)));
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::gather;
    use crate::answer::tests::answer;

    #[test]
    fn gathers_and_removes() {
        let mut cookies = Vec::new();
        let mut check = |headers: &str, expected: &str| {
            gather(&mut cookies, &answer(&format!("200\n{headers}\n\n")), "2025-03-01T10:00:00Z".parse().unwrap());
            let shown: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={}", value.expose())).collect();
            assert_eq!(shown.join("; "), expected, "{headers}");
        };
        check("Set-Cookie: a=1; Path=/; HttpOnly\nSet-Cookie: b=x=y; Max-Age=60", "a=1; b=x=y");
        check("Set-Cookie: a=2; Expires=Sun, 01 Mar 2026 10:00:00 GMT", "b=x=y; a=2");
        check("X: y", "b=x=y; a=2");
        check("Set-Cookie: =3\nSet-Cookie: nothing\nSet-Cookie: c=\"q\"", "b=x=y; a=2; c=\"q\"");
        check("Set-Cookie: a=; expires=Thu, 01-Jan-1970 00:00:00 GMT", "b=x=y; c=\"q\"");
        check("Set-Cookie: b=; Max-Age=0", "c=\"q\"");
        check("Set-Cookie: c=deleted; max-age=-1", "");
        check("Set-Cookie: d=1; Max-Age=5; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "d=1");
        check("Set-Cookie: d=", "d=");
    }
}
