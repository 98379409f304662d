//! What is left to do of a run, as a value: events go in, commands come out. Knows no clock, no network, no disk.
//!
//! Whoever drives it writes the events down before or after it does what it is told: replayed from any point on, they lead to the same
//! commands in the end. Nothing that has ended is run again, and no source goes back.

mod event;
mod shape;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) use event::{Command, Event, Outcome, StepEnd, StepStatus};
pub(crate) use shape::{Part, Shape};
pub(crate) use source::{PageId, SourceState, WrittenExtent, WrittenFile, WrittenUnit};

use crate::report::Counts;

/// What is left to do of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    shape: Shape,
    phase: Phase,
    /// How many groups of the flow have ended well.
    done: usize,
    /// How often it was taken up again after it had ended.
    attempt: u32,
    has_failed: bool,
    /// Why it failed, where no step says it.
    message: Option<String>,
    is_interrupted: bool,
    is_cancelled: bool,
    /// How steps ended: those of the groups that are done, and of the one that runs.
    ends: BTreeMap<String, StepEnd>,
    /// Where the sources of the group that runs are.
    sources: BTreeMap<String, SourceState>,
    /// What is to be kept for the next runs once all was delivered.
    keep: Vec<String>,
    /// How far the files are written that steps of the group append to.
    files: BTreeMap<String, WrittenFile>,
    /// How often what was done for items was undone, with their pages.
    #[serde(default)]
    anew: BTreeMap<String, (String, u32)>,
    /// Until when steps wait for items, with their pages.
    #[serde(default)]
    waits: BTreeMap<String, (String, i64)>,
    /// What was counted for the pages that were delivered, by the addresses of steps.
    #[serde(default)]
    counts: BTreeMap<String, Counts>,
}

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    /// In a group of a part.
    In(Part, usize),
    /// At its end.
    Ended(Outcome),
}

impl Machine {
    /// Begins a run.
    pub(crate) fn start(shape: Shape) -> (Self, Vec<Command>) {
        let mut machine = Self {
            shape,
            phase: Phase::In(Part::Steps, 0),
            done: 0,
            attempt: 1,
            has_failed: false,
            message: None,
            is_interrupted: false,
            is_cancelled: false,
            ends: BTreeMap::new(),
            sources: BTreeMap::new(),
            keep: Vec::new(),
            files: BTreeMap::new(),
            anew: BTreeMap::new(),
            waits: BTreeMap::new(),
            counts: BTreeMap::new(),
        };
        let commands = machine.enter(Part::Steps, 0);
        (machine, commands)
    }

    /// Takes a run up again: one whose process died goes on in its group, one that ended otherwise than well with the first that did not.
    pub(crate) fn resume(&mut self) -> Vec<Command> {
        match self.phase {
            Phase::Ended(Outcome::Ok) => Vec::new(),
            Phase::Ended(_) => {
                self.attempt += 1;
                self.has_failed = false;
                self.message = None;
                self.is_interrupted = false;
                self.is_cancelled = false;
                let done: Vec<String> =
                    self.shape.groups(Part::Steps).iter().take(self.done).flatten().cloned().collect();
                self.ends.retain(|path, _| done.contains(path));
                // What the steps for a failure did belongs to that one.
                let others: Vec<&String> = [Part::OnFailure, Part::Finally]
                    .iter()
                    .flat_map(|part| self.shape.groups(*part))
                    .flatten()
                    .collect();
                self.sources.retain(|_, source| !others.contains(&&source.step));
                self.enter(Part::Steps, self.done)
            }
            Phase::In(part, group) => {
                // A group is run as a whole: a step that ended may be the only one that another takes from.
                let steps = self.shape.group(part, group).to_vec();
                self.ends.retain(|path, _| !steps.contains(path));
                vec![Command::Run { part, group }]
            }
        }
    }

