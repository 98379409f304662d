//! Any order of events, and a crash after any of them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::sink::Extent;

fn end(status: StepStatus) -> StepEnd {
    StepEnd { status, counts: String::new(), error: None }
}

fn ended(path: &str, status: StepStatus) -> Event {
    Event::StepEnded { path: path.to_owned(), end: end(status) }
}

fn page(source: &str, step: &str, ordinal: u64) -> PageId {
    PageId { source: source.to_owned(), step: step.to_owned(), ordinal }
}

fn delivered(source: &str, ordinal: u64) -> Event {
    let next = format!("after {ordinal}");
    Event::Delivered { page: page(source, source, ordinal), parent: None, next, seen: vec![ordinal], is_last: false }
}

fn shape(steps: &[&[&str]], on_failure: &[&[&str]], finally: &[&[&str]]) -> Shape {
    let groups = |groups: &[&[&str]]| -> Vec<Vec<String>> {
        groups.iter().map(|group| group.iter().map(|path| (*path).to_owned()).collect()).collect()
    };
    Shape { steps: groups(steps), on_failure: groups(on_failure), finally: groups(finally) }
}

/// Writes the machine down and reads it again, as after a crash.
fn again(machine: &Machine) -> Machine {
    serde_json::from_str(&serde_json::to_string(machine).unwrap()).unwrap()
}

const RUN: fn(Part, usize) -> Vec<Command> = |part, group| vec![Command::Run { part, group }];
const FINISH: fn(Outcome) -> Vec<Command> = |outcome| vec![Command::Finish { outcome }];

#[test]
fn groups_run_one_after_another() {
    let (mut machine, commands) = Machine::start(shape(&[&["a", "b"], &["c"]], &[&["f"]], &[&["z"]]));
    assert_eq!(commands, RUN(Part::Steps, 0));
    assert_eq!(machine.on(ended("c", StepStatus::Ok)), []);
    assert_eq!(machine.on(ended("b", StepStatus::Ok)), []);
    assert_eq!(machine.on(ended("b", StepStatus::Failed)), []);
    assert_eq!(machine.on(ended("a", StepStatus::Skipped)), RUN(Part::Steps, 1));
    assert_eq!(machine.on(ended("c", StepStatus::Ok)), RUN(Part::Finally, 0));
    assert_eq!(machine.on(ended("z", StepStatus::Ok)), FINISH(Outcome::Ok));
    assert_eq!(machine.resume(), []);
}

#[test]
fn a_failure_runs_its_steps_and_the_last_ones_and_may_be_taken_up_again() {
    let (mut machine, _) = Machine::start(shape(&[&["a"], &["b"], &["c"]], &[&["f"], &["g"]], &[&["z"]]));
    assert_eq!(machine.on(ended("a", StepStatus::Ok)), RUN(Part::Steps, 1));
    machine.on(delivered("b", 1));
    assert_eq!(machine.on(ended("b", StepStatus::Failed)), RUN(Part::OnFailure, 0));
    assert_eq!(machine.on(ended("f", StepStatus::Failed)), RUN(Part::Finally, 0));
    assert_eq!(machine.on(ended("z", StepStatus::Ok)), FINISH(Outcome::Failed));
    let mut machine = again(&machine);
    assert_eq!(machine.resume(), RUN(Part::Steps, 1));
    assert_eq!(machine.attempt(), 2);
    assert_eq!(machine.source("b").unwrap().position.as_deref(), Some("after 1"));
    assert!(machine.end("a").is_some() && machine.end("b").is_none() && machine.end("f").is_none());
    assert_eq!(machine.on(ended("b", StepStatus::Ok)), RUN(Part::Steps, 2));
    assert_eq!(machine.source("b"), None);
    assert_eq!(machine.on(ended("c", StepStatus::Ok)), RUN(Part::Finally, 0));
    assert_eq!(machine.on(ended("z", StepStatus::Ok)), FINISH(Outcome::Ok));
}

