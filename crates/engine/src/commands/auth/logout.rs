//! `engine auth logout`: forgets tokens.

use std::path::Path;

use serde_json::json;

use super::{logins, of_api, open, waits_for_a_run};
use crate::arguments::{Logout, ResultFormat};
use crate::failure::Failure;
use crate::report::counted;
use crate::status::Status;
use crate::terminal::print;

/// Forgets the tokens of an API, or all.
pub(super) async fn execute(arguments: &Logout) -> Result<Status, Failure> {
    let is_json = arguments.given.format == ResultFormat::Json;
    let (Some(spec), Some(api)) = (&arguments.spec, &arguments.api) else {
        let (state, _) = open(&arguments.given, None::<&Path>)?;
        let count = state.forget_tokens().await.map_err(Failure::from)?;
        let text = if is_json {
            json!({"forgotten": count}).to_string()
        } else {
            format!("{} forgotten", counted(count, "token"))
        };
        print(format!("{text}\n"))?;
        return Ok(Status::Done);
    };
    let mut forgotten = 0;
    for login in of_api(logins(spec, &arguments.given)?, api, spec)? {
        forgotten += usize::from(login.forget(|| waits_for_a_run(api)).await.map_err(Failure::from)?);
    }
    let text = match (is_json, forgotten) {
        (true, _) => json!({"api": api, "forgotten": forgotten}).to_string(),
        (false, 0) => format!("{api}: no token was kept"),
        (false, _) => {
            format!("{api}: logged out here; what was allowed holds at the provider until it is taken back there")
        }
    };
    print(format!("{text}\n"))?;
    Ok(Status::Done)
}
