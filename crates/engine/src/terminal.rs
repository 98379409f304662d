//! What the terminal can do, and where texts are written. The only place that writes to stdout and stderr.

use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};

use clap::ValueEnum;
use terminal_size::{Width, terminal_size_of};

use crate::environment::set_variable;

/// When colours are used.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

/// How a text is drawn on one of the two outputs.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// Whether it is drawn with colours.
    pub(crate) color: bool,
    /// Whether lines and marks may be other characters than ASCII's.
    pub(crate) unicode: bool,
    /// How many columns there are, on a terminal.
    pub(crate) width: Option<usize>,
}

impl Look {
    /// What is drawn into a file: all characters, no colours, lines as long as they are.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { color: false, unicode: true, width: None };

    /// Puts a text between the codes of a style, where there are colours.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        if self.color { format!("\u{1b}[{}m{text}\u{1b}[0m", style.code()) } else { text.to_owned() }
    }
}

/// What a text stands out by.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A headline.
    Bold,
    /// What matters less.
    Dim,
    /// An error.
    Red,
    /// A warning.
    Yellow,
    /// A help, a name.
    Cyan,
    /// What is done.
    Green,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "31",
            Self::Yellow => "33",
            Self::Cyan => "36",
            Self::Green => "32",
        }
    }
}

/// The two outputs of this process.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Terminal {
    /// How stdout is drawn.
    pub(crate) stdout: Look,
    /// How stderr is drawn.
    pub(crate) stderr: Look,
    /// Whether records land on a terminal.
    pub(crate) prints_to_screen: bool,
    /// Whether somebody watches stderr.
    pub(crate) is_watched: bool,
}

impl Terminal {
    /// Looks at the two outputs and the environment.
    pub(crate) fn new(choice: ColorChoice) -> Self {
        let (stdout, stderr) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let dumb = set_variable("TERM").is_some_and(|term| term == "dumb");
        let look = |is_terminal: bool, size: Option<(Width, _)>| Look {
            color: match choice {
                ColorChoice::Always => true,
                ColorChoice::Never => false,
                ColorChoice::Auto => is_terminal && !dumb && set_variable("NO_COLOR").is_none(),
            },
            unicode: !is_terminal || !dumb && speaks_unicode(),
            width: size.map(|(Width(width), _)| usize::from(width)).filter(|width| *width >= 20),
        };
        Self {
            stdout: look(stdout, terminal_size_of(io::stdout())),
            stderr: look(stderr, terminal_size_of(io::stderr())),
            prints_to_screen: stdout,
            is_watched: stderr && !dumb,
        }
    }
}

/// Returns whether the locale is one of UTF-8; where none is set, terminals are of today.
fn speaks_unicode() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set_variable);
    locale.is_none_or(|locale| {
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Writes a whole text to stdout. A reader that went away wants no more of it, which is no error.
pub(crate) fn print(text: impl AsRef<[u8]>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Writes a whole text to stderr. Where nothing can be said about it, a failure is passed over.
pub(crate) fn tell(text: impl AsRef<[u8]>) {
    let mut out = BufWriter::new(io::stderr().lock());
    _ = out.write_all(text.as_ref()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paints_only_with_colours() {
        assert_eq!(Look::PLAIN.paint(Style::Red, "x"), "x");
        assert_eq!(Look { color: true, ..Look::PLAIN }.paint(Style::Red, "x"), "\u{1b}[31mx\u{1b}[0m");
    }
}
