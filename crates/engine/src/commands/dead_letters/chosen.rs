//! The letters that somebody means.

use engine_runtime::Letter;

use crate::failure::Failure;

/// Finds a letter by its id, or by the start of it.
///
/// # Errors
///
/// Fails where nothing, or more than one letter, is called so.
pub(super) fn find<'l>(letters: &'l [Letter], id: &str) -> Result<&'l Letter, Failure> {
    let mut found = letters.iter().filter(|letter| !id.is_empty() && letter.id.starts_with(id));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => {
            Err(Failure::usage(format!("several dead letters begin with `{id}`")).help("give more of the id"))
        }
        (None, _) => Err(Failure::usage(format!("there is no dead letter `{id}`"))
            .help("`engine dead-letters list` shows those that there are")),
    }
}

/// Tells whether a letter is of a step, or of one within it.
pub(super) fn is_of(letter: &Letter, step: &str) -> bool {
    letter.step().strip_prefix(step).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Chooses the letters of a flow that are sent again, with those that were sent in one batch with them; also returns how many these are.
///
/// # Errors
///
/// Fails where an id stands for nothing, or for a letter of another flow.
pub(super) fn choose(
    letters: &[Letter],
    flow: &str,
    ids: &[String],
    step: Option<&str>,
) -> Result<(Vec<Letter>, usize), Failure> {
    let of_flow: Vec<&Letter> = letters.iter().filter(|letter| letter.flow() == flow).collect();
    let mut named = Vec::new();
    for id in ids {
        let letter = find(letters, id)?;
        if letter.flow() != flow {
            let text = format!("the dead letter `{id}` is one of the flow `{}`, and this is `{flow}`", letter.flow());
            return Err(Failure::usage(text).help("name the spec of that flow"));
        }
        named.push(letter.id.as_str());
    }
    let is_named = |letter: &Letter| {
        (ids.is_empty() || named.contains(&letter.id.as_str())) && step.is_none_or(|step| is_of(letter, step))
    };
    let own: Vec<&Letter> = of_flow.iter().copied().filter(|letter| is_named(letter)).collect();
    let is_beside = |letter: &Letter| own.iter().any(|one| one.is_batched_with(letter));
    let chosen: Vec<Letter> =
        of_flow.into_iter().filter(|letter| is_named(letter) || is_beside(letter)).cloned().collect();
    let more = chosen.len() - own.len();
    Ok((chosen, more))
}
