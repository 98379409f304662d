//! What a run has to keep for the next one, held back until what it stands for was delivered.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use engine_expr::{NameUse, Value};
use engine_plan::{Block, Target};
use engine_request::{Comparing, Reached};
use engine_spec::WriteMode;

use crate::failure::Failure;
use crate::frame::{Frame, stream_of};
use crate::journal::ToKeep;
use crate::machine::Event;
use crate::report::Status;
use crate::state::{Kind, StateError, StateStore};

/// What the reads of a run want to keep.
#[derive(Default)]
pub(crate) struct Pending {
    keepings: Mutex<Vec<Keeping>>,
    /// The steps of which a read was not complete: what its reads share is not kept.
    held: Mutex<HashSet<usize>>,
    /// The steps whose API said that nothing has changed.
    unmodified: Mutex<HashSet<usize>>,
}

/// Something that a read wants to keep.
pub(crate) struct Keeping {
    /// The step, by its number.
    pub(crate) step: usize,
    pub(crate) kind: Kind,
    pub(crate) key: String,
    /// What it is, in words.
    pub(crate) label: String,
    pub(crate) value: Kept,
}

/// What is kept.
pub(crate) enum Kept {
    /// How far a read came.
    Cursor(Comparing, Reached),
    /// Anything else.
    Text(String),
}

/// The names of the kinds in what is written down.
const KINDS: [(Kind, &str); 2] = [(Kind::Cursor, "cursor"), (Kind::Validator, "validator")];

impl Keeping {
    /// Returns it as who goes on with the run reads it.
    pub(crate) fn written(&self) -> String {
        let kind = KINDS.iter().find(|(kind, _)| *kind == self.kind).map_or("", |(_, name)| name);
        let mut members = vec![
            ("step", Value::from(self.step)),
            ("kind", kind.into()),
            ("key", self.key.as_str().into()),
            ("label", self.label.as_str().into()),
        ];
        match &self.value {
            Kept::Cursor(comparing, reached) => members.extend([
                ("comparing", comparing.to_value()),
                ("cursor", reached.cursor.as_str().into()),
                ("is_largest", reached.is_largest.into()),
            ]),
            Kept::Text(text) => members.push(("text", text.as_str().into())),
        }
        Value::object(members).to_json()
    }

    /// Returns what the store is to keep; nothing where another run has come further since this one began: a cursor goes back only where all is
    /// read anew, which `goes_back` says.
    pub(crate) async fn beside(self, state: &dyn StateStore, goes_back: bool) -> Result<Option<ToKeep>, StateError> {
        let Self { kind, key, label, value, .. } = self;
        let text = match value {
            Kept::Cursor(comparing, reached) if reached.is_largest && !goes_back => {
                let known = state.load(kind, &key).await?.and_then(|bytes| String::from_utf8(bytes).ok());
                let known = known.map(|cursor| Reached { cursor, is_largest: true });
                if known.is_some_and(|known| comparing.larger(known, reached.clone()) != reached) {
                    return Ok(None);
                }
                reached.cursor
            }
            Kept::Cursor(_, reached) => reached.cursor,
            Kept::Text(text) => text,
        };
        Ok(Some(ToKeep { kind, key, label, value: text.into_bytes() }))
    }

    fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
        let kind = text("kind")?;
        let kept = match value.get("comparing") {
            Some(comparing) => {
                let reached = Reached { cursor: text("cursor")?, is_largest: value.get("is_largest")?.as_bool()? };
                Kept::Cursor(Comparing::from_value(comparing)?, reached)
            }
            None => Kept::Text(text("text")?),
        };
        Some(Self {
            step: usize::try_from(value.get("step")?.as_i64()?).ok()?,
            kind: KINDS.iter().find(|(_, name)| *name == kind)?.0,
            key: text("key")?,
            label: text("label")?,
            value: kept,
        })
    }
}

/// Says, for who goes on with the run, that a read of a step was not complete.
pub(crate) fn written_hold(step: usize) -> String {
    Value::object([("hold", Value::from(step))]).to_json()
}

/// Says, for who goes on with the run, that there was nothing new for a step.
pub(crate) fn written_unmodified(step: usize) -> String {
    Value::object([("unmodified", Value::from(step))]).to_json()
}

impl Pending {
    /// Takes over what was written down before the run was taken up again.
    pub(crate) fn restore(&self, written: &[String]) {
        for text in written {
            let Ok(value) = Value::from_json(text) else { continue };
            let step = |name: &str| usize::try_from(value.get(name)?.as_i64()?).ok();
            if let Some(step) = step("hold") {
                self.hold(step);
            } else if let Some(step) = step("unmodified") {
                self.set_unmodified(step);
            } else if let Some(keeping) = Keeping::read(&value) {
                self.add(keeping);
            }
        }
    }

    /// Takes something that is kept once all was delivered.
    pub(crate) fn add(&self, keeping: Keeping) {
        let mut keepings = self.keepings.lock().unwrap_or_else(PoisonError::into_inner);
        let same = keepings.iter_mut().find(|known| known.kind == keeping.kind && known.key == keeping.key);
        match (same, keeping) {
            (None, keeping) => keepings.push(keeping),
            // Reads that share a cursor: the largest of them counts.
            (
                Some(Keeping { value: Kept::Cursor(_, known), .. }),
                Keeping { value: Kept::Cursor(comparing, reached), .. },
            ) if reached.is_largest => *known = comparing.larger(known.clone(), reached),
            (Some(known), keeping) => *known = keeping,
        }
    }

