//! A socket on loopback whose connections are served, each in a thread, until it is dropped.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A socket that listens until it is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
}

impl Listener {
    /// Begins to listen; `make` makes what all connections share, knowing the URL, and `serve` serves one of them.
    pub(crate) fn start<S: Send + Sync + 'static>(
        make: impl FnOnce(String) -> S,
        serve: fn(&S, &TcpStream) -> io::Result<()>,
    ) -> (Self, Arc<S>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let this = Self { address, closed: Arc::default() };
        let stage = Arc::new(make(this.url()));
        let (shared, closed) = (Arc::clone(&stage), Arc::clone(&this.closed));
        thread::spawn(move || {
            for connection in listener.incoming() {
                if closed.load(Ordering::Relaxed) {
                    break;
                }
                let Ok(connection) = connection else { continue };
                let stage = Arc::clone(&shared);
                // A client that goes away in the middle is what some tests are about.
                thread::spawn(move || _ = connection.set_nodelay(true).and_then(|()| serve(&stage, &connection)));
            }
        });
        (this, stage)
    }

    /// Returns where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        // Wakes it, so that it sees that it is over.
        _ = TcpStream::connect(self.address);
    }
}
