//! One read that goes on from where the last one came: what it sends, which records it keeps, how far it came, and how it begins anew.
//!
//! Knows nothing of where the cursor is kept, nor when it may be.

mod position;

use std::sync::Arc;

use engine_expr::{Expr, JsonPath, Scope, Slots, Value, Wanted};
use engine_source::Span;
use jiff::Timestamp;

use super::advance_error::AdvanceError;
use super::comparing::Comparing;
use super::repeats::{Known, Repeats};
use super::slices::Slices;
use super::watermark::{CursorForm, Watermark};
use crate::{Answer, Changes, CursorScope, Incremental, Key, KeyMember, Needs, Window};

/// What `incremental` says of an endpoint, made ready once per plan.
#[derive(Clone, Debug)]
pub struct CursorPlan {
    incremental: Incremental,
    key: Option<Key>,
    form: CursorForm,
    cursor: Cursor,
    /// Where the members of the key are in a record: after the cursor.
    wanted: Wanted,
    slots: Option<Vec<usize>>,
    span: Span,
}

/// What the cursor is.
#[derive(Clone, Debug)]
enum Cursor {
    /// A value of each record; the largest counts.
    Record { path: JsonPath, slot: Option<usize> },
    /// Something of each page; the last counts, as it is.
    Page { template: Expr, needs: Needs },
    /// The end of what was asked for.
    End,
}

/// A read in progress.
#[derive(Debug)]
pub struct Advance {
    plan: Arc<CursorPlan>,
    /// What was kept by the run before.
    saved: Option<Start>,
    /// Where the spec says that a first run begins.
    first: Option<Start>,
    lookback: Option<Window>,
    /// Where what is asked for ends: the whole span, or the slice at hand.
    end: Option<(Value, Watermark)>,
    /// The slices that the span is read in, where the spec says a `window`.
    slices: Option<Slices>,
    length: Option<Window>,
    /// How many slices are asked for at once.
    at_once: u32,
    /// How much earlier each end is sent.
    inclusive: Option<Window>,
    is_client: bool,
    is_sorted: bool,
    can_restart: bool,
    largest: Option<Watermark>,
    /// The largest value below the largest one: all records up to it have come, where they come in order.
    below: Option<Watermark>,
    last_page: Option<Value>,
    pass: Pass,
    repeats: Repeats,
    slots: Slots,
    /// How many records came, and how many of them had a value.
    seen: u64,
    valued: u64,
    was_reset: bool,
}

/// What is asked for from one beginning on.
#[derive(Debug, Default)]
struct Pass {
    number: u32,
    start: Option<Start>,
    /// What is sent as the start.
    sent: Option<Value>,
    /// What older records are dropped by.
    floor: Option<Watermark>,
    last: Option<Watermark>,
    /// Why it can't be gone on from its largest value.
    unordered: Option<String>,
    /// Whether a record came that the pass before had.
    overlapped: bool,
    received: u64,
}

/// Where a read begins.
#[derive(Clone, Debug)]
enum Start {
    Mark(Watermark),
    /// What a page gave, as it is.
    AsIs(Value),
}

/// How far a read came.
#[derive(Clone, Debug, PartialEq)]
pub struct Reached {
    /// What the next run goes on from, as JSON.
    pub cursor: String,
    /// Whether it is a value of the records, of which the largest counts.
    pub is_largest: bool,
}

impl CursorPlan {
    /// Makes ready what an endpoint says.
    pub fn new(incremental: &Incremental, key: Option<&Key>, span: Span) -> Self {
        let mut wanted = Wanted::new();
        let cursor = match &incremental.cursor {
            None => Cursor::End,
            Some(Expr::Path(path)) => {
                let slot = path.singular().and_then(|segments| wanted.add(segments));
                Cursor::Record { path: path.clone(), slot }
            }
            Some(template @ Expr::Template(_)) => {
                let mut needs = Needs::default();
                needs.add_expr(template);
                Cursor::Page { template: template.clone(), needs }
            }
        };
        let slots = key.and_then(|key| key.iter().map(|member| wanted.add(&segments(member)?)).collect());
        Self {
            incremental: incremental.clone(),
            key: key.cloned(),
            form: CursorForm::new(incremental.format.as_deref()),
            cursor,
            wanted,
            slots,
            span: incremental.cursor.as_ref().map_or(span, Expr::span),
        }
    }

    /// Tells whether all parents share one cursor.
    pub fn is_shared(&self) -> bool {
        self.incremental.per == Some(CursorScope::All)
    }

    /// Returns what the cursor needs of an answer, if it is taken from one.
    pub fn needs(&self) -> Option<&Needs> {
        match &self.cursor {
            Cursor::Page { needs, .. } => Some(needs),
            Cursor::Record { .. } | Cursor::End => None,
        }
    }

    /// Returns what stands for `window` where a request is made only to see what else it sends: the same in every run.
    pub fn placeholder(&self) -> Value {
        let value = match (&self.cursor, &self.form) {
            (Cursor::Page { .. }, _) | (_, CursorForm::Text) => Value::from(""),
            (_, CursorForm::Integer) => Value::from(0_u32),
            (_, CursorForm::AsRead) => Value::from(Timestamp::UNIX_EPOCH.to_string()),
            (_, form) => form.sent(&CursorForm::moment(Timestamp::UNIX_EPOCH)).unwrap_or_default(),
        };
        Value::object([("start", value.clone()), ("end", value)])
    }

