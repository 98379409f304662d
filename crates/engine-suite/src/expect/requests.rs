//! What a test expects to be sent.

use engine_expr::Value;
use engine_source::Finding;
use engine_spec::test::{RequestShape, Requests, RequestsExpectation};
use engine_spec::{EndpointRef, OneOrMany};
use std::fmt::Write as _;

use super::difference::{as_texts, differences};
use super::{Checker, FAILED, there};
use crate::sent::Request;

impl Checker<'_> {
    pub(super) fn requests(&mut self, expected: &Requests) {
        let Requests { order, endpoints } = expected;
        if let Some(order) = order {
            self.order(order);
        }
        for (name, expected) in endpoints {
            self.endpoint(&name.value, expected);
        }
    }

    fn order(&mut self, order: &[EndpointRef]) {
        let wanted: Vec<String> = order.iter().map(|one| format!("{}.{}", one.api, one.endpoint)).collect();
        let asked: Vec<&str> = self.facts.sent.iter().map(|request| &*request.asked).collect();
        let named: Vec<&str> = asked.into_iter().filter(|asked| wanted.iter().any(|one| one == asked)).collect();
        let mut once = named.clone();
        once.dedup();
        // Pages and further attempts of one endpoint need not be counted.
        if named == wanted || once == wanted {
            return;
        }
        let list = |names: &[&str]| Value::list(names.iter().map(|name| Value::from(*name)).collect());
        let expected = list(&wanted.iter().map(String::as_str).collect::<Vec<_>>());
        self.value("the order of requests", &["requests", "order"], &expected, Some(&list(&once)));
    }

    fn endpoint(&mut self, name: &str, expected: &RequestsExpectation) {
        let sent: Vec<&Request> = self.facts.sent.iter().filter(|request| *request.asked == *name).collect();
        let RequestsExpectation { count, query, headers, body, last, all } = expected;
        if let Some(count) = *count {
            let actual = u64::try_from(sent.len()).unwrap_or(u64::MAX);
            if actual != count {
                let there = there(actual);
                let mut message = format!("test `{}`: requests to `{name}`: {count} expected, and {there}", self.name);
                for request in sent.iter().take(10) {
                    _ = write!(message, "\n+ {} {}", request.method, request.url);
                }
                let place = self.place(&["requests", name, "count"]);
                self.findings.push(Finding::error(FAILED, message).label(place, there));
            }
        }
        let parts = [
            ("query", query.as_ref().map(|query| as_texts(query.value()))),
            ("headers", headers.as_ref().map(|headers| small(&as_texts(headers.value())))),
            ("body", body.as_ref().map(|body| body.value().clone())),
        ];
        for (part, expected) in parts {
            let Some(expected) = expected else { continue };
            let values: Vec<Value> = sent.iter().map(|request| part_of(request, part)).collect();
            if values.iter().any(|value| differences(&expected, Some(value)).is_empty()) {
                continue;
            }
            // The one that is nearest is shown.
            let nearest = values.iter().min_by_key(|value| differences(&expected, Some(value)).len());
            let what = match values.len() {
                0 => format!("the {part} of a request to `{name}`, of which there is none,"),
                1 => format!("the {part} of the request to `{name}`"),
                many => format!("the {part} of each of the {many} requests to `{name}`"),
            };
            self.value(&what, &["requests", name, part], &expected, nearest);
        }
        if let Some(shape) = last {
            match sent.last() {
                Some(request) => {
                    self.shape(&format!("the last request to `{name}`"), &["requests", name, "last"], shape, request);
                }
                None => self.none(name, "last"),
            }
        }
        match all {
            None => {}
            Some(OneOrMany::One(shape)) => {
                for (index, request) in sent.iter().enumerate() {
                    let what = format!("request {} to `{name}`", index + 1);
                    self.shape(&what, &["requests", name, "all"], shape, request);
                }
                if sent.is_empty() {
                    self.none(name, "all");
                }
            }
            Some(OneOrMany::Many(shapes)) => {
                if shapes.len() != sent.len() {
                    let wanted = u64::try_from(shapes.len()).unwrap_or(u64::MAX);
                    let actual = u64::try_from(sent.len()).unwrap_or(u64::MAX);
                    self.number(&format!("requests to `{name}`"), &["requests", name, "all"], wanted, actual);
                }
                for (index, (shape, request)) in shapes.iter().zip(&sent).enumerate() {
                    let what = format!("request {} to `{name}`", index + 1);
                    self.shape_at(&what, &["requests", name, "all"], Some(index), shape, request);
                }
            }
        }
    }

    fn none(&mut self, name: &str, part: &str) {
        let message = format!("test `{}`: a request to `{name}` expected, and there is none", self.name);
        let place = self.place(&["requests", name, part]);
        self.findings.push(Finding::error(FAILED, message).label(place, "nothing is sent there"));
    }

    fn shape(&mut self, what: &str, path: &[&str], shape: &RequestShape, request: &Request) {
        self.shape_at(what, path, None, shape, request);
    }

    fn shape_at(&mut self, what: &str, path: &[&str], index: Option<usize>, shape: &RequestShape, request: &Request) {
        let RequestShape { method, url, path: url_path, query, headers, body } = shape;
        let parts = [
            ("method", method.map(|method| Value::from(method.as_str()))),
            ("url", url.as_ref().map(|url| url.as_str().into())),
            ("path", url_path.as_ref().map(|path| path.as_str().into())),
            ("query", query.as_ref().map(|query| as_texts(query.value()))),
            ("headers", headers.as_ref().map(|headers| small(&as_texts(headers.value())))),
            ("body", body.as_ref().map(|body| body.value().clone())),
        ];
        let given: Vec<(&str, Value)> = parts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let actual = Value::object(given.iter().map(|(name, _)| (*name, part_of(request, name))));
        let expected = Value::object(given);
        match index {
            None => self.value(what, path, &expected, Some(&actual)),
            Some(index) => self.value_of_item(what, path, index, &expected, &actual),
        }
    }
}

fn part_of(request: &Request, part: &str) -> Value {
    match part {
        "method" => request.method.as_str().into(),
        "url" => request.url.as_str().into(),
        "path" => request.url.path().into(),
        "query" => request.query(),
        "headers" => request.headers(),
        _ => request.body(),
    }
}

/// Writes the names of headers in small letters.
fn small(headers: &Value) -> Value {
    let Some(members) = headers.as_object() else { return headers.clone() };
    Value::object(members.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())))
}