#[test]
fn an_interrupted_run_goes_on_and_a_cancelled_one_runs_its_last_steps() {
    let (mut machine, _) = Machine::start(shape(&[&["a"], &["b"]], &[&["f"]], &[&["z"]]));
    assert_eq!(machine.on(ended("a", StepStatus::Interrupted)), RUN(Part::Finally, 0));
    assert_eq!(machine.on(ended("z", StepStatus::Ok)), FINISH(Outcome::Interrupted));
    let mut machine = again(&machine);
    assert_eq!(machine.resume(), RUN(Part::Steps, 0));
    assert_eq!(machine.on(Event::Cancelled), []);
    assert_eq!(machine.on(ended("a", StepStatus::Interrupted)), RUN(Part::Finally, 0));
    assert_eq!(machine.on(ended("z", StepStatus::Ok)), FINISH(Outcome::Cancelled));
    assert_eq!(machine.resume(), RUN(Part::Steps, 0));
}

#[test]
fn what_a_failure_has_stopped_is_no_interruption() {
    let flow = shape(&[&["a", "b"]], &[&["f"]], &[&["z"]]);
    for (first, second) in [("a", "b"), ("b", "a")] {
        let (mut machine, _) = Machine::start(flow.clone());
        assert_eq!(machine.on(ended(first, StepStatus::Stopped)), []);
        assert_eq!(machine.on(ended(second, StepStatus::Failed)), RUN(Part::OnFailure, 0));
        assert_eq!(again(&machine).resume(), RUN(Part::OnFailure, 0));
        assert_eq!(machine.on(ended("f", StepStatus::Ok)), RUN(Part::Finally, 0));
        assert_eq!(machine.on(ended("z", StepStatus::Ok)), FINISH(Outcome::Failed));
    }
}

#[test]
fn of_a_failed_run_that_is_interrupted_only_the_last_steps_run() {
    let (mut machine, _) = Machine::start(shape(&[&["a", "b"]], &[&["f"]], &[&["z"]]));
    machine.on(ended("a", StepStatus::Failed));
    assert_eq!(machine.on(ended("b", StepStatus::Interrupted)), RUN(Part::Finally, 0));
    let (mut machine, _) = Machine::start(shape(&[&["a"]], &[&["f"]], &[&["z"]]));
    assert_eq!(machine.on(ended("a", StepStatus::Failed)), RUN(Part::OnFailure, 0));
    assert_eq!(machine.on(Event::Interrupted), RUN(Part::Finally, 0));
    assert_eq!(machine.on(ended("z", StepStatus::Ok)), FINISH(Outcome::Failed));
}

#[test]
fn a_run_of_nothing_ends_well() {
    let (_, commands) = Machine::start(Shape::default());
    assert_eq!(commands, FINISH(Outcome::Ok));
}

#[test]
fn sources_below_a_page_are_forgotten_with_it() {
    let (mut machine, _) = Machine::start(shape(&[&["a", "b", "c"]], &[], &[]));
    let below = |source: &str, step: &str, parent: PageId| Event::Delivered {
        page: page(source, step, 1),
        parent: Some(parent),
        next: String::new(),
        seen: Vec::new(),
        is_last: false,
    };
    machine.on(below("b/1", "b", page("a", "a", 1)));
    machine.on(below("b/2", "b", page("a", "a", 2)));
    machine.on(below("c/1", "c", page("b/1", "b", 2)));
    machine.on(delivered("a", 1));
    assert_eq!(machine.source("b/1"), None);
    assert_eq!(machine.source("c/1"), None);
    assert!(machine.source("b/2").is_some());
}

#[test]
fn what_pages_are_known_by_is_forgotten_where_a_source_begins_anew() {
    let (mut machine, _) = Machine::start(shape(&[&["a"]], &[], &[]));
    machine.on(delivered("a", 1));
    machine.on(Event::Delivered {
        page: page("a", "a", 2),
        parent: None,
        next: "anew".to_owned(),
        seen: vec![2],
        is_last: true,
    });
    assert_eq!(machine.source("a").map(|source| source.seen.clone()), Some(Vec::new()));
    machine.on(delivered("a", 3));
    assert_eq!(machine.source("a").map(|source| source.seen.clone()), Some(vec![3]));
}

