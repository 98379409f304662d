//! How the hosts of an API are connected to.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::Path;

use bytes::Bytes;
use engine_expr::{Scope, Template};
use engine_plan::{ApiSettings, Plan};
use engine_request::Proxy;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use url::Url;

use super::address::named_link_local;
use crate::failure::Failure;
use crate::world::Environment;

/// How the hosts of an API are connected to. Connections that are equal share their clients; the default is that of the machine.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// Certificates of authorities that are trusted in addition to those of the machine, in PEM form.
    pub(super) ca: Option<Bytes>,
    /// The certificate of the client with its chain and its private key, in PEM form.
    pub(super) identity: Option<Bytes>,
    /// The way to the host.
    pub(super) way: Way,
    /// Whether link-local addresses may be talked to.
    pub(super) link_local: bool,
}

/// The way to a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Way {
    /// As the machine has it: straight, or through its proxies.
    #[default]
    Machine,
    /// Straight.
    Direct,
    /// Through a proxy.
    Through(Proxy),
}

impl Connection {
    /// Makes one that goes straight to its host, whatever proxies the machine has: for servers of this very process.
    pub fn direct() -> Self {
        Self { way: Way::Direct, ..Self::default() }
    }

    /// Makes one by what an API says: reads its files and looks whether they are what they should be.
    ///
    /// # Errors
    ///
    /// Fails where a file cannot be read or holds something else, or where a template fails.
    pub(crate) fn resolve(
        settings: &ApiSettings,
        scope: &Scope,
        plan: &Plan,
        environment: &dyn Environment,
    ) -> Result<Self, Failure> {
        let mut connection = Self { link_local: names_link_local(settings, scope, plan)?, ..Self::default() };
        if let Some(tls) = &settings.tls {
            if let Some(ca) = &tls.ca {
                let ca = Pem::read("ca", ca, scope, plan.folder(ca.span()), environment)?;
                connection.ca = Some(ca.authorities()?);
            }
            let key = match &tls.key {
                Some(key) => Some(Pem::read("key", key, scope, plan.folder(key.span()), environment)?),
                None => None,
            };
            if let Some(cert) = &tls.cert {
                let cert = Pem::read("cert", cert, scope, plan.folder(cert.span()), environment)?;
                connection.identity = Some(cert.identity(key.as_ref())?);
            } else if let Some(key) = key {
                let failure = key.failure("missing-field", "there is no `cert` beside it");
                return Err(
                    failure.help("name the file of the certificate that the key belongs to: `tls: {cert: …, key: …}`")
                );
            }
        }
        if let Some(proxy) = &settings.proxy {
            let text = proxy.render_text(scope)?;
            connection.way = if text == "none" {
                Way::Direct
            } else {
                let wrong = || {
                    Failure::new("invalid-url", "`proxy` is not the URL of a proxy", proxy.span())
                        .help("write `http://`, `https://`, `socks5://` or `socks5h://`, a host and a port, and no path; what is special in a password is percent-encoded: `{{ secrets.password | urlencode }}`")
                };
                Way::Through(Proxy::parse(&text).ok_or_else(wrong)?)
            };
        }
        Ok(connection)
    }

    /// Returns it without the certificate of the client; none if there is none.
    pub(crate) fn without_identity(&self) -> Option<Self> {
        self.identity.is_some().then(|| Self { identity: None, ..self.clone() })
    }

    /// Tells whether it is as the machine has it, without anything of an API's own.
    pub(super) fn is_default(&self) -> bool {
        matches!(self, Self { ca: None, identity: None, way: Way::Machine, link_local: false })
    }

    /// Returns the way to the host.
    pub(super) fn way(&self) -> &Way {
        &self.way
    }
}

/// Equal ones have equal hashes; what is in the files need not be hashed for each request.
impl Hash for Connection {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.ca.as_ref().map(Bytes::len).hash(state);
        self.identity.as_ref().map(Bytes::len).hash(state);
        self.way.hash(state);
        self.link_local.hash(state);
    }
}

/// There is a private key in it.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("ca", &self.ca.is_some())
            .field("identity", &self.identity.is_some())
            .field("way", &self.way)
            .field("link_local", &self.link_local)
            .finish()
    }
}

/// Tells whether the spec itself names a link-local address for an API: in `base_url`, in a request line or in `allow_hosts`.
fn names_link_local(settings: &ApiSettings, scope: &Scope, plan: &Plan) -> Result<bool, Failure> {
    for host in &settings.allow_hosts {
        let text = host.render_text(scope)?;
        if leads_to_link_local(&format!("http://{text}/")) {
            return Ok(true);
        }
    }
    let bases = settings.base_url.iter().map(Template::text);
    let endpoints = plan.endpoints.iter().filter(|endpoint| endpoint.api == settings.name);
    let own = endpoints.flat_map(|endpoint| {
        let line = endpoint.request.text();
        let url = line.find("http").and_then(|at| line.get(at..));
        endpoint.base_url.as_ref().map(Template::text).into_iter().chain(url)
    });
    Ok(bases.chain(own).any(leads_to_link_local))
}

