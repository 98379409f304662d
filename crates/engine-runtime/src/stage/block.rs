//! Steps that run for one item: one after another, or in branches at once.

use std::sync::Arc;

use engine_plan::Block;
use futures_util::future::join_all;
use tokio::sync::mpsc;

use super::Done;
use super::each::Work;
use crate::failure::Failure;
use crate::frame::Frame;
use crate::needs::whole_scope;
use crate::outlet::{Delivery, Inlet, WAITING};
use crate::site::Site;
use crate::slot::Slot;

/// Runs steps for an item, and gives what the last of them hands on.
pub(crate) async fn steps(site: &Site, steps: &Block, work: &Work, slot: Option<&Arc<Slot>>) -> Result<Done, Failure> {
    let base = whole_scope(&work.scope, &work.item)?;
    let frame = site.frame.within(&site.step, steps, base, Arc::new(work.item.clone()));
    let frame = frame.working(site, work).holding(slot.cloned());
    if site.is_taken {
        return gathered(|out| Ok(frame.handing_on(Some(out)))).await;
    }
    // What nobody takes need not be held in memory until the item is done.
    Arc::new(frame).run().await?;
    Ok(Done::default())
}

/// Runs branches of steps for an item. Where one fails, the others end too.
pub(crate) async fn parallel(
    site: &Site,
    branches: &[Block],
    work: &Work,
    slot: Option<&Arc<Slot>>,
) -> Result<Done, Failure> {
    let base = whole_scope(&work.scope, &work.item)?;
    let item = Arc::new(work.item.clone());
    let frames: Vec<Arc<Frame>> = branches
        .iter()
        .map(|steps| {
            let frame = site.frame.within(&site.step, steps, base.clone(), Arc::clone(&item));
            Arc::new(frame.working(site, work).holding(slot.cloned()))
        })
        .collect();
    let runs = frames.iter().map(|frame| async {
        let done = Arc::clone(frame).run().await;
        if done.is_err() {
            for other in &frames {
                other.stop.stop();
            }
        }
        done
    });
    let mut failed: Option<Failure> = None;
    for done in join_all(runs).await {
        match done {
            Err(failure) if failed.as_ref().is_none_or(Failure::is_interruption) => failed = Some(failure),
            _ => {}
        }
    }
    failed.map_or_else(|| Ok(Done::default()), Err)
}

/// Runs a block, and gathers what it hands on.
pub(crate) async fn gathered(
    make: impl FnOnce(mpsc::Sender<Delivery>) -> Result<Frame, Failure>,
) -> Result<Done, Failure> {
    let (out, inlet) = mpsc::channel(WAITING);
    let run = Arc::new(make(out)?).run();
    let (run, done) = tokio::join!(run, gather(inlet));
    run.map(|()| done)
}

pub(crate) async fn gather(mut inlet: Inlet) -> Done {
    let mut done = Done::default();
    while let Some(Delivery::Items(batch)) = inlet.recv().await {
        done.items.extend(batch.items.iter().cloned());
        done.claim.join(batch.claim);
    }
    done
}
