//! What templates and paths need of an answer and its request, so that nothing else is made for them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use engine_expr::{Condition, Dynamic, DynamicLeaf, Expr, JsonPath, NameUse, Segment, Template};

use crate::AnswerPlace;

/// What templates and paths need of an answer and its request, gathered once per plan.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    pub(crate) headers: bool,
    pub(crate) body: Option<Part>,
    pub(crate) root: Option<Part>,
    names: BTreeSet<Arc<str>>,
    texts: Vec<Arc<str>>,
    is_all: bool,
}

/// Which part of a body is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// These members of an object.
    Members(Vec<(Arc<str>, Self)>),
}

impl Needs {
    /// Makes needs for everything there is; headers are known by names in small letters and in the usual ones (`X-Next-Page`).
    pub fn all() -> Self {
        let mut needs = Self::default();
        needs.add_all();
        needs
    }

    /// Adds everything there is; headers are known in the letters of the templates that were added too.
    pub fn add_all(&mut self) {
        self.headers = true;
        self.is_all = true;
        self.body = Some(Part::Whole);
        self.root = Some(Part::Whole);
    }

    /// Returns whether a name such as `response`, `request`, `page` or `last` is used.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Returns whether `$` is used.
    pub fn has_root(&self) -> bool {
        self.root.is_some()
    }

    /// Returns whether something of a list in the body is needed; `list` is its path, of which the first `unwrapped` steps lead to `$`.
    pub fn reaches(&self, list: &[Segment], unwrapped: usize) -> bool {
        let below = list.get(unwrapped..).unwrap_or_default();
        self.body.as_ref().is_some_and(|part| touches(part, list))
            || self.root.as_ref().is_some_and(|part| touches(part, below))
    }

    /// Adds what a template needs.
    pub fn add_template(&mut self, template: &Template) {
        self.add_names(template.names(), template.text());
    }

    /// Adds what a condition needs.
    pub fn add_condition(&mut self, condition: &Condition) {
        self.add_names(condition.names(), condition.text());
    }

    /// Adds what a path from `$` needs.
    pub fn add_path(&mut self, path: &JsonPath) {
        let names = path.singular().unwrap_or_default().iter().map_while(|segment| match segment {
            Segment::Name(name) => Some(Arc::clone(name)),
            Segment::Index(_) => None,
        });
        add(&mut self.root, &names.collect::<Vec<_>>());
    }

    /// Adds what a path or a template needs.
    pub fn add_expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Path(path) => self.add_path(path),
            Expr::Template(template) => self.add_template(template),
        }
    }

    /// Adds what a value needs.
    pub fn add_dynamic(&mut self, value: &Dynamic) {
        value.visit(&mut |leaf| match leaf {
            DynamicLeaf::Path(path) => self.add_path(path),
            DynamicLeaf::Template(template) => self.add_template(template),
        });
    }

    /// Adds what a place in an answer needs.
    pub fn add_place(&mut self, place: &AnswerPlace) {
        match place {
            AnswerPlace::Path(path) => self.add_path(path),
            AnswerPlace::Template(template) => self.add_template(template),
            AnswerPlace::Header(_) | AnswerPlace::Cookie(_) => {}
        }
    }

    fn add_names(&mut self, names: &[NameUse], text: &str) {
        for name in names {
            self.names.insert(Arc::from(name.root()));
            if matches!(name.root(), "request" | "trigger")
                && name.path.get(1).is_none_or(|member| &**member == "headers")
            {
                self.add_text(text);
            }
            if name.root() != "response" {
                continue;
            }
            match name.path.get(1).map(|member| &**member) {
                Some("headers") => self.add_headers(text),
                Some("body") => add(&mut self.body, name.path.get(2..).unwrap_or_default()),
                Some(_) => {}
                None => {
                    self.add_headers(text);
                    self.body = Some(Part::Whole);
                }
            }
        }
    }

    fn add_headers(&mut self, text: &str) {
        self.headers = true;
        self.add_text(text);
    }

    fn add_text(&mut self, text: &str) {
        if !self.texts.iter().any(|known| **known == *text) {
            self.texts.push(text.into());
        }
    }

    /// Returns in which letters the templates write the name of a header, other than small ones.
    pub fn spellings(&self, name: &str) -> Vec<Cow<'_, str>> {
        let mut found: Vec<Cow<'_, str>> = Vec::new();
        if self.is_all {
            found.push(usual(name).into());
        }
        for text in &self.texts {
            for (start, _) in text.char_indices() {
                if let Some(spelled) = text.get(start..start + name.len())
                    && spelled.eq_ignore_ascii_case(name)
                    && spelled != name
                {
                    found.push(spelled.into());
                }
            }
        }
        found
    }
}

