//! A challenge that is answered with a digest (RFC 7616).

use engine_expr::{EvalError, Scope, Secret, Template, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::challenge::Quality;
use super::crypto::HostRandom;
use super::{Authenticate, Challenge, Held};
use crate::{Draft, Method, Prepared};

/// Answers the server's challenge with a digest of a user name and a password (RFC 7616).
///
/// The first request goes without, and the server says what it wants; what it said holds for the requests after it.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "digest auth", deny_unknown_fields)]
#[schemars(rename = "DigestAuth")]
pub struct DigestAuth {
    /// The user name.
    pub username: Template,
    /// The password.
    pub password: Template,
    /// The methods that it is applied to, such as `[POST]`; all if not given.
    pub methods: Option<Vec<Method>>,
}

/// What a name may have in `username*` (RFC 8187 §3.2.1).
const EXTENDED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Authenticate for DigestAuth {
    fn apply(&self, _draft: &mut Draft, _scope: &Scope, _held: &Held) -> Result<(), EvalError> {
        Ok(())
    }

    fn sign(&self, request: &mut Prepared, scope: &Scope, held: &Held) -> Result<(), EvalError> {
        let Some(challenge) = &held.challenge else { return Ok(()) };
        let span = self.username.span();
        let username = self.username.render_text(scope)?;
        let password = self.password.render_text(scope)?;
        if username.is_empty() && password.is_empty() {
            let error = EvalError::new("the user name and the password are empty", span);
            return Err(error.help("check the secrets that they are made of"));
        }
        request.hide(&password);
        let own = HostRandom::of(scope).map_err(|error| error.at(span))?.nonce();
        let answer = Answer { challenge, username: &username, password: &password, own: challenge.own_nonce(own) };
        let body = match (challenge.quality, request.body.as_bytes()) {
            (Some(Quality::AuthInt), None) => {
                let error =
                    EvalError::new("the server wants a digest of the body, which is read while it is sent", span);
                return Err(error.help("send a body that is no file"));
            }
            (_, body) => body.unwrap_or_default(),
        };
        let target = match request.url.query() {
            Some(query) => format!("{}?{query}", request.url.path()),
            None => request.url.path().to_owned(),
        };
        let header = answer.write(request.method.as_str(), &target, &body, challenge.count());
        request.put_header("Authorization", &Value::Secret(Secret::new(header)), span)
    }
}

/// What a challenge is answered with.
struct Answer<'a> {
    challenge: &'a Challenge,
    username: &'a str,
    password: &'a str,
    /// The nonce of our own.
    own: String,
}

impl Answer<'_> {
    /// Writes the `Authorization` header (RFC 7616 §3.4).
    fn write(&self, method: &str, target: &str, body: &[u8], count: u32) -> String {
        let Self { challenge, username, own, .. } = self;
        let mut parts = vec![
            self.user(),
            format!("realm={}", quote(&challenge.realm)),
            format!("uri={}", quote(target)),
            format!("nonce={}", quote(&challenge.nonce)),
        ];
        parts.extend(challenge.algorithm_name.as_ref().map(|name| format!("algorithm={name}")));
        // A session's digest has our nonce in it, even where RFC 2069 knew of none.
        if challenge.quality.is_some() || challenge.algorithm.is_session {
            parts.push(format!("cnonce={}", quote(own)));
        }
        if let Some(quality) = challenge.quality {
            parts.push(format!("nc={count:08x}"));
            parts.push(format!("qop={}", quality.name()));
        }
        parts.push(format!("response={}", quote(&self.response(method, target, body, count))));
        parts.extend(challenge.opaque.as_ref().map(|opaque| format!("opaque={}", quote(opaque))));
        if challenge.hides_user && !username.is_empty() {
            parts.push("userhash=true".to_owned());
        }
        format!("Digest {}", parts.join(", "))
    }

    /// Says who is asking: by a digest, if that is wanted (RFC 7616 §3.4.4), or by name.
    fn user(&self) -> String {
        let Self { challenge, username, .. } = self;
        if challenge.hides_user {
            let name = format!("{username}:{}", challenge.realm);
            return format!("username={}", quote(&challenge.algorithm.digest(name.as_bytes())));
        }
        if challenge.is_utf8 && !username.is_ascii() {
            return format!("username*=UTF-8''{}", utf8_percent_encode(username, EXTENDED));
        }
        format!("username={}", quote(username))
    }

    /// Makes the digest (RFC 7616 §3.4.1 to §3.4.3); without `qop` as RFC 2069 had it.
    fn response(&self, method: &str, target: &str, body: &[u8], count: u32) -> String {
        let Self { challenge, username, password, own } = self;
        let algorithm = challenge.algorithm;
        let digest = |text: &str| algorithm.digest(text.as_bytes());
        let mut who = digest(&format!("{username}:{}:{password}", challenge.realm));
        if algorithm.is_session {
            who = digest(&format!("{who}:{}:{own}", challenge.nonce));
        }
        let what = match challenge.quality {
            Some(Quality::AuthInt) => digest(&format!("{method}:{target}:{}", algorithm.digest(body))),
            _ => digest(&format!("{method}:{target}")),
        };
        match challenge.quality {
            Some(quality) => digest(&format!("{who}:{}:{count:08x}:{own}:{}:{what}", challenge.nonce, quality.name())),
            None => digest(&format!("{who}:{}:{what}", challenge.nonce)),
        }
    }
}

