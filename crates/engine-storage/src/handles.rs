//! The files that are kept open: a few, however many are written to.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// How many files are open at once.
const MOST: usize = 64;

/// A file that may be open.
pub(crate) type Handle = Arc<Mutex<Option<File>>>;

/// The files that are open; for one more, the one that was used longest ago is closed.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    /// The latest one last.
    open: Mutex<Vec<Weak<Mutex<Option<File>>>>>,
}

impl Handles {
    /// Does something with a file, which is opened by `open` if it is closed.
    pub(crate) fn with<T>(
        &self,
        handle: &Handle,
        open: impl FnOnce() -> io::Result<File>,
        run: impl FnOnce(&mut File) -> io::Result<T>,
    ) -> io::Result<T> {
        // One lock at a time: two that wait for each other's would wait for ever.
        if let Some(oldest) = self.used(handle) {
            *oldest.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        let mut file = handle.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *file {
            Some(file) => run(file),
            None => run(file.insert(open()?)),
        }
    }

    /// Notes that a file is used now; returns the one to close.
    fn used(&self, handle: &Handle) -> Option<Handle> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let here = Arc::downgrade(handle);
        if open.last().is_some_and(|last| last.ptr_eq(&here)) {
            return None;
        }
        open.retain(|other| other.strong_count() > 0 && !other.ptr_eq(&here));
        open.push(here);
        if open.len() > MOST { open.remove(0).upgrade() } else { None }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::io::Write;

    use super::*;

    #[test]
    fn few_files_are_open_however_many_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let handles = Handles::default();
        let files: Vec<Handle> = (0..MOST * 3).map(|_| Handle::default()).collect();
        let write = |number: usize| {
            let path = folder.path().join(number.to_string());
            let open = || File::options().create(true).append(true).open(&path);
            handles.with(&files[number], open, |file| file.write_all(b"x")).unwrap();
        };
        for _ in 0..2 {
            (0..files.len()).for_each(write);
        }
        let open = |handle: &&Handle| handle.lock().unwrap().is_some();
        assert_eq!(files.iter().filter(open).count(), MOST);
        // The first one is used again and again, and so stays.
        write(0);
        for number in 1..MOST {
            write(number);
            write(0);
        }
        assert!(open(&&files[0]));
        for number in 0..files.len() {
            assert!(std::fs::read(folder.path().join(number.to_string())).unwrap().len() >= 2);
        }
    }
}
