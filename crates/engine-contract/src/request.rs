//! What is sent, held against what an operation takes.

use engine_expr::{Dynamic, DynamicKind, Value};
use engine_import::BodyKind;
use engine_plan::Endpoint;
use engine_request::{Body, BodyStep, MultipartField, QueryValue};
use engine_source::{Finding, Map, Span, suggest};
use engine_spec::Param;
use serde_json::Value as Json;

use crate::fit::Manner;
use crate::operation::Operation;
use crate::schema::{Look, Node, Schemas};
use crate::sent::{Member, Sent, members, param_of};
use crate::told::Told;

/// The parameters of an operation, and the schema of its body.
#[derive(Clone, Debug)]
pub(crate) struct Request<'d> {
    pub(crate) schemas: Schemas<'d>,
    pub(crate) operation: Operation<'d>,
    parameters: Vec<&'d Json>,
}

/// Where the params of an endpoint end up, by name.
pub(crate) type Uses<'p, 'd> = Vec<(&'p str, Node<'d>, Manner)>;

/// Headers that are sent without being written down, or that an API may take on any request.
const OWN_HEADERS: [&str; 8] = [
    "accept",
    "content-type",
    "authorization",
    "user-agent",
    "content-length",
    "host",
    "accept-encoding",
    "accept-language",
];

const AS_TEXT: Manner = Manner { as_text: true, is_answer: false };
const AS_JSON: Manner = Manner { as_text: false, is_answer: false };

impl<'d> Request<'d> {
    pub(crate) fn of(schemas: Schemas<'d>, operation: Operation<'d>) -> Self {
        Self { schemas, operation, parameters: operation.parameters(&schemas.document) }
    }

