//! The pages of the documentation: what is in them is run, validated, or says why not.

mod block;
mod command_line;
mod fragment;
mod page;
mod session;
mod told;

pub use block::Block;
pub use command_line::CommandLine;
pub use fragment::wrapped;
pub use page::{Link, Page};
pub use session::Session;
pub use told::{matches, port_of, with_ports};
