//! `engine import`: a spec to start from, made of what there is already.

use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};

use engine_import::{Format, Imported, Note, Options};
use engine_plan::{Disk, Files};

use crate::arguments::{Import, ImportFormat};
use crate::failure::Failure;
use crate::render::Format as Rendering;
use crate::report::Report;
use crate::status::Status;
use crate::terminal::{Style, Terminal, print, tell};

/// How many notes are shown of each kind.
const SHOWN: usize = 8;

/// How large a source may be.
const MOST: u64 = 200_000_000;

/// Makes a spec.
pub(super) fn execute(arguments: &Import, terminal: &Terminal) -> Result<Status, Failure> {
    let format = match arguments.format {
        ImportFormat::Openapi => Format::OpenApi,
        ImportFormat::Curl => Format::Curl,
        ImportFormat::Postman => Format::Postman,
        ImportFormat::Har => Format::Har,
    };
    if let Some(out) = arguments.out.as_ref().filter(|out| out.exists() && !arguments.force) {
        let help = "name another file, or say `--force` to replace it";
        return Err(Failure::usage(format!("`{}` is there already", out.display())).help(help));
    }
    let text = source(&arguments.source, format)?;
    let options = Options {
        name: arguments.name.clone(),
        only: arguments.only.clone(),
        deprecated: arguments.deprecated,
        no_examples: arguments.no_examples,
    };
    let imported = engine_import::import(format, &text, &options)
        .map_err(|error| Failure::usage(format!("{}: {}", shown(&arguments.source), error.message)).help(error.help))?;
    let spec = headed(&imported.spec, arguments.out.as_deref());
    match &arguments.out {
        Some(out) => write(out, &spec)?,
        None => print(&spec)?,
    }
    tell(said(&imported, arguments.out.as_deref(), terminal));
    // What was made is to be right: where it is not, whoever goes on with it should know at once.
    let path = arguments.out.clone().unwrap_or_else(|| PathBuf::from("imported.yaml"));
    let compiled = engine_plan::compile(&path, &Made { path: &path, text: &spec });
    let report = Report::of(&path, compiled.findings, &compiled.sources);
    let counts = report.counts();
    if counts.errors + counts.warnings > 0 {
        tell(Rendering::Human.render(&report, terminal.stderr));
    }
    Ok(if counts.errors > 0 { Status::Failed } else { Status::Done })
}

/// Reads what is named: a file, stdin, or the command itself.
fn source(source: &str, format: Format) -> Result<String, Failure> {
    if format == Format::Curl && source.trim_start().starts_with("curl ") {
        return Ok(source.to_owned());
    }
    let unreadable = |error: std::io::Error| Failure::usage(format!("cannot read {}: {error}", shown(source)));
    let mut bytes = Vec::new();
    if source == "-" {
        std::io::stdin().take(MOST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    } else {
        if source.contains("://") {
            return Err(Failure::usage("a URL can't be read")
                .help("fetch it first: `curl -o api.json URL`, then name the file"));
        }
        std::fs::File::open(source).map_err(unreadable)?.take(MOST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    if bytes.len() as u64 > MOST {
        return Err(Failure::usage(format!("{} is larger than {} MB", shown(source), MOST / 1_000_000)));
    }
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{} is not a text in UTF-8", shown(source))))
}

fn shown(source: &str) -> String {
    match source {
        "-" => "stdin".to_owned(),
        long if long.len() > 60 => "the command".to_owned(),
        name => format!("`{name}`"),
    }
}

/// Puts the line before it by which editors know what it is.
fn headed(spec: &str, out: Option<&Path>) -> String {
    // Only a spec in a folder of the project has the schema beside it.
    let schema = out.and_then(Path::parent).map(|folder| folder.join("../schemas/spec.json")).filter(|it| it.exists());
    match schema {
        Some(_) => format!("# yaml-language-server: $schema=../schemas/spec.json\n{spec}"),
        None => spec.to_owned(),
    }
}

fn write(out: &Path, spec: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::failed(format!("cannot write `{}`: {error}", out.display()));
    if let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(out, spec).map_err(failed)
}

/// Says what was made, and what was not.
fn said(imported: &Imported, out: Option<&Path>, terminal: &Terminal) -> String {
    let look = terminal.stderr;
    let mut text = String::new();
    for (message, places) in grouped(&imported.notes) {
        let first = places.iter().take(SHOWN).filter(|place| !place.is_empty()).copied().collect::<Vec<_>>().join(", ");
        let more = places.len().saturating_sub(SHOWN);
        let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
        let at = if first.is_empty() { String::new() } else { look.paint(Style::Dim, &format!(" ({first}{rest})")) };
        _ = writeln!(text, "{} {message}{at}", look.paint(Style::Yellow, "note:"));
    }
    let place = out.map(|out| format!(" in {}", out.display())).unwrap_or_default();
    let noun = if imported.endpoints == 1 { "endpoint" } else { "endpoints" };
    _ = writeln!(text, "{} {noun}{place}, {} of them can be read", imported.endpoints, imported.readable);
    if imported.readable == 0 {
        _ = writeln!(
            text,
            "{} to read one, say where its records are: `records: $.items`",
            look.paint(Style::Yellow, "note:")
        );
    }
    text
}

/// Puts notes that say the same together.
fn grouped(notes: &[Note]) -> Vec<(&str, Vec<&str>)> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for note in notes {
        match groups.iter_mut().find(|(message, _)| *message == note.message) {
            Some((_, places)) => places.push(&note.place),
            None => groups.push((&note.message, vec![&note.place])),
        }
    }
    groups
}

/// The spec that was made, whether it is on disk or not.
struct Made<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Files for Made<'_> {
    fn read(&self, path: &Path) -> std::io::Result<String> {
        if path == self.path { Ok(self.text.to_owned()) } else { Disk.read(path) }
    }
}
