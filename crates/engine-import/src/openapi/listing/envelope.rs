//! What answers say about themselves, beside records.

use serde_json::Value;

use super::paged::Paged;
use super::squeezed;
use crate::openapi::document::Document;

/// What an answer says about itself, squeezed: neither records nor a part of a resource.
const ENVELOPE: [&str; 13] = [
    "meta",
    "metadata",
    "link",
    "links",
    "jsonapi",
    "included",
    "error",
    "errors",
    "warning",
    "warnings",
    "etag",
    "expand",
    "odatacontext",
];

/// The same, where it is a text, a number or a flag.
const SCALARS: [&str; 27] = [
    "object",
    "kind",
    "ok",
    "success",
    "status",
    "statuscode",
    "code",
    "message",
    "self",
    "selflink",
    "href",
    "url",
    "uri",
    "requestid",
    "count",
    "limit",
    "pages",
    "results",
    "size",
    "first",
    "last",
    "start",
    "end",
    "startposition",
    "endposition",
    "from",
    "to",
];

/// Tells whether a member is about the answer.
pub(super) fn is_envelope<'d>(document: &Document<'d>, name: &str, schema: &'d Value) -> bool {
    let kind = document.kind(schema);
    let is_scalar = !matches!(kind, Some("object" | "array"));
    let is_paged = Paged::of(document, name, schema) != Paged::No;
    let name = squeezed(name);
    is_paged
        || ENVELOPE.contains(&name.as_str())
        || name == "responsemetadata"
        || name.starts_with("prev") && kind != Some("array")
        || is_scalar && (SCALARS.contains(&name.as_str()) || name.ends_with("count"))
        // A total with a fraction is an amount.
        || name == "total" && is_scalar && kind != Some("number")
}
