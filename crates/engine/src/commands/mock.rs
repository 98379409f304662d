//! `engine mock`: serves the examples of a spec's APIs.

use std::collections::BTreeSet;

use engine_mock::Mock as Server;

use crate::arguments::Mock;
use crate::failure::Failure;
use crate::planned;
use crate::render::Format;
use crate::report::counted;
use crate::signals::interrupt;
use crate::status::Status;
use crate::terminal::{Style, Terminal, print, tell};

/// Serves until it is interrupted, which is how it is meant to end.
///
/// A line for each API goes to stdout, its name and where it is, for scripts to read.
pub(super) fn execute(arguments: &Mock, terminal: &Terminal) -> Result<Status, Failure> {
    let (plan, warnings) = planned::plan(&arguments.spec)?;
    tell(Format::Human.render(&warnings, terminal.stderr));
    let apis: BTreeSet<&str> = plan.endpoints.iter().map(|endpoint| endpoint.api.as_str()).collect();
    if apis.is_empty() {
        return Err(Failure::usage(format!("`{}` has no API to serve", arguments.spec.display())));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let server = Server::start(&plan, arguments.listen).map_err(|error| {
            Failure::failed(format!("cannot listen on {}: {error}", arguments.listen))
                .help("take another address by `--listen`")
        })?;
        // Watched for before anybody can know that this serves.
        let ended = interrupt();
        let width = apis.iter().map(|api| api.len()).max().unwrap_or_default();
        let lines = apis.iter().map(|api| {
            format!(
                "{}{}  {}\n",
                terminal.stdout.paint(Style::Bold, api),
                " ".repeat(width - api.len()),
                server.base_url(api)
            )
        });
        print(lines.collect::<String>())?;
        tell(format!("serving the examples of {}; Ctrl-C ends\n", counted(plan.endpoints.len(), "endpoint")));
        ended.await;
        Ok(Status::Done)
    })
}
