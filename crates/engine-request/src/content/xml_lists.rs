//! Which elements of an XML document are lists even where there is one of them. Knows nothing of where that is asked.

use std::sync::Arc;

/// Which elements are lists, however many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XmlLists(Vec<Vec<ElementStep>>);

/// A step of the way from the document to an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ElementStep {
    /// To the elements of this name, with its prefix as it is written.
    Name(Arc<str>),
    /// To all elements.
    Any,
    /// To any depth.
    Below,
}

impl XmlLists {
    /// Adds the elements of a name, wherever they are.
    pub fn add_name(&mut self, name: &str) {
        self.add(vec![ElementStep::Below, ElementStep::Name(name.into())]);
    }

    /// Adds the elements at the end of a way; one that does not name them says too little.
    pub fn add(&mut self, way: Vec<ElementStep>) {
        if matches!(way.last(), Some(ElementStep::Name(_))) && !self.0.contains(&way) {
            self.0.push(way);
        }
    }

    /// Returns these and others.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        others.0.iter().for_each(|way| self.add(way.clone()));
        self
    }

    /// Tells whether an element is a list; `above` are the names of those that it is in, from the root on.
    pub(super) fn has<'n>(&self, above: &(impl Iterator<Item = &'n str> + Clone), name: &str) -> bool {
        self.0.iter().any(|way| match way.split_last() {
            Some((ElementStep::Name(last), way)) if **last == *name => {
                let names: Vec<&str> = above.clone().collect();
                // The root is one, whatever it is called.
                !names.is_empty() && leads(way, &names)
            }
            _ => false,
        })
    }
}

fn leads(way: &[ElementStep], names: &[&str]) -> bool {
    let Some((step, rest)) = way.split_first() else { return names.is_empty() };
    match (step, names.split_first()) {
        (ElementStep::Below, _) => (0..=names.len()).any(|at| leads(rest, names.get(at..).unwrap_or_default())),
        (ElementStep::Any, Some((_, below))) => leads(rest, below),
        (ElementStep::Name(wanted), Some((name, below))) => **wanted == **name && leads(rest, below),
        (_, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_elements_by_their_way() {
        use ElementStep::{Any, Below};
        let name = |name: &str| ElementStep::Name(name.into());
        let cases: [(Vec<ElementStep>, &str, bool); 9] = [
            (vec![name("feed"), name("order"), name("line")], "feed order line", true),
            (vec![name("feed"), name("order"), name("line")], "feed line", false),
            (vec![name("feed"), Any, name("line")], "feed order line", true),
            (vec![name("feed"), Any, name("line")], "feed line", false),
            (vec![Below, name("line")], "feed order line", true),
            (vec![Below, name("order"), Below, name("line")], "feed order a b line", true),
            (vec![Below, name("feed")], "feed", false),
            (vec![name("feed"), Any], "feed order", false),
            (vec![], "feed", false),
        ];
        for (way, element, expected) in cases {
            let mut lists = XmlLists::default();
            lists.add(way.clone());
            let (above, last) = element.rsplit_once(' ').unwrap_or(("", element));
            assert_eq!(lists.has(&above.split_whitespace(), last), expected, "{way:?} {element}");
        }
    }
}
