//! What an endpoint sends, by name.

use std::sync::Arc;

use engine_expr::{Dynamic, Setting};
use engine_plan::{Endpoint, Plan};
use engine_request::auth::{HmacAuth, JwtAuth};
use engine_request::pagination::CustomNext;
use engine_request::{Auth, BodyStep, Idempotency, Pagination, Part, Place, QueryValue, Target};
use engine_source::{Map, Span};

/// What an endpoint sends beside what is in its body.
#[derive(Debug, Default)]
pub(crate) struct Sent<'p> {
    pub(crate) query: Vec<Member<'p>>,
    pub(crate) headers: Vec<Member<'p>>,
    pub(crate) cookies: Vec<String>,
    /// The members of the body that are put in beside what `body` says.
    pub(crate) body: Vec<(Arc<[BodyStep]>, Span)>,
    /// Whether more may be put into the query than can be known.
    pub(crate) is_open: bool,
}

/// A member of a query, or a header.
#[derive(Clone, Debug)]
pub(crate) struct Member<'p> {
    pub(crate) name: String,
    pub(crate) span: Span,
    /// Its value, where one is written.
    pub(crate) value: Option<&'p Dynamic>,
    /// A number that is always sent.
    pub(crate) number: Option<u64>,
    /// Whether the API says so for all its endpoints.
    pub(crate) is_inherited: bool,
}

impl<'p> Sent<'p> {
    pub(crate) fn of(endpoint: &'p Endpoint) -> Self {
        let mut sent = Self::default();
        for (list, map, inherited) in [
            (&mut sent.query, &endpoint.query, &endpoint.inherited.query),
            (&mut sent.headers, &endpoint.headers, &endpoint.inherited.headers),
        ] {
            list.extend(
                members(map).map(|member| Member {
                    is_inherited: inherited.iter().any(|name| **name == member.name),
                    ..member
                }),
            );
        }
        sent.line(endpoint);
        // Where nothing is read there are no pages, whatever the API says of them.
        if let Some(paginate) = endpoint.paginate.as_ref().filter(|_| endpoint.is_readable()) {
            sent.pages(paginate, endpoint.request.span());
        }
        if let Some(incremental) = endpoint.incremental.as_ref().filter(|_| endpoint.is_readable()) {
            [&incremental.send, &incremental.send_end].into_iter().flatten().for_each(|place| sent.place(place, None));
        }
        if let Some(idempotency) = endpoint.idempotency.as_ref().and_then(Idempotency::key) {
            sent.place(&idempotency.place, None);
        }
        endpoint.auth.iter().for_each(|auth| sent.auth(auth));
        sent
    }

    /// What the request line has after its path.
    fn line(&mut self, endpoint: &Endpoint) {
        let text: String = endpoint
            .request
            .parts()
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.to_string(),
                Part::Param(_) | Part::Template(_) => "\u{0}".to_owned(),
            })
            .collect();
        let Some((_, query)) = text.split_once('?') else { return };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let name = pair.split('=').next().unwrap_or_default();
            if name.contains('\u{0}') {
                self.is_open = true;
            } else {
                self.query.push(Member::named(name, endpoint.request.span()));
            }
        }
    }

    fn pages(&mut self, paginate: &Pagination, span: Span) {
        match paginate {
            Pagination::Page(kind) => self.into(kind.into.as_ref(), "page", span),
            Pagination::Offset(kind) => self.into(kind.into.as_ref(), "offset", span),
            Pagination::Cursor(kind) => self.into(kind.into.as_ref(), "cursor", span),
            Pagination::LastRecord(kind) => self.place(&kind.into, None),
            Pagination::Custom(kind) => match &kind.next {
                CustomNext::Places(places) => places.iter().for_each(|(place, _)| self.place(place, None)),
                CustomNext::Query(_) => self.is_open = true,
            },
            Pagination::NextUrl(_) | Pagination::LinkHeader(_) | Pagination::None(_) => {}
        }
        let number = |size: &Option<Setting<u64>>| size.as_ref().and_then(|size| size.as_value().copied());
        match paginate {
            Pagination::Page(kind) => kind.size_into.iter().for_each(|place| self.place(place, number(&kind.size))),
            Pagination::Offset(kind) => kind.size_into.iter().for_each(|place| self.place(place, number(&kind.size))),
            _ => {}
        }
    }

    fn into(&mut self, place: Option<&Place>, otherwise: &str, span: Span) {
        match place {
            Some(place) => self.place(place, None),
            None => self.query.push(Member::named(otherwise, span)),
        }
    }

    fn place(&mut self, place: &Place, number: Option<u64>) {
        let member = |name: &str| Member { number, ..Member::named(name, place.span()) };
        match place.target() {
            Target::Query(name) => self.query.push(member(name)),
            Target::Header(name) => self.headers.push(member(name)),
            Target::Cookie(name) => self.cookies.push(name.to_string()),
            Target::Body(steps) => self.body.push((Arc::clone(steps), place.span())),
            Target::Path(_) | Target::Params(_) | Target::Url => {}
        }
    }

    fn auth(&mut self, auth: &Auth) {
        let place = match auth {
            Auth::ApiKey(auth) => &auth.place,
            Auth::Jwt(JwtAuth { place, .. }) | Auth::Hmac(HmacAuth { place, .. }) => place,
            Auth::Session(auth) => &auth.place,
            Auth::Oauth2(auth) => &auth.place,
            _ => &None,
        };
        match place {
            Some(place) => self.place(place, None),
            None if matches!(auth, Auth::ApiKey(_)) => self.headers.push(Member::named("X-API-Key", Span::default())),
            None => self.headers.push(Member::named("Authorization", Span::default())),
        }
        if let Auth::Hmac(auth) = auth {
            self.headers.extend(auth.headers.keys().map(|name| Member::named(name, Span::default())));
        }
    }
}

impl Member<'_> {
    fn named(name: &str, span: Span) -> Self {
        Self { name: name.to_owned(), span, value: None, number: None, is_inherited: true }
    }
}

/// Lists the members of a map that are sent: not those that null leaves out.
pub(crate) fn members(map: &Map<QueryValue>) -> impl Iterator<Item = Member<'_>> {
    let is_sent = |value: &QueryValue| value.value().as_literal().is_none_or(|literal| !literal.is_null());
    map.iter().filter(move |(_, value)| is_sent(value)).map(|(name, value)| Member {
        name: name.value.to_string(),
        span: name.span,
        value: Some(value.value()),
        number: None,
        is_inherited: false,
    })
}

/// Returns the param that a value is nothing but.
pub(crate) fn param_of(value: &Dynamic) -> Option<&str> {
    let engine_expr::DynamicKind::Template(template) = value.kind() else { return None };
    let inner = template.text().trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let mut parts = inner.split('|').map(str::trim);
    let name = parts.next()?.strip_prefix("params.")?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (is_name && parts.all(|filter| filter.starts_with("default"))).then_some(name)
}

/// Lists the APIs of a plan that have endpoints with requests.
pub fn api_names(plan: &Plan) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for endpoint in &plan.endpoints {
        if !names.contains(&endpoint.api.as_str()) {
            names.push(&endpoint.api);
        }
    }
    names
}
