//! `OpenAPI` 3.0, 3.1 and Swagger 2.0 (<https://spec.openapis.org>).

mod answer;
mod document;
mod example;
mod inferred;
mod listing;
mod operation;
mod paging;
mod param;
mod security;
mod server;
mod words;

pub(crate) use self::answer::member;
pub use self::document::Document;
pub(crate) use self::words::{api_name, plain};

use serde_json::Value;

use self::document::pointer;
use self::operation::Operation;
use crate::name::snake;
use crate::spec::SpecDraft;
use crate::{ImportError, Notes, Options};

/// The methods that an operation may have.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Makes a spec of a document.
pub(crate) fn import(root: &Value, options: &Options, notes: &mut Notes) -> Result<SpecDraft, ImportError> {
    let mut root = root.clone();
    inferred::complete(&mut root);
    let root = &root;
    let document = Document::new(root)?;
    let title = root.pointer("/info/title").and_then(Value::as_str).unwrap_or_default();
    let api = options.name.clone().unwrap_or_else(|| words::api_name(title));
    let mut spec = SpecDraft {
        name: api.replace('_', "-"),
        api: snake(&api),
        description: words::description(root.get("info").unwrap_or(&Value::Null), title),
        ..SpecDraft::default()
    };
    server::servers(&document, &mut spec, notes);
    let auth = security::schemes(&document, &mut spec, notes);
    let mut deprecated = 0_usize;
    for operation in operations(&document, notes) {
        if !operation.is_wanted(&options.only) {
            continue;
        }
        if operation.is_deprecated() && !options.deprecated {
            deprecated += 1;
            continue;
        }
        operation.add(&mut spec, &auth, options, notes);
    }
    if deprecated > 0 {
        let many = if deprecated == 1 {
            "one deprecated operation was".to_owned()
        } else {
            format!("{deprecated} deprecated operations were")
        };
        let message = format!("{many} left out; `--deprecated` takes them");
        notes.say("/paths", message);
    }
    for (place, what) in [("webhooks", "webhooks"), ("x-webhooks", "webhooks")] {
        if root.get(place).and_then(Value::as_object).is_some_and(|it| !it.is_empty()) {
            notes.say(format!("/{place}"), format!("{what} are not carried over: write `triggers` of type `webhook`"));
        }
    }
    if spec.endpoints.is_empty() {
        let (message, help) = if options.only.is_empty() {
            ("the document has no operations", "check that it is the whole document: `paths` is empty")
        } else {
            (
                "no operation is among those that were asked for",
                "name them as `tag:NAME`, `path:/orders*` or a part of their name",
            )
        };
        return Err(ImportError::new(message, help));
    }
    security::retain_used(&mut spec);
    Ok(spec)
}

/// Goes over all operations, in the order of the document.
fn operations<'d>(document: &'d Document<'d>, notes: &mut Notes) -> Vec<Operation<'d>> {
    let mut found = Vec::new();
    let Some(paths) = document.root.get("paths").and_then(Value::as_object) else { return found };
    for (path, item) in paths {
        if path.starts_with("x-") {
            continue;
        }
        let place = pointer(&["paths", path]);
        let item = match document.resolve(item) {
            Ok(item) => item,
            Err(reference) => {
                notes.say(place, format!("`{reference}` is not in this document: its operations are left out"));
                continue;
            }
        };
        for method in METHODS {
            let Some(operation) = item.get(method).filter(|it| it.is_object()) else { continue };
            if matches!(method, "options" | "trace") {
                notes.say(format!("{place}/{method}"), format!("{} requests are left out", method.to_uppercase()));
                continue;
            }
            found.push(Operation { document, path, method, item, own: operation, place: format!("{place}/{method}") });
        }
    }
    found
}
