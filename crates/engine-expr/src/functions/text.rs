//! Texts.

use minijinja::value::Value as Jinja;
use minijinja::{Environment, Error};
use regex::{Regex, RegexBuilder};

use super::{both, text_of, wrong};
use crate::bridge::to_jinja;
use crate::value::Value;

/// How large a compiled pattern may be.
const MAX_REGEX: usize = 1 << 20;

pub(super) fn register(env: &mut Environment<'static>) {
    both(env, "regex_search", |value: Jinja, pattern: String| -> Result<Jinja, Error> {
        let text = text_of(&value, "regex_search")?;
        let regex = compile(&pattern)?;
        Ok(match regex.captures(&text) {
            None => Jinja::from(()),
            // One group gives its text, several a list, none the whole match.
            Some(found) if regex.captures_len() == 1 => Jinja::from(&found[0]),
            Some(found) if regex.captures_len() == 2 => {
                found.get(1).map_or(Jinja::from(()), |group| Jinja::from(group.as_str()))
            }
            Some(found) => to_jinja(&Value::list(
                found.iter().skip(1).map(|group| group.map_or(Value::Null, |group| group.as_str().into())).collect(),
            )),
        })
    });
    both(env, "regex_replace", |value: Jinja, pattern: String, with: String| -> Result<String, Error> {
        let text = text_of(&value, "regex_replace")?;
        Ok(compile(&pattern)?.replace_all(&text, python_groups(&with).as_str()).into_owned())
    });
    both(env, "slugify", |value: Jinja| -> Result<String, Error> { Ok(slugify(&text_of(&value, "slugify")?)) });
}

fn compile(pattern: &str) -> Result<Regex, Error> {
    thread_local! {
        /// A pattern is used for record after record: the last few stay compiled.
        static RECENT: std::cell::RefCell<Vec<(String, Regex)>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    RECENT.with_borrow_mut(|recent| {
        if let Some((_, regex)) = recent.iter().find(|(known, _)| known == pattern) {
            return Ok(regex.clone());
        }
        let regex = RegexBuilder::new(pattern)
            .size_limit(MAX_REGEX)
            .build()
            .map_err(|_| wrong(format!("`{pattern}` is not a regular expression")))?;
        if recent.len() == 16 {
            recent.remove(0);
        }
        recent.push((pattern.to_owned(), regex.clone()));
        Ok(regex)
    })
}

/// Python writes `\1`, the regex crate `${1}`.
fn python_groups(with: &str) -> String {
    let mut out = String::with_capacity(with.len());
    let mut chars = with.chars().peekable();
    while let Some(char) = chars.next() {
        match (char, chars.peek()) {
            ('\\', Some(digit)) if digit.is_ascii_digit() => {
                out.push_str("${");
                out.push(*digit);
                out.push('}');
                chars.next();
            }
            _ => out.push(char),
        }
    }
    out
}

fn slugify(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars().flat_map(char::to_lowercase) {
        let plain: &str = match char {
            'ä' => "ae",
            'ö' => "oe",
            'ü' => "ue",
            'ß' => "ss",
            'à' | 'á' | 'â' | 'ã' | 'å' => "a",
            'ç' => "c",
            'è' | 'é' | 'ê' | 'ë' => "e",
            'ì' | 'í' | 'î' | 'ï' => "i",
            'ñ' => "n",
            'ò' | 'ó' | 'ô' | 'õ' | 'ø' => "o",
            'ù' | 'ú' | 'û' => "u",
            other if other.is_alphanumeric() => {
                out.push(other);
                continue;
            }
            _ => {
                if !out.is_empty() && !out.ends_with('-') {
                    out.push('-');
                }
                continue;
            }
        };
        out.push_str(plain);
    }
    out.trim_end_matches('-').to_owned()
}
