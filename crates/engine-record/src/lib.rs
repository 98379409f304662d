//! Exchanges as files: a run keeps them, another one is answered from them.
//!
//! A recording is a folder with a YAML file for each exchange, or one HAR file. Whatever is written has its secrets taken out before: what
//! cannot be read without them is not kept. Knows neither specs nor the command line.

mod cleaned;
mod clock;
mod content;
mod document;
mod exchange;
mod failure;
mod folder;
mod har;
mod har_file;
mod index;
mod matching;
mod moment;
mod record;
mod recording;
mod replay;
mod spelling;
mod streamed;
mod yaml;

pub use crate::clock::ReplayClock;
pub use crate::failure::RecordingError;
pub use crate::record::Record;
pub use crate::replay::Replay;
