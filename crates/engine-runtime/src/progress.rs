//! What one read goes on from, and what it keeps for the next run: its cursor, and what its first page is known by.

use std::sync::Arc;

use engine_expr::{Scope, Value};
use engine_plan::{Endpoint, Read, Reading, Step};
use engine_request::{
    Advance, AdvanceError, Answer, Changes, CursorPlan, ErrorAction, Method, Pagination, Place, Prepared, Target,
    derive_key,
};
use engine_source::Span;

use crate::ahead::Asker;
use crate::failure::Failure;
use crate::hidden::Hidden;
use crate::pending::{Keeping, Kept, ends_by_page, is_replacing, written_hold, written_unmodified};
use crate::recorder::Found;
use crate::state::Kind;
use crate::traffic;

/// A read in progress.
pub(crate) struct Progress {
    step: usize,
    /// What tells the read from all others.
    identity: Identity,
    cursor: Option<(Arc<CursorPlan>, Advance)>,
    /// Whether the cursor is kept with each page that is delivered.
    is_kept_by_page: bool,
    /// The cursor that the run before has kept, as people read it.
    went_on_from: Option<Arc<str>>,
    validators: Option<Validators>,
    /// What every request sends.
    sent: Changes,
    after: Option<u64>,
    span: Span,
}

/// What tells a read from others.
pub(crate) struct Identity {
    pub(crate) key: String,
    label: String,
}

/// What a read is told from others by.
pub(crate) struct Reads<'a> {
    pub(crate) flow: &'a str,
    /// The address of the step.
    pub(crate) step: &'a str,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) base: &'a Scope,
    pub(crate) params: &'a Value,
    /// Whether all items that it is read for share what is kept.
    pub(crate) is_shared: bool,
    pub(crate) hidden: &'a Hidden,
}

/// What the first page is known by.
struct Validators {
    key: String,
    label: String,
    /// The request that they are for.
    request: String,
    /// What is sent with it.
    conditions: Vec<(Place, Value)>,
    /// What its answer says.
    next: Option<Value>,
}

impl Progress {
    /// Begins a read: finds what the run before has kept for it.
    pub(crate) async fn begin(
        asker: &Asker<'_>,
        step: &Step,
        plan: Option<&Arc<CursorPlan>>,
        first: &Changes,
    ) -> Result<Self, Failure> {
        let (context, read) = (asker.context, asker.read);
        let endpoint = &read.endpoint;
        let scope = asker.item_scope.with("params", asker.params.clone());
        let after = endpoint.paginate.as_ref().and_then(Pagination::restart_after);
        let after = after.map(|setting| setting.resolve(&scope)).transpose()?;
        let is_conditional = match &endpoint.conditional {
            Some(setting) => setting.resolve(&scope)?,
            None => false,
        };
        let mut progress = Self {
            step: step.index,
            identity: Identity { key: String::new(), label: String::new() },
            cursor: None,
            is_kept_by_page: false,
            went_on_from: None,
            validators: None,
            sent: Changes::default(),
            after,
            span: read.span,
        };
        if plan.is_none() && after.is_some() {
            let text = "`restart_after` needs a cursor to begin anew from";
            return Err(Failure::new("unexpected-shape", text, read.span)
                .help("write `incremental: {cursor: $.…, send: …}`, or take `restart_after` away"));
        }
        if plan.is_none() && !is_conditional {
            return Ok(progress);
        }
        progress.identity = identity(asker, plan).await?;
        if let Some(plan) = plan {
            let world = context.exchanges.world();
            let saved = if context.options.full_refresh {
                None
            } else {
                let known = world.state.load(Kind::Cursor, &progress.identity.key).await?;
                progress.went_on_from = known.as_deref().and_then(|bytes| shown(bytes, &context.hidden));
                known.or_else(|| context.options.cursor(asker.tally.step(), &endpoint.id()))
            };
            let saved = saved.and_then(|bytes| String::from_utf8(bytes).ok());
            if let Some(value) = &saved {
                let Identity { key, label } = &progress.identity;
                context.exchanges.found(Found::Cursor { key, label, value });
            }
            let can_restart =
                after.is_some() || endpoint.errors.iter().any(|rule| rule.action == Some(ErrorAction::Restart));
            let advance =
                Advance::new(plan, saved.as_deref(), can_restart, &scope, world.clock.now()).map_err(failure)?;
            progress.is_kept_by_page = advance.is_sorted() && !plan.is_shared() && may_move_by_page(asker, step);
            progress.cursor = Some((Arc::clone(plan), advance));
            progress.resend();
        }
        if is_conditional && may_ask(asker, step) {
            progress.validators = Some(progress.validators(asker, first).await?);
        }
        Ok(progress)
    }

