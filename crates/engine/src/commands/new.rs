//! `engine new`: a spec to start from, made of a few answers.

mod schedule;

use std::fmt::Write;
use std::io::{self, BufRead, IsTerminal};

use clap::ValueEnum;

use crate::arguments::{New, NewAuth, NewPages, NewSink};
use crate::failure::Failure;
use crate::status::Status;
use crate::terminal::tell;

/// What the spec is made of.
struct Wanted {
    name: String,
    api: String,
    base_url: String,
    auth: NewAuth,
    path: String,
    noun: String,
    records: String,
    paginate: NewPages,
    key: String,
    to: NewSink,
    schedule: Option<String>,
}

/// Asks, and writes the spec.
pub(super) fn execute(arguments: &New) -> Result<Status, Failure> {
    let file = &arguments.file;
    if file.exists() && !arguments.force {
        let help = "name another file, or say `--force` to replace it";
        return Err(Failure::usage(format!("`{}` is there already", file.display())).help(help));
    }
    let wanted = gather(arguments)?;
    let text = spec(&wanted);
    let failed = |error: io::Error| Failure::failed(format!("cannot write `{}`: {error}", file.display()));
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(file, text).map_err(failed)?;
    let shown = file.display();
    tell(format!("made {shown}\n\nNext:\n  engine run {shown} --mock\n  engine test {shown}\n"));
    Ok(Status::Done)
}

fn gather(arguments: &New) -> Result<Wanted, Failure> {
    let ask = Ask { on: !arguments.yes && io::stdin().is_terminal() };
    let stem = arguments.file.file_stem().and_then(|stem| stem.to_str()).unwrap_or("flow");
    let api = ask.text(arguments.api.as_ref(), "The name of the API", "shop", name)?;
    let guess = format!("https://api.{}.example/v1", api.replace('_', "-"));
    let base_url = ask.text(arguments.base_url.as_ref(), "Where it is", &guess, url)?;
    let auth = ask.choice(arguments.auth, "How requests prove who they are")?;
    let path = ask.text(arguments.read.as_ref(), "What is read", "/orders", path)?;
    let last = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or("records");
    let noun =
        name(&last.split('.').next().unwrap_or(last).replace(['-', ' '], "_")).unwrap_or_else(|_| "records".to_owned());
    let records =
        ask.text(arguments.records.as_ref(), "Where the records are in the answer", &format!("$.{noun}"), records)?;
    let paginate = ask.choice(arguments.paginate, "How the pages follow each other")?;
    let key = ask.text(arguments.key.as_ref(), "What identifies a record", "id", name)?;
    let to = ask.choice(arguments.to, "Where they are written to")?;
    let schedule = match &arguments.schedule {
        None if !ask.on => None,
        given => Some(ask.text(given.as_ref(), "When it runs, as cron (`-` for by hand)", "-", schedule::of)?),
    };
    let schedule = schedule.filter(|rhythm| rhythm != "-");
    Ok(Wanted { name: stem.to_owned(), api, base_url, auth, path, noun, records, paginate, key, to, schedule })
}

/// Asks on a terminal; elsewhere takes what is given, or the guess.
struct Ask {
    on: bool,
}

impl Ask {
    fn text(
        &self,
        given: Option<&String>,
        question: &str,
        guess: &str,
        check: fn(&str) -> Result<String, String>,
    ) -> Result<String, Failure> {
        if let Some(given) = given {
            return check(given).map_err(Failure::usage);
        }
        if !self.on {
            return Ok(guess.to_owned());
        }
        loop {
            let line = line(&format!("{question} [{guess}]: "))?;
            match check(if line.is_empty() { guess } else { &line }) {
                Ok(text) => return Ok(text),
                Err(wrong) => tell(format!("{wrong}\n")),
            }
        }
    }

