//! `engine dead-letters drop`.

use engine_runtime::{Kind, StateStore};

use super::all;
use super::chosen::find;
use crate::arguments::LettersDrop;
use crate::failure::Failure;
use crate::report::counted;
use crate::status::Status;
use crate::terminal::print;

/// Forgets letters.
pub(super) async fn execute(state: &dyn StateStore, arguments: &LettersDrop) -> Result<Status, Failure> {
    let letters = all(state).await?;
    let mut wanted = Vec::new();
    for id in &arguments.ids {
        wanted.push(find(&letters, id)?);
    }
    let is_of_flow = |flow: &str| arguments.flow.as_deref() == Some(flow);
    wanted.extend(letters.iter().filter(|letter| arguments.all || is_of_flow(letter.flow())));
    if let Some(flow) = arguments.flow.as_deref().filter(|_| wanted.is_empty()) {
        return Err(Failure::usage(format!("there are no dead letters of a flow `{flow}`"))
            .help("`engine dead-letters list` shows those that there are"));
    }
    let mut count = 0;
    for letter in wanted {
        count += usize::from(state.remove(Kind::DeadLetter, &letter.id).await.map_err(Failure::from)?);
    }
    print(format!("{} dropped\n", counted(count, "dead letter")))?;
    Ok(Status::Done)
}
