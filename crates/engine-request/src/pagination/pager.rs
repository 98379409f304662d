//! Reads a list page by page: what all kinds of pagination have in common.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::sync::Arc;

use engine_expr::{EvalError, Scope, Value};
use engine_source::Span;
use foldhash::quality::FixedState;

use super::turn::{Seen, Turn, numbers, read_numbers};
use super::{Fingerprint, Page, PagerError, Pagination, Paging};
use crate::Changes;

/// A read of a list in progress.
///
/// It knows nothing of requests: [`first`](Self::first) and [`next`](Self::next) say what each of them sends.
#[derive(Debug)]
pub struct Pager {
    paging: Arc<Paging>,
    turn: Box<dyn Turn>,
    max_pages: Option<u64>,
    pages: u64,
    received: u64,
    before: Option<(u64, Fingerprint)>,
    asked: HashSet<u64, FixedState>,
    /// The pages that were given, each with the URL that gave it.
    given: HashSet<u64, FixedState>,
    /// What was added to both since somebody asked.
    fresh: Vec<u64>,
}

/// How a read goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// There are no more pages.
    End,
    /// Another request: the first one's draft with these changes.
    Request(Changes),
}

impl Pager {
    /// Begins a read.
    ///
    /// # Errors
    ///
    /// Fails where a template of the pagination does.
    pub fn new(paging: Arc<Paging>, scope: &Scope) -> Result<Self, EvalError> {
        let guards = paging.pagination.guards();
        let max_pages = guards.max_pages.map(|setting| setting.resolve(scope)).transpose()?;
        let turn = paging.pagination.turn(scope)?;
        Ok(Self {
            turn,
            max_pages,
            paging,
            pages: 0,
            received: 0,
            before: None,
            asked: HashSet::default(),
            given: HashSet::default(),
            fresh: Vec::new(),
        })
    }

    /// Goes on with a read that stood at a [`position`](Self::position), after pages that are known by `seen`.
    ///
    /// # Errors
    ///
    /// Fails where a template of the pagination does; gives nothing where the position is that of another kind.
    pub fn at(
        paging: Arc<Paging>,
        scope: &Scope,
        position: &Value,
        seen: impl IntoIterator<Item = u64>,
    ) -> Result<Option<Self>, EvalError> {
        let mut pager = Self::new(paging, scope)?;
        Ok(pager.go_to(position, seen).map(|()| pager))
    }

    fn go_to(&mut self, position: &Value, seen: impl IntoIterator<Item = u64>) -> Option<()> {
        let [Some(pages), Some(received)] = read_numbers(position.get("counts")?)? else { return None };
        self.pages = pages;
        self.received = received;
        if let Some(before) = position.get("before") {
            let [count, fingerprint] = before.as_list()? else { return None };
            let fingerprint = u64::from_str_radix(fingerprint.as_str()?, 16).ok()?;
            self.before = Some((count.as_i64()?.try_into().ok()?, Fingerprint::from_number(fingerprint)));
        }
        // What is in both sets is not alike: none of the one is taken for one of the other.
        self.asked.extend(seen);
        self.given.extend(&self.asked);
        self.turn.go_to(position.get("turn")?).then_some(())
    }

    /// Returns where the read stands, beside what the next request sends and the pages that it knows.
    pub fn position(&self) -> Value {
        let counts = ("counts", numbers([Some(self.pages), Some(self.received)]));
        let before = self.before.map(|(count, fingerprint)| {
            ("before", Value::list(vec![count.into(), format!("{:x}", fingerprint.number()).into()]))
        });
        Value::object([counts, ("turn", self.turn.position())].into_iter().chain(before).collect::<Vec<_>>())
    }