    /// Returns how its cursors are compared.
    pub fn comparing(&self) -> Comparing {
        Comparing { form: self.form.clone(), is_shared: self.is_shared() }
    }
}

fn segments(member: &KeyMember) -> Option<Vec<engine_expr::Segment>> {
    match member {
        KeyMember::Name(name) => Some(vec![engine_expr::Segment::Name(name.as_str().into())]),
        KeyMember::Path(path) => path.singular().map(<[_]>::to_vec),
    }
}

impl Advance {
    /// Begins a read. `saved` is what the run before [reached](Self::reached), if it counts; `can_restart` tells whether the read may have to begin anew.
    ///
    /// # Errors
    ///
    /// Fails where a template does, and where a start or an end is no value of the cursor.
    pub fn new(
        plan: &Arc<CursorPlan>,
        saved: Option<&str>,
        can_restart: bool,
        scope: &Scope,
        now: Timestamp,
    ) -> Result<Self, AdvanceError> {
        let says = &plan.incremental;
        let flag = |setting: &Option<engine_expr::Setting<bool>>| {
            setting.as_ref().map_or(Ok(false), |setting| setting.resolve(scope))
        };
        let lookback = says.lookback.as_ref().map(|setting| setting.resolve(scope)).transpose()?;
        let start = |value: Value, span: Span| match &plan.cursor {
            Cursor::Page { .. } => Ok(Some(Start::AsIs(value))),
            Cursor::Record { .. } | Cursor::End => match plan.form.read(&value) {
                Ok(mark) => Ok(mark.map(Start::Mark)),
                Err(why) => Err(AdvanceError::value(format!("the cursor can't begin there: {why}"), span)
                    .help("give a time, or say what the cursor is by `format: integer` or `format: string`")),
            },
        };
        // What is no cursor of this spec any more, since `format` has changed, is as good as none.
        let saved = match saved.and_then(|json| Value::from_json(json).ok()) {
            Some(value) => start(value, plan.span).ok().flatten(),
            None => None,
        };
        let first = match &says.start {
            Some(value) => match value.evaluate(scope)? {
                Some(found) => start(found, value.span())?,
                None => None,
            },
            None => None,
        };
        let mut advance = Self {
            saved: saved.clone(),
            first,
            lookback,
            end: None,
            slices: None,
            length: says.window.as_ref().map(|setting| setting.resolve(scope)).transpose()?,
            at_once: says.concurrency.as_ref().map_or(Ok(1), |setting| setting.resolve(scope))?,
            inclusive: match &says.granularity {
                Some(granularity) => Some(Window::Fixed(granularity.resolve(scope)?.duration())),
                None => None,
            },
            is_client: flag(&says.client)?,
            is_sorted: flag(&says.sorted)?,
            can_restart: can_restart && plan.key.is_some() && matches!(plan.cursor, Cursor::Record { .. }),
            largest: match saved {
                Some(Start::Mark(mark)) => Some(mark),
                _ => None,
            },
            below: None,
            last_page: None,
            pass: Pass::default(),
            repeats: Repeats::default(),
            slots: Slots::default(),
            seen: 0,
            valued: 0,
            was_reset: false,
            plan: Arc::clone(plan),
        };
        advance.end = advance.end_of(scope, now)?;
        let start = advance.saved.clone();
        match start {
            Some(start) => advance.begin(Some(start), true)?,
            None => advance.begin(advance.first.clone(), false)?,
        }
        advance.cut()?;
        Ok(advance)
    }

    /// Cuts what is asked for into slices, and begins with the first one.
    fn cut(&mut self) -> Result<(), AdvanceError> {
        let Some(length) = self.length else { return Ok(()) };
        let span = self.plan.incremental.window.as_ref().map_or(self.plan.span, engine_expr::Setting::span);
        let (Some(from), Some((_, end))) = (self.pass.floor.clone(), self.end.clone()) else {
            return Err(AdvanceError::value("a `window` cuts a span that has a start and an end", span)
                .help("say where a first run begins: `start: \"2025-01-01T00:00:00Z\"`"));
        };
        // Nothing is later than its end: one slice, as the API would be asked without any.
        if end.is_after(&from) {
            self.slices = Some(Slices::new(length, from, end).map_err(|why| AdvanceError::value(why, span))?);
            self.slice()?;
        }
        Ok(())
    }

    /// Asks for the slice at hand.
    fn slice(&mut self) -> Result<(), AdvanceError> {
        let wrong = |why: String| AdvanceError::value(why, self.plan.span);
        let Some(slices) = &self.slices else { return Ok(()) };
        let (start, end) = slices.bounds(&self.plan.form).map_err(wrong)?;
        let sent = self.end_sent(&end).map_err(wrong)?;
        self.begin(Some(Start::Mark(start)), false)?;
        self.pass.number = 1;
        self.end = Some((sent, end));
        Ok(())
    }

