//! Calling an endpoint for each record of a step.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use engine_expr::{DynamicLeaf, Scope};
use engine_plan::{Call, Expect, Step, Target};
use engine_request::{Answer, Content, Format, Needs, derive_key};
use engine_spec::ItemAction;
use futures_util::stream::{self, Stream, StreamExt};

use crate::asked_of_answers;
use crate::body::{self, Beside, Staged, Takes, max_body};
use crate::exchange::{Asked, Exchanged, Outcome, is_read_only};
use crate::failure::Failure;
use crate::idempotency::idempotency_key;
use crate::item::{Item, Json, Origin};
use crate::mapping::{Mapper, Scratch};
use crate::needs::whole_scope;
use crate::outlet::Outlet;
use crate::page::excerpt;
use crate::params::params_of;
use crate::poll::Poll;
use crate::report::{Event, WaitingFor};
use crate::run::RunContext;
use crate::shape::Shaped;
use crate::tally::Tally;

/// How many answers that are there at once are handed on together.
const HANDED_ON: usize = 64;

/// Calls the endpoint of one step.
pub(crate) struct Caller {
    context: Arc<RunContext>,
    step: Arc<Step>,
    base: Scope,
    tally: Arc<Tally>,
    extract: Option<(Mapper, Needs)>,
    /// Whether paths in the call start at the record, which must then be read whole.
    rooted: bool,
}

impl Caller {
    /// Prepares the calls of a step.
    pub(crate) fn new(context: &Arc<RunContext>, step: &Arc<Step>, base: &Scope, tally: &Arc<Tally>) -> Self {
        let mut rooted = false;
        if let Target::Call(call) = &step.target {
            for value in call.params.values() {
                value.visit(&mut |leaf| rooted |= matches!(leaf, DynamicLeaf::Path(_)));
            }
            // Queries, headers and bodies may have paths anywhere.
            rooted |= !call.query.is_empty() || !call.headers.is_empty() || call.body.is_some();
        }
        Self {
            context: Arc::clone(context),
            step: Arc::clone(step),
            base: base.clone(),
            tally: Arc::clone(tally),
            extract: step
                .extract
                .as_ref()
                .map(|mapping| (Mapper::new(mapping, &**context), asked_of_answers::of_extract(mapping))),
            rooted,
        }
    }

    /// Calls for each record, several at once, and hands on what comes back in their order, as soon as it is there.
    pub(crate) async fn take(
        &self,
        shaped: impl Stream<Item = Result<Shaped, Failure>> + Send,
        concurrency: usize,
        outlet: &Outlet,
    ) -> Result<(), Failure> {
        let Target::Call(call) = &self.step.target else { return Ok(()) };
        let fails = self.step.on_error.action != ItemAction::Skip;
        // Calls that are in flight when one fails are let finish, so that it is known what they did; no others begin.
        let given_up = AtomicBool::new(false);
        let given_up = &given_up;
        let items = shaped
            .flat_map(|shaped| match shaped {
                Ok(shaped) => {
                    let mut scopes = shaped.scopes.into_iter();
                    stream::iter(shaped.items.into_iter().map(|item| Ok((item, scopes.next()))).collect::<Vec<_>>())
                }
                Err(failure) => stream::iter(vec![Err(failure)]),
            })
            .take_while(|_| std::future::ready(!given_up.load(Ordering::Relaxed)));
        let answers = items.map(|item| async move {
            let (item, scope) = match item {
                Ok(item) => item,
                Err(failure) => {
                    given_up.store(true, Ordering::Relaxed);
                    return Err(failure);
                }
            };
            if given_up.load(Ordering::Relaxed) {
                return Ok(None);
            }
            match self.one(call, &item, scope.as_ref().unwrap_or(&self.base)).await {
                Ok(item) => Ok(item),
                Err(failure) if failure.is_interruption() => {
                    given_up.store(true, Ordering::Relaxed);
                    Err(failure)
                }
                Err(failure) => {
                    self.tally.add(|counts| counts.failed += 1);
                    let failure = failure.about(&item);
                    if !fails && !failure.is_fatal {
                        self.context.reject(&self.step.id, &failure);
                        return Ok(None);
                    }
                    given_up.store(true, Ordering::Relaxed);
                    let help = failure.help.clone();
                    Err(failure.help(help.unwrap_or_else(|| {
                        "to go on without such records, write `on_error: skip` beside `call`".to_owned()
                    })))
                }
            }
        });
        let mut answers = std::pin::pin!(answers.buffered(concurrency).ready_chunks(HANDED_ON));
        let mut failed: Option<Failure> = None;
        while let Some(answered) = answers.next().await {
            let mut out = Vec::with_capacity(answered.len());
            for answer in answered {
                match answer {
                    Ok(item) => out.extend(item),
                    // A failure says more than that others were stopped by it.
                    Err(failure) if failed.as_ref().is_none_or(Failure::is_interruption) => failed = Some(failure),
                    Err(_) => {}
                }
            }
            self.tally.add(|counts| counts.out += out.len() as u64);
            self.tally.progress();
            outlet.send(out).await?;
        }
        failed.map_or(Ok(()), Err)
    }

