//! Which names are known at each template, condition and path of a spec, for whoever helps to write one.

use engine_source::Span;

use super::Checker;
pub use super::names::{COUNTS, STEP_MEMBERS};
use super::names::{Names, ROOTS, Root};

/// A name that the language gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenName {
    /// The name.
    pub name: &'static str,
    /// Its members, where they are the language's; none if anything may be a member.
    pub members: &'static [&'static str],
    /// Where it is known, to finish the sentence "… is known".
    pub home: &'static str,
}

/// The names that are known in one scalar.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The scalar.
    pub span: Span,
    /// What the language gives there.
    pub names: Vec<GivenName>,
    /// The params of the endpoint.
    pub params: Vec<String>,
    /// The vars, those of steps too.
    pub vars: Vec<String>,
    /// The steps that ran before.
    pub steps: Vec<String>,
    /// What the answers of the auth are kept as.
    pub auth: Vec<String>,
    /// Whether a path has something to start from.
    pub rooted: bool,
}

/// Returns all names that the language gives, anywhere.
pub fn given_names() -> impl Iterator<Item = GivenName> {
    ROOTS.iter().map(given)
}

fn given(root: &Root) -> GivenName {
    GivenName { name: root.name, members: root.members, home: root.home }
}

impl<'a> Checker<'a> {
    /// Takes note of what is known in a scalar, if somebody wants to know.
    pub(super) fn observe(&mut self, span: Span, names: &Names<'a>) {
        if !self.observes {
            return;
        }
        let known = ROOTS.iter().filter(|root| names.has(**root)).map(given).collect();
        self.scopes.push(Scope {
            span,
            names: known,
            params: names.params.map(|params| params.keys().map(str::to_owned).collect()).unwrap_or_default(),
            vars: self.vars.iter().map(|var| var.name.to_owned()).collect(),
            steps: self.steps.iter().map(|step| step.id.to_owned()).collect(),
            auth: names.auth.iter().map(|(name, _)| (*name).to_owned()).collect(),
            rooted: names.rooted,
        });
    }
}