    /// Goes on to the next slice of the span; tells whether there is one.
    ///
    /// # Errors
    ///
    /// Fails where a time is out of range, and where records between two beginnings of the slice at hand may be missing.
    pub fn next_slice(&mut self) -> Result<bool, AdvanceError> {
        let plan = Arc::clone(&self.plan);
        let Some(slices) = &mut self.slices else { return Ok(false) };
        if !slices.advance(&plan.form).map_err(|why| AdvanceError::value(why, plan.span))? {
            return Ok(false);
        }
        self.check_overlap()?;
        self.slice()?;
        Ok(true)
    }

    /// Returns what every request of the slices to come sends, and what the endpoint's templates see as `window` there: of as many as are asked
    /// for along with the one at hand.
    ///
    /// # Errors
    ///
    /// Fails where a time is out of range.
    pub fn slices_ahead(&self) -> Result<Vec<(Changes, Value)>, AdvanceError> {
        let Some(slices) = &self.slices else { return Ok(Vec::new()) };
        let form = &self.plan.form;
        let ahead = slices.ahead(form, self.at_once.saturating_sub(1)).and_then(|bounds| {
            let sent = |(start, end): &(Watermark, Watermark)| Ok((form.sent(start)?, self.end_sent(end)?));
            bounds.iter().map(sent).collect::<Result<Vec<_>, String>>()
        });
        let ahead = ahead.map_err(|why| AdvanceError::value(why, self.plan.span))?;
        let both = |(start, end): &(Value, Value)| (self.sends(Some(start), Some(end)), window(Some(start), Some(end)));
        Ok(ahead.iter().map(both).collect())
    }

    /// Returns an end as it is sent.
    fn end_sent(&self, end: &Watermark) -> Result<Value, String> {
        let form = &self.plan.form;
        match self.inclusive {
            Some(by) => form.sent(&form.earlier(end, by)?),
            None => form.sent(end),
        }
    }

    fn end_of(&self, scope: &Scope, now: Timestamp) -> Result<Option<(Value, Watermark)>, AdvanceError> {
        let says = &self.plan.incremental;
        let span = says.end.as_ref().map_or(self.plan.span, engine_expr::Dynamic::span);
        let given = match &says.end {
            Some(value) => value.evaluate(scope)?.filter(|value| *value != Value::Null),
            None => None,
        };
        let is_asked = says.send_end.is_some() || says.window.is_some() || matches!(self.plan.cursor, Cursor::End);
        let mark = match given {
            Some(value) => self.plan.form.read(&value).map_err(|why| AdvanceError::value(why, span))?,
            None if is_asked && !self.plan.form.is_time() => {
                return Err(AdvanceError::value(
                    "without an `end` it would be the time now, which this cursor is not",
                    span,
                )
                .help("say the `end`, or take `send_end` away"));
            }
            None => Some(CursorForm::moment(now)),
        };
        let Some(mark) = mark else { return Ok(None) };
        if !self.plan.form.is_time() && says.end.is_none() {
            return Ok(None);
        }
        let sent = self.end_sent(&mark).map_err(|why| AdvanceError::value(why, span))?;
        Ok(Some((sent, mark)))
    }

    /// Begins a pass; `back` tells whether it looks back.
    fn begin(&mut self, start: Option<Start>, back: bool) -> Result<(), AdvanceError> {
        let wrong = |why: String| AdvanceError::value(why, self.plan.span);
        let (sent, floor) = match &start {
            None => (None, None),
            Some(Start::AsIs(value)) => (Some(value.clone()), None),
            Some(Start::Mark(mark)) => {
                let from = match self.lookback.filter(|_| back) {
                    Some(by) => self.plan.form.earlier(mark, by).map_err(wrong)?,
                    None => mark.clone(),
                };
                (Some(self.plan.form.sent(&from).map_err(wrong)?), Some(from))
            }
        };
        self.pass = Pass { number: self.pass.number + 1, start, sent, floor, ..Pass::default() };
        Ok(())
    }

    /// Returns what every request of this pass sends.
    pub fn changes(&self) -> Changes {
        self.sends(self.pass.sent.as_ref(), self.end.as_ref().map(|(sent, _)| sent))
    }

    fn sends(&self, start: Option<&Value>, end: Option<&Value>) -> Changes {
        let says = &self.plan.incremental;
        let (start, end) = (says.send.as_ref().zip(start), says.send_end.as_ref().zip(end));
        Changes::new(start.into_iter().chain(end).map(|(place, value)| (place.clone(), value.clone())).collect())
    }

    /// Returns what the endpoint's templates see as `window`. A start that is not known is not there.
    pub fn window(&self) -> Value {
        window(self.pass.sent.as_ref(), self.end.as_ref().map(|(sent, _)| sent))
    }

