//! Examples of answers, held against the schema of the answer.

use engine_expr::Value;
use engine_plan::{Endpoint, Plan};
use engine_source::{Finding, Findings, Kind, Node as Written, SourceId, Span, Tree};
use engine_spec::Example;

use crate::fit::Manner;
use crate::operation::Operation;
use crate::schema::{Node, Schemas};
use crate::told::Told;

/// The files in which examples are written, each read once.
pub(crate) type Trees = Vec<(SourceId, Option<Tree>)>;

/// Warns of what an example has and the document doesn't; what it lacks is left out for shortness.
pub(crate) fn hold<'d>(
    plan: &Plan,
    endpoint: &Endpoint,
    operation: &Operation<'d>,
    schema: &Node<'d>,
    schemas: &Schemas<'d>,
    trees: &mut Trees,
    told: &mut Told<'d>,
) {
    let Some(Example::Body(literal)) = &endpoint.example else { return };
    if !matches!(literal.value(), Value::List(_) | Value::Object(_)) {
        return;
    }
    let misfits = schemas.fit(literal.value(), schema, Manner::default());
    if misfits.is_empty() {
        return;
    }
    let source = literal.span().source;
    if !trees.iter().any(|(known, _)| *known == source) {
        trees.push((source, Tree::parse(&plan.sources, source, &mut Findings::new())));
    }
    let tree = trees.iter().find(|(known, _)| *known == source).and_then(|(_, tree)| tree.as_ref());
    let written = tree.and_then(|tree| at(tree, literal.span()));
    for misfit in misfits {
        let place = written.and_then(|node| place(node, &misfit.pointer)).unwrap_or(endpoint.span);
        let what = match misfit.path() {
            path if path.is_empty() => "it".to_owned(),
            path => format!("`{path}`"),
        };
        let message = format!("the example of `{}`: {what} {}", operation.shown(), misfit.what);
        told.say(Finding::warning("contract-example", message).label(place, "not as in the document"), misfit.schema);
    }
}

/// Finds what is written at a place.
fn at(tree: &Tree, span: Span) -> Option<&Written> {
    let mut node = tree.locate("")?;
    loop {
        if node.span() == span {
            return Some(node);
        }
        let below: Vec<&Written> = match node.kind() {
            Kind::Map(entries) => entries.iter().map(|entry| &entry.value).collect(),
            Kind::Seq(items) => items.iter().collect(),
            _ => return None,
        };
        node = below.into_iter().find(|it| it.span().start <= span.start && it.span().end >= span.end)?;
    }
}

/// Finds the place of a part: of a member its name.
fn place(node: &Written, pointer: &str) -> Option<Span> {
    let mut node = node;
    let mut span = None;
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        match node.kind() {
            Kind::Map(entries) => {
                let entry = entries.iter().find(|entry| *entry.key.text == *part)?;
                span = Some(entry.key.span);
                node = &entry.value;
            }
            Kind::Seq(items) => {
                node = items.get(part.parse::<usize>().ok()?)?;
                span = Some(node.span());
            }
            _ => return None,
        }
    }
    // A whole example would be much to underline.
    span.filter(|_| !pointer.is_empty())
}
