//! `engine dead-letters retry`: sends again what failed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine_expr::Value;
use engine_plan::Plan;
use engine_runtime::{
    Clock, Event, Letter, Observer, Retry, RunOptions, RunStatus, StateStore, Stop, SystemClock, World, holder,
};
use engine_storage::Storage;

use super::all;
use super::chosen::choose;
use crate::arguments::{LettersRetry, LogFormat};
use crate::commands::run::{interrupts, log, status, world};
use crate::console::{self, Console};
use crate::environment::Variables;
use crate::failure::Failure;
use crate::inputs;
use crate::planned;
use crate::report::{Report, counted};
use crate::state;
use crate::status::Status;
use crate::terminal::{Terminal, tell};

/// For how long the letters of a flow are this process's, unless it says so again.
const LEASE: Duration = Duration::from_secs(30);

/// Sends letters again.
pub(super) fn execute(arguments: &LettersRetry, terminal: &Terminal) -> Result<Status, Failure> {
    match (retry(arguments, terminal), arguments.shown.log_format) {
        (Err(failure), LogFormat::Json) => {
            console::fail(&failure);
            Ok(failure.status())
        }
        (result, _) => result,
    }
}

fn retry(arguments: &LettersRetry, terminal: &Terminal) -> Result<Status, Failure> {
    let (plan, warnings) = planned::plan(&arguments.spec)?;
    let given = inputs::gather(&arguments.input, &arguments.inputs)?;
    let environment = Variables::load(&arguments.spec)?;
    let state: Arc<dyn StateStore> = state::open(&arguments.place.state, &environment)?;
    log(&arguments.shown, terminal);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let letters = all(&*state).await?;
        let (chosen, _) = choose(&letters, &plan.name, &arguments.ids, arguments.step.as_deref())?;
        if chosen.is_empty() {
            if !arguments.shown.quiet {
                tell(format!("there are no dead letters of the flow `{}`\n", plan.name));
            }
            return Ok(Status::Done);
        }
        let world = world(environment, Arc::clone(&state))?;
        let lock = Lock::take(&state, &plan.name).await?;
        let retrying = Retrying { arguments, terminal, plan, given, world, warnings };
        let done = retrying.all(&*state).await;
        lock.release(&*state).await?;
        done
    })
}

/// Letters of one flow that are sent again.
struct Retrying<'a> {
    arguments: &'a LettersRetry,
    terminal: &'a Terminal,
    plan: Arc<Plan>,
    given: BTreeMap<String, Value>,
    world: World,
    warnings: Report,
}

