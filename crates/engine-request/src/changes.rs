//! What one request of a read sends that the others do not.

use std::sync::Arc;

use engine_expr::{EvalError, Members, Value};
use url::Url;

use crate::{Draft, Place, Target};

/// What one request of a read sends that the others do not: the number of a page, a cursor, another URL.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    pub(crate) url: Option<Url>,
    pub(crate) places: Vec<(Place, Value)>,
}

impl Changes {
    /// Makes the changes that put these values into their places.
    pub fn new(places: Vec<(Place, Value)>) -> Self {
        Self { url: None, places }
    }

    /// Makes the change that follows a URL.
    pub fn to_url(url: Url) -> Self {
        Self { url: Some(url), places: Vec::new() }
    }

    /// Returns the URL that takes the place of the endpoint's, which may be one of another origin.
    pub fn url(&self) -> Option<&Url> {
        self.url.as_ref()
    }

    /// Returns the values with their places.
    pub fn places(&self) -> &[(Place, Value)] {
        &self.places
    }

    /// Returns the URL that is followed, if its origin is another than that of `base`.
    pub fn other_origin(&self, base: &Url) -> Option<&Url> {
        self.url.as_ref().filter(|url| url.origin() != base.origin())
    }

    /// Returns whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.url.is_none() && self.places.is_empty()
    }

    /// Returns the params with which the draft must be built: those given, and what goes to `params.NAME` and `path.NAME`.
    pub fn params(&self, params: &Value) -> Value {
        let mut changed: Option<Members> = None;
        for (place, value) in &self.places {
            if let Target::Params(name) | Target::Path(name) = place.target() {
                let members = changed.get_or_insert_with(|| params.as_object().cloned().unwrap_or_default());
                members.insert(Arc::clone(name), value.clone());
            }
        }
        changed.map_or_else(|| params.clone(), |members| Value::Object(members.into()))
    }

    /// Puts everything but params into a draft.
    ///
    /// # Errors
    ///
    /// Fails where a value can't be written into its place.
    pub fn apply(&self, draft: &mut Draft) -> Result<(), EvalError> {
        if let Some(url) = &self.url {
            draft.jump(url);
        }
        self.places.iter().try_for_each(|(place, value)| draft.put(place, value))
    }
}
