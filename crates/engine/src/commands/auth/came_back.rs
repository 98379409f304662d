//! Waiting for a browser to come back from a login, or for somebody to paste where it came.

use std::io::BufRead;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use url::{Host, Url};

use crate::failure::Failure;

/// How long somebody may take.
const PATIENCE: Duration = Duration::from_mins(15);
/// How long a request may take to come in.
const REQUEST: Duration = Duration::from_secs(10);
/// How large its head may be.
const MAX_HEAD: usize = 32 * 1024;

/// What came back.
pub(super) struct CameBack {
    /// The URL or its path, or what was pasted.
    pub(super) text: String,
    /// Whoever waits for an answer.
    pub(super) answer: Answer,
}

/// Where a page is shown that says what came of it.
pub(super) struct Answer(Option<TcpStream>);

/// Waits for a browser, and for what is pasted.
pub(super) struct Waiting {
    redirect_uri: String,
    /// Where nothing listens, why.
    is_listening: bool,
    came: mpsc::Receiver<CameBack>,
}

impl Waiting {
    /// Listens where the browser is to come back to.
    ///
    /// Without a redirect URI that is a port of this machine. One of another machine is not listened to: what the browser shows
    /// there is pasted.
    ///
    /// # Errors
    ///
    /// Fails where the port that was asked for is taken.
    pub(super) async fn begin(redirect_uri: Option<&str>, port: u16) -> Result<Self, Failure> {
        let (sender, came) = mpsc::channel(4);
        paste(sender.clone());
        let Some(uri) = redirect_uri else {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
                Failure::failed(format!("cannot listen on 127.0.0.1:{port}: {error}")).help("take another `--port`")
            })?;
            let port =
                listener.local_addr().map_err(|error| Failure::failed(format!("cannot listen: {error}")))?.port();
            tokio::spawn(listen(listener, "/callback".to_owned(), sender));
            let redirect_uri = format!("http://127.0.0.1:{port}/callback");
            return Ok(Self { redirect_uri, is_listening: true, came });
        };
        if port != 0 {
            return Err(Failure::usage("`--port` is given, and the spec says where the browser comes back to")
                .help("leave `--port` out, or the `redirect_uri` of the spec"));
        }
        let mut is_listening = false;
        if let Some((address, path)) = own_address(uri)
            && let Ok(listener) = TcpListener::bind(address).await
        {
            tokio::spawn(listen(listener, path, sender));
            is_listening = true;
        }
        Ok(Self { redirect_uri: uri.to_owned(), is_listening, came })
    }

    /// Returns where the browser comes back to.
    pub(super) fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Says what happens next, for people.
    pub(super) fn described(&self) -> String {
        if self.is_listening {
            format!(
                "waiting at {}; if the browser cannot come back there, paste the URL that it shows in the end, or the code in it",
                self.redirect_uri
            )
        } else {
            format!("then paste the URL that the browser shows in the end (it begins with {})", self.redirect_uri)
        }
    }

    /// Waits for what comes next.
    ///
    /// # Errors
    ///
    /// Fails where nothing can come, or has not for too long.
    pub(super) async fn next(&mut self) -> Result<CameBack, Failure> {
        match tokio::time::timeout(PATIENCE, self.came.recv()).await {
            Ok(Some(came)) => Ok(came),
            Ok(None) => Err(Failure::failed("nothing was pasted, and nothing is listened to")
                .help("run it where somebody can paste the URL that the browser shows in the end")),
            Err(_) => Err(Failure::failed("nobody allowed the access within 15 minutes").help("begin again")),
        }
    }
}

impl Answer {
    /// Shows that it is done.
    pub(super) async fn done(self) {
        self.page("200 OK", "Done", "You may close this page and go back to the terminal.").await;
    }

    /// Shows why it is not.
    pub(super) async fn refused(self, why: &str) {
        self.page("400 Bad Request", "Not logged in", why).await;
    }

    async fn page(self, status: &str, title: &str, text: &str) {
        let Some(mut stream) = self.0 else { return };
        let text = escaped(text);
        let body = format!(
            "<!doctype html><meta charset=utf-8><title>engine: {title}</title><body style=\"font: 1.1em sans-serif; margin: 4em auto; max-width: 30em\"><h1>{title}</h1><p>{text}</p>\n"
        );
        // The address has the code in it: it goes nowhere from here.
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let sent = async {
            stream.write_all(format!("{head}{body}").as_bytes()).await?;
            stream.shutdown().await
        };
        _ = tokio::time::timeout(REQUEST, sent).await;
    }
}

