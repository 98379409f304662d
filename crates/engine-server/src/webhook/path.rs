//! The paths of webhooks: `/shopify/{shop}/orders`.

use percent_encoding::percent_decode_str;

/// A path with names in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathPattern {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(String),
}

impl PathPattern {
    pub(super) fn new(path: &str) -> Self {
        let part = |text: &str| match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            Some(name) => Part::Name(name.to_owned()),
            None => Part::Text(text.to_owned()),
        };
        Self { parts: path.trim_start_matches('/').split('/').map(part).collect() }
    }

    /// Returns what the names stand for in a path; nothing where it is another path.
    pub(super) fn find(&self, path: &str) -> Option<Vec<(String, String)>> {
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        if parts.len() != self.parts.len() {
            return None;
        }
        let mut names = Vec::new();
        for (known, given) in self.parts.iter().zip(parts) {
            let given = percent_decode_str(given).decode_utf8().ok()?;
            match known {
                Part::Text(text) if *text == given => {}
                Part::Name(name) if !given.is_empty() => names.push((name.clone(), given.into_owned())),
                Part::Text(_) | Part::Name(_) => return None,
            }
        }
        Some(names)
    }

    /// Returns what tells it from others: a text at an early place comes before a name.
    pub(super) fn rank(&self) -> Vec<bool> {
        self.parts.iter().map(|part| matches!(part, Part::Name(_))).collect()
    }

    /// Tells whether the same paths fit another one too, and neither says more.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let alike = |pair: (&Part, &Part)| match pair {
            (Part::Text(left), Part::Text(right)) => left == right,
            (Part::Name(_), Part::Name(_)) => true,
            _ => false,
        };
        self.parts.len() == other.parts.len() && self.parts.iter().zip(&other.parts).all(alike)
    }
}

#[cfg(test)]
mod tests {
    use super::PathPattern;

    fn check(pattern: &str, path: &str, expected: Option<&str>) {
        let found = PathPattern::new(pattern).find(path);
        let found = found.map(|names| names.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>());
        assert_eq!(found.map(|names| names.join(" ")).as_deref(), expected, "{pattern} {path}");
    }

    #[test]
    fn finds_names() {
        check("/orders", "/orders", Some(""));
        check("/orders", "/orders/", None);
        check("/orders", "/Orders", None);
        check("/orders", "/%6Frders", Some(""));
        check("/", "/", Some(""));
        check("/{shop}/orders/{id}", "/a%20b/orders/7", Some("shop=a b id=7"));
        check("/{shop}/orders", "//orders", None);
        check("/{shop}/orders", "/a%2Fb/orders", Some("shop=a/b"));
        check("/{shop}", "/%ff", None);
        check("/{shop}", "orders", None);
    }

    #[test]
    fn says_which_are_alike() {
        assert!(PathPattern::new("/{a}/x").is_like(&PathPattern::new("/{b}/x")));
        assert!(!PathPattern::new("/{a}/x").is_like(&PathPattern::new("/y/x")));
        assert!(PathPattern::new("/y/x").rank() < PathPattern::new("/{a}/x").rank());
    }
}
