//! Lists every template, condition and path of a typed model, each with its JSON pointer: by serializing the model into a serializer
//! that only looks for them, so that no field can be forgotten.

use serde::ser::{self, Serialize};

/// The name under which a template serializes.
pub(crate) const TEMPLATE: &str = "@template";
/// The name under which a condition serializes.
pub(crate) const CONDITION: &str = "@condition";
/// The name under which a path serializes.
pub(crate) const PATH: &str = "@path";

/// What kind of text a leaf is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeafKind {
    /// See [`Template`](crate::Template).
    Template,
    /// See [`Condition`](crate::Condition).
    Condition,
    /// See [`JsonPath`](crate::JsonPath).
    Path,
}

/// One text of a model that has a language inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Where it is (RFC 6901).
    pub pointer: String,
    /// What it is.
    pub kind: LeafKind,
    /// The text.
    pub text: String,
}

/// Lists the leaves of a model in its order.
pub fn leaves<T: Serialize + ?Sized>(model: &T) -> Vec<Leaf> {
    let mut found = Vec::new();
    // The serializer has no error that it could give.
    _ = model.serialize(Walker { found: &mut found, pointer: String::new(), as_leaf: None });
    found
}

struct Walker<'a> {
    found: &'a mut Vec<Leaf>,
    pointer: String,
    as_leaf: Option<LeafKind>,
}

/// The error that never happens.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Never(String);

impl ser::Error for Never {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl Walker<'_> {
    fn below(&mut self, name: &str) -> Walker<'_> {
        let pointer = format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1"));
        Walker { found: self.found, pointer, as_leaf: None }
    }
}

macro_rules! ignore {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, _: $type) -> Result<(), Never> { Ok(()) })*
    };
}

impl<'a> ser::Serializer for Walker<'a> {
    type Ok = ();
    type Error = Never;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Items<'a>;
    type SerializeTupleVariant = Items<'a>;
    type SerializeMap = Items<'a>;
    type SerializeStruct = Items<'a>;
    type SerializeStructVariant = Items<'a>;

    ignore! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32,
        serialize_f64: f64, serialize_char: char, serialize_bytes: &[u8], serialize_unit_struct: &'static str
    }

    fn serialize_str(self, text: &str) -> Result<(), Never> {
        if let Some(kind) = self.as_leaf {
            self.found.push(Leaf { pointer: self.pointer, kind, text: text.to_owned() });
        }
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Never> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Never> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Never> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Never> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(mut self, name: &'static str, value: &T) -> Result<(), Never> {
        self.as_leaf = match name {
            TEMPLATE => Some(LeafKind::Template),
            CONDITION => Some(LeafKind::Condition),
            PATH => Some(LeafKind::Path),
            _ => None,
        };
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Never> {
        // A tag stands beside the members of its variant; a key stands above them.
        if name.starts_with("@tag:") { value.serialize(self) } else { value.serialize(self.below(variant)) }
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a>, Never> {
        Ok(Items { walker: self, next: 0, key: String::new() })
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'a>, Never> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'a>, Never> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Items<'a>, Never> {
        self.serialize_seq(None)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Items<'a>, Never> {
        self.serialize_seq(None)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Items<'a>, Never> {
        self.serialize_seq(None)
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Items<'a>, Never> {
        self.serialize_seq(None)
    }
}

struct Items<'a> {
    walker: Walker<'a>,
    next: usize,
    key: String,
}

impl Items<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
        let name = self.next.to_string();
        self.next += 1;
        value.serialize(self.walker.below(&name))
    }
}

macro_rules! of_items {
    ($($kind:ident: $method:ident),*) => {
        $(impl ser::$kind for Items<'_> {
            type Ok = ();
            type Error = Never;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
                self.item(value)
            }

            fn end(self) -> Result<(), Never> {
                Ok(())
            }
        })*
    };
}

macro_rules! of_fields {
    ($($kind:ident),*) => {
        $(impl ser::$kind for Items<'_> {
            type Ok = ();
            type Error = Never;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Never> {
                value.serialize(self.walker.below(key))
            }

            fn end(self) -> Result<(), Never> {
                Ok(())
            }
        })*
    };
}

of_items! {
    SerializeSeq: serialize_element, SerializeTuple: serialize_element, SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
}
of_fields! { SerializeStruct, SerializeStructVariant }

impl ser::SerializeMap for Items<'_> {
    type Ok = ();
    type Error = Never;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Never> {
        self.key = serde_json::to_value(key).ok().and_then(|key| key.as_str().map(str::to_owned)).unwrap_or_default();
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
        let key = std::mem::take(&mut self.key);
        value.serialize(self.walker.below(&key))
    }

    fn end(self) -> Result<(), Never> {
        Ok(())
    }
}
