//! A server that answers as a test says, and remembers what came.

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::received::Received;

/// What is answered: a status, headers, a body.
pub type Echo = (u16, Vec<(&'static str, String)>, Vec<u8>);

type Play = dyn Fn(&Received) -> Echo + Send + Sync;

/// A server that listens until it is dropped.
pub struct EchoServer {
    address: SocketAddr,
    stage: Arc<Stage>,
}

struct Stage {
    play: Box<Play>,
    received: Mutex<Vec<Received>>,
    closed: AtomicBool,
}

impl EchoServer {
    /// Starts a server.
    pub fn start(play: impl Fn(&Received) -> Echo + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let stage =
            Arc::new(Stage { play: Box::new(play), received: Mutex::default(), closed: AtomicBool::new(false) });
        let shared = Arc::clone(&stage);
        thread::spawn(move || {
            for connection in listener.incoming() {
                if shared.closed.load(Ordering::Relaxed) {
                    break;
                }
                let Ok(connection) = connection else { continue };
                let stage = Arc::clone(&shared);
                // A client may go away at any time.
                thread::spawn(move || _ = stage.serve(&connection));
            }
        });
        Self { address, stage }
    }

    /// Returns where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns what came.
    pub fn received(&self) -> Vec<Received> {
        self.stage.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        self.stage.closed.store(true, Ordering::Relaxed);
        // Wakes the listener, so that it sees that it is over.
        _ = TcpStream::connect(self.address);
    }
}

impl Stage {
    fn serve(&self, connection: &TcpStream) -> io::Result<()> {
        connection.set_nodelay(true)?;
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
