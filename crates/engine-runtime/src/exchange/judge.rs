//! What an answer means, or that there is none: success, another attempt, or a failure that says what to do.

use engine_request::{
    Answer, Attempt, Decision, ErrorAction, GiveUp, Outcome as RetryOutcome, Prepared, RetryPolicy, Ruling,
};
use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH};

use super::{
    Asked, Exchanged, Exchanges, Known, Meaning, Outcome, Refusal, Verdict, describe, failed, is_read_only, shown, told,
};
use crate::body::Beside;
use crate::failure::Failure;
use crate::graphql;
use crate::page::excerpt;
use crate::transport::{MAX_WHOLE, TransportError};

impl Exchanges {
    /// Decides what an answer means.
    pub(super) fn judge(
        &self,
        request: Prepared,
        answer: Answer,
        asked: &Asked<'_>,
        attempt: &Attempt,
        ruling: Option<Ruling>,
    ) -> Result<Verdict, Failure> {
        let status = answer.status;
        let Some(ruling) = ruling else {
            if answer.is_success() {
                if request.is_graphql()
                    && let Some(errors) = graphql::errors(&answer, asked.scope)
                {
                    let text = format!("the answer has GraphQL errors: {errors}");
                    return Err(failed("graphql-errors", &text, &request, asked).answered(status).help(
                        "to take what came nevertheless, write `errors: [{when: response.body.data is not none, action: accept}]`",
                    ));
                }
                return Ok(Verdict::Done(Outcome::Answer(Box::new(Exchanged {
                    request,
                    answer,
                    beside: Beside::Nothing,
                }))));
            }
            if status == 304 && [IF_NONE_MATCH, IF_MODIFIED_SINCE].iter().any(|name| request.headers.contains_key(name))
            {
                let failure = Self::refused(&request, &answer, asked, None, None);
                let refusal = Refusal { failure, meaning: Meaning::NotModified };
                return Ok(Verdict::Done(Outcome::Refused(Box::new(refusal))));
            }
            let (now, random) = (self.world.clock.now(), self.world.clock.random());
            let decision = match policy(asked)? {
                Some(policy) => policy.decide(attempt, RetryOutcome::Answer(&answer), asked.scope, now, random)?,
                None => Decision::GiveUp(GiveUp::NotRetried),
            };
            return match decision {
                Decision::After(wait) => Ok(Verdict::Again { wait, why: describe(&request, status) }),
                Decision::GiveUp(reason) => Err(Self::refused(&request, &answer, asked, None, Some(reason))),
            };
        };
        match ruling.action {
            ErrorAction::Accept => {
                Ok(Verdict::Done(Outcome::Answer(Box::new(Exchanged { request, answer, beside: Beside::Nothing }))))
            }
            ErrorAction::Skip => Ok(Verdict::Done(Outcome::Skipped)),
            ErrorAction::Retry => {
                let (now, random) = (self.world.clock.now(), self.world.clock.random());
                let policy = policy(asked)?.unwrap_or(engine_request::Retry::default().resolve(asked.scope)?);
                match policy.again(attempt, RetryOutcome::Answer(&answer), ruling.wait, asked.scope, now, random)? {
                    Decision::After(wait) => Ok(Verdict::Again { wait, why: describe(&request, status) }),
                    Decision::GiveUp(reason) => {
                        Err(Self::refused(&request, &answer, asked, ruling.message, Some(reason)).refused())
                    }
                }
            }
            ErrorAction::Fail | ErrorAction::RefreshAuth => {
                Err(Self::refused(&request, &answer, asked, ruling.message, None).refused())
            }
            action @ (ErrorAction::Restart | ErrorAction::ResetCursor) => {
                let failure = Self::refused(&request, &answer, asked, ruling.message, None);
                let meaning = if action == ErrorAction::Restart { Meaning::Restart } else { Meaning::Reset };
                Ok(Verdict::Done(Outcome::Refused(Box::new(Refusal { failure, meaning }))))
            }
        }
    }

    /// Decides what to do without an answer.
    pub(super) fn unanswered(
        &self,
        request: &Prepared,
        error: &TransportError,
        asked: &Asked<'_>,
        attempt: &Attempt,
    ) -> Result<Verdict, Failure> {
        if asked.stop.is_stopped() && is_read_only(&request.method) {
            return Ok(Verdict::Done(Outcome::Stopped));
        }
        let (outcome, code) = match error {
            TransportError::Connect(_) => (RetryOutcome::Connect, "connection"),
            TransportError::Timeout(_) => (RetryOutcome::Timeout, "timeout"),
            TransportError::Broken(_) => (RetryOutcome::Broken, "connection"),
            _ => return Err(unsendable(error, request, asked)),
        };
        let (now, random) = (self.world.clock.now(), self.world.clock.random());
        let decision = match policy(asked)? {
            Some(policy) => policy.decide(attempt, outcome, asked.scope, now, random)?,
            None => Decision::GiveUp(GiveUp::NotRetried),
        };
        match decision {
            Decision::After(wait) => {
                Ok(Verdict::Again { wait, why: format!("{} {}: {error}", request.method, request.shown_url) })
            }
            Decision::GiveUp(reason) => {
                let failure = failed(code, &format!("{error}{}", tried(Some(reason))), request, asked);
                // A request that changes something may have been done, though no answer says so.
                let is_unknown = !matches!(outcome, RetryOutcome::Connect) && !is_read_only(&request.method);
                let failure = if is_unknown { failure.unknown() } else { failure };
                Err(match (error, reason) {
                    (_, GiveUp::MightRepeat) => failure.help(
                        "nobody knows whether the API has done it; with `idempotency: {in: header.Idempotency-Key}` it can be tried again safely",
                    ),
                    (TransportError::Connect(_), _) => failure.help("check that the host is right and can be reached from here"),
                    (TransportError::Timeout(_), _) => failure.help("give it more time with `timeout`, or ask for less at once"),
                    _ => failure,
                })
            }
        }
    }

