//! Requests in the one form that both sides sign. Knows nothing about keys.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::form_urlencoded;

/// What AWS encodes: all but the unreserved characters (RFC 3986 §2.3).
const ALL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &ALL.remove(b'/');

/// Headers that are not signed: proxies change them, or they are the signature.
const LEFT_OUT: [&str; 8] = [
    "authorization",
    "connection",
    "expect",
    "te",
    "transfer-encoding",
    "user-agent",
    "x-amzn-trace-id",
    "accept-encoding",
];

/// What is to be signed.
pub(super) struct Unsigned<'r> {
    pub(super) method: &'r str,
    /// The path as it is sent.
    pub(super) path: &'r str,
    /// The query as it is sent.
    pub(super) query: &'r str,
    /// The headers, names in small letters.
    pub(super) headers: &'r [(String, String)],
    /// The hash of the body, or what stands for it.
    pub(super) payload: &'r str,
}

/// A request in the form that is signed.
pub(super) struct Canonical {
    pub(super) text: String,
    /// The names of the headers in it.
    pub(super) signed_headers: String,
}

impl Unsigned<'_> {
    /// Writes it in the form that is signed.
    ///
    /// A path that is sent is encoded already; most services want it encoded once more, and without `.`, `..` and empty steps.
    pub(super) fn canonical(&self, is_encoded_twice: bool, is_normalized: bool) -> Canonical {
        let path = if is_normalized { normalized(self.path) } else { self.path.to_owned() };
        let path = if is_encoded_twice {
            utf8_percent_encode(&path, PATH).to_string()
        } else {
            percent_encoding::percent_encode(&percent_decode_str(&path).collect::<Vec<u8>>(), PATH).to_string()
        };
        let path = if path.is_empty() { "/" } else { &path };
        let encode = |text: &str| utf8_percent_encode(text, ALL).to_string();
        let mut pairs: Vec<(String, String)> = form_urlencoded::parse(self.query.as_bytes())
            .map(|(name, value)| (encode(&name), encode(&value)))
            .collect();
        pairs.sort();
        let query = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let lines = names(self.headers).into_iter().map(|name| {
            let values = self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| plain(value));
            format!("{name}:{}\n", values.collect::<Vec<_>>().join(","))
        });
        let headers: Vec<String> = lines.collect();
        let headers = headers.concat();
        let signed_headers = signed_headers(self.headers);
        let Self { method, payload, .. } = self;
        Canonical { text: format!("{method}\n{path}\n{query}\n{headers}\n{signed_headers}\n{payload}"), signed_headers }
    }
}

/// Lists the names of the headers that are signed.
pub(super) fn signed_headers(headers: &[(String, String)]) -> String {
    names(headers).join(";")
}

fn names(headers: &[(String, String)]) -> Vec<&str> {
    let names = headers.iter().map(|(name, _)| name.as_str());
    let mut names: Vec<&str> = names.filter(|name| !LEFT_OUT.contains(name)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Writes a value without the spaces around it, and one where there are several.
fn plain(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// Takes the steps out of a path that lead nowhere else (RFC 3986 §5.2.4), empty ones too.
fn normalized(path: &str) -> String {
    let mut steps: Vec<&str> = Vec::new();
    let mut is_open = true;
    for step in path.split('/') {
        is_open = matches!(step, "" | "." | "..");
        match step {
            "" | "." => {}
            ".." => _ = steps.pop(),
            step => steps.push(step),
        }
    }
    let end = if is_open && !steps.is_empty() { "/" } else { "" };
    format!("/{}{end}", steps.join("/"))
}
