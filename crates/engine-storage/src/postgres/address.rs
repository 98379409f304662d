//! Where a database is: a URL, taken apart. What is secret in it is shown nowhere.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::failure::Trouble;

/// How long a connection may take to come about, if the URL does not say.
const CONNECT: Duration = Duration::from_secs(10);
/// After how long without an answer to what was sent a server is taken for gone, if the URL does not say.
const SILENCE: Duration = Duration::from_mins(1);

/// Where a database is, and how one talks to it.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) config: Config,
    pub(crate) trust: Trust,
    /// The schema that the URL names.
    pub(crate) schema: Option<String>,
    shown: String,
}

/// What the server has to prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Nothing.
    Anyone,
    /// That its certificate is signed by one of those in the file.
    Signed(PathBuf),
    /// That, and that the certificate is for its name; by the store of the machine, if there is no file.
    Named(Option<PathBuf>),
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Address").field(&self.shown).finish()
    }
}

impl Address {
    /// Takes a URL apart: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`.
    ///
    /// # Errors
    ///
    /// Fails where it is no such URL. The error does not show it.
    #[expect(clippy::similar_names, reason = "a scheme and a schema are called so")]
    pub(crate) fn parse(url: &str) -> Result<Self, Trouble> {
        let wrong = |why: &str| {
            Trouble::new(format!("the URL of the database is wrong: {why}"))
                .help("write `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, and `%40` for an `@` in the password")
        };
        let Some((scheme @ ("postgres" | "postgresql"), rest)) = url.split_once("://") else {
            return Err(wrong("it does not begin with `postgres://`"));
        };
        // A password that is written plainly may have a `?`: what is asked for comes after it.
        let (user, rest) = rest.split_once('@').map_or(("", rest), |(user, rest)| (user, rest));
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (mut security, mut root, mut schema, mut others) = ("prefer".to_owned(), None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| wrong("an option has no value"))?;
            let value = percent_decode_str(value).decode_utf8().map_err(|_| wrong("it is not UTF-8"))?.into_owned();
            match name {
                "sslmode" => security = value,
                "sslrootcert" => root = Some(PathBuf::from(value)),
                "schema" => schema = Some(value),
                _ => others.push(pair),
            }
        }
        let at = if user.is_empty() { "" } else { "@" };
        let plain = format!("{scheme}://{user}{at}{place}?{}", others.join("&"));
        // What the library says names options, never their values.
        let mut config: Config = plain.parse().map_err(|error: tokio_postgres::Error| {
            wrong(&std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string))
        })?;
        let (ssl, trust) = proofs(&security, root)?;
        // A socket of the machine is not encrypted.
        let is_local = !config.get_hosts().iter().any(|host| matches!(host, Host::Tcp(_)));
        config.ssl_mode(if is_local { SslMode::Disable } else { ssl });
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        if config.get_application_name().is_none() {
            config.application_name("engine");
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(wrong("it names no host"));
        }
        let shown = shown(&config);
        Ok(Self { config, trust, schema, shown })
    }

    /// Returns the name that messages use: the hosts and the database.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }
}

/// Returns whether what is sent is encrypted, and what the server has to prove for it.
fn proofs(mode: &str, root: Option<PathBuf>) -> Result<(SslMode, Trust), Trouble> {
    Ok(match (mode, root) {
        ("disable", _) => (SslMode::Disable, Trust::Anyone),
        ("prefer", None) => (SslMode::Prefer, Trust::Anyone),
        ("prefer", Some(root)) => (SslMode::Prefer, Trust::Signed(root)),
        ("require", None) => (SslMode::Require, Trust::Anyone),
        // As `libpq` does: whoever gives a certificate wants it to be looked at.
        ("require" | "verify-ca", Some(root)) => (SslMode::Require, Trust::Signed(root)),
        ("verify-full", root) => (SslMode::Require, Trust::Named(root)),
        ("verify-ca", None) => {
            return Err(Trouble::new("`sslmode=verify-ca` needs the certificate to verify by")
                .help("give it by `sslrootcert=FILE`, or write `sslmode=verify-full`"));
        }
        _ => {
            return Err(Trouble::new("the URL of the database has an unknown `sslmode`")
                .help("write `disable`, `prefer`, `require`, `verify-ca` or `verify-full`"));
        }
    })
}

fn shown(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(at, host)| {
        let port = ports.get(at).or(ports.first()).filter(|port| **port != 5432);
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        match host {
            Host::Tcp(name) => format!("{name}{port}"),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        }
    });
    let hosts = hosts.collect::<Vec<_>>().join(",");
    match config.get_dbname() {
        Some(name) => format!("{hosts}/{name}"),
        None => hosts,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn takes_a_url_apart_and_shows_no_password() {
        let address = Address::parse(
            "postgres://me:hu%40sh?@db.example:5433/shop?sslmode=verify-full&connect_timeout=3&schema=x",
        )
        .unwrap();
        assert_eq!(address.config.get_password(), Some(&b"hu@sh?"[..]));
        assert_eq!(address.config.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!((address.shown(), address.schema.as_deref()), ("db.example:5433/shop", Some("x")));
        assert_eq!(address.trust, Trust::Named(None));
        assert!(!format!("{address:?}").contains("hu"));
        let local = Address::parse("postgresql:///shop?host=/run/pg&user=me").unwrap();
        assert_eq!(local.config.get_ssl_mode(), SslMode::Disable);
        assert_eq!(local.shown(), "/run/pg/shop");
    }

    #[test]
    fn an_option_says_what_the_server_has_to_prove() {
        let check = |query: &str| match Address::parse(&format!("postgres://h/d?{query}")) {
            Ok(address) => format!("{:?} {:?}", address.config.get_ssl_mode(), address.trust),
            Err(trouble) => trouble.message,
        };
        for (query, expected) in [
            ("", "Prefer Anyone"),
            ("sslmode=disable", "Disable Anyone"),
            ("sslmode=require", "Require Anyone"),
            ("sslmode=require&sslrootcert=/a%20b.pem", "Require Signed(\"/a b.pem\")"),
            ("sslmode=verify-ca", "`sslmode=verify-ca` needs the certificate to verify by"),
            ("sslmode=verify-full&sslrootcert=a.pem", "Require Named(Some(\"a.pem\"))"),
            ("sslmode=allow", "the URL of the database has an unknown `sslmode`"),
            ("sslcert=a", "the URL of the database is wrong: unknown option `sslcert`"),
        ] {
            assert_eq!(check(query), expected, "{query}");
        }
    }

    #[test]
    fn what_is_no_url_is_not_shown() {
        for url in ["mysql://u:hush@h/d", "host=h password=hush", "postgres://u:hush@h:port/d", "postgres://u:hush@/d"]
        {
            let trouble = Address::parse(url).unwrap_err();
            assert!(
                trouble.message.starts_with("the URL of the database is wrong") && !trouble.message.contains("hush")
            );
        }
    }
}
