//! Answers in the place of the APIs, within this process.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use engine_expr::{EvalError, Scope, Value};
use engine_mock::{Examples, Pages, Sent, body_of};
use engine_plan::{Endpoint, Plan};
use engine_runtime::{Body, BoxFuture, Clock, Incoming, Outgoing, Stop, Transport, TransportError};
use engine_source::{Finding, Node, Span};
use engine_spec::test::{Answer, Answering, Mock};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::clock::VirtualClock;
use crate::logins::{self, Login};
use crate::paging;
use crate::sent::Request;

/// Who gives the tokens of an API, in the place of an endpoint's name.
const TOKENS: &str = "auth";

/// What answers for the APIs of a test.
pub(crate) struct Apis {
    /// The flow, and those within it.
    plans: Vec<Arc<Plan>>,
    mock: Mock,
    /// Where the mocks are written.
    place: Span,
    /// Where an answer of each is written.
    node: Option<Node>,
    folder: PathBuf,
    /// What templates of answers see: `inputs`.
    scope: Scope,
    clock: Arc<VirtualClock>,
    stop: Stop,
    examples: Vec<Examples>,
    /// What answers where no endpoint is mocked: a recording.
    replay: Option<Arc<dyn Transport>>,
    /// Whether pages are shorter than what is asked for.
    is_short: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sent: Vec<Request>,
    /// How many requests each key has answered.
    turns: HashMap<String, usize>,
    /// Pages of answers, by the keys and the places in their lists.
    pages: HashMap<(String, usize), Arc<Pages>>,
    /// How many tokens were made up.
    tokens: usize,
    failures: Vec<Finding>,
}

/// What an answer comes to.
enum Reply {
    Answer(Incoming),
    Timeout,
    Torn,
}