    /// Takes note of what happened, and says what is to be done now.
    pub(crate) fn on(&mut self, event: Event) -> Vec<Command> {
        match event {
            Event::Delivered { page, parent, next, seen, is_last } => {
                self.delivered(&page, parent, next, (!is_last).then_some(seen));
                Vec::new()
            }
            Event::Counted { counts } => {
                for (step, counts) in counts {
                    self.counts.entry(step).or_default().add(&counts);
                }
                Vec::new()
            }
            Event::SourceEnded { source, step, parent, ordinal } => {
                self.source_ended(source, step, parent, ordinal);
                Vec::new()
            }
            Event::StepEnded { path, end } => self.step_ended(path, end),
            Event::Kept { keep } => {
                self.keep.extend(keep);
                Vec::new()
            }
            Event::Writing { file, extent, units } => {
                let tail = &mut self.files.entry(file).or_default().tail;
                // Pages are written one after another.
                for known in tail.iter_mut() {
                    known.extent.stands = true;
                }
                tail.push(WrittenExtent { extent, units });
                Vec::new()
            }
            Event::Wrote { file, is_there } => {
                let tail = &mut self.files.entry(file).or_default().tail;
                if !is_there {
                    tail.pop();
                }
                for known in tail {
                    known.extent.stands = true;
                }
                Vec::new()
            }
            Event::Missing { file, pages } => {
                let known = self.files.entry(file).or_default();
                for (number, page) in std::mem::take(&mut known.tail).into_iter().enumerate() {
                    if !pages.contains(&number) {
                        known.units.extend(page.units);
                    }
                }
                Vec::new()
            }
            Event::Written { file, length, units } => {
                let known = self.files.entry(file).or_default();
                known.length = length;
                known.units.extend(std::mem::take(&mut known.tail).into_iter().flat_map(|page| page.units));
                known.units.extend(units);
                Vec::new()
            }
            Event::Anew { key, page, times } => {
                self.anew.insert(key, (page, times));
                Vec::new()
            }
            Event::Waits { key, page, until } => {
                self.waits.insert(key, (page, until));
                Vec::new()
            }
            Event::Failed { message } => self.failed(message),
            Event::Interrupted => self.interrupted(),
            Event::Cancelled => {
                self.is_interrupted = true;
                self.is_cancelled = true;
                Vec::new()
            }
        }
    }

    /// Returns which attempt this is.
    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Tells why the run failed, if it has.
    pub(crate) fn failure(&self) -> Option<String> {
        let of_steps = || self.ends.values().find(|end| end.status == StepStatus::Failed)?.error.clone();
        self.has_failed.then(|| self.message.clone().or_else(of_steps).unwrap_or_default())
    }

