//! A server on a raw socket, which answers as a case says: well, badly, or not at all.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use super::reply::Reply;
use super::shop::{Asked, Book, number};
use crate::listener::Listener;
use crate::received::Received;

/// What is answered to a request.
pub(crate) type Play = Arc<dyn Fn(&Asked<'_>) -> Reply + Send + Sync>;

/// A server that listens until it is dropped.
pub(crate) struct FaultServer {
    /// Listens as long as it is there.
    _listener: Listener,
    stage: Arc<Stage>,
}

/// What all connections share.
struct Stage {
    play: Play,
    here: String,
    other: String,
    book: Book,
    /// How often each page was asked for.
    asked: Mutex<BTreeMap<(String, u64), u64>>,
    /// All that came, as it is told in a message.
    log: Mutex<Vec<String>>,
}

impl FaultServer {
    /// Starts a server that knows where another one is.
    pub(crate) fn start(play: Play, other: &str) -> Self {
        let make = |here| Stage {
            play,
            here,
            other: other.to_owned(),
            book: Book::default(),
            asked: Mutex::default(),
            log: Mutex::default(),
        };
        let (listener, stage) = Listener::start(make, Stage::serve);
        Self { _listener: listener, stage }
    }

    /// Returns where it is.
    pub(crate) fn url(&self) -> String {
        self.stage.here.clone()
    }

    /// Returns all requests that came, with their headers and bodies.
    pub(crate) fn log(&self) -> Vec<String> {
        self.stage.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the orders that were made.
    pub(crate) fn made(&self) -> Vec<u64> {
        self.stage.book.made()
    }
}

impl Stage {
    fn serve(&self, connection: &TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(connection);
        while let Some(received) = Received::read(&mut reader)? {
            let reply = self.reply(&received);
            for act in &reply.acts {
                if !act.play(connection)? {
                    // A reset is what the system makes of it when the last handle goes; a goodbye would come before it.
                    return if act.is_reset() { Ok(()) } else { connection.shutdown(Shutdown::Both) };
                }
            }
            let mut out = connection;
            out.flush()?;
        }
        connection.shutdown(Shutdown::Both)
    }

    fn reply(&self, received: &Received) -> Reply {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(received.describe());
        let page = number(received);
        let attempt = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            let count = asked.entry((received.method.clone(), page)).or_default();
            *count += 1;
            *count
        };
        let (here, other) = (self.here.as_str(), self.other.as_str());
        (self.play)(&Asked { received, page, attempt, here, other, book: &self.book })
    }
}
