//! What is said, with the places in the document that it is said of.

use std::collections::HashMap;

use engine_source::{Finding, Findings};
use serde_json::Value as Json;

/// Findings whose places in the document are yet to be named.
#[derive(Default)]
pub(crate) struct Told<'d> {
    list: Vec<(Finding, &'d Json)>,
}

impl<'d> Told<'d> {
    /// Says something about a part of the document.
    pub(crate) fn say(&mut self, finding: Finding, of: &'d Json) {
        self.list.push((finding, of));
    }

    /// Names the places: one way through the whole document for all of them.
    pub(crate) fn findings(self, root: &Json, name: &str) -> Findings {
        let mut wanted: HashMap<*const Json, Option<String>> =
            self.list.iter().map(|(_, of)| (std::ptr::from_ref(*of), None)).collect();
        if !wanted.is_empty() {
            search(root, &mut String::new(), &mut wanted);
        }
        let mut findings = Findings::new();
        for (finding, of) in self.list {
            let place = wanted.get(&std::ptr::from_ref(of)).cloned().flatten();
            let place =
                place.map(|place| format!("see {} in {name}", if place.is_empty() { "the root" } else { &place }));
            let help = match (finding.help.clone(), place) {
                (Some(help), Some(place)) if help.ends_with(['?', '…']) => Some(format!("{help} ({place})")),
                (Some(help), Some(place)) => Some(format!("{help}; {place}")),
                (help, place) => help.or(place),
            };
            findings.push(Finding { help, ..finding });
        }
        findings.sort();
        findings
    }
}

/// Names the place of a part of a document.
pub(crate) fn place_of(root: &Json, part: &Json) -> Option<String> {
    let mut wanted = HashMap::from([(std::ptr::from_ref(part), None)]);
    search(root, &mut String::new(), &mut wanted);
    wanted.into_values().next().flatten()
}

fn search(value: &Json, pointer: &mut String, wanted: &mut HashMap<*const Json, Option<String>>) {
    if let Some(place) = wanted.get_mut(&std::ptr::from_ref(value)) {
        *place = Some(pointer.clone());
    }
    let length = pointer.len();
    let mut below = |name: &str, value: &Json| {
        if value.is_object() || value.is_array() {
            pointer.push('/');
            pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            search(value, pointer, wanted);
            pointer.truncate(length);
        }
    };
    match value {
        Json::Object(members) => members.iter().for_each(|(name, member)| below(name, member)),
        Json::Array(items) => items.iter().enumerate().for_each(|(index, item)| below(&index.to_string(), item)),
        _ => {}
    }
}
