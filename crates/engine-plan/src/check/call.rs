//! Checks of calls.

use engine_source::Finding;
use engine_spec::Call;

use super::Checker;
use super::at::At;
use super::names::{Names, REQUEST, RESPONSE};

impl<'a> Checker<'a> {
    pub(super) fn call(&mut self, call: &'a Call, at: At<'a>, names: &Names<'a>) {
        let Call { endpoint, params, query, headers, body, until, every, timeout } = call;
        if let Some(entry) = self.endpoint(endpoint) {
            self.arguments(entry, params, at, endpoint.span);
            self.use_of_steps(entry, endpoint.span, at, &["query", "headers", "body"]);
            let paged = entry.effective.as_ref().filter(|it| it.paginate.is_some() && it.records.is_some());
            if paged.is_some() {
                self.findings.push(
                    Finding::warning("paginated-call", format!("a call of `{}` gives its first page only", entry.id()))
                        .label(endpoint.span, "has pages")
                        .help(format!("to go through all of them: `read: {}`", entry.id())),
                );
            }
        }
        for (_, value) in params {
            self.dynamic(value, names);
        }
        self.query(query, names);
        self.headers(headers, names);
        if let Some(body) = body {
            self.body(body, names);
        }
        self.condition(until.as_ref(), &names.and(&[RESPONSE, REQUEST]));
        for (key, time) in [("every", every), ("timeout", timeout)] {
            self.setting(time.as_ref(), names);
            let Some(time) = time else { continue };
            if until.is_none() {
                self.findings.push(
                    Finding::error("missing-field", format!("`{key}` of a call belongs to `until`, which is missing"))
                        .label(at.key(key).unwrap_or_else(|| time.span()), "nothing is repeated")
                        .help("add `until: response.body.status == 'done'`; how long one request may take is the `timeout` of the endpoint"),
                );
                break;
            }
            self.some_time(key, time);
        }
    }
}