    /// Finds what the first page was known by when all of it was last delivered.
    async fn validators(&self, asker: &Asker<'_>, first: &Changes) -> Result<Validators, Failure> {
        let context = asker.context;
        let world = context.exchanges.world();
        let first = asker.prepared(&self.base(asker.base), &self.sent, first).await?;
        let credential = traffic::credential_of(&asker.read.endpoint.auth, asker.item_scope)?.unwrap_or_default();
        let body = first.body.as_bytes().unwrap_or_default();
        let body = String::from_utf8_lossy(&body);
        let request = world.state.fingerprint(&[first.method.as_str(), first.url.as_str(), &body])?;
        let key = world.state.fingerprint(&["validators", &self.identity.key, &credential])?;
        let saved = if context.options.full_refresh { None } else { world.state.load(Kind::Validator, &key).await? };
        let saved = saved.and_then(|bytes| Value::from_json(std::str::from_utf8(&bytes).ok()?).ok());
        let saved = saved.filter(|saved| saved.get("request").and_then(Value::as_str) == Some(&request));
        // What is kept of them has a key that is this store's own.
        let replayed = context.exchanges.replayed();
        let saved = replayed.map_or(saved, |replayed| replayed.validators.get(&self.identity.key).cloned());
        if let Some(value) = &saved {
            context.exchanges.found(Found::Validators { key: &self.identity.key, value });
        }
        let condition = |header: &str, member: &str| {
            let value = saved.as_ref()?.get(member)?.clone();
            Some((Place::new(Target::Header(header.into())), value))
        };
        let conditions = condition("If-None-Match", "etag").into_iter();
        let conditions = conditions.chain(condition("If-Modified-Since", "last_modified")).collect();
        Ok(Validators { key, label: self.identity.label.clone(), request, conditions, next: None })
    }

    /// Returns how far the read came, for who goes on with it.
    pub(crate) fn position(&self) -> Value {
        let cursor = self.cursor.iter().map(|(_, advance)| ("cursor", advance.position()));
        let next = self.validators.iter().filter_map(|validators| Some(("validators", validators.next.clone()?)));
        Value::object(cursor.chain(next).collect::<Vec<_>>())
    }

    /// Goes on from how far a read of the same spec came; nothing where the value is something else.
    pub(crate) fn at(mut self, position: &Value) -> Option<Self> {
        if let Some((plan, advance)) = self.cursor.take() {
            self.cursor = Some((plan, advance.at(position.get("cursor")?)?));
        }
        self.resend();
        if let (Some(validators), Some(next)) = (&mut self.validators, position.get("validators")) {
            validators.next = Some(next.clone());
        }
        Some(self)
    }

    /// Returns the names that the endpoint sees: with `window`, where the read is incremental.
    pub(crate) fn base(&self, base: &Scope) -> Scope {
        match &self.cursor {
            Some((_, advance)) => base.with("window", advance.window()),
            None => base.clone(),
        }
    }

    /// Returns the cursor of the run before that it went on from, as people read it.
    pub(crate) fn went_on_from(&self) -> Option<&Arc<str>> {
        self.went_on_from.as_ref()
    }

    /// Returns what every request sends.
    pub(crate) fn sent(&self) -> &Changes {
        &self.sent
    }