/// Returns the address that a redirect URI of this machine names, and its path.
fn own_address(uri: &str) -> Option<(SocketAddr, String)> {
    let url = Url::parse(uri).ok().filter(|url| url.scheme() == "http")?;
    let ip = match url.host()? {
        Host::Ipv4(ip) if ip.is_loopback() => IpAddr::V4(ip),
        Host::Ipv6(ip) if ip.is_loopback() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        Host::Domain("localhost") => IpAddr::V4(Ipv4Addr::LOCALHOST),
        _ => return None,
    };
    Some((SocketAddr::new(ip, url.port_or_known_default()?), url.path().to_owned()))
}

/// Hands on every line of stdin. The thread ends with the program.
fn paste(sender: mpsc::Sender<CameBack>) {
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if line.trim().is_empty() {
                continue;
            }
            if sender.blocking_send(CameBack { text: line, answer: Answer(None) }).is_err() {
                return;
            }
        }
    });
}

/// Takes what browsers ask for at a path.
async fn listen(listener: TcpListener, path: String, sender: mpsc::Sender<CameBack>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (path, sender) = (path.clone(), sender.clone());
        // Browsers open connections ahead on which nothing comes.
        tokio::spawn(async move {
            let Ok(Some((target, stream))) = tokio::time::timeout(REQUEST, asked(stream)).await else { return };
            let (asked, query) = target.split_once('?').unwrap_or((&target, ""));
            if asked != path || query.is_empty() {
                Answer(Some(stream)).page("404 Not Found", "Nothing here", "The login goes on elsewhere.").await;
                return;
            }
            _ = sender.send(CameBack { text: target, answer: Answer(Some(stream)) }).await;
        });
    }
}

/// Reads what a request asks for.
async fn asked(mut stream: TcpStream) -> Option<(String, TcpStream)> {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let count = stream.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        head.extend_from_slice(buffer.get(..count)?);
        if head.len() > MAX_HEAD {
            return None;
        }
    }
    let head = String::from_utf8(head).ok()?;
    let target = head.lines().next()?.strip_prefix("GET ")?.split(' ').next()?.to_owned();
    Some((target, stream))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn knows_which_urls_are_of_this_machine() {
        let check = |uri: &str, expected: Option<&str>| {
            let found = own_address(uri).map(|(address, path)| format!("{address} {path}"));
            assert_eq!(found.as_deref(), expected, "{uri}");
        };
        check("http://127.0.0.1:8910/cb", Some("127.0.0.1:8910 /cb"));
        check("http://localhost:8910", Some("127.0.0.1:8910 /"));
        check("http://[::1]:8910/a/b?x", Some("[::1]:8910 /a/b"));
        check("http://localhost/cb", Some("127.0.0.1:80 /cb"));
        check("https://localhost:8910/cb", None);
        check("http://10.0.0.1:8910/cb", None);
        check("https://app.example/cb", None);
        check("urn:ietf:wg:oauth:2.0:oob", None);
    }

    #[tokio::test]
    async fn takes_what_comes_to_its_path_only() {
        let mut waiting = Waiting::begin(None, 0).await.unwrap();
        let address = waiting.redirect_uri().strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
        let ask = |request: &'static str| {
            let address = address.clone();
            async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(request.as_bytes()).await.unwrap();
                let mut answer = String::new();
                _ = stream.read_to_string(&mut answer).await;
                answer
            }
        };
        assert!(ask("GET /favicon.ico HTTP/1.1\r\n\r\n").await.starts_with("HTTP/1.1 404 "));
        assert!(ask("GET /callback HTTP/1.1\r\n\r\n").await.starts_with("HTTP/1.1 404 "));
        assert_eq!(ask("POST /callback?code=a HTTP/1.1\r\n\r\n").await, "");
        let (answer, ()) = tokio::join!(ask("GET /callback?code=a&state=b HTTP/1.1\r\nHost: x\r\n\r\n"), async {
            let CameBack { text, answer } = waiting.next().await.unwrap();
            assert_eq!(text, "/callback?code=a&state=b");
            answer.refused("<b> is \"bad\"").await;
        });
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("&lt;b&gt; is &quot;bad&quot;"), "{answer}");
        let (answer, ()) = tokio::join!(ask("GET /callback?code=a HTTP/1.1\r\n\r\n"), async {
            waiting.next().await.unwrap().answer.done().await;
        });
        assert!(answer.contains("You may close this page"), "{answer}");
    }
}
