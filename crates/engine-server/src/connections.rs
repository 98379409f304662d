//! The connections over which requests come in: how many there may be, and how long they may say nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::log::Notice;
use crate::server::Server;

/// What is answered where there are too many connections, without a look at what is asked.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// How long that may take.
const TOLD: Duration = Duration::from_secs(1);

/// How long to wait where no connection can be taken: the process may have too many files open.
const PAUSE: Duration = Duration::from_millis(200);

/// What connections are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// How many there are at once.
    pub most: usize,
    /// How long the head of a request may take, and how long a connection may wait for the next one.
    pub head_within: Duration,
}

impl Default for Connections {
    fn default() -> Self {
        Self { most: 512, head_within: Duration::from_secs(30) }
    }
}

impl Connections {
    /// Answers requests until the server is to end; those that are there then are answered still.
    pub(crate) async fn serve(self, server: Arc<Server>, listener: TcpListener, router: Router) {
        let room = Arc::new(Semaphore::new(self.most));
        let graceful = GracefulShutdown::new();
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(self.head_within);
        let mut trouble = None;
        loop {
            let stream = tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        // Said once as long as it is the same; one that has gone already is nobody's trouble.
                        let message = format!("connections can't be taken: {error}");
                        if !is_gone(&error) && trouble.as_ref() != Some(&message) {
                            server.log.notice(Notice::Trouble { message: &message });
                            trouble = Some(message);
                        }
                        server.clock.sleep(PAUSE).await;
                        continue;
                    }
                },
                () = server.stop.stopped() => break,
            };
            let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
                tokio::spawn(refuse(stream));
                continue;
            };
            trouble = None;
            // Answers are small, and each is written at once.
            _ = stream.set_nodelay(true);
            let service = TowerToHyperService::new(router.clone());
            let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
            tokio::spawn(async move {
                // Whoever breaks off need not be told of.
                _ = connection.await;
                drop(place);
            });
        }
        drop(listener);
        graceful.shutdown().await;
    }
}

/// Tells that there are too many connections.
async fn refuse(mut stream: TcpStream) {
    let told = async {
        stream.write_all(FULL).await?;
        stream.shutdown().await
    };
    _ = tokio::time::timeout(TOLD, told).await;
}

/// Tells whether whoever connected has gone before it was taken note of.
fn is_gone(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