    async fn one(&self, call: &Call, item: &Item, base: &Scope) -> Result<Option<Item>, Failure> {
        let endpoint = &call.endpoint;
        let mut item_scope = whole_scope(base, item)?;
        if self.rooted {
            item_scope = item_scope.rooted(item.value()?);
        }
        let params = params_of(&endpoint.params, &call.params, &item_scope, call.span)?;
        let scope = self.base.with("params", params);
        let mut poll = match &call.until {
            Some(until) => {
                let is_mocked = self.context.options.placeholders;
                Some(Poll::new(until, &item_scope, self.context.exchanges.now(), is_mocked)?)
            }
            None => None,
        };
        let (mut exchanged, scope) = loop {
            let answers = poll.as_ref().map_or(0, Poll::answers);
            let Some((exchanged, scope)) = self.ask(call, item, &item_scope, &scope, answers).await? else {
                return Ok(None);
            };
            let Some(poll) = &mut poll else { break (exchanged, scope) };
            match poll.take(&exchanged, &item_scope, self.context.exchanges.now())? {
                None => break (exchanged, scope),
                Some(wait) => {
                    self.tally.event(Event::Waiting {
                        step: Arc::clone(self.tally.step()),
                        wait,
                        why: WaitingFor::Until,
                    });
                    if !self.context.exchanges.sleep(wait, &self.context.stop).await {
                        return Err(Failure::interrupted());
                    }
                }
            }
        };
        let staged = self.stage(call, &mut exchanged, &scope).await.map_err(|failure| exchanged.hide(failure))?;
        if let Some(expect) = &self.step.expect {
            check(expect, &exchanged, &item_scope).map_err(|failure| exchanged.hide(failure))?;
        }
        let handed_on = self.hand_on(call, item, base, &exchanged).map_err(|failure| exchanged.hide(failure))?;
        if let Some(staged) = staged {
            staged.place().map_err(|failure| exchanged.hide(failure))?;
        }
        self.tally.add(|counts| counts.sent += 1);
        Ok(Some(handed_on))
    }

    /// Asks once; nothing where an error rule leaves the item out, or where nothing is sent.
    ///
    /// After `answers` others this is a request of its own, with an idempotency key of its own.
    async fn ask(
        &self,
        call: &Call,
        item: &Item,
        item_scope: &Scope,
        scope: &Scope,
        answers: u64,
    ) -> Result<Option<(Box<Exchanged>, Scope)>, Failure> {
        let endpoint = &call.endpoint;
        let asked = |scope| Asked {
            endpoint,
            scope,
            tally: &self.tally,
            stop: &self.context.stop,
            span: call.span,
            place: "",
            has_key: endpoint.idempotency.is_some(),
            takes: if endpoint.response.format == Some(Format::Binary) { &Takes::File } else { &Takes::Whole },
            without: &[],
        };
        let scope = self.context.exchanges.with_auth(&asked(scope)).await?;
        let mut draft = self.context.exchanges.draft(endpoint, &scope)?;
        draft.set_query(&call.query, item_scope)?;
        draft.set_headers(&call.headers, item_scope)?;
        if let Some(body) = &call.body {
            draft.set_body(body, item_scope)?;
        }
        if let Some(idempotency) = &endpoint.idempotency {
            let derived = || {
                let key = idempotency_key(&self.context.id, &self.step.id, item);
                if answers == 0 { key } else { derive_key([key.as_bytes(), answers.to_string().as_bytes()]) }
            };
            idempotency.apply(&mut draft, &scope, derived)?;
        }
        self.context.find_files(&mut draft)?;
        if self.context.options.dry_run && !is_read_only(draft.method()) {
            let request = draft.finish()?;
            let body = request.show_body();
            let body = if body.is_empty() { body } else { format!(" {}", excerpt(body.as_bytes())) };
            let message = format!("would send {} {}{body}", request.method, request.shown_url);
            self.context
                .observer
                .event(Event::Log { step: self.step.id.as_str().into(), message: self.context.redact(&message) });
            return Ok(None);
        }
        match self.context.exchanges.send(draft, &asked(&scope)).await? {
            Outcome::Answer(exchanged) => Ok(Some((exchanged, scope))),
            Outcome::Skipped => {
                self.tally.add(|counts| counts.skipped += 1);
                Ok(None)
            }
            Outcome::Refused(refusal) => Err(refusal.failure),
            Outcome::Stopped => Err(Failure::interrupted()),
        }
    }

