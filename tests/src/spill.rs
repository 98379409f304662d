//! Finds a secret in what was written, in whatever form: all is decoded as often as it can be, and searched for parts of the secret.

use std::collections::{BTreeSet, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::percent_decode;
use regex::bytes::{Captures, Regex};

/// So many bytes of a secret in a row are as bad as the whole.
const PART: usize = 6;
/// How often something may have been encoded.
const DEPTH: usize = 3;

/// Returns where a part of a secret stands in what was written, as it stands there.
pub fn spills(secret: &str, written: &[u8]) -> Vec<String> {
    let parts: HashSet<u64> = packed(secret.as_bytes()).collect();
    let mut views: BTreeSet<Vec<u8>> = BTreeSet::from([written.to_vec()]);
    let mut newest: Vec<Vec<u8>> = views.iter().cloned().collect();
    for _ in 0..DEPTH {
        let decoded = newest.iter().flat_map(|view| [percent(view), form(view), json(view), entities(view)]);
        newest = decoded.collect::<BTreeSet<_>>().difference(&views).cloned().collect();
        views.extend(newest.iter().cloned());
    }
    let runs: BTreeSet<Vec<u8>> = views.iter().flat_map(|view| runs(view)).collect();
    let inner = runs.iter().flat_map(|run| base64(run).into_iter().chain(hex(run)));
    let found: BTreeSet<String> = views.iter().cloned().chain(inner).filter_map(|view| shown(&view, &parts)).collect();
    found.into_iter().collect()
}

/// Returns all parts of a text, each as a number.
fn packed(text: &[u8]) -> impl Iterator<Item = u64> {
    let mask = (1 << (8 * PART)) - 1;
    let mut part = 0;
    let parts = text.iter().map(move |byte| {
        part = (part << 8 | u64::from(*byte)) & mask;
        part
    });
    parts.skip(PART - 1)
}

/// Returns the surroundings of a part, if one stands there.
fn shown(view: &[u8], parts: &HashSet<u64>) -> Option<String> {
    let at = packed(view).position(|part| parts.contains(&part))?;
    let around = view.get(at.saturating_sub(30)..(at + 60).min(view.len())).unwrap_or_default();
    Some(format!("{:?}", String::from_utf8_lossy(around)))
}

/// Returns all that may be base64 or hexadecimal digits.
fn runs(text: &[u8]) -> Vec<Vec<u8>> {
    let is_in = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/_-".contains(byte);
    text.split(|byte| !is_in(byte)).filter(|run| run.len() >= 8).map(<[u8]>::to_vec).collect()
}

fn percent(text: &[u8]) -> Vec<u8> {
    percent_decode(text).collect()
}

fn form(text: &[u8]) -> Vec<u8> {
    let blanks: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent(&blanks)
}

/// Takes away one layer of the escapes of JSON.
fn json(text: &[u8]) -> Vec<u8> {
    let escape = Regex::new(r#"\\(["\\/bfnrt]|u[0-9a-fA-F]{4})"#).expect("the pattern is one");
    let unescape = |found: &Captures<'_>| -> Vec<u8> {
        let whole = found.get(1).map(|it| it.as_bytes()).unwrap_or_default();
        match whole {
            b"b" => vec![8],
            b"f" => vec![12],
            b"n" => vec![10],
            b"r" => vec![13],
            b"t" => vec![9],
            [b'u', digits @ ..] => {
                let code = std::str::from_utf8(digits).ok().and_then(|digits| u32::from_str_radix(digits, 16).ok());
                code.and_then(char::from_u32).unwrap_or('?').to_string().into_bytes()
            }
            other => other.to_vec(),
        }
    };
    escape.replace_all(text, unescape).into_owned()
}

fn entities(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    text.replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
        .into_bytes()
}

/// Decodes base64 from each of the places where it may begin.
fn base64(run: &[u8]) -> Vec<Vec<u8>> {
    let standard: Vec<u8> = run
        .iter()
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .collect();
    let decoded = (0..4).filter_map(|start| {
        let rest = standard.get(start..)?;
        STANDARD_NO_PAD.decode(rest.get(..rest.len() / 4 * 4)?).ok()
    });
    decoded.collect()
}

fn hex(run: &[u8]) -> Vec<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = run.iter().map_while(|byte| digit(*byte)).collect();
    if digits.len() < 2 * PART {
        return Vec::new();
    }
    let pairs = |start: usize| digits.get(start..).unwrap_or_default().chunks_exact(2);
    (0..2)
        .map(|start| pairs(start).map(|pair| pair.iter().fold(0, |value, digit| value << 4 | digit)).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_secret_in_every_form() {
        let secret = "a+b/c%\"\\ dé&x=1";
        for shown in [
            "x a+b/c%\"\\ dé&x=1 x",
            "x a+b/c%\" x",
            "a%2Bb%2Fc%25%22%5C%20d",
            "a%2bb%2fc%25%22%5c%20d",
            "a%2Bb%2Fc%25%22%5C+d",
            "a+b/c%25%22%5C%20d",
            "a%252Bb%252Fc%2525%2522%255C%2520d",
            "c%\\\"\\\\ d\\u00e9&x",
            "c%\\\\\\\"\\\\\\\\ dé&x",
            "YStiL2MlIlwgZMOpJng9MQ",
            "eHhhK2IvYyUiXCBkw6kmeD0x",
            "eGErYi9jJSJcIGTDqSZ4PTE",
            "zzYStiL2MlIlwgZMOpJng9MQ",
            "612b622f6325225c2064",
            "a+b/c%&quot;\\ d",
        ] {
            assert!(!spills(secret, shown.as_bytes()).is_empty(), "{shown}");
        }
        for other in ["", "***", "Authorization: ***", "a+b and c%", "GET http://127.0.0.1:1234/orders?page=2"] {
            assert!(spills(secret, other.as_bytes()).is_empty(), "{other}");
        }
    }
}
