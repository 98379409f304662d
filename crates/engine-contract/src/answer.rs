//! What an operation answers, and the paths that an endpoint takes from it.

use std::sync::Arc;

use engine_expr::{Expr, JsonPath, NameUse, Outline, Template};
use engine_import::BodyKind;
use engine_plan::{Endpoint, Plan};
use engine_request::pagination::CustomNext;
use engine_request::{AnswerPlace, Format, KeyMember, Pagination};
use engine_source::{Finding, Span, suggest};
use serde_json::Value as Json;

use crate::operation::Operation;
use crate::schema::{Look, Node, Schemas};
use crate::told::Told;

/// What an endpoint gives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gives<'d> {
    /// The body as it comes.
    pub(crate) raw: Node<'d>,
    /// The body, unwrapped.
    pub(crate) body: Node<'d>,
    /// A record.
    pub(crate) record: Node<'d>,
}

/// Says of paths what they lack.
pub(crate) struct Paths<'a, 'd> {
    pub(crate) plan: &'a Plan,
    pub(crate) schemas: Schemas<'d>,
}

/// What a template takes members from.
pub(crate) type Roots<'a, 'd> = [(&'a [&'a str], &'a Node<'d>)];

/// Names of functions that objects have in templates.
const FUNCTIONS: [&str; 8] = ["get", "items", "keys", "values", "split", "strip", "lower", "upper"];

/// Finds the schema of a good answer.
pub(crate) fn schema_of<'d>(schemas: &Schemas<'d>, operation: &Operation<'d>) -> Node<'d> {
    let document = &schemas.document;
    let responses = operation.own.get("responses").and_then(Json::as_object);
    let good = |status: &str| status.starts_with('2');
    let all = || responses.into_iter().flatten();
    let mut chosen: Vec<&Json> = all().filter(|(status, _)| good(status)).map(|(_, it)| document.look(it)).collect();
    if chosen.is_empty() {
        chosen = all().filter(|(status, _)| *status == "default").map(|(_, it)| document.look(it)).collect();
    }
    let mut found = Vec::new();
    for response in chosen {
        if let Some(schema) = response.get("schema") {
            found.push(schema);
        }
        for (media, of) in response.get("content").and_then(Json::as_object).into_iter().flatten() {
            if BodyKind::of(media) == Some(BodyKind::Json) {
                match of.get("schema") {
                    Some(schema) => found.push(schema),
                    None => return Node::default(),
                }
            }
        }
    }
    Node(found)
}

