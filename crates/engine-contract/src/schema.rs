//! What the schemas of a document say about members and items. Lenient: told to be missing is only what surely is not there.

use engine_import::Document;
use serde_json::Value as Json;

/// How deep parts of a schema are looked through.
const DEPTH: usize = 24;

/// How many schemas one value is taken to have at most; with more nothing is sure.
const WAYS: usize = 64;

/// What a value may be: any of these schemas; without one nothing is known about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node<'d>(pub(crate) Vec<&'d Json>);

/// What is known about a member or an item.
#[derive(Clone, Debug)]
pub(crate) enum Look<'d> {
    /// It is there.
    Has(Node<'d>),
    /// It may be there.
    Open,
    /// It is not there.
    Lacks,
}

/// What one schema says about a member or an item.
enum Says<'d> {
    Has(Vec<&'d Json>),
    Open,
    Lacks,
    Nothing,
}

/// Where a schema is asked to go.
#[derive(Clone, Copy)]
enum Way<'a> {
    Member(&'a str),
    Item,
}

/// The schemas of a document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schemas<'d> {
    pub(crate) document: Document<'d>,
}

impl<'d> Node<'d> {
    pub(crate) fn of(schema: &'d Json) -> Self {
        if schema.is_null() { Self::default() } else { Self(vec![schema]) }
    }

    /// Tells whether nothing is known.
    pub(crate) fn is_unknown(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the first schema, for its place.
    pub(crate) fn first(&self) -> &'d Json {
        self.0.first().copied().unwrap_or(&Json::Null)
    }
}

impl<'d> Schemas<'d> {
    /// Looks for a member of an object.
    pub(crate) fn member(&self, node: &Node<'d>, name: &str) -> Look<'d> {
        self.look(node, Way::Member(name))
    }

    /// Looks for the items of a list.
    pub(crate) fn items(&self, node: &Node<'d>) -> Look<'d> {
        self.look(node, Way::Item)
    }

    fn look(&self, node: &Node<'d>, way: Way<'_>) -> Look<'d> {
        match either(node.0.iter().map(|schema| self.says(schema, way, 0))) {
            Says::Has(schemas) if schemas.len() <= WAYS => Look::Has(Node(schemas)),
            Says::Lacks => Look::Lacks,
            _ => Look::Open,
        }
    }

    fn says(&self, schema: &'d Json, way: Way<'_>, depth: usize) -> Says<'d> {
        let Ok(schema) = self.document.resolve(schema) else { return Says::Open };
        if depth > DEPTH || !schema.is_object() {
            return Says::Open;
        }
        let parts = |name: &str| schema.get(name).and_then(Json::as_array).filter(|parts| !parts.is_empty());
        let mut all = vec![own(schema, way)];
        all.extend(parts("allOf").into_iter().flatten().map(|part| self.says(part, way, depth + 1)));
        for name in ["anyOf", "oneOf"] {
            all.extend(parts(name).map(|parts| either(parts.iter().map(|part| self.says(part, way, depth + 1)))));
        }
        together(all)
    }

    /// Lists the members that an object may have by its schema.
    pub(crate) fn names(&self, node: &Node<'d>) -> Vec<&'d str> {
        let mut names = Vec::new();
        node.0.iter().for_each(|schema| self.gather(schema, 0, &mut names));
        names
    }

    fn gather(&self, schema: &'d Json, depth: usize, names: &mut Vec<&'d str>) {
        let schema = self.document.look(schema);
        if depth > DEPTH {
            return;
        }
        for name in schema.get("properties").and_then(Json::as_object).into_iter().flatten().map(|(name, _)| name) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        for part in ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|name| schema.get(name)?.as_array()).flatten() {
            self.gather(part, depth + 1, names);
        }
    }

