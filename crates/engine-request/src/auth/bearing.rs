//! Tokens in requests: where they are put, and what stands before them.

use engine_expr::{EvalError, Scope, Template};

use crate::{Draft, Place, Target};

/// Puts a token at its place, in `header.Authorization` if none is given.
///
/// A prefix is followed by a space, unless it ends in a character that is neither letter nor digit. Without one, `Bearer`
/// stands before the token in the `Authorization` header, and nothing elsewhere.
pub(in crate::auth) fn bear(
    draft: &mut Draft,
    place: Option<&Place>,
    prefix: Option<&Template>,
    token: &str,
    scope: &Scope,
) -> Result<(), EvalError> {
    draft.hide(token);
    let home = Place::new(Target::Header("Authorization".into()));
    let place = place.unwrap_or(&home);
    let prefix = match prefix {
        Some(prefix) => prefix.render_text(scope)?,
        None => match place.target() {
            Target::Header(name) if name.eq_ignore_ascii_case("Authorization") => "Bearer".to_owned(),
            _ => String::new(),
        },
    };
    draft.put_secret(place, prefixed(&prefix, token))
}

/// Puts a prefix before a text, and a space between them where one is needed.
pub(in crate::auth) fn prefixed(prefix: &str, text: &str) -> String {
    let space = if prefix.ends_with(char::is_alphanumeric) { " " } else { "" };
    format!("{prefix}{space}{text}")
}
