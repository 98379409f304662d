//! Work on all cores.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::failure::Failure;

/// A spec may be deep, and compiling goes down with it.
const STACK: usize = 16 * 1024 * 1024;

/// Does the same for all, some at once; the results are in the order of the things, whoever was first.
pub(super) fn at_once<T: Sync, R: Send>(
    jobs: usize,
    all: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Result<Vec<R>, Failure> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(all.len()));
    let worker = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(one) = all.get(index) else { return };
            let result = work(one);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
        }
    };
    thread::scope(|scope| {
        let workers = (0..jobs.min(all.len()))
            .map(|_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, worker))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Failure::failed(format!("cannot start a thread: {error}")))?;
        for worker in workers {
            // A worker that panicked has said why.
            worker.join().map_err(|_| Failure::failed("a test failed within the engine itself"))?;
        }
        Ok::<_, Failure>(())
    })?;
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}