    /// Takes note that a read of a step was not complete.
    pub(crate) fn hold(&self, step: usize) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(step);
    }

    /// Takes note that there was nothing new for a step.
    pub(crate) fn set_unmodified(&self, step: usize) {
        self.unmodified.lock().unwrap_or_else(PoisonError::into_inner).insert(step);
    }

    /// Tells whether a step has no items because nothing has changed.
    pub(crate) fn is_unmodified(&self, steps: &Block, step: usize) -> bool {
        let unmodified = self.unmodified.lock().unwrap_or_else(PoisonError::into_inner);
        let above = |step: &usize| stream_of(steps.get(*step)?);
        std::iter::successors(Some(step), above).any(|step| unmodified.contains(&step))
    }

    /// Hands over what the reads of steps within `step` keep, now that they were all delivered there: it counts once that step is.
    pub(crate) fn hand_over(&self, frame: &Frame, above: &Self, step: usize) {
        let keepings = std::mem::take(&mut *self.keepings.lock().unwrap_or_else(PoisonError::into_inner));
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let mut written = Vec::new();
        for keeping in keepings {
            if is_delivered(frame, keeping.step) {
                let keeping = Keeping { step, ..keeping };
                written.push(keeping.written());
                above.add(keeping);
            }
        }
        if !held.is_empty() {
            written.push(written_hold(step));
            above.hold(step);
        }
        if !written.is_empty() {
            frame.context.journal.event(Event::Kept { keep: written });
        }
    }

    /// Keeps what was delivered, now that the run is at its end.
    ///
    /// # Errors
    ///
    /// Gives the step for which something could not be kept.
    pub(crate) async fn save(&self, frame: &Frame) -> Result<(), (usize, Failure)> {
        let keepings = std::mem::take(&mut *self.keepings.lock().unwrap_or_else(PoisonError::into_inner));
        let held = std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner));
        let world = frame.context.exchanges.world();
        frame.context.journal.keepings_written().await;
        for keeping in keepings {
            let step = keeping.step;
            let is_whole = match &keeping.value {
                Kept::Cursor(comparing, _) => !(comparing.is_shared() && held.contains(&step)),
                Kept::Text(_) => true,
            };
            if !is_whole || !is_delivered(frame, step) {
                continue;
            }
            let kept = keeping.beside(&*world.state, frame.context.options.full_refresh).await;
            if let Some(ToKeep { kind, key, label, value }) = kept.map_err(|error| (step, Failure::from(error)))? {
                let saved = world.state.save(kind, &key, &label, &value, world.clock.now()).await;
                saved.map_err(|error| (step, Failure::from(error)))?;
            }
        }
        Ok(())
    }
}

/// Tells whether all that a step handed on came to its end: the steps that take its stream ran, and those that use its records too. Where some
/// of them are left out of the run, it did not.
fn is_delivered(frame: &Frame, step: usize) -> bool {
    let status = |step: usize| frame.end_of(step);
    let Some(source) = frame.steps.get(step) else { return false };
    let is_kept = source.kept.all || source.kept.last;
    let mut users = frame.steps.iter().filter(|other| is_kept && other.waits_for.contains(&step));
    status(step) == Some(Status::Ok)
        && !source.is_cut
        && source.consumers.iter().all(|&consumer| is_delivered(frame, consumer))
        // One that its `when` skips has decided by what it knows of this step, or of one that goes by it.
        && users.all(|user| {
            let looks = |name: &NameUse| {
                let id = name.path.get(1).filter(|_| name.root() == "steps");
                id.is_some_and(|id| frame.steps.iter().any(|other| other.id == **id && goes_by(frame, other.index, step)))
            };
            let decides = || user.when.as_ref().is_some_and(|when| when.names().iter().any(looks));
            (status(user.index) == Some(Status::Skipped) && decides()) || is_delivered(frame, user.index)
        })
}

/// Tells whether a step is another one, or goes by what that one handed on.
fn goes_by(frame: &Frame, step: usize, other: usize) -> bool {
    let Some(asked) = frame.steps.get(step) else { return false };
    let before = asked.waits_for.iter().copied().chain(stream_of(asked));
    step == other || before.into_iter().any(|before| goes_by(frame, before, other))
}

/// Tells whether all that a step hands on has come to its end once its pages are delivered: no step that takes it may be skipped, and nobody asks
/// for its records later.
pub(crate) fn ends_by_page(steps: &Block, step: usize) -> bool {
    let Some(step) = steps.get(step) else { return false };
    let may_be_skipped = |consumer: usize| steps.get(consumer).is_none_or(|consumer| consumer.when.is_some());
    !step.kept.all
        && !step.kept.last
        && !step.is_cut
        && step.consumers.iter().all(|&consumer| !may_be_skipped(consumer) && ends_by_page(steps, consumer))
}

/// Tells whether rows are replaced by what a step hands on.
pub(crate) fn is_replacing(steps: &Block, step: usize) -> bool {
    let Some(step) = steps.get(step) else { return false };
    let replaces = matches!(&step.target, Target::Write(write) if write.mode == Some(WriteMode::Replace));
    replaces || step.consumers.iter().any(|&consumer| is_replacing(steps, consumer))
}
