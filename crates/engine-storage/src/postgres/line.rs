//! A session, and what drives it on the thread of whoever has it.

use tokio::runtime::{Builder, Runtime};

use super::failure::Trouble;
use super::session::Session;

/// A session that may be made anew where it is.
pub(super) struct Line {
    /// None only while this is dropped.
    runtime: Option<Runtime>,
    /// None where nobody has connected yet, or the connection was lost.
    session: Option<Session>,
}

impl Line {
    /// Makes one on which nobody has connected yet.
    pub(super) fn new() -> Result<Self, Trouble> {
        // The connection lives on the thread that uses it at the time: between two uses there is nothing to be done with it.
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Trouble::new(format!("nothing can wait for the database: {error}")))?;
        Ok(Self { runtime: Some(runtime), session: None })
    }

    /// Does something with the session, which it may make and may lose.
    pub(super) fn run<T, E: From<Trouble>>(
        &mut self,
        work: impl AsyncFnOnce(&mut Option<Session>) -> Result<T, E>,
    ) -> Result<T, E> {
        match &self.runtime {
            Some(runtime) => runtime.block_on(work(&mut self.session)),
            None => Err(Trouble::new("the connection is closed").into()),
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.session.as_ref().is_some_and(|session| !session.client().is_closed())
    }

    /// Says goodbye, where one may wait.
    pub(super) fn close(mut self) {
        if let (Some(runtime), Some(session)) = (&self.runtime, self.session.take()) {
            runtime.block_on(session.close());
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        drop(self.session.take());
        // Where a sink is dropped, nobody may wait; the server sees that the connection ends.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
