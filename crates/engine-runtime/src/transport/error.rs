//! Why there is no answer: what a library said in a chain of causes becomes one sentence for people.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine_request::Size;
use rustls::{AlertDescription, CertificateError, InvalidMessage};

use super::HeadBounds;
use super::address::Refused;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection came about.
    #[error("no connection: {0}")]
    Connect(String),
    /// The connection cannot be secured as it has to be; another attempt would end as this one did.
    #[error("no secure connection: {0}")]
    Tls(String),
    /// The address is one that requests do not go to, unless the spec names it.
    #[error("leads to {0}")]
    NotAllowed(String),
    /// The answer took too long.
    #[error("no answer within {}", seconds(.0))]
    Timeout(Duration),
    /// The connection broke, or what came was not HTTP.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The body is larger than allowed.
    #[error("the body is larger than {}{}", shown_size(*.most), if *.is_packed { " when it is unpacked" } else { "" })]
    TooLarge {
        /// How large it may be.
        most: u64,
        /// Whether it came packed.
        is_packed: bool,
    },
    /// The status line and the headers are larger than allowed, or say a length that no body has: hyper makes one of both.
    #[error("the answer has more than {} headers, more than {} of them, or an impossible length", .0.count, shown_size(.0.size.into()))]
    HeadTooLarge(HeadBounds),
    /// A file that is to be sent cannot be sent as it was when the request was made.
    #[error("`{}` cannot be sent: {what}", .path.display())]
    File {
        /// Where the file is.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// What answers instead of the API has no answer to this request: a recording without it.
    #[error("{0}")]
    NotRecorded(String),
    /// An answer cannot be kept on disk.
    #[error("the answer cannot be kept on disk: {0}")]
    Disk(String),
}

fn seconds(time: &Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

/// Writes a bound as people write it: `1 GB`.
fn shown_size(bytes: u64) -> String {
    let text = Size::from_bytes(bytes).to_string();
    let unit = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    format!("{number} {unit}")
}

impl TransportError {
    /// Says that a file cannot be sent.
    pub(super) fn file(path: &Path, what: impl Into<String>) -> Self {
        Self::File { path: path.to_path_buf(), what: what.into() }
    }

    /// Says that an answer cannot be kept.
    pub(super) fn disk(error: &io::Error) -> Self {
        Self::Disk(error.to_string().to_lowercase())
    }

    /// Says why a request has no answer; `proxy` is what it goes through, without its credentials.
    pub(super) fn of(error: &reqwest::Error, timeout: Duration, proxy: Option<&str>) -> Self {
        for cause in causes(error) {
            if let Some(own) = cause.downcast_ref::<Self>() {
                return own.clone();
            }
            if let Some(refused) = cause.downcast_ref::<Refused>() {
                return Self::NotAllowed(refused.to_string());
            }
            if let Some(error) = cause.downcast_ref::<rustls::Error>() {
                return tls(error);
            }
            if cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse_too_large) {
                return Self::HeadTooLarge(HeadBounds::default());
            }
        }
        let said = said(error);
        if error.is_connect() {
            let said = if error.is_timeout() { "nothing answers there".to_owned() } else { said };
            return Self::Connect(match (proxy, said.strip_prefix("tunnel error: ")) {
                (_, Some("proxy authorization required")) => "the proxy asks for other credentials".to_owned(),
                (_, Some("unsuccessful")) => "the proxy does not connect to that host".to_owned(),
                (_, Some(rest)) => format!("the proxy: {rest}"),
                (Some(proxy), None) => format!("by the proxy `{proxy}`: {said}"),
                (None, None) => said,
            });
        }
        if error.is_timeout() {
            return Self::Timeout(timeout);
        }
        Self::Broken(said)
    }

    /// Takes what went wrong while a body was unpacked: with the connection, or with what was packed.
    pub(super) fn unpacking(error: &io::Error) -> Self {
        if let Some(own) = error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()) {
            return own.clone();
        }
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Self::Broken("the packed body ends in the middle".to_owned());
        }
        Self::Broken(format!("the body cannot be unpacked: {}", error.to_string().to_lowercase()))
    }
}

/// Says what keeps a connection from being secure.
fn tls(error: &rustls::Error) -> TransportError {
    let wants = |what: &str| TransportError::Tls(what.to_owned());
    match error {
        rustls::Error::InvalidCertificate(fault) => wants(match fault {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "the certificate of the host is from an authority that is not trusted"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the certificate of the host has expired"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the certificate of the host is not valid yet"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the certificate of the host is for other names"
            }
            CertificateError::Revoked => "the certificate of the host is revoked",
            _ => return TransportError::Tls(format!("the certificate of the host is not valid ({fault})")),
        }),
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired => wants("the host asks for a client certificate"),
            AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::DecryptError
            | AlertDescription::UnknownCA
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::AccessDenied => wants("the host does not take this client certificate"),
            AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion => wants(
                "the host and the engine have no way of TLS 1.2 or 1.3 in common, or it asks for a client certificate",
            ),
            AlertDescription::UnrecognisedName => wants("the host does not know this name"),
            other => TransportError::Broken(format!("the host ended TLS with `{other:?}`")),
        },
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => wants("the host does not speak TLS there"),
        rustls::Error::PeerIncompatible(_) => wants("the host and the engine have no way of TLS 1.2 or 1.3 in common"),
        other => TransportError::Broken(other.to_string().to_lowercase()),
    }
}

/// Walks from an error to its innermost cause, also through what `io::Error` wraps and does not own up to.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        let error: &'a (dyn Error + 'static) = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

/// Says the innermost cause: the outer ones only repeat the URL.
pub(super) fn said(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_bounds_as_people_do() {
        for (most, text) in [(1_000_000_000, "1 GB"), (5_500_000, "5500 KB"), (256 << 20, "256 MiB"), (1, "1 B")] {
            let error = TransportError::TooLarge { most, is_packed: false };
            assert_eq!(error.to_string(), format!("the body is larger than {text}"));
        }
    }

    #[test]
    fn looks_into_what_io_errors_wrap() {
        let inner = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let outer = io::Error::other(io::Error::other(inner));
        assert!(causes(&outer).any(<dyn Error>::is::<rustls::Error>));
    }

    #[test]
    fn tells_a_broken_packing_from_a_broken_connection() {
        let own = TransportError::Timeout(Duration::from_secs(1));
        assert_eq!(TransportError::unpacking(&io::Error::other(own.clone())), own);
        let cut = TransportError::unpacking(&io::ErrorKind::UnexpectedEof.into());
        assert_eq!(cut, TransportError::Broken("the packed body ends in the middle".to_owned()));
    }
}
