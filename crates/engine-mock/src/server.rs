//! The server: connections in, answers out.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine_plan::Plan;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

use crate::asked::Asked;
use crate::routes::Routes;

/// A server that answers for the APIs of a plan. It ends when it is dropped.
#[derive(Debug)]
pub struct Mock {
    address: SocketAddr,
    base: Url,
    listening: JoinHandle<()>,
}

impl Mock {
    /// Starts to serve a plan's examples; port 0 takes any that is free.
    ///
    /// # Errors
    ///
    /// Fails where the address can't be listened on.
    ///
    /// # Panics
    ///
    /// Panics outside of a tokio runtime.
    pub fn start(plan: &Plan, listen: SocketAddr) -> io::Result<Self> {
        Self::serve(Routes::of(plan), listen)
    }

    pub(crate) fn serve(routes: Routes, listen: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        // An address that listens for everybody is itself nobody's.
        let mut reached = address;
        if address.ip().is_unspecified() {
            reached.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
        }
        let base = Url::parse(&format!("http://{reached}/")).map_err(io::Error::other)?;
        let listening = tokio::spawn(accept(listener, Arc::new(routes)));
        Ok(Self { address, base, listening })
    }

    /// Returns where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns what takes the place of an API's `base_url`, and of the host in a URL that an endpoint has of its own.
    pub fn base_url(&self, api: &str) -> Url {
        let mut base = self.base.clone();
        base.set_path(api);
        base
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Takes connections; they end with the task that runs this.
#[expect(clippy::disallowed_methods, reason = "a mock stands outside, and no test waits for it")]
async fn accept(listener: TcpListener, routes: Arc<Routes>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let routes = Arc::clone(&routes);
                connections.spawn(async move {
                    // Answers are small and in a hurry; a connection that is cut is the client's matter.
                    let _ = stream.set_nodelay(true);
                    let service = service_fn(move |request| answer(Arc::clone(&routes), request));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
            // Most often there are too many open files; some will be closed soon.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn answer(routes: Arc<Routes>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let asked = Asked::new(parts.method, &parts.uri, parts.headers, body);
    Ok(routes.answer(&asked).into_response())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::tests::served;

    async fn get(mock: &Mock, path: &str) -> String {
        let mut stream = TcpStream::connect(mock.address()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", mock.address());
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn serves_over_http_until_it_is_dropped() {
        let list = served(
            "shop.list",
            "{request: GET /items, records: $.items, paginate: {type: link_header}, example: {items: [1, 2, 3]}}",
        );
        let mock = Mock::serve(Routes::new(vec![list]), ([127, 0, 0, 1], 0).into()).unwrap();
        assert_eq!(mock.base_url("shop").path(), "/shop");
        let answer = get(&mock, "/shop/items").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\n{\"items\":[1,2]}"), "{answer}");
        let link = format!("link: <http://{}/shop/items?mock=mock-cursor-2>; rel=\"next\"\r\n", mock.address());
        assert!(answer.contains(&link), "{answer}");
        assert!(get(&mock, "/shop/items?mock=mock-cursor-2").await.ends_with("{\"items\":[3]}"));
        assert!(get(&mock, "/other").await.starts_with("HTTP/1.1 404 Not Found\r\n"));
        let address = mock.address();
        drop(mock);
        tokio::task::yield_now().await;
        assert!(TcpStream::connect(address).await.is_err());
    }
}
