//! Checks of APIs and their endpoints.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

use engine_expr::{Expr, Setting, Template, Value};
use engine_request::auth::{
    ApiKeyAuth, AwsSigV4Auth, BasicAuth, BearerAuth, DigestAuth, HmacAuth, JwtAssertion, JwtAuth, OAuth1Auth,
    OAuth2Auth, SessionAuth, SwitchAuth, TokenRequest,
};
use engine_request::pagination::{
    CursorPagination, CustomNext, CustomPagination, LastRecordPagination, LinkHeaderPagination, NextUrlPagination,
    NoPagination, OffsetPagination, PagePagination,
};
use engine_request::{
    Auth, Auths, Backoff, Body, CsvFormat, CsvHeader, ErrorAction, ErrorRule, Format, GraphqlBody, Idempotency,
    IdempotencyKey, Incremental, MultipartContent, MultipartField, MultipartFile, OneOrMany, Pagination, Place, Proxy,
    QueryValue, Rate, RateLimit, RateLimits, Records, RecordsFrom, Redirects, Removable, RequestLine, Response, Retry,
    RetryOn, StatusPattern, StyledValue, Target, Tls, charset,
};
use engine_source::{Finding, Map, Span, certain, similar, suggest};
use engine_spec::{Api, Endpoint, Param};
use url::Url;

use super::Checker;
use super::at::At;
use super::names::{GIVEN, LAST, Names, PAGE, PARAMS, REQUEST, RESPONSE, SIGNATURE, WINDOW};
use crate::catalog::{ApiEntry, EndpointEntry};

/// The endpoint for whose requests places are.
#[derive(Clone, Copy)]
pub(super) struct Home<'a> {
    params: &'a Map<Param>,
    request: Option<&'a RequestLine>,
}

impl<'a> Checker<'a> {
    pub(super) fn apis(&mut self) {
        for api in self.catalog.apis() {
            self.api(api);
        }
    }

    fn api(&mut self, entry: &'a ApiEntry<'a>) {
        let Api {
            description: _,
            base_url,
            auth,
            query,
            headers,
            response,
            records,
            key,
            incremental,
            conditional,
            paginate,
            errors,
            retry,
            timeout,
            rate_limit,
            concurrency,
            tls,
            proxy,
            redirects: _,
            max_redirects,
            allow_hosts,
            endpoints: _,
            webhooks,
        } = entry.model;
        let names = Names::of(GIVEN).keeping(&entry.kept);
        self.base_url(base_url.as_ref(), &names);
        self.auths(auth.as_ref(), entry, entry.at.get("auth"), &names);
        self.query(query, &names);
        self.headers(headers, &names);
        self.response(response.as_ref(), &names);
        self.records(records.as_ref(), &names);
        self.key(key.as_ref().and_then(Removable::as_set), &names);
        self.incremental(incremental.as_ref(), &names, None);
        self.setting(conditional.as_ref(), &names);
        self.paginate(paginate.as_ref(), &names, None);
        self.errors(errors, &names);
        self.retry(retry.as_ref().and_then(Removable::as_set), &names);
        self.setting(timeout.as_ref(), &names);
        self.rate_limit(rate_limit.as_ref(), &names);
        self.groups(entry);
        self.positive(concurrency.as_ref(), "concurrency", &names.less(&[PARAMS, WINDOW]));
        if let Some(Tls { ca, cert, key }) = tls {
            for file in [ca, cert, key].into_iter().flatten() {
                self.template(file, &names);
            }
            if let (Some(key), None) = (key, cert) {
                self.findings.push(
                    Finding::error("missing-field", format!("`tls` of `{}` has a `key` and no `cert`", entry.name))
                        .label(key.span(), "belongs to a certificate")
                        .help("name the file of the certificate: `tls: {cert: client.pem, key: client.key}`"),
                );
            }
        }
        if let Some(proxy) = proxy {
            self.template(proxy, &names);
            let is_wrong = |text: &str| text != "none" && Proxy::parse(text).is_none();
            if proxy.as_literal().is_some_and(|text| text.as_str().is_none_or(is_wrong)) {
                self.findings.push(
                    Finding::error("invalid-url", "`proxy` is not the URL of a proxy")
                        .label(proxy.span(), "not a proxy")
                        .help("write `http://`, `https://`, `socks5://` or `socks5h://`, a host and a port, and no path; or `none`"),
                );
            }
        }
        for host in allow_hosts {
            self.template(host, &names);
        }
        let advice = "for none at all write `redirects: none`";
        self.within(
            max_redirects.as_ref(),
            "max_redirects",
            (Redirects::COUNTS, |it| *it, "1 to 1000"),
            advice,
            &names,
        );
        for (_, webhook) in webhooks.iter() {
            self.api_webhook(webhook);
        }
        let mut said = false;
        for endpoint in &entry.endpoints {
            self.api_endpoint(endpoint, entry, &names, &mut said);
        }
    }

