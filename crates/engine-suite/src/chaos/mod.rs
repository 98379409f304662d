//! The same tests while everything around them fails: whatever happens, no record is lost, none is there twice, and nothing is written without
//! its key.

mod compare;
mod faults;
mod store;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use engine_expr::Value;
use engine_plan::{Plan, Trial};
use engine_runtime::{
    Clock, Journaling, Kind, Resume, RunReport, RunStatus, StateStore, Status, Stop, Transport, World,
};
use engine_source::{Finding, Node};
use jiff::SignedDuration;

use self::compare::Result as Came;
use self::faults::{Faults, Pinned};
use self::store::{Crash, CrashStore};
use crate::clock::next;
use crate::expect::FAILED;
use crate::stage::Stage;

/// How often a run may be gone on with.
const LIVES: usize = 12;

/// How many turns all that waits for the journal has to hear that there is none any more.
const UNTIL_HEARD: usize = 32;

/// Of how many runs one meets short pages.
const SHORT: u64 = 3;

/// How much later the second run begins that tells what differs from run to run.
const LATER: SignedDuration = SignedDuration::from_mins(197);

/// How tests are disturbed.
#[derive(Clone, Copy, Debug)]
pub struct Chaos {
    /// What decides of the first run what fails; each further one has the next number.
    pub seed: u64,
    /// How many times each test is run.
    pub runs: u32,
}

/// What became of a test that was disturbed.
#[derive(Clone, Debug, Default)]
pub struct Disturbed {
    /// How many times it ran.
    pub runs: u32,
    /// How many faults it met.
    pub faults: u64,
    /// How often it was killed and went on.
    pub crashes: u64,
    /// What was not as it has to be, in the first run in which that was so.
    pub finding: Option<Finding>,
}

/// What one life of a run came to.
enum Life {
    Ended(Box<RunReport>),
    Crashed,
}

/// Runs a test again and again while requests fail, the clock jumps and the process dies, and compares what comes of it with an undisturbed run.
///
/// A test that is to fail says nothing here, and one that does not give the same twice neither.
pub fn disturb(plan: &Arc<Plan>, trial: &Trial, chaos: Chaos) -> Disturbed {
    let mut disturbed = Disturbed::default();
    // Those of a recording want just what was recorded.
    if trial.test.mock.replay.is_some() {
        return disturbed;
    }
    let calm = |seed, later| play(plan, trial, seed, &Plot { later, ..Plot::calm() });
    let (Some(first), Some(second)) = (calm(0, SignedDuration::ZERO), calm(1, LATER)) else { return disturbed };
    let (Some(wanted), Some(other)) = (first.came, second.came) else { return disturbed };
    let Some(volatile) = wanted.volatile(&other) else { return disturbed };
    let wanted = wanted.without(&volatile);
    for seed in (0..chaos.runs).map(|run| chaos.seed.wrapping_add(u64::from(run))) {
        let plot = Plot {
            later: SignedDuration::ZERO,
            pinned: Some(Arc::clone(&first.pinned)),
            crash_at: Some(1 + usize::try_from(seed).unwrap_or(0) % (first.commits + 1)),
            is_kept: seed % 2 == 1,
        };
        let Some(played) = play(plan, trial, seed, &plot) else { continue };
        disturbed.runs += 1;
        disturbed.faults += played.faults;
        disturbed.crashes += played.crashes;
        let wrong = match played.came {
            // Whoever sends without a key has to look himself whether it arrived.
            Some(_) if played.is_in_doubt => None,
            Some(came) => wanted.differs(&came.without(&volatile)),
            None if played.is_in_doubt => None,
            None => Some(format!("the run does not come to its end: {}", played.error)),
        };
        let wrong = played.without_key.map(|line| format!("a write goes out without its key: {line}")).or(wrong);
        if let Some(wrong) = wrong {
            let name = &trial.test.name;
            let mut message = format!("test `{name}`, disturbed with seed {seed}: {wrong}");
            for line in &played.log {
                _ = write!(message, "\n  {line}");
            }
            let place = trial.node.get("name").map(Node::span).unwrap_or_default();
            let finding = Finding::error(FAILED, message).label(place, "in the run with this seed");
            let help = format!(
                "the same again: `engine test --chaos --seed {seed} --runs 1 --filter '{name}' {}`",
                plan.path.display()
            );
            disturbed.finding = Some(finding.help(help));
            break;
        }
    }
    disturbed
}

/// What is to happen to a run.
struct Plot {
    /// How much later it begins.
    later: SignedDuration,
    /// What was answered to each request without any fault; nothing where there are none.
    pinned: Option<Arc<Pinned>>,
    /// After how many writes of the journal the process dies.
    crash_at: Option<usize>,
    /// Whether the last of these writes is still done.
    is_kept: bool,
}

impl Plot {
    fn calm() -> Self {
        Self { later: SignedDuration::ZERO, pinned: None, crash_at: None, is_kept: false }
    }
}

/// What a run came to, in all its lives.
struct Played {
    /// What there is at the end; nothing where the run never comes to it.
    came: Option<Came>,
    pinned: Arc<Pinned>,
    commits: usize,
    faults: u64,
    crashes: u64,
    /// A write that went out without its key.
    without_key: Option<String>,
    /// Whether it stopped since nobody knows whether something was done.
    is_in_doubt: bool,
    error: String,
    log: Vec<String>,
}

