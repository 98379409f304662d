//! What a page shows of an output, and what came: `…` stands for what varies.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// A port of this machine, as pages write it.
static PORT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(127\.0\.0\.1|localhost):(\d{4,5})\b").expect("it is a pattern"));

/// Returns whether an output is as it is shown. A line with `…` alone stands for any lines, `…` within one for any text.
pub fn matches(shown: &str, came: &str) -> bool {
    let shown: Vec<&str> = shown.trim_end().lines().map(str::trim_end).collect();
    let came: Vec<&str> = came.trim_end().lines().map(str::trim_end).collect();
    lines_match(&shown, &came)
}

fn lines_match(shown: &[&str], came: &[&str]) -> bool {
    match shown.split_first() {
        None => came.is_empty(),
        Some((first, rest)) if first.trim() == "…" => {
            (0..=came.len()).any(|passed| lines_match(rest, came.get(passed..).unwrap_or_default()))
        }
        Some((first, rest)) => match came.split_first() {
            Some((line, others)) => line_matches(first, line) && lines_match(rest, others),
            None => false,
        },
    }
}

fn line_matches(shown: &str, came: &str) -> bool {
    let mut parts: Vec<&str> = shown.split('…').collect();
    let last = parts.pop().unwrap_or_default();
    if parts.is_empty() {
        return last == came;
    }
    let mut left = came;
    for (index, part) in parts.into_iter().enumerate() {
        let behind = if index == 0 { left.strip_prefix(part) } else { left.split_once(part).map(|(_, behind)| behind) };
        let Some(behind) = behind else { return false };
        left = behind;
    }
    left.ends_with(last)
}

/// Returns a text with ports that are free on this machine in the place of those of the page, the same for the same.
pub fn with_ports(text: &str, ports: &mut BTreeMap<String, u16>) -> String {
    let put = |found: &Captures<'_>| {
        let port = ports.entry(found[2].to_owned()).or_insert_with(free_port);
        format!("{}:{port}", &found[1])
    };
    PORT.replace_all(text, put).into_owned()
}

/// Returns the port of the page in whose place another was put.
pub fn port_of(text: &str, ports: &BTreeMap<String, u16>) -> String {
    ports.iter().fold(text.to_owned(), |text, (page, free)| text.replace(&format!(":{free}"), &format!(":{page}")))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_is_left_out() {
        assert!(matches("a\nb in … ms\n", "a\nb in 12 ms"));
        assert!(matches("a\n…\nz", "a\nb\nc\nz\n"));
        assert!(matches("…\nz", "z"));
        assert!(!matches("a … c", "a b d"));
        assert!(!matches("a\nb", "a\nb\nc"));
    }
}
