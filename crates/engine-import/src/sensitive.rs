//! Tells what must not be written into a spec: what is secret by its name, or looks it. Knows nothing of requests.

use serde_json::Value;

use crate::name::snake;

/// What a name and its value say about each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// It can stand in a spec.
    Plain,
    /// It names one thing among many, such as a customer or a page: whoever sends it again gives their own.
    Own,
    /// It proves who is asking, or may do so.
    Secret,
}

/// Words that make a name one of a secret.
const WORDS: [&str; 48] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "pass",
    "auth",
    "authorization",
    "authentication",
    "oauth",
    "xauth",
    "bearer",
    "jwt",
    "signature",
    "sig",
    "session",
    "sessionid",
    "sessid",
    "phpsessid",
    "jsessionid",
    "sid",
    "cookie",
    "credential",
    "credentials",
    "apikey",
    "appkey",
    "appid",
    "accesskey",
    "authkey",
    "secretkey",
    "privatekey",
    "subscriptionkey",
    "accesstoken",
    "authtoken",
    "refreshtoken",
    "idtoken",
    "apitoken",
    "clientsecret",
    "csrf",
    "xsrf",
    "csrftoken",
    "crumb",
    "otp",
    "pin",
    "license",
    "licence",
];

/// Last words that say something about a secret: `token_type`, `auth_method`.
const ABOUT: [&str; 30] = [
    "type",
    "kind",
    "method",
    "mode",
    "scheme",
    "algorithm",
    "version",
    "format",
    "status",
    "state",
    "count",
    "size",
    "length",
    "limit",
    "url",
    "uri",
    "expires",
    "expiry",
    "expiration",
    "at",
    "in",
    "on",
    "ttl",
    "lifetime",
    "duration",
    "enabled",
    "required",
    "email",
    "user",
    "scope",
];

/// What stands before `key` where it is one of data, and before `token` where it is a place in a list.
const OF_DATA: [&str; 34] = [
    "sort",
    "order",
    "group",
    "primary",
    "foreign",
    "partition",
    "row",
    "range",
    "cache",
    "routing",
    "issue",
    "project",
    "object",
    "parent",
    "column",
    "field",
    "lookup",
    "natural",
    "external",
    "business",
    "translation",
    "message",
    "public",
    "publishable",
    "idempotency",
    "dedupe",
    "start",
    "end",
    "last",
    "next",
    "page",
    "sync",
    "continuation",
    "cursor",
];

/// Last words of names of one thing among many.
const IDENTIFIES: [&str; 14] =
    ["id", "ids", "uuid", "guid", "gid", "ref", "cursor", "token", "key", "hash", "sha", "etag", "version", "number"];

/// How keys begin that name their kind.
const BEGINNINGS: [&str; 25] = [
    "sk_",
    "rk_",
    "pk_live",
    "pk_test",
    "whsec_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xapp-",
    "AKIA",
    "ASIA",
    "AIza",
    "ya29.",
    "SG.",
    "shpat_",
    "shpss_",
    "npm_",
    "eyJ",
];

/// Judges what is sent beside a body, or in a field of a form.
pub(crate) fn judge(name: &str, value: &str) -> Judgement {
    if value.is_empty() || matches!(value, "true" | "false" | "null") {
        return Judgement::Plain;
    }
    let words = words(name);
    if is_secret_name(&words) || begins_as_key(value) || holds_secret(value) {
        return Judgement::Secret;
    }
    match (is_random(value), words.last()) {
        (false, _) => Judgement::Plain,
        (true, Some(last)) if IDENTIFIES.contains(&last.as_str()) => Judgement::Own,
        (true, _) => Judgement::Secret,
    }
}

/// Judges a member of a body.
///
/// There `key` and `pass` are the names of much else, so what is plainly a word may stay.
pub(crate) fn judge_member(name: &str, value: &Value) -> Judgement {
    match value {
        Value::String(text) => {
            let is_word = text.len() <= 20 && text.chars().all(|it| it.is_alphabetic() || "_-.: ".contains(it));
            match words(name).last().map(String::as_str) {
                Some("key" | "pass" | "license" | "licence") if is_word => Judgement::Plain,
                _ => judge(name, text),
            }
        }
        Value::Number(number) => judge(name, &number.to_string()),
        _ => Judgement::Plain,
    }
}

