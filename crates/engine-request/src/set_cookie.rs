//! What a `Set-Cookie` header says (RFC 6265 §5.2).

use http::HeaderValue;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::{cookie_date, raw_text};

/// A cookie as an answer sets it, or removes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCookie {
    /// Its name.
    pub name: String,
    /// Its value; bytes that are no UTF-8 are sent back as they came.
    pub value: String,
    max_age: Option<i64>,
    expires: Option<DateTime>,
}

impl SetCookie {
    /// Reads a header; none where it has no name or no `=`.
    pub fn parse(header: &HeaderValue) -> Option<Self> {
        let text = raw_text::decode(header.as_bytes());
        let mut parts = text.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let name = name.trim();
        if name.is_empty() {
            return None;
        }
        let mut cookie = Self { name: name.to_owned(), value: value.trim().to_owned(), max_age: None, expires: None };
        // Of several of a name the last that can be read counts.
        for attribute in parts {
            let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let (name, value) = (name.trim(), value.trim().trim_matches('"'));
            if name.eq_ignore_ascii_case("max-age") {
                cookie.max_age = seconds(value).or(cookie.max_age);
            } else if name.eq_ignore_ascii_case("expires") {
                cookie.expires = cookie_date::parse(value).or(cookie.expires);
            }
        }
        Some(cookie)
    }

    /// Tells whether it ends at once; `Max-Age` counts before `Expires`.
    pub fn is_removal(&self, now: Timestamp) -> bool {
        match self.max_age {
            Some(seconds) => seconds <= 0,
            None => self.expires.is_some_and(|end| end <= TimeZone::UTC.to_datetime(now)),
        }
    }

    /// Puts it into the value of a `Cookie` header, in place of one of its name; none where none is left.
    pub fn put_into(&self, cookies: Option<&HeaderValue>, now: Timestamp) -> Option<HeaderValue> {
        let before = cookies.map(|value| raw_text::decode(value.as_bytes())).unwrap_or_default();
        let is_other = |pair: &&str| !pair.is_empty() && pair.split('=').next().is_none_or(|name| name != self.name);
        let own = (!self.is_removal(now)).then(|| format!("{}={}", self.name, self.value));
        let others = before.split(';').map(str::trim).filter(is_other).map(ToOwned::to_owned);
        let pairs: Vec<String> = others.chain(own).collect();
        let mut value = HeaderValue::from_bytes(&raw_text::encode(&pairs.join("; "))).ok()?;
        value.set_sensitive(true);
        (!pairs.is_empty()).then_some(value)
    }
}

/// Reads a number of seconds, however large.
fn seconds(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let bound = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    is_number.then(|| text.parse().unwrap_or(bound))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn cookie(header: &[u8]) -> SetCookie {
        SetCookie::parse(&HeaderValue::from_bytes(header).unwrap()).unwrap()
    }

    #[test]
    fn ends_by_any_form_of_date() {
        let now = "2025-03-01T10:00:00Z".parse().unwrap();
        let is_removal = |attributes: &str| cookie(format!("a=1; {attributes}").as_bytes()).is_removal(now);
        for attributes in [
            "Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "expires=Thursday, 01-Jan-70 00:00:00 GMT",
            "expires=Thu, 01-Jan-1970 00:00:00 GMT",
            "EXPIRES=Thu Jan  1 00:00:00 1970",
            "expires=\"Thu Jan  1 00:00:00 1970\"",
            "expires=Sat, 01 Mar 2025 10:00:00 GMT",
            "max-age=0; expires=Fri, 31 Dec 9999 23:59:59 GMT",
            "max-age=-99999999999999999999",
        ] {
            assert!(is_removal(attributes), "{attributes}");
        }
        for attributes in [
            "Expires=Sat Mar  1 10:00:01 2025",
            "Expires=Saturday, 01-Mar-25 10:00:01 GMT",
            "Expires=Fri, 31 Dec 9999 23:59:59 GMT",
            "Expires=nonsense",
            "Expires",
            "max-age=99999999999999999999; expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "max-age=+0",
            "max-age=",
            "Path=/; HttpOnly",
        ] {
            assert!(!is_removal(attributes), "{attributes}");
        }
    }

    #[test]
    fn keeps_every_byte_of_a_value() {
        let now = Timestamp::UNIX_EPOCH;
        let header = HeaderValue::from_bytes(b"old=\xfc; a=0").unwrap();
        let value = cookie(b"a=na\xefve; Path=/").put_into(Some(&header), now).unwrap();
        assert_eq!(value.as_bytes(), b"old=\xfc; a=na\xefve");
        let value = cookie(b"a=; Max-Age=0").put_into(Some(&header), now).unwrap();
        assert_eq!(value.as_bytes(), b"old=\xfc");
        assert_eq!(cookie(b"old=; Max-Age=0").put_into(Some(&value), now), None);
    }

    #[test]
    fn has_a_name() {
        for header in ["", "nothing", "=3", " = ; a=b"] {
            assert_eq!(SetCookie::parse(&HeaderValue::from_static(header)), None, "{header}");
        }
    }
}
