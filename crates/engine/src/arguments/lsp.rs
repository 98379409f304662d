//! What `engine lsp` takes.

use clap::Args;

/// Arguments of `engine lsp`.
#[derive(Args, Debug)]
pub(crate) struct Lsp {
    /// Talk over stdin and stdout, as it does anyway; for editors that say so
    #[arg(long)]
    pub(crate) stdio: bool,
    /// The site that explains findings: the code is put behind this address; pages on the disk if not given
    #[arg(long, value_name = "URL")]
    pub(crate) docs: Option<String>,
}
