//! `engine lsp`: helps editors, over stdin and stdout.

use engine_lsp::Pages;

use crate::arguments::Lsp;
use crate::environment::data_folder;
use crate::failure::Failure;
use crate::status::Status;

/// Talks to an editor until it says goodbye.
pub(super) fn execute(arguments: &Lsp) -> Result<Status, Failure> {
    // There is no other way to talk.
    _ = arguments.stdio;
    let pages = match (&arguments.docs, data_folder()) {
        (Some(site), _) => Pages::Site(site.clone()),
        (None, Some(folder)) => Pages::Folder(folder.join("findings")),
        (None, None) => Pages::None,
    };
    engine_lsp::serve(pages).map_err(|error| Failure::failed(error.to_string()))?;
    Ok(Status::Done)
}
