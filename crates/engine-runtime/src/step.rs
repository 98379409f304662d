//! One step, from its source to its target.

use std::sync::Arc;

use engine_expr::{Members, Value};
use engine_plan::{Items, Source, Step};
use futures_util::stream::{self, Stream, StreamExt};

use crate::failure::Failure;
use crate::frame::Frame;
use crate::mapping::Mapper;
use crate::outlet::{Inlet, Outlet, pass};
use crate::read::AskedOfPages;
use crate::report::Status;
use crate::shape::Shaped;
use crate::site::Site;
use crate::source::{Batches, source};
use crate::stage::{Gather, Shaping, Stage};
use crate::tally::Tally;
use crate::writing;

/// A step about to run.
pub(crate) struct StepRun {
    pub(crate) frame: Arc<Frame>,
    pub(crate) step: Arc<Step>,
    pub(crate) inlet: Option<Inlet>,
    pub(crate) outlet: Outlet,
}

/// Runs a step to the end of its source.
pub(crate) async fn run_step(run: StepRun, tally: Arc<Tally>) -> Result<Status, Failure> {
    let (frame, is_root) = (Arc::clone(&run.frame), run.frame.is_root());
    let address = Arc::clone(tally.step());
    let done = run.go(tally).await;
    let writers = &frame.context.writers;
    let done = match done {
        // What steps within it wrote ends with it.
        Ok(status) if is_root => writers.finish(&frame, &address).await.map(|()| status),
        done => done,
    };
    if is_root {
        writers.abandon(&address);
    }
    match done {
        Err(failure) if failure.is_interruption() => Ok(Status::Interrupted),
        done => done,
    }
}

impl StepRun {
    async fn go(self, tally: Arc<Tally>) -> Result<Status, Failure> {
        let Self { frame, step, inlet, outlet } = self;
        // Of dead letters that are sent again only these and what takes from them have anything to do.
        if frame.retrying().is_some_and(|retrying| !retrying.runs(&frame.address(&step))) {
            if let Some(inlet) = inlet {
                tokio::spawn(pass(inlet));
            }
            outlet.end().await;
            return Ok(Status::Skipped);
        }
        let base = tokio::select! {
            base = frame.scope_of(&step) => base?,
            () = frame.stop.stopped() => return Ok(Status::Interrupted),
        };
        let base = match (&step.source, &frame.item) {
            // At the top the item of a step without a source is the event's body, or an empty one.
            (Source::Once, None) => {
                base.with("item", frame.event().unwrap_or_else(|| Value::Object(Arc::new(Members::new()))))
            }
            _ => base,
        };
        if let Some(when) = &step.when
            && !when.test(&base)?
        {
            if let Some(inlet) = inlet {
                tokio::spawn(pass(inlet));
            }
            outlet.end().await;
            return Ok(Status::Skipped);
        }
        frame.context.book.started(&frame.rank(&step));
        let site = Site {
            on_error: Arc::new(step.on_error.clone()),
            concurrency: step.concurrency.clone(),
            is_taken: outlet.is_taken(),
            frame,
            step,
            base,
            decides: Arc::clone(&tally),
            tally,
        };
        let concurrency = site.concurrency()?;
        let mut shaping = Shaping::new(&site);
        let gather = Gather::new(&site)?;
        let mut stage = Stage::new(&site)?;
        let mapper = shaping.mapper();
        let response = stage.needs_response() || shaping.needs_response();
        let asked = AskedOfPages { row: mapper.as_deref().map(Mapper::wanted), response };
        let shaped = shaped(&site, source(&site, inlet, concurrency, &asked), &mut shaping);
        match gather {
            Some(gather) => work(&site, gather.stream(shaped), &mut stage, &outlet).await?,
            None => work(&site, shaped, &mut stage, &outlet).await?,
        }
        let last = stage.finish(&site).await?;
        site.tally.count(&last.items, |counts, number| counts.out += number);
        outlet.send(last.items, last.claim).await?;
        outlet.end().await;
        site.tally.progress();
        Ok(Status::Ok)
    }
}

/// The batches of a source, shaped.
fn shaped<'a>(
    site: &'a Site,
    batches: Batches<'a>,
    shaping: &'a mut Shaping,
) -> impl Stream<Item = Result<Shaped, Failure>> + Send + 'a {
    // Who takes the stream of another step takes all that is in it: what was done before must not be forgotten.
    let takes_all = matches!(site.step.source, Source::Items(Items::Step(_)));
    stream::unfold((batches, shaping), move |(mut batches, shaping)| async move {
        let batch = batches.next().await?;
        let shaped = match batch {
            _ if !takes_all && site.frame.stop.is_stopped() => Err(Failure::interrupted()),
            Ok(batch) => shaping.take(Arc::unwrap_or_clone(batch.items), &[], batch.claim).await,
            Err(failure) => Err(failure),
        };
        Some((shaped, (batches, shaping)))
    })
}

/// Gives what is shaped to the target, and hands on what goes on.
async fn work(
    site: &Site,
    shaped: impl Stream<Item = Result<Shaped, Failure>> + Send,
    stage: &mut Stage,
    outlet: &Outlet,
) -> Result<(), Failure> {
    match stage {
        Stage::Each(each) => return each.stream(shaped, outlet).await,
        Stage::Write(writer) => return writing::stream(site, shaped, writer, outlet).await,
        _ => {}
    }
    let mut shaped = std::pin::pin!(shaped);
    loop {
        let done = match stage.due() {
            None => match shaped.next().await {
                Some(shaped) => stage.take(site, shaped?).await?,
                None => return Ok(()),
            },
            Some(due) => {
                let clock = Arc::clone(&site.context().exchanges.world().clock);
                tokio::select! {
                    next = shaped.next() => match next {
                        Some(shaped) => stage.take(site, shaped?).await?,
                        None => return Ok(()),
                    },
                    () = clock.sleep(due) => stage.flush().await?,
                }
            }
        };
        site.tally.count(&done.items, |counts, number| counts.out += number);
        outlet.send(done.items, done.claim).await?;
        site.tally.progress();
    }
}
