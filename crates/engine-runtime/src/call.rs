//! Calling an endpoint for each record of a step.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use engine_expr::{DynamicLeaf, Scope};
use engine_plan::{Call, Expect, Step, Target};
use engine_request::{Answer, Needs as AnswerNeeds, derive_key};
use engine_spec::ItemAction;
use futures_util::stream::{self, StreamExt};

use crate::exchange::{Asked, Exchanged, Outcome};
use crate::failure::Failure;
use crate::item::{Item, Json, Origin};
use crate::mapping::{Mapper, Scratch};
use crate::needs::whole_scope;
use crate::outlet::Outlet;
use crate::page::excerpt;
use crate::params::params_of;
use crate::report::Event;
use crate::run::RunContext;
use crate::tally::Tally;

/// Calls the endpoint of one step.
pub(crate) struct Caller {
    context: Arc<RunContext>,
    step: Arc<Step>,
    base: Scope,
    tally: Arc<Tally>,
    extract: Option<Mapper>,
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
            extract: step.extract.as_ref().map(|mapping| Mapper::new(mapping, &**context)),
            rooted,
        }
    }

    /// Calls for each record, several at once, and hands on what comes back in their order.
    pub(crate) async fn take(
        &self,
        items: Vec<Item>,
        scopes: Vec<Scope>,
        concurrency: usize,
        outlet: &Outlet,
    ) -> Result<(), Failure> {
        let Target::Call(call) = &self.step.target else { return Ok(()) };
        let fails = self.step.on_error.action != ItemAction::Skip;
        let given_up = AtomicBool::new(false);
        let given_up = &given_up;
        let with_scopes = items.into_iter().enumerate().map(|(at, item)| {
            let scope = scopes.get(at).unwrap_or(&self.base).clone();
            async move {
                if given_up.load(Ordering::Relaxed) {
                    return (Ok(None), item);
                }
                let answer = self.one(call, &item, &scope).await;
                if answer.is_err() && fails {
                    given_up.store(true, Ordering::Relaxed);
                }
                (answer, item)
            }
        });
        let mut answers = stream::iter(with_scopes).buffered(concurrency);
        let mut out = Vec::new();
        let mut failed = None;
        // Calls that are in flight when one fails are let finish, so that it is known what they did; no others begin.
        while let Some((answer, item)) = answers.next().await {
            match answer {
                Ok(Some(item)) => out.push(item),
                Ok(None) => {}
                Err(failure) if !fails => {
                    self.tally.add(|counts| counts.failed += 1);
                    self.context.reject(&self.step.id, &failure.about(&item));
                }
                Err(failure) => {
                    self.tally.add(|counts| counts.failed += 1);
                    let help = failure.help.clone().unwrap_or_else(|| {
                        "to go on without such records, write `on_error: skip` beside `call`".to_owned()
                    });
                    failed.get_or_insert_with(|| failure.about(&item).help(help));
                }
            }
        }
        drop(answers);
        self.tally.add(|counts| counts.out += out.len() as u64);
        outlet.send(out).await?;
        failed.map_or(Ok(()), Err)
    }

    async fn one(&self, call: &Call, item: &Item, base: &Scope) -> Result<Option<Item>, Failure> {
        let endpoint = &call.endpoint;
        let mut item_scope = whole_scope(base, item);
        if self.rooted {
            item_scope = item_scope.rooted(item.current.value().unwrap_or_default());
        }
        let params = params_of(&endpoint.params, &call.params, &item_scope, call.span)?;
        let scope = self.base.with("params", params);
        let mut draft = self.context.exchanges.draft(endpoint, &scope)?;
        draft.set_query(&call.query, &item_scope)?;
        draft.set_headers(&call.headers, &item_scope)?;
        if let Some(body) = &call.body {
            draft.set_body(body, &item_scope)?;
        }
        if let Some(idempotency) = &endpoint.idempotency {
            let number = item.number.to_string();
            let parts = [&*self.context.id, &*self.step.id, &*item.origin.stream, &number, item.original.text()];
            idempotency.apply(&mut draft, &scope, || derive_key(parts.iter().map(|part| part.as_bytes())))?;
        }
        if self.context.options.dry_run && !draft.method().is_safe() {
            let request = draft.finish()?;
            let body = if request.body.is_empty() { String::new() } else { format!(" {}", excerpt(&request.body)) };
            let message = format!("would send {} {}{body}", request.method, request.shown_url);
            self.context.observer.event(Event::Log { step: self.step.id.as_str().into(), message: self.context.redact(&message) });
            return Ok(None);
        }
        let declared = draft.url().clone();
        let asked = Asked {
            endpoint,
            scope: &scope,
            tally: &self.tally,
            stop: &self.context.stop,
            span: call.span,
            place: "",
            declared: &declared,
            has_key: endpoint.idempotency.is_some(),
        };
        let exchanged = match self.context.exchanges.send(draft, &asked).await? {
            Outcome::Answer(exchanged) => exchanged,
            Outcome::Skipped => {
                self.tally.add(|counts| counts.skipped += 1);
                return Ok(None);
            }
            Outcome::Stopped => return Ok(None),
        };
        if let Some(expect) = &self.step.expect {
            check(expect, &exchanged, &item_scope)?;
        }
        self.tally.add(|counts| counts.sent += 1);
        self.hand_on(call, item, base, &exchanged).map(Some)
    }

    /// Makes the item that goes on: the answer's body, or what `extract` makes of it.
    fn hand_on(&self, call: &Call, item: &Item, base: &Scope, exchanged: &Exchanged) -> Result<Item, Failure> {
        let body = body_of(call, exchanged, base)?;
        let Some(extract) = &self.extract else { return Ok(Item { current: body, ..item.clone() }) };
        let origin = Origin {
            stream: Arc::clone(&item.origin.stream),
            exchange: item.origin.exchange.clone(),
            response: Some(exchanged.answer.to_value(&AnswerNeeds::all())),
            place: item.origin.place,
        };
        let asking = Item { origin: Arc::new(origin), ..item.clone() };
        let mut out = Vec::new();
        extract.map_text(body.text(), &asking, base, &mut Scratch::default(), &mut out)?;
        Ok(Item { current: Json::trusted(Bytes::from(out)), ..item.clone() })
    }
}

/// Returns an answer's body, unwrapped.
fn body_of(call: &Call, exchanged: &Exchanged, base: &Scope) -> Result<Json, Failure> {
    let value = exchanged.answer.value();
    match &call.endpoint.response.body {
        None => Ok(Json::of(value)),
        Some(unwrap) => {
            let scope = base.with("response", exchanged.answer.to_value(&AnswerNeeds::all())).rooted(value.clone());
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
        return Err(Failure::new("http-status", format!("{asked} answered {status}, which `expect` does not allow: {}", excerpt(body)), span));
    }
    if let Some(schema) = &expect.schema
        && let Err(error) = schema.check(exchanged.answer.value())
    {
        let at = if error.pointer.is_empty() { String::new() } else { format!(" at `{}`", error.pointer) };
        return Err(Failure::new("invalid-record", format!("{asked}: the answer does not fit the schema{at}: {}", error.message), schema.span()));
    }
    let scope = scope.with("response", exchanged.answer.to_value(&AnswerNeeds::all())).with("request", exchanged.request.to_value());
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