/// Writes the name of a header as most write it: `X-Next-Page`.
fn usual(name: &str) -> String {
    let mut is_first = true;
    let capital = |char: char| {
        let char = if is_first { char.to_ascii_uppercase() } else { char };
        is_first = char == '-';
        char
    };
    name.chars().map(capital).collect()
}

fn add(part: &mut Option<Part>, path: &[Arc<str>]) {
    let part = part.get_or_insert_with(|| Part::Members(Vec::new()));
    insert(part, path);
}

fn touches(part: &Part, list: &[Segment]) -> bool {
    let Part::Members(members) = part else { return true };
    match list.split_first() {
        Some((Segment::Name(name), below)) => members.iter().any(|(known, part)| known == name && touches(part, below)),
        Some((Segment::Index(_), _)) | None => !members.is_empty(),
    }
}

fn insert(part: &mut Part, path: &[Arc<str>]) {
    let Part::Members(members) = part else { return };
    let Some((first, rest)) = path.split_first() else {
        *part = Part::Whole;
        return;
    };
    let at = members.iter().position(|(name, _)| name == first).unwrap_or_else(|| {
        members.push((Arc::clone(first), Part::Members(Vec::new())));
        members.len() - 1
    });
    if let Some((_, below)) = members.get_mut(at) {
        insert(below, rest);
    }
}

#[cfg(test)]
mod tests {
    use engine_expr::{JsonPath, Template};
    use engine_source::Span;

    use super::{Needs, Part};

    fn template(text: &str) -> Needs {
        let mut needs = Needs::default();
        needs.add_template(&Template::new(text, Span::default()));
        needs
    }

    #[test]
    fn knows_which_members_are_named() {
        let needs = template("{{ response.body.a.b ~ response.body.a.c ~ response.body.d[0].e }}");
        let leaf = |name: &str| (name.into(), Part::Whole);
        let a = Part::Members(vec![leaf("b"), leaf("c")]);
        assert_eq!(needs.body, Some(Part::Members(vec![("a".into(), a), leaf("d")])));
        assert!(!needs.headers);
        assert_eq!(template("{{ response.status }}").body, None);
        assert_eq!(template("{{ response | tojson }}").body, Some(Part::Whole));
        assert_eq!(template("{{ response.body.get('a') }}").body, Some(Part::Whole));
    }

    #[test]
    fn knows_what_reaches_into_a_list() {
        let list: Vec<_> = JsonPath::new("$.data.items", Span::default()).singular().unwrap_or_default().to_vec();
        let cases = [
            ("{{ response.body.data.next }}", false),
            ("{{ response.status ~ response.headers.x }}", false),
            ("{{ response.body.data.items | length }}", true),
            ("{{ response.body.data | tojson }}", true),
            ("{{ response.body.get('data') }}", true),
            ("{{ response.body.data.items[0].id }}", true),
            ("{{ response }}", true),
        ];
        for (text, expected) in cases {
            assert_eq!(template(text).reaches(&list, 1), expected, "{text}");
        }
        for (path, expected) in [("$.items[0].id", true), ("$.next", false), ("$..next", true), ("$.data.items", false)]
        {
            let mut needs = Needs::default();
            needs.add_path(&JsonPath::new(path, Span::default()));
            assert_eq!(needs.reaches(&list, 1), expected, "{path}");
        }
    }

    #[test]
    fn knows_the_root() {
        let mut needs = Needs::default();
        needs.add_path(&JsonPath::new("$.a[0].b", Span::default()));
        assert_eq!(needs.root, Some(Part::Members(vec![("a".into(), Part::Whole)])));
        needs.add_path(&JsonPath::new("$..b", Span::default()));
        assert_eq!(needs.root, Some(Part::Whole));
    }
}