    fn api_endpoint(
        &mut self,
        entry: &'a EndpointEntry<'a>,
        api: &'a ApiEntry<'a>,
        names: &Names<'a>,
        said: &mut bool,
    ) {
        let Endpoint {
            description: _,
            request,
            steps,
            params,
            body,
            idempotency,
            example: _,
            base_url,
            auth,
            query,
            headers,
            response,
            records,
            key,
            incremental,
            conditional,
            paginate,
            errors,
            retry,
            timeout,
            rate_limit,
            concurrency,
        } = entry.model;
        let own = if entry.kept.is_empty() { names.auth } else { &entry.kept };
        let windowed = entry.effective.as_ref().is_some_and(|effective| effective.incremental.is_some())
            || incremental.as_ref().is_some_and(|it| it.as_set().is_some());
        let names = names.keeping(own).with_params(params).and_if(windowed, WINDOW);
        let home = Home { params, request: request.as_ref() };
        let lost = entry.at.get("params").node().map(engine_source::Node::entries).unwrap_or_default();
        self.lost_params =
            lost.iter().map(|entry| &*entry.key.text).filter(|name| !params.contains_key(name)).collect();
        self.params(params);
        self.base_url(base_url.as_ref(), &names);
        if let Some(request) = request {
            self.request_line(request, params, &names);
            let needs_base = request.is_path() && !api.at.has("base_url") && !entry.at.has("base_url");
            if needs_base && !self.is_partial && !std::mem::replace(said, true) {
                self.findings.push(
                    Finding::error("missing-field", format!("`{}` has no `base_url` to join paths to", api.name))
                        .label(request.span(), "a path without a host")
                        .help("add `base_url: https://…` to the API, or write a whole URL"),
                );
            }
        } else if steps.is_none() && !self.is_partial && !entry.at.has("request") && !entry.at.has("steps") {
            let key = api.at.get("endpoints").key(entry.name).unwrap_or_default();
            self.findings.push(
                Finding::error("missing-field", format!("`{}` has no `request`", entry.id()))
                    .label(key, "asks for nothing")
                    .help("add a method and a path: `request: GET /path`"),
            );
        }
        if let Some(steps) = steps {
            self.endpoint_steps(steps, entry.at.get("steps"), &names, &entry.id());
        }
        if let Some(body) = body {
            self.body(body, &names);
        }
        if let Some(Removable::Set(Idempotency::Key(IdempotencyKey { place, key }))) = idempotency {
            self.place_in(place, Some(home));
            self.maybe_template(key.as_ref(), &names);
        }
        self.auths(auth.as_ref(), api, entry.at.get("auth"), &names);
        self.query(query, &names);
        self.headers(headers, &names);
        self.response(response.as_ref(), &names);
        self.records(records.as_ref(), &names);
        self.key(key.as_ref().and_then(Removable::as_set), &names);
        self.incremental(incremental.as_ref(), &names, Some(home));
        self.setting(conditional.as_ref(), &names);
        self.paginate(paginate.as_ref(), &names, Some(home));
        self.errors(errors, &names);
        self.retry(retry.as_ref().and_then(Removable::as_set), &names);
        self.setting(timeout.as_ref(), &names);
        self.rate_limit(rate_limit.as_ref(), &names);
        self.positive(concurrency.as_ref(), "concurrency", &names.less(&[PARAMS, WINDOW]));
        self.retried(entry);
        self.restarted(entry);
        self.file(entry, api);
        self.lost_params = HashSet::new();
    }

    fn request_line(&mut self, request: &'a RequestLine, params: &'a Map<Param>, names: &Names<'a>) {
        self.template(request.template(), names);
        for part in request.params() {
            if params.contains_key(&part.name) || self.lost_params.contains(&*part.name) {
                continue;
            }
            let help = match similar(&part.name, params.keys()) {
                Some(close) => format!("did you mean `{{{close}}}`?"),
                None => format!("declare it: `params: {{{}: {{type: string, required: true}}}}`", part.name),
            };
            self.findings.push(
                Finding::error(
                    "path-without-param",
                    format!("the path names a param that is not declared: `{}`", part.name),
                )
                .label(self.sources.within(request.span(), part.range.clone()), "not a param")
                .help(help)
                .meant(self.param_in(request, &part.name, part.range.clone()), certain(&part.name, params.keys())),
            );
        }
    }

