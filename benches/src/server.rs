//! The API on loopback. A process of its own, so that its time is not counted with its readers'.
//!
//! `GET /reads/{pages}?page=N` is page N of a list of that many pages: `{"page", "data", "next"}`, where `next`
//! is the absolute URL of the next page or null. The first [`PAGES`] pages are made beforehand, the others when they are asked for.
//!
//! `GET /parents` lists [`PARENTS`] parents, `{"data": [{"id"}]}`, and `GET /parents/{id}/children` those of one of them,
//! each time after [`LATENCY`].

use std::borrow::Cow;
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::orders;

/// Pages made beforehand.
pub const PAGES: usize = 1_000;

/// Parents that have children.
pub const PARENTS: usize = 2_000;

/// Children of each parent.
pub const CHILDREN: usize = 3;

/// How long the children of one parent take.
pub const LATENCY: Duration = Duration::from_millis(20);

/// Serves until its standard input ends; the first line of its standard output is the base URL.
pub fn serve() -> io::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let base = format!("http://{}", listener.local_addr()?);
        let shop = Arc::new(Shop { base: base.clone(), pages: (1..=PAGES).map(orders::page).collect() });
        let (close, closed) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            // Whatever ends the input, the starter is gone.
            let _ = io::stdin().read_to_end(&mut Vec::new());
            drop(close);
        });
        writeln!(io::stdout(), "{base}")?;
        tokio::select! {
            _ = closed => Ok(()),
            failed = accept(listener, shop) => failed,
        }
    })
}

async fn accept(listener: TcpListener, shop: Arc<Shop>) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let shop = Arc::clone(&shop);
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = shop.answer(request.uri().path(), request.uri().query());
                let is_slow = request.uri().path().ends_with("/children");
                async move {
                    if is_slow {
                        sleep(LATENCY).await;
                    }
                    Ok::<_, Infallible>(answer)
                }
            });
            // A reader may hang up whenever it likes.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

struct Shop {
    base: String,
    pages: Vec<String>,
}

impl Shop {
    fn answer(&self, path: &str, query: Option<&str>) -> Response<Full<Bytes>> {
        let body = match Self::wanted(path, query) {
            Some((page, pages)) => Some(self.body(page, pages)),
            None => family(path),
        };
        let (status, body) = match body {
            Some(body) => (StatusCode::OK, body),
            None => (StatusCode::NOT_FOUND, r#"{"error":"no such page"}"#.to_owned()),
        };
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    /// The number of the page, and of how many.
    fn wanted(path: &str, query: Option<&str>) -> Option<(usize, usize)> {
        let pages = path.strip_prefix("/reads/")?.parse().ok()?;
        let page = match query.filter(|query| !query.is_empty()) {
            None => 1,
            Some(query) => query.strip_prefix("page=")?.parse().ok()?,
        };
        (1..=pages).contains(&page).then_some((page, pages))
    }

    fn body(&self, page: usize, pages: usize) -> String {
        let data = match self.pages.get(page - 1) {
            Some(data) => Cow::Borrowed(data.as_str()),
            None => Cow::Owned(orders::page(page)),
        };
        let next = if page < pages {
            format!(r#""{}/reads/{pages}?page={}""#, self.base, page + 1)
        } else {
            "null".to_owned()
        };
        format!(r#"{{"page":{page},"data":{data},"next":{next}}}"#)
    }
}

/// The parents, or the children of one.
fn family(path: &str) -> Option<String> {
    let rest = path.strip_prefix("/parents")?;
    let data: Vec<String> = if rest.is_empty() {
        (1..=PARENTS).map(|id| format!(r#"{{"id":{id}}}"#)).collect()
    } else {
        let parent: usize = rest.strip_prefix('/')?.strip_suffix("/children")?.parse().ok()?;
        (1..=CHILDREN).map(|number| format!(r#"{{"parent":{parent},"number":{number}}}"#)).collect()
    };
    Some(format!(r#"{{"data":[{}]}}"#, data.join(",")))
}

#[cfg(test)]
mod tests {
    use super::Shop;

    #[test]
    fn takes_the_first_page_where_none_is_named() {
        assert_eq!(Shop::wanted("/reads/1000", None), Some((1, 1000)));
        assert_eq!(Shop::wanted("/reads/1000", Some("page=1000")), Some((1000, 1000)));
        assert_eq!(Shop::wanted("/reads/1000", Some("page=1001")), None);
        assert_eq!(Shop::wanted("/reads/1000", Some("limit=1")), None);
        assert_eq!(Shop::wanted("/orders", None), None);
    }

    #[test]
    fn a_parent_has_children() {
        let children = super::family("/parents/7/children");
        assert_eq!(
            children.as_deref(),
            Some(r#"{"data":[{"parent":7,"number":1},{"parent":7,"number":2},{"parent":7,"number":3}]}"#)
        );
        assert_eq!(super::family("/parents/x/children"), None);
        assert_eq!(super::family("/orders"), None);
    }
}
