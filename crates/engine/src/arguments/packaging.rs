//! Arguments of what packages and editors ask for: `engine schema`, `engine completions`, `engine man`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use clap_complete::Shell;

/// Arguments of `engine schema`.
#[derive(Args, Debug)]
pub(crate) struct Schema {
    /// How it is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: SchemaFormat,
}

/// How the schema is written.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaFormat {
    /// JSON Schema, for editors
    #[default]
    Json,
    /// A page to read: the reference of the language
    Markdown,
}

/// Arguments of `engine completions`.
#[derive(Args, Debug)]
#[command(after_help = COMPLETIONS_HELP)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

const COMPLETIONS_HELP: &str = "\
Where shells look for it:
  bash        engine completions bash > ~/.local/share/bash-completion/completions/engine
  zsh         engine completions zsh > \"${fpath[1]}/_engine\"
  fish        engine completions fish > ~/.config/fish/completions/engine.fish
  powershell  engine completions powershell >> $PROFILE
  elvish      engine completions elvish >> ~/.config/elvish/rc.elv";

/// Arguments of `engine man`.
#[derive(Args, Debug)]
pub(crate) struct Man {
    /// The folder that they are written to; it is made, and pages that are there are replaced
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}