#[test]
fn what_waits_and_what_was_undone_is_known_until_its_page_is_delivered() {
    let (mut machine, _) = Machine::start(shape(&[&["a"]], &[], &[]));
    let name = |ordinal| page("a", "a", ordinal).to_string();
    for ordinal in [1, 2] {
        machine.on(Event::Waits { key: format!("w{ordinal}"), page: name(ordinal), until: 7 });
        machine.on(Event::Anew { key: format!("u{ordinal}"), page: name(ordinal), times: 1 });
    }
    machine.on(delivered("a", 1));
    let machine = again(&machine);
    assert_eq!(machine.waits().collect::<Vec<_>>(), [(&"w2".to_owned(), 7)]);
    assert_eq!((machine.times("u1"), machine.times("u2")), (0, 1));
}

#[test]
fn what_was_written_to_files_is_known_after_the_steps_for_a_failure() {
    let (mut machine, _) = Machine::start(shape(&[&["a"]], &[&["f"]], &[]));
    let unit = WrittenUnit { page: "a#1".to_owned(), items: "x".to_owned() };
    let written = |step: &str, length| Event::Written {
        file: format!("{step} out.jsonl"),
        length: Some(length),
        units: vec![unit.clone()],
    };
    machine.on(written("a/steps/b", 10));
    machine.on(ended("a", StepStatus::Failed));
    machine.on(written("f", 20));
    assert_eq!(machine.on(ended("f", StepStatus::Ok)), FINISH(Outcome::Failed));
    let units = |file: &str| machine.file(file).unwrap().units.len();
    assert_eq!((units("a/steps/b out.jsonl"), units("f out.jsonl")), (1, 0));
    // What came after it in the same file is asked for too.
    let lengths: Vec<_> = machine.writers_of("out.jsonl").map(|(_, file)| file.length).collect();
    assert_eq!(lengths, [Some(10), Some(20)]);
}

#[test]
fn what_was_about_to_be_written_is_known_until_it_is_on_the_disk() {
    let (mut machine, _) = Machine::start(shape(&[&["a"]], &[], &[]));
    let file = || "a out.jsonl".to_owned();
    let unit = |page: u64| WrittenUnit { page: format!("a#{page}"), items: "x".to_owned() };
    let writing = |page: u64| Event::Writing {
        file: file(),
        extent: Extent { at: page, ..Extent::default() },
        units: vec![unit(page)],
    };
    let stand = |machine: &Machine| {
        machine.file("a out.jsonl").unwrap().tail.iter().map(|page| page.extent.stands).collect::<Vec<_>>()
    };
    for page in 1..4 {
        machine.on(writing(page));
    }
    assert_eq!(stand(&machine), [true, true, false]);
    machine.on(Event::Wrote { file: file(), is_there: true });
    assert_eq!(stand(&again(&machine)), [true, true, true]);
    machine.on(writing(4));
    machine.on(Event::Wrote { file: file(), is_there: false });
    assert_eq!(stand(&machine).len(), 3);
    // One that is not there is written again; the others are known.
    let mut looked = machine.clone();
    looked.on(Event::Missing { file: file(), pages: vec![1] });
    assert_eq!(looked.file("a out.jsonl").unwrap().units, [unit(1), unit(3)]);
    machine.on(Event::Written { file: file(), length: Some(9), units: Vec::new() });
    let known = machine.file("a out.jsonl").unwrap();
    assert_eq!((known.units.len(), known.tail.len(), known.length), (3, 0, Some(9)));
}

/// A run that is made up: how many pages each step gives, and which step fails how often.
#[derive(Clone, Debug)]
struct Made {
    steps: Vec<Vec<u64>>,
    failures: BTreeMap<(usize, usize), u32>,
}