impl<'d> Paths<'_, 'd> {
    /// Holds the paths of an endpoint, and says what it gives.
    pub(crate) fn endpoint(&self, endpoint: &Endpoint, raw: Node<'d>, told: &mut Told<'d>) -> Gives<'d> {
        let is_json = matches!(endpoint.response.format, None | Some(Format::Json));
        if raw.is_unknown() || !is_json {
            return Gives::default();
        }
        let body = match &endpoint.response.body {
            Some(expr) => self.expr(expr, &raw, &[], told),
            None => raw.clone(),
        };
        let record = match &endpoint.records {
            Some(records) => {
                let at = self.expr(records.from(), &body, &[(&["response", "body"], &raw)], told);
                self.records(records.from(), &at, told)
            }
            None => Node::default(),
        };
        let gives = Gives { raw, body, record };
        if endpoint.records.is_some() {
            for member in endpoint.key.iter().flat_map(|key| key.iter()) {
                match member {
                    KeyMember::Name(name) => self.name(name.as_str(), name.span(), &gives.record, told),
                    KeyMember::Path(path) => _ = self.path(path, &gives.record, told),
                }
            }
            if let Some(cursor) = endpoint.incremental.as_ref().and_then(|it| it.cursor.as_ref()) {
                self.expr(cursor, &gives.record, &[(&["response", "body"], &gives.raw)], told);
            }
            if let Some(paginate) = &endpoint.paginate {
                self.pages(paginate, &gives, told);
            }
        }
        gives
    }

    /// The elements of where the records are.
    fn records(&self, from: &Expr, at: &Node<'d>, told: &mut Told<'d>) -> Node<'d> {
        let is_one = from.as_path().is_some_and(|path| path.singular().is_some());
        if !is_one || at.is_unknown() {
            return if is_one { Node::default() } else { at.clone() };
        }
        match self.schemas.items(at) {
            Look::Has(items) => items,
            Look::Open => Node::default(),
            Look::Lacks => {
                let message =
                    format!("`{}` is {} in the document, and no list", from.text(), self.schemas.expected(at));
                let finding = Finding::error("contract-answer", message).label(from.span(), "no list");
                let names = self.schemas.names(at);
                let lists: Vec<String> = names
                    .into_iter()
                    .filter(|name| match self.schemas.member(at, name) {
                        Look::Has(of) => matches!(self.schemas.items(&of), Look::Has(_)),
                        _ => false,
                    })
                    .map(|name| format!("`{name}`"))
                    .collect();
                let help = (!lists.is_empty()).then(|| format!("lists in it are {}", lists.join(", ")));
                told.say(finding.help_if(help), at.first());
                Node::default()
            }
        }
    }

    fn pages(&self, paginate: &Pagination, gives: &Gives<'d>, told: &mut Told<'d>) {
        let roots: &Roots<'_, 'd> = &[(&["response", "body"], &gives.raw), (&["last"], &gives.record)];
        let mut place = |place: &AnswerPlace| match place {
            AnswerPlace::Path(path) => _ = self.path(path, &gives.body, told),
            AnswerPlace::Template(template) => self.template(template, roots, told),
            AnswerPlace::Header(_) | AnswerPlace::Cookie(_) => {}
        };
        let stop_when = match paginate {
            Pagination::Page(kind) => {
                [&kind.total, &kind.total_pages].into_iter().flatten().for_each(place);
                &kind.stop_when
            }
            Pagination::Offset(kind) => {
                kind.total.iter().for_each(place);
                &kind.stop_when
            }
            Pagination::Cursor(kind) => {
                place(&kind.next);
                &kind.stop_when
            }
            Pagination::NextUrl(kind) => {
                place(&kind.next);
                &kind.stop_when
            }
            Pagination::LinkHeader(kind) => &kind.stop_when,
            Pagination::LastRecord(kind) => {
                self.expr(&kind.next, &gives.record, roots, told);
                &kind.stop_when
            }
            Pagination::Custom(kind) => {
                match &kind.next {
                    CustomNext::Places(places) => places.iter().for_each(|(_, value)| {
                        value.visit(&mut |leaf| match leaf {
                            engine_expr::DynamicLeaf::Template(template) => self.template(template, roots, told),
                            engine_expr::DynamicLeaf::Path(path) => _ = self.path(path, &gives.body, told),
                        });
                    }),
                    CustomNext::Query(expr) => _ = self.expr(expr, &gives.body, roots, told),
                }
                &kind.stop_when
            }
            Pagination::None(_) => &None,
        };
        if let Some(condition) = stop_when {
            self.names(condition.names(), condition.span(), roots, told);
        }
    }

    /// Follows a path or a template; nothing is known of what a template gives.
    pub(crate) fn expr(&self, expr: &Expr, from: &Node<'d>, roots: &Roots<'_, 'd>, told: &mut Told<'d>) -> Node<'d> {
        match expr {
            Expr::Path(path) => self.path(path, from, told),
            Expr::Template(template) => {
                self.template(template, roots, told);
                Node::default()
            }
        }
    }

    pub(crate) fn template(&self, template: &Template, roots: &Roots<'_, 'd>, told: &mut Told<'d>) {
        self.names(template.names(), template.span(), roots, told);
    }

    /// Holds the names that a template takes.
    pub(crate) fn names(&self, names: &[NameUse], span: Span, roots: &Roots<'_, 'd>, told: &mut Told<'d>) {
        for name in names.iter().filter(|name| !name.optional) {
            let is_below =
                |root: &[&str]| name.path.len() > root.len() && root.iter().zip(&name.path).all(|(a, b)| **a == **b);
            let Some((root, node)) = roots.iter().find(|(root, _)| is_below(root)) else { continue };
            let mut at = (*node).clone();
            for (index, member) in name.path.iter().enumerate().skip(root.len()) {
                match self.schemas.member(&at, member) {
                    Look::Has(found) => at = found,
                    Look::Open => break,
                    Look::Lacks => {
                        let is_function = FUNCTIONS.contains(&&**member) || self.schemas.names(&at).is_empty();
                        if !is_function {
                            let place = self.plan.sources.within(span, name.range_of(index + 1));
                            self.lacking(&name.dotted(index + 1), member, place, &at, told);
                        }
                        break;
                    }
                }
            }
        }
    }

    fn name(&self, name: &str, span: Span, node: &Node<'d>, told: &mut Told<'d>) {
        if matches!(self.schemas.member(node, name), Look::Lacks) {
            self.lacking(name, name, span, node, told);
        }
    }

    /// Follows a path, and says what it lacks.
    pub(crate) fn path(&self, path: &JsonPath, from: &Node<'d>, told: &mut Told<'d>) -> Node<'d> {
        follow(self.schemas, path, from, &mut |lack| match lack {
            Lack::Member(name, at) => self.lacking(path.text(), &name, path.span(), at, told),
            Lack::Items(at) => {
                let message = format!("`{}` takes items of {}", path.text(), self.schemas.expected(at));
                told.say(Finding::error("contract-answer", message).label(path.span(), "no list"), at.first());
            }
        })
    }

    fn lacking(&self, whole: &str, name: &str, span: Span, at: &Node<'d>, told: &mut Told<'d>) {
        let names = self.schemas.names(at);
        let is_list = matches!(self.schemas.items(at), Look::Has(_));
        let (message, help) = if is_list && names.is_empty() {
            let help = "take its items: `[*]` or `[0]` before it".to_owned();
            (format!("`{whole}` takes `{name}` of a list"), Some(help))
        } else if names.is_empty() {
            (format!("`{whole}` takes `{name}` of {}", self.schemas.expected(at)), None)
        } else {
            let of = if whole == name { String::new() } else { format!(": `{whole}`") };
            (format!("the answer has no `{name}` by the document{of}"), suggest(name, names))
        };
        let schema = self.schemas.document.look(at.first());
        let finding = Finding::error("contract-answer", message).label(span, "not in the document").help_if(help);
        told.say(finding, schema);
    }
}

/// What a path takes that is not there.
pub(crate) enum Lack<'a, 'd> {
    Member(Arc<str>, &'a Node<'d>),
    Items(&'a Node<'d>),
}

/// Follows a path through schemas as far as they are known.
pub(crate) fn follow<'d>(
    schemas: Schemas<'d>,
    path: &JsonPath,
    from: &Node<'d>,
    lacks: &mut dyn FnMut(Lack<'_, 'd>),
) -> Node<'d> {
    let mut at = from.clone();
    for step in path.outline() {
        if at.is_unknown() {
            return at;
        }
        let look = match &step {
            Outline::Name(name) => schemas.member(&at, name),
            Outline::Items => schemas.items(&at),
            Outline::Members | Outline::Below => return Node::default(),
        };
        match (look, step) {
            (Look::Has(found), _) => at = found,
            (Look::Open, _) => return Node::default(),
            (Look::Lacks, Outline::Name(name)) => {
                lacks(Lack::Member(name, &at));
                return Node::default();
            }
            (Look::Lacks, _) => {
                // A filter over an object that is a map finds its members.
                if path.text().contains("[*]") || path.text().contains("[0]") {
                    lacks(Lack::Items(&at));
                }
                return Node::default();
            }
        }
    }
    at
}
