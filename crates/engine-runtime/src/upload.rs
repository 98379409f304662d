//! The files that requests send: found and measured before the request goes out, read only while it does.

use std::io;
use std::path::PathBuf;

use engine_plan::Plan;
use engine_request::{Draft, DraftFile};

use crate::failure::Failure;
use crate::run::RunContext;
use crate::world::Environment;

impl RunContext {
    /// Finds the files that a request sends.
    pub(crate) fn find_files(&self, draft: &mut Draft) -> Result<(), Failure> {
        find_files(draft, &self.plan, &*self.exchanges.world().environment)
    }
}

/// Finds the files that a request sends; paths are relative to the file of the spec in which they are written.
///
/// A file that is missing fails before anything is sent.
pub(crate) fn find_files(draft: &mut Draft, plan: &Plan, environment: &dyn Environment) -> Result<(), Failure> {
    draft.find_files(|file| find(file, plan, environment))
}

fn find(file: &DraftFile, plan: &Plan, environment: &dyn Environment) -> Result<(PathBuf, u64), Failure> {
    let path = plan.folder(file.span()).join(file.path());
    match environment.file_length(&path) {
        Ok(length) => Ok((path, length)),
        Err(error) => {
            let why = match error.kind() {
                io::ErrorKind::NotFound => "there is no such file".to_owned(),
                _ => error.to_string().to_lowercase(),
            };
            let message = format!("the file `{}`, which the body sends, cannot be read: {why}", file.path());
            let help = match error.kind() {
                io::ErrorKind::NotFound => "paths are relative to the spec in which they are written",
                io::ErrorKind::IsADirectory => "name a file in it",
                _ => "check its permissions",
            };
            Err(Failure::new("unreadable-file", message, file.span()).help(help))
        }
    }
}
