//! Calling an endpoint for each record of a step.

use std::sync::Arc;

use engine_expr::{DynamicLeaf, Scope, Value};
use engine_plan::{Call, Expect, Target};
use engine_request::{Answer, Content, Format, derive_key};

use crate::asked_of_answers;
use crate::body::{self, Beside, Download, Staged, Takes, max_body};
use crate::exchange::{Asked, Exchanged, Outcome, is_read_only};
use crate::failure::Failure;
use crate::item::{Item, Json, Located, Origin};
use crate::journal::Effect;
use crate::mapping::{Mapper, Scratch};
use crate::needs::whole_scope;
use crate::page::excerpt;
use crate::params::params_of;
use crate::poll::Poll;
use crate::report::{Event, WaitingFor};
use crate::sending::Sending;
use crate::site::Site;
use crate::xml_lists;

/// Calls the endpoint of one step.
pub(crate) struct Caller {
    site: Site,
    extract: Option<Arc<Mapper>>,
    /// What is done with the bodies of the answers.
    takes: Takes,
    /// Whether paths in the call start at the record, which must then be read whole.
    rooted: bool,
}

impl Caller {
    /// Prepares the calls of a step.
    pub(crate) fn new(site: &Site, call: &Call) -> Self {
        let takes = match call.endpoint.response.format {
            Some(Format::Binary) => Takes::File,
            _ => Takes::Lists(Arc::new(xml_lists::of(&site.context().plan, &call.endpoint))),
        };
        // Queries, headers and bodies may have paths anywhere.
        let mut rooted = !call.query.is_empty() || !call.headers.is_empty() || call.body.is_some();
        for value in call.params.values() {
            value.visit(&mut |leaf| rooted |= matches!(leaf, DynamicLeaf::Path(_)));
        }
        let extract = site.step.extract.as_ref();
        Self {
            site: site.clone(),
            extract: extract.map(|mapping| site.context().mappers.of_answers(mapping, &*site.frame)),
            takes,
            rooted,
        }
    }

    /// Calls for one record, or for a batch of them, and gives what goes on: nothing where an error rule leaves it out.
    pub(crate) async fn call(&self, item: &Item, base: &Scope) -> Result<Vec<Item>, Failure> {
        let Target::Call(call) = &self.site.step.target else { return Ok(Vec::new()) };
        let sending = Sending::new(&self.site, call, item);
        match sending.done() {
            Some(Effect::HandedOn(records)) => {
                // What was counted then is not known: its page was not delivered.
                self.site.tally.count(self.site.members(item), |counts, number| counts.sent += number);
                return Ok(self.again(item, records));
            }
            Some(Effect::Skipped) => {
                self.site.tally.count(self.site.members(item), |counts, number| counts.skipped += number);
                return Ok(Vec::new());
            }
            Some(Effect::Answered { code, message, help, status }) => {
                return Err(Sending::failed_before(call, (code, message), help.as_ref(), *status));
            }
            Some(Effect::Refused) | None => {}
        }
        sending.begin(call)?;
        match self.send(call, item, base, &sending).await {
            Ok(handed_on) => {
                sending.end(handed_on.as_deref()).await?;
                Ok(handed_on.unwrap_or_default())
            }
            Err(failure) => {
                sending.failed(&self.site, &failure).await?;
                Err(failure)
            }
        }
    }

    /// Hands on what was handed on before the run was taken up again.
    fn again(&self, item: &Item, records: &[String]) -> Vec<Item> {
        let of = |item: &Item, record: &String| Item {
            current: Json::copy(record),
            located: Located::Nowhere,
            ..item.clone()
        };
        match (&self.site.step.results, records) {
            (None, [record]) => vec![of(item, record)],
            _ => self.site.members(item).iter().zip(records).map(|(member, record)| of(member, record)).collect(),
        }
    }