    fn choice<T: ValueEnum + Copy + Default>(&self, given: Option<T>, question: &str) -> Result<T, Failure> {
        if let Some(given) = given {
            return Ok(given);
        }
        if !self.on {
            return Ok(T::default());
        }
        let named = |it: &T| it.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let all = T::value_variants().iter().map(named).collect::<Vec<_>>().join(", ");
        loop {
            let line = line(&format!("{question} ({all}) [{}]: ", named(&T::default())))?;
            if line.is_empty() {
                return Ok(T::default());
            }
            match T::from_str(&line, true) {
                Ok(choice) => return Ok(choice),
                Err(_) => tell(format!("`{line}` is none of them\n")),
            }
        }
    }
}

fn line(question: &str) -> Result<String, Failure> {
    tell(question);
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(0) => Err(Failure::usage("nobody answers").help("say `--yes` to take what is guessed")),
        Ok(_) => Ok(line.trim().to_owned()),
        Err(error) => Err(Failure::failed(format!("cannot read the answer: {error}"))),
    }
}

fn name(text: &str) -> Result<String, String> {
    let is_name = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_name { Ok(text.to_owned()) } else { Err(format!("`{text}` is no name: write letters, digits and `_`")) }
}

fn url(text: &str) -> Result<String, String> {
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err(format!("`{text}` is no URL: write https://…")),
    }
}

fn path(text: &str) -> Result<String, String> {
    let text = text.strip_prefix("GET ").unwrap_or(text).trim();
    if text.starts_with('/') && !text.contains(char::is_whitespace) && !text.contains(['"', '{', '}']) {
        Ok(text.to_owned())
    } else if text.contains('{') {
        Err(format!("`{text}` needs a param: begin with a path that needs none, such as /orders"))
    } else {
        Err(format!("`{text}` is no path: write /orders"))
    }
}

fn records(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix('$').ok_or(format!("`{text}` is no path: write $.orders, or $ for a list"))?;
    if rest.is_empty() || rest.split('.').skip(1).all(|part| name(part).is_ok()) && rest.starts_with('.') {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is no path of members: write $.orders, or $ for a list"))
    }
}

