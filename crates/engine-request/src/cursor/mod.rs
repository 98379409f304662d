//! How far a read came, and from where it goes on: what `incremental` says, done.

mod advance;
mod advance_error;
mod comparing;
mod lacking;
mod repeats;
mod slices;
mod watermark;

pub use advance::{Advance, CursorPlan, Reached};
pub use advance_error::AdvanceError;
pub use comparing::Comparing;
pub use watermark::{CursorForm, Watermark};
