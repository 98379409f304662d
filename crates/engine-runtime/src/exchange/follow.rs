//! Where an answer leads, and where a request may go.

use std::sync::Arc;
use std::time::Duration;

use engine_request::{Authenticate, Held, Prepared};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use url::Url;

use super::{Asked, Exchanges, failed, is_read_only};
use crate::body::max_body;
use crate::credentials::Proof;
use crate::failure::Failure;
use crate::origin::strip;
use crate::redirect::Redirect;
use crate::transport::{Connection, Incoming, TransportError};

/// How long to wait for an answer, if the spec does not say.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How many redirects are followed.
const MAX_REDIRECTS: usize = 10;

/// What came in the end, after redirects.
pub(super) struct Followed {
    pub(super) incoming: Incoming,
    pub(super) url: Url,
    /// Whether what was asked for is done, and only its answer leads elsewhere (303).
    pub(super) is_done: bool,
}

impl Exchanges {
    /// Sends a request and follows where its answer leads; what is at home there is signed anew.
    pub(super) async fn follow(
        &self,
        request: &Prepared,
        asked: &Asked<'_>,
        mut signing: &[(Proof, Held)],
    ) -> Result<Result<Followed, TransportError>, Failure> {
        let timeout = match &asked.endpoint.timeout {
            Some(timeout) => timeout.resolve(asked.scope)?.duration(),
            None => TIMEOUT,
        };
        let most = max_body(&asked.endpoint.response, asked.scope)?;
        let asked_for = request;
        let mut request = request.clone();
        let mut is_done = false;
        // What a login sets on its way belongs to it.
        let mut cookies: Vec<HeaderValue> = Vec::new();
        for _ in 0..=MAX_REDIRECTS {
            let mut outgoing = self.outgoing(&request, asked.endpoint, timeout);
            outgoing.max_body = most;
            if let Some(abroad) = self.abroad(&request.url, asked) {
                outgoing.connection = abroad;
            }
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
            let mut incoming = match incoming {
                Ok(incoming) => incoming,
                // Nothing was sent where it leads, but what was asked for is done: it must not be asked for again.
                Err(TransportError::Connect(why)) if is_done => {
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
            redirect.turn(&mut request);
            request.shown_url = self.hidden.redact(request.url.as_str());
            if leaves {
                strip(&mut request);
                // Whoever comes back from elsewhere comes without credentials.
                signing = &[];
                self.check_host(&request.url, asked, asked_for)?;
                cookies.clear();
            } else if !asked.without.is_empty() {
                for cookie in incoming.headers.get_all(SET_COOKIE) {
                    send_cookie(&mut request.headers, cookie);
                    cookies.push(cookie.clone());
                }
            }
            // What was signed is another request now.
            for (proof, holds) in signing {
                proof.auth.sign(&mut request, asked.scope, holds)?;
            }
        }
        let text = format!("more than {MAX_REDIRECTS} redirects, the last of them to {}", request.shown_url);
        Err(failed("http-status", &text, asked_for, asked).help("the API leads in a circle; check the URL"))
    }

    /// Returns how another host than the API's own is connected to, where that is another way: a client certificate is a credential.
    pub(super) fn abroad(&self, url: &Url, asked: &Asked<'_>) -> Option<Arc<Connection>> {
        let abroad = self.apis.get(&asked.endpoint.api)?.abroad.as_ref()?;
        let known = self.endpoints.get(&asked.endpoint.id())?;
        (!known.home.is(&url.origin(), asked.scope)).then(|| Arc::clone(abroad))
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

/// Sends a cookie along that an answer has just set.
fn send_cookie(headers: &mut HeaderMap, cookie: &HeaderValue) {
    let pair = cookie.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let Some((name, _)) = pair.split_once('=') else { return };
    let known = headers.get(COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_other = |known: &&str| !known.is_empty() && known.split_once('=').is_none_or(|(other, _)| other != name);
    let pairs: Vec<&str> = known.split("; ").filter(is_other).chain([pair]).collect();
    if let Ok(mut value) = HeaderValue::from_str(&pairs.join("; ")) {
        value.set_sensitive(true);
        headers.insert(COOKIE, value);
    }
}