    /// Returns the place of the name alone of a param in a path, without its braces.
    fn param_in(&self, request: &RequestLine, name: &str, range: std::ops::Range<usize>) -> Span {
        let written = request.text().get(range.clone()).unwrap_or_default();
        let start = range.start + written.find(name).unwrap_or_default();
        self.sources.within(request.span(), start..start + name.len())
    }

    fn base_url(&mut self, base_url: Option<&Template>, names: &Names<'a>) {
        let Some(base_url) = base_url else { return };
        self.template(base_url, names);
        let text = base_url.text();
        let wrong = |label: &'static str, help: String| {
            Finding::error("invalid-url", format!("`{text}` is not a URL")).label(base_url.span(), label).help(help)
        };
        let has_scheme = text.starts_with("https://") || text.starts_with("http://");
        if !base_url.is_literal() {
            // What a template gives is not known; what stands before it is.
            let before = text.split("{{").next().unwrap_or_default();
            if before.contains("://") && !has_scheme {
                self.findings.push(wrong("not HTTP", "begin with `https://` or `http://`".to_owned()));
            }
            return;
        }
        let finding = match text.split_once("://") {
            _ if text.starts_with('/') => {
                wrong("without a host", format!("write the host before it: `https://host{text}`"))
            }
            None => wrong("without a scheme", format!("write `https://{text}`")),
            Some((scheme, rest)) if !has_scheme => match scheme {
                "HTTP" | "HTTPS" => return,
                _ => wrong("not HTTP", format!("write `https://{rest}`")),
            },
            Some(_) => match Url::parse(text) {
                Ok(url) if url.has_host() => return,
                Ok(_) | Err(url::ParseError::EmptyHost) => {
                    wrong("without a host", "write a host after `//`".to_owned())
                }
                Err(url::ParseError::InvalidPort) => {
                    wrong("the port is no number", "write a port from 1 to 65535, or none".to_owned())
                }
                Err(_) => wrong("not a host", "write a host such as `api.example.com`".to_owned()),
            },
        };
        self.findings.push(finding);
    }

    pub(super) fn query(&mut self, query: &'a Map<QueryValue>, names: &Names<'a>) {
        for (_, value) in query {
            match value {
                QueryValue::Plain(value) | QueryValue::Styled(StyledValue { value, style: _ }) => {
                    self.dynamic(value, names);
                }
            }
        }
    }

    pub(super) fn body(&mut self, body: &'a Body, names: &Names<'a>) {
        match body {
            Body::Json(value) | Body::Form(value) | Body::Xml(value) | Body::Csv(value) => self.dynamic(value, names),
            Body::Text(text) | Body::File(text) => self.template(text, names),
            Body::Graphql(GraphqlBody { query, variables, operation_name }) => {
                self.template(query, names);
                self.maybe_template(operation_name.as_ref(), names);
                if let Some(variables) = variables {
                    self.dynamic(variables, names);
                    if let Some(other) =
                        variables.as_literal().filter(|it| !matches!(it, Value::Object(_) | Value::Null))
                    {
                        let message = format!("{} where an object is expected", other.a_kind());
                        self.findings.push(
                            Finding::error("wrong-type", message)
                                .label(variables.span(), "expected an object")
                                .help("write `name: value` for each variable, or a template that gives an object"),
                        );
                    }
                }
            }
            Body::Multipart(fields) => {
                for (_, field) in fields {
                    self.multipart(field, names);
                }
            }
        }
    }

    fn multipart(&mut self, field: &'a MultipartField, names: &Names<'a>) {
        let (filename, content_type) = match field {
            MultipartField::Value(value) => {
                self.dynamic(value, names);
                return;
            }
            MultipartField::Several(fields) => {
                for field in fields {
                    self.multipart(field, names);
                }
                return;
            }
            MultipartField::File(MultipartFile { file, filename, content_type }) => {
                self.template(file, names);
                (filename, content_type)
            }
            MultipartField::Content(MultipartContent { content, filename, content_type }) => {
                self.dynamic(content, names);
                (filename, content_type)
            }
        };
        self.maybe_template(filename.as_ref(), names);
        self.maybe_template(content_type.as_ref(), names);
    }

    fn response(&mut self, response: Option<&'a Response>, names: &Names<'a>) {
        let Some(Response {
            format: _,
            compression: _,
            encoding,
            csv,
            xml: _,
            to,
            body,
            max_size,
            max_headers,
            max_header_size,
        }) = response
        else {
            return;
        };
        self.setting(max_size.as_ref(), names);
        let advice = "leave it out for 100, which nearly all APIs keep to";
        self.within(max_headers.as_ref(), "max_headers", (Response::HEADERS, |it| *it, "1 to 10000"), advice, names);
        let advice = "leave it out for `400KiB`, which nearly all APIs keep to";
        self.within(
            max_header_size.as_ref(),
            "max_header_size",
            (Response::HEADER_SIZES, |it| it.bytes(), "1KB to 16MB"),
            advice,
            names,
        );
        if let Some(name) = encoding
            && charset(name).is_none()
        {
            self.findings.push(
                Finding::error("invalid-value", format!("`{name}` is not a character encoding"))
                    .label(name.span(), "not known")
                    .help("write one that browsers know, such as `utf-8`, `iso-8859-1`, `utf-16` or `shift_jis`"),
            );
        }
        if let Some(csv) = csv {
            self.csv(csv, names);
        }
        // What it is called is told to whoever asked.
        self.maybe_template(to.as_ref(), &names.hiding("the name of a file"));
        if let Some(body) = body {
            self.expr(body, &names.and(&[RESPONSE]).with_root());
        }
    }

    /// Says that a bound is none that anybody can mean.
    fn within<T, N: PartialOrd>(
        &mut self,
        setting: Option<&Setting<T>>,
        what: &str,
        (range, of, shown): (RangeInclusive<N>, fn(&T) -> N, &str),
        advice: &str,
        names: &Names<'a>,
    ) {
        self.setting(setting, names);
        let Some(setting) = setting else { return };
        if setting.as_value().is_some_and(|value| !range.contains(&of(value))) {
            self.findings.push(
                Finding::error("invalid-value", format!("`{what}` is from {shown}"))
                    .label(setting.span(), "out of these bounds")
                    .help(advice),
            );
        }
    }

    fn csv(&mut self, csv: &'a CsvFormat, names: &Names<'a>) {
        let CsvFormat { delimiter: _, quote: _, header, skip } = csv;
        self.setting(skip.as_ref(), names);
        match header {
            Some(CsvHeader::FirstRow(first)) => self.setting(Some(first), names),
            Some(CsvHeader::Names(columns)) => {
                let mut known = HashSet::new();
                for column in columns {
                    if !known.insert(column.as_str()) {
                        self.findings.push(
                            Finding::error("invalid-value", format!("the column `{column}` is named twice"))
                                .label(column.span(), "named before")
                                .help("give each column a name of its own"),
                        );
                    }
                }
            }
            None => {}
        }
    }

    /// Checks that what is written to a file has a name, and that nothing else has one.
    fn file(&mut self, entry: &'a EndpointEntry<'a>, api: &'a ApiEntry<'a>) {
        let Some(effective) = &entry.effective else { return };
        let at = entry.at.get("response");
        let own = at.key("format").or_else(|| api.at.get("endpoints").key(entry.name)).unwrap_or_default();
        let is_binary = effective.response.format == Some(Format::Binary);
        match (is_binary, &effective.response.to) {
            (true, None) if !at.has("to") => self.findings.push(
                Finding::error("missing-field", format!("`{}` does not say which file it is written to", entry.id()))
                    .label(own, "`binary` needs `to`")
                    .help("add the file beside it: `to: \"./out/{{ params.id }}.pdf\"`"),
            ),
            (false, Some(to)) if at.has("to") => self.findings.push(
                Finding::error("conflicting-keys", "`to` is for the format `binary`")
                    .label(to.span(), "not a binary body")
                    .help("add `format: binary`, or write the records to a sink"),
            ),
            _ => {}
        }
        if let (true, Some(Removable::Set(records))) = (is_binary, &entry.model.records) {
            self.findings.push(
                Finding::error("conflicting-keys", "a file has no records")
                    .label(records.from().span(), "not in a `binary` body")
                    .help("take it away, and `call` the endpoint: that gives the file's path, size and checksum"),
            );
        }
    }

    fn records(&mut self, records: Option<&'a Removable<Records>>, names: &Names<'a>) {
        match records {
            Some(Removable::Set(Records::At(from) | Records::Long(RecordsFrom { from, missing: _ }))) => {
                self.expr(from, &names.and(&[RESPONSE]).with_root());
            }
            Some(Removable::None) | None => {}
        }
    }

    pub(super) fn incremental(
        &mut self,
        incremental: Option<&'a Removable<Incremental>>,
        names: &Names<'a>,
        home: Option<Home<'a>>,
    ) {
        let Some(Removable::Set(incremental)) = incremental else { return };
        let Incremental {
            cursor,
            start,
            end,
            format,
            window,
            granularity,
            lookback,
            send,
            send_end,
            client,
            per: _,
            sorted,
            concurrency,
        } = incremental;
        if let Some(cursor) = cursor {
            self.expr(cursor, &names.and(&[RESPONSE]).with_root());
        }
        for value in [start, end].into_iter().flatten() {
            self.dynamic(value, names);
        }
        self.setting(window.as_ref(), names);
        self.setting(granularity.as_ref(), names);
        self.setting(lookback.as_ref(), names);
        for place in [send, send_end].into_iter().flatten() {
            self.place_in(place, home);
        }
        self.setting(client.as_ref(), names);
        self.setting(sorted.as_ref(), names);
        self.setting(concurrency.as_ref(), names);
        let (lookback, granularity) = (lookback.as_ref().map(Setting::span), granularity.as_ref().map(Setting::span));
        if let Some(form @ ("integer" | "string")) = format.as_deref() {
            let timed =
                [("lookback", lookback), ("granularity", granularity), ("window", window.as_ref().map(Setting::span))];
            for (key, span) in timed.into_iter().filter_map(|(key, span)| Some((key, span?))) {
                self.findings.push(
                    Finding::error(
                        "conflicting-keys",
                        format!("`{key}` is for cursors that are times, not for `format: {form}`"),
                    )
                    .label(span, "not a number of these")
                    .help(format!("take `{key}` away")),
                );
            }
        }
        if let Some(Expr::Template(_)) = cursor {
            let of_records = [
                ("lookback", lookback),
                ("client", client.as_ref().map(Setting::span)),
                ("sorted", sorted.as_ref().map(Setting::span)),
            ];
            for (key, span) in of_records.into_iter().filter_map(|(key, span)| Some((key, span?))) {
                self.findings.push(
                    Finding::error(
                        "conflicting-keys",
                        format!("`{key}` is for cursors that are values of the records, not of the page"),
                    )
                    .label(span, "has nothing to compare")
                    .help(format!("take `{key}` away, or give the `cursor` as a path: `$.updated_at`")),
                );
            }
        }
    }

    /// Checks that a read that begins anew knows from where, and knows records again.
    fn restarted(&mut self, entry: &'a EndpointEntry<'a>) {
        let Some(effective) = &entry.effective else { return };
        let after = effective.paginate.as_ref().and_then(Pagination::restart_after).map(Setting::span);
        let rules = entry.model.errors.iter().enumerate().filter_map(|(index, rule)| {
            let span = entry.at.get("errors").item(index).get("action").span();
            Some((
                rule.action.filter(|action| matches!(action, ErrorAction::Restart | ErrorAction::ResetCursor))?,
                span,
            ))
        });
        let begins = after.map(|span| (ErrorAction::Restart, span)).into_iter().chain(rules);
        for (action, span) in begins.collect::<Vec<_>>() {
            let (message, help) = match (&effective.incremental, action) {
                (None, ErrorAction::ResetCursor) => {
                    (format!("`{}` has no cursor to forget", entry.id()), "add `incremental: {cursor: …, send: …}`")
                }
                (_, ErrorAction::ResetCursor) => continue,
                (Some(Incremental { cursor: Some(Expr::Path(_)), .. }), _) if effective.key.is_some() => continue,
                (Some(Incremental { cursor: Some(Expr::Path(_)), .. }), _) => (
                    format!(
                        "`{}` begins anew, and has no `key` by which it knows the records that come again",
                        entry.id()
                    ),
                    "add the members that identify a record: `key: [id]`",
                ),
                _ => (
                    format!("`{}` begins anew, and has no `cursor` to do so from", entry.id()),
                    "add `incremental: {cursor: $.updated_at, send: query.since}`",
                ),
            };
            self.findings.push(Finding::error("missing-field", message).label(span, "begins the read anew").help(help));
        }
    }

    pub(super) fn paginate(
        &mut self,
        paginate: Option<&'a Removable<Pagination>>,
        names: &Names<'a>,
        home: Option<Home<'a>>,
    ) {
        let Some(Removable::Set(paginate)) = paginate else { return };
        let page = &names.and(&[RESPONSE, REQUEST, PAGE, LAST]);
        let (stop_when, restart_after, max_pages) = match paginate {
            Pagination::None(NoPagination {}) => return,
            Pagination::Page(it) => {
                let PagePagination {
                    into,
                    start,
                    size,
                    size_into,
                    total,
                    total_pages,
                    stop_when,
                    restart_after,
                    max_pages,
                } = it;
                for place in [into, size_into].into_iter().flatten() {
                    self.place_in(place, home);
                }
                self.setting(start.as_ref(), names);
                self.positive(size.as_ref(), "size", names);
                self.answer_place(total.as_ref(), page);
                self.answer_place(total_pages.as_ref(), page);
                (stop_when, restart_after, max_pages)
            }
            Pagination::Offset(it) => {
                let OffsetPagination { into, size, size_into, total, stop_when, restart_after, max_pages } = it;
                for place in [into, size_into].into_iter().flatten() {
                    self.place_in(place, home);
                }
                self.positive(size.as_ref(), "size", names);
                self.answer_place(total.as_ref(), page);
                (stop_when, restart_after, max_pages)
            }
            Pagination::Cursor(it) => {
                let CursorPagination { next, into, stop_when, restart_after, max_pages } = it;
                self.answer_place(Some(next), page);
                if let Some(into) = into {
                    self.place_in(into, home);
                }
                (stop_when, restart_after, max_pages)
            }
            Pagination::NextUrl(it) => {
                let NextUrlPagination { next, stop_when, restart_after, max_pages } = it;
                self.answer_place(Some(next), page);
                (stop_when, restart_after, max_pages)
            }
            Pagination::LinkHeader(it) => {
                let LinkHeaderPagination { rel: _, stop_when, restart_after, max_pages } = it;
                (stop_when, restart_after, max_pages)
            }
            Pagination::LastRecord(it) => {
                let LastRecordPagination { next, into, stop_when, restart_after, max_pages } = it;
                self.expr(next, &page.with_root());
                self.place_in(into, home);
                (stop_when, restart_after, max_pages)
            }
            Pagination::Custom(it) => {
                let CustomPagination { next, stop_when, restart_after, max_pages } = it;
                match next {
                    CustomNext::Query(expr) => self.expr(expr, &page.with_root()),
                    CustomNext::Places(places) => {
                        for (place, value) in places {
                            self.place_in(place, home);
                            self.dynamic(value, &page.with_root());
                        }
                    }
                }
                (stop_when, restart_after, max_pages)
            }
        };
        self.condition(stop_when.as_ref(), page);
        self.setting(restart_after.as_ref(), names);
        self.positive(max_pages.as_ref(), "max_pages", names);
    }

    /// Checks that what a place names is there.
    pub(super) fn place_in(&mut self, place: &Place, home: Option<Home<'a>>) {
        let Some(home) = home else { return };
        match place.target() {
            Target::Params(name) if !home.params.contains_key(name) && !self.lost_params.contains(&**name) => {
                self.findings.push(
                    Finding::error("unknown-param", format!("the endpoint has no param `{name}`"))
                        .label(place.span(), "not a param")
                        .help_if(suggest(name, home.params.keys()))
                        .help_if(home.params.is_empty().then_some("declare it under `params`")),
                );
            }
            Target::Path(name) => {
                let Some(request) = home.request else { return };
                if request.params().any(|part| part.name == *name) {
                    return;
                }
                self.findings.push(
                    Finding::error("invalid-place", format!("the path has no `{{{name}}}`: `{}`", request.text()))
                        .label(place.span(), "not in the path")
                        .help(
                            suggest(name, request.params().map(|part| &*part.name))
                                .unwrap_or_else(|| format!("write `query.{name}`, or put `{{{name}}}` into the path")),
                        ),
                );
            }
            _ => {}
        }
    }

    fn errors(&mut self, errors: &'a [ErrorRule], names: &Names<'a>) {
        let names = &names.and(&[RESPONSE, REQUEST]);
        for ErrorRule { status, when, action: _, message, wait } in errors {
            for status in status.iter().flatten() {
                self.setting(Some(status), names);
            }
            self.condition(when.as_ref(), names);
            self.maybe_template(message.as_ref(), names);
            self.setting(wait.as_ref(), names);
        }
    }

    pub(super) fn retry(&mut self, retry: Option<&'a Retry>, names: &Names<'a>) {
        let Some(Retry { attempts, backoff, on, wait_from, max_elapsed }) = retry else { return };
        self.positive(attempts.as_ref(), "attempts", names);
        if let Some(Backoff { initial, max, multiplier, jitter }) = backoff {
            self.setting(initial.as_ref(), names);
            self.setting(max.as_ref(), names);
            self.setting(multiplier.as_ref(), names);
            self.setting(jitter.as_ref(), names);
        }
        for on in on.iter().flatten() {
            self.setting(Some(on), names);
        }
        self.answer_place(wait_from.as_ref(), names);
        self.setting(max_elapsed.as_ref(), names);
    }

    fn rate_limit(&mut self, limits: Option<&'a RateLimits>, names: &Names<'a>) {
        // It is the same for all requests, which only differ in what they cost.
        let fixed = &names.less(&[PARAMS, WINDOW]);
        for limit in limits.and_then(Removable::as_set).into_iter().flatten() {
            let RateLimit { rate, burst, remaining, reset, group: _, share: _, cost } = limit;
            self.setting(rate.as_ref(), fixed);
            self.positive(burst.as_ref(), "burst", fixed);
            self.answer_place(remaining.as_ref(), names);
            self.answer_place(reset.as_ref(), names);
            self.setting(cost.as_ref(), names);
        }
    }

    /// Checks that each group has one rate: its endpoints share it.
    fn groups(&mut self, entry: &'a ApiEntry<'a>) {
        let own = entry.endpoints.iter().filter_map(|endpoint| endpoint.model.rate_limit.as_ref());
        let limits = entry.model.rate_limit.iter().chain(own).filter_map(Removable::as_set).flatten();
        let mut known: HashMap<&str, &Setting<Rate>> = HashMap::new();
        for limit in limits {
            let (Some(group), Some(rate)) = (&limit.group, &limit.rate) else { continue };
            let first = *known.entry(group).or_insert(rate);
            if let (Some(one), Some(other)) = (first.as_value(), rate.as_value())
                && one != other
            {
                self.findings.push(
                    Finding::error(
                        "conflicting-keys",
                        format!("the group `{group}` has two rates: `{one}` and `{other}`"),
                    )
                    .label(rate.span(), "not the rate of the group")
                    .help("say the rate at one endpoint of the group, or name another group"),
                );
            }
        }
    }

    fn auths(&mut self, auths: Option<&'a Auths>, api: &'a ApiEntry<'a>, at: At<'a>, names: &Names<'a>) {
        match auths.and_then(Removable::as_set) {
            Some(OneOrMany::One(auth)) => self.auth(auth, api, at, names),
            Some(OneOrMany::Many(auths)) => {
                for (index, auth) in auths.iter().enumerate() {
                    self.auth(auth, api, at.item(index), names);
                }
            }
            None => {}
        }
    }

    fn auth(&mut self, auth: &'a Auth, api: &'a ApiEntry<'a>, at: At<'a>, names: &Names<'a>) {
        // A login is made before anything that its endpoints know is there.
        let names = &names.less(&[PARAMS, WINDOW]);
        self.signing(auth, at);
        match auth {
            Auth::None(_) => {}
            Auth::ApiKey(ApiKeyAuth { value, place: _, prefix, methods: _ }) => {
                self.template(value, names);
                self.maybe_template(prefix.as_ref(), names);
            }
            Auth::Basic(BasicAuth { username, password, methods: _ }) => {
                self.template(username, names);
                self.maybe_template(password.as_ref(), names);
            }
            Auth::Bearer(BearerAuth { token, methods: _ }) => self.template(token, names),
            Auth::Oauth2(oauth2) => {
                self.oauth2(oauth2, names);
                self.oauth2_needs(oauth2, at);
            }
            Auth::Jwt(JwtAuth {
                algorithm: _,
                key,
                key_encoding: _,
                claims,
                header,
                lifetime,
                place: _,
                prefix,
                methods: _,
            }) => {
                self.template(key, names);
                self.maybe_template(prefix.as_ref(), names);
                for (_, value) in claims.iter().chain(header) {
                    self.dynamic(value, names);
                }
                self.setting(lifetime.as_ref(), names);
            }
            Auth::Session(session) => {
                let SessionAuth { login, answer, place: _, prefix, lifetime, methods: _ } = session;
                self.session_needs(session, api, at);
                for login in login {
                    if api.endpoint(login).is_none() && !self.is_partial && !api.at.get("endpoints").has(login) {
                        let help = suggest(login, api.endpoints.iter().map(|endpoint| endpoint.name));
                        self.findings.push(
                            Finding::error("undefined-endpoint", format!("undefined endpoint `{}.{login}`", api.name))
                                .label(login.span(), "not an endpoint of this API")
                                .help_if(help)
                                .meant(login.span(), certain(login, api.endpoints.iter().map(|one| one.name))),
                        );
                    }
                }
                for (_, place) in answer.iter() {
                    self.answer_place(Some(place), names);
                }
                self.maybe_template(prefix.as_ref(), names);
                self.setting(lifetime.as_ref(), names);
            }
            Auth::Hmac(it) => {
                let HmacAuth {
                    algorithm: _,
                    key,
                    key_encoding: _,
                    message,
                    encoding: _,
                    place: _,
                    headers,
                    methods: _,
                } = it;
                self.template(key, names);
                let signed = names.and(&[REQUEST]).signing();
                self.template(message, &signed);
                for (_, value) in headers {
                    self.dynamic(value, &signed.and(&[SIGNATURE]));
                }
            }
            Auth::AwsSigv4(it) => {
                let AwsSigV4Auth { access_key, secret_key, session_token, region, service, place: _, methods: _ } = it;
                for template in [access_key, secret_key, region, service] {
                    self.template(template, names);
                }
                self.maybe_template(session_token.as_ref(), names);
            }
            Auth::Digest(DigestAuth { username, password, methods: _ }) => {
                self.template(username, names);
                self.template(password, names);
            }
            Auth::Oauth1(it) => {
                let OAuth1Auth {
                    consumer_key,
                    consumer_secret,
                    token,
                    token_secret,
                    signature_method: _,
                    realm,
                    methods: _,
                } = it;
                self.template(consumer_key, names);
                self.template(consumer_secret, names);
                for template in [token, token_secret, realm].into_iter().flatten() {
                    self.template(template, names);
                }
            }
            Auth::Switch(switch) => {
                let SwitchAuth { on, cases, methods: _ } = switch;
                self.template(on, names);
                self.switch_needs(switch, at);
                for (case, auths) in cases {
                    self.auths(Some(auths), api, at.get("cases").get(&case.value), names);
                }
            }
        }
    }

    fn oauth2(&mut self, auth: &'a OAuth2Auth, names: &Names<'a>) {
        let OAuth2Auth {
            grant: _,
            token_url,
            authorize_url,
            redirect_uri,
            device_url,
            client_id,
            client_secret,
            scopes,
            scope_separator: _,
            audience,
            refresh_token,
            username,
            password,
            assertion,
            pkce,
            client_auth: _,
            request,
            answer,
            place: _,
            prefix,
            methods: _,
        } = auth;
        for url in [Some(token_url), authorize_url.as_ref(), device_url.as_ref()].into_iter().flatten() {
            self.base_url(Some(url), names);
        }
        let templates = [redirect_uri, client_id, client_secret, audience, refresh_token, username, password, prefix];
        for template in templates.into_iter().flatten().chain(scopes) {
            self.template(template, names);
        }
        if let Some(JwtAssertion { algorithm: _, key, key_encoding: _, claims, header, lifetime, place: _ }) = assertion
        {
            self.template(key, names);
            for (_, value) in claims.iter().chain(header) {
                self.dynamic(value, names);
            }
            self.setting(lifetime.as_ref(), names);
        }
        self.setting(pkce.as_ref(), names);
        if let Some(TokenRequest { method: _, fields, headers, body: _ }) = request {
            for (_, value) in fields.iter().chain(headers) {
                self.dynamic(value, names);
            }
        }
        for (_, place) in answer.iter() {
            self.answer_place(Some(place), names);
        }
    }

    /// Warns where a request that makes something may be sent twice.
    fn retried(&mut self, entry: &'a EndpointEntry<'a>) {
        let Some(effective) = &entry.effective else { return };
        if !entry.makes_anew() {
            return;
        }
        let method = effective.request.method();
        let only_429 = |pattern: &StatusPattern| *pattern == StatusPattern::one(429);
        let is_safe = |on: &Setting<RetryOn>| on.as_value().is_none_or(|on| is_undone(*on));
        let retry = entry.model.retry.as_ref().and_then(Removable::as_set);
        let on =
            retry.and_then(|retry| retry.on.as_ref()).into_iter().flatten().find(|on| !is_safe(on)).map(Setting::span);
        let rules = entry.model.errors.iter().enumerate().filter(|(_, rule)| rule.action == Some(ErrorAction::Retry));
        let rule = rules
            .filter(|(_, rule)| match &rule.status {
                Some(statuses) => statuses.iter().any(|status| status.as_value().is_some_and(|it| !only_429(it))),
                None => true,
            })
            .map(|(index, _)| entry.at.get("errors").item(index).get("action").span())
            .next();
        let Some(span) = on.or(rule) else { return };
        self.findings.push(
            Finding::warning("retry-without-key", format!("`{}` is sent again without an idempotency key", entry.id()))
                .label(span, format!("a {method} may happen twice"))
                .help("if the API knows such keys, add `idempotency: {in: header.Idempotency-Key}`; if done twice is the same as done once, add `idempotency: natural`"),
        );
    }
}

/// Returns whether nothing was done by a request after which this is seen.
pub(super) fn is_undone(on: RetryOn) -> bool {
    match on {
        RetryOn::Connect => true,
        RetryOn::Status(pattern) => pattern == StatusPattern::one(429),
        RetryOn::Timeout => false,
    }
}

impl<'a> Home<'a> {
    /// Returns the home of places in what is said about an endpoint elsewhere.
    pub(super) fn of(endpoint: &'a EndpointEntry<'a>) -> Self {
        Self { params: &endpoint.model.params, request: endpoint.model.request.as_ref() }
    }
}