/// Tells whether a member of a recorded answer must not be kept, where identifiers are what it is kept for.
pub(crate) fn is_hidden_in_answer(name: &str, value: &str) -> bool {
    // There these are more often names of data.
    let data = ["key", "license", "licence", "pass", "pin"];
    let is_word = words(name).last().is_some_and(|last| data.contains(&last.as_str()));
    !value.is_empty()
        && (begins_as_key(value) || !is_word && judge(name, value) == Judgement::Secret && is_secret(name))
}

/// Tells whether a name is one of something secret, whatever it holds.
pub(crate) fn is_secret(name: &str) -> bool {
    is_secret_name(&words(name))
}

/// Tells whether a text that is no list of members holds a secret: XML, a query, prose.
pub(crate) fn is_within(text: &str) -> bool {
    let is_between = |it: char| it.is_whitespace() || "<>\"'=:,;&(){}[]".contains(it);
    let mut before: Option<&str> = None;
    let mut rest = text;
    while !rest.is_empty() {
        let at = rest.find(is_between).unwrap_or(rest.len());
        let (word, after) = rest.split_at(at);
        let end = after.find(|it| !is_between(it)).unwrap_or(after.len());
        let (between, next) = after.split_at(end);
        if begins_as_key(word) || before.is_some_and(|name| judge(name, word) == Judgement::Secret) || is_random(word) {
            return true;
        }
        // Only what is given a value is a name: `password: x`, `<Password>x`, but not the words of a sentence.
        let is_name = !word.starts_with('/') && between.contains(['=', ':', '>']) && !between.contains('<');
        before = is_name.then_some(word);
        rest = next;
    }
    false
}

/// Splits a name into words, in small letters: `X-Hub-Signature-256` and `sessionId` too.
fn words(name: &str) -> Vec<String> {
    snake(name).split('_').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn is_secret_name(words: &[String]) -> bool {
    let Some(last) = words.last() else { return false };
    if ABOUT.contains(&last.as_str()) {
        return false;
    }
    let is_of_data = |at: usize| {
        at.checked_sub(1).and_then(|before| words.get(before)).is_some_and(|word| OF_DATA.contains(&word.as_str()))
    };
    words.iter().enumerate().any(|(at, word)| match word.as_str() {
        // What follows is what the key is of, unless it is only its form.
        "key" => {
            let is_last = words.iter().skip(at + 1).all(|it| {
                matches!(it.as_str(), "id" | "value" | "secret" | "header")
                    || it.bytes().all(|byte| byte.is_ascii_digit())
            });
            is_last && !is_of_data(at)
        }
        "token" => !is_of_data(at),
        other => WORDS.contains(&other),
    })
}

fn begins_as_key(value: &str) -> bool {
    let value = value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("Basic ")).unwrap_or(value);
    BEGINNINGS.iter().any(|it| value.strip_prefix(it).is_some_and(|rest| rest.len() >= 8 && !rest.contains(' ')))
}

/// Tells whether a value is a URL with a secret within.
fn holds_secret(value: &str) -> bool {
    let Ok(url) = url::Url::parse(value) else { return false };
    url.has_host()
        && (url.password().is_some()
            || url.query_pairs().any(|(name, value)| judge(&name, &value) == Judgement::Secret))
}

/// Tells whether a value looks drawn by lot: 20 letters and digits without a gap, in no order that a name has.
pub(crate) fn is_random(value: &str) -> bool {
    let is_uuid = value.len() == 36
        && value
            .bytes()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 8 | 13 | 18 | 23) { byte == b'-' } else { byte.is_ascii_hexdigit() });
    let is_one = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_+/=.~".contains(&byte));
    is_uuid || is_one && value.split(['-', '_', '.', '/', '~']).any(is_drawn)
}

