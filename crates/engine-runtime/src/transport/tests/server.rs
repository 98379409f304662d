//! Servers on loopback: they take what comes, and answer what they are told.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What a server received.
pub(super) struct Received {
    /// The request line and the headers, in small letters.
    pub(super) head: String,
    /// How long the body was.
    pub(super) length: usize,
    /// The sum of the body's bytes.
    pub(super) sum: u64,
}

/// Accepts connections until the test ends.
pub(super) async fn accept<F>(serve: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// Reads the head of a message.
pub(super) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8_lossy(&bytes).to_lowercase())
}

/// Answers one request after another.
pub(super) async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: impl Fn(&Received) -> Vec<u8>) {
    while let Some(head) = head(&mut stream).await {
        let announced = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        let mut left: usize = announced.unwrap_or(0);
        let mut received = Received { head, length: 0, sum: 0 };
        let mut buffer = vec![0; 64 * 1024];
        while left > 0 {
            let most = left.min(buffer.len());
            let Ok(read @ 1..) = stream.read(&mut buffer[..most]).await else { return };
            received.length += read;
            received.sum += buffer.iter().take(read).map(|byte| u64::from(*byte)).sum::<u64>();
            left -= read;
        }
        if stream.write_all(&answer(&received)).await.is_err() {
            return;
        }
    }
    _ = stream.shutdown().await;
}

/// Starts a server that speaks HTTP/1.1.
pub(super) async fn plain(answer: impl Fn(&Received) -> Vec<u8> + Send + Sync + 'static) -> SocketAddr {
    let answer = Arc::new(answer);
    accept(move |stream| {
        let answer = Arc::clone(&answer);
        async move { talk(stream, |received: &Received| answer(received)).await }
    })
    .await
}

/// Makes an answer.
pub(super) fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    answer("", body)
}

/// Makes an answer with headers, each with its line end.
pub(super) fn answer(headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{headers}\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// An authority and what it has signed.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // Authorities are told apart by their names.
        let name = format!("authority {}", COUNT.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    pub(super) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Signs a certificate for names; returns it with its key.
    pub(super) fn sign(&self, names: &[&str]) -> (rcgen::Certificate, KeyPair) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        (CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// Signs a certificate for a client; returns it with its key in PEM form.
    pub(super) fn client(&self) -> String {
        let (certificate, key) = self.sign(&["client"]);
        format!("{}{}", certificate.pem(), key.serialize_pem())
    }

    /// Makes what a server needs; `clients` signs the certificates that it wants of its clients.
    pub(super) fn acceptor(&self, names: &[&str], clients: Option<&Self>, protocols: &[&str]) -> TlsAcceptor {
        _ = rustls::crypto::ring::default_provider().install_default();
        let builder = match clients {
            None => ServerConfig::builder().with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.issuer.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
                ServerConfig::builder().with_client_cert_verifier(verifier)
            }
        };
        let (certificate, key) = self.sign(names);
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let mut config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Starts a server that speaks HTTP/1.1 over TLS.
pub(super) async fn secure(
    acceptor: TlsAcceptor,
    answer: impl Fn(&Received) -> Vec<u8> + Send + Sync + 'static,
) -> SocketAddr {
    let answer = Arc::new(answer);
    accept(move |stream| {
        let (acceptor, answer) = (acceptor.clone(), Arc::clone(&answer));
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                talk(stream, |received: &Received| answer(received)).await;
            }
        }
    })
    .await
}