    /// Takes note of a record; tells whether it is new, and not older than what is asked for.
    ///
    /// # Errors
    ///
    /// Fails where its value can't be compared, and where it is out of an order that the spec promises.
    pub fn record(&mut self, json: &str) -> Result<bool, AdvanceError> {
        self.pass.received += 1;
        self.seen += 1;
        let plan = Arc::clone(&self.plan);
        let Cursor::Record { path, slot } = &plan.cursor else { return Ok(true) };
        let unreadable = |_| AdvanceError::value("a record is no JSON", plan.span);
        let value = match slot {
            Some(slot) => {
                plan.wanted.fill(json, &mut self.slots).map_err(unreadable)?;
                self.slots.get(*slot, json).map(Value::from_json).transpose().map_err(unreadable)?
            }
            None => path.value(&Value::from_json(json).map_err(unreadable)?)?,
        };
        let mark = plan.form.read(&value.unwrap_or_default()).map_err(|why| {
            AdvanceError::value(format!("the cursor `{}` of a record: {why}", path.text()), plan.span)
                .help("say what it is by `format: integer` or `format: string`, or take another member as `cursor`")
        })?;
        let Some(mark) = mark else {
            self.pass.unordered.get_or_insert_with(|| format!("a record has no `{}`", path.text()));
            return Ok(true);
        };
        self.valued += 1;
        if self.is_client && self.pass.floor.as_ref().is_some_and(|floor| floor.is_after(&mark)) {
            return Ok(false);
        }
        self.check_order(&mark)?;
        let mut known = Known::No;
        if self.can_restart || self.slices.is_some() {
            let key = self.key(json);
            if let (Some(slices), Some(key)) = (&mut self.slices, &key)
                && slices
                    .is_repeated(key.clone(), &mark, &plan.form)
                    .map_err(|why| AdvanceError::value(why, plan.span))?
            {
                return Ok(false);
            }
            if let Some(key) = key.filter(|_| self.can_restart && self.pass.unordered.is_none()) {
                known = self.repeats.take(key, &mark);
            }
        }
        self.pass.overlapped |= known != Known::No;
        match &self.largest {
            Some(largest) if !mark.is_after(largest) => {}
            largest => {
                self.below.clone_from(largest);
                self.largest = Some(mark);
            }
        }
        Ok(known != Known::Same)
    }

    fn check_order(&mut self, mark: &Watermark) -> Result<(), AdvanceError> {
        if let Some(last) = self.pass.last.as_ref().filter(|last| last.is_after(mark)) {
            let why = format!("a record with {} comes after one with {}", mark.shown(), last.shown());
            if self.is_sorted {
                return Err(AdvanceError::value(format!("the records are not `sorted`: {why}"), self.plan.span)
                    .help("ask the API for ascending order, or take `sorted` away"));
            }
            self.pass.unordered.get_or_insert(why);
            return Ok(());
        }
        self.pass.last = Some(mark.clone());
        Ok(())
    }

    /// Returns the key of a record as a text; none where a member of it is missing.
    fn key(&self, json: &str) -> Option<String> {
        let mut text = String::new();
        if let Some(slots) = &self.plan.slots {
            for slot in slots {
                text.push_str(self.slots.get(*slot, json)?);
                text.push('\n');
            }
            return Some(text);
        }
        let record = Value::from_json(json).ok()?;
        for member in self.plan.key.as_ref()? {
            let value = match member {
                KeyMember::Name(name) => record.get(name).cloned(),
                KeyMember::Path(path) => path.value(&record).ok()?,
            };
            text.push_str(&value?.to_json());
            text.push('\n');
        }
        Some(text)
    }

    /// Takes note of a page, after its records.
    ///
    /// # Errors
    ///
    /// Fails where the template of the cursor does.
    pub fn page(&mut self, answer: &Answer, scope: &Scope) -> Result<(), AdvanceError> {
        match &self.plan.cursor {
            Cursor::Page { template, needs } => {
                let scope = scope.with("response", answer.to_value(needs));
                let found = template.evaluate(&scope)?;
                if let Some(value) = found.filter(|value| !is_nothing(value)) {
                    self.last_page = Some(value);
                }
            }
            Cursor::Record { .. } => self.forget_old(),
            Cursor::End => {}
        }
        Ok(())
    }

    /// Forgets the keys of records that do not come again when the read begins anew from the largest value.
    fn forget_old(&mut self) {
        let Some(largest) = self.largest.as_ref().filter(|_| self.can_restart) else { return };
        let form = &self.plan.form;
        let from = match self.lookback {
            Some(by) => form.earlier(largest, by).unwrap_or_else(|_| largest.clone()),
            None => largest.clone(),
        };
        // What is sent may be less exact than the values: a day has many records.
        let sent = form.sent(&from).ok();
        self.repeats.forget_until(|mark| !from.is_after(mark) || form.sent(mark).ok() == sent);
    }

    /// Returns how many records came since the read began, or began anew.
    pub fn received(&self) -> u64 {
        self.pass.received
    }