    /// Returns what the first request sends beside, so that it is answered only if something has changed.
    pub(crate) fn conditions(&self) -> Changes {
        Changes::new(self.validators.as_ref().map(|it| it.conditions.clone()).unwrap_or_default())
    }

    fn resend(&mut self) {
        if let Some((_, advance)) = &self.cursor {
            self.sent = advance.changes();
        }
        // What was asked for is another thing than what is known.
        if let Some(validators) = &mut self.validators {
            validators.conditions.clear();
        }
    }

    /// Tells whether records may be left out.
    pub(crate) fn drops(&self) -> bool {
        self.cursor.is_some()
    }

    /// Takes note of a record; tells whether it is handed on.
    pub(crate) fn keep(&mut self, json: &str) -> Result<bool, Failure> {
        match &mut self.cursor {
            Some((_, advance)) => advance.record(json).map_err(failure),
            None => Ok(true),
        }
    }

    /// Takes note of a page, after its records.
    pub(crate) fn page(&mut self, number: u64, answer: &Answer, scope: &Scope) -> Result<(), Failure> {
        if let Some(validators) = self.validators.as_mut().filter(|_| number == 1) {
            let member = |name: &'static str, header| Some((name, Value::from(answer.header(header)?)));
            let known: Vec<_> =
                member("etag", "etag").into_iter().chain(member("last_modified", "last-modified")).collect();
            if !known.is_empty() {
                let request = ("request", Value::from(validators.request.as_str()));
                validators.next = Some(Value::object(known.into_iter().chain([request]).collect::<Vec<_>>()));
            }
        }
        match &mut self.cursor {
            Some((_, advance)) => advance.page(answer, scope).map_err(failure),
            None => Ok(()),
        }
    }

    /// Returns what is to be kept as soon as the pages so far are delivered.
    pub(crate) fn so_far(&self) -> Option<Keeping> {
        let (plan, advance) = self.cursor.as_ref().filter(|_| self.is_kept_by_page)?;
        let Identity { key, label } = &self.identity;
        let value = Kept::Cursor(plan.comparing(), advance.reached_so_far()?);
        Some(Keeping { step: self.step, kind: Kind::Cursor, key: key.clone(), label: label.clone(), value })
    }

    /// Returns what the cursor is kept by.
    pub(crate) fn key(&self) -> &str {
        &self.identity.key
    }

    /// Tells whether the next page, of about this many records, would be beyond what the API gives from one beginning.
    pub(crate) fn is_too_deep(&self, count: u64) -> bool {
        match (&self.cursor, self.after) {
            (Some((_, advance)), Some(after)) => advance.received().saturating_add(count) > after,
            _ => false,
        }
    }

    /// Tells whether the API gives no more than so many records from one beginning.
    pub(crate) fn is_bounded(&self) -> bool {
        self.after.is_some()
    }

    /// Begins anew from the largest value of the cursor.
    pub(crate) fn restart(&mut self) -> Result<(), Failure> {
        let Some((_, advance)) = &mut self.cursor else {
            return Err(Failure::new("unexpected-shape", "the read has no cursor to begin anew from", self.span));
        };
        advance.restart().map_err(failure)?;
        self.resend();
        Ok(())
    }

    /// Goes on to the next window, now that this one was read to its end; tells whether there is one.
    pub(crate) fn next_slice(&mut self) -> Result<bool, Failure> {
        let Some((_, advance)) = &mut self.cursor else { return Ok(false) };
        let is_there = advance.next_slice().map_err(failure)?;
        if is_there {
            self.resend();
        }
        Ok(is_there)
    }

    /// Returns what the windows to come send, and what they are: of as many as are asked for along with the one at hand.
    pub(crate) fn windows_ahead(&self) -> Result<Vec<(Changes, Value)>, Failure> {
        self.cursor.as_ref().map_or(Ok(Vec::new()), |(_, advance)| advance.slices_ahead().map_err(failure))
    }