    /// Returns what the pages are known by that came since this was asked last.
    pub fn take_seen(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.fresh)
    }

    /// Returns what the first request sends.
    pub fn first(&self) -> Changes {
        self.turn.first()
    }

    /// Returns how many pages were received.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// Returns how many records were received.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Decides how to go on after a page. The scope is that of the endpoint: `inputs`, `params` and the like.
    ///
    /// # Errors
    ///
    /// Fails where a template does, where the page or its next one was already read, and where `max_pages` is reached
    /// before the end.
    pub fn next(&mut self, page: &Page<'_>, scope: &Scope) -> Result<Next, PagerError> {
        self.pages += 1;
        self.received += page.count;
        if page.count == 0 && self.turn.ends_at_an_empty_page() {
            return self.at_an_empty_page(page, scope);
        }
        if self.pages == 1 {
            let hash = hash(page.request.url.as_str());
            self.asked.insert(hash);
            self.fresh.push(hash);
        }
        let paging = Arc::clone(&self.paging);
        let scope = &self.scope(&paging, page, scope)?;
        if let Some(condition) = paging.pagination.guards().stop_when
            && condition.test(scope)?
        {
            return Ok(Next::End);
        }
        self.check_repeated(page)?;
        self.check_redirected(page)?;
        let watched = paging.watched(page, scope)?;
        let seen = Seen { page, number: self.pages, received: self.received, watched, scope };
        let next = self.turn.next(&seen)?;
        if let Next::Request(changes) = &next {
            self.check_asked(changes)?;
            if let Some(max) = self.max_pages.filter(|max| self.pages >= *max) {
                let span = paging.pagination.guards().max_pages.map_or_else(Span::default, engine_expr::Setting::span);
                return Err(PagerError::TooManyPages { max, span });
            }
        }
        Ok(next)
    }

    /// Returns what the next requests will send, as far as the pages so far tell, at most `limit` of them.
    ///
    /// They may be sent at once; an answer may be used where [`next`](Self::next) then gives the same changes, and must be
    /// thrown away where it does not.
    pub fn ahead(&self, limit: usize) -> Vec<Changes> {
        let left = self.max_pages.map_or(u64::MAX, |max| max.saturating_sub(self.pages));
        self.turn.ahead(limit.min(usize::try_from(left).unwrap_or(usize::MAX)))
    }

    /// Makes the scope of the templates, with no more in it than they use.
    fn scope(&self, paging: &Paging, page: &Page<'_>, scope: &Scope) -> Result<Scope, EvalError> {
        let needs = &paging.needs;
        let mut names = Vec::new();
        if needs.has("response") {
            names.push(("response", page.answer.to_value(needs)));
        }
        if needs.has("request") {
            names.push(("request", page.request.to_value()));
        }
        if needs.has("page") {
            names.push((
                "page",
                Value::object([("number", Value::from(self.pages)), ("count", Value::from(page.count))]),
            ));
        }
        if paging.needs_last() {
            names.push(("last", page.last.value()));
        }
        let mut scope = if names.is_empty() { scope.clone() } else { scope.with_all(names) };
        if matches!(paging.pagination, Pagination::LastRecord(_)) {
            scope = scope.rooted(scope.get("last").cloned().unwrap_or_default());
        } else if needs.has_root() {
            scope = scope.rooted(page.answer.root(paging.unwrap.as_ref(), needs, &scope)?);
        }
        Ok(scope)
    }

    fn check_repeated(&mut self, page: &Page<'_>) -> Result<(), PagerError> {
        let now = (page.count, page.fingerprint);
        // Empty pages are alike.
        if page.count > 0 && self.before.replace(now) == Some(now) {
            let (span, check) = self.turn.asks();
            return Err(PagerError::RepeatedPage { page: self.pages, span, check });
        }
        Ok(())
    }

    /// Decides about an empty page that is the end, if nothing says that there is more. It may lack what other pages have: then it says
    /// nothing.
    fn at_an_empty_page(&mut self, page: &Page<'_>, scope: &Scope) -> Result<Next, PagerError> {
        let paging = Arc::clone(&self.paging);
        let scope = self.scope(&paging, page, scope).unwrap_or_else(|_| scope.clone());
        let is_said = paging.pagination.guards().stop_when.is_some_and(|stop| stop.test(&scope).unwrap_or(false));
        if is_said {
            return Ok(Next::End);
        }
        let watched = paging.watched(page, &scope).ok().flatten();
        self.turn.at_an_empty_page(&Seen { page, number: self.pages, received: self.received, watched, scope: &scope })
    }

    /// Finds a page that an answer led to by a redirect and that was read before: some servers give the first page in place of one
    /// that there is not.
    fn check_redirected(&mut self, page: &Page<'_>) -> Result<(), PagerError> {
        let url = &page.answer.url;
        let hash = hash(&format!("{:?} {} {url}", page.fingerprint, page.count));
        let is_new = self.given.insert(hash);
        self.fresh.extend(is_new.then_some(hash));
        if is_new || page.count == 0 || *url == page.request.url {
            return Ok(());
        }
        let (span, check) = self.turn.asks();
        Err(PagerError::RepeatedNext { page: self.pages, span, check })
    }

    fn check_asked(&mut self, changes: &Changes) -> Result<(), PagerError> {
        let hash = match changes.url() {
            Some(url) if changes.places().is_empty() => hash(url.as_str()),
            _ => hash(&changes.to_value().to_json()),
        };
        if self.asked.insert(hash) {
            self.fresh.push(hash);
            return Ok(());
        }
        let (span, check) = self.turn.asks();
        Err(PagerError::RepeatedNext { page: self.pages, span, check })
    }
}

fn hash(text: &str) -> u64 {
    FixedState::default().hash_one(text)
}

