//! What a server asks for before it lets somebody in: challenges of the scheme `Digest` (RFC 7616 §3.3).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};

use super::crypto::hex;

/// What a server asks for before it lets somebody in (RFC 7616 §3.3).
#[derive(Debug)]
pub struct Challenge {
    pub(crate) realm: String,
    pub(crate) nonce: String,
    pub(crate) opaque: Option<String>,
    pub(crate) algorithm: DigestAlgorithm,
    /// The algorithm as the server writes it; nothing where it does not.
    pub(crate) algorithm_name: Option<String>,
    pub(crate) quality: Option<Quality>,
    pub(crate) hides_user: bool,
    pub(crate) is_utf8: bool,
    is_stale: bool,
    /// How often its nonce was used.
    used: AtomicU32,
    /// The text of our own that the first answer was made with.
    first: OnceLock<String>,
}

/// What is protected (RFC 7616 §3.3, `qop`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quality {
    /// Who is asking.
    Auth,
    /// That, and the body.
    AuthInt,
}

/// How a digest is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DigestAlgorithm {
    hash: Hash,
    /// Whether the password is hashed with the first nonces (`-sess`).
    pub(crate) is_session: bool,
}

/// The hash functions, the strongest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hash {
    Md5,
    Sha256,
    Sha512Of256,
}

impl DigestAlgorithm {
    fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_uppercase();
        let (name, is_session) = name.strip_suffix("-SESS").map_or((name.as_str(), false), |name| (name, true));
        let hash = match name {
            "MD5" => Hash::Md5,
            "SHA-256" => Hash::Sha256,
            "SHA-512-256" => Hash::Sha512Of256,
            _ => return None,
        };
        Some(Self { hash, is_session })
    }

    /// Hashes a text, written in hexadecimal digits.
    pub(crate) fn digest(self, bytes: &[u8]) -> String {
        match self.hash {
            Hash::Md5 => hex(&Md5::digest(bytes)),
            Hash::Sha256 => hex(&Sha256::digest(bytes)),
            Hash::Sha512Of256 => hex(&Sha512_256::digest(bytes)),
        }
    }
}

impl Challenge {
    /// Reads the values of the `WWW-Authenticate` headers of an answer, and takes the strongest of the challenges in them;
    /// nothing where none of them is one that can be answered.
    pub fn parse<'h>(headers: impl IntoIterator<Item = &'h str>) -> Option<Self> {
        let all = headers.into_iter().flat_map(schemes).filter(|scheme| scheme.name.eq_ignore_ascii_case("digest"));
        let mut best: Option<Self> = None;
        for challenge in all.filter_map(|scheme| Self::of(&scheme)) {
            // Of two that are as strong, the first: servers list them as they like them.
            if best.as_ref().is_none_or(|best| best.algorithm.hash < challenge.algorithm.hash) {
                best = Some(challenge);
            }
        }
        best
    }

    fn of(scheme: &Scheme) -> Option<Self> {
        let quality = match scheme.get("qop") {
            None => None,
            Some(offered) => {
                let has = |wanted: &str| offered.split(',').any(|one| one.trim().eq_ignore_ascii_case(wanted));
                Some(if has("auth") {
                    Quality::Auth
                } else if has("auth-int") {
                    Quality::AuthInt
                } else {
                    return None;
                })
            }
        };
        let is = |name: &str, wanted: &str| scheme.get(name).is_some_and(|text| text.eq_ignore_ascii_case(wanted));
        Some(Self {
            realm: scheme.get("realm")?.to_owned(),
            nonce: scheme.get("nonce")?.to_owned(),
            opaque: scheme.get("opaque").map(str::to_owned),
            algorithm: DigestAlgorithm::named(scheme.get("algorithm").unwrap_or("MD5"))?,
            algorithm_name: scheme.get("algorithm").map(str::to_owned),
            quality,
            hides_user: is("userhash", "true"),
            is_utf8: is("charset", "UTF-8"),
            is_stale: is("stale", "true"),
            used: AtomicU32::new(0),
            first: OnceLock::new(),
        })
    }

    /// Tells whether only the nonce before was too old, so that the password is known to be right.
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Counts one more use of the nonce.
    pub(crate) fn count(&self) -> u32 {
        self.used.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// Returns the text of our own that an answer is made with: a new one each time, but the same one within a session.
    pub(crate) fn own_nonce(&self, new: String) -> String {
        if self.algorithm.is_session { self.first.get_or_init(|| new).clone() } else { new }
    }
}

/// A scheme that a server offers, with its params (RFC 9110 §11.6.1).
struct Scheme {
    name: String,
    params: Vec<(String, String)>,
}

