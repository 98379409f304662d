//! Where the state of runs is kept, and the key of what is secret in it.

use std::sync::Arc;

use engine_runtime::{Environment, StateError};
use engine_storage::{State, StateKey, open_state};

use crate::environment::{Variables, data_folder};
use crate::failure::Failure;

/// Where the state is, if nobody says: in the working directory.
pub(crate) const PLACE: &str = ".engine/state.db";

/// The variable that gives the key.
const VARIABLE: &str = "ENGINE_STATE_KEY";

/// Opens the state at a place that `--state` names. Nothing is made, and no key read, before something is to be kept.
///
/// # Errors
///
/// Fails for a place that no state can be kept in.
pub(crate) fn open(place: &str, variables: &Variables) -> Result<Arc<dyn State>, Failure> {
    let key = match variables.variable(VARIABLE).filter(|text| !text.trim().is_empty()) {
        Some(text) => StateKey::Given { variable: VARIABLE.to_owned(), text },
        None => match data_folder() {
            Some(folder) => StateKey::File(folder.join("state.key")),
            None => StateKey::Nowhere(format!(
                "give the key in the variable `{VARIABLE}` (`openssl rand -base64 32` makes one), or set `HOME`"
            )),
        },
    };
    open_state(place, key).map_err(|StateError { message, help }| {
        let failure = Failure::usage(message);
        match help {
            Some(help) => failure.help(help),
            None => failure,
        }
    })
}
