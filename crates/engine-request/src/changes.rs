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

    /// Returns the changes as a value, from which [`from_value`](Self::from_value) makes them again.
    pub fn to_value(&self) -> Value {
        let url = self.url.iter().map(|url| ("url", Value::from(url.as_str())));
        let place = |(place, value): &(Place, Value)| Value::list(vec![place.to_string().into(), value.clone()]);
        let places = [("places", Value::list(self.places.iter().map(place).collect()))];
        Value::object(url.chain(places).collect::<Vec<_>>())
    }

    /// Makes the changes that a value stands for; nothing where it stands for none.
    pub fn from_value(value: &Value) -> Option<Self> {
        let url = match value.get("url") {
            Some(url) => Some(Url::parse(url.as_str()?).ok()?),
            None => None,
        };
        let mut places = Vec::new();
        for pair in value.get("places")?.as_list()? {
            let [place, value] = pair.as_list()? else { return None };
            let place = match place.as_str()?.strip_prefix("query.") {
                // An answer may name a parameter as no spec can.
                Some(name) => Place::new(Target::Query(name.into())),
                None => place.as_str()?.parse().ok()?,
            };
            places.push((place, value.clone()));
        }
        Some(Self { url, places })
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
