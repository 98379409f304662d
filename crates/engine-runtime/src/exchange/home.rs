//! Where an API is at home: the one origin that gets its credentials.

use engine_expr::{Scope, Template};
use url::{Origin, Url};

/// Where an API is at home.
pub(super) enum Home {
    /// Known from the start.
    At(Origin),
    /// What the `base_url` gives where the answer of a login is known.
    ByLogin(Template),
    /// Nobody says.
    Nowhere,
}

impl Home {
    /// Tells whether an origin is this one.
    pub(super) fn is(&self, origin: &Origin, scope: &Scope) -> bool {
        match self {
            Self::At(home) => home == origin,
            Self::ByLogin(base_url) => origin_of(base_url, scope).as_ref() == Some(origin),
            Self::Nowhere => false,
        }
    }

    /// Returns where it is, where that is known.
    pub(super) fn origin(&self, scope: &Scope) -> Option<Origin> {
        match self {
            Self::At(home) => Some(home.clone()),
            Self::ByLogin(base_url) => origin_of(base_url, scope),
            Self::Nowhere => None,
        }
    }
}

/// Returns the origin of the URL that a template gives.
pub(super) fn origin_of(base_url: &Template, scope: &Scope) -> Option<Origin> {
    base_url.render_text(scope).ok().and_then(|text| Url::parse(&text).ok()).map(|url| url.origin())
}
