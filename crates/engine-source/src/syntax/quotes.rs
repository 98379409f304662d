//! Mistakes in quoted texts.

use super::{Blamed, Cause};
use crate::extent;
use crate::finding::Finding;

impl Cause<'_> {
    /// Finds a backslash that begins no escape in a double-quoted text.
    pub(super) fn escape(&self) -> Blamed {
        let start = self.at;
        let rest = self.text.get(start..)?;
        let mut letters = rest.char_indices().skip(1);
        let mut bad = None;
        let mut end = None;
        while let Some((index, letter)) = letters.next() {
            match letter {
                '"' => {
                    end = Some(index + 1);
                    break;
                }
                '\\' => {
                    let (_, next) = letters.next()?;
                    if bad.is_none() && !"0abt\tnvfre \"/\\N_LPxuU\n\r".contains(next) {
                        bad = Some(start + index..start + index + 1 + next.len_utf8());
                    }
                }
                _ => {}
            }
        }
        let bad = bad?;
        let whole = start..start + end.unwrap_or(1);
        let inner = self.written(whole.start + 1..whole.end.saturating_sub(1));
        let mut single = None;
        let help = if inner.contains(['\'', '\n']) {
            "write the backslash twice".to_owned()
        } else {
            // Where another escape is meant as one, it would be lost.
            single = (inner.matches('\\').count() == 1).then(|| format!("'{inner}'"));
            format!("use single quotes: `'{inner}'`")
        };
        let finding = Finding::error(
            "yaml-syntax",
            format!("`{}` is no escape in a double-quoted text", self.written(bad.clone())),
        )
        .label(self.span(bad), "not an escape")
        .help(help)
        .meant(self.span(whole.clone()), single);
        Some((finding, whole))
    }

    /// Finds the quote that is still open at a line that is not part of the quoted text.
    pub(super) fn open_quote(&self) -> Option<usize> {
        let mut line = extent::line(self.text, self.at);
        if let Some(quote @ ("'" | "\"")) = self.text.get(self.at..self.at + 1)
            && !self.written(self.at + 1..line.end).contains(quote)
        {
            return Some(self.at);
        }
        for _ in 0..100 {
            let mut open = None;
            let mut closed = None;
            let mut before = b' ';
            for (index, byte) in self.written(line.start..line.end.min(self.at.max(line.start))).bytes().enumerate() {
                match open {
                    None if matches!(byte, b'\'' | b'"') && matches!(before, b' ' | b',' | b'[' | b'{' | b':') => {
                        open = Some((byte, line.start + index));
                    }
                    // A doubled quote stands for one.
                    None if byte == b'\'' && before == b'\'' => open = closed,
                    Some((quote, _)) if quote == byte => closed = open.take(),
                    _ => {}
                }
                before = byte;
            }
            if let Some((_, start)) = open {
                return Some(start);
            }
            line = extent::line(self.text, line.start.checked_sub(1)?);
        }
        None
    }

    pub(super) fn never_ends(&self, start: usize) -> Finding {
        let quote = self.written(start..start + 1);
        Finding::error("yaml-syntax", format!("this `{quote}` is never closed"))
            .label(self.span(start..start + 1), "opened here")
            .help(format!("write `{quote}` where the text ends"))
    }
}
