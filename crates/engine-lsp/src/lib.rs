//! Helps to write specs, in any editor that speaks the Language Server Protocol.
//!
//! What is wrong is what the compiler says, and what is known where is what the compiler knows; the keys and their meanings come from the
//! types of the spec. Texts that cannot be read yet are read as far as they can be. Runs nothing, and knows nothing of the network.

mod completion;
mod cursor;
mod diagnostics;
mod examples;
mod file;
mod functions;
mod hover;
mod index;
mod names;
mod navigation;
mod pages;
mod position;
mod schema;
mod server;
mod symbols;
mod texts;
mod world;

#[cfg(test)]
mod tests;

pub use pages::Pages;
pub use server::{ServeError, serve};
