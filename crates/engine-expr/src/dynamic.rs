//! Values of a spec that may have paths and templates in them.

use std::borrow::Cow;
use std::sync::Arc;

use engine_source::{AnyNode, Kind, Node, Scalar, ScalarKind, Span, Spanned};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::path::JsonPath;
use crate::problem::EvalError;
use crate::scope::Scope;
use crate::template::{Template, literal_of};
use crate::value::{Members, Value};

/// Any value: a literal, a path, a template, or a list or an object of these.
///
/// A literal that would read as a path or a template is written `{value: "$5"}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dynamic {
    span: Span,
    kind: DynamicKind,
}

/// What a [`Dynamic`] is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum DynamicKind {
    /// A value that is known.
    Literal(Value),
    /// A path from the scope's root.
    Path(JsonPath),
    /// A template.
    Template(Template),
    /// A list, at least one item of which is no literal.
    List(Vec<Dynamic>),
    /// An object, at least one member of which is no literal.
    Object(Vec<(Spanned<Arc<str>>, Dynamic)>),
}

impl Dynamic {
    /// Makes a literal.
    pub fn literal(value: Value, span: Span) -> Self {
        Self { span, kind: DynamicKind::Literal(value) }
    }

    /// Makes a template.
    pub fn template(template: Template) -> Self {
        Self { span: template.span(), kind: DynamicKind::Template(template) }
    }

    /// Reads a node of a document.
    pub fn from_node(node: &Node) -> Self {
        Self::read(node, true)
    }

    /// Reads a node of a document in which nothing is a path: data that may have templates in it.
    pub fn data_from_node(node: &Node) -> Self {
        Self::read(node, false)
    }

    fn read(node: &Node, has_paths: bool) -> Self {
        let span = node.span();
        let kind = match node.kind() {
            Kind::Null => DynamicKind::Literal(Value::Null),
            Kind::Bool(it) => DynamicKind::Literal(Value::Bool(*it)),
            Kind::Number(text) => DynamicKind::Literal(number(text, span)),
            Kind::String(text) if has_paths && JsonPath::is_path(text) => {
                DynamicKind::Path(JsonPath::new(&**text, span))
            }
            Kind::String(text) if Template::is_template(text) => DynamicKind::Template(Template::new(text, span)),
            Kind::String(text) => DynamicKind::Literal(Value::String(Arc::clone(text))),
            Kind::Seq(items) => {
                let items: Vec<Self> = items.iter().map(|item| Self::read(item, has_paths)).collect();
                match items.iter().map(|item| item.as_literal().cloned()).collect::<Option<Vec<_>>>() {
                    Some(values) => DynamicKind::Literal(Value::list(values)),
                    None => DynamicKind::List(items),
                }
            }
            Kind::Map(entries) => {
                if let Some(escaped) = escaped(node).filter(|text| has_paths || Template::is_template(text)) {
                    return Self::literal(escaped.into(), span);
                }
                let members: Vec<_> = entries
                    .iter()
                    .map(|entry| {
                        (
                            Spanned { value: Arc::clone(&entry.key.text), span: entry.key.span },
                            Self::read(&entry.value, has_paths),
                        )
                    })
                    .collect();
                let literals =
                    members.iter().map(|(name, it)| Some((Arc::clone(&name.value), it.as_literal()?.clone())));
                match literals.collect::<Option<Members>>() {
                    Some(members) => DynamicKind::Literal(Value::Object(Arc::new(members))),
                    None => DynamicKind::Object(members),
                }
            }
        };
        Self { span, kind }
    }

    /// Returns its place.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Returns what it is made of.
    pub fn kind(&self) -> &DynamicKind {
        &self.kind
    }

    /// Returns the value, if it is known before running.
    pub fn as_literal(&self) -> Option<&Value> {
        match &self.kind {
            DynamicKind::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// Evaluates it; `None` where it is a path, or an expression, that finds nothing. Members that find nothing are left out.
    ///
    /// # Errors
    ///
    /// Fails where a template does.
    pub fn evaluate(&self, scope: &Scope) -> Result<Option<Value>, EvalError> {
        Ok(Some(match &self.kind {
            DynamicKind::Literal(value) => value.clone(),
            DynamicKind::Path(path) => return scope.root().map_or(Ok(None), |root| path.value(root)),
            DynamicKind::Template(template) => template.render(scope)?,
            DynamicKind::List(items) => {
                let values = items.iter().map(|item| Ok(item.evaluate(scope)?.unwrap_or_default()));
                Value::list(values.collect::<Result<_, EvalError>>()?)
            }
            DynamicKind::Object(members) => {
                let mut object = Members::with_capacity(members.len());
                for (name, member) in members {
                    if let Some(value) = member.evaluate(scope)? {
                        object.insert(Arc::clone(&name.value), value);
                    }
                }
                Value::Object(Arc::new(object))
            }
        }))
    }

    /// Goes over the templates and paths in it.
    pub fn visit(&self, visit: &mut impl FnMut(DynamicLeaf<'_>)) {
        match &self.kind {
            DynamicKind::Literal(_) => {}
            DynamicKind::Path(path) => visit(DynamicLeaf::Path(path)),
            DynamicKind::Template(template) => visit(DynamicLeaf::Template(template)),
            DynamicKind::List(items) => items.iter().for_each(|item| item.visit(visit)),
            DynamicKind::Object(members) => {
                for (_, member) in members {
                    member.visit(visit);
                }
            }
        }
    }
}

/// A template or a path within a [`Dynamic`].
#[derive(Clone, Copy, Debug)]
pub enum DynamicLeaf<'a> {
    /// A template.
    Template(&'a Template),
    /// A path.
    Path(&'a JsonPath),
}

/// Reads `{value: "$5"}`: one member, whose text would read as a path or a template.
fn escaped(node: &Node) -> Option<Arc<str>> {
    match node.entries() {
        [only] if &*only.key.text == "value" => match only.value.kind() {
            Kind::String(text) if JsonPath::is_path(text) || Template::is_template(text) => Some(Arc::clone(text)),
            _ => None,
        },
        _ => None,
    }
}

fn number(text: &Arc<str>, span: Span) -> Value {
    literal_of(&Scalar { kind: ScalarKind::Number, text: Arc::clone(text), span })
}

impl<'de> Deserialize<'de> for Dynamic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        AnyNode::deserialize(deserializer).map(|node| Self::from_node(&node.0))
    }
}

impl Serialize for Dynamic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.kind {
            DynamicKind::Literal(value) => value.serialize(serializer),
            DynamicKind::Path(path) => path.serialize(serializer),
            DynamicKind::Template(template) => template.serialize(serializer),
            DynamicKind::List(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            DynamicKind::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, member) in members {
                    map.serialize_entry(&*name.value, member)?;
                }
                map.end()
            }
        }
    }
}

impl JsonSchema for Dynamic {
    fn schema_name() -> Cow<'static, str> {
        "Value".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A literal, a path (`$.id`), a template (`{{ item.id }}`), or a list or an object of these. A literal that would read as a path or a template is written `{value: \"$5\"}`."
        })
    }
}
