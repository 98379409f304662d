//! A server that answers as a test says, and remembers what came.

use std::io::{self, BufReader, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

use crate::listener::Listener;
use crate::received::Received;

/// What is answered: a status, headers, a body.
pub type Echo = (u16, Vec<(&'static str, String)>, Vec<u8>);

type Play = dyn Fn(&Received) -> Echo + Send + Sync;

/// A server that listens until it is dropped.
pub struct EchoServer {
    listener: Listener,
    stage: Arc<Stage>,
}

struct Stage {
    play: Box<Play>,
    received: Mutex<Vec<Received>>,
}

impl EchoServer {
    /// Starts a server.
    pub fn start(play: impl Fn(&Received) -> Echo + Send + Sync + 'static) -> Self {
        let make = |_| Stage { play: Box::new(play), received: Mutex::default() };
        let (listener, stage) = Listener::start(make, Stage::serve);
        Self { listener, stage }
    }

    /// Returns where it is.
    pub fn url(&self) -> String {
        self.listener.url()
    }

    /// Returns what came.
    pub fn received(&self) -> Vec<Received> {
        self.stage.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Stage {
    fn serve(&self, connection: &TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(connection);
        while let Some(received) = Received::read(&mut reader)? {
            self.received.lock().unwrap_or_else(PoisonError::into_inner).push(received.clone());
            let (status, headers, body) = (self.play)(&received);
            let mut head = format!("HTTP/1.1 {status} Echoed\r\nContent-Length: {}\r\n", body.len());
            for (name, value) in headers {
                head.extend([name, ": ", &value, "\r\n"]);
            }
            let mut out = connection;
            out.write_all(format!("{head}\r\n").as_bytes())?;
            out.write_all(&body)?;
        }
        Ok(())
    }
}