    /// Begins anew from the largest value that came.
    ///
    /// # Errors
    ///
    /// Fails where that would lose records, or lead nowhere.
    pub fn restart(&mut self) -> Result<(), AdvanceError> {
        let span = self.plan.span;
        let Cursor::Record { path, .. } = &self.plan.cursor else {
            return Err(AdvanceError::value(
                "a read begins anew from the largest value of its records, and has no such cursor",
                span,
            )
            .help("write `incremental: {cursor: $.…, send: …}`"));
        };
        if !self.can_restart {
            return Err(AdvanceError::value(
                "a read that begins anew gets records again, and does not know them",
                span,
            )
            .help("write the `key` by which records are known"));
        }
        if let Some(why) = &self.pass.unordered {
            return Err(AdvanceError::stuck(format!("the read can't begin anew: {why}"), span)
                .help(format!("ask the API for records in ascending order of `{}`", path.text())));
        }
        self.check_overlap()?;
        let Some(largest) = self.largest.clone().filter(|_| self.pass.last.is_some()) else {
            return Err(AdvanceError::stuck("the read would begin anew from where it began: no record came", span));
        };
        if let Some(Start::Mark(start)) = &self.pass.start
            && !largest.is_after(start)
        {
            return Err(AdvanceError::stuck(
                format!(
                    "the read would begin anew from where it began: all {} records that came have {}",
                    self.pass.received,
                    largest.shown()
                ),
                span,
            )
            .help("take a finer cursor, or larger pages"));
        }
        self.forget_old();
        self.begin(Some(Start::Mark(largest)), true)
    }

    /// Requires that a pass that began anew has records of the one before, so that none between them is missing.
    fn check_overlap(&self) -> Result<(), AdvanceError> {
        if self.pass.number < 2 || self.pass.overlapped || self.was_reset || self.is_unique() {
            return Ok(());
        }
        let from = self.pass.sent.as_ref().map(Value::to_json).unwrap_or_default();
        Err(AdvanceError::stuck(
            format!("the read began anew from {from}, and no record came that had come before: those of the same value may be missing"),
            self.plan.span,
        )
        .help("let the spans overlap: `lookback: 1s`"))
    }

    /// Tells whether no two records have the same value: the cursor is the key.
    fn is_unique(&self) -> bool {
        let Cursor::Record { path, .. } = &self.plan.cursor else { return false };
        match self.plan.key.as_ref().map(Key::as_slice) {
            Some([member]) => segments(member).as_deref() == path.singular(),
            _ => false,
        }
    }

    /// Begins anew from the start that the spec says, without what was kept; tells whether there is anything to forget.
    ///
    /// # Errors
    ///
    /// Fails where it did so before, and where records were handed on that would come again.
    pub fn reset(&mut self) -> Result<(), AdvanceError> {
        let span = self.plan.span;
        if self.was_reset || self.saved.is_none() {
            return Err(AdvanceError::stuck("the cursor is forgotten already", span));
        }
        if self.seen > 0 {
            return Err(AdvanceError::stuck(
                format!(
                    "the cursor is forgotten, but {} records were handed on already, which would come again",
                    self.seen
                ),
                span,
            )
            .help("run again: the read then begins from its `start`"));
        }
        self.was_reset = true;
        self.saved = None;
        self.largest = None;
        self.begin(self.first.clone(), false)?;
        if let Some(slices) = self.slices.take() {
            self.end = self.end.take().map(|_| self.end_of_all(&slices)).transpose()?;
            self.cut()?;
        }
        Ok(())
    }

    /// Returns the end of the whole span.
    fn end_of_all(&self, slices: &Slices) -> Result<(Value, Watermark), AdvanceError> {
        let end = slices.end().clone();
        let sent = self.end_sent(&end).map_err(|why| AdvanceError::value(why, self.plan.span))?;
        Ok((sent, end))
    }

    /// Returns how far the read came, now that it is at its end; nothing where that is no further than before.
    ///
    /// # Errors
    ///
    /// Fails where no record or page had a value.
    pub fn reached(&self) -> Result<Option<Reached>, AdvanceError> {
        self.check_overlap()?;
        let reached = |value: &Value, is_largest| Some(Reached { cursor: value.to_json(), is_largest });
        Ok(match &self.plan.cursor {
            Cursor::Record { path, .. } => {
                if self.seen > 0 && self.valued == 0 {
                    return Err(AdvanceError::value(
                        format!("no record has the cursor `{}`", path.text()),
                        self.plan.span,
                    )
                    .help("give the path of a member of the records, which begins at the record: `$.updated_at`"));
                }
                self.moved(self.largest.as_ref()).and_then(|mark| reached(mark.value(), true))
            }
            Cursor::Page { template, .. } => match (&self.last_page, &self.saved) {
                (Some(value), _) => reached(value, false),
                (None, Some(_)) => None,
                (None, None) => {
                    return Err(AdvanceError::value(
                        format!("no page has the cursor `{}`", template.text()),
                        self.plan.span,
                    )
                    .help("check the template against an answer of the API"));
                }
            },
            Cursor::End => self.end.as_ref().and_then(|(_, mark)| reached(mark.value(), true)),
        })
    }

    /// Returns how far the read came for certain while it is not at its end: where records come in order, all below the largest value.
    pub fn reached_so_far(&self) -> Option<Reached> {
        if !self.is_sorted || self.pass.unordered.is_some() {
            return None;
        }
        let mark = self.moved(self.below.as_ref())?;
        Some(Reached { cursor: mark.value().to_json(), is_largest: true })
    }

    /// Tells whether the records are said to come in order.
    pub fn is_sorted(&self) -> bool {
        self.is_sorted
    }

    /// Returns a value that is further than the one that was kept.
    fn moved<'m>(&self, mark: Option<&'m Watermark>) -> Option<&'m Watermark> {
        match &self.saved {
            Some(Start::Mark(saved)) => mark.filter(|mark| mark.is_after(saved)),
            _ => mark,
        }
    }
}

