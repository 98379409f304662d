//! Checks files beside the conversation, so that answers do not wait for it.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::STACK;
use crate::diagnostics::{Told, check};
use crate::pages::Pages;
use crate::position::Encoding;
use crate::texts::Texts;

/// What is to be checked.
struct Order {
    number: u64,
    roots: Vec<PathBuf>,
    texts: Texts,
}

/// What was found.
pub(super) struct Checked {
    /// Of which order.
    pub(super) number: u64,
    /// By file.
    pub(super) found: BTreeMap<PathBuf, Vec<Told>>,
}

/// Who checks.
pub(super) struct Checker {
    orders: Sender<Order>,
    latest: u64,
}

impl Checker {
    /// Starts the thread; it ends with the checker.
    pub(super) fn start(pages: Pages, encoding: Encoding) -> io::Result<(Self, Receiver<Checked>)> {
        let (orders, received) = unbounded::<Order>();
        let (sender, checked) = unbounded();
        thread::Builder::new().name("checker".to_owned()).stack_size(STACK).spawn(move || {
            while let Ok(order) = received.recv() {
                // Only the latest state matters.
                let Order { number, roots, texts } = received.try_iter().last().unwrap_or(order);
                let work = AssertUnwindSafe(|| check(&roots, &texts, &pages, encoding));
                let Ok(found) = catch_unwind(work) else { continue };
                if sender.send(Checked { number, found }).is_err() {
                    return;
                }
            }
        })?;
        Ok((Self { orders, latest: 0 }, checked))
    }

    /// Orders a check; what an earlier one finds is no longer wanted.
    pub(super) fn check(&mut self, roots: Vec<PathBuf>, texts: Texts) {
        self.latest += 1;
        _ = self.orders.send(Order { number: self.latest, roots, texts });
    }

    /// Returns the number of the latest order.
    pub(super) fn latest(&self) -> u64 {
        self.latest
    }
}