/// Writes the spec.
fn spec(wanted: &Wanted) -> String {
    let Wanted { name, api, base_url, path, noun, records, key, .. } = wanted;
    let variable = api.to_ascii_uppercase();
    let mut out = String::new();
    _ = write!(out, "version: 1\nname: {name}\ndescription: Read {noun} from {api}.\n");
    let secret = |what: &str| format!("  {api}_{what}: {{env: {variable}_{}}}\n", what.to_ascii_uppercase());
    let (secrets, auth) = match wanted.auth {
        NewAuth::Bearer => (secret("token"), format!("{{type: bearer, token: \"{{{{ secrets.{api}_token }}}}\"}}")),
        NewAuth::ApiKey => {
            let auth = format!("{{type: api_key, value: \"{{{{ secrets.{api}_api_key }}}}\", in: header.X-API-Key}}");
            (secret("api_key"), auth)
        }
        NewAuth::Basic => {
            let auth = format!(
                "{{type: basic, username: \"{{{{ secrets.{api}_user }}}}\", password: \"{{{{ secrets.{api}_password }}}}\"}}"
            );
            (secret("user") + &secret("password"), auth)
        }
        NewAuth::Oauth2 => {
            let auth = format!(
                "\n      type: oauth2\n      grant: client_credentials\n      token_url: {base_url}/oauth/token          # as the API's documentation says\n      client_id: \"{{{{ secrets.{api}_client_id }}}}\"\n      client_secret: \"{{{{ secrets.{api}_client_secret }}}}\""
            );
            (secret("client_id") + &secret("client_secret"), auth)
        }
        NewAuth::None => (String::new(), "none".to_owned()),
    };
    if !secrets.is_empty() {
        _ = write!(out, "\nsecrets:\n{secrets}");
    }
    let auth = if auth.starts_with('\n') { auth } else { format!(" {auth}") };
    _ = write!(out, "\napis:\n  {api}:\n    base_url: {base_url}\n    auth:{auth}\n    endpoints:\n");
    _ = write!(
        out,
        "      list_{noun}:\n        request: GET {path}\n        records: {records}\n        key: [{key}]\n"
    );
    let (pages, beside) = match wanted.paginate {
        NewPages::None => ("none", None),
        NewPages::Page => ("{type: page, into: query.page, size: 100, size_into: query.per_page}", None),
        NewPages::Offset => ("{type: offset, into: query.offset, size: 100, size_into: query.limit}", None),
        NewPages::Cursor => ("{type: cursor, next: $.next_cursor, into: query.cursor}", Some("next_cursor")),
        NewPages::NextUrl => ("{type: next_url, next: $.next}", Some("next")),
        NewPages::LinkHeader => ("{type: link_header}", None),
    };
    // A list has no room for what stands beside the records.
    let is_list = records == "$";
    let pages = if is_list && beside.is_some() { "{type: link_header}" } else { pages };
    _ = writeln!(out, "        paginate: {pages}");
    let row = |number: u32| {
        format!("{{{key}: {number}, name: Example {number}, updated_at: \"2025-03-0{number}T10:00:00Z\"}}")
    };
    let parts: Vec<&str> = records.split('.').skip(1).collect();
    out.push_str("        example:\n");
    let mut indent = 10;
    for part in &parts {
        _ = writeln!(out, "{:indent$}{part}:", "");
        indent += 2;
    }
    for number in [1, 2] {
        _ = writeln!(out, "{:indent$}- {}", "", row(number));
    }
    if let Some(beside) = beside.filter(|_| !is_list) {
        _ = writeln!(out, "          {beside}: null");
    }
    let sink = match wanted.to {
        NewSink::Stdout => None,
        NewSink::Sqlite => Some(("{type: sqlite, path: ./out/NAME.db}", true)),
        NewSink::Postgres => Some(("{type: postgres, url: \"{{ secrets.database_url }}\"}", true)),
        NewSink::Jsonl => Some(("{type: jsonl, path: ./out/NAME.jsonl}", false)),
        NewSink::Csv => Some(("{type: csv, path: ./out/NAME.csv}", false)),
        NewSink::Parquet => Some(("{type: parquet, path: ./out/NAME.parquet}", false)),
    };
    if let Some((sink, _)) = sink {
        _ = write!(out, "\nsinks:\n  out: {}\n", sink.replace("NAME", noun));
    }
    _ = write!(
        out,
        "\nmappings:\n  {noun}:\n    {key}: {{from: $.{key}, required: true}}\n    name: $.name\n    updated_at: {{from: $.updated_at, type: datetime}}\n"
    );
    if let Some(rhythm) = &wanted.schedule {
        _ = write!(out, "\ntriggers:\n  - {{type: schedule, {rhythm}}}\n");
    }
    _ = write!(out, "\nsteps:\n  - id: {noun}\n    read: {api}.list_{noun}\n    map: {noun}\n");
    let expected = match sink {
        Some((_, true)) => {
            _ = writeln!(out, "    write: {{sink: out, table: {noun}, key: [{key}]}}");
            format!("written: {{out.{noun}: [{{{key}: 1, name: Example 1}}, {{{key}: 2}}]}}")
        }
        Some((_, false)) => {
            out.push_str("    write: {sink: out}\n");
            format!("written: {{out: [{{{key}: 1, name: Example 1}}, {{{key}: 2}}]}}")
        }
        None => format!("records: [{{{key}: 1, name: Example 1}}, {{{key}: 2}}]"),
    };
    _ = write!(
        out,
        "\ntests:\n  - name: {noun} are read and shaped\n    mock: {{{api}.list_{noun}: example}}\n    expect:\n      {expected}\n"
    );
    match wanted.to {
        NewSink::Postgres if out.contains("\nsecrets:\n") => {
            out.replacen("\nsecrets:\n", "\nsecrets:\n  database_url: {env: DATABASE_URL}\n", 1)
        }
        NewSink::Postgres => out.replacen("\napis:\n", "\nsecrets:\n  database_url: {env: DATABASE_URL}\n\napis:\n", 1),
        _ => out,
    }
}
