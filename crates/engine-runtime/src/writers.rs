//! The sinks that steps write to. A step that runs for each of many items writes to the same ones, which stay open for all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Mutex as AsyncMutex;

use crate::failure::Failure;
use crate::frame::Frame;
use crate::shape::Shaped;
use crate::sink::Layout;
use crate::site::Site;
use crate::stage::Done;
use crate::write::Writer;
use crate::writing::Room;

/// What steps within others write to, by their addresses.
#[derive(Default)]
pub(crate) struct Writers {
    open: Mutex<HashMap<Arc<str>, Arc<AsyncMutex<Writer>>>>,
}

/// What one step writes to.
pub(crate) struct SharedWriter {
    writer: Arc<AsyncMutex<Writer>>,
    /// Whether it asks for the page as `response`.
    pub(crate) needs_response: bool,
}

impl Writers {
    /// Returns what a step writes to.
    ///
    /// # Errors
    ///
    /// Fails where what the spec says of the sink can't be evaluated.
    pub(crate) fn of(&self, site: &Site) -> Result<SharedWriter, Failure> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let known = if site.frame.is_root() { None } else { open.get(site.address()) };
        let writer = if let Some(writer) = known {
            Arc::clone(writer)
        } else {
            let writer = Arc::new(AsyncMutex::new(Writer::new(site)?));
            // One of the flow's own steps ends with its step.
            if !site.frame.is_root() {
                open.insert(Arc::clone(site.address()), Arc::clone(&writer));
            }
            writer
        };
        let needs_response = writer.try_lock().is_ok_and(|writer| writer.needs_response());
        Ok(SharedWriter { writer, needs_response })
    }

    /// Ends the writing of all steps within one.
    pub(crate) async fn finish(&self, frame: &Frame, address: &str) -> Result<(), Failure> {
        for writer in self.within(address) {
            frame.hold(writer.lock().await.finish(None).await?);
        }
        Ok(())
    }

    /// Forgets what the steps within one were writing: it is not to be finished.
    pub(crate) fn abandon(&self, address: &str) {
        drop(self.within(address));
    }

    fn within(&self, address: &str) -> Vec<Arc<AsyncMutex<Writer>>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<Arc<str>> = open
            .keys()
            .filter(|name| name.strip_prefix(address).is_some_and(|rest| rest.starts_with('/')))
            .cloned()
            .collect();
        names.sort();
        names.iter().filter_map(|name| open.remove(name)).collect()
    }
}

impl SharedWriter {
    /// Writes a batch, and hands it on.
    pub(crate) async fn take(&self, site: &Site, shaped: Shaped) -> Result<Done, Failure> {
        self.writer.lock().await.take(site, shaped).await
    }

    /// Returns how much may come together and is written together; nothing where each batch is written by itself.
    pub(crate) async fn room(&self) -> Option<Room> {
        self.writer.lock().await.room()
    }

    /// Returns what lays records out while others are written, if the sink that is written to has such a thing.
    pub(crate) async fn layout(&self) -> Option<Arc<dyn Layout>> {
        self.writer.lock().await.layout()
    }

    /// Writes batches that have come together, and hands each on.
    pub(crate) async fn take_all(&self, site: &Site, batches: Vec<Shaped>) -> Result<Vec<Done>, Failure> {
        self.writer.lock().await.take_all(site, batches).await
    }

    /// Ends the writing, if it ends with the step.
    pub(crate) async fn finish(&self, site: &Site) -> Result<(), Failure> {
        if site.frame.is_root() {
            site.frame.hold(self.writer.lock().await.finish(Some(site)).await?);
        }
        Ok(())
    }
}