/// Tells whether a URL, of which the beginning is written out, leads to a link-local address.
fn leads_to_link_local(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.contains('{') {
        return false;
    }
    Url::parse(&format!("{scheme}://{host}/")).is_ok_and(|url| named_link_local(&url).is_some())
}

/// A file in PEM form (RFC 7468), and what it is for.
struct Pem<'a> {
    key: &'static str,
    template: &'a Template,
    /// How it is called in messages.
    name: String,
    text: String,
}

impl<'a> Pem<'a> {
    /// Reads a file; a value that is itself in PEM form, as one from a secret may be, is taken as it is.
    fn read(
        key: &'static str,
        template: &'a Template,
        scope: &Scope,
        folder: &Path,
        environment: &dyn Environment,
    ) -> Result<Self, Failure> {
        let value = template.render_text(scope)?;
        if value.trim_start().starts_with("-----BEGIN ") {
            return Ok(Self { key, template, name: format!("the value of `{}`", template.text()), text: value });
        }
        let mut file = Self { key, template, name: format!("`{value}`"), text: String::new() };
        let path = folder.join(&value);
        match environment.read_file(&path) {
            Ok(text) => file.text = text,
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return Err(file.is_not_pem()),
            Err(error) => {
                let why = error.to_string().to_lowercase();
                return Err(file.failure("unreadable-file", &format!("{} cannot be read: {why}", file.name)));
            }
        }
        Ok(file)
    }

    fn failure(&self, code: &'static str, text: &str) -> Failure {
        Failure::new(code, format!("`tls.{}`: {text}", self.key), self.template.span())
    }

    fn wrong(&self, text: &str) -> Failure {
        self.failure("unreadable-file", &format!("{} {text}", self.name))
    }

    fn is_not_pem(&self) -> Failure {
        self.wrong("is not in PEM form")
            .help("`openssl x509 -in FILE -inform DER -out FILE.pem` makes it so; for a key, `openssl pkey`")
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Failure> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(self.text.as_bytes()).collect();
        match certificates {
            Ok(certificates) if certificates.is_empty() && !self.text.contains("-----BEGIN ") => Err(self.is_not_pem()),
            Ok(certificates) if certificates.is_empty() => Err(self.wrong("has no certificate")),
            Ok(certificates) => Ok(certificates),
            Err(_) => Err(self.wrong("is not in proper PEM form")),
        }
    }

    /// Takes it as the certificates of authorities.
    fn authorities(&self) -> Result<Bytes, Failure> {
        let mut store = RootCertStore::empty();
        for certificate in self.certificates()? {
            store.add(certificate).map_err(|_| self.wrong("has a certificate that is broken"))?;
        }
        Ok(Bytes::copy_from_slice(self.text.as_bytes()))
    }