fn made() -> impl Strategy<Value = Made> {
    let steps = prop::collection::vec(prop::collection::vec(0..4_u64, 1..4), 0..4);
    steps.prop_flat_map(|steps| {
        let count = steps.len().max(1);
        let failures = prop::collection::btree_map((0..count, 0..3_usize), 1..3_u32, 0..3);
        (Just(steps), failures).prop_map(|(steps, failures)| Made { steps, failures })
    })
}

impl Made {
    fn shape(&self) -> Shape {
        let group = |(at, group): (usize, &Vec<u64>)| (0..group.len()).map(|step| path(at, step)).collect();
        let finally = vec![vec!["finally".to_owned()]];
        let on_failure = vec![vec!["on_failure".to_owned()]];
        Shape { steps: self.steps.iter().enumerate().map(group).collect(), on_failure, finally }
    }
}

fn path(group: usize, step: usize) -> String {
    format!("{group}.{step}")
}

/// What a driver does, as far as it shows: which pages were delivered how often, and which groups ended well.
struct Driver {
    made: Made,
    machine: Machine,
    /// The events that were written down since.
    journal: Vec<String>,
    snapshot: String,
    ended_well: Vec<usize>,
    outcome: Option<Outcome>,
    /// What the group that runs has still to do: for each step the pages, then its end.
    left: Vec<(String, Vec<Event>)>,
}

impl Driver {
    fn new(made: Made) -> Self {
        let (machine, commands) = Machine::start(made.shape());
        let snapshot = serde_json::to_string(&machine).unwrap();
        let mut driver = Self {
            made,
            machine,
            journal: Vec::new(),
            snapshot,
            ended_well: Vec::new(),
            outcome: None,
            left: Vec::new(),
        };
        driver.obey(&commands);
        driver
    }

    fn obey(&mut self, commands: &[Command]) {
        assert!(commands.len() <= 1);
        for command in commands {
            match *command {
                Command::Finish { outcome } => self.outcome = Some(outcome),
                Command::Run { part: Part::Steps, group } => {
                    assert!(!self.ended_well.contains(&group), "a group that ended well is run again");
                    assert_eq!(group, self.ended_well.len(), "a group is left out");
                    self.left = (0..self.made.steps[group].len()).map(|step| self.step(group, step)).collect();
                }
                Command::Run { part, .. } => {
                    let path = if part == Part::OnFailure { "on_failure" } else { "finally" };
                    self.left = vec![(path.to_owned(), vec![ended(path, StepStatus::Ok)])];
                }
            }
        }
    }

    /// Reads a step from where it stands.
    fn step(&mut self, group: usize, step: usize) -> (String, Vec<Event>) {
        let name = path(group, step);
        let pages = self.made.steps[group][step];
        let (from, has_ended) = self.machine.source(&name).map_or((0, false), |it| (it.ordinal, it.has_ended));
        let mut events: Vec<Event> = (from + 1..=pages).map(|ordinal| delivered(&name, ordinal)).collect();
        let failures = self.made.failures.entry((group, step)).or_default();
        if *failures > 0 {
            *failures -= 1;
            events.truncate(events.len() / 2);
            events.push(ended(&name, StepStatus::Failed));
        } else {
            if !has_ended {
                let keep = vec![format!("keep {name}")];
                events.push(Event::Kept { keep });
                events.push(Event::SourceEnded {
                    source: name.clone(),
                    step: name.clone(),
                    parent: None,
                    ordinal: pages,
                });
            }
            events.push(ended(&name, StepStatus::Ok));
        }
        (name, events)
    }

