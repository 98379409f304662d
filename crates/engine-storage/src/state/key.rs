//! The key of a state: given, or kept in a file of its own that is made once. Knows nothing of the database.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use engine_runtime::StateError;
use ring::rand::{SecureRandom, SystemRandom};

/// How many bytes a key has.
pub(super) const LENGTH: usize = 32;

const MAKE_ONE: &str = "make one with `openssl rand -base64 32`";

/// Where the key comes from with which tokens are encrypted.
///
/// Printing it shows no key.
#[derive(Clone)]
pub enum StateKey {
    /// It is given: 32 bytes in base64 or hexadecimal digits, in the variable of this name.
    Given {
        /// The name of the variable, for messages.
        variable: String,
        /// The text of it.
        text: String,
    },
    /// It is in this file, which is made where it is not there.
    File(PathBuf),
    /// There is none, since nobody knows where its file would be. What to do is said here.
    Nowhere(String),
}

impl fmt::Debug for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given { variable, .. } => f.debug_struct("Given").field("variable", variable).finish_non_exhaustive(),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Nowhere(help) => f.debug_tuple("Nowhere").field(help).finish(),
        }
    }
}

impl StateKey {
    /// Returns the key; makes its file where that is not there yet.
    pub(super) fn read(&self) -> Result<[u8; LENGTH], StateError> {
        match self {
            Self::Given { variable, text } => decode(text).ok_or_else(|| {
                StateError::new(format!("`{variable}` is not a key: it needs 32 bytes in base64")).help(MAKE_ONE)
            }),
            Self::File(path) => match read(path)? {
                Some(key) => Ok(key),
                None => make(path),
            },
            Self::Nowhere(help) => {
                Err(StateError::new("nobody knows where the key of the state is").help(help.clone()))
            }
        }
    }

    /// Says where the key is, for messages.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Given { variable, .. } => format!("`{variable}`"),
            Self::File(path) => format!("the key file `{}`", path.display()),
            Self::Nowhere(_) => "the key".to_owned(),
        }
    }
}

/// Reads a key file; nothing where it is not there.
fn read(path: &Path) -> Result<Option<[u8; LENGTH]>, StateError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(path, "can't be read", &error)),
    };
    refuse_open_rights(path)?;
    decode(&text).map(Some).ok_or_else(|| {
        StateError::new(format!("the key file `{}` has no key: 32 bytes in base64 are needed", path.display())).help(
            "bring the file back as it was; or remove it, and all that was encrypted with it by `engine auth logout`",
        )
    })
}

/// The rights that others than its owner may have on a file.
#[cfg(unix)]
const GROUP_AND_OTHERS: u32 = 0o077;

/// A key that others can read keeps nothing from them.
#[cfg(unix)]
fn refuse_open_rights(path: &Path) -> Result<(), StateError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map_err(|error| unusable(path, "can't be read", &error))?.permissions().mode();
    if mode & GROUP_AND_OTHERS == 0 {
        return Ok(());
    }
    Err(StateError::new(format!("the key file `{}` can be read by others", path.display()))
        .help(format!("make it yours alone: `chmod 600 {}`", path.display())))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "rights are a matter of Unix")]
fn refuse_open_rights(_: &Path) -> Result<(), StateError> {
    Ok(())
}

/// Makes a key file that is there as a whole or not at all. Where two processes do so at once, both take the one that was first.
fn make(path: &Path) -> Result<[u8; LENGTH], StateError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    super::make_folder(folder).map_err(|error| unusable(path, "can't be made", &error))?;
    let mut key = [0; LENGTH];
    SystemRandom::new().fill(&mut key).map_err(|_| StateError::new("the machine gives no random numbers for a key"))?;
    let written = || -> io::Result<tempfile::NamedTempFile> {
        // Files of this kind have mode 0600 from the beginning.
        let mut file = tempfile::Builder::new().prefix(".state.key.").tempfile_in(folder)?;
        writeln!(file, "{}", encode(&key))?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    let file = written().map_err(|error| unusable(path, "can't be made", &error))?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(key),
        Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => {
            read(path)?.ok_or_else(|| unusable(path, "can't be made", &failed.error))
        }
        Err(failed) => Err(unusable(path, "can't be made", &failed.error)),
    }
}

fn unusable(path: &Path, how: &str, error: &io::Error) -> StateError {
    let unusable = StateError::new(format!("the key file `{}` {how}: {error}", path.display()));
    if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
        return unusable.help("make room on the disk, then run again");
    }
    unusable
        .help(format!("check the rights of its folder, or give the key in the variable `ENGINE_STATE_KEY`: {MAKE_ONE}"))
}

/// Writes bytes in base64 (RFC 4648 §4).
fn encode(key: &[u8]) -> String {
    use base64::prelude::{BASE64_STANDARD, Engine};
    BASE64_STANDARD.encode(key)
}

/// Reads a key in either alphabet of base64 (RFC 4648 §4, §5), padded or not, or in hexadecimal digits.
fn decode(text: &str) -> Option<[u8; LENGTH]> {
    use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD, Engine};
    let text = text.trim();
    if text.len() == 2 * LENGTH {
        let digits: Option<Vec<u8>> =
            text.chars().map(|char| char.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
        let bytes: Vec<u8> =
            digits?.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
        return bytes.try_into().ok();
    }
    let bare = text.trim_end_matches('=');
    let bytes = BASE64_STANDARD_NO_PAD.decode(bare).or_else(|_| BASE64_URL_SAFE_NO_PAD.decode(bare)).ok()?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn reads_a_key_in_each_form() {
        let key = [0xfb; LENGTH];
        let base64 = encode(&key);
        let hex = "fb".repeat(LENGTH);
        for text in [
            &base64,
            base64.trim_end_matches('='),
            &base64.replace('+', "-").replace('/', "_"),
            &hex,
            &format!(" {hex}\n"),
        ] {
            assert_eq!(decode(text), Some(key), "{text}");
        }
        for text in ["", "secret", &encode(&[1; 31]), &encode(&[1; 33]), &"fg".repeat(LENGTH), &"ü".repeat(LENGTH)] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn a_file_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/state.key");
        let key = StateKey::File(path.clone());
        let first = key.read().unwrap();
        assert_eq!(key.read().unwrap(), first);
        assert_eq!(decode(&fs::read_to_string(&path).unwrap()), Some(first));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&path), 0o600);
            assert_eq!(mode(path.parent().unwrap()), 0o700);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            assert!(key.read().unwrap_err().message.ends_with("can be read by others"));
        }
    }

    #[test]
    fn many_who_make_the_file_at_once_have_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.key");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..16).map(|_| scope.spawn(|| StateKey::File(path.clone()).read().unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn a_file_without_a_key_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.key");
        let mut file = tempfile::NamedTempFile::new_in(folder.path()).unwrap();
        file.write_all(b"oops").unwrap();
        file.persist(&path).unwrap();
        let error = StateKey::File(path).read().unwrap_err();
        assert!(error.message.contains("has no key"), "{error}");
        assert!(!error.message.contains("oops"));
    }

    #[test]
    fn a_key_is_never_printed() {
        let key = StateKey::Given { variable: "ENGINE_STATE_KEY".to_owned(), text: "hush".to_owned() };
        assert!(!format!("{key:?}").contains("hush"));
        assert!(!key.read().unwrap_err().message.contains("hush"));
    }
}