    /// Writes a body that becomes a file beside its place; what is told of it is the body from then on.
    async fn stage(&self, call: &Call, exchanged: &mut Exchanged, scope: &Scope) -> Result<Option<Staged>, Failure> {
        let response = &call.endpoint.response;
        let (Beside::File(source), Some(to)) = (std::mem::take(&mut exchanged.beside), &response.to) else {
            return Ok(None);
        };
        let content_type = exchanged.answer.header("content-type");
        let folder = self.context.plan.folder(to.span());
        let most = max_body(response, scope)?;
        let staged = Staged::write(source, to, folder, scope, content_type, most, self.context.options.dry_run).await?;
        exchanged.answer.set_value(staged.value.clone());
        Ok(Some(staged))
    }

    /// Makes the item that goes on: the answer's body, or what `extract` makes of it.
    fn hand_on(&self, call: &Call, item: &Item, base: &Scope, exchanged: &Exchanged) -> Result<Item, Failure> {
        let body = body_of(call, exchanged, base)?;
        let Some((extract, needs)) = &self.extract else { return Ok(Item { current: body, ..item.clone() }) };
        let origin = Origin {
            stream: Arc::clone(&item.origin.stream),
            exchange: item.origin.exchange.clone(),
            response: Some(exchanged.answer.to_value(needs)),
            is_keyed: item.origin.is_keyed,
            place: item.origin.place,
        };
        let asking = Item { origin: Arc::new(origin), ..item.clone() };
        let mut out = Vec::new();
        extract.map_text(body.text(), &asking, base, &mut Scratch::default(), &mut out)?;
        Ok(Item { current: Json::written(out), row: None, ..item.clone() })
    }
}

/// Returns an answer's body, unwrapped.
fn body_of(call: &Call, exchanged: &Exchanged, base: &Scope) -> Result<Json, Failure> {
    let answer = &exchanged.answer;
    let value = answer.parsed().map_err(|error| {
        let asked = format!("{} {}", exchanged.request.method, exchanged.request.shown_url);
        let (content_type, coding) = (answer.header("content-type"), answer.header("content-encoding"));
        let is_json = matches!(answer.content(), Content::Json | Content::Ndjson);
        let kind = body::kind(content_type.as_deref(), coding.as_deref());
        let text = format!("{asked}: the answer ({kind}) {error}: {}", excerpt(&answer.body));
        let failure = Failure::new(if is_json { "not-json" } else { "invalid-body" }, text, call.span);
        match answer.content() {
            Content::Unsaid | Content::TextUnlessJson => failure.help(
                "a file is fetched with `response: {format: binary, to: ./out/NAME}`; a text in another encoding needs `encoding`",
            ),
            _ => failure,
        }
    })?;
    match &call.endpoint.response.body {
        None => Ok(Json::of(value)),
        Some(unwrap) => {
            let needs = asked_of_answers::of_exprs([unwrap]);
            let scope = base.with("response", exchanged.answer.to_value(&needs)).rooted(value.clone());
            match unwrap.evaluate(&scope)? {
                Some(inner) => Ok(Json::of(&inner)),
                None => Err(Failure::new(
                    "unexpected-shape",
                    format!(
                        "{} {}: the answer has no `{}`: {}",
                        exchanged.request.method,
                        exchanged.request.shown_url,
                        unwrap.text(),
                        excerpt(&exchanged.answer.body)
                    ),
                    unwrap.span(),
                )),
            }
        }
    }
}

/// Checks what a step expects of an answer.
fn check(expect: &Expect, exchanged: &Exchanged, scope: &Scope) -> Result<(), Failure> {
    let Answer { status, body, .. } = &exchanged.answer;
    let asked = format!("{} {}", exchanged.request.method, exchanged.request.shown_url);
    let mut fits = expect.status.is_empty();
    for pattern in &expect.status {
        fits |= pattern.resolve(scope)?.matches(*status);
    }
    if !fits {
        let span = expect.status.first().map(engine_expr::Setting::span).unwrap_or_default();
        return Err(Failure::new(
            "http-status",
            format!("{asked} answered {status}, which `expect` does not allow: {}", excerpt(body)),
            span,
        ));
    }
    if let Some(schema) = &expect.schema
        && let Err(error) = schema.check(exchanged.answer.value())
    {
        let at = if error.pointer.is_empty() { String::new() } else { format!(" at `{}`", error.pointer) };
        return Err(Failure::new(
            "invalid-record",
            format!("{asked}: the answer does not fit the schema{at}: {}", error.message),
            schema.span(),
        ));
    }
    let scope = scope
        .with("response", exchanged.answer.to_value(&asked_of_answers::of_expect(expect)))
        .with("request", exchanged.request.to_value());
    for rule in &expect.rules {
        if !rule.check.test(&scope)? {
            let text = match &rule.message {
                Some(message) => message.render_text(&scope)?,
                None => format!("`{}` does not hold for the answer", rule.check.text()),
            };
            return Err(Failure::new("invalid-record", format!("{asked}: {text}"), rule.check.span()));
        }
    }
    Ok(())
}