    /// Sends what the step says, and gives what goes on; nothing where an error rule leaves it out.
    async fn send(
        &self,
        call: &Call,
        item: &Item,
        base: &Scope,
        sending: &Sending<'_>,
    ) -> Result<Option<Vec<Item>>, Failure> {
        let endpoint = &call.endpoint;
        let mut item_scope = whole_scope(base, item)?;
        if self.rooted {
            item_scope = item_scope.rooted(item.value()?);
        }
        let params = params_of(&endpoint.params, &call.params, &item_scope, call.span)?;
        let scope = self.site.base.with("params", params);
        let mut poll = match &call.until {
            Some(until) => {
                let is_mocked = self.site.context().options.placeholders;
                Some(Poll::new(until, &item_scope, self.site.context().exchanges.now(), is_mocked)?)
            }
            None => None,
        };
        let (mut exchanged, scope) = loop {
            let answers = poll.as_ref().map_or(0, Poll::answers);
            let Some((exchanged, scope)) = self.ask(call, item, &item_scope, &scope, (answers, sending)).await? else {
                return Ok(None);
            };
            let Some(poll) = &mut poll else { break (exchanged, scope) };
            let taken = poll.take(&exchanged, &item_scope, self.site.context().exchanges.now());
            match taken.map_err(|failure| exchanged.hide(failure))? {
                None => break (exchanged, scope),
                Some(wait) => {
                    self.site.tally.event(Event::Waiting {
                        step: Arc::clone(self.site.address()),
                        wait,
                        why: WaitingFor::Until,
                    });
                    if !self.site.context().exchanges.sleep(wait, &self.site.frame.stop).await {
                        return Err(Failure::interrupted());
                    }
                }
            }
        };
        let staged = self.stage(call, &mut exchanged, &scope).await.map_err(|failure| exchanged.hide(failure))?;
        if let Some(expect) = &self.site.step.expect {
            check(expect, &exchanged, &item_scope).map_err(|failure| exchanged.hide(failure))?;
        }
        let handed_on = self.hand_on(call, item, base, &exchanged).map_err(|failure| exchanged.hide(failure))?;
        if let Some(staged) = staged {
            let request = format!("{} {}", exchanged.request.method, exchanged.request.shown_url);
            let download = Download { step: self.site.address().to_string(), item: item.describe(), request };
            staged.place(download, &self.site.context().placed).map_err(|failure| exchanged.hide(failure))?;
        }
        self.site.tally.count(self.site.members(item), |counts, number| counts.sent += number);
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
        (answers, sending): (u64, &Sending<'_>),
    ) -> Result<Option<(Box<Exchanged>, Scope)>, Failure> {
        let endpoint = &call.endpoint;
        let asked = |scope| Asked {
            endpoint,
            scope,
            tally: &self.site.tally,
            stop: &self.site.frame.stop,
            span: call.span,
            place: "",
            has_key: endpoint.idempotency.is_some(),
            takes: &self.takes,
            without: &[],
            once: Some(sending),
        };
        let make = |scope: &Scope| {
            let mut draft = self.site.context().exchanges.draft(endpoint, scope)?;
            draft.set_query(&call.query, item_scope)?;
            draft.set_headers(&call.headers, item_scope)?;
            if let Some(body) = &call.body {
                draft.set_body(body, item_scope)?;
            }
            if let Some(idempotency) = &endpoint.idempotency {
                let derived = || {
                    let key = self.site.key(item);
                    if answers == 0 { key } else { derive_key([key.as_bytes(), answers.to_string().as_bytes()]) }
                };
                idempotency.apply(&mut draft, scope, derived)?;
            }
            self.site.context().find_files(&mut draft)?;
            if self.site.context().options.dry_run && !is_read_only(draft.method()) {
                let request = draft.finish()?;
                let body = request.show_body();
                let body = if body.is_empty() { body } else { format!(" {}", excerpt(body.as_bytes())) };
                let message = format!("would send {} {}{body}", request.method, request.shown_url);
                self.site.log(&message);
                return Ok(None);
            }
            Ok(Some(draft))
        };
        let (outcome, scope) = self.site.context().exchanges.send(&asked(scope), make).await?;
        let Some(outcome) = outcome else { return Ok(None) };
        match outcome {
            Outcome::Answer(exchanged) => Ok(Some((exchanged, scope))),
            Outcome::Skipped => {
                self.site.tally.count(self.site.members(item), |counts, number| counts.skipped += number);
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
        let folder = self.site.context().plan.folder(to.span());
        let most = max_body(response, scope)?;
        let options = &self.site.context().options;
        let is_dry = options.dry_run || options.offline;
        let staged = Staged::write(source, to, folder, scope, content_type, most, is_dry).await?;
        exchanged.answer.set_value(staged.value.clone());
        Ok(Some(staged))
    }

    /// Makes the items that go on: the answer's body, or for each of a batch its part of it; or what `extract` makes of that.
    fn hand_on(&self, call: &Call, item: &Item, base: &Scope, exchanged: &Exchanged) -> Result<Vec<Item>, Failure> {
        let body = body_of(call, exchanged, base)?;
        let Some(results) = &self.site.step.results else {
            return Ok(vec![self.extracted(item, base, exchanged, body)?]);
        };
        let needs = asked_of_answers::of_exprs([results]);
        let value = Value::from_json(body.text()).map_err(|error| item.unreadable(&error))?;
        let scope = base.with("response", exchanged.answer.to_value(&needs)).rooted(value);
        let asked = || format!("{} {}", exchanged.request.method, exchanged.request.shown_url);
        let members = self.site.members(item);
        let found = match results.evaluate(&scope)? {
            Some(Value::List(found)) if found.items().len() == members.len() => found,
            other => {
                let found = match &other {
                    Some(Value::List(found)) if found.items().len() == 1 => "finds 1 result".to_owned(),
                    Some(Value::List(found)) => format!("finds {} results", found.items().len()),
                    Some(other) => format!("finds {}", other.a_kind()),
                    None => "finds nothing".to_owned(),
                };
                let text = format!("{}: `results` {found} for a batch of {}", asked(), members.len());
                return Err(Failure::new("unexpected-shape", text, results.span())
                    .help("`results` has to give one for each item of the batch, in their order"));
            }
        };
        let each = members.iter().zip(found.items());
        each.map(|(member, result)| self.extracted(member, base, exchanged, Json::of(result))).collect()
    }

    fn extracted(&self, item: &Item, base: &Scope, exchanged: &Exchanged, body: Json) -> Result<Item, Failure> {
        let Some(extract) = &self.extract else {
            return Ok(Item { current: body, located: Located::Nowhere, ..item.clone() });
        };
        let origin =
            Origin { response: Some(exchanged.answer.to_value(extract.answers())), ..Origin::clone(&item.origin) };
        let asking = Item { origin: Arc::new(origin), ..item.clone() };
        let mut out = Vec::new();
        extract.map_text(body.text(), &asking, base, &mut Scratch::default(), &mut out)?;
        Ok(Item { current: Json::written(out), located: Located::Nowhere, ..item.clone() })
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