    /// Takes it as the certificate of the client, with a private key from another file or from this one.
    fn identity(&self, key: Option<&Self>) -> Result<Bytes, Failure> {
        let chain = self.certificates()?;
        let holder = key.unwrap_or(self);
        let private = holder.private_key()?;
        let provider = rustls::crypto::ring::default_provider();
        match CertifiedKey::from_der(chain, private, &provider) {
            Ok(_) => Ok(format!("{}\n{}", self.text, key.map_or("", |key| &key.text)).into()),
            Err(rustls::Error::InconsistentKeys(_)) => {
                Err(holder.wrong(&format!("has another key than the certificate in {}", self.name)))
            }
            Err(rustls::Error::InvalidCertificate(_)) => Err(self.wrong("has a certificate that is broken")),
            Err(_) => Err(holder
                .wrong("has a private key of a kind that is not known")
                .help("RSA from 2048 bits, P-256, P-384 and Ed25519 are")),
        }
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, Failure> {
        // Keys are encrypted whole (PKCS #8) or by a header of their own (what OpenSSL wrote of old).
        if self.text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || self.text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(self.wrong("has a private key that is encrypted with a password").help(
                "decrypt it with `openssl pkey -in FILE -out PLAIN` into a file that only the engine reads, or into a secret: `key: \"{{ secrets.client_key }}\"`",
            ));
        }
        match PrivateKeyDer::from_pem_slice(self.text.as_bytes()) {
            Ok(key) => Ok(key),
            Err(rustls::pki_types::pem::Error::NoItemsFound) if !self.text.contains("-----BEGIN ") => {
                Err(self.is_not_pem())
            }
            Err(rustls::pki_types::pem::Error::NoItemsFound) if self.key == "cert" => {
                Err(self.wrong("has no private key").help("name the file of the key: `tls: {cert: …, key: …}`"))
            }
            Err(rustls::pki_types::pem::Error::NoItemsFound) => Err(self.wrong("has no private key")),
            Err(_) => Err(self.wrong("is not in proper PEM form")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::io;

    use super::*;

    #[test]
    fn sees_where_a_spec_names_a_link_local_address() {
        for text in [
            "http://169.254.169.254/latest",
            "http://169.254.169.254/{{ inputs.path }}",
            "http://[fe80::1]:80/",
            "http://169.254.169.254:8080/",
            "http://169.254.169.254",
        ] {
            assert!(leads_to_link_local(text), "{text}");
        }
        for text in ["https://shop.example/169.254.169.254", "{{ inputs.url }}", "http://{{ inputs.host }}/", "/path"] {
            assert!(!leads_to_link_local(text), "{text}");
        }
    }

    /// A host of templates that ask nothing.
    struct Fixed;

    impl engine_expr::Host for Fixed {
        fn now(&self) -> jiff::Timestamp {
            jiff::Timestamp::UNIX_EPOCH
        }

        fn random(&self) -> u64 {
            4
        }
    }

    /// Files in memory.
    struct Files(Vec<(&'static str, String)>);

    impl Environment for Files {
        fn variable(&self, _: &str) -> Option<String> {
            None
        }

        fn read_file(&self, path: &Path) -> io::Result<String> {
            let found = self.0.iter().find(|(name, _)| Path::new("folder").join(name) == path);
            match found {
                Some((_, text)) if text == "DER" => Err(io::ErrorKind::InvalidData.into()),
                Some((_, text)) => Ok(text.clone()),
                None => Err(io::ErrorKind::NotFound.into()),
            }
        }

        fn file_length(&self, path: &Path) -> io::Result<u64> {
            self.read_file(path).map(|text| text.len() as u64)
        }
    }

    /// Tries a certificate and a key, which are names of files or PEM; says what is wrong.
    fn identity(cert: &str, key: Option<&str>) -> Result<Bytes, String> {
        let (one, other) = (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
        let certificate = rcgen::CertificateParams::new(vec!["a".to_owned()]).unwrap().self_signed(&one).unwrap();
        let files = Files(vec![
            ("cert.pem", certificate.pem()),
            ("both.pem", format!("{}{}", certificate.pem(), one.serialize_pem())),
            ("key.pem", one.serialize_pem()),
            ("other.pem", other.serialize_pem()),
            (
                "locked.pem",
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n".to_owned(),
            ),
            (
                "old.pem",
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"
                    .to_owned(),
            ),
            ("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB".to_owned()),
            ("text.txt", "hello".to_owned()),
            ("cert.der", "DER".to_owned()),
        ]);
        let read = |key: &'static str, text: &str| {
            let text = if text == "inline" { one.serialize_pem() } else { text.to_owned() };
            let template = Box::leak(Box::new(Template::new(&text, engine_source::Span::default())));
            let scope = Scope::new(std::sync::Arc::new(Fixed));
            Pem::read(key, template, &scope, Path::new("folder"), &files).map_err(|failure| failure.message)
        };
        let cert = read("cert", cert)?;
        let key = key.map(|key| read("key", key)).transpose()?;
        cert.identity(key.as_ref()).map_err(|failure| failure.message)
    }

    #[test]
    fn says_which_file_is_wrong_and_how() {
        assert!(identity("cert.pem", Some("key.pem")).is_ok());
        assert!(identity("cert.pem", Some("inline")).is_ok());
        assert!(identity("both.pem", None).is_ok());
        for (cert, key, said) in [
            ("cert.pem", None, "`tls.cert`: `cert.pem` has no private key"),
            ("nowhere.pem", None, "`tls.cert`: `nowhere.pem` cannot be read: entity not found"),
            ("cert.der", None, "`tls.cert`: `cert.der` is not in PEM form"),
            ("text.txt", None, "`tls.cert`: `text.txt` is not in PEM form"),
            ("key.pem", None, "`tls.cert`: `key.pem` has no certificate"),
            ("cut.pem", None, "`tls.cert`: `cut.pem` is not in proper PEM form"),
            ("cert.pem", Some("cert.pem"), "`tls.key`: `cert.pem` has no private key"),
            (
                "cert.pem",
                Some("locked.pem"),
                "`tls.key`: `locked.pem` has a private key that is encrypted with a password",
            ),
            ("cert.pem", Some("old.pem"), "`tls.key`: `old.pem` has a private key that is encrypted with a password"),
            (
                "cert.pem",
                Some("other.pem"),
                "`tls.key`: `other.pem` has another key than the certificate in `cert.pem`",
            ),
        ] {
            assert_eq!(identity(cert, key).unwrap_err(), said, "{cert} {key:?}");
        }
    }

    #[test]
    fn shows_neither_keys_nor_credentials() {
        let connection = Connection {
            identity: Some(Bytes::from_static(b"secret")),
            way: Proxy::parse("http://me:secret@proxy.example").map(Way::Through).unwrap_or_default(),
            ..Connection::default()
        };
        let shown = format!("{connection:?}");
        assert!(!shown.contains("secret"), "{shown}");
        assert!(shown.contains("proxy.example"), "{shown}");
    }
}
