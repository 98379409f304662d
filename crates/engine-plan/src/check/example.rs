//! Checks of paths against the examples of what they are taken from. An example need not have all members, so only what is surely misspelt is said.

use std::collections::BTreeSet;

use engine_expr::{DynamicKind, Expr, JsonPath, Segment, Selection, Value};
use engine_source::{Finding, certain};
use engine_spec::{Example, Field, MapUse, Mapping};

use super::Checker;
use crate::catalog::EndpointEntry;

impl<'a> Checker<'a> {
    /// Warns of paths of a mapping that the examples do not have, where they have a member that is all but the same.
    pub(super) fn paths_in_examples(&mut self, map: Option<&'a MapUse>, endpoints: &[&'a EndpointEntry<'a>]) {
        let Some(mapping) = self.mapping_of(map) else { return };
        let mut known = BTreeSet::new();
        for entry in endpoints {
            let Some(members) = members(entry) else { return };
            known.extend(members);
        }
        let Some(entry) = endpoints.first().filter(|_| !known.is_empty()) else { return };
        let ids = if endpoints.len() == 1 { format!("`{}`", entry.id()) } else { "what is read".to_owned() };
        self.fields_in_examples(mapping, &known, &ids);
    }

    fn fields_in_examples(&mut self, mapping: &'a Mapping, known: &BTreeSet<&'a str>, ids: &str) {
        for (_, field) in mapping.fields() {
            let path = match field {
                Field::Object(fields) => {
                    self.fields_in_examples(fields, known, ids);
                    continue;
                }
                Field::Value(value) => match value.kind() {
                    DynamicKind::Path(path) => Some(path),
                    _ => None,
                },
                Field::Long(long) => long.from.as_ref().and_then(Expr::as_path),
                Field::Each(_) => None,
            };
            if let Some(path) = path {
                self.path_in_examples(path, known, ids);
            }
        }
    }

    fn path_in_examples(&mut self, path: &JsonPath, known: &BTreeSet<&'a str>, ids: &str) {
        let Some([Segment::Name(name), ..]) = path.singular() else { return };
        let Some(close) = certain(name, known.iter().copied()).filter(|_| !known.contains(&**name)) else { return };
        let start = path.text().find(&**name).unwrap_or_default();
        self.findings.push(
            Finding::warning("path-not-in-example", format!("no record in the example of {ids} has `{name}`"))
                .label(self.sources.within(path.span(), start..start + name.len()), "not in the example")
                .help(format!("did you mean `{close}`?")),
        );
    }
}

/// Lists the members of the records in an endpoint's example; nothing where nobody knows them.
fn members<'a>(entry: &'a EndpointEntry<'a>) -> Option<BTreeSet<&'a str>> {
    let endpoint = entry.effective.as_ref()?;
    let Some(Example::Body(example)) = &endpoint.example else { return None };
    let records = endpoint.records.as_ref()?.from().as_path()?.select(example.value()).ok()?;
    let records: Vec<&'a Value> = match records {
        Selection::One(Some(Value::List(list))) => list.items().iter().collect(),
        Selection::One(one) => one.into_iter().collect(),
        Selection::Many(many) => many,
    };
    let objects: Vec<_> = records.into_iter().filter_map(Value::as_object).collect();
    (!objects.is_empty()).then(|| objects.into_iter().flat_map(|object| object.names().map(|name| &**name)).collect())
}
