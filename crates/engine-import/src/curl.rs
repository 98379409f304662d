//! Command lines of curl (<https://curl.se/docs/manpage.html>), as documentation and browsers give them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::exchange::{self, Auth, Exchange};
use crate::posted::Posted;
use crate::spec::SpecDraft;
use crate::{ImportError, Notes, Options};

/// Makes a spec of one or several commands.
pub(crate) fn import(text: &str, options: &Options, notes: &mut Notes) -> Result<SpecDraft, ImportError> {
    let wrong =
        |message: String| ImportError::new(message, "give the whole command, as it is typed: curl 'https://…' -H '…'");
    let words = words(text).map_err(wrong)?;
    let mut exchanges = Vec::new();
    for command in words.split(|word| *word == Word::End) {
        let command: Vec<&str> = command.iter().filter_map(Word::text).collect();
        let Some(at) =
            command.iter().position(|word| *word == "curl" || word.ends_with("/curl") || *word == "curl.exe")
        else {
            continue;
        };
        let place = format!("command {}", exchanges.len() + 1);
        exchanges.push(exchange(command.get(at + 1..).unwrap_or_default(), place, notes).map_err(wrong)?);
    }
    if exchanges.is_empty() {
        return Err(wrong("there is no `curl` in it".to_owned()));
    }
    exchange::spec(exchanges, options, notes)
}

/// Options with a value that say nothing about the request itself.
const WITH_VALUE: [&str; 22] = [
    "-o",
    "--output",
    "-m",
    "--max-time",
    "--connect-timeout",
    "--retry",
    "--retry-delay",
    "--retry-max-time",
    "-w",
    "--write-out",
    "--limit-rate",
    "-c",
    "--cookie-jar",
    "--resolve",
    "--interface",
    "-e",
    "--referer",
    "-A",
    "--user-agent",
    "--max-redirs",
    "--ciphers",
    "--tls-max",
];

fn exchange(words: &[&str], place: String, notes: &mut Notes) -> Result<Exchange, String> {
    let mut found = Exchange { place, ..Exchange::default() };
    let mut url = None;
    let mut method = None;
    let (mut data, mut fields) = (Vec::<String>::new(), Vec::new());
    let (mut is_get, mut is_json, mut from_file) = (false, false, false);
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        let (name, glued) = match word.split_once('=') {
            Some((name, value)) if word.starts_with("--") => (name, Some(value.to_owned())),
            _ if word.starts_with('-')
                && !word.starts_with("--")
                && word.len() > 2
                && takes_value(word.get(..2).unwrap_or_default()) =>
            {
                (word.get(..2).unwrap_or_default(), word.get(2..).map(str::to_owned))
            }
            _ => (word, None),
        };
        let mut value = || {
            glued.clone().or_else(|| words.next().map(str::to_owned)).ok_or_else(|| format!("`{name}` has no value"))
        };
        match name {
            "-X" | "--request" => method = Some(value()?.to_uppercase()),
            "-H" | "--header" => {
                let header = value()?;
                if let Some((name, value)) = header.split_once(':') {
                    found.headers.push((name.trim().to_owned(), value.trim().to_owned()));
                }
            }
            "-d" | "--data" | "--data-ascii" | "--data-raw" | "--data-binary" => {
                let value = value()?;
                if name != "--data-raw" && value.starts_with('@') {
                    from_file = true;
                } else {
                    data.push(value);
                }
            }
            "--data-urlencode" => {
                let value = value()?;
                let (name, text) = value.split_once('=').unwrap_or(("", &value));
                let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
                data.push(if name.is_empty() { encoded } else { format!("{name}={encoded}") });
            }
            "--json" => {
                is_json = true;
                let value = value()?;
                if value.starts_with('@') { from_file = true } else { data.push(value) }
            }
            "-F" | "--form" | "--form-string" => {
                let value = value()?;
                let (field, text) = value.split_once('=').unwrap_or((&value, ""));
                let is_file = name != "--form-string" && text.starts_with(['@', '<']);
                fields.push((field.to_owned(), if is_file { String::new() } else { text.to_owned() }, is_file));
            }
            "-u" | "--user" => {
                value()?;
                found.auth.get_or_insert(Auth::Basic);
            }
            "--oauth2-bearer" => {
                value()?;
                found.auth = Some(Auth::Bearer);
            }
            "--digest" => found.auth = Some(Auth::Digest),
            "--aws-sigv4" => {
                value()?;
                found.auth = Some(Auth::Other("aws_sigv4".to_owned()));
            }
            "-G" | "--get" => is_get = true,
            "-I" | "--head" => method = Some("HEAD".to_owned()),
            "-T" | "--upload-file" => {
                value()?;
                from_file = true;
                method.get_or_insert_with(|| "PUT".to_owned());
            }
            "-b" | "--cookie" => {
                let value = value()?;
                found.headers.push(("cookie".to_owned(), value));
            }
            "-k" | "--insecure" => notes
                .say(&found.place, "`--insecure` was left out: name the certificate of the server in `tls: {ca: …}`"),
            "-x" | "--proxy" => {
                value()?;
                notes.say(&found.place, "the proxy was left out: write `proxy` on the API, or set HTTPS_PROXY");
            }
            "-E" | "--cert" | "--key" | "--cacert" => {
                value()?;
                notes.say(&found.place, format!("`{name}` was left out: write `tls` on the API"));
            }
            "--url" => url = Some(value()?),
            _ if WITH_VALUE.contains(&name) => _ = value()?,
            _ if name.starts_with('-') && name.len() > 1 => {}
            other => url = Some(other.to_owned()),
        }
    }
    let url = url.ok_or("there is no URL in it")?;
    let bare = url.split("://").last().unwrap_or(&url);
    if bare.split('/').next().is_some_and(|host| host.contains('@')) {
        found.auth.get_or_insert(Auth::Basic);
    }
    (found.origin, found.path, found.query) = exchange::split(&url);
    let media = found
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        .map(|(_, value)| value.clone());
    let joined = data.join(if is_json { "" } else { "&" });
    if is_get {
        found.query.extend(url::form_urlencoded::parse(joined.as_bytes()).into_owned());
    } else if !fields.is_empty() {
        found.body = Posted::Multipart(fields);
    } else if from_file {
        found.body = Posted::File;
    } else if !joined.is_empty() {
        let media = media.or_else(|| is_json.then(|| "application/json".to_owned()));
        found.body = Posted::of(media.as_deref(), &joined);
    }
    let default = if found.body == Posted::Nothing || is_get { "GET" } else { "POST" };
    found.method = method.unwrap_or_else(|| default.to_owned());
    // What a tool has encoded is a name and a password all the same.
    let has_pair = |value: &str| value.strip_prefix("Basic ").is_some_and(|pair| STANDARD.decode(pair.trim()).is_ok());
    if found.headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("authorization") && has_pair(value)) {
        found.auth = Some(Auth::Basic);
    }
    Ok(found)
}

