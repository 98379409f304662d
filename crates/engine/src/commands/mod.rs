//! What the commands do, one file for each.

mod auth;
mod call;
mod completions;
mod contract;
mod dead_letters;
mod doctor;
mod events;
mod explain;
mod import;
mod init;
mod lsp;
mod man;
mod mock;
mod new;
mod plan;
mod run;
mod runs;
mod schema;
mod serve;
mod state;
mod test;
mod validate;
mod webhook;

use crate::arguments::Command;
use crate::failure::Failure;
use crate::status::Status;
use crate::terminal::Terminal;

/// Does what was asked for.
pub(crate) fn execute(command: Command, terminal: &Terminal) -> Result<Status, Failure> {
    match command {
        Command::Run(arguments) => run::execute(&arguments, terminal),
        Command::Mock(arguments) => mock::execute(&arguments, terminal),
        Command::Validate(arguments) => validate::execute(&arguments, terminal),
        Command::Auth(arguments) => auth::execute(&arguments, terminal),
        Command::Runs(arguments) => runs::execute(&arguments, terminal),
        Command::DeadLetters(arguments) => dead_letters::execute(&arguments, terminal),
        Command::State(arguments) => state::execute(&arguments, terminal),
        Command::New(arguments) => new::execute(&arguments),
        Command::Init(arguments) => init::execute(&arguments),
        Command::Import(arguments) => import::execute(&arguments, terminal),
        Command::Plan(arguments) => plan::execute(&arguments, terminal),
        Command::Call(arguments) => call::execute(&arguments, terminal),
        Command::Test(arguments) => test::execute(&arguments, terminal),
        Command::Doctor(arguments) => doctor::execute(&arguments, terminal),
        Command::Serve(arguments) => serve::execute(&arguments, terminal),
        Command::Events(command) => events::execute(&command, terminal),
        Command::Webhook(command) => webhook::execute(&command, terminal),
        Command::Schema(arguments) => schema::execute(&arguments),
        Command::Explain(arguments) => explain::execute(&arguments, terminal),
        Command::Lsp(arguments) => lsp::execute(&arguments),
        Command::Completions(arguments) => completions::execute(&arguments),
        Command::Man(arguments) => man::execute(&arguments),
    }
}
