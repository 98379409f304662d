//! Who still works on a page: it counts as delivered once all have said that they are done with it, and never if one of them was lost.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A part in the work on one page, or on several.
///
/// It travels beside the items of a page. Whoever is done with them [settles](Self::settle) it; whoever hands them to several makes a clone for
/// each. One that is dropped, by an error, a panic or a stop, spoils its pages for ever: they never count as delivered.
#[derive(Default)]
pub(crate) struct Claim {
    tickets: Vec<Arc<Ticket>>,
    /// Whether dropping it is no worse than settling it.
    is_lenient: bool,
}

/// A page, and what is to happen once it is delivered.
struct Ticket {
    /// How many claims are open.
    open: AtomicUsize,
    is_spoiled: AtomicBool,
    delivered: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Claim {
    /// Makes the first claim on a page. `delivered` is called at most once, by whoever settles the last claim: it must not wait.
    pub(crate) fn on(delivered: impl FnOnce() + Send + 'static) -> Self {
        let ticket = Ticket {
            open: AtomicUsize::new(1),
            is_spoiled: AtomicBool::new(false),
            delivered: Mutex::new(Some(Box::new(delivered))),
        };
        Self { tickets: vec![Arc::new(ticket)], is_lenient: false }
    }

    /// Makes a claim on nothing: of items that no page gave.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// Takes a claim over: this one then stands for the pages of both.
    pub(crate) fn join(&mut self, mut other: Self) {
        if !other.tickets.is_empty() {
            self.is_lenient = other.is_lenient && (self.is_lenient || self.tickets.is_empty());
        }
        for ticket in std::mem::take(&mut other.tickets) {
            // One claim on a page is as good as two. What is joined comes in order, so the last one is the one to look at.
            if self.tickets.last().is_some_and(|known| Arc::ptr_eq(known, &ticket)) {
                ticket.close();
            } else {
                self.tickets.push(ticket);
            }
        }
    }

    /// Makes a claim that does not spoil its pages when it is dropped, and whose clones don't: whoever has it is part of work whose own claim
    /// says how that ended.
    #[must_use]
    pub(crate) fn leniently(mut self) -> Self {
        self.is_lenient = true;
        self
    }

    /// Makes a claim that spoils its pages when it is dropped, whoever gave it.
    #[must_use]
    pub(crate) fn strictly(mut self) -> Self {
        self.is_lenient = false;
        self
    }

    /// Says that this part of the work is done.
    pub(crate) fn settle(mut self) {
        for ticket in std::mem::take(&mut self.tickets) {
            ticket.close();
        }
    }
}

impl Clone for Claim {
    fn clone(&self) -> Self {
        for ticket in &self.tickets {
            ticket.open.fetch_add(1, Ordering::Relaxed);
        }
        Self { tickets: self.tickets.clone(), is_lenient: self.is_lenient }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        for ticket in std::mem::take(&mut self.tickets) {
            if !self.is_lenient {
                ticket.is_spoiled.store(true, Ordering::Release);
            }
            ticket.close();
        }
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a claim on {} pages", self.tickets.len())
    }
}

impl Ticket {
    fn close(&self) {
        if self.open.fetch_sub(1, Ordering::AcqRel) > 1 || self.is_spoiled.load(Ordering::Acquire) {
            return;
        }
        let delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(delivered) = delivered {
            delivered();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A claim, and how often its page was said to be delivered.
    fn page() -> (Claim, Arc<AtomicUsize>) {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        (Claim::on(move || _ = counted.fetch_add(1, Ordering::SeqCst)), calls)
    }

    fn check(calls: &AtomicUsize, expected: usize) {
        assert_eq!(calls.load(Ordering::SeqCst), expected);
    }

    #[test]
    fn a_page_is_delivered_once_when_the_last_claim_is_settled() {
        let (claim, calls) = page();
        let (second, third) = (claim.clone(), claim.clone());
        claim.settle();
        third.settle();
        check(&calls, 0);
        let fourth = second.clone();
        second.settle();
        check(&calls, 0);
        fourth.settle();
        check(&calls, 1);
    }

    #[test]
    fn a_claim_that_is_dropped_spoils_its_page() {
        let (claim, calls) = page();
        let dropped = claim.clone();
        drop(dropped);
        claim.settle();
        check(&calls, 0);

        let (claim, calls) = page();
        let settled = claim.clone();
        settled.settle();
        drop(claim);
        check(&calls, 0);
    }

    #[test]
    fn a_lenient_claim_that_is_dropped_spoils_nothing_unless_it_is_held_strictly() {
        let (claim, calls) = page();
        let lenient = claim.clone().leniently();
        let mut gathered = Claim::none();
        gathered.join(lenient.clone());
        drop((lenient, gathered));
        check(&calls, 0);
        claim.settle();
        check(&calls, 1);

        let (claim, calls) = page();
        let mut held = Claim::none();
        held.join(claim.clone().leniently().strictly());
        held.join(claim.clone().leniently());
        claim.settle();
        check(&calls, 0);
        drop(held);
        check(&calls, 0);
    }

    #[test]
    fn a_panic_spoils_its_page() {
        let (claim, calls) = page();
        let held = claim.clone();
        let panicked = std::thread::spawn(move || {
            let _held = held;
            panic!("as asked");
        });
        assert!(panicked.join().is_err());
        claim.settle();
        check(&calls, 0);
    }

    #[test]
    fn a_joined_claim_stands_for_all_its_pages() {
        let ((mut claim, first), (other, second)) = (page(), page());
        let again = claim.clone();
        claim.join(again);
        claim.join(other);
        claim.join(Claim::none());
        let copy = claim.clone();
        claim.settle();
        check(&first, 0);
        copy.settle();
        check(&first, 1);
        check(&second, 1);
    }

    #[test]
    fn many_threads_deliver_a_page_once() {
        for _ in 0..50 {
            let (claim, calls) = page();
            let workers: Vec<_> =
                (0..8).map(|_| claim.clone()).map(|own| std::thread::spawn(|| own.settle())).collect();
            claim.settle();
            assert!(workers.into_iter().all(|worker| worker.join().is_ok()));
            check(&calls, 1);
        }
    }
}