impl Retrying<'_> {
    /// Sends again what is there now, run by run: each has keys, inputs and a beginning of its own.
    async fn all(&self, state: &dyn StateStore) -> Result<Status, Failure> {
        let letters = all(state).await?;
        let LettersRetry { ids, step, .. } = self.arguments;
        let (chosen, more) = choose(&letters, &self.plan.name, ids, step.as_deref())?;
        let mut runs: BTreeMap<String, Vec<Letter>> = BTreeMap::new();
        for letter in chosen {
            runs.entry(letter.run().to_owned()).or_default().push(letter);
        }
        let stop = Stop::new();
        let mut worst = Status::Done;
        let mut is_first = true;
        for letters in runs.into_values() {
            let console =
                Console::new(&self.arguments.spec, &self.arguments.shown, self.terminal, Arc::clone(&self.plan));
            let console = Arc::new(console);
            if std::mem::take(&mut is_first) {
                console.report(&self.warnings);
                if more > 0 {
                    let letters = counted(more, "letter");
                    let message = format!("{letters} more: what failed in one batch is sent again in one");
                    console.event(Event::Note { message });
                }
            }
            let done = self.run(&console, letters, &stop).await;
            worst = if severity(done) > severity(worst) { done } else { worst };
            if matches!(done, Status::Interrupted | Status::Unheard | Status::Wrong) {
                break;
            }
        }
        Ok(worst)
    }

    /// Sends letters of one run again.
    async fn run(&self, console: &Arc<Console>, letters: Vec<Letter>, stop: &Stop) -> Status {
        let Some(first) = letters.first() else { return Status::Done };
        let (run, started_at, trigger) = (first.run().to_owned(), first.started_at(), first.trigger());
        let mut inputs = first.inputs();
        inputs.retain(|name, _| self.plan.inputs.iter().any(|(known, _)| *known.value == **name));
        inputs.extend(self.given.clone());
        let all = letters.len();
        if self.is_under_way(&run).await {
            let message = format!("run {run} is under way: its letters stay until it has ended");
            console.event(Event::Note { message });
            return Status::Rejected;
        }
        let (retry, refused) = Retry::new(&self.plan, letters);
        for refused in &refused {
            let (id, place) = (&refused.letter.id, refused.letter.place());
            let message = format!("letter {id} ({place}) stays: {}; {}", refused.message, refused.help);
            console.event(Event::Note { message });
        }
        if retry.count() == 0 {
            return Status::Rejected;
        }
        let options = RunOptions {
            inputs,
            trigger,
            run_id: Some(run.clone()),
            started_at,
            retry: Some(retry.clone()),
            ..RunOptions::default()
        };
        let begun = Instant::now();
        let watch = tokio::spawn(interrupts(stop.clone(), Arc::clone(console)));
        let (plan, world, observer) = (Arc::clone(&self.plan), self.world.clone(), Arc::clone(console) as _);
        let report = engine_runtime::run(plan, world, options, Arc::new(Storage::new()), observer, stop.clone()).await;
        watch.abort();
        if console.is_unheard() {
            return Status::Unheard;
        }
        let removed = retry.removed();
        let message = format!("{removed} of {} of run {run} got through", counted(all, "dead letter"));
        console.event(Event::Note { message });
        console.finish(&report, begun.elapsed());
        match status(&report) {
            // One whose step was left out is still there.
            Status::Done if removed < all => Status::Rejected,
            status => status,
        }
    }
}

impl Retrying<'_> {
    /// Tells whether somebody works on a run, and may yet keep or send the same.
    async fn is_under_way(&self, run: &str) -> bool {
        let Ok(Some(entry)) = self.world.state.find_run(run).await else { return false };
        let Some(holder) = entry.holder.filter(|_| entry.status == RunStatus::Running) else { return false };
        holder::lives(&holder).unwrap_or(entry.held_until > self.world.clock.now())
    }
}

fn severity(status: Status) -> u8 {
    match status {
        Status::Done => 0,
        Status::Rejected => 1,
        Status::Failed => 2,
        Status::Wrong => 3,
        Status::Interrupted => 4,
        Status::Unheard => 5,
    }
}

/// Sees to it that no other process sends the same letters again at the same time.
struct Lock {
    name: String,
    owner: String,
    renewing: tokio::task::JoinHandle<()>,
}

impl Lock {
    async fn take(state: &Arc<dyn StateStore>, flow: &str) -> Result<Self, Failure> {
        let (name, owner) = (format!("dead letters of {flow}"), holder::holder());
        if !state.lock(&name, &owner, SystemClock.now(), LEASE).await.map_err(Failure::from)? {
            let text = format!("another process sends dead letters of the flow `{flow}` again");
            return Err(
                Failure::failed(text).help("wait until it is done; one that died is forgotten after 30 seconds")
            );
        }
        let (state, of, by) = (Arc::clone(state), name.clone(), owner.clone());
        let renewing = tokio::spawn(async move {
            loop {
                tokio::time::sleep(LEASE / 3).await;
                // What can't be renewed now may be the next time.
                _ = state.lock(&of, &by, SystemClock.now(), LEASE).await;
            }
        });
        Ok(Self { name, owner, renewing })
    }

    async fn release(self, state: &dyn StateStore) -> Result<(), Failure> {
        self.renewing.abort();
        state.unlock(&self.name, &self.owner).await.map_err(Failure::from)
    }
}