/// Plays a test to its end, however many lives that takes. Nothing where its answers do not fit it.
fn play(plan: &Arc<Plan>, trial: &Trial, seed: u64, plot: &Plot) -> Option<Played> {
    let start = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().ok()?;
    let stage = start.block_on(async { Stage::new(plan, trial, seed) }).ok()?;
    let mut now = stage.clock.now().saturating_add(plot.later).ok()?;
    drop(start);
    let crash = Arc::new(Crash::default());
    let faults = Arc::new(Faults::new(&stage, seed, plot.pinned.clone(), Arc::clone(&crash)));
    let store: Arc<dyn StateStore> = Arc::new(CrashStore::new(Arc::clone(&stage.state), Arc::clone(&crash)));
    let mut played = Played {
        came: None,
        pinned: Arc::default(),
        commits: 0,
        faults: 0,
        crashes: 0,
        without_key: None,
        is_in_doubt: false,
        error: String::new(),
        log: Vec::new(),
    };
    let mut dice = seed ^ 0xC4A5;
    if plot.pinned.is_some() && next(&mut dice).is_multiple_of(SHORT) {
        stage.apis.shorten();
        faults.note("pages have one record each, whatever is asked for".to_owned());
    }
    if let Some(at) = plot.crash_at {
        crash.arm(at, plot.is_kept);
    }
    let mut is_done = true;
    for (number, trigger) in stage.triggers().ok()?.into_iter().enumerate() {
        let mut is_ended = false;
        for life in 0..LIVES {
            faults.begin();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().ok()?;
            let one = runtime.block_on(async {
                stage.clock.go_on(now);
                let world = World {
                    transport: Arc::clone(&faults) as Arc<dyn Transport>,
                    state: Arc::clone(&store),
                    // What a process knows of limits dies with it.
                    shared: Arc::default(),
                    ..stage.world.clone()
                };
                let life = live(&stage, world, trigger.clone(), format!("run {number}, life {life}"), &crash).await;
                now = stage.clock.now();
                // One that dies when all is done has nothing to go on with.
                let known = stage.state.list_runs(None, 1).await.unwrap_or_default();
                is_ended |= known.first().is_some_and(|run| matches!(run.status, RunStatus::Ok | RunStatus::Partial));
                life
            });
            // All that still runs ends here, wherever it is.
            runtime.shutdown_timeout(Duration::from_secs(1));
            crash.revive();
            match one {
                Life::Crashed if is_ended => break,
                Life::Crashed => {
                    played.crashes += 1;
                    faults.note(format!("the process dies at write {} of the journal, and goes on", crash.commits()));
                    if next(&mut dice).is_multiple_of(3) {
                        crash.arm(
                            crash.commits() + 1 + usize::try_from(next(&mut dice) % 4).unwrap_or(0),
                            next(&mut dice).is_multiple_of(2),
                        );
                    }
                }
                Life::Ended(report) if matches!(report.status, Status::Ok | Status::Partial | Status::Skipped) => {
                    is_ended = true;
                    break;
                }
                Life::Ended(report) => {
                    played.error = report.errors.first().map(|error| error.message.clone()).unwrap_or_default();
                    played.is_in_doubt |= report.errors.iter().any(|error| error.code == "in-doubt");
                    // It is started again, now that all is well.
                    if faults.is_calm() {
                        break;
                    }
                    faults.note(format!("the run fails, and is started again: {}", played.error));
                    faults.calm();
                    crash.disarm();
                }
            }
        }
        is_done &= is_ended;
    }
    if !stage.apis.failures().is_empty() || stage.clock.is_endless() {
        return None;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().ok()?;
    let (cursors, letters) = runtime.block_on(async {
        let letters = stage.state.list(Kind::DeadLetter).await.unwrap_or_default();
        (stage.cursors().await, letters.len())
    });
    if is_done {
        let cursors = crate::cursors::of(&cursors).into_iter().map(|cursor| (cursor.label.to_owned(), cursor.value));
        let cursors: BTreeMap<String, Value> = cursors.collect();
        played.came = Some(Came::new(stage.sinks.all(), faults.applied(), cursors, letters));
    }
    played.pinned = Arc::new(faults.answered());
    played.commits = crash.commits();
    played.faults = faults.count();
    played.without_key = faults.without_key();
    played.log = faults.log();
    let rejected = stage.seen().rejected;
    // What is sent without a key is kept aside where nobody knows whether it arrived.
    played.is_in_doubt |= rejected.iter().any(|finding| finding.code == "in-doubt");
    played.log.extend(rejected.iter().map(|finding| format!("rejected: {}", finding.message)));
    Some(played)
}

/// Runs the flow until it ends, or the process dies.
async fn live(stage: &Stage<'_>, world: World, trigger: Option<Value>, holder: String, crash: &Arc<Crash>) -> Life {
    let mut options = stage.options(trigger);
    options.journaling = Some(Journaling {
        requests: 0,
        spec: stage.plan.path.display().to_string(),
        holder,
        lives: |_| Some(false),
        resume: Resume::Last,
    });
    let (plan, sinks, watch) = (Arc::clone(&stage.plan), Arc::new(stage.sinks.clone()), Arc::clone(&stage.watch) as _);
    tokio::select! {
        biased;
        () = crash.happens() => {
            // Threads that wait for the journal hear of its end.
            for _ in 0..UNTIL_HEARD {
                tokio::task::yield_now().await;
            }
            Life::Crashed
        }
        // It waits without end, or the test has no answer for something.
        () = stage.stop.stopped() => Life::Crashed,
        report = engine_runtime::run(plan, world, options, sinks, watch, Stop::new()) => Life::Ended(Box::new(report)),
    }
}
