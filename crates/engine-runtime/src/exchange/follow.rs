//! Where an answer leads, and where a request may go.

use std::sync::Arc;

use engine_expr::{Scope, Secret};
use engine_plan::Endpoint;
use engine_request::{Authenticate, Draft, Held, Prepared, Redactor, SetCookie};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use url::Url;

use super::bounds::Bounds;
use super::{Asked, Exchanges, Wired, failed, is_read_only, shown};
use crate::credentials::Proof;
use crate::failure::Failure;
use crate::origin::strip;
use crate::redirect::Redirect;
use crate::transport::{Connection, Incoming, TransportError, named_link_local};

/// What came in the end, after redirects.
pub(super) struct Followed {
    pub(super) incoming: Incoming,
    pub(super) url: Url,
    /// Whether what was asked for is done, and only its answer leads elsewhere (303).
    pub(super) is_done: bool,
}

impl Exchanges {
    /// Sends a request and follows where its answer leads; what is at home there is signed anew. `unsigned` are its headers
    /// without signatures.
    pub(super) async fn follow(
        &self,
        request: &Prepared,
        mut unsigned: HeaderMap,
        asked: &Asked<'_>,
        mut signing: &[(Proof, Held)],
        bounds: &Bounds,
        attempt: u32,
    ) -> Result<Result<Followed, TransportError>, Failure> {
        let asked_for = request;
        let mut request = request.clone();
        let mut is_done = false;
        // What a login sets on its way belongs to it.
        let mut cookies: Vec<HeaderValue> = Vec::new();
        for hop in 0..=bounds.redirects {
            let mut outgoing = self.outgoing(&request, asked.endpoint, bounds.timeout);
            outgoing.max_body = bounds.body;
            outgoing.head = bounds.head;
            if let Some(abroad) = self.abroad(&request.url, asked) {
                outgoing.connection = abroad;
            }
            let traceparent = self.trace(&mut outgoing, asked);
            let (who, sent_at) = (Arc::clone(&outgoing.asked), self.now());
            let sent = self.world.transport.send(outgoing);
            let incoming = if is_read_only(&asked_for.method) {
                tokio::select! {
                    incoming = sent => incoming,
                    () = asked.stop.stopped() => return Ok(Err(TransportError::Broken("the run was stopped".to_owned()))),
                }
            } else {
                // What changes something is let finish: only its answer tells whether it was done.
                sent.await
            };
            let is_login = !asked.without.is_empty();
            let wired = Wired { request: &request, who: &who, attempt, is_redirect: hop > 0, is_login, traceparent };
            self.record(wired, asked, sent_at, &incoming).await;
            let mut incoming = match incoming {
                Ok(incoming) => incoming,
                // Nothing was sent where it leads, but what was asked for is done: it must not be asked for again.
                Err(TransportError::Connect(why) | TransportError::Tls(why)) if is_done => {
                    return Ok(Err(TransportError::Broken(format!("no connection where the answer leads: {why}"))));
                }
                Err(error) => return Ok(Err(error)),
            };
            let policy = asked.endpoint.api_settings.redirects;
            let Some(redirect) = Redirect::of(policy, &request, incoming.status, &incoming.headers) else {
                add_cookies(&mut incoming.headers, cookies);
                return Ok(Ok(Followed { incoming, url: request.url, is_done }));
            };
            is_done |= redirect.is_done;
            let leaves = redirect.url.origin() != request.url.origin();
            if !signing.is_empty() {
                // The signature of the request that was sent is none of what is signed next.
                request.headers.clone_from(&unsigned);
            }
            redirect.turn(&mut request);
            request.shown_url = self.shown(&request, request.url.as_str());
            if leaves {
                strip(&mut request);
                // Whoever comes back from elsewhere comes without credentials.
                signing = &[];
                self.check_host(&request.url, asked, asked_for)?;
                self.check_secrets(&request, asked)?;
                cookies.clear();
            } else if !asked.without.is_empty() {
                for cookie in incoming.headers.get_all(SET_COOKIE) {
                    send_cookie(&mut request.headers, cookie, self.now());
                    cookies.push(cookie.clone());
                }
            }
            if !signing.is_empty() {
                unsigned.clone_from(&request.headers);
            }
            // What was signed is another request now.
            for (proof, holds) in signing {
                proof.auth.sign(&mut request, asked.scope, holds)?;
            }
        }
        let text =
            format!("more than {} redirects in a row, the last of them to {}", bounds.redirects, request.shown_url);
        Err(failed("http-status", &text, asked_for, asked).help(
            "if the API does not lead in a circle, follow more of them with `max_redirects`; otherwise check the URL",
        ))
    }

    /// Returns how another host than the API's own is connected to, where that is another way: a client certificate is a credential.
    pub(super) fn abroad(&self, url: &Url, asked: &Asked<'_>) -> Option<Arc<Connection>> {
        let abroad = self.apis.get(&asked.endpoint.api)?.abroad.as_ref()?;
        let known = self.endpoints.get(&asked.endpoint.id())?;
        (!known.home.is(&url.origin(), asked.scope)).then(|| Arc::clone(abroad))
    }

