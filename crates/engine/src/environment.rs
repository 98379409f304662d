//! The environment of the process, and the `.env` files that stand in for it. The only place that reads either.

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use engine_request::Proxy;
use engine_runtime::{Environment, Proxies, Ran};

use crate::failure::Failure;
use crate::{keyring, program};

/// Returns a variable of the process, if it is set and not empty.
pub(crate) fn set_variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns the folder for what the engine keeps for this user (XDG Base Directory Specification); nothing where nobody knows a home.
pub(crate) fn data_folder() -> Option<PathBuf> {
    let named = |name| set_variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = named("XDG_DATA_HOME").or_else(|| {
        if cfg!(windows) {
            return named("LOCALAPPDATA");
        }
        let home = env::home_dir().filter(|home| home.is_absolute())?;
        Some(home.join(if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/share" }))
    });
    Some(base?.join("engine"))
}

/// Variables: those of the process, then those of `.env` beside the spec, then those of `.env` in the working directory.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    /// Each with the file that gives it.
    from_files: HashMap<String, (String, PathBuf)>,
}

impl Variables {
    /// Reads the `.env` files that are there. The process itself is not changed.
    ///
    /// # Errors
    ///
    /// Fails where one of them cannot be read.
    pub(crate) fn load(spec: &Path) -> Result<Self, Failure> {
        let beside = spec.parent().unwrap_or(Path::new("")).join(".env");
        let mut variables = Self::default();
        variables.read(Path::new(".env"))?;
        if beside != Path::new(".env") {
            variables.read(&beside)?;
        }
        Ok(variables)
    }

    /// Returns the proxies of the machine, from the variables that other programs obey too.
    ///
    /// # Errors
    ///
    /// Fails where one of them is no URL of a proxy.
    pub(crate) fn proxies(&self) -> Result<Proxies, Failure> {
        // Where a web server starts the program, `HTTP_PROXY` is a header that anybody may send (httpoxy).
        let http: &[&str] =
            if self.variable("REQUEST_METHOD").is_some() { &["http_proxy"] } else { &["http_proxy", "HTTP_PROXY"] };
        let all = ["all_proxy", "ALL_PROXY"];
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| Some((*name, self.variable(name).filter(|value| !value.is_empty())?)))
        };
        let proxy = |names: &[&'static str]| {
            let Some((name, value)) = first(names).or_else(|| first(&all)) else { return Ok(None) };
            // It may hold a password, so it is not shown.
            let wrong = || {
                Failure::usage(format!("the variable `{name}` is not the URL of a proxy"))
                    .help("write `http://`, `https://`, `socks5://` or `socks5h://`, a host and a port")
            };
            Proxy::parse(&value).map(Some).ok_or_else(wrong)
        };
        let except = first(&["no_proxy", "NO_PROXY"]).map(|(_, value)| value).unwrap_or_default();
        Ok(Proxies { http: proxy(http)?, https: proxy(&["https_proxy", "HTTPS_PROXY"])?, except })
    }

    /// Adds the variables of a file, if there is one; they win over those that are there.
    fn read(&mut self, path: &Path) -> Result<(), Failure> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::NotADirectory) =>
            {
                return Ok(());
            }
            Err(error) => return Err(Failure::usage(format!("cannot read `{}`: {error}", path.display()))),
        };
        for variable in dotenvy::from_read_iter(text.trim_start_matches('\u{feff}').as_bytes()) {
            let (name, value) = variable.map_err(|error| unreadable(path, &text, &error))?;
            self.from_files.insert(name, (value, path.to_owned()));
        }
        Ok(())
    }
}

/// Says which line is wrong, but not what is in it: it may be a secret.
fn unreadable(path: &Path, text: &str, error: &dotenvy::Error) -> Failure {
    let line = match error {
        dotenvy::Error::LineParse(wrong, _) => {
            let first = wrong.lines().next().unwrap_or_default().trim();
            text.lines().position(|line| line.trim().contains(first)).map(|at| at + 1)
        }
        _ => None,
    };
    let place = match line {
        Some(line) => format!("{}:{line}", path.display()),
        None => path.display().to_string(),
    };
    Failure::usage(format!("{place}: not a variable"))
        .help("write `NAME=value`, with quotes around a value that has blanks")
}

impl Environment for Variables {
    fn variable(&self, name: &str) -> Option<String> {
        env::var(name).ok().or_else(|| self.from_files.get(name).map(|(value, _)| value.clone()))
    }

    fn file_of(&self, name: &str) -> Option<String> {
        let (_, path) = self.from_files.get(name).filter(|_| env::var(name).is_err())?;
        Some(path.display().to_string())
    }

    fn read_file(&self, path: &Path) -> io::Result<String> {
        let path = match path.strip_prefix("~") {
            Ok(rest) => env::home_dir().map_or_else(|| path.to_path_buf(), |home| home.join(rest)),
            Err(_) => PathBuf::from(path),
        };
        fs::read_to_string(path)
    }

    fn file_length(&self, path: &Path) -> io::Result<u64> {
        // A pipe would wait for its writer when it is opened.
        if !fs::metadata(path)?.is_file() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(fs::File::open(path)?.metadata()?.len())
    }

    fn run(&self, command: &[String], folder: &Path) -> io::Result<Ran> {
        program::run(command, folder)
    }

    fn password(&self, service: &str, user: &str) -> io::Result<Option<String>> {
        keyring::password(service, user)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn check(text: &str) -> Result<Variables, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".env"), text).unwrap();
        Variables::load(&folder.path().join("spec.yaml"))
            .map_err(|failure| failure.to_string().replace(&folder.path().display().to_string(), ""))
    }

    #[test]
    fn reads_the_file_beside_the_spec() {
        let variables = check("# a comment\nENGINE_TEST_A=1\nexport ENGINE_TEST_B='two words'\n").unwrap();
        assert_eq!(variables.variable("ENGINE_TEST_A").as_deref(), Some("1"));
        assert_eq!(variables.variable("ENGINE_TEST_B").as_deref(), Some("two words"));
        assert_eq!(variables.variable("ENGINE_TEST_C"), None);
        assert!(variables.file_of("ENGINE_TEST_A").is_some_and(|file| Path::new(&file).ends_with(".env")));
    }

    #[test]
    fn lets_the_process_win() {
        let variables = check("PATH=nowhere\n").unwrap();
        assert_eq!(variables.variable("PATH"), env::var("PATH").ok());
        assert_eq!(variables.file_of("PATH"), None);
    }

    #[test]
    fn finds_the_proxies_of_the_machine() {
        let variables = check("https_proxy=http://me:secret@proxy.example:3128\nno_proxy=.intern\n").unwrap();
        let proxies = variables.proxies().unwrap();
        assert_eq!(format!("{:?}", proxies.https), "Some(http://proxy.example:3128)");
        assert!(
            proxies.except.ends_with(".intern")
                || env::var_os("no_proxy").is_some()
                || env::var_os("NO_PROXY").is_some()
        );
        let failure = check("https_proxy=ftp://me:secret@proxy\n").unwrap().proxies().unwrap_err();
        assert_eq!(failure.to_string(), "the variable `https_proxy` is not the URL of a proxy");
    }

    #[test]
    fn says_which_line_is_wrong_and_keeps_it_to_itself() {
        assert_eq!(check("A=1\nsk_live_1234 oh no\n").unwrap_err(), "/.env:2: not a variable");
    }
}
