//! The end of a file that a run was writing to when it stopped: which of its pages are there. Knows no format.
//!
//! Others may have written to the file before, between and after. Each page is looked for where it was to be, and a little behind that; what
//! is not certain to be of the run stays.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use engine_runtime::{Extent, FileCompression, SinkError};
use flate2::Crc;

/// Where the writing of a page may break off: a system takes it in blocks of the file.
const BLOCK: u64 = 4096;

/// How far behind its place a page is looked for: others may have written while it was about to be.
const REACH: u64 = 4 << 20;

/// Returns what a page is found by that will stand there.
pub(crate) fn extent(at: u64, page: &[u8]) -> Extent {
    let (mut sum, mut parts, mut rest) = (Crc::new(), Vec::new(), page);
    let mut block = BLOCK - at % BLOCK;
    while let Some((part, after)) = usize::try_from(block).ok().and_then(|block| rest.split_at_checked(block))
        && !after.is_empty()
    {
        sum.update(part);
        parts.push(sum.sum());
        (rest, block) = (after, BLOCK);
    }
    sum.update(rest);
    Extent { at, length: page.len() as u64, checksum: sum.sum(), parts, stands: false }
}

/// Tells which pages, in the order of their places, stand in a file that is at least so long; cuts away what is there of one that broke off.
///
/// # Errors
///
/// Fails where the file is shorter, or can't be read.
pub(crate) fn recover(
    path: &Path,
    compression: FileCompression,
    least: u64,
    pages: &[Extent],
) -> Result<Vec<bool>, SinkError> {
    let failed = |error: io::Error| SinkError::new(format!("can't read `{}`: {error}", path.display()));
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        opened => Some(opened.map_err(failed)?),
    };
    let length = file.as_ref().map_or(Ok(0), |file| file.metadata().map(|it| it.len())).map_err(failed)?;
    if length < least {
        return Err(SinkError::new(format!(
            "`{}` has {length} bytes, and the run that is resumed had written {least}: it was changed meanwhile",
            path.display()
        ))
        .help("bring the file back, or begin a new run"));
    }
    let Some(file) = file else { return Ok(vec![false; pages.len()]) };
    Tail { file, length, compression }.recover(pages).map_err(failed)
}

struct Tail {
    file: File,
    length: u64,
    compression: FileCompression,
}

impl Tail {
    fn recover(&mut self, pages: &[Extent]) -> io::Result<Vec<bool>> {
        let mut free = 0;
        let mut places: Vec<Option<u64>> = Vec::new();
        for page in pages {
            let place = self.find(page, free)?;
            free = place.map_or(free, |at| at + page.length);
            places.push(place);
        }
        // What broke off is the last thing in the file, if nobody has added to it.
        for (page, _) in pages.iter().zip(&places).filter(|(page, place)| place.is_none() && page.at >= free) {
            if self.breaks_off(page)? {
                self.file.set_len(page.at)?;
                self.file.sync_all()?;
                self.length = page.at;
                break;
            }
        }
        // One of which it is not known that it was written may be what another has written since, who wrote the same: then what comes behind
        // it is of that one too.
        let found = |number: usize| {
            let (page, mut end) = (&pages[number], places[number]? + pages[number].length);
            for (other, place) in pages.iter().zip(&places).skip(number + 1) {
                end = if *place == Some(end) { end + other.length } else { end };
            }
            (page.stands || end == self.length).then_some(())
        };
        Ok((0..pages.len()).map(|number| found(number).is_some()).collect())
    }