    /// Holds an endpoint, and says where its params end up.
    pub(crate) fn hold<'p>(&self, endpoint: &'p Endpoint, told: &mut Told<'d>) -> Uses<'p, 'd> {
        let sent = Sent::of(endpoint);
        let mut uses = Uses::new();
        self.query(&sent.query, &mut uses, told);
        self.missing(endpoint, &sent, told);
        for header in &sent.headers {
            let known = self.of_place("header").find(|(name, _)| name.eq_ignore_ascii_case(&header.name));
            if let Some((_, parameter)) = known {
                self.member(header, &self.schema_of(parameter), &mut uses, told);
            }
        }
        self.path(endpoint, &mut uses);
        self.body(endpoint, &sent, &mut uses, told);
        for (name, param) in &endpoint.params {
            self.param(&name.value, param, &uses, told);
        }
        uses
    }

    /// Holds what a call or a read gives.
    pub(crate) fn given(
        &self,
        params: &Map<Dynamic>,
        query: &Map<QueryValue>,
        uses: &Uses<'_, 'd>,
        told: &mut Told<'d>,
    ) {
        for (name, value) in params {
            for (_, node, manner) in uses.iter().filter(|(known, ..)| *known == &*name.value) {
                self.dynamic(value, node, *manner, &mut Uses::new(), told);
            }
        }
        let members: Vec<Member<'_>> = members(query).collect();
        self.query(&members, &mut Uses::new(), told);
    }

    fn of_place(&self, place: &'static str) -> impl Iterator<Item = (&'d str, &'d Json)> {
        let name = |one: &'d Json| one.get("name").and_then(Json::as_str).unwrap_or_default();
        self.parameters
            .clone()
            .into_iter()
            .filter(move |one| one.get("in").and_then(Json::as_str) == Some(place))
            .map(move |one| (name(one), one))
    }

    /// The schema of a parameter; in Swagger 2.0 it is the parameter.
    fn schema_of(&self, parameter: &'d Json) -> Node<'d> {
        if let Some(schema) = parameter.get("schema") {
            return Node::of(schema);
        }
        let media = parameter.get("content").and_then(Json::as_object).and_then(|content| content.values().next());
        match media {
            Some(media) => media.get("schema").map(Node::of).unwrap_or_default(),
            None if self.schemas.document.is_swagger => Node::of(parameter),
            None => Node::default(),
        }
    }

    fn query<'p>(&self, sent: &[Member<'p>], uses: &mut Uses<'p, 'd>, told: &mut Told<'d>) {
        for member in sent {
            let known = self.of_place("query").find(|(name, parameter)| is_member(&member.name, name, parameter));
            let Some((name, parameter)) = known else {
                let is_own = !member.is_inherited || !member.span.is_none();
                if is_own && !self.is_in_body(&member.name) {
                    self.unknown_query(member, told);
                }
                continue;
            };
            let bare = |name: &str| name.trim_end_matches("[]").len();
            let mut node = self.schema_of(parameter);
            // A member of an object that is written with brackets.
            if bare(&member.name) != bare(name) {
                let inner = member.name.get(name.trim_end_matches("[]").len() + 1..).unwrap_or_default();
                node = match self.schemas.member(&node, inner.trim_end_matches(']')) {
                    Look::Has(found) if !inner.contains('[') => found,
                    _ => Node::default(),
                };
            }
            self.member(member, &node, uses, told);
        }
    }

    /// Tells whether what a request has in its query may be in a body by the document, of a method that has none elsewhere.
    fn is_in_body(&self, name: &str) -> bool {
        let may_be = |node: &Node<'d>| matches!(self.schemas.member(node, name), Look::Has(_));
        matches!(self.operation.method, "delete" | "get") && self.taken().kinds.iter().any(|(_, node)| may_be(node))
    }

    fn unknown_query(&self, member: &Member<'_>, told: &mut Told<'d>) {
        let names: Vec<&str> = self.of_place("query").map(|(name, _)| name).collect();
        let message = format!("`{}` has no member `{}` in its query", self.operation.shown(), member.name);
        let help = suggest(&member.name, names);
        let finding = Finding::warning("undocumented-param", message).label(member.span, "not in the document");
        let of = self.operation.own.get("parameters").unwrap_or(self.operation.own);
        told.say(finding.help(help.unwrap_or_else(|| "check the name with what the API takes".to_owned())), of);
    }

    fn member<'p>(&self, member: &Member<'p>, node: &Node<'d>, uses: &mut Uses<'p, 'd>, told: &mut Told<'d>) {
        if let Some(value) = member.value {
            self.dynamic(value, node, AS_TEXT, uses, told);
        }
        if let Some(number) = member.number {
            let value = Value::from(i64::try_from(number).unwrap_or(i64::MAX));
            self.literal(&value, member.span, node, AS_TEXT, told);
        }
    }

    /// What must be given and is not.
    fn missing(&self, endpoint: &Endpoint, sent: &Sent<'_>, told: &mut Told<'d>) {
        let is_required = |parameter: &Json| parameter.get("required") == Some(&Json::Bool(true));
        let is_credential = |name: &str| {
            let name = name.to_ascii_lowercase();
            !endpoint.auth.is_empty()
                && ["token", "access_token", "api_key", "apikey", "key", "api-key", "x-api-key"]
                    .contains(&name.as_str())
        };
        for (name, parameter) in self.of_place("query").filter(|(_, it)| is_required(it) && !sent.is_open) {
            if !sent.query.iter().any(|member| is_member(&member.name, name, parameter)) && !is_credential(name) {
                self.lacking(
                    endpoint,
                    &format!("`{name}` in its query"),
                    &format!("query: {{{name}: …}}"),
                    parameter,
                    told,
                );
            }
        }
        for (name, parameter) in self.of_place("header").filter(|(_, it)| is_required(it)) {
            let is_sent = sent.headers.iter().any(|member| member.name.eq_ignore_ascii_case(name));
            if !is_sent && !OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) && !is_credential(name) {
                self.lacking(
                    endpoint,
                    &format!("the header `{name}`"),
                    &format!("headers: {{{name}: …}}"),
                    parameter,
                    told,
                );
            }
        }
    }

    fn lacking(&self, endpoint: &Endpoint, what: &str, write: &str, of: &'d Json, told: &mut Told<'d>) {
        let message = format!("`{}` needs {what}, and `{}` does not send it", self.operation.shown(), endpoint.id());
        told.say(
            Finding::error("contract-request", message).label(endpoint.span, "").help(format!("write `{write}`")),
            of,
        );
    }

    /// The places in the path, in their order.
    fn path<'p>(&self, endpoint: &'p Endpoint, uses: &mut Uses<'p, 'd>) {
        let known: Vec<&str> = self
            .operation
            .path
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
            .collect();
        let own: Vec<&str> = endpoint.request.params().map(|param| &*param.name).collect();
        // Where one of them stands for something that the document writes out, it can't be told which is which.
        if own.len() != known.len() {
            return;
        }
        for (own, known) in own.into_iter().zip(known) {
            if let Some((_, parameter)) = self.of_place("path").find(|(name, _)| *name == known) {
                uses.push((own, self.schema_of(parameter), AS_TEXT));
            }
        }
    }

    /// Holds what an endpoint declares of a param against where it ends up.
    fn param(&self, name: &str, param: &Param, uses: &Uses<'_, 'd>, told: &mut Told<'d>) {
        for (_, node, manner) in uses.iter().filter(|(known, ..)| *known == name) {
            if let Some(default) = &param.default {
                self.dynamic(default, node, *manner, &mut Uses::new(), told);
            }
            for value in param.values.iter().flatten() {
                self.literal(value.value(), value.span(), node, *manner, told);
            }
        }
    }

    fn literal(&self, value: &Value, span: Span, node: &Node<'d>, manner: Manner, told: &mut Told<'d>) {
        // Empty is how specs say that something is not given.
        let is_nothing = value.is_null()
            || value.as_str() == Some("")
            || value.as_object().is_some_and(engine_expr::Members::is_empty)
            || value.as_list().is_some_and(<[Value]>::is_empty);
        if is_nothing {
            return;
        }
        for misfit in self.schemas.fit(value, node, manner) {
            let what = match misfit.path() {
                path if path.is_empty() => "this".to_owned(),
                path => format!("`{path}`"),
            };
            let (code, label) = if misfit.is_unknown {
                ("undocumented-param", "not in the document")
            } else {
                ("contract-request", "does not fit the document")
            };
            let message = format!("in `{}`, {what} {}", self.operation.shown(), misfit.what);
            let finding =
                if misfit.is_unknown { Finding::warning(code, message) } else { Finding::error(code, message) };
            told.say(finding.label(span, label), misfit.schema);
        }
    }

    fn dynamic<'p>(
        &self,
        value: &'p Dynamic,
        node: &Node<'d>,
        manner: Manner,
        uses: &mut Uses<'p, 'd>,
        told: &mut Told<'d>,
    ) {
        match value.kind() {
            DynamicKind::Literal(literal) => self.literal(literal, value.span(), node, manner, told),
            DynamicKind::Template(_) => {
                if let Some(name) = param_of(value).filter(|_| !node.is_unknown()) {
                    uses.push((name, node.clone(), manner));
                }
            }
            DynamicKind::Path(_) => {}
            DynamicKind::List(items) => {
                if let Look::Has(of) = self.schemas.items(node) {
                    for item in items {
                        self.dynamic(item, &of, manner, uses, told);
                    }
                }
            }
            DynamicKind::Object(members) => {
                for (name, member) in members {
                    // In a form a list may be written with brackets.
                    let bare = name.value.trim_end_matches("[]");
                    let is_part = manner.as_text && bare.contains('[');
                    match self.schemas.member(node, if manner.as_text { bare } else { &name.value }) {
                        Look::Lacks if is_part => {}
                        Look::Has(of) => self.dynamic(member, &of, manner, uses, told),
                        Look::Open => {}
                        Look::Lacks => self.unknown_member(&name.value, name.span, node, told),
                    }
                }
            }
        }
    }

    fn unknown_member(&self, name: &str, span: Span, node: &Node<'d>, told: &mut Told<'d>) {
        let names = self.schemas.names(node);
        let (message, help) = if names.is_empty() {
            let expected = self.schemas.expected(node);
            (format!("`{}` takes {expected} here, not an object", self.operation.shown()), None)
        } else {
            (format!("`{}` has no member `{name}` here in its body", self.operation.shown()), suggest(name, names))
        };
        let finding = Finding::warning("undocumented-param", message).label(span, "not in the document");
        told.say(finding.help_if(help), node.first());
    }

    fn body<'p>(&self, endpoint: &'p Endpoint, sent: &Sent<'p>, uses: &mut Uses<'p, 'd>, told: &mut Told<'d>) {
        if matches!(endpoint.body, Some(Body::Graphql(_))) {
            return;
        }
        let kind = endpoint.body.as_ref().map(kind_of);
        let taken = self.taken();
        let Some(body) = &endpoint.body else {
            if taken.is_required && sent.body.is_empty() {
                let what = "a body".to_owned();
                self.lacking(endpoint, &what, "body: {json: …}", taken.place, told);
            }
            return;
        };
        let span = body.span().unwrap_or(endpoint.span);
        if !taken.is_there {
            let message = format!("`{}` takes no body by the document", self.operation.shown());
            let finding = Finding::warning("undocumented-param", message).label(span, "not in the document");
            told.say(finding.help("take it off, or check the method"), self.operation.own);
            return;
        }
        let Some((_, node)) =
            taken.kinds.iter().find(|(known, _)| Some(*known) == kind).or(match taken.kinds.as_slice() {
                [] => taken.fields.as_ref(),
                _ => None,
            })
        else {
            if !taken.kinds.is_empty() {
                let known: Vec<String> = taken.kinds.iter().map(|(kind, _)| format!("`{}`", kind.key())).collect();
                let own = kind.map(BodyKind::key).unwrap_or_default();
                let message =
                    format!("`{}` takes a body of {}, not of `{own}`", self.operation.shown(), known.join(" or "));
                let finding = Finding::error("contract-request", message).label(span, "does not fit the document");
                told.say(
                    finding.help(format!(
                        "write `body: {{{}: …}}`",
                        known.first().map_or("json", |it| it.trim_matches('`'))
                    )),
                    taken.place,
                );
            }
            return;
        };
        let manner = if matches!(body, Body::Json(_)) { AS_JSON } else { AS_TEXT };
        if self.of_place("formData").next().is_some() {
            self.form(endpoint, body, sent, uses, told);
            return;
        }
        match body {
            Body::Json(value) | Body::Form(value) => {
                self.dynamic(value, node, manner, uses, told);
                self.required(endpoint, value, sent, node, told);
            }
            Body::Multipart(fields) => {
                for (name, field) in fields {
                    match (self.schemas.member(node, &name.value), field) {
                        (Look::Has(of), MultipartField::Value(value)) => self.dynamic(value, &of, AS_TEXT, uses, told),
                        // Some describe the parts as a list of files.
                        (Look::Lacks, _) if !self.schemas.names(node).is_empty() => {
                            self.unknown_member(&name.value, name.span, node, told);
                        }
                        _ => {}
                    }
                }
            }
            Body::Text(_) | Body::Xml(_) | Body::Csv(_) | Body::Graphql(_) | Body::File(_) => {}
        }
        for (steps, span) in &sent.body {
            if let Some(BodyStep::Member(name)) = steps.first()
                && matches!(self.schemas.member(node, name), Look::Lacks)
            {
                self.unknown_member(name, *span, node, told);
            }
        }
    }

    /// Fields as Swagger 2.0 has them, each a parameter.
    fn form<'p>(
        &self,
        endpoint: &Endpoint,
        body: &'p Body,
        sent: &Sent<'_>,
        uses: &mut Uses<'p, 'd>,
        told: &mut Told<'d>,
    ) {
        let mut given: Vec<(&str, Span, Option<&'p Dynamic>)> = Vec::new();
        let mut is_whole = true;
        match body {
            Body::Json(value) | Body::Form(value) => match value.kind() {
                DynamicKind::Object(members) => {
                    given.extend(members.iter().map(|(name, value)| (&*name.value, name.span, Some(value))));
                }
                DynamicKind::Literal(Value::Object(members)) => {
                    given.extend(members.names().map(|name| (&**name, value.span(), None)));
                }
                _ => is_whole = false,
            },
            Body::Multipart(fields) => given.extend(fields.iter().map(|(name, field)| {
                let value = if let MultipartField::Value(value) = field { Some(value) } else { None };
                (&*name.value, name.span, value)
            })),
            _ => is_whole = false,
        }
        for (name, span, value) in &given {
            let known = self.of_place("formData").find(|(known, parameter)| is_member(name, known, parameter));
            if let Some((_, parameter)) = known {
                if let Some(value) = value {
                    self.dynamic(value, &self.schema_of(parameter), AS_TEXT, uses, told);
                }
            } else {
                let names: Vec<&str> = self.of_place("formData").map(|(name, _)| name).collect();
                let message = format!("`{}` has no field `{name}` in its body", self.operation.shown());
                let finding = Finding::warning("undocumented-param", message).label(*span, "not in the document");
                told.say(finding.help_if(suggest(name, names)), self.operation.own);
            }
        }
        for (name, parameter) in self.of_place("formData") {
            let is_put =
                sent.body.iter().any(|(steps, _)| matches!(steps.first(), Some(BodyStep::Member(it)) if **it == *name));
            let is_given = is_put || given.iter().any(|(known, ..)| *known == name);
            let is_token = name == "token" && !endpoint.auth.is_empty();
            if is_whole && !is_given && !is_token && parameter.get("required") == Some(&Json::Bool(true)) {
                self.lacking(endpoint, &format!("`{name}` in its body"), &format!("{name}: …"), parameter, told);
            }
        }
    }

    /// What of a body must be given and is not, where the body is written out.
    fn required(&self, endpoint: &Endpoint, value: &Dynamic, sent: &Sent<'_>, node: &Node<'d>, told: &mut Told<'d>) {
        let given: Vec<&str> = match value.kind() {
            DynamicKind::Object(members) => members.iter().map(|(name, _)| &*name.value).collect(),
            DynamicKind::Literal(Value::Object(members)) => members.names().map(|name| &**name).collect(),
            _ => return,
        };
        for name in self.schemas.required(node, "readOnly") {
            let is_put =
                sent.body.iter().any(|(steps, _)| matches!(steps.first(), Some(BodyStep::Member(it)) if **it == *name));
            let is_given = given.iter().any(|known| known.split('[').next() == Some(name));
            if !is_given && !is_put {
                let message = format!(
                    "`{}` needs `{name}` in its body, and `{}` does not send it",
                    self.operation.shown(),
                    endpoint.id()
                );
                let finding = Finding::error("contract-request", message).label(value.span(), "");
                told.say(finding.help(format!("add `{name}`")), node.first());
            }
        }
    }

    fn taken(&self) -> Taken<'d> {
        let document = &self.schemas.document;
        if document.is_swagger {
            return self.taken_by_swagger();
        }
        let Some(body) = self.operation.own.get("requestBody") else { return Taken::nothing(self.operation.own) };
        let body = document.look(body);
        let content = body.get("content").and_then(Json::as_object);
        let kinds = content
            .into_iter()
            .flatten()
            .filter_map(|(media, of)| Some((BodyKind::of(media)?, of.get("schema").map(Node::of).unwrap_or_default())));
        let kinds: Vec<_> = kinds.collect();
        let is_all = content.is_some_and(|content| content.len() == kinds.len());
        Taken {
            is_there: true,
            is_required: body.get("required") == Some(&Json::Bool(true)),
            // With one that is not known nothing can be said about the others.
            fields: (!is_all).then(|| (BodyKind::File, Node::default())),
            kinds: if is_all { kinds } else { Vec::new() },
            place: body,
        }
    }

    fn taken_by_swagger(&self) -> Taken<'d> {
        let root = self.schemas.document.root;
        let media = self.operation.own.get("consumes").or_else(|| root.get("consumes"));
        let media = media.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        let kinds: Vec<BodyKind> = media.filter_map(BodyKind::of).collect();
        if let Some((_, body)) = self.of_place("body").next() {
            let node = body.get("schema").map(Node::of).unwrap_or_default();
            let is_data = |kind: &BodyKind| !matches!(kind, BodyKind::Form | BodyKind::Multipart);
            let kinds: Vec<_> = kinds.into_iter().filter(is_data).map(|kind| (kind, node.clone())).collect();
            return Taken {
                is_there: true,
                is_required: body.get("required") == Some(&Json::Bool(true)),
                fields: Some((BodyKind::Json, node)),
                kinds,
                place: body,
            };
        }
        if self.of_place("formData").next().is_some() {
            let place = self.operation.own.get("parameters").unwrap_or(self.operation.own);
            return Taken {
                is_there: true,
                is_required: self.of_place("formData").any(|(_, it)| it.get("required") == Some(&Json::Bool(true))),
                fields: Some((BodyKind::Form, Node::default())),
                kinds: Vec::new(),
                place,
            };
        }
        Taken::nothing(self.operation.own)
    }
}

