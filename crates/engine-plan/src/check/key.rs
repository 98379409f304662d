//! Checks of keys against the mappings that make the records.

use engine_request::KeyMember;
use engine_source::{Finding, certain, similar};
use engine_spec::{MapUse, Write};

use super::Checker;

/// The field of a mapping that takes members which nobody knows before there are records.
const REST: &str = "*";

/// How many fields a help lists.
const LISTED: usize = 8;

impl<'a> Checker<'a> {
    /// Says which members of a key the step's own `map` does not make; without them no record can be written.
    pub(super) fn key_is_made(&mut self, write: &'a Write, map: Option<&'a MapUse>) {
        let Some(mapping) = self.mapping_of(map) else { return };
        let made: Vec<&str> = mapping.fields().iter().map(|(name, _)| &*name.value).collect();
        if made.contains(&REST) {
            return;
        }
        for member in write.long().and_then(|long| long.key.as_ref()).into_iter().flatten() {
            let (name, start) = match member {
                KeyMember::Name(name) => (name.as_str(), 0),
                KeyMember::Path(path) => match path.text().strip_prefix("$.") {
                    Some(rest) => (rest.split(['.', '[']).next().unwrap_or_default(), 2),
                    None => continue,
                },
            };
            if name.is_empty() || made.contains(&name) {
                continue;
            }
            let span = self.sources.within(member.span(), start..start + name.len());
            let help = similar(name, made.iter().copied()).map_or_else(
                || match made.as_slice() {
                    [] => format!("add it: `{name}: $.{name}`"),
                    few if few.len() <= LISTED => format!("add it, or take one of `{}`", few.join("`, `")),
                    _ => format!("add it: `{name}: …`, or take another member"),
                },
                |close| format!("did you mean `{close}`?"),
            );
            self.findings.push(
                Finding::error("unmapped-key", format!("`map` makes no `{name}`, a member of the key"))
                    .label(span, "not a field of `map`")
                    .help(help)
                    .meant(span, certain(name, made.iter().copied())),
            );
        }
    }
}