impl Scheme {
    fn get(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Takes the value of a header apart: schemes and their params are all divided by commas, so that what stands before a `=` is a
/// param, and what does not begins the next scheme.
fn schemes(header: &str) -> Vec<Scheme> {
    let mut found: Vec<Scheme> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() && after.is_empty() {
            return found;
        }
        let spaced = after.trim_start_matches([' ', '\t']);
        // What follows `=` is a value, but after the digits of `Basic` or `Negotiate` it is padding.
        let value = spaced.strip_prefix('=').map(|value| value.trim_start_matches([' ', '\t']));
        rest = match value.filter(|value| !value.is_empty() && !value.starts_with([',', '='])) {
            Some(value) => {
                let (text, after) = quoted(value).unwrap_or_else(|| {
                    let (text, after) = value.split_at(value.find([' ', '\t', ',']).unwrap_or(value.len()));
                    (text.to_owned(), after)
                });
                if let Some(scheme) = found.last_mut() {
                    scheme.params.push((word.to_owned(), text));
                }
                after
            }
            None if spaced.starts_with('=') => spaced.trim_start_matches('='),
            None => {
                found.push(Scheme { name: word.to_owned(), params: Vec::new() });
                after
            }
        };
    }
}

/// Reads a text in quotes (RFC 9110 §5.6.4), and returns what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut chars = text.strip_prefix('"')?.chars();
    let mut value = String::new();
    while let Some(char) = chars.next() {
        match char {
            '"' => return Some((value, chars.as_str())),
            '\\' => value.extend(chars.next()),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Challenge;

    fn check(headers: &[&str], expected: &str) {
        let found = Challenge::parse(headers.iter().copied());
        let shown = found.map_or_else(String::new, |it| {
            format!(
                "{} {} {:?} {} {}",
                it.algorithm_name.as_deref().unwrap_or("-"),
                it.nonce,
                it.quality,
                it.realm,
                it.is_stale()
            )
        });
        assert_eq!(shown, expected, "{headers:?}");
    }

    #[test]
    fn takes_the_strongest() {
        check(
            &[
                r#"Digest realm="r", nonce="1", algorithm=MD5, qop="auth""#,
                r#"Digest realm="r", nonce="2", algorithm=SHA-256, qop="auth, auth-int""#,
            ],
            "SHA-256 2 Some(Auth) r false",
        );
        check(
            &[
                r#"Digest realm="r",nonce="1",algorithm=SHA-512-256-sess,qop=auth-int , Digest realm=r2, nonce="2", algorithm="sha-256""#,
            ],
            "SHA-512-256-sess 1 Some(AuthInt) r false",
        );
        check(
            &[
                r#"Digest realm="r", nonce="1", algorithm=SHA-1, Digest realm="r", nonce="2", Digest realm="r", nonce="3""#,
            ],
            "- 2 None r false",
        );
    }

    #[test]
    fn finds_it_among_other_schemes() {
        check(
            &[r#"Basic realm="a, b=\"c\"", charset="UTF-8", digest Realm="x", Nonce="n", stale=TRUE"#],
            "- n None x true",
        );
        check(&[r#"Negotiate YWJj==, Digest realm = "r" , nonce = "n""#], "- n None r false");
        check(
            &["Negotiate", r#"NTLM TlRMTVNT, Digest realm="r",, nonce="n", qop="auth-conf,auth""#],
            "- n Some(Auth) r false",
        );
    }

    #[test]
    fn what_cannot_be_answered_is_none() {
        check(&[], "");
        check(&["Bearer realm=\"r\""], "");
        check(&["Digest realm=\"r\""], "");
        check(&["Digest realm=\"r\", nonce=\"n"], "- \"n None r false");
        check(&["Digest realm=\"r\", nonce=\"n\", qop=\"auth-conf\""], "");
        check(&["Digest realm=\"r\", nonce=\"n\", algorithm=SHA3"], "");
        check(&["=", ",,", "\"", "Digest =", "= = Digest"], "");
    }

    #[test]
    fn nonces_are_counted_and_sessions_keep_theirs() {
        let parse = |algorithm: &str| {
            Challenge::parse([format!("Digest realm=r, nonce=n, algorithm={algorithm}").as_str()]).into_iter().next()
        };
        let plain = parse("MD5");
        let session = parse("MD5-sess");
        for (challenge, expected) in [(plain, ["a", "b"]), (session, ["a", "a"])] {
            let challenge = challenge.expect("both can be answered");
            assert_eq!([challenge.own_nonce("a".into()), challenge.own_nonce("b".into())], expected);
            assert_eq!([challenge.count(), challenge.count()], [1, 2]);
        }
    }
}
