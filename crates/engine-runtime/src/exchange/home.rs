//! Where an API is at home: the one origin that gets its credentials.

use std::sync::{Mutex, PoisonError};

use engine_expr::{Scope, Template};
use engine_request::Draft;
use url::{Origin, Url};

/// Where an API is at home.
pub(super) enum Home {
    /// Known from the start.
    At(Origin),
    /// What the `base_url` gives where the answer of a login is known, and where that was so far: the next login may say otherwise.
    ByLogin(Template, Mutex<Vec<Origin>>),
    /// Nobody says.
    Nowhere,
}

impl Home {
    /// Tells whether an origin is this one.
    pub(super) fn is(&self, origin: &Origin, scope: &Scope) -> bool {
        match self {
            Self::At(home) => home == origin,
            Self::ByLogin(base_url, _) => origin_of(base_url, scope).as_ref() == Some(origin),
            Self::Nowhere => false,
        }
    }

    /// Turns a request to where the API was before to where it is now: an answer from there has led to it.
    pub(super) fn lead(&self, draft: &mut Draft, scope: &Scope) {
        let Self::ByLogin(base_url, before) = self else { return };
        let Some(mut url) = url_of(base_url, scope) else { return };
        let (home, origin) = (url.origin(), draft.url().origin());
        let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
        if !before.contains(&home) {
            before.push(home.clone());
        }
        if origin != home && before.contains(&origin) {
            url.set_path(draft.url().path());
            draft.relocate(&url);
        }
    }

    /// Returns where it is, where that is known.
    pub(super) fn origin(&self, scope: &Scope) -> Option<Origin> {
        match self {
            Self::At(home) => Some(home.clone()),
            Self::ByLogin(base_url, _) => origin_of(base_url, scope),
            Self::Nowhere => None,
        }
    }
}

/// Returns the origin of the URL that a template gives.
pub(super) fn origin_of(base_url: &Template, scope: &Scope) -> Option<Origin> {
    url_of(base_url, scope).map(|url| url.origin())
}

fn url_of(base_url: &Template, scope: &Scope) -> Option<Url> {
    Url::parse(&base_url.render_text(scope).ok()?).ok()
}
