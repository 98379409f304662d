//! What is held for an auth between the requests that it is applied to.

use std::sync::Arc;

use super::{Challenge, Token};

/// What is held for an auth between the requests that it is applied to: whoever sends the requests keeps it.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// The token: for `oauth2`, `session` and `jwt`.
    pub token: Option<Arc<Token>>,
    /// What the server asked for: for `digest`.
    pub challenge: Option<Arc<Challenge>>,
}
