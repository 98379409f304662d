//! Paths of URLs, compared without what stands in their places.

/// Stands for what is not known, or differs.
const ANY: char = '\u{0}';

/// A path of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    segments: Vec<String>,
}

/// A URL, as far as it is known.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// The host, as far as it is known; none where there is none.
    pub(crate) host: Option<String>,
    pub(crate) route: Route,
    /// Whether there may be more before the path.
    pub(crate) is_open: bool,
}

impl Address {
    /// Reads a URL in which unknown parts are marked.
    pub(crate) fn read(url: &str) -> Self {
        let url = url.split(['?', '#']).next().unwrap_or_default();
        match url.split_once("://") {
            Some((_, rest)) => {
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                Self { host: Some(host.to_ascii_lowercase()), route: Route::read(path), is_open: false }
            }
            None => match url.strip_prefix(ANY) {
                Some(path) => Self { host: None, route: Route::read(path), is_open: true },
                None => Self { host: None, route: Route::read(url.trim_start_matches("//")), is_open: false },
            },
        }
    }
}

/// Tells whether a host may be another, where either is not wholly known.
pub(crate) fn is_host(one: &str, other: &str) -> bool {
    one == other || covers(one, other) || covers(other, one)
}

/// Marks what is not known in a text, where something opens and something closes it.
pub(crate) fn marked(text: &str, open: &str, close: &str, mut known: impl FnMut(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        let Some((inner, after)) = after.split_once(close) else { break };
        out.push_str(before);
        match known(inner.trim()) {
            Some(text) => out.push_str(&text),
            None => out.push(ANY),
        }
        rest = after;
    }
    out + rest
}

impl Route {
    pub(crate) fn read(path: &str) -> Self {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        Self { segments: path.split('/').filter(|it| !it.is_empty()).map(str::to_owned).collect() }
    }

    pub(crate) fn len(&self) -> usize {
        self.segments.len()
    }

    pub(crate) fn joined(&self, other: &Self) -> Self {
        Self { segments: self.segments.iter().chain(&other.segments).cloned().collect() }
    }

    /// Returns the last segments.
    pub(crate) fn last(&self, count: usize) -> Self {
        Self { segments: self.segments.get(self.len().saturating_sub(count)..).unwrap_or_default().to_vec() }
    }

    /// Returns the first segments.
    pub(crate) fn first(&self, count: usize) -> Self {
        Self { segments: self.segments.get(..count).unwrap_or(&self.segments).to_vec() }
    }

    /// Says how well the path of a document stands for this one: the more the better, none if it doesn't.
    pub(crate) fn fits(&self, known: &Self) -> Option<usize> {
        if self.len() != known.len() {
            return None;
        }
        let fits: Vec<usize> =
            self.segments.iter().zip(&known.segments).map(|(own, known)| fit(own, known)).collect::<Option<_>>()?;
        // A place here for what the document names, and one there for what is named here: these are two paths that but look alike.
        (!(fits.contains(&0) && fits.contains(&1))).then(|| fits.iter().sum())
    }

    /// Says in how many segments it differs from another.
    pub(crate) fn distance(&self, other: &Self) -> usize {
        let mut before: Vec<usize> = (0..=other.len()).collect();
        for (row, own) in self.segments.iter().enumerate() {
            let mut now = vec![row + 1];
            for (column, known) in other.segments.iter().enumerate() {
                let change = before.get(column).copied().unwrap_or_default() + usize::from(fit(own, known).is_none());
                let added = before.get(column + 1).copied().unwrap_or_default() + 1;
                let left = now.last().copied().unwrap_or_default() + 1;
                now.push(change.min(added).min(left));
            }
            before = now;
        }
        before.last().copied().unwrap_or_default()
    }

    /// Shows it, with `…` for what is not known.
    pub(crate) fn shown(&self) -> String {
        self.segments.iter().flat_map(|segment| ["/".to_owned(), segment.replace(ANY, "…")]).collect()
    }
}

/// Compares two segments: both alike, the document's with a place for what is here, or a place here for what the document names.
fn fit(own: &str, known: &str) -> Option<usize> {
    if own == known {
        Some(3)
    } else if covers(known, own) {
        Some(1)
    } else if covers(own, known) {
        Some(0)
    } else {
        None
    }
}

/// Tells whether a text fits a pattern with places.
fn covers(pattern: &str, text: &str) -> bool {
    match pattern.split_once(ANY) {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            // Something has to stand in a place.
            ends.skip(1).any(|at| rest.get(at..).is_some_and(|rest| covers(after, rest)))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(text: &str) -> Route {
        Route::read(&marked(text, "{", "}", |_| None))
    }

    #[test]
    fn finds_the_path_that_stands_for_another() {
        let fits = |own: &str, known: &str| route(own).fits(&route(known));
        assert_eq!(fits("/a/{id}", "/a/{name}"), Some(6));
        assert_eq!(fits("/a/search", "/a/{name}"), Some(4));
        assert_eq!(fits("/a/{id}", "/a/search"), Some(3));
        assert_eq!(fits("/a/{id}.json", "/a/{name}.json"), Some(6));
        assert_eq!(fits("/Books({id})", "/Books({ID})"), Some(3));
        assert_eq!(fits("/a/{id}/b", "/a/c/{name}"), None);
        assert_eq!(fits("/a/b", "/a"), None);
        assert_eq!(fits("/a/b", "/a/c"), None);
        assert_eq!(route("/a/{x}/c").distance(&route("/a/{y}/d")), 1);
    }

    #[test]
    fn takes_urls_apart() {
        let address = Address::read(&marked("https://{{ inputs.shop }}.example/api/1", "{{", "}}", |_| None));
        assert!(address.host.is_some_and(|host| is_host(&host, "a.example")) && !address.is_open);
        assert_eq!(address.route.shown(), "/api/1");
        let address = Address::read(&marked("{{ inputs.url }}/v1", "{{", "}}", |_| None));
        assert!(address.is_open);
        let known = marked("{{ inputs.url }}/v1", "{{", "}}", |_| Some("https://a.example".to_owned()));
        assert_eq!(Address::read(&known).host.as_deref(), Some("a.example"));
    }
}