    /// Begins anew without the cursor that was kept.
    pub(crate) async fn reset(&mut self, asker: &Asker<'_>) -> Result<(), Failure> {
        let Some((_, advance)) = &mut self.cursor else {
            return Err(Failure::new("unexpected-shape", "the read has no cursor to forget", self.span));
        };
        let reset = advance.reset();
        if keeps(asker) {
            asker.context.exchanges.world().state.remove(Kind::Cursor, &self.identity.key).await?;
        }
        reset.map_err(failure)?;
        self.went_on_from = None;
        self.resend();
        Ok(())
    }

    /// Takes note that nothing has changed since the run before.
    pub(crate) fn is_unmodified(&self, asker: &Asker<'_>) -> bool {
        let was_asked = self.validators.as_ref().is_some_and(|validators| !validators.conditions.is_empty());
        if was_asked {
            asker.frame.pending.set_unmodified(self.step);
        }
        was_asked
    }

    /// Hands over what is to be kept, now that the read is at its end. Returns the same for who goes on with the run.
    pub(crate) fn end(self, asker: &Asker<'_>) -> Result<Vec<String>, Failure> {
        let Self { step, identity, cursor, validators, .. } = self;
        let reached = match &cursor {
            Some((_, advance)) => advance.reached().map_err(failure)?,
            None => None,
        };
        if !keeps(asker) {
            return Ok(Vec::new());
        }
        let mut keepings = Vec::new();
        if let (Some((plan, _)), Some(reached)) = (cursor, reached) {
            let Identity { key, label } = identity;
            keepings.push(Keeping {
                step,
                kind: Kind::Cursor,
                key,
                label,
                value: Kept::Cursor(plan.comparing(), reached),
            });
        }
        if let Some(Validators { key, label, next: Some(next), .. }) = validators {
            keepings.push(Keeping { step, kind: Kind::Validator, key, label, value: Kept::Text(next.to_json()) });
        }
        let written = keepings.iter().map(Keeping::written).collect();
        for keeping in keepings {
            asker.frame.pending.add(keeping);
        }
        Ok(written)
    }

    /// Takes note that the read was not complete. Returns the same for who goes on with the run.
    pub(crate) fn cut(self, asker: &Asker<'_>) -> Vec<String> {
        asker.frame.pending.hold(self.step);
        let mut written = vec![written_hold(self.step)];
        if asker.frame.pending.is_unmodified(&asker.frame.steps, self.step) {
            written.push(written_unmodified(self.step));
        }
        written
    }
}

/// Tells whether a page that has not changed may be left out: nothing must depend on its records being there.
fn may_ask(asker: &Asker<'_>, step: &Step) -> bool {
    let reads_once = step.reads().len() == 1 && step.for_each().is_none();
    keeps(asker)
        && matches!(asker.read.endpoint.request.method(), Method::Get | Method::Head)
        && !step.kept.all
        && !step.kept.last
        && (reads_once || !is_replacing(&asker.frame.steps, step.index))
}

/// Tells whether the cursor of a read may move before its end: whoever begins anew there must miss nothing. Reads under several items may ask for
/// the same thing and share a cursor, and one that is cut off by its `limit` moves none.
fn may_move_by_page(asker: &Asker<'_>, step: &Step) -> bool {
    let reads = step.reads().iter().filter_map(Reading::as_endpoint);
    let is_read_once = reads.filter(|read| read.endpoint.id() == asker.read.endpoint.id()).count() == 1;
    keeps(asker)
        && !asker.context.options.full_refresh
        && is_read_once
        && step.for_each().is_none()
        && asker.read.limit.is_none()
        && ends_by_page(&asker.frame.steps, step.index)
}

/// Tells whether a run moves anything on: one that is tried out does not.
fn keeps(asker: &Asker<'_>) -> bool {
    asker.frame.keeps() && !asker.context.options.dry_run && asker.context.options.limit.is_none()
}

