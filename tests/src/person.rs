//! A person with a browser, played by a script: follows redirects, keeps cookies, and fills in the forms of a login.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use regex::Regex;

/// So many pages a login has at most.
const PAGES: usize = 20;

/// A browser with its cookies.
#[derive(Debug, Default)]
pub struct Person {
    cookies: BTreeMap<String, String>,
}

/// A page, or where to go instead.
struct Page {
    location: Option<String>,
    text: String,
}

impl Person {
    /// Opens a URL, logs in and agrees to everything. Returns the URL that begins with `until` once the browser is sent there, else
    /// the text of the last page.
    pub fn allow(&mut self, url: &str, until: &str) -> String {
        let mut url = url.to_owned();
        let mut page = self.open("GET", &url, "");
        for _ in 0..PAGES {
            if let Some(location) = &page.location {
                url = join(&url, location);
                if url.starts_with(until) {
                    return url;
                }
                page = self.open("GET", &url, "");
                continue;
            }
            let Some((action, form)) = filled(&page.text) else { return page.text };
            url = join(&url, &action);
            page = self.open("POST", &url, &form);
        }
        panic!("the login does not end: {url}");
    }

    fn open(&mut self, method: &str, url: &str, body: &str) -> Page {
        let rest = url.strip_prefix("http://").expect("a server of this machine speaks HTTP");
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut connection = TcpStream::connect(host).expect("the server listens");
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = format!(
            "{method} /{path} HTTP/1.0\r\nHost: {host}\r\nCookie: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            cookies.join("; "),
            body.len()
        );
        connection.write_all(request.as_bytes()).expect("the server reads");
        let mut reader = BufReader::new(connection);
        let mut location = None;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("the server answers");
            if line.trim().is_empty() {
                break;
            }
            let Some((name, value)) = line.split_once(':') else { continue };
            match name.to_lowercase().as_str() {
                "location" => location = Some(value.trim().to_owned()),
                "set-cookie" => self.keep(value),
                _ => {}
            }
        }
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("the server answers");
        Page { location, text }
    }

    fn keep(&mut self, cookie: &str) {
        let pair = cookie.split(';').next().unwrap_or_default().trim();
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if value.is_empty() {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// Fills in the first form of a page: where it goes, and what it says.
fn filled(page: &str) -> Option<(String, String)> {
    let form = Regex::new(r#"<form[^>]+action="([^"]+)""#).expect("the pattern is one");
    let input = Regex::new(r"<(?:input|button)[^>]*>").expect("the pattern is one");
    let attribute = |tag: &str, name: &str| {
        let pattern = Regex::new(&format!(r#"\b{name}="([^"]*)""#)).expect("the pattern is one");
        pattern.captures(tag).map(|found| found[1].replace("&amp;", "&").replace("&quot;", "\""))
    };
    let action = form.captures(page)?[1].replace("&amp;", "&");
    let mut fields = BTreeMap::new();
    for tag in input.find_iter(page) {
        if let Some(name) = attribute(tag.as_str(), "name") {
            fields.insert(name, attribute(tag.as_str(), "value").unwrap_or_default());
        }
    }
    fields.remove("abort");
    for (name, value) in [("login", "alice"), ("password", "x"), ("confirm", "yes")] {
        if let Some(field) = fields.get_mut(name) {
            value.clone_into(field);
        }
    }
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    Some((action, pairs.join("&")))
}

/// Finds the URL that a page of another one names.
fn join(base: &str, to: &str) -> String {
    if to.starts_with("http://") || to.starts_with("https://") {
        return to.to_owned();
    }
    let host = base.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    format!("{host}{to}")
}