fn window(start: Option<&Value>, end: Option<&Value>) -> Value {
    let start = start.map(|value| ("start", value.clone()));
    let end = end.map(|value| ("end", value.clone()));
    Value::object(start.into_iter().chain(end).collect::<Vec<_>>())
}

/// Tells whether a value stands for none.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::answer::tests::answer;
    use crate::draft::tests::{read, scope};

    /// A read of records `{id, at}`, of which a test says what is done and what comes of it.
    struct Reading {
        advance: Advance,
        lines: Vec<String>,
    }

    impl Reading {
        fn new(yaml: &str, saved: Option<&str>) -> Self {
            match Self::begin(yaml, saved) {
                Ok(reading) => reading,
                Err(error) => panic!("{yaml}: {error}"),
            }
        }

        fn begin(yaml: &str, saved: Option<&str>) -> Result<Self, AdvanceError> {
            let incremental: Incremental = read(yaml);
            let key: Key = read("id");
            let plan = Arc::new(CursorPlan::new(&incremental, Some(&key), Span::default()));
            let now = "2026-01-01T00:00:00Z".parse().unwrap();
            let advance = Advance::new(&plan, saved, true, &scope("{}"), now)?;
            let mut reading = Self { advance, lines: Vec::new() };
            reading.sent();
            Ok(reading)
        }

        fn sent(&mut self) {
            let changes = self.advance.changes();
            let sent: Vec<String> =
                changes.places().iter().map(|(place, value)| format!("{place}={}", value.to_json())).collect();
            self.lines.push(format!("sent {}", sent.join(" ")).trim().to_owned());
        }

        /// A page of records `id@value`, or `id` for one without a value.
        fn page(mut self, records: &str) -> Self {
            let mut kept = Vec::new();
            for record in records.split_whitespace() {
                let json = match record.split_once('@') {
                    Some((id, at)) => format!("{{\"id\": {id}, \"at\": {at}}}"),
                    None => format!("{{\"id\": {record}}}"),
                };
                match self.advance.record(&json) {
                    Ok(true) => kept.push(record),
                    Ok(false) => {}
                    Err(error) => self.lines.push(format!("error: {error}")),
                }
            }
            self.lines.push(format!("kept {}", kept.join(" ")).trim().to_owned());
            self.answer("{}")
        }

        fn answer(mut self, body: &str) -> Self {
            if let Err(error) = self.advance.page(&answer(&format!("200\n\n{body}")), &scope("{}")) {
                self.lines.push(format!("error: {error}"));
            }
            self.in_another_process()
        }

        /// Whoever goes on in another process does what this one would.
        fn in_another_process(mut self) -> Self {
            let position = Value::from_json(&self.advance.position().to_json()).unwrap();
            let later = "2026-01-02T00:00:00Z".parse().unwrap();
            let fresh = Advance::new(&self.advance.plan, None, true, &scope("{}"), later).unwrap();
            let again = fresh.at(&position).unwrap();
            assert_eq!(again.position(), position);
            assert_eq!(again.changes().to_value(), self.advance.changes().to_value());
            self.advance = again;
            self
        }

        fn next_slice(mut self) -> Self {
            match self.advance.next_slice() {
                Ok(true) => self.sent(),
                Ok(false) => self.lines.push("no more slices".to_owned()),
                Err(error) => self.lines.push(format!("error: {error}")),
            }
            self.in_another_process()
        }

        fn restart(mut self) -> Self {
            match self.advance.restart() {
                Ok(()) => self.sent(),
                Err(error) => self.lines.push(format!("error: {error}")),
            }
            self
        }

        fn reset(mut self) -> Self {
            match self.advance.reset() {
                Ok(()) => self.sent(),
                Err(error) => self.lines.push(format!("error: {error}")),
            }
            self
        }

        fn end(mut self, expected: &[&str]) {
            self.lines.push(match self.advance.reached() {
                Ok(Some(reached)) => format!("reached {}", reached.cursor),
                Ok(None) => "no further".to_owned(),
                Err(error) => format!("error: {error}"),
            });
            assert_eq!(self.lines, expected);
        }
    }

    const NUMBERS: &str = "{cursor: $.at, send: query.since, format: integer}";

    #[test]
    fn goes_on_from_the_largest_value() {
        Reading::new(NUMBERS, None).page("1@5 2@9 3@7").page("4@8").end(&[
            "sent",
            "kept 1@5 2@9 3@7",
            "kept 4@8",
            "reached 9",
        ]);
        Reading::new(NUMBERS, Some("9")).page("1@9 2@10").end(&["sent query.since=9", "kept 1@9 2@10", "reached 10"]);
        Reading::new(NUMBERS, Some("9")).page("1@7 2@8").end(&["sent query.since=9", "kept 1@7 2@8", "no further"]);
        Reading::new(NUMBERS, Some("9")).page("").end(&["sent query.since=9", "kept", "no further"]);
    }

    #[test]
    fn begins_where_the_spec_says_and_looks_back_from_what_was_kept_only() {
        let yaml = "{cursor: $.at, start: '2025-01-01T00:00:00Z', send: query.since, send_end: query.until, lookback: 1h, granularity: 1s}";
        let first = r#"sent query.since="2025-01-01T00:00:00Z" query.until="2025-12-31T23:59:59Z""#;
        Reading::new(yaml, None).page(r#"1@"2025-02-01T00:00:00Z""#).end(&[
            first,
            r#"kept 1@"2025-02-01T00:00:00Z""#,
            r#"reached "2025-02-01T00:00:00Z""#,
        ]);
        let second = r#"sent query.since="2025-01-31T23:00:00Z" query.until="2025-12-31T23:59:59Z""#;
        Reading::new(yaml, Some(r#""2025-02-01T00:00:00Z""#)).end(&[second, "no further"]);
    }

    #[test]
    fn without_a_cursor_the_end_is_kept() {
        let yaml = "{send: query.since, send_end: query.until, format: unix}";
        Reading::new(yaml, None).page("1").end(&[
            "sent query.until=1767225600",
            "kept 1",
            r#"reached "2026-01-01T00:00:00Z""#,
        ]);
        let yaml = "{send: query.since, end: '2025-06-01'}";
        Reading::new(yaml, Some(r#""2025-05-01""#))
            .end(&[r#"sent query.since="2025-05-01""#, r#"reached "2025-06-01""#]);
    }

    #[test]
    fn what_a_page_gives_is_kept_as_it_is() {
        let yaml = "{cursor: '{{ response.body.token }}', send: query.token}";
        Reading::new(yaml, None)
            .answer("{\"token\": \"a\"}")
            .answer("{\"token\": {\"b\": 1}}")
            .answer("{\"token\": \"\"}")
            .answer("{}")
            .end(&["sent", "reached {\"b\":1}"]);
        Reading::new(yaml, Some("\"x\"")).answer("{}").end(&["sent query.token=\"x\"", "no further"]);
        Reading::new(yaml, None)
            .answer("{}")
            .end(&["sent", "error: no page has the cursor `{{ response.body.token }}`"]);
    }

    #[test]
    fn a_cursor_that_no_record_has_is_an_error() {
        Reading::new(NUMBERS, Some("3")).page("1 2").end(&[
            "sent query.since=3",
            "kept 1 2",
            "error: no record has the cursor `$.at`",
        ]);
        Reading::new(NUMBERS, None).page("1 2@3").end(&["sent", "kept 1 2@3", "reached 3"]);
    }

    #[test]
    fn drops_what_is_older_where_the_api_can_not() {
        let yaml = "{cursor: $.at, client: true, format: integer}";
        Reading::new(yaml, Some("5")).page("1@4 2@5 3@6 4").end(&["sent", "kept 2@5 3@6 4", "reached 6"]);
        Reading::new(yaml, None).page("1@4 2@5").end(&["sent", "kept 1@4 2@5", "reached 5"]);
    }

    #[test]
    fn begins_anew_from_the_largest_value_without_repeats() {
        Reading::new(NUMBERS, None).page("1@5 2@9 3@9").restart().page("2@9 3@9 4@9 5@12").restart().page("5@12").end(
            &[
                "sent",
                "kept 1@5 2@9 3@9",
                "sent query.since=9",
                "kept 4@9 5@12",
                "sent query.since=12",
                "kept",
                "reached 12",
            ],
        );
    }

    #[test]
    fn a_record_that_has_changed_comes_again() {
        Reading::new(NUMBERS, None).page("1@5 2@9").restart().page("3@10 2@11").end(&[
            "sent",
            "kept 1@5 2@9",
            "sent query.since=9",
            "kept 3@10 2@11",
            "reached 11",
        ]);
    }

    #[test]
    fn beginning_anew_without_progress_is_an_error() {
        let all_alike = "error: the read would begin anew from where it began: all 2 records that came have `9`";
        Reading::new(NUMBERS, Some("9")).page("1@9 2@9").restart().end(&[
            "sent query.since=9",
            "kept 1@9 2@9",
            all_alike,
            "no further",
        ]);
        let nothing = "error: the read would begin anew from where it began: no record came";
        Reading::new(NUMBERS, Some("9")).restart().end(&["sent query.since=9", nothing, "no further"]);
    }

    #[test]
    fn beginning_anew_is_an_error_where_records_would_be_lost() {
        let unordered = "error: the read can't begin anew: a record with `5` comes after one with `9`";
        Reading::new(NUMBERS, None).page("1@9 2@5").restart().end(&["sent", "kept 1@9 2@5", unordered, "reached 9"]);
        let valueless = "error: the read can't begin anew: a record has no `$.at`";
        Reading::new(NUMBERS, None).page("1@4 2").restart().end(&["sent", "kept 1@4 2", valueless, "reached 4"]);
        let exclusive = "error: the read began anew from 9, and no record came that had come before: those of the same value may be missing";
        Reading::new(NUMBERS, None).page("1@9").restart().page("2@10").end(&[
            "sent",
            "kept 1@9",
            "sent query.since=9",
            "kept 2@10",
            exclusive,
        ]);
        // Where the cursor is the key, there is nothing else of the same value.
        let unique = "{cursor: $.id, send: query.after, format: integer}";
        Reading::new(unique, None).page("1 2").restart().page("3").end(&[
            "sent",
            "kept 1 2",
            "sent query.after=2",
            "kept 3",
            "reached 3",
        ]);
    }

    #[test]
    fn keys_are_remembered_no_longer_than_their_records_may_come_again() {
        let mut reading = Reading::new(NUMBERS, None);
        for page in 0..100 {
            reading = reading.page(&format!("1{page}@{page} 2{page}@{page}"));
            assert_eq!(reading.advance.repeats.len(), 2);
        }
        let by_day = "{cursor: $.at, send: query.since, format: '%Y-%m-%d'}";
        let mut reading = Reading::new(by_day, None);
        for hour in 0..48 {
            let at = format!("\"2025-01-{:02}T{:02}:00:00Z\"", 1 + hour / 24, hour % 24);
            reading = reading.page(&format!("{hour}@{at}"));
            assert_eq!(reading.advance.repeats.len(), hour % 24 + 1, "{hour}");
        }
    }

    #[test]
    fn forgets_the_cursor_once_and_only_before_anything_was_handed_on() {
        let yaml = "{cursor: $.at, start: 1, send: query.since, format: integer}";
        let again = "error: the cursor is forgotten already";
        Reading::new(yaml, Some("9")).reset().page("1@2").reset().end(&[
            "sent query.since=9",
            "sent query.since=1",
            "kept 1@2",
            again,
            "reached 2",
        ]);
        let late = "error: the cursor is forgotten, but 1 records were handed on already, which would come again";
        Reading::new(yaml, Some("9")).page("1@10").reset().end(&[
            "sent query.since=9",
            "kept 1@10",
            late,
            "reached 10",
        ]);
        Reading::new(yaml, None).reset().end(&["sent query.since=1", again, "no further"]);
    }

    #[test]
    fn knows_how_far_a_sorted_read_came_in_the_middle() {
        let yaml = "{cursor: $.at, send: query.since, format: integer, sorted: true}";
        let far = |reading: &Reading| reading.advance.reached_so_far().map(|reached| reached.cursor);
        let reading = Reading::new(yaml, Some("3")).page("1@4 2@5 3@5");
        assert_eq!(far(&reading).as_deref(), Some("4"));
        let reading = reading.page("4@5 5@6");
        assert_eq!(far(&reading).as_deref(), Some("5"));
        let reading = reading.page("6@4");
        assert!(
            reading.lines.contains(
                &"error: the records are not `sorted`: a record with `4` comes after one with `6`".to_owned()
            )
        );
        assert_eq!(far(&Reading::new(NUMBERS, None).page("1@4 2@5")), None);
        assert_eq!(far(&Reading::new(yaml, Some("5")).page("1@5 2@6")), None);
    }

    #[test]
    fn a_start_that_is_no_value_is_an_error_and_an_old_cursor_is_none() {
        let error = Reading::begin("{cursor: $.at, start: soon, send: query.since}", None).err().unwrap();
        assert_eq!(error.message, "the cursor can't begin there: `soon` is not a time");
        let reading = Reading::new("{cursor: $.at, start: '2025-01-01', send: query.since}", Some("\"abc\""));
        reading.end(&[r#"sent query.since="2025-01-01""#, "no further"]);
    }

    #[test]
    fn a_window_cuts_the_span_into_slices_and_records_at_their_edges_come_once() {
        let yaml = "{cursor: $.at, start: '2025-01-01', end: '2025-01-25', window: 10d, granularity: 1d, send: query.from, send_end: query.to}";
        Reading::new(yaml, None)
            .page(r#"1@"2025-01-03" 2@"2025-01-11""#)
            .next_slice()
            .page(r#"2@"2025-01-11" 3@"2025-01-20""#)
            .next_slice()
            .page("")
            .next_slice()
            .end(&[
                r#"sent query.from="2025-01-01" query.to="2025-01-10""#,
                r#"kept 1@"2025-01-03" 2@"2025-01-11""#,
                r#"sent query.from="2025-01-11" query.to="2025-01-20""#,
                r#"kept 3@"2025-01-20""#,
                r#"sent query.from="2025-01-21" query.to="2025-01-24""#,
                "kept",
                "no more slices",
                r#"reached "2025-01-20""#,
            ]);
        let windows = "{start: '2025-01-01', end: '2025-02-10', window: 1mo, send: query.from, send_end: query.to}";
        Reading::new(windows, Some(r#""2025-01-15""#)).next_slice().end(&[
            r#"sent query.from="2025-01-15" query.to="2025-02-10""#,
            "no more slices",
            r#"reached "2025-02-10""#,
        ]);
        let lookback =
            "{cursor: $.at, start: '2020-01-01', window: 1mo, lookback: 1d, send: query.from, send_end: query.to}";
        Reading::new(lookback, Some(r#""2025-11-15""#)).next_slice().next_slice().end(&[
            r#"sent query.from="2025-11-14" query.to="2025-12-14""#,
            r#"sent query.from="2025-12-14" query.to="2026-01-01T00:00:00Z""#,
            "no more slices",
            "no further",
        ]);
        let error = Reading::begin("{cursor: $.at, window: 1mo, send: query.from}", None).err().unwrap();
        assert_eq!(error.message, "a `window` cuts a span that has a start and an end");
    }
}