    /// Lists the members that must be given: not those that are only read, or in an answer only written.
    pub(crate) fn required(&self, node: &Node<'d>, not: &str) -> Vec<&'d str> {
        let [schema] = node.0.as_slice() else { return Vec::new() };
        let mut names = Vec::new();
        self.gather_required(schema, 0, &mut names);
        names.retain(|name| match self.member(node, name) {
            Look::Has(found) => !found.0.iter().any(|schema| {
                self.document.look(schema).get(not).or_else(|| schema.get(not)) == Some(&Json::Bool(true))
            }),
            Look::Open => true,
            Look::Lacks => false,
        });
        names
    }

    fn gather_required(&self, schema: &'d Json, depth: usize, names: &mut Vec<&'d str>) {
        let schema = self.document.look(schema);
        if depth > DEPTH {
            return;
        }
        let own = schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        names.extend(own);
        for part in schema.get("allOf").and_then(Json::as_array).into_iter().flatten() {
            self.gather_required(part, depth + 1, names);
        }
    }
}

/// What a schema says without its parts.
fn own<'d>(schema: &'d Json, way: Way<'_>) -> Says<'d> {
    let kinds = kinds(schema);
    let may_be = |kind: &str| kinds.is_empty() || kinds.contains(&kind);
    let properties = schema.get("properties").and_then(Json::as_object).filter(|it| !it.is_empty());
    match way {
        Way::Member(name) => {
            if !may_be("object") || (kinds.is_empty() && schema.get("items").is_some()) {
                return Says::Lacks;
            }
            if let Some(found) = properties.and_then(|it| it.get(name)) {
                return Says::Has(vec![found]);
            }
            match schema.get("additionalProperties") {
                Some(Json::Bool(false)) => Says::Lacks,
                Some(Json::Object(other)) if !other.is_empty() => {
                    schema.get("additionalProperties").map_or(Says::Open, |other| Says::Has(vec![other]))
                }
                Some(_) => Says::Open,
                // Who names what there may be besides does not name it here.
                None if schema.get("patternProperties").is_some() || schema.get("discriminator").is_some() => {
                    Says::Open
                }
                None if properties.is_some() => Says::Lacks,
                None => Says::Nothing,
            }
        }
        Way::Item => {
            if !may_be("array") || (kinds.is_empty() && properties.is_some()) {
                return Says::Lacks;
            }
            let first = schema.get("prefixItems").and_then(Json::as_array).into_iter().flatten();
            let all: Vec<&Json> = first.chain(schema.get("items")).collect();
            if !all.is_empty() {
                Says::Has(all)
            } else if !kinds.is_empty() {
                Says::Open
            } else {
                Says::Nothing
            }
        }
    }
}

/// The types that a schema names.
pub(crate) fn kinds(schema: &Json) -> Vec<&str> {
    match schema.get("type") {
        Some(Json::String(kind)) => vec![kind],
        Some(Json::Array(kinds)) => kinds.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

/// All of these hold.
fn together(parts: Vec<Says<'_>>) -> Says<'_> {
    let mut found = Vec::new();
    let (mut is_open, mut lacks) = (false, false);
    for part in parts {
        match part {
            Says::Has(schemas) => add(&mut found, schemas),
            Says::Open => is_open = true,
            Says::Lacks => lacks = true,
            Says::Nothing => {}
        }
    }
    match (found.is_empty(), is_open, lacks) {
        (false, ..) => Says::Has(found),
        (_, true, _) => Says::Open,
        (.., true) => Says::Lacks,
        _ => Says::Nothing,
    }
}

/// One of these holds.
fn either<'d>(parts: impl Iterator<Item = Says<'d>>) -> Says<'d> {
    let mut found = Vec::new();
    let (mut is_open, mut is_any) = (false, false);
    for part in parts {
        is_any = true;
        match part {
            Says::Has(schemas) => add(&mut found, schemas),
            Says::Open | Says::Nothing => is_open = true,
            Says::Lacks => {}
        }
    }
    match (found.is_empty(), is_open || !is_any) {
        (false, false) => Says::Has(found),
        // It may be of a way about which nothing is known.
        (false, true) => {
            add(&mut found, vec![&Json::Bool(true)]);
            Says::Has(found)
        }
        (true, true) => Says::Open,
        (true, false) => Says::Lacks,
    }
}

/// Adds schemas that are not there yet.
fn add<'d>(to: &mut Vec<&'d Json>, schemas: Vec<&'d Json>) {
    for schema in schemas {
        if to.len() <= WAYS && !to.iter().any(|known| std::ptr::eq(*known, schema)) {
            to.push(schema);
        }
    }
}
