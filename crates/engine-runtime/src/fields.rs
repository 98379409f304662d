//! Objects of which it is known where the values of their members are: whoever wrote them knew, and nobody has to look for them again.

use std::ops::Range;
use std::sync::Arc;

use bytestring::ByteString;

/// Objects that may have the same members, in one text.
#[derive(Debug, Default)]
pub struct FieldPage {
    /// The names of the members, in their order; none comes twice.
    pub names: Arc<[Arc<str>]>,
    /// The text.
    pub text: ByteString,
    /// Where the objects are.
    pub objects: Vec<Range<usize>>,
    /// Where the values of each object's members are, one object after another; empty where an object does not have a member.
    pub values: Vec<Range<usize>>,
}

/// One of these objects.
#[derive(Clone, Debug)]
pub struct Fields {
    page: Arc<FieldPage>,
    at: usize,
}

impl FieldPage {
    /// Returns the objects, in order.
    pub fn into_objects(self) -> impl Iterator<Item = Fields> {
        let page = Arc::new(self);
        (0..page.objects.len()).map(move |at| Fields { page: Arc::clone(&page), at })
    }
}

impl Fields {
    /// Returns the object.
    pub fn text(&self) -> &str {
        self.page.objects.get(self.at).and_then(|range| self.page.text.get(range.clone())).unwrap_or_default()
    }

    /// Returns the object, with its page.
    pub fn shared(&self) -> ByteString {
        self.page.text.slice_ref(self.text())
    }

    /// Returns the names of all members that it may have.
    pub fn names(&self) -> &Arc<[Arc<str>]> {
        &self.page.names
    }

    /// Returns the value of a member, by its place among the names.
    pub fn get(&self, member: usize) -> Option<&str> {
        let range = self.page.values.get(self.at * self.page.names.len() + member)?;
        if range.is_empty() { None } else { self.page.text.get(range.clone()) }
    }

    /// Returns the values of all members that it may have.
    pub fn values(&self) -> impl Iterator<Item = Option<&str>> {
        let (count, text) = (self.page.names.len(), &*self.page.text);
        let values = self.page.values.get(self.at * count..(self.at + 1) * count).unwrap_or_default();
        values.iter().map(move |range| if range.is_empty() { None } else { text.get(range.clone()) })
    }

    /// Returns its members, with their values.
    pub fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        self.page.names.iter().zip(self.values()).filter_map(|(name, value)| Some((&**name, value?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_object_has_its_own_members() {
        let page = FieldPage {
            names: ["a", "b"].map(Arc::from).into(),
            text: r#"{"a":1,"b":"x"}{"b":[]}"#.into(),
            objects: vec![0..15, 15..23],
            values: vec![5..6, 11..14, 0..0, 20..22],
        };
        let objects: Vec<Fields> = page.into_objects().collect();
        let members = |at: usize| objects[at].members().collect::<Vec<_>>();
        assert_eq!(members(0), [("a", "1"), ("b", "\"x\"")]);
        assert_eq!(members(1), [("b", "[]")]);
        let second = &objects[1];
        assert_eq!((second.text(), &*second.shared()), (r#"{"b":[]}"#, r#"{"b":[]}"#));
        assert_eq!((second.get(0), second.get(1), second.get(2)), (None, Some("[]"), None));
    }
}
