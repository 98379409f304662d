//! A value of any shape, as it stands in the tree.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::entry::{Entry, Key};
use crate::node::{Kind, Node, Style};
use crate::resolve::{Parsed, is_number, parse_number};
use crate::span::Span;

/// The name by which our Deserializer knows that the node itself is wanted.
pub(crate) const NAME: &str = "@node";

thread_local! {
    /// The node on its way from our Deserializer to the visitor that it calls next.
    static HANDED: RefCell<Option<Node>> = const { RefCell::new(None) };
}

/// The node of a tree, for types that are read by hand.
///
/// From another format than a tree it comes without places.
#[derive(Clone, Debug)]
pub struct AnyNode(pub Node);

impl AnyNode {
    /// Gives a node to the visitor that asked for it.
    pub(crate) fn hand<'de, V: Visitor<'de>, E: Error>(node: &Node, visitor: V) -> Result<V::Value, E> {
        HANDED.set(Some(node.clone()));
        visitor.visit_unit()
    }
}

impl<'de> Deserialize<'de> for AnyNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, NodeVisitor).map(Self)
    }
}

impl Serialize for AnyNode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.kind() {
            Kind::Null => serializer.serialize_unit(),
            Kind::Bool(value) => serializer.serialize_bool(*value),
            Kind::String(text) => serializer.serialize_str(text),
            Kind::Number(text) if is_number(text) => match parse_number(text) {
                Parsed::Signed(value) => serializer.serialize_i64(value),
                Parsed::Unsigned(value) => serializer.serialize_u64(value),
                Parsed::Float(value) => serializer.serialize_f64(value),
            },
            Kind::Number(text) => serializer.serialize_str(text),
            Kind::Seq(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            Kind::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for entry in entries {
                    map.serialize_entry(&entry.key.text, &entry.value)?;
                }
                map.end()
            }
        }
    }
}

impl JsonSchema for AnyNode {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Any".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!(true)
    }
}

struct NodeVisitor;

impl NodeVisitor {
    fn made(kind: Kind) -> Node {
        let style = match kind {
            Kind::String(_) => Style::DoubleQuoted,
            Kind::Seq(_) | Kind::Map(_) => Style::Flow,
            _ => Style::Plain,
        };
        Node::new(Span::default(), kind, style)
    }
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(HANDED.take().unwrap_or_else(|| Self::made(Kind::Null)))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Self::made(Kind::Bool(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Self::made(Kind::Number(Arc::from(value.to_string()))))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Self::made(Kind::Number(Arc::from(value.to_string()))))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Ok(Self::made(Kind::Number(Arc::from(value.to_string()))))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Self::made(Kind::String(Arc::from(value))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(AnyNode(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Self::made(Kind::Seq(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some((text, AnyNode(value))) = map.next_entry::<Arc<str>, AnyNode>()? {
            entries.push(Entry { key: Key { text, span: Span::default() }, value });
        }
        Ok(Self::made(Kind::Map(entries)))
    }
}
