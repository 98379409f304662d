//! One read that goes on from where the last one came: what it sends, which records it keeps, how far it came, and how it begins anew.
//!
//! Knows nothing of where the cursor is kept, nor when it may be.

mod position;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use engine_expr::{Expr, JsonPath, Scope, Slots, Value, Wanted};
use engine_source::Span;
use jiff::Timestamp;

use super::advance_error::AdvanceError;
use super::comparing::Comparing;
use super::lacking::Lacking;
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
    /// What the first record that had none has instead.
    lacking: Option<Lacking>,
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
    /// Fails where a template does, and where what was saved, a start or an end is no value of the cursor.
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
        let start = |value: Value| match &plan.cursor {
            Cursor::Page { .. } => Ok(Some(Start::AsIs(value))),
            Cursor::Record { .. } | Cursor::End => plan.form.read(&value).map(|mark| mark.map(Start::Mark)),
        };
        // To begin at the start instead would do all again that was done.
        let saved = match saved {
            Some(json) => Value::from_json(json)
                .map_err(|_| "it is no JSON".to_owned())
                .and_then(start)
                .map_err(|why| AdvanceError::saved(&why, plan.span))?,
            None => None,
        };
        let first = match &says.start {
            Some(value) => match value.evaluate(scope)? {
                Some(found) => start(found).map_err(|why| AdvanceError::start(&why, value.span()))?,
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
            lacking: None,
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
            Some(by) => form.sent(&form.exactly_earlier(end, by)?),
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
            if self.seen == 1 {
                self.lacking = Value::from_json(json).ok().and_then(|record| Lacking::of(path, &record));
            }
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
                    let has = self.lacking.as_ref().map(|lacking| format!(": {}", lacking.has)).unwrap_or_default();
                    let message = format!("no record has the cursor `{}`{has}", path.text());
                    let close = self.lacking.as_ref().and_then(|lacking| lacking.help.clone());
                    let help = "give the path of a member of the records, which begins at the record: `$.updated_at`";
                    let help = close.unwrap_or_else(|| help.to_owned());
                    return Err(AdvanceError::value(message, self.plan.span).help(help));
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

    /// Returns how far the read came for certain while it is not at its end: where records come in order, all below the largest value, and that
    /// one too where no two are alike.
    pub fn reached_so_far(&self) -> Option<Reached> {
        if !self.is_sorted || self.pass.unordered.is_some() {
            return None;
        }
        let last = self.pass.last.as_ref()?;
        let mark = if self.is_unique() {
            self.largest.as_ref().filter(|mark| !mark.is_after(last))
        } else {
            self.below.as_ref().filter(|mark| last.is_after(mark))
        };
        let mark = self.moved(mark)?;
        // What is beyond the window at hand the next one may have too.
        if let Some(slices) = &self.slices
            && slices.bounds(&self.plan.form).map_or(true, |(_, end)| mark.is_after(&end))
        {
            return None;
        }
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