/// What body an operation takes.
struct Taken<'d> {
    is_there: bool,
    is_required: bool,
    kinds: Vec<(BodyKind, Node<'d>)>,
    /// What holds where no kind is named.
    fields: Option<(BodyKind, Node<'d>)>,
    place: &'d Json,
}

impl<'d> Taken<'d> {
    fn nothing(place: &'d Json) -> Self {
        Self { is_there: false, is_required: false, kinds: Vec::new(), fields: None, place }
    }
}

fn kind_of(body: &Body) -> BodyKind {
    match body {
        Body::Json(_) | Body::Graphql(_) => BodyKind::Json,
        Body::Form(_) => BodyKind::Form,
        Body::Multipart(_) => BodyKind::Multipart,
        Body::Text(_) | Body::Csv(_) => BodyKind::Text,
        Body::Xml(_) => BodyKind::Xml,
        Body::File(_) => BodyKind::File,
    }
}

/// Tells whether what is sent under a name is a parameter, or a part of it: `created[gte]`, `expand[]`.
fn is_member(sent: &str, known: &str, parameter: &Json) -> bool {
    let bare = |name: &str| name.trim_end_matches("[]").to_owned();
    if bare(sent) == bare(known) {
        return true;
    }
    let is_scalar = parameter
        .pointer("/schema/type")
        .or_else(|| parameter.get("type"))
        .and_then(Json::as_str)
        .is_some_and(|kind| matches!(kind, "string" | "integer" | "number" | "boolean"));
    !is_scalar && sent.split_once('[').is_some_and(|(base, _)| base == bare(known))
}