/// Makes what tells a read from others, by what it sends: without the cursor, without proofs of who is asking, and without what is another thing
/// each time.
async fn identity(asker: &Asker<'_>, plan: Option<&Arc<CursorPlan>>) -> Result<Identity, Failure> {
    let window = plan.map(|plan| plan.placeholder()).unwrap_or_default();
    let base = asker.base.with("window", window);
    let nothing = Changes::default();
    let drafts = (asker.prepared(&base, &nothing, &nothing).await, asker.prepared(&base, &nothing, &nothing).await);
    let reads = Reads {
        flow: &asker.context.plan.name,
        step: asker.tally.step(),
        endpoint: &asker.read.endpoint,
        base: asker.base,
        params: asker.params,
        is_shared: plan.is_some_and(|plan| plan.is_shared()),
        hidden: &asker.context.hidden,
    };
    Ok(reads.identity(drafts))
}

impl Reads<'_> {
    /// Makes what tells the read from others, of two requests that were made for it.
    pub(crate) fn identity(&self, drafts: (Result<Prepared, Failure>, Result<Prepared, Failure>)) -> Identity {
        let Self { flow, step, endpoint, base, params, is_shared, hidden } = *self;
        let id = endpoint.id();
        let mut parts = vec![flow.to_owned(), step.to_owned(), id.clone()];
        if let (Ok(one), Ok(other)) = drafts {
            if is_shared {
                parts.extend(["all".to_owned(), one.url.origin().ascii_serialization()]);
            } else {
                parts.extend(stable_parts(&one, &other));
            }
        } else {
            // A template that takes no other start than a real one: what it is made of has to do.
            let inputs = base.get("inputs").map(Value::to_json).unwrap_or_default();
            let params = if is_shared { String::new() } else { params.to_json() };
            parts.extend([inputs, params].map(|text| hidden.redact(&text)));
        }
        let params = match params.as_object() {
            Some(members) if !is_shared && members.names().next().is_some() => format!(" {}", params.to_json()),
            _ => String::new(),
        };
        let label = hidden.redact(&format!("{flow}, step {step}: {id}{params}"));
        Identity { key: derive_key(parts.iter().map(String::as_bytes)), label }
    }
}

/// Returns what is the same in two requests that were made for the same thing, without their secrets.
fn stable_parts(one: &Prepared, other: &Prepared) -> Vec<String> {
    let redactor = one.redactor();
    let mut parts = vec![one.method.to_string()];
    let pairs =
        |request: &Prepared| -> Vec<String> { request.shown_url.split(['?', '&']).map(str::to_owned).collect() };
    let others = pairs(other);
    parts.extend(pairs(one).into_iter().filter(|pair| others.contains(pair)));
    for (name, value) in &one.headers {
        if other.headers.get_all(name).iter().any(|same| same == value) {
            parts.push(format!("{name}: {}", redactor.redact(&String::from_utf8_lossy(value.as_bytes()))));
        }
    }
    if let Some(body) = one.body.as_bytes() {
        parts.push(redactor.redact(&String::from_utf8_lossy(&body)));
    }
    parts
}

pub(crate) fn failure(error: AdvanceError) -> Failure {
    Failure { range: error.range, help: error.help, ..Failure::new(error.code, error.message, error.span) }
}

/// Returns a cursor that was kept, as people read it.
fn shown(bytes: &[u8], hidden: &Hidden) -> Option<Arc<str>> {
    let value = Value::from_json(std::str::from_utf8(bytes).ok()?).ok()?;
    Some(hidden.redact(&value.text().map_or_else(|| value.to_json(), Into::into)).into())
}

/// Makes ready the cursors of the reads of a step.
pub(crate) fn cursors(reads: &[Reading]) -> Vec<Option<Arc<CursorPlan>>> {
    let cursor = |read: &Read| {
        let endpoint = &read.endpoint;
        let incremental = endpoint.incremental.as_ref()?;
        Some(Arc::new(CursorPlan::new(incremental, endpoint.key.as_ref(), endpoint.span)))
    };
    reads.iter().map(|read| cursor(read.as_endpoint()?)).collect()
}