    /// Finds a page at or behind its place, and not before `free`.
    fn find(&mut self, page: &Extent, free: u64) -> io::Result<Option<u64>> {
        let first = page.at.max(free);
        if self.length < first.saturating_add(page.length) {
            return Ok(None);
        }
        if is_page(&self.read(first, page.length)?, page) {
            return Ok(Some(first));
        }
        let window = self.read(first, (REACH + page.length).min(self.length - first))?;
        let is_start = |at: usize| match self.compression {
            FileCompression::None => at.checked_sub(1).and_then(|before| window.get(before)) == Some(&b'\n'),
            FileCompression::Gzip => window.get(at..).is_some_and(|rest| rest.starts_with(&[0x1f, 0x8b, 8])),
            FileCompression::Zstd => window.get(at..).is_some_and(|rest| rest.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])),
        };
        let length = usize::try_from(page.length).unwrap_or(usize::MAX);
        let last = window.len().saturating_sub(length);
        let found = (1..=last).filter(|at| is_start(*at)).find(|at| {
            let there = window.get(*at..*at + length).unwrap_or_default();
            is_page(there, page)
        });
        Ok(found.map(|at| first + at as u64))
    }

    /// Tells whether the file ends within a page, in its place, where the writing may break off.
    fn breaks_off(&mut self, page: &Extent) -> io::Result<bool> {
        if !(page.at + 1..page.at + page.length).contains(&self.length) || !self.length.is_multiple_of(BLOCK) {
            return Ok(false);
        }
        let number = self.length / BLOCK - page.at / BLOCK - 1;
        let expected = usize::try_from(number).ok().and_then(|number| page.parts.get(number));
        let there = self.read(page.at, self.length - page.at)?;
        Ok(expected == Some(&sum_of(&there)))
    }

    fn read(&mut self, at: u64, length: u64) -> io::Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        self.file.by_ref().take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Tells whether bytes are a page; where they are not, that mostly shows in the first part of it.
fn is_page(bytes: &[u8], page: &Extent) -> bool {
    let first = usize::try_from(BLOCK - page.at % BLOCK).ok().and_then(|first| bytes.get(..first));
    if let (Some(first), Some(expected)) = (first, page.parts.first())
        && sum_of(first) != *expected
    {
        return false;
    }
    bytes.len() as u64 == page.length && sum_of(bytes) == page.checksum
}

fn sum_of(bytes: &[u8]) -> u32 {
    let mut sum = Crc::new();
    sum.update(bytes);
    sum.sum()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    /// Pages as they were to be written one after another, and a file with these bytes.
    fn check(before: &str, pages: &[&str], stand: usize, file: &str, expected: &[bool], left: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, file).unwrap();
        let mut at = before.len() as u64;
        let mut extents = Vec::new();
        for (number, page) in pages.iter().enumerate() {
            extents.push(Extent { stands: number < stand, ..extent(at, page.as_bytes()) });
            at += page.len() as u64;
        }
        let found = recover(&path, FileCompression::None, before.len() as u64, &extents).unwrap();
        assert_eq!(found, expected, "{pages:?} in {file:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), left);
    }

    #[test]
    fn pages_are_found_whatever_others_have_written() {
        check("x\n", &["a\n", "b\n"], 1, "x\na\nb\n", &[true, true], "x\na\nb\n");
        check("x\n", &["a\n", "b\n"], 1, "x\na\n", &[true, false], "x\na\n");
        check("x\n", &["a\n", "b\n"], 1, "x\n", &[false, false], "x\n");
        // Others came between, and behind.
        check("", &["a\n", "bb\n"], 2, "other\na\nother\nbb\nother\n", &[true, true], "other\na\nother\nbb\nother\n");
        // Of two that are alike each is one.
        check("", &["a\n", "a\n"], 2, "a\nx\n", &[true, false], "a\nx\n");
    }

    #[test]
    fn a_page_that_another_may_have_written_is_not_taken_for_ones_own() {
        check("", &["a\n"], 0, "a\n", &[true], "a\n");
        check("", &["a\n"], 0, "a\nb\n", &[false], "a\nb\n");
        check("", &["a\n"], 1, "a\nb\n", &[true], "a\nb\n");
    }

    #[test]
    fn what_broke_off_is_cut_away_where_it_is_known_for_ones_own() {
        let page = format!("{}\n", "abcdefghi\n".repeat(1000).trim_end());
        let (block, rest) = page.split_at(4094);
        let file = format!("x\n{block}");
        assert_eq!(file.len(), 4096);
        check("x\n", &[&page], 0, &file, &[false], "x\n");
        // Somebody added to it, or wrote something else.
        let added = format!("{file}\ny\n");
        check("x\n", &[&page], 0, &added, &[false], &added);
        let other = file.replace('a', "b");
        check("x\n", &[&page], 0, &other, &[false], &other);
        let whole = format!("{file}{rest}");
        check("x\n", &[&page], 0, &whole, &[true], &whole);
    }

    #[test]
    fn a_file_that_is_shorter_was_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, "a\n").unwrap();
        let error = recover(&path, FileCompression::None, 3, &[]).unwrap_err();
        assert!(error.message.ends_with("it was changed meanwhile"), "{error}");
        assert!(recover(&folder.path().join("none"), FileCompression::None, 0, &[extent(0, b"a")]).is_ok());
    }
}
