//! A document, and what its references refer to.

use serde_json::Value;

use crate::ImportError;

/// A document.
#[derive(Clone, Copy, Debug)]
pub struct Document<'d> {
    /// All of it.
    pub root: &'d Value,
    /// Whether it is of Swagger 2.0.
    pub is_swagger: bool,
}

/// How many references in a row are followed.
const DEPTH: usize = 16;

impl<'d> Document<'d> {
    /// Takes a value for a document.
    ///
    /// # Errors
    ///
    /// Fails where it is none, or of a version that is not known.
    pub fn new(root: &'d Value) -> Result<Self, ImportError> {
        let version = |name: &str| root.get(name).map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned));
        let is_swagger = match (version("openapi"), version("swagger")) {
            (Some(version), _) if version.starts_with("3.") || version == "3" => false,
            (None, Some(version)) if version.starts_with('2') => true,
            (Some(version), _) | (None, Some(version)) => {
                return Err(ImportError::new(
                    format!("version {version} is not known"),
                    "OpenAPI 3.0, 3.1 and Swagger 2.0 are",
                ));
            }
            (None, None) => {
                return Err(ImportError::new(
                    "this is no OpenAPI document: it has neither `openapi` nor `swagger`",
                    "give the document itself, not a page that shows it",
                ));
            }
        };
        Ok(Self { root, is_swagger })
    }

    /// Follows references.
    ///
    /// # Errors
    ///
    /// Gives one that leads nowhere.
    pub fn resolve(&self, value: &'d Value) -> Result<&'d Value, String> {
        let mut value = value;
        for _ in 0..DEPTH {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Ok(value) };
            let found = reference.strip_prefix('#').and_then(|pointer| {
                let pointer = percent(pointer);
                self.root.pointer(&pointer)
            });
            value = found.ok_or_else(|| reference.to_owned())?;
        }
        Err("a reference to itself".to_owned())
    }

    /// Follows references, and takes what leads nowhere for nothing.
    pub fn look(&self, value: &'d Value) -> &'d Value {
        self.resolve(value).unwrap_or(&Value::Null)
    }

    /// Returns a member, with references followed.
    pub fn member(&self, value: &'d Value, name: &str) -> &'d Value {
        value.get(name).map_or(&Value::Null, |member| self.look(member))
    }

    /// Finds a property of a schema, also in what it is composed of.
    pub(super) fn property(&self, schema: &'d Value, name: &str) -> Option<&'d Value> {
        self.properties(schema).into_iter().find(|(known, _)| *known == name).map(|(_, schema)| schema)
    }

    /// Lists the properties of a schema, also of what it is composed of.
    pub(super) fn properties(&self, schema: &'d Value) -> Vec<(&'d str, &'d Value)> {
        let mut found = Vec::new();
        self.gather(schema, 0, &mut found);
        found
    }

    fn gather(&self, schema: &'d Value, depth: usize, found: &mut Vec<(&'d str, &'d Value)>) {
        if depth > DEPTH {
            return;
        }
        let schema = self.look(schema);
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if found.iter().all(|(known, _)| known != name) {
                found.push((name, self.look(property)));
            }
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.gather(part, depth + 1, found);
        }
        // Of several ways the first one is as good as any.
        for kind in ["oneOf", "anyOf"] {
            if let Some(first) = schema.get(kind).and_then(Value::as_array).and_then(|list| list.first()) {
                self.gather(first, depth + 1, found);
            }
        }
    }

    /// Names the type of a schema; of several, the first that is not null.
    pub(super) fn kind(&self, schema: &'d Value) -> Option<&'d str> {
        self.kind_within(schema, 0)
    }

    fn kind_within(&self, schema: &'d Value, depth: usize) -> Option<&'d str> {
        let schema = self.look(schema);
        match schema.get("type") {
            Some(Value::String(kind)) => return Some(kind),
            Some(Value::Array(kinds)) => return kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
            _ => {}
        }
        if schema.get("properties").is_some() {
            return Some("object");
        }
        if schema.get("items").is_some() {
            return Some("array");
        }
        let parts = ["allOf", "oneOf", "anyOf"].into_iter().filter_map(|kind| schema.get(kind)?.as_array());
        (depth < DEPTH).then(|| parts.flatten().find_map(|part| self.kind_within(part, depth + 1)))?
    }

    /// Returns the schema of the members of a list.
    pub(super) fn items(&self, schema: &'d Value) -> Option<&'d Value> {
        let schema = self.look(schema);
        if let Some(items) = schema.get("items") {
            return Some(self.look(items));
        }
        schema.get("allOf").and_then(Value::as_array)?.iter().find_map(|part| self.items(part))
    }
}

/// Undoes percent-encoding, as references have it.
fn percent(pointer: &str) -> String {
    let mut bytes = Vec::with_capacity(pointer.len());
    let mut rest = pointer.bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let mut ahead = rest.clone();
        match (byte, ahead.next().and_then(hex), ahead.next().and_then(hex)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(high << 4 | low);
                rest = ahead;
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| pointer.to_owned())
}

/// Makes a JSON pointer (RFC 6901).
pub(super) fn pointer(parts: &[&str]) -> String {
    parts.iter().flat_map(|part| ["/".to_owned(), part.replace('~', "~0").replace('/', "~1")]).collect()
}