#[cfg(test)]
pub(super) mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::fmt::Write;
    use std::sync::Arc;

    use engine_expr::{Expr, JsonPath, Slots, Value, Wanted};
    use engine_source::Span;

    use super::{Next, Pager};
    use crate::answer::tests::answer;
    use crate::draft::tests::{read, scope};
    use crate::pagination::{Fingerprint, Last, Page, Paging};
    use crate::{Changes, Draft, Pagination, Prepared, RequestLine};

    /// Reads the answers page by page; their records are the body's `items`, or the body where it is a list.
    ///
    /// Expects the requests that are sent, by what stands after the host, then `end` or the error. An answer that begins
    /// with `{` or `[` is a body with status 200.
    pub(in crate::pagination) fn check(yaml: &str, answers: &[&str], expected: &[&str]) {
        for unwrap in [None, Some("$.data")] {
            for has_slots in [true, false] {
                assert_eq!(
                    run(yaml, answers, unwrap, has_slots),
                    expected,
                    "{yaml}, slots: {has_slots}, unwrap: {unwrap:?}"
                );
            }
        }
    }

    fn request(changes: &Changes) -> Prepared {
        let params = changes.params(&Value::from_json(r#"{"list": "items"}"#).unwrap());
        let line = RequestLine::parse("GET https://api.test/v1/{list}?limit=2", Span::default()).unwrap();
        let mut draft = Draft::build(&line, None, &scope(&params.to_json())).unwrap();
        changes.apply(&mut draft).unwrap();
        draft.finish().unwrap()
    }

    fn show(request: &Prepared) -> String {
        let mut text = request.url.as_str().replace("https://api.test", "");
        for (name, value) in &request.headers {
            if name != "content-type" {
                write!(text, " {name}: {}", value.to_str().unwrap()).unwrap();
            }
        }
        format!("{text} {}", request.body.show()).trim_end().to_owned()
    }

    fn run(yaml: &str, answers: &[&str], unwrap: Option<&str>, has_slots: bool) -> Vec<String> {
        let pagination: Pagination = read(yaml);
        let unwrap_path = unwrap.map(|path| Expr::Path(JsonPath::new(path, Span::default())));
        let mut paging = Paging::new(&pagination, unwrap_path.as_ref());
        let mut wanted = Wanted::new();
        if has_slots {
            paging.want(&mut wanted);
        }
        let needs_last = paging.needs_last();
        let scope = scope(r#"{"size": 50}"#);
        let paging = Arc::new(paging);
        let mut seen = Vec::new();
        let mut pager = match Pager::new(Arc::clone(&paging), &scope) {
            Ok(pager) => pager,
            Err(error) => return vec![format!("error: {error}")],
        };
        let mut sent = vec![request(&pager.first())];
        let mut lines = vec![show(&sent[0])];
        for text in answers {
            let text = if text.starts_with(['{', '[']) { format!("200\n\n{text}") } else { (*text).to_owned() };
            let inner = answer(&text);
            let items = inner.value().get("items").unwrap_or(inner.value());
            let items: Vec<String> = items.as_list().unwrap_or_default().iter().map(Value::to_json).collect();
            let answer = match (unwrap, text.split_once("\n\n")) {
                (Some(_), Some((head, body))) if !yaml.contains("response.body") => {
                    answer(&format!("{head}\n\n{{\"data\": {body}}}"))
                }
                (Some(_), _) if !yaml.contains("response.body") => inner,
                (Some(_), _) => return run(yaml, answers, None, has_slots),
                (None, _) => inner,
            };
            let body = std::str::from_utf8(&answer.body).unwrap();
            let mut slots = Slots::default();
            let filled = has_slots && wanted.fill(body, &mut slots).is_ok();
            let page = Page {
                request: sent.last().unwrap(),
                answer: &answer,
                text: body,
                slots: filled.then_some(&slots),
                count: items.len() as u64,
                last: items.last().filter(|_| needs_last).map_or(Last::None, |item| Last::Raw(item)),
                fingerprint: Fingerprint::of(items.iter().map(String::as_bytes)),
            };
            match pager.next(&page, &scope) {
                Ok(Next::End) => lines.push("end".to_owned()),
                Ok(Next::Request(changes)) => {
                    let ahead = pager.ahead(3);
                    assert!(ahead.is_empty() || ahead[0] == changes, "{ahead:?} {changes:?}");
                    if ahead.len() > 1 {
                        lines.push(format!("{} ahead", ahead.len()));
                    }
                    sent.push(request(&changes));
                    lines.push(show(sent.last().unwrap()));
                    // Whoever goes on in another process does what this one would.
                    seen.extend(pager.take_seen());
                    let position = Value::from_json(&pager.position().to_json()).unwrap();
                    let known = seen.iter().copied();
                    pager = Pager::at(Arc::clone(&paging), &scope, &position, known).unwrap().unwrap();
                    let again = Changes::from_value(&Value::from_json(&changes.to_value().to_json()).unwrap()).unwrap();
                    assert_eq!(request(&again).url, sent.last().unwrap().url);
                    assert_eq!(again.to_value(), changes.to_value());
                }
                Err(error) => lines.push(format!("error[{}]: {error}", error.code())),
            }
        }
        lines
    }

    #[test]
    fn a_repeated_page_is_an_error_of_every_kind() {
        let page = "{\"items\": [{\"id\": 1}, {\"id\": 2}]}";
        let error = "error[pagination-loop]: page 2 has the very records of page 1";
        check("type: page", &[page, page], &["/v1/items?limit=2&page=1", "/v1/items?limit=2&page=2", error]);
        check("type: offset", &[page, page], &["/v1/items?limit=2&offset=0", "/v1/items?limit=2&offset=2", error]);
        check(
            "{type: last_record, next: $.id, into: query.after}",
            &[page, page],
            &["/v1/items?limit=2", "/v1/items?limit=2&after=2", error],
        );
        let cursors = ["{\"items\": [1], \"next\": \"a\"}", "{\"items\": [1], \"next\": \"b\"}"];
        check("{type: cursor, next: $.next}", &cursors, &["/v1/items?limit=2", "/v1/items?limit=2&cursor=a", error]);
    }

    #[test]
    fn a_repeated_page_is_an_error_even_where_the_total_is_reached() {
        let page = "{\"items\": [1, 2], \"total\": 4}";
        let error = "error[pagination-loop]: page 2 has the very records of page 1";
        check(
            "{type: page, total: $.total}",
            &[page, page],
            &["/v1/items?limit=2&page=1", "/v1/items?limit=2&page=2", error],
        );
    }

    #[test]
    fn the_help_says_how_to_stop() {
        let mut helps = Vec::new();
        for yaml in ["type: page", "{type: cursor, next: $.next}", "{type: last_record, next: $.id, into: query.after}"]
        {
            let paging = Paging::new(&read(yaml), None);
            let mut pager = Pager::new(Arc::new(paging), &scope("{}")).unwrap();
            let body = "{\"next\": \"a\", \"id\": 1}";
            let answer = answer(&format!("200\n\n{body}"));
            let request = request(&pager.first());
            let page = Page {
                request: &request,
                answer: &answer,
                text: body,
                slots: None,
                count: 1,
                last: Last::Raw(body),
                fingerprint: Fingerprint::of([body.as_bytes()]),
            };
            assert!(pager.next(&page, &scope("{}")).is_ok());
            helps.push(pager.next(&page, &scope("{}")).unwrap_err().help().unwrap());
        }
        for help in helps {
            assert!(
                help.contains("`stop_when: page.count < 100`")
                    && help.contains("`max_pages`")
                    && help.starts_with("check that "),
                "{help}"
            );
        }
    }

    #[test]
    fn reaching_max_pages_before_the_end_is_an_error() {
        let pages = ["{\"items\": [1], \"next\": \"a\"}", "{\"items\": [2], \"next\": \"b\"}", "{\"items\": [3]}"];
        let first = "/v1/items?limit=2";
        let (second, third) = ("/v1/items?limit=2&cursor=a", "/v1/items?limit=2&cursor=b");
        let error = "error[too-many-pages]: the read is not at its end after 2 pages";
        check("{type: cursor, next: $.next, max_pages: 2}", &pages[..2], &[first, second, error]);
        check("{type: cursor, next: $.next, max_pages: 3}", &pages, &[first, second, third, "end"]);
        check(
            "{type: cursor, next: $.next, max_pages: '{{ params.size - 48 }}'}",
            &pages[..2],
            &[first, second, error],
        );
    }

    #[test]
    fn stop_when_sees_the_page_and_wins_over_all_else() {
        let pages = ["{\"items\": [1, 2], \"next\": \"a\"}", "{\"items\": [1], \"next\": \"a\", \"more\": false}"];
        let lines = ["/v1/items?limit=2", "/v1/items?limit=2&cursor=a", "end"];
        for condition in [
            "page.count < 2",
            "page.number == 2",
            "not (response.body.more | default(true))",
            "last == 1",
            "'cursor' in request.query",
            "response.status == 200 and page.number > 1",
        ] {
            check(&format!("{{type: cursor, next: $.next, stop_when: \"{condition}\"}}"), &pages, &lines);
        }
        check(
            "{type: page, stop_when: response.body.nope}",
            &["[1]"],
            &["/v1/items?limit=2&page=1", "error[template-failed]: `response.body` is a list, it has no member `nope`"],
        );
    }
}
