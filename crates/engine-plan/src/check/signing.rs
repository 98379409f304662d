//! Checks what can be known of keys and signatures before running. Knows nothing about templates.

use engine_expr::{DynamicLeaf, EvalError};
use engine_request::auth::{Auth, HmacAuth, JwtAlgorithm, KeyEncoding};
use engine_request::{Place, Target};
use engine_source::Finding;

use super::Checker;
use super::at::At;

impl<'a> Checker<'a> {
    /// Checks keys that are written out, and where proofs are put.
    pub(super) fn signing(&mut self, auth: &'a Auth, at: At<'a>) {
        match auth {
            Auth::ApiKey(auth) => self.home_of(auth.place.as_ref(), "an API key"),
            Auth::Oauth2(auth) => {
                self.home_of(auth.place.as_ref(), "a token");
                if let Some(assertion) = &auth.assertion {
                    let problem = assertion.algorithm.problem(&assertion.key, assertion.key_encoding);
                    self.key_problem(problem);
                    self.encoding_of(assertion.algorithm, assertion.key_encoding, at.get("assertion"));
                }
            }
            Auth::Session(auth) => self.home_of(auth.place.as_ref(), "a token"),
            Auth::Jwt(auth) => {
                self.home_of(auth.place.as_ref(), "a token");
                self.key_problem(auth.algorithm.problem(&auth.key, auth.key_encoding));
                self.encoding_of(auth.algorithm, auth.key_encoding, at);
            }
            Auth::Hmac(auth) => {
                self.key_problem(auth.problem());
                self.signature_home(auth, at);
            }
            Auth::Oauth1(auth) => self.key_problem(auth.problem()),
            Auth::None(_)
            | Auth::Basic(_)
            | Auth::Bearer(_)
            | Auth::AwsSigv4(_)
            | Auth::Digest(_)
            | Auth::Switch(_) => {}
        }
    }

    fn key_problem(&mut self, problem: Option<EvalError>) {
        let Some(problem) = problem else { return };
        self.findings.push(
            Finding::error("invalid-value", problem.message).label(problem.span, "can't sign").help_if(problem.help),
        );
    }

    /// Checks that only a shared key has an encoding: what is in PEM form says how it is written.
    fn encoding_of(&mut self, algorithm: JwtAlgorithm, encoding: Option<KeyEncoding>, at: At<'a>) {
        if encoding.is_some() && !algorithm.is_shared() {
            let name = algorithm.name();
            self.findings.push(
                Finding::error(
                    "invalid-value",
                    format!("`key_encoding` is for shared keys, and `{name}` has a private one"),
                )
                .label(at.key("key_encoding").unwrap_or_else(|| at.span()), "not for a private key")
                .help("leave it out: the key is in PEM form or a JSON Web Key"),
            );
        }
    }

    /// Checks that a proof is put where it is sent: params are in the path before there is any auth.
    fn home_of(&mut self, place: Option<&Place>, what: &str) {
        let Some(place) = place else { return };
        if let Target::Path(_) | Target::Params(_) | Target::Url = place.target() {
            self.findings.push(
                Finding::error("invalid-place", format!("{what} can't be put into `{place}`"))
                    .label(place.span(), "the URL is made before")
                    .help("use a header, the query, a cookie or the body, or write the secret into `base_url`"),
            );
        }
    }

    /// Checks that a signature is sent, and sent where there is still room when all else is ready.
    fn signature_home(&mut self, auth: &HmacAuth, at: At<'a>) {
        match &auth.place {
            Some(place) => {
                if let Target::Body(_) | Target::Path(_) | Target::Params(_) | Target::Url = place.target() {
                    self.findings.push(
                        Finding::error("invalid-place", format!("a signature can't be put into `{place}`"))
                            .label(place.span(), "ready before it is signed")
                            .help("send it in a header, the query or a cookie"),
                    );
                }
            }
            None if !at.has("in") && !is_sent(auth) => {
                self.findings.push(
                    Finding::error("missing-field", "the signature is sent nowhere")
                        .label(at.key("message").unwrap_or_else(|| at.span()), "signed, and not sent")
                        .help("add `in: header.X-Signature`, or a header over `signature` to `headers`"),
                );
            }
            None => {}
        }
    }
}

/// Tells whether one of the headers names the signature.
fn is_sent(auth: &HmacAuth) -> bool {
    let mut found = false;
    for (_, value) in &auth.headers {
        value.visit(&mut |leaf| {
            if let DynamicLeaf::Template(template) = leaf {
                found |= template.names().iter().any(|name| name.root() == "signature");
            }
        });
    }
    found
}
