//! The line that the cursor is on, looked at letter by letter: it need not be YAML yet.

use std::ops::Range;

/// A line, and where on it the cursor is.
#[derive(Debug)]
pub(crate) struct Line<'t> {
    text: &'t str,
    at: usize,
    /// Its first byte.
    pub(crate) start: usize,
    /// The byte after its last, without the line end.
    pub(crate) end: usize,
    /// The quote that is open at the cursor.
    pub(crate) quote: Option<char>,
    /// The brackets that are open at the cursor, each with whether a value is written in it.
    pub(crate) brackets: Vec<(char, bool)>,
    /// Where the value begins that the cursor is in, if something stands before it: a key, a dash, a bracket.
    pub(crate) value_start: Option<usize>,
    /// Whether nothing but blanks and dashes stands before the word.
    is_first: bool,
    has_dash: bool,
}

impl<'t> Line<'t> {
    /// Looks at a line; nothing if the cursor is in a comment.
    pub(crate) fn new(text: &'t str, at: usize) -> Option<Self> {
        let start = text.get(..at)?.rfind(['\n', '\r']).map_or(0, |found| found + 1);
        let end = text.get(at..)?.find(['\n', '\r']).map_or(text.len(), |found| at + found);
        let before = text.get(start..at)?;
        let mut line = Self {
            text,
            at,
            start,
            end,
            quote: None,
            brackets: Vec::new(),
            value_start: None,
            is_first: true,
            has_dash: false,
        };
        let mut previous = ' ';
        let mut template = false;
        let mut letters = before.char_indices().peekable();
        while let Some((index, letter)) = letters.next() {
            let here = start + index;
            let next = letters.peek().map(|(_, next)| *next);
            match (line.quote, letter) {
                _ if template => {
                    template = letter != '}' || !matches!(previous, '}' | '%');
                }
                (Some('\''), '\'') if next == Some('\'') => {
                    letters.next();
                }
                (Some('"'), '\\') => {
                    letters.next();
                }
                (Some(quote), letter) if quote == letter => line.quote = None,
                (Some(_), _) => {}
                (None, '#') if previous.is_whitespace() => return None,
                (None, '\'' | '"') if matches!(previous, ' ' | '\t' | ',' | '[' | '{' | ':') => {
                    line.quote = Some(letter);
                    line.value_start.get_or_insert(here);
                }
                (None, '{') if matches!(next, Some('{' | '%')) => {
                    line.value_start.get_or_insert(here);
                    template = true;
                    letters.next();
                }
                (None, '{' | '[') if line.value_start.is_none() || !line.brackets.is_empty() => {
                    line.brackets.push((letter, false));
                    line.value_start = None;
                }
                (None, '}' | ']') => {
                    line.brackets.pop();
                    line.value_start = Some(here);
                }
                (None, ',') if !line.brackets.is_empty() => {
                    line.value_start = None;
                    if let Some(last) = line.brackets.last_mut() {
                        last.1 = false;
                    }
                }
                (None, ':') if next.is_none_or(char::is_whitespace) => {
                    line.value_start = None;
                    match line.brackets.last_mut() {
                        Some(last) => last.1 = true,
                        None => line.is_first = false,
                    }
                }
                (None, '-') if line.is_first && line.value_start.is_none() && next.is_none_or(char::is_whitespace) => {
                    line.has_dash = true;
                }
                (None, letter) if !letter.is_whitespace() => {
                    line.value_start.get_or_insert(here);
                }
                _ => {}
            }
            previous = letter;
        }
        // A word alone is what is being written; with a blank behind it, or in quotes, it is not.
        Some(line)
    }

    /// Returns the word that the cursor is in.
    pub(crate) fn word(&self) -> Range<usize> {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/');
        let bytes = self.text.as_bytes();
        let before = bytes.get(self.start..self.at).unwrap_or_default().iter().rev().take_while(|b| is_word(b)).count();
        let after = bytes.get(self.at..self.end).unwrap_or_default().iter().take_while(|byte| is_word(byte)).count();
        self.at - before..self.at + after
    }

    /// Returns the value that the cursor is in, without its quotes.
    pub(crate) fn token(&self) -> Range<usize> {
        let mut start = self.value_start.unwrap_or(self.at).min(self.at);
        if self.quote.is_some() && self.text.get(start..self.at).is_some_and(|text| text.starts_with(['\'', '"'])) {
            start += 1;
        }
        let after = self.text.get(self.at..self.end).unwrap_or_default();
        let length = match self.quote {
            Some(quote) => after.find(quote),
            None if self.brackets.is_empty() => after.find(" #"),
            None => after.find([',', ']', '}']),
        };
        let rest = after.get(..length.unwrap_or(after.len())).unwrap_or_default();
        start..self.at + rest.trim_end().len()
    }

    /// Returns what follows the word on the line.
    pub(crate) fn after_word(&self) -> &'t str {
        self.text.get(self.word().end..self.end).unwrap_or_default()
    }

    /// Returns whether a key may be written here.
    pub(crate) fn may_be_key(&self) -> bool {
        let is_one_word = self.value_start.is_none_or(|start| start >= self.word().start);
        match self.brackets.last() {
            Some((bracket, has_value)) => *bracket == '{' && !has_value && is_one_word && self.quote.is_none(),
            None => self.is_first && is_one_word && self.quote.is_none(),
        }
    }

    /// Returns whether a value may be written here.
    pub(crate) fn may_be_value(&self) -> bool {
        match self.brackets.last() {
            Some((bracket, has_value)) => *bracket == '[' || *has_value,
            None => !self.is_first || self.has_dash,
        }
    }

    /// Returns what closes all that is open on the line, given what follows the cursor.
    pub(crate) fn closers(&self, after: &str) -> String {
        let mut open: Vec<char> = self.brackets.iter().map(|(bracket, _)| *bracket).collect();
        let mut quote = self.quote;
        for letter in after.chars() {
            match (quote, letter) {
                (Some(one), letter) if one == letter => quote = None,
                (Some(_), _) => {}
                (None, '\'' | '"') => quote = Some(letter),
                (None, '{' | '[') => open.push(letter),
                (None, '}' | ']') => {
                    open.pop();
                }
                _ => {}
            }
        }
        let brackets = open.iter().rev().map(|bracket| if *bracket == '{' { '}' } else { ']' });
        quote.into_iter().chain(brackets).collect()
    }
}
