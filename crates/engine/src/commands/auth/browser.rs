//! Opening a URL in the browser of whoever sits here. Where that does not work nothing happens: the URL is shown too.

use std::process::{Command, Stdio};

use crate::environment::set_variable;

/// Tries to open a URL.
pub(super) fn open(url: &str) {
    let mut command = if cfg!(target_os = "macos") {
        Command::new("open")
    } else if cfg!(windows) {
        // `start` is of the shell, which would read the `&` of a URL.
        let mut command = Command::new("rundll32");
        command.arg("url.dll,FileProtocolHandler");
        command
    } else {
        // Without a screen a browser for terminals might take this one.
        if ["DISPLAY", "WAYLAND_DISPLAY"].into_iter().find_map(set_variable).is_none() {
            return;
        }
        Command::new("xdg-open")
    };
    _ = command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
}