    /// Tells whether the run is to end before its time.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.is_interrupted
    }

    /// Tells whether somebody wanted the run to end.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.is_cancelled
    }

    /// Returns what the run is made of.
    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Returns how a step ended.
    pub(crate) fn end(&self, path: &str) -> Option<&StepEnd> {
        self.ends.get(path)
    }

    /// Returns where a source is.
    pub(crate) fn source(&self, source: &str) -> Option<&SourceState> {
        self.sources.get(source)
    }

    /// Returns how far a file was written.
    pub(crate) fn file(&self, file: &str) -> Option<&WrittenFile> {
        self.files.get(file)
    }

    /// Returns how far a path was written, by each of the steps that write to it.
    pub(crate) fn writers_of(&self, path: &str) -> impl Iterator<Item = (&String, &WrittenFile)> {
        let is_there = move |file: &str| file.split_once(' ').is_some_and(|(_, other)| other == path);
        self.files.iter().filter(move |(file, _)| is_there(file))
    }

    /// Returns how often what was done for an item was undone.
    pub(crate) fn times(&self, key: &str) -> u32 {
        self.anew.get(key).map_or(0, |(_, times)| *times)
    }

    /// Returns until when steps wait for items.
    pub(crate) fn waits(&self) -> impl Iterator<Item = (&String, i64)> {
        self.waits.iter().map(|(key, (_, until))| (key, *until))
    }

    /// Returns what was counted for the pages that were delivered, by the addresses of steps.
    pub(crate) fn counts(&self) -> &BTreeMap<String, Counts> {
        &self.counts
    }

    /// Returns what is to be kept for the next runs.
    pub(crate) fn keep(&self) -> &[String] {
        &self.keep
    }

    /// Goes to a group, or to what comes after the last one.
    fn enter(&mut self, part: Part, group: usize) -> Vec<Command> {
        let (mut part, mut group) = (part, group);
        loop {
            if group < self.shape.groups(part).len() {
                self.phase = Phase::In(part, group);
                return vec![Command::Run { part, group }];
            }
            group = 0;
            part = match part {
                Part::Steps if self.has_failed && !self.is_interrupted => Part::OnFailure,
                Part::Steps | Part::OnFailure => Part::Finally,
                Part::Finally => {
                    let outcome = if self.has_failed {
                        Outcome::Failed
                    } else if self.is_cancelled {
                        Outcome::Cancelled
                    } else if self.is_interrupted {
                        Outcome::Interrupted
                    } else {
                        Outcome::Ok
                    };
                    self.phase = Phase::Ended(outcome);
                    return vec![Command::Finish { outcome }];
                }
            };
        }
    }

    fn failed(&mut self, message: String) -> Vec<Command> {
        let has_begun_to_end =
            !matches!(self.phase, Phase::In(Part::Steps, _) | Phase::In(Part::Finally, 0) | Phase::Ended(_));
        if self.has_failed || has_begun_to_end {
            return Vec::new();
        }
        self.has_failed = true;
        self.message = Some(message);
        self.enter(Part::Steps, usize::MAX)
    }

    fn interrupted(&mut self) -> Vec<Command> {
        match self.phase {
            Phase::In(part @ (Part::Steps | Part::OnFailure), _) => {
                self.is_interrupted = true;
                self.enter(part, usize::MAX)
            }
            _ => Vec::new(),
        }
    }

    fn step_ended(&mut self, path: String, end: StepEnd) -> Vec<Command> {
        let Phase::In(part, group) = self.phase else { return Vec::new() };
        let steps = self.shape.group(part, group);
        if !steps.contains(&path) || self.ends.contains_key(&path) {
            return Vec::new();
        }
        self.ends.insert(path, end);
        let ends: Vec<StepStatus> = steps.iter().filter_map(|path| self.ends.get(path)).map(|end| end.status).collect();
        if ends.len() < steps.len() {
            return Vec::new();
        }
        let past_last = self.shape.groups(part).len();
        let has_failed = ends.contains(&StepStatus::Failed);
        // What a failure has stopped is part of it.
        self.is_interrupted |=
            ends.contains(&StepStatus::Interrupted) || (!has_failed && ends.contains(&StepStatus::Stopped));
        if has_failed {
            self.has_failed = true;
            return self.enter(part, past_last);
        }
        if self.is_interrupted && part == Part::Steps {
            return self.enter(part, past_last);
        }
        let steps = steps.to_vec();
        self.sources.retain(|_, source| !steps.contains(&source.step));
        if part == Part::Steps {
            self.done = group + 1;
            self.files.clear();
            self.anew.clear();
            self.waits.clear();
        } else {
            // What the flow's own steps have written is asked for where the run is taken up again.
            let is_of = |file: &str, step: &String| {
                file.strip_prefix(step.as_str()).is_some_and(|rest| rest.starts_with(['/', ' ']))
            };
            let ended = self.files.iter_mut().filter(|(file, _)| steps.iter().any(|step| is_of(file, step)));
            ended.for_each(|(_, file)| {
                file.units.clear();
                file.tail.clear();
            });
        }
        self.enter(part, group + 1)
    }

    fn delivered(&mut self, page: &PageId, parent: Option<PageId>, next: String, seen: Option<Vec<u64>>) {
        let PageId { source, step, ordinal } = page.clone();
        if !self.is_running(&step) {
            return;
        }
        let state = self.sources.entry(source).or_insert_with(|| SourceState::new(step, parent));
        if ordinal != state.ordinal + 1 || state.has_ended {
            return;
        }
        state.ordinal = ordinal;
        state.position = Some(next);
        match seen {
            Some(seen) => state.seen.extend(seen),
            None => state.seen.clear(),
        }
        self.forget_below(page);
        let name = page.to_string();
        for file in self.files.values_mut() {
            let units = std::iter::once(&mut file.units).chain(file.tail.iter_mut().map(|page| &mut page.units));
            units.for_each(|units| units.retain(|unit| unit.page != name));
        }
        self.anew.retain(|_, (page, _)| *page != name);
        self.waits.retain(|_, (page, _)| *page != name);
    }

    fn source_ended(&mut self, source: String, step: String, parent: Option<PageId>, ordinal: u64) {
        if !self.is_running(&step) {
            return;
        }
        let state = self.sources.entry(source).or_insert_with(|| SourceState::new(step, parent));
        if state.has_ended || state.ordinal != ordinal {
            return;
        }
        state.has_ended = true;
        state.position = None;
        state.seen = Vec::new();
    }

    /// Tells whether a step is of the group that runs: those before are done, whatever is still said of them.
    fn is_running(&self, step: &str) -> bool {
        match self.phase {
            Phase::In(part, group) => self.shape.group(part, group).iter().any(|path| path == step),
            Phase::Ended(_) => false,
        }
    }

    /// Forgets the sources under the items of a page: none of them is asked for again.
    fn forget_below(&mut self, page: &PageId) {
        let mut pages = vec![(page.source.clone(), page.ordinal)];
        while let Some((source, ordinal)) = pages.pop() {
            let is_below = |state: &SourceState| {
                state.parent.as_ref().is_some_and(|parent| parent.source == source && parent.ordinal <= ordinal)
            };
            let below: Vec<String> =
                self.sources.iter().filter(|(_, state)| is_below(state)).map(|(name, _)| name.clone()).collect();
            for name in below {
                self.sources.remove(&name);
                pages.push((name, u64::MAX));
            }
        }
    }
}
