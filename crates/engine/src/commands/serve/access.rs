//! Who may ask the management API of a server.

use engine_runtime::Environment;
use engine_server::{Access, Token};

use crate::arguments::Serve;
use crate::environment::Variables;
use crate::failure::Failure;

/// The variable that has the token, if nobody names another.
const VARIABLE: &str = "ENGINE_API_TOKEN";

/// Returns who may ask; nothing where there is no management API.
///
/// # Errors
///
/// Fails where others than this machine could ask without a token, and where the token is none.
pub(super) fn of(arguments: &Serve, variables: &Variables) -> Result<Option<Access>, Failure> {
    if arguments.no_api {
        return Ok(None);
    }
    let name = arguments.api_token_env.as_deref().unwrap_or(VARIABLE);
    let text = variables.variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    match text {
        Some(text) => match Token::new(&text) {
            Some(token) => Ok(Some(Access::Token(token))),
            None => Err(Failure::usage(format!("the variable `{name}` has no token for the management API"))
                .help("write ASCII characters without blanks; `openssl rand -hex 32` makes one")),
        },
        None if arguments.api_token_env.is_some() => {
            Err(Failure::usage(format!("the variable `{name}`, which `--api-token-env` names, is not set"))
                .help("`openssl rand -hex 32` makes a token"))
        }
        None if arguments.listen.ip().is_loopback() => Ok(Some(Access::Machine)),
        None => {
            let text = format!("the management API would be open to all who can reach {}", arguments.listen);
            Err(Failure::usage(text).help(format!(
                "give it a token in the variable `{VARIABLE}` (`openssl rand -hex 32` makes one), leave it out by `--no-api`, or listen on 127.0.0.1"
            )))
        }
    }
}