    /// Does one thing that the group has to do, of a step that chance picks.
    fn go(&mut self, pick: usize) {
        let open: Vec<usize> = (0..self.left.len()).filter(|at| !self.left[*at].1.is_empty()).collect();
        let Some(at) = open.get(pick % open.len().max(1)) else { return };
        let event = self.left[*at].1.remove(0);
        self.journal.push(serde_json::to_string(&event).unwrap());
        let before = self.machine.clone();
        let commands = self.machine.on(event);
        for (name, source) in &self.machine.sources {
            let was = before.source(name).map_or(0, |source| source.ordinal);
            assert!(source.ordinal >= was, "{name} goes back");
        }
        self.ended_well.extend(before.done..self.machine.done);
        self.obey(&commands);
    }

    /// Dies, and is begun anew from what was written down, but for the last so many events.
    fn crash(&mut self, lost: usize) {
        let kept = self.journal.len() - lost.min(self.journal.len());
        self.journal.truncate(kept);
        let mut machine: Machine = serde_json::from_str(&self.snapshot).unwrap();
        for event in &self.journal {
            machine.on(serde_json::from_str(event).unwrap());
        }
        self.ended_well.truncate(machine.done);
        self.machine = machine;
        self.resume();
    }

    fn resume(&mut self) {
        self.left.clear();
        self.outcome = None;
        if self.machine.phase == Phase::Ended(Outcome::Ok) {
            self.outcome = Some(Outcome::Ok);
        }
        let commands = self.machine.resume();
        // What was taken up again is written down whole.
        self.snapshot = serde_json::to_string(&self.machine).unwrap();
        self.journal.clear();
        self.obey(&commands);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_order_and_any_crash_lead_to_the_same_end(
        made in made(),
        picks in prop::collection::vec((any::<usize>(), prop::option::weighted(0.2, 0..3_usize)), 0..120),
    ) {
        let expected: Vec<String> = made
            .steps
            .iter()
            .enumerate()
            .flat_map(|(group, steps)| (0..steps.len()).map(move |step| format!("keep {}", path(group, step))))
            .collect();
        let mut driver = Driver::new(made);
        for (pick, crash) in picks {
            driver.go(pick);
            if let Some(lost) = crash {
                driver.crash(lost);
            }
            if driver.outcome.is_some_and(|outcome| outcome != Outcome::Ok) {
                driver.resume();
            }
        }
        for _ in 0..2_000 {
            if driver.outcome == Some(Outcome::Ok) {
                break;
            }
            driver.go(0);
            if driver.outcome.is_some_and(|outcome| outcome != Outcome::Ok) {
                driver.resume();
            }
        }
        prop_assert_eq!(driver.outcome, Some(Outcome::Ok));
        // What was said again after a crash is the same.
        let mut kept = driver.machine.keep().to_vec();
        kept.sort();
        kept.dedup();
        let mut expected = expected;
        expected.sort();
        prop_assert_eq!(kept, expected);
        prop_assert!(driver.machine.sources.is_empty());
    }

    #[test]
    fn strange_events_change_nothing_for_the_worse(
        events in prop::collection::vec((0..3_usize, 0..3_usize, 0..4_u64, 0..4_u8), 0..60),
    ) {
        let steps = [["0.0", "0.1"], ["1.0", "1.1"]];
        let (mut machine, _) = Machine::start(shape(&[&steps[0], &steps[1]], &[], &[]));
        let mut runs = vec![(Part::Steps, 0)];
        for (group, step, ordinal, kind) in events {
            let name = path(group, step);
            let before = machine.clone();
            let commands = machine.on(match kind {
                0 => ended(&name, StepStatus::Ok),
                1 => Event::SourceEnded { source: name.clone(), step: name.clone(), parent: None, ordinal },
                _ => delivered(&name, ordinal),
            });
            for (name, source) in &machine.sources {
                let was = before.source(name).map_or(0, |source| source.ordinal);
                prop_assert!(source.ordinal == was || source.ordinal == was + 1);
            }
            for command in commands {
                if let Command::Run { part, group } = command {
                    prop_assert!(!runs.contains(&(part, group)));
                    runs.push((part, group));
                }
            }
            prop_assert_eq!(&again(&machine), &machine);
        }
    }
}