fn is_drawn(run: &str) -> bool {
    let kind = |byte: u8| match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        _ => 2,
    };
    let digits = run.bytes().filter(u8::is_ascii_digit).count();
    let turns = run.bytes().zip(run.bytes().skip(1)).filter(|(left, right)| kind(*left) != kind(*right)).count();
    // A time in its short form has two letters: `20260102T030405000000Z`.
    run.len() >= 20 && (digits >= 2 && run.len() - digits >= 3 && turns >= 4 || turns * 9 >= run.len() * 4)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HEX: &str = "8f14e45fceea167a5a36dedd4bea2543";

    #[test]
    fn a_name_of_a_secret_makes_one() {
        for name in [
            "X-ERP-Key",
            "DD-APPLICATION-KEY",
            "X-License",
            "X-Session-Id",
            "X-Xsrf",
            "key",
            "auth",
            "pwd",
            "sig",
            "APPID",
            "crumb",
            "sid",
            "passphrase",
            "pin",
            "X-Api-Key",
            "apiKey",
            "PRIVATE-TOKEN",
            "access_token",
            "clientSecret",
            "X-Hub-Signature-256",
            "Ocp-Apim-Subscription-Key",
            "X-Amz-Credential",
            "AWS_ACCESS_KEY_ID",
            "PHPSESSID",
            "userPassword",
            "X-Auth-Key",
            "x_csrf_token",
        ] {
            assert_eq!(judge(name, "something"), Judgement::Secret, "{name}");
        }
    }

    #[test]
    fn a_name_that_only_sounds_so_does_not() {
        for name in [
            "monkey",
            "keyword",
            "author",
            "sort_key",
            "orderKey",
            "page_token",
            "nextPageToken",
            "max_tokens",
            "token_type",
            "auth_method",
            "primaryKey",
            "X-Auth-Email",
            "keys",
            "passenger",
            "compass",
            "signed",
            "design",
            "spine",
            "bypass",
            "sessions_count",
            "Idempotency-Key",
            "key_account",
            "assignee",
            "signal",
        ] {
            assert_eq!(judge(name, "something"), Judgement::Plain, "{name}");
        }
        assert_eq!(judge("secret", "true"), Judgement::Plain);
        assert_eq!(judge("token", ""), Judgement::Plain);
    }

    #[test]
    fn a_value_that_looks_drawn_by_lot_is_not_kept() {
        for value in [
            HEX,
            "ghp_0123456789abcdef",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
            "Bearer sk_live_51Habcdefg",
            "c2VjcmV0LXZhbHVlLXRoYXQtaXMtbG9uZw==",
            "https://someone:hidden@shop.example/",
            "https://a.example/?sig=abcd",
            "QmxvY2tLZXlXaXRoTm9EaWdpdHM",
        ] {
            assert_eq!(judge("k", value), Judgement::Secret, "{value}");
        }
        for value in [
            "order-list-2024-updated-products",
            "2024-01-01T00:00:00.000Z",
            "20260102T030405000000Z",
            "application/json",
            "createdAtDescendingOrder",
            "GetCustomersByRegionV2",
            "123456789012345678901234",
            "soap & water",
            "https://shop.example/orders?page=2",
        ] {
            assert_eq!(judge("k", value), Judgement::Plain, "{value}");
        }
        assert_eq!(judge("customer_id", HEX), Judgement::Own);
        assert_eq!(judge("pageToken", HEX), Judgement::Own);
    }

    #[test]
    fn a_key_in_a_body_may_be_a_word() {
        assert_eq!(judge_member("key", &json!("status")), Judgement::Plain);
        assert_eq!(judge_member("key", &json!(HEX)), Judgement::Secret);
        assert_eq!(judge_member("pin", &json!(1234)), Judgement::Secret);
        assert_eq!(judge_member("passphrase", &json!("open sesame")), Judgement::Secret);
        assert_eq!(judge_member("secret", &json!(true)), Judgement::Plain);
        assert!(is_hidden_in_answer("access_token", "abc") && !is_hidden_in_answer("key", "ENG-1"));
        assert!(!is_hidden_in_answer("license", "MIT"));
        assert!(!is_hidden_in_answer("id", HEX) && is_hidden_in_answer("id", "sk_live_0123456789"));
    }

    #[test]
    fn a_text_is_looked_through() {
        for text in ["<Password>hidden</Password>", "mutation { login(password: \"hidden\") { id } }", "user=a&pwd=b"] {
            assert!(is_within(text), "{text}");
        }
        for text in ["<Note>the password is forgotten</Note>", "{ orders(first: 10) { id token } }", "user=a&page=b"] {
            assert!(!is_within(text), "{text}");
        }
    }
}
