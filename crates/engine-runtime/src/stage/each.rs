//! A step that does something for each item: several at once, and handed on in their order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use engine_expr::Scope;
use engine_plan::{Block, Plan, Step, Target};
use engine_spec::ItemAction;
use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::Semaphore;

use super::errors::Errors;
use super::{block, flow, wait};
use crate::call::Caller;
use crate::claim::Claim;
use crate::composite::CompositeCaller;
use crate::failure::Failure;
use crate::item::Item;
use crate::outlet::Outlet;
use crate::shape::Shaped;
use crate::site::Site;
use crate::slot::Slot;
use crate::trail::Trail;

/// How many answers that are there at once are handed on together.
const HANDED_ON: usize = 64;

/// How many items may wait at once, beside those that are worked on.
const MAX_WAITING: usize = 1000;

/// Does something for each item of a step.
pub(crate) struct Each {
    site: Site,
    doing: Doing,
    errors: Errors,
    /// How many are worked on at once.
    concurrency: usize,
    /// The places of those that are worked on, where some may only wait.
    places: Option<Arc<Semaphore>>,
}

/// What is done for each item.
enum Doing {
    Call(Box<Caller>),
    Composite(Box<CompositeCaller>),
    /// What needs nothing to be prepared.
    Other,
}

/// An item to work on.
pub(crate) struct Work {
    pub(crate) item: Item,
    pub(crate) scope: Scope,
    pub(crate) claim: Claim,
    /// What is known of the work on it, if it is tried again where it fails.
    pub(crate) trail: Option<Arc<Trail>>,
}

/// What goes on.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) items: Vec<Item>,
    pub(crate) claim: Claim,
}

impl Each {
    /// Prepares the work of a step.
    pub(crate) fn new(site: &Site) -> Result<Self, Failure> {
        let doing = match &site.step.target {
            Target::Call(call) => Doing::Call(Box::new(Caller::new(site, call))),
            Target::Composite(call) => Doing::Composite(Box::new(CompositeCaller::new(site, call))),
            _ => Doing::Other,
        };
        let concurrency = site.concurrency()?;
        let places =
            waits(&site.context().plan, &site.step, &mut Vec::new()).then(|| Arc::new(Semaphore::new(concurrency)));
        Ok(Self { site: site.clone(), doing, errors: Errors::new(site), concurrency, places })
    }

    /// Works on a whole stream, so that several are under way across its batches, and hands on what comes of it.
    pub(crate) async fn stream(
        &self,
        shaped: impl Stream<Item = Result<Shaped, Failure>> + Send,
        outlet: &Outlet,
    ) -> Result<(), Failure> {
        let mut done = std::pin::pin!(self.done(shaped).ready_chunks(HANDED_ON));
        let mut failed: Option<Failure> = None;
        while let Some(chunk) = done.next().await {
            let mut out = Done::default();
            for done in chunk {
                match done {
                    Ok(done) => out.join(done),
                    // A failure says more than that others were stopped by it.
                    Err(failure) if failed.as_ref().is_none_or(Failure::is_interruption) => failed = Some(failure),
                    Err(_) => {}
                }
            }
            self.site.tally.count(&out.items, |counts, number| counts.out += number);
            self.site.tally.progress();
            outlet.send(out.items, out.claim).await?;
        }
        failed.map_or(Ok(()), Err)
    }

    /// Works on one batch.
    pub(crate) async fn batch(&self, shaped: Shaped) -> Result<Done, Failure> {
        let mut done = std::pin::pin!(self.done(stream::once(std::future::ready(Ok(shaped)))));
        let mut out = Done::default();
        let mut failed: Option<Failure> = None;
        while let Some(done) = done.next().await {
            match done {
                Ok(done) => out.join(done),
                Err(failure) if failed.as_ref().is_none_or(Failure::is_interruption) => failed = Some(failure),
                Err(_) => {}
            }
        }
        failed.map_or(Ok(out), Err)
    }

