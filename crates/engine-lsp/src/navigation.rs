//! From a name to where it is defined, to where it is used, and to another name.

use std::collections::HashMap;
use std::path::Path;

use gen_lsp_types::{Location, Position, Range, TextEdit, WorkspaceEdit};

use crate::file::File;
use crate::index::Symbol;
use crate::names::is_name;
use crate::position::Encoding;
use crate::texts::uri_of;
use crate::world::{Place, World};
use engine_plan::beside;

/// Returns where the name at a byte of a file is defined.
pub(crate) fn definition(world: &World, path: &Path, at: usize, encoding: Encoding) -> Vec<Location> {
    let Some(file) = world.file(path) else { return Vec::new() };
    let Some(one) = file.occurrence(at) else { return Vec::new() };
    if let Symbol::File(name) = &one.symbol {
        let other = beside(path, name);
        let start = Range { start: Position { line: 0, character: 0 }, end: Position { line: 0, character: 0 } };
        let there = world.file(&other).map(|file| Location { uri: uri(&file), range: start });
        return there.into_iter().collect();
    }
    let mut places = world.definitions(path, &one.symbol);
    // From a definition to itself leads nowhere, but to the others it does.
    if places.len() > 1 {
        places.retain(|place| place.file.path != file.path || place.occurrence.span != one.span);
    }
    places.iter().map(|place| location(place, encoding)).collect()
}

/// Returns all places of the name at a byte of a file.
pub(crate) fn references(
    world: &World,
    path: &Path,
    at: usize,
    with_definitions: bool,
    encoding: Encoding,
) -> Vec<Location> {
    let Some(file) = world.file(path) else { return Vec::new() };
    let Some(one) = file.occurrence(at) else { return Vec::new() };
    let places = world.occurrences(path, &one.symbol);
    let wanted = places.iter().filter(|place| with_definitions || !place.occurrence.is_definition);
    wanted.map(|place| location(place, encoding)).collect()
}

/// Returns the place and the name that would be changed, where one stands.
pub(crate) fn renamed(world: &World, path: &Path, at: usize, encoding: Encoding) -> Option<(Range, String)> {
    let file = world.file(path)?;
    let one = file.occurrence(at).filter(|one| !matches!(one.symbol, Symbol::File(_)))?;
    Some((file.range(one.span, encoding), one.symbol.name().to_string()))
}

/// Why a name cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RenameError {
    /// There is no name.
    #[error("there is no name here that could be changed")]
    Nothing,
    /// It is no name.
    #[error("`{0}` cannot be a name: letters, digits and `_`, and no digit first")]
    NoName(String),
    /// It is taken.
    #[error("there is another {noun} `{name}`")]
    Taken {
        /// What it is.
        noun: &'static str,
        /// The name.
        name: String,
    },
}

/// Changes a name everywhere.
pub(crate) fn rename(
    world: &World,
    path: &Path,
    at: usize,
    name: &str,
    encoding: Encoding,
) -> Result<WorkspaceEdit, RenameError> {
    let file = world.file(path).ok_or(RenameError::Nothing)?;
    let one = file.occurrence(at).filter(|one| !matches!(one.symbol, Symbol::File(_))).ok_or(RenameError::Nothing)?;
    if !is_name(name) {
        return Err(RenameError::NoName(name.to_owned()));
    }
    let places = world.occurrences(path, &one.symbol);
    // What is not defined anywhere has nothing that other places of the same name would share.
    if !places.iter().any(|place| place.occurrence.is_definition) {
        return Err(RenameError::Nothing);
    }
    let other = one.symbol.renamed(name);
    if name != &**one.symbol.name() && !world.definitions(path, &other).is_empty() {
        return Err(RenameError::Taken { noun: one.symbol.noun(), name: name.to_owned() });
    }
    let mut changes: HashMap<gen_lsp_types::Uri, Vec<TextEdit>> = HashMap::new();
    for place in &places {
        let Location { uri, range } = location(place, encoding);
        let edits = changes.entry(uri).or_default();
        if !edits.iter().any(|edit| edit.range == range) {
            edits.push(TextEdit { range, new_text: name.to_owned() });
        }
    }
    Ok(WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() })
}

fn location(place: &Place, encoding: Encoding) -> Location {
    Location { uri: uri(&place.file), range: place.file.range(place.occurrence.span, encoding) }
}

fn uri(file: &File) -> gen_lsp_types::Uri {
    gen_lsp_types::Uri(uri_of(&file.path))
}