impl Apis {
    /// Prepares the answers of a test.
    #[expect(clippy::too_many_arguments, reason = "all that a stage has; nobody else makes one")]
    pub(crate) fn new(
        plans: &[Arc<Plan>],
        mock: &Mock,
        node: Option<&Node>,
        place: Span,
        folder: PathBuf,
        scope: Scope,
        clock: Arc<VirtualClock>,
        stop: Stop,
    ) -> Self {
        Self {
            plans: plans.to_vec(),
            mock: mock.clone(),
            place,
            node: node.cloned(),
            folder,
            scope,
            clock,
            stop,
            examples: plans.iter().map(|plan| Examples::of(plan)).collect(),
            replay: None,
            is_short: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    /// Lets a recording answer what no endpoint does.
    #[must_use]
    pub(crate) fn replaying(self, replay: Option<Arc<dyn Transport>>) -> Self {
        Self { replay, ..self }
    }

    /// From now on pages have one record each, however many are asked for, where the spec takes that for no end.
    pub(crate) fn shorten(&self) {
        self.is_short.store(true, Ordering::Relaxed);
    }

    /// Returns all requests, in the order in which they were sent.
    pub(crate) fn sent(&self) -> Vec<Request> {
        self.with(|state| state.sent.clone())
    }

    /// Returns what went wrong with the answers themselves.
    pub(crate) fn failures(&self) -> Vec<Finding> {
        self.with(|state| state.failures.clone())
    }

    fn with<T>(&self, ask: impl FnOnce(&mut State) -> T) -> T {
        ask(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells whether an endpoint's answers are made of pages.
    pub(crate) fn has_pages(&self, asked: &str) -> bool {
        self.mocked(asked).is_some_and(|(_, answers)| {
            answers.iter().any(|answer| match answer {
                Answering::Example => true,
                Answering::Answer(answer) => answer.pages.is_some(),
            })
        })
    }

    pub(crate) fn endpoint(&self, id: &str) -> Option<(usize, &Arc<Endpoint>)> {
        self.plans.iter().enumerate().find_map(|(at, plan)| Some((at, plan.endpoint(id)?)))
    }

    /// Finds what is mocked for who is asked: by its own name, else for all endpoints of its API.
    fn mocked(&self, asked: &str) -> Option<(&str, &[Answering])> {
        let (api, name) = asked.split_once('.')?;
        let all = format!("{api}.*");
        let find = |wanted: &str| self.mock.endpoints.iter().find(|(key, _)| &*key.value == wanted);
        let found = find(asked).or_else(|| find(&all).filter(|_| name != TOKENS));
        found.map(|(key, answers)| (&*key.value, answers.as_slice()))
    }

    /// Takes note of what is wrong with the test, and ends the run.
    fn fail(&self, finding: Finding) -> TransportError {
        let message = finding.message.clone();
        self.with(|state| {
            if !state.failures.contains(&finding) {
                state.failures.push(finding);
            }
        });
        self.stop.stop();
        TransportError::NotRecorded(message)
    }

    async fn answer(&self, outgoing: Outgoing) -> Result<Incoming, TransportError> {
        let request = Request::of(&outgoing);
        let asked = Arc::clone(&outgoing.asked);
        self.with(|state| state.sent.push(request.clone()));
        let Some((key, answers)) = self.mocked(&asked) else {
            return match self.made_up(&asked) {
                Some(login) => Ok(incoming(200, login.headers, ("application/json", login.body.to_json().into()))),
                None if self.replay.is_some() => match &self.replay {
                    Some(replay) => replay.send(outgoing).await,
                    None => Err(self.unmocked(&request)),
                },
                None => Err(self.unmocked(&request)),
            };
        };
        // Those that answer for a whole API take turns for each endpoint.
        let turn = self.with(|state| {
            let turn = state.turns.entry(format!("{key} {asked}")).or_default();
            *turn += 1;
            *turn - 1
        });
        let last = answers.len().saturating_sub(1);
        let at = match answers.get(last) {
            Some(_) if answers.len() == 1 && !self.is_list(key) => 0,
            // What has an answer for each request goes on having one.
            Some(Answering::Example) => turn.min(last),
            Some(Answering::Answer(answer)) if answer.pages.is_some() => turn.min(last),
            _ => turn,
        };
        let Some(answering) = answers.get(at) else { return Err(self.used_up(key, answers.len(), &request)) };
        let reply = match answering {
            Answering::Example => self.example(&asked, &request).map(Reply::Answer),
            Answering::Answer(answer) => self.given(answer, (key, at), &asked, &request),
        };
        match reply {
            Ok(Reply::Answer(incoming)) => Ok(incoming),
            Ok(Reply::Torn) => Err(TransportError::Broken("the body ends in the middle".to_owned())),
            Ok(Reply::Timeout) => {
                self.clock.sleep(outgoing.timeout).await;
                Err(TransportError::Timeout(outgoing.timeout))
            }
            Err(finding) => Err(self.fail(*finding)),
        }
    }

    /// Makes up the answer of who gives tokens, and of logins.
    fn made_up(&self, asked: &str) -> Option<Login> {
        let (api, name) = asked.split_once('.')?;
        let number = self.with(|state| {
            state.tokens += 1;
            state.tokens
        });
        match self.endpoint(asked) {
            Some((plan, endpoint)) => logins::login(self.plans.get(plan)?, endpoint, number),
            None if name == TOKENS => {
                let plan = self.plans.iter().find(|plan| plan.endpoints.iter().any(|endpoint| endpoint.api == api))?;
                Some(logins::token(plan, api, number))
            }
            None => None,
        }
    }

    fn example(&self, asked: &str, request: &Request) -> Result<Incoming, Box<Finding>> {
        let found = self.endpoint(asked).and_then(|(plan, _)| self.examples.get(plan));
        let given = match found {
            Some(examples) => examples.answer(asked, sent(request)),
            None => Err(format!("`{asked}` is no endpoint: it has no example")),
        };
        let given = given.map_err(|why| {
            let finding =
                Finding::error("unmocked-request", why).label(self.key_span(asked), "answers with its example");
            Box::new(finding.help("write an `example` below the endpoint, or the answer here"))
        })?;
        Ok(incoming_of(given))
    }

    fn given(
        &self,
        answer: &Answer,
        (key, at): (&str, usize),
        asked: &str,
        request: &Request,
    ) -> Result<Reply, Box<Finding>> {
        let Answer { status, headers, json, text, file, pages, size, torn, timeout } = answer;
        if *timeout == Some(true) {
            return Ok(Reply::Timeout);
        }
        if *torn == Some(true) {
            return Ok(Reply::Torn);
        }
        let scope = self.scope.with("request", request.to_value());
        let wrong = |error: EvalError| Box::new(self.wrong(asked, error));
        let status = status.as_ref().map_or(Ok(200), |status| status.resolve(&scope).map(engine_request::Status::code));
        let status = status.map_err(wrong)?;
        let mut said = Vec::new();
        for (name, value) in headers {
            if let Some(value) = value.as_dynamic().evaluate(&scope).map_err(wrong)? {
                said.push((
                    name.value.to_string(),
                    value.text().map_or_else(|| value.to_json(), std::borrow::Cow::into_owned),
                ));
            }
        }
        let endpoint = self.endpoint(asked);
        if let Some(items) = pages {
            let Some((plan, endpoint)) = endpoint else {
                let finding = Finding::error("unmocked-request", format!("`{asked}` has no pages"));
                return Err(Box::new(finding.label(self.key_span(asked), "no endpoint")));
            };
            let known = self.with(|state| state.pages.get(&(key.to_owned(), at)).cloned());
            let pages = if let Some(pages) = known {
                pages
            } else {
                let items = items.iter().map(|item| item.value().clone()).collect();
                let size = size.and_then(|size| usize::try_from(size).ok());
                let is_short = self.is_short.load(Ordering::Relaxed) && paging::takes_short_pages(endpoint);
                let size = if is_short { Some(1) } else { size };
                let plan = self.plans.get(plan).unwrap_or(&self.plans[0]);
                let pages = Pages::new(plan, endpoint, items, size).map_err(|why| {
                    let finding = Finding::error("unmocked-request", why);
                    Box::new(finding.label(self.key_span(asked), "has `pages`"))
                })?;
                let pages = Arc::new(pages);
                self.with(|state| state.pages.insert((key.to_owned(), at), Arc::clone(&pages)));
                pages
            };
            let mut incoming = incoming_of(pages.answer(sent(request)));
            incoming.status = status;
            put(&mut incoming.headers, said);
            return Ok(Reply::Answer(incoming));
        }
        let content = if let Some(json) = json {
            let value = json.as_dynamic().evaluate(&scope).map_err(wrong)?.unwrap_or_default();
            match endpoint {
                Some((_, endpoint)) if (200..300).contains(&status) => body_of(endpoint, &value).map_err(|why| {
                    let finding = Finding::error("unmocked-request", format!("the answer of `{asked}`: {why}"));
                    Box::new(finding.label(self.key_span(asked), "has this answer"))
                })?,
                _ => ("application/json", value.to_json().into()),
            }
        } else if let Some(text) = text {
            let text = text.render_text(&scope).map_err(wrong)?;
            (kind_of(&text), Bytes::from(text))
        } else if let Some(file) = file {
            let path = self.folder.join(file.as_str());
            let bytes = std::fs::read(&path).map_err(|error| {
                let finding =
                    Finding::error("unreadable-file", format!("`{}` cannot be read: {error}", path.display()));
                Box::new(finding.label(file.span(), "the body of an answer").help("the path is relative to the spec"))
            })?;
            let kind = std::str::from_utf8(&bytes).map_or("application/octet-stream", kind_of);
            (kind, Bytes::from(bytes))
        } else {
            ("", Bytes::new())
        };
        Ok(Reply::Answer(incoming(status, said, content)))
    }

    fn wrong(&self, asked: &str, error: EvalError) -> Finding {
        let place = if error.span.is_none() { self.key_span(asked) } else { error.span };
        let finding = Finding::error("template-failed", format!("the answer of `{asked}`: {}", error.message));
        finding.label(place, "evaluated here").help_if(error.help)
    }

    fn key_span(&self, asked: &str) -> Span {
        self.mocked(asked).and_then(|(key, _)| self.mock.endpoints.key_span(key)).unwrap_or(self.place)
    }

    /// Tells whether the answers of a key are written as a list.
    fn is_list(&self, key: &str) -> bool {
        let answers = self.node.as_ref().and_then(|node| node.get(key));
        answers.is_some_and(|answers| matches!(answers.kind(), engine_source::Kind::Seq(_)))
    }

    fn used_up(&self, key: &str, answers: usize, request: &Request) -> TransportError {
        let counted = if answers == 1 { "the one answer".to_owned() } else { format!("the {answers} answers") };
        let line = format!("{} {}", request.method, request.url);
        self.fail(
            Finding::error(
                "unmocked-request",
                format!("{counted} of `{key}` {} used up: {line}", if answers == 1 { "is" } else { "are" }),
            )
            .label(self.key_span(key), format!("request {} has no answer", answers + 1))
            .help("add another answer to the list, or write one answer without a list: it is given each time"),
        )
    }

    fn unmocked(&self, request: &Request) -> TransportError {
        let asked = &request.asked;
        let line = format!("{} {}", request.method, request.url);
        let example = self.endpoint(asked).is_some_and(|(_, endpoint)| endpoint.example.is_some());
        let readable = self.endpoint(asked).is_some_and(|(_, endpoint)| endpoint.is_readable());
        let answer = match (example, readable) {
            (true, _) => "example".to_owned(),
            (false, true) => "{pages: [{…}]}".to_owned(),
            (false, false) => {
                format!("{{status: {}, json: {{…}}}}", if request.method == http::Method::POST { 201 } else { 200 })
            }
        };
        self.fail(
            Finding::error("unmocked-request", format!("no answer is mocked for `{asked}`: {line}"))
                .label(self.place, "no answer for it")
                .help(format!("add to the test: `mock: {{{asked}: {answer}}}`")),
        )
    }
}

impl Transport for Apis {
    fn send(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, TransportError>> {
        Box::pin(self.answer(request))
    }
}

fn sent(request: &Request) -> Sent<'_> {
    Sent { method: &request.method, url: &request.url, headers: &request.headers, body: &request.body }
}

fn incoming_of(given: engine_mock::Given) -> Incoming {
    let mut headers = HeaderMap::new();
    put(&mut headers, given.headers);
    Incoming { status: given.status, headers, body: Body::Bytes(given.body) }
}

fn incoming(status: u16, said: Vec<(String, String)>, (kind, body): (&str, Bytes)) -> Incoming {
    let mut headers = HeaderMap::new();
    if let Ok(kind) = HeaderValue::from_str(kind)
        && !kind.is_empty()
    {
        headers.insert(http::header::CONTENT_TYPE, kind);
    }
    put(&mut headers, said);
    Incoming { status, headers, body: Body::Bytes(body) }
}

/// Puts headers in; of those that come once the last counts.
fn put(headers: &mut HeaderMap, said: Vec<(String, String)>) {
    for (name, value) in said {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            if name == http::header::SET_COOKIE {
                headers.append(name, value);
            } else {
                headers.insert(name, value);
            }
        }
    }
}

/// Tells what a text is.
fn kind_of(text: &str) -> &'static str {
    match text.trim_start().chars().next() {
        Some('{' | '[') if Value::from_json(text).is_ok() => "application/json",
        Some('<') if text.trim_start().starts_with("<?xml") => "application/xml",
        _ => "text/plain; charset=utf-8",
    }
}
