//! Secrets that somebody has written into a spec: they are shown no more than those that are declared.

use engine_expr::Template;

/// The members of an `auth`, a `verify` or a `tls` that prove something.
const PROOFS: [&str; 14] = [
    "value",
    "token",
    "password",
    "secret",
    "key",
    "client_secret",
    "secret_key",
    "access_key",
    "session_token",
    "consumer_secret",
    "token_secret",
    "refresh_token",
    "assertion",
    "username",
];

/// Words in the names of headers and of values in the query that hold a proof.
const NAMES: [&str; 8] = ["authorization", "cookie", "token", "secret", "password", "api-key", "apikey", "api_key"];

/// Tells whether a text at a path of a spec is a secret that is written out. One that comes from elsewhere is named, and may be shown.
pub(super) fn is_literal_secret(path: &[&str], text: &str) -> bool {
    if Template::is_template(text) || text.starts_with('$') || text.is_empty() {
        return false;
    }
    let Some((name, above)) = path.split_last() else { return false };
    let proves = above.iter().any(|name| matches!(*name, "auth" | "verify" | "tls")) && PROOFS.contains(name);
    let is_named = above.iter().any(|name| matches!(*name, "headers" | "query"))
        && NAMES.iter().any(|word| name.to_ascii_lowercase().contains(word));
    let has_password = *name == "url" && text.split_once("://").is_some_and(|(_, rest)| rest.contains('@'));
    // Where a proof goes is none, and `answer` names places.
    (proves && !above.contains(&"answer")) || is_named || has_password
}
