//! `engine init`: a project to start from.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::arguments::Init;
use crate::failure::Failure;
use crate::status::Status;
use crate::terminal::tell;

/// What a project begins with.
const FILES: &[(&str, &str)] = &[
    ("README.md", include_str!("../../templates/README.md")),
    (".gitignore", include_str!("../../templates/gitignore")),
    (".env.example", include_str!("../../templates/env.example")),
    ("specs/shop.yaml", include_str!("../../templates/shop.yaml")),
    ("flows/orders-to-sqlite.yaml", include_str!("../../templates/flow.yaml")),
    (".github/workflows/integrations.yaml", include_str!("../../templates/workflow.yaml")),
];

/// Makes the files; one that is there already stays as it is.
pub(super) fn execute(arguments: &Init) -> Result<Status, Failure> {
    let folder = &arguments.folder;
    let schema = engine_spec::schema_json();
    let files = FILES.iter().copied().chain([("schemas/spec.json", schema.as_str())]);
    let mut made = 0;
    for (name, text) in files {
        let path = if folder == Path::new(".") { PathBuf::from(name) } else { folder.join(name) };
        match write_new(&path, text) {
            Ok(()) => {
                tell(format!("made  {}\n", path.display()));
                made += 1;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => tell(format!("kept  {}\n", path.display())),
            Err(error) => return Err(Failure::failed(format!("cannot write `{}`: {error}", path.display()))),
        }
    }
    if made > 0 {
        let at = if folder == Path::new(".") { String::new() } else { format!("cd {} && ", folder.display()) };
        tell(format!("\nNext: {at}engine run flows/orders-to-sqlite.yaml --mock\n"));
    }
    Ok(Status::Done)
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::File::create_new(path)?.write_all(text.as_bytes())
}