fn takes_value(option: &str) -> bool {
    ["-X", "-H", "-d", "-F", "-u", "-o", "-m", "-b", "-A", "-e", "-x", "-T", "-w", "-c", "-E"].contains(&option)
}

/// A word of a command, or the end of one.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    Text(String),
    End,
}

impl Word {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::End => None,
        }
    }
}

/// Splits commands into words, as a shell does. What a shell would put in place of variables stays as it is.
fn words(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars().peekable();
    let end = |word: &mut Option<String>, words: &mut Vec<Word>| words.extend(word.take().map(Word::Text));
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('\n') | None => {}
                Some('\r') => _ = characters.next_if_eq(&'\n'),
                Some(other) => word.get_or_insert_default().push(other),
            },
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        Some('\'') => break,
                        Some(other) => word.push(other),
                        None => return Err("a `'` is never closed".to_owned()),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        Some('"') => break,
                        Some('\\') => match characters.next() {
                            Some('\n') => {}
                            Some(other @ ('"' | '\\' | '$' | '`' | '!')) => word.push(other),
                            Some(other) => word.extend(['\\', other]),
                            None => return Err("a `\"` is never closed".to_owned()),
                        },
                        Some(other) => word.push(other),
                        None => return Err("a `\"` is never closed".to_owned()),
                    }
                }
            }
            '$' if characters.peek() == Some(&'\'') => {
                characters.next();
                escaped(&mut characters, word.get_or_insert_default())?;
            }
            '\n' | ';' | '|' => {
                end(&mut word, &mut words);
                words.push(Word::End);
            }
            '&' if characters.peek() == Some(&'&') => {
                characters.next();
                end(&mut word, &mut words);
                words.push(Word::End);
            }
            '#' if word.is_none() => while characters.next_if(|next| *next != '\n').is_some() {},
            other if other.is_whitespace() => end(&mut word, &mut words),
            other => word.get_or_insert_default().push(other),
        }
    }
    end(&mut word, &mut words);
    Ok(words)
}

/// Reads the rest of `$'…'`, with the escapes of C.
fn escaped(characters: &mut std::iter::Peekable<std::str::Chars<'_>>, word: &mut String) -> Result<(), String> {
    loop {
        match characters.next() {
            Some('\'') => return Ok(()),
            Some('\\') => match characters.next() {
                Some('n') => word.push('\n'),
                Some('t') => word.push('\t'),
                Some('r') => word.push('\r'),
                Some(kind @ ('u' | 'x' | 'U')) => {
                    let most = match kind {
                        'x' => 2,
                        'u' => 4,
                        _ => 8,
                    };
                    let mut code = 0;
                    for _ in 0..most {
                        let Some(digit) = characters.peek().and_then(|it| it.to_digit(16)) else { break };
                        characters.next();
                        code = code * 16 + digit;
                    }
                    word.push(char::from_u32(code).unwrap_or('\u{fffd}'));
                }
                Some(other) => word.push(other),
                None => return Err("a `$'` is never closed".to_owned()),
            },
            Some(other) => word.push(other),
            None => return Err("a `$'` is never closed".to_owned()),
        }
    }
}
