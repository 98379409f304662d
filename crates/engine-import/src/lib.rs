//! Other formats to specs: `OpenAPI`, curl, Postman, HAR.
//!
//! What is made is a text: a spec as a person would write it, to be checked by `engine validate` and gone on with by hand. What could not be
//! carried over is listed, each with its place in what was read.

mod bodies;
mod curl;
mod exchange;
mod har;
mod name;
mod openapi;
mod posted;
mod postman;
mod sensitive;
mod spec;
mod yaml;

use serde_json::Value;

pub use bodies::Kind as BodyKind;
pub use openapi::Document;

/// A format that a spec is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `OpenAPI` 3.0, 3.1 and Swagger 2.0, as JSON or YAML (<https://spec.openapis.org>).
    OpenApi,
    /// A command line of curl.
    Curl,
    /// A collection of Postman, version 2 (<https://schema.postman.com>).
    Postman,
    /// An HTTP archive 1.2, as browsers save it.
    Har,
}

/// What is made of it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The name of the API in the spec; by the title if not given.
    pub name: Option<String>,
    /// Which operations: `tag:NAME`, `path:/orders*`, or a part of the name; all if there are none.
    pub only: Vec<String>,
    /// Whether operations that are not to be used any more are taken too.
    pub deprecated: bool,
    /// Whether endpoints get no example of an answer.
    pub no_examples: bool,
}

/// A spec that was made.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The text of the spec.
    pub spec: String,
    /// How many endpoints it has.
    pub endpoints: usize,
    /// How many of them can be read: they give records.
    pub readable: usize,
    /// What could not be carried over.
    pub notes: Vec<Note>,
}

/// Something that could not be carried over, or has to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where it is in what was read: a JSON pointer, or a number of a request.
    pub place: String,
    /// What is to be known.
    pub message: String,
}

/// Why nothing could be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl ImportError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

/// How long a spec may be that an engine reads, with room for what is added by hand.
const LENGTH: usize = 12_000_000;

/// Makes a spec.
///
/// # Errors
///
/// Fails where the text is not of the format, and where nothing in it was asked for.
pub fn import(format: Format, text: &str, options: &Options) -> Result<Imported, ImportError> {
    let mut notes = Notes::default();
    let spec = match format {
        Format::OpenApi => openapi::import(&document(text)?, options, &mut notes),
        Format::Curl => curl::import(text, options, &mut notes),
        Format::Postman => postman::import(&document(text)?, options, &mut notes),
        Format::Har => har::import(&document(text)?, options, &mut notes),
    }?;
    let text_of_spec = spec.write();
    if text_of_spec.len() > LENGTH && !options.no_examples {
        let options = Options { no_examples: true, ..options.clone() };
        let mut imported = import(format, text, &options)?;
        let message =
            "the spec would be too long with examples of answers, so there are none; `--only` takes a part of the API";
        imported.notes.push(Note { place: String::new(), message: message.to_owned() });
        return Ok(imported);
    }
    Ok(Imported {
        endpoints: spec.endpoints.len(),
        readable: spec.endpoints.iter().filter(|(_, endpoint)| endpoint.records.is_some()).count(),
        spec: text_of_spec,
        notes: notes.0,
    })
}

/// Reads a document of JSON or YAML.
///
/// # Errors
///
/// Fails where it is neither, and where it is no object.
pub fn document(text: &str) -> Result<Value, ImportError> {
    let text = text.trim_start_matches('\u{feff}');
    let error = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(error) => error.to_string(),
    };
    let is_json = text.trim_start().starts_with(['{', '[']);
    let wrong = |error: String| ImportError::new(format!("this can't be read: {error}"), "give a file of JSON or YAML");
    match serde_yaml::from_str::<Value>(text) {
        Ok(value) if value.is_object() => Ok(value),
        Ok(_) => Err(wrong("it is no object".to_owned())),
        Err(other) => Err(wrong(if is_json { error } else { other.to_string() })),
    }
}

/// What there is to say while a spec is made.
#[derive(Debug, Default)]
struct Notes(Vec<Note>);

impl Notes {
    fn say(&mut self, place: impl Into<String>, message: impl Into<String>) {
        let note = Note { place: place.into(), message: message.into() };
        if !self.0.contains(&note) {
            self.0.push(note);
        }
    }
}