impl Quality {
    fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

/// Puts a text into quotes (RFC 9110 §5.6.4).
fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::Arc;

    use super::Answer;
    use crate::auth::tests::{request, scope_at};
    use crate::auth::{Auth, Authenticate, Challenge, Held};
    use crate::draft::tests::read;

    fn answer(challenge: &Challenge, username: &str, password: &str, own: &str, target: &str) -> String {
        Answer { challenge, username, password, own: own.to_owned() }.write("GET", target, b"", 1)
    }

    /// RFC 7616 §3.9.1.
    const RFC: [&str; 2] = [
        r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#,
        r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#,
    ];

    #[test]
    fn answers_as_rfc_7616_does() {
        let own = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        for (challenge, expected) in [
            (Challenge::parse(RFC), "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
            (Challenge::parse([RFC[1]]), "8ca523f5e9506fed4657c9700eebdbec"),
        ] {
            let challenge = challenge.unwrap();
            let header = answer(&challenge, "Mufasa", "Circle of Life", own, "/dir/index.html");
            let name = challenge.algorithm_name.as_deref().unwrap();
            assert_eq!(
                header,
                format!(
                    r#"Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", algorithm={name}, cnonce="{own}", nc=00000001, qop=auth, response="{expected}", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#
                )
            );
        }
    }

    /// RFC 7616 §3.9.2, as its erratum 4897 has it: the digests in the text itself are not those of SHA-512/256.
    #[test]
    fn a_user_may_be_hidden() {
        let challenge = Challenge::parse([
            r#"Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true"#,
        ])
        .unwrap();
        let own = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v";
        let header = answer(&challenge, "J\u{e4}s\u{f8}n Doe", "Secret, or not?", own, "/doe.json");
        assert!(
            header.contains(r#"username="793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b""#),
            "{header}"
        );
        assert!(
            header.contains(r#"response="3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5""#),
            "{header}"
        );
        assert!(header.ends_with(", userhash=true"), "{header}");
    }

    /// RFC 2617 §3.5.
    #[test]
    fn answers_as_rfc_2617_does() {
        let challenge = Challenge::parse([
            r#"Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#,
        ])
        .unwrap();
        let header = answer(&challenge, "Mufasa", "Circle Of Life", "0a4f113b", "/dir/index.html");
        assert!(header.contains(r#"response="6629fae49393a05397450978507c4ef1""#), "{header}");
        assert!(!header.contains("algorithm="), "{header}");
    }

    #[test]
    fn what_is_not_ascii_is_written_so_that_it_arrives() {
        let challenge = Challenge::parse([r#"Digest realm="a\"b", nonce=n, charset=UTF-8"#]).unwrap();
        let header = answer(&challenge, "Jäs n", "p", "own", "/");
        assert!(
            header.starts_with(r#"Digest username*=UTF-8''J%C3%A4s%20n, realm="a\"b", uri="/", nonce="n", response=""#),
            "{header}"
        );
        assert!(!header.contains("cnonce"), "{header}");
    }

    /// What Python makes of the same formula: the body is a part of it, and the password is hashed with both nonces.
    #[test]
    fn the_body_and_the_session_are_a_part_of_it() {
        let challenge = Challenge::parse(["Digest realm=r, nonce=n, qop=auth-int, algorithm=MD5-sess"]).unwrap();
        let answer = Answer { challenge: &challenge, username: "u", password: "p", own: "c".to_owned() };
        assert_eq!(answer.response("POST", "/a?b", b"body", 1), "762d778b4fad78a67898d6678c211b56");
    }

    #[test]
    fn only_a_challenge_is_answered_and_each_use_counts() {
        let auth: Auth = read("{type: digest, username: ann, password: '{{ secrets.key }}'}");
        let scope = scope_at("2025-03-01T10:00:00Z", &[("key", "pa\"ss")]);
        let mut first = request("GET https://api.test/a?b=1", "", "");
        auth.sign(&mut first, &scope, &Held::default()).unwrap();
        assert!(first.headers.is_empty());
        let challenge = Challenge::parse(RFC).map(Arc::new);
        let held = Held { challenge, ..Held::default() };
        for count in ["nc=00000001,", "nc=00000002,"] {
            let mut request = request("GET https://api.test/a?b=1", "", "");
            auth.sign(&mut request, &scope, &held).unwrap();
            let header = request.headers.get("authorization").unwrap();
            let text = header.to_str().unwrap();
            assert!(header.is_sensitive() && text.contains(count) && text.contains("uri=\"/a?b=1\""), "{text}");
            assert!(text.contains("cnonce=\"123456789abcdef0123456789abcdef0\""), "{text}");
        }
    }
}