    /// What comes of each item, in their order. Items that are worked on when one fails are let finish, so that it is known what was done
    /// for them; no others begin.
    fn done<'a>(
        &'a self,
        shaped: impl Stream<Item = Result<Shaped, Failure>> + Send + 'a,
    ) -> impl Stream<Item = Result<Done, Failure>> + Send + 'a {
        let given_up = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&given_up);
        let width = self.concurrency + if self.places.is_some() { MAX_WAITING } else { 0 };
        let works = shaped.flat_map(|shaped| {
            stream::iter(match shaped {
                Ok(shaped) => self.works(shaped),
                Err(failure) => vec![Err(failure)],
            })
        });
        works
            .take_while(move |_| std::future::ready(!seen.load(Ordering::Relaxed)))
            .map(move |work| {
                let given_up = Arc::clone(&given_up);
                async move {
                    let done = self.begin(work, &given_up).await;
                    if done.is_err() {
                        given_up.store(true, Ordering::Relaxed);
                    }
                    done
                }
            })
            .buffered(width)
    }

    fn works(&self, shaped: Shaped) -> Vec<Result<Work, Failure>> {
        let Shaped { items, scopes, claim, .. } = shaped;
        let mut scopes = scopes.into_iter();
        let works = items
            .into_iter()
            .map(|item| {
                let scope = scopes.next().unwrap_or_else(|| self.site.base.clone());
                let trail = Trail::of(&self.site, &item);
                Ok(Work { item, scope, claim: claim.clone(), trail })
            })
            .collect();
        claim.settle();
        works
    }

    async fn begin(&self, work: Result<Work, Failure>, given_up: &AtomicBool) -> Result<Done, Failure> {
        let work = work?;
        let slot = match &self.places {
            Some(places) => Some(Slot::take(places, self.site.frame.slot()).await),
            None => None,
        };
        if given_up.load(Ordering::Relaxed) {
            return Err(Failure::interrupted());
        }
        let mut tries = self.errors.begin();
        loop {
            let failure = match self.once(&work, slot.as_ref()).await {
                Ok(mut done) => {
                    done.claim.join(work.claim);
                    work.trail.iter().for_each(|trail| trail.end());
                    return Ok(done);
                }
                Err(failure) => failure,
            };
            let is_tried_whole = self.site.retrying(&work.item).is_none();
            if is_tried_whole && self.errors.again(&failure, &work.scope, &mut tries).await? {
                if let Some(trail) = &work.trail {
                    self.errors.forget(trail.again()).await?;
                }
                continue;
            }
            if self.site.frame.stop.is_stopped() && failure.is_interruption() {
                return Err(failure);
            }
            let settled = self.errors.settle_work(&work, failure).await;
            if let Err(failure) = settled {
                work.trail.iter().for_each(|trail| trail.end());
                let is_handled = self.site.on_error.action != ItemAction::Fail;
                return Err(if is_handled { failure } else { failure.way_on(target_name(&self.site.step)) });
            }
            work.trail.iter().for_each(|trail| trail.end());
            return Ok(Done { items: Vec::new(), claim: work.claim });
        }
    }

    async fn once(&self, work: &Work, slot: Option<&Arc<Slot>>) -> Result<Done, Failure> {
        let site = &self.site;
        match (&self.doing, &site.step.target) {
            (Doing::Call(caller), _) => {
                let items = caller.call(&work.item, &work.scope).await?;
                Ok(Done { items, claim: Claim::none() })
            }
            (Doing::Composite(caller), _) => caller.call(work, slot).await,
            (_, Target::Steps(steps)) => block::steps(site, steps, work, slot).await,
            (_, Target::Parallel(branches)) => block::parallel(site, branches, work, slot).await,
            (_, Target::Flow(call)) => flow::run(site, call, work, slot).await,
            (_, Target::Wait(waiting)) => wait::wait(site, waiting, work, slot).await,
            _ => Ok(super::unclaimed(vec![work.item.clone()])),
        }
    }
}

/// Names the key of a target.
fn target_name(step: &Step) -> &'static str {
    match &step.target {
        Target::Call(_) | Target::Composite(_) => "call",
        Target::Steps(_) => "steps",
        Target::Parallel(_) => "parallel",
        Target::Flow(_) => "flow",
        Target::Wait(_) => "wait",
        Target::Fail(_) => "fail",
        Target::Log(_) => "log",
        Target::Switch(_) => "switch",
        Target::Write(_) => "write",
        Target::None => "map",
    }
}

/// Tells whether something within a step waits.
fn waits(plan: &Plan, step: &Step, within: &mut Vec<usize>) -> bool {
    let any = |plan: &Plan, block: &Block, within: &mut Vec<usize>| block.iter().any(|step| waits(plan, step, within));
    let is_waiting = match &step.target {
        Target::Wait(_) => true,
        Target::Flow(call) => any(&call.plan, &call.plan.steps, &mut Vec::new()),
        // One may call itself.
        Target::Composite(call) if !within.contains(&call.composite) => {
            within.push(call.composite);
            plan.composites.get(call.composite).is_some_and(|called| any(plan, &called.steps, within))
        }
        _ => false,
    };
    is_waiting
        || step.blocks().any(|block| any(plan, block, within))
        || step.cases().iter().any(|case| waits(plan, &case.step, within))
}
