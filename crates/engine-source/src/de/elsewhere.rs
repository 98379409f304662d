//! What things are called in other tools, and here.

/// What types are called elsewhere, where the names are not close.
const VARIANTS: [(&str, &str); 13] = [
    ("int", "integer"),
    ("long", "integer"),
    ("str", "string"),
    ("text", "string"),
    ("float", "number"),
    ("double", "number"),
    ("array", "list"),
    ("dict", "object"),
    ("map", "object"),
    ("timestamp", "datetime"),
    ("cron", "schedule"),
    ("interval", "schedule"),
    ("http", "webhook"),
];

/// What fields are called elsewhere: in what, their names, and the field that they are here.
const FIELDS: [(&str, &[&str], &str); 15] = [
    ("a step", &["name"], "id"),
    ("a step", &["if", "condition"], "when"),
    ("a step", &["filter"], "where"),
    ("a step", &["loop", "with_items"], "for_each"),
    ("a step", &["do", "tasks"], "steps"),
    ("a step", &["catch", "on_failure", "except"], "on_error"),
    ("a step", &["transform", "mapping", "select"], "map"),
    ("a write", &["primary_key", "unique_key", "on"], "key"),
    ("a write", &["on_conflict", "write_mode", "disposition"], "mode"),
    ("an endpoint", &["retries"], "retry"),
    ("sink", &["file", "filename", "database"], "path"),
    ("sink", &["dsn", "host", "database", "dbname", "connection_string"], "url"),
    ("a spec", &["variables"], "vars"),
    ("a spec", &["jobs", "tasks", "flows", "flow", "pipeline"], "steps"),
    ("a spec", &["sources", "connections"], "apis"),
];

/// What stands in another place here: in what, the names, and where to write it.
const PLACES: [(&str, &[&str], &str); 7] = [
    (
        "a step",
        &["params", "parameters", "with", "args", "arguments"],
        "write it within `call`, or `read`: `call: {endpoint: api.name, params: {…}}`",
    ),
    ("a step", &["limit"], "write it within `read`: `read: {endpoint: api.name, limit: …}`"),
    ("a step", &["inputs"], "write it within `flow`: `flow: {spec: ./other.yaml, inputs: {…}}`"),
    (
        "a step",
        &["retry", "retries"],
        "write it within `on_error`, `on_error: {retry: {…}}`, or in the endpoint for each of its requests",
    ),
    ("a step", &["sink", "table", "mode"], "write it within `write`: `write: {sink: …, table: …, mode: …}`"),
    (
        "an endpoint",
        &["method", "path", "url", "uri"],
        "write the method and the path in `request`: `request: GET /path`",
    ),
    ("a spec", &["env"], "write `{env: NAME}` in `inputs` or `secrets`"),
];

/// Returns the variant that is meant by what it is called elsewhere.
pub(super) fn variant(name: &str, variants: &[&str]) -> Option<&'static str> {
    let (_, here) = VARIANTS.iter().find(|(elsewhere, here)| *elsewhere == name && variants.contains(here))?;
    Some(here)
}

/// Returns what to write for a field of another tool, where those that may be written are known.
pub(super) fn field<'a>(noun: &str, name: &str, mut free: impl Iterator<Item = &'a str>) -> Option<String> {
    let is_meant = |of: &str, names: &[&str]| noun.ends_with(of) && names.contains(&name);
    let here = FIELDS.iter().filter(|(of, names, _)| is_meant(of, names)).map(|(_, _, here)| *here);
    let here: Vec<&str> = here.collect();
    match free.find(|free| here.contains(free)) {
        Some(here) => Some(format!("did you mean `{here}`?")),
        None => PLACES.iter().find(|(of, names, _)| is_meant(of, names)).map(|(_, _, help)| (*help).to_owned()),
    }
}
