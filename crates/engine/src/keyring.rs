//! The system's keyring, by the program that the system itself reads it with.
//!
//! A library for it brings a D-Bus client with an executor of its own; the program is there wherever there is a keyring.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::program;

/// Returns a password; nothing if the keyring has none for this service and user.
///
/// # Errors
///
/// Fails where there is no keyring, or where it is locked.
pub(crate) fn password(service: &str, user: &str) -> io::Result<Option<String>> {
    let (command, package) = match std::env::consts::OS {
        "linux" | "freebsd" => {
            (vec!["secret-tool", "lookup", "service", service, "username", user], "`secret-tool` (libsecret-tools)")
        }
        "macos" => (vec!["security", "find-generic-password", "-s", service, "-a", user, "-w"], "`security`"),
        other => return Err(io::Error::new(ErrorKind::Unsupported, format!("not on {other}"))),
    };
    let command: Vec<String> = command.into_iter().map(str::to_owned).collect();
    let ran = program::run(&command, Path::new("")).map_err(|error| match error.kind() {
        ErrorKind::NotFound => io::Error::new(ErrorKind::NotFound, format!("{package} is not installed")),
        ErrorKind::TimedOut => io::Error::new(ErrorKind::TimedOut, "it is locked, and was not unlocked within 30 s"),
        _ => error,
    })?;
    let said = String::from_utf8_lossy(&ran.errors).trim().to_owned();
    // Both say nothing, or that there is no such item, where there is none.
    if !ran.success {
        let is_missing = said.is_empty() || said.contains("could not be found");
        return if is_missing { Ok(None) } else { Err(io::Error::other(said)) };
    }
    let text = String::from_utf8(ran.output).map_err(|_| io::Error::other("what it has is no text in UTF-8"))?;
    Ok(Some(text.strip_suffix('\n').unwrap_or(&text).to_owned()))
}
