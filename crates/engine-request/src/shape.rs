//! Values that are looked at before it is decided what they are read as: short forms beside long ones.
//!
//! What is wrong inside such a value is kept aside, with its place, until [`read`] hands it out with the rest.

use std::cell::RefCell;
use std::collections::HashSet;

use engine_source::{AnyNode, Finding, Findings, Kind, Node, Severity, Sources, Style};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};

thread_local! {
    /// What is wrong inside values that were looked at first, with its exact places; none while no [`read`] is under way.
    static ASIDE: RefCell<Option<Vec<Finding>>> = const { RefCell::new(None) };
}

/// The message of a finding that says no more than that others are kept aside.
const GIVEN_UP: &str = "this value has mistakes";

/// Reads typed data out of a tree, and says all that is wrong with its shape.
///
/// Gives nothing only where what is left without the wrong parts is no whole `T`.
pub fn read<T: DeserializeOwned>(node: &Node, findings: &mut Findings) -> Option<T> {
    let before = ASIDE.replace(Some(Vec::new()));
    let mut found = Findings::default();
    let value = node.deserialize(&Sources::default(), &mut found);
    let aside = ASIDE.replace(before).unwrap_or_default();
    // The outer value may have been looked at more than once, and so what is inside it.
    let mut said = HashSet::new();
    let all: Vec<Finding> = found
        .into_iter()
        .chain(aside)
        .filter(|finding| finding.message != GIVEN_UP && said.insert(finding.clone()))
        .collect();
    // A word that was no boolean where one was expected is an error already, and no warning in addition.
    let errors: Vec<_> = all.iter().filter(|finding| finding.severity == Severity::Error).map(Finding::span).collect();
    findings.extend(
        all.into_iter().filter(|finding| finding.code != "yaml11-boolean" || !errors.contains(&finding.span())),
    );
    value
}

/// A value that is looked at before it is decided what it is read as.
#[derive(Clone, Debug)]
pub struct Shape(Node);

impl Shape {
    /// Returns what it is.
    pub fn kind(&self) -> &Kind {
        self.0.kind()
    }

    /// Returns the text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_str()
    }

    /// Returns whether it is an object with this member.
    pub fn has(&self, key: &str) -> bool {
        self.0.get(key).is_some()
    }

    /// Returns the value itself.
    pub fn node(&self) -> &Node {
        &self.0
    }

    /// Returns the value without one member, such as the tag of its kind.
    #[must_use]
    pub fn without(&self, key: &str) -> Self {
        Self(self.0.without(key))
    }

    /// Says that something is wrong inside the value, which is still read.
    pub fn say<E: Error>(&self, finding: Finding) -> Result<(), E> {
        ASIDE.with_borrow_mut(|aside| match aside {
            Some(aside) => {
                aside.push(finding);
                Ok(())
            }
            None => Err(E::custom(text(&finding))),
        })
    }

    /// Says that something is wrong with the value, which is not read then.
    pub fn refuse<T, E: Error>(&self, finding: Finding) -> Result<T, E> {
        self.say(finding)?;
        Err(E::custom(GIVEN_UP))
    }

    /// Reads it.
    pub fn read<T: DeserializeOwned, E: Error>(&self) -> Result<T, E> {
        // Inside a list it is not taken for the root of a document, where other keys are allowed.
        let list = Node::new(self.0.span(), Kind::Seq(vec![self.0.clone()]), Style::Flow);
        let mut found = Findings::default();
        let value = list.deserialize::<Vec<T>>(&Sources::default(), &mut found).and_then(|mut values| values.pop());
        let is_clean = !found.has_errors();
        ASIDE.with_borrow_mut(|aside| match (aside, value) {
            (Some(aside), value) => {
                aside.extend(found);
                value.ok_or_else(|| E::custom(GIVEN_UP))
            }
            (None, Some(value)) if is_clean => Ok(value),
            (None, _) => {
                let first = found.into_iter().find(|finding| finding.severity == Severity::Error);
                Err(E::custom(first.map_or_else(|| GIVEN_UP.to_owned(), |finding| text(&finding))))
            }
        })
    }
}

/// Writes a finding as the text of a custom error.
fn text(finding: &Finding) -> String {
    let help = finding.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    format!("[{}] {}{help}", finding.code, finding.message)
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        AnyNode::deserialize(deserializer).map(|node| Self(node.0))
    }
}