    /// Says that an answer is an error.
    fn refused(
        request: &Prepared,
        answer: &Answer,
        asked: &Asked<'_>,
        message: Option<String>,
        reason: Option<GiveUp>,
    ) -> Failure {
        let status = answer.status;
        let text = if let Some(message) = message {
            format!("{message} (status {status})")
        } else {
            let name = http::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason());
            let name = name.map(|name| format!(" {name}")).unwrap_or_default();
            // In a good answer of a login there may be a token that nobody knows yet.
            let is_shown = asked.without.is_empty() || !answer.is_success();
            let body = if is_shown { excerpt(&answer.body) } else { "what a login gives is not shown".to_owned() };
            format!("answered {status}{name}{}: {body}", tried(reason))
        };
        let failure = failed("http-status", &text, request, asked).answered(status);
        match status {
            401 if asked.endpoint.auth.is_empty() => {
                failure.help("the API wants to know who is asking: write `auth`, such as `{type: bearer, token: …}`")
            }
            401 => failure.help("the API does not take these credentials: check the secrets that `auth` names"),
            403 => failure.help("these credentials may not do this: check their rights"),
            404 => failure.help(
                "check the path and its params; `errors: [{status: 404, action: skip}]` leaves out what is not there",
            ),
            429 if matches!(reason, Some(GiveUp::TooLong { .. })) => {
                failure.help("raise `max_elapsed` of `retry` to wait that long, or run it again later")
            }
            429 => failure.help("the API wants fewer requests: set `rate_limit`"),
            304 => failure.help("nobody asked whether it has changed; for a read that does, write `conditional: true`"),
            300..=399 => failure
                .help("this redirect is not followed, by `redirects` or since the request changes something: write the URL that it leads to"),
            _ => failure,
        }
    }
}

/// Returns how a request is tried again: asked only when one did not succeed, and with that request's params.
fn policy(asked: &Asked<'_>) -> Result<Option<RetryPolicy>, Failure> {
    Ok(asked.endpoint.retry.as_ref().map(|retry| retry.resolve(asked.scope)).transpose()?)
}

/// Returns what the endpoint's rules say about an answer.
pub(super) fn ruling(
    known: Option<&Known>,
    request: &Prepared,
    answer: &Answer,
    asked: &Asked<'_>,
) -> Result<Option<Ruling>, Failure> {
    let Some(known) = known.filter(|known| !known.rules.is_empty()) else { return Ok(None) };
    let place = || format!("{} after status {}", shown(request, asked), answer.status);
    let ruling = known.rules.judge(answer, request, asked.scope);
    let ruling = ruling.map_err(|error| told(Failure::from(error), &place(), request))?;
    if let Some(ruling) = &ruling {
        asked.tally.ruled(ruling.span);
    }
    Ok(ruling)
}

/// Says why there is no answer, and will be none however often it is tried.
pub(super) fn unsendable(error: &TransportError, request: &Prepared, asked: &Asked<'_>) -> Failure {
    let failure = |code| failed(code, &error.to_string(), request, asked);
    match error {
        TransportError::TooLarge { most, .. } if *most == MAX_WHOLE => failure("body-too-large").help("ask for smaller pages"),
        TransportError::TooLarge { .. } => {
            failure("body-too-large").help("ask for smaller pages, or allow more with `response: {max_size: 5GB}`")
        }
        TransportError::HeadTooLarge(_) => failure("body-too-large").help(
            "ask the API for fewer or shorter headers, or allow more with `response: {max_headers: 500}` or `max_header_size`",
        ),
        TransportError::NotAllowed(_) => failure("host-not-allowed").help(
            "clouds hand out the credentials of the machine there; if the spec is meant to ask for them, write the address itself into `base_url` or `allow_hosts`",
        ),
        TransportError::NotRecorded(_) => failure("not-recorded")
            .help("record it anew with `--record` if the spec was changed on purpose; otherwise look for what makes the request differ")
            .fatal(),
        TransportError::File { .. } => failure("unreadable-file").help("leave files alone while they are sent"),
        TransportError::Disk(_) => {
            failure("body-too-large").help("make room in the folder for temporary files, or name another in the variable `TMPDIR`").fatal()
        }
        TransportError::Tls(why) if why.contains("does not speak TLS") => {
            failure("connection").help("write `http://` in `base_url`, or the port at which the host speaks TLS")
        }
        TransportError::Tls(why) if why.contains("client certificate") => {
            failure("connection").help("name the files of the certificate: `tls: {cert: client.pem, key: client.key}`")
        }
        TransportError::Tls(why) if why.contains("authorit") => failure("connection")
            .help("name the file of the authority that signs the host's certificate: `tls: {ca: ca.pem}`"),
        _ => failure("connection").help("check that the host is right"),
    }
}

/// Says how often it was tried.
pub(crate) fn tried(reason: Option<GiveUp>) -> String {
    match reason {
        Some(GiveUp::Attempts(attempts)) if attempts > 1 => format!(" (tried {attempts} times)"),
        Some(GiveUp::TooLong { wait, .. }) => {
            format!(" (it asks to wait {} s, which is longer than `max_elapsed`)", wait.as_secs())
        }
        _ => String::new(),
    }
}