    /// Tells whether a URL is at the API's own origin.
    pub(super) fn is_home(&self, endpoint: &Endpoint, url: &Url, scope: &Scope) -> bool {
        self.endpoints.get(&endpoint.id()).is_some_and(|known| known.home.is(&url.origin(), scope))
    }

    /// Lets a request to another origin know what it must not tell: the proofs that it comes without.
    pub(super) fn keep_from_others(&self, draft: &mut Draft, asked: &Asked<'_>) -> Result<(), Failure> {
        let mut with_proofs = draft.clone();
        for proof in self.proofs(asked)? {
            let held = proof.slot.as_ref().map(|slot| slot.held()).unwrap_or_default();
            // Where there is no token yet, nobody can tell it.
            _ = proof.auth.apply(&mut with_proofs, asked.scope, &held);
        }
        for secret in with_proofs.secrets() {
            draft.hide(secret.expose());
        }
        Ok(())
    }

    /// Refuses to tell a secret to a host that data names: nobody wrote that it may know it.
    pub(super) fn check_secrets(&self, request: &Prepared, asked: &Asked<'_>) -> Result<(), Failure> {
        let url = &request.url;
        if self.is_home(asked.endpoint, url, asked.scope) {
            return Ok(());
        }
        // What is itself an address of that host is known there; so is a password that came with the URL.
        let is_known_there = |secret: &Secret| {
            let text = secret.expose();
            Url::parse(text.trim()).is_ok_and(|known| known.origin() == url.origin())
                || (url.password() == Some(text) && self.hidden.redact(text) == text)
        };
        let secrets = Redactor::new(request.secrets().iter().filter(|secret| !is_known_there(secret)).cloned());
        let part = if secrets.finds(url.as_str()) {
            "URL"
        } else if secrets.finds(&request.body.show()) {
            "body"
        } else {
            return Ok(());
        };
        let host = url.host_str().unwrap_or_default();
        let line = &asked.endpoint.request;
        let text = format!(
            "{}: its {part} has a secret in it, which would go to `{host}`, a host that no request line writes out",
            shown(request, asked)
        );
        Err(Failure::new("host-not-allowed", self.hidden.redact(&request.redactor().redact(&text)), line.span()).help(format!(
            "if that host may know it, write the host into the request line of an endpoint (`request: {} https://{host}/…`), or give it an API of its own",
            line.method()
        )))
    }

    /// Refuses hosts that the spec does not name.
    pub(super) fn check_host(&self, url: &Url, asked: &Asked<'_>, request: &Prepared) -> Result<(), Failure> {
        let Some(api) = self.apis.get(&asked.endpoint.api) else { return Ok(()) };
        let known = self.endpoints.get(&asked.endpoint.id());
        let origin = url.origin();
        let own =
            known.is_some_and(|known| known.home.is(&origin, asked.scope) || known.named.as_ref() == Some(&origin));
        let host = url.host_str().unwrap_or_default();
        let with_port = url.port().map(|port| format!("{host}:{port}"));
        let allowed = api.hosts.iter().any(|allowed| {
            allowed == host
                || Some(allowed) == with_port.as_ref()
                || allowed
                    .strip_prefix("*.")
                    .is_some_and(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
        });
        if own || allowed {
            return Ok(());
        }
        if !matches!(url.scheme(), "http" | "https") {
            let text = format!("leads to `{}`, which is no HTTP URL", self.hidden.redact(url.as_str()));
            return Err(failed("host-not-allowed", &text, request, asked));
        }
        if let Some(address) = named_link_local(url) {
            let text = format!("leads to the link-local address {address}, which the spec does not name");
            return Err(failed("host-not-allowed", &text, request, asked).help(
                "clouds hand out the credentials of the machine there, and no API has a reason to lead to them: tell those who run it, and do not allow it",
            ));
        }
        let shown = with_port.unwrap_or_else(|| host.to_owned());
        Err(failed(
            "host-not-allowed",
            &format!("leads to the host `{shown}`, which the spec does not name"),
            request,
            asked,
        )
        .help(format!(
            "if it may be talked to, add `allow_hosts: [\"{shown}\"]` to the API; credentials do not go there"
        )))
    }
}

/// Puts cookies that were set on the way before those of the answer itself.
fn add_cookies(headers: &mut HeaderMap, cookies: Vec<HeaderValue>) {
    if cookies.is_empty() {
        return;
    }
    let own: Vec<HeaderValue> = headers.get_all(SET_COOKIE).iter().cloned().collect();
    headers.remove(SET_COOKIE);
    for cookie in cookies.into_iter().chain(own) {
        headers.append(SET_COOKIE, cookie);
    }
}

/// Sends a cookie along that an answer has just set, and no longer one that it has removed.
fn send_cookie(headers: &mut HeaderMap, cookie: &HeaderValue, now: Timestamp) {
    let Some(cookie) = SetCookie::parse(cookie) else { return };
    match cookie.put_into(headers.get(COOKIE), now) {
        Some(value) => _ = headers.insert(COOKIE, value),
        None => _ = headers.remove(COOKIE),
    }
}
