//! A fault, and what the engine is to make of it.

use std::sync::Arc;
use std::time::Duration;

use super::fault_server::Play;
use super::reply::Reply;
use super::shop::Asked;

/// So often that it never gets better.
pub(crate) const ALWAYS: u64 = u64::MAX;

/// A fault, and what the engine is to make of it.
#[derive(Clone)]
pub(crate) struct Case {
    /// The fault, as the documentation names it.
    pub(crate) fault: String,
    pub(crate) flow: Flow,
    /// More keys of the API, as YAML.
    pub(crate) api: String,
    /// How long an answer may take.
    pub(crate) timeout: &'static str,
    /// How often a request is sent, and how long it may take in all.
    pub(crate) retry: &'static str,
    /// Where the API is, if not at the server of the case.
    pub(crate) base_url: Option<&'static str>,
    pub(crate) play: Play,
    /// What another server plays, which the spec does not name unless the case says so.
    pub(crate) other: Option<Play>,
    pub(crate) ends: Ends,
    /// The page or order that a message names.
    pub(crate) page: u64,
    /// What the message shows of the URL.
    pub(crate) url: &'static str,
    /// How many requests may be sent in all.
    pub(crate) requests: Option<usize>,
    /// How long the run takes at least.
    pub(crate) waits: Duration,
    /// The ids that come out where all is well, if not those of all pages.
    pub(crate) ids: Option<Vec<u64>>,
    /// What is not met yet, and whose it is.
    pub(crate) gap: Option<&'static str>,
}

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Reads pages, in this way.
    Read(&'static str),
    /// Makes three orders, by such a request.
    Write {
        /// `POST`, `PUT`, …
        method: &'static str,
        /// Whether an idempotency key goes along.
        key: bool,
    },
}

/// How a run ends.
#[derive(Clone, Debug)]
pub(crate) enum Ends {
    /// With every record, once.
    Complete(&'static str),
    /// With a message that names the page and the URL.
    Fails {
        /// The code of the message.
        code: &'static str,
        /// What the message says of it.
        says: &'static str,
    },
}

impl Case {
    /// Begins a case in which nothing is wrong.
    pub(crate) fn new(fault: impl Into<String>) -> Self {
        Self {
            fault: fault.into(),
            flow: Flow::Read("{type: page}"),
            api: String::new(),
            timeout: "20s",
            retry: "{attempts: 3, backoff: {initial: 1ms, max: 2ms}}",
            base_url: None,
            play: Arc::new(|asked: &Asked<'_>| asked.good()),
            other: None,
            ends: Ends::Complete("all records come"),
            page: 2,
            url: "/orders",
            requests: None,
            waits: Duration::ZERO,
            ids: None,
            gap: None,
        }
    }

    /// Turns pages in another way.
    pub(crate) fn pages(mut self, paginate: &'static str) -> Self {
        self.flow = Flow::Read(paginate);
        self
    }

    /// Makes orders instead of reading them.
    pub(crate) fn writes(mut self, method: &'static str, key: bool) -> Self {
        self.flow = Flow::Write { method, key };
        self
    }

    /// Adds keys to the API.
    pub(crate) fn api(mut self, yaml: impl Into<String>) -> Self {
        self.api = yaml.into();
        self
    }

    /// Waits for an answer no longer than this.
    pub(crate) fn timeout(mut self, timeout: &'static str) -> Self {
        self.timeout = timeout;
        self
    }

    /// Tries again in another way.
    pub(crate) fn retry(mut self, retry: &'static str) -> Self {
        self.retry = retry;
        self
    }

    /// Goes elsewhere.
    pub(crate) fn base_url(mut self, url: &'static str) -> Self {
        self.base_url = Some(url);
        self
    }

    /// Plays something else for all requests.
    pub(crate) fn plays(mut self, play: impl Fn(&Asked<'_>) -> Reply + Send + Sync + 'static) -> Self {
        self.play = Arc::new(play);
        self
    }

    /// Plays the fault for the first requests of a page.
    pub(crate) fn on(
        mut self,
        page: u64,
        times: u64,
        fault: impl Fn(&Asked<'_>) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let before = self.play;
        self.play = Arc::new(
            move |asked| if asked.page == page && asked.attempt <= times { fault(asked) } else { before(asked) },
        );
        self
    }

    /// Plays something on another server.
    pub(crate) fn other(mut self, play: impl Fn(&Asked<'_>) -> Reply + Send + Sync + 'static) -> Self {
        self.other = Some(Arc::new(play));
        self
    }

    /// Ends with every record.
    pub(crate) fn complete(mut self, how: &'static str) -> Self {
        self.ends = Ends::Complete(how);
        self
    }

    /// Ends with a message about a page.
    pub(crate) fn fails(mut self, page: u64, code: &'static str, says: &'static str) -> Self {
        self.page = page;
        self.ends = Ends::Fails { code, says };
        self
    }

    /// Shows another URL in its message.
    pub(crate) fn shows(mut self, url: &'static str) -> Self {
        self.url = url;
        self
    }

    /// Sends no more requests than these.
    pub(crate) fn requests(mut self, requests: usize) -> Self {
        self.requests = Some(requests);
        self
    }

    /// Takes so long at least.
    pub(crate) fn waits(mut self, millis: u64) -> Self {
        self.waits = Duration::from_millis(millis);
        self
    }

    /// Gives other records than those of all pages.
    pub(crate) fn gives(mut self, ids: Vec<u64>) -> Self {
        self.ids = Some(ids);
        self
    }

    /// Marks what the engine does not do yet. The expectation stays, and the mark goes as soon as it is met.
    #[expect(dead_code, reason = "nothing is open now")]
    pub(crate) fn gap(mut self, gap: &'static str) -> Self {
        self.gap = Some(gap);
        self
    }

    /// Writes the spec.
    pub(crate) fn spec(&self) -> String {
        let Self { api, timeout, retry, .. } = self;
        let secrets = if api.contains("secrets.") { "secrets: {token: {env: TOKEN}}" } else { "" };
        let base_url = self.base_url.unwrap_or("{{ inputs.url }}");
        let head = format!(
            r#"version: 1
inputs:
  url: {{type: string, env: SERVER_URL}}
  other: {{type: string, env: OTHER_URL}}
{secrets}
apis:
  shop:
    base_url: "{base_url}"
    timeout: {timeout}
    retry: {retry}
    {api}
    endpoints:
"#
        );
        let rest = match self.flow {
            Flow::Read(paginate) => format!(
                r"      list_orders:
        request: GET /orders
        records: $.orders
        paginate: {paginate}
steps:
  - id: orders
    read: shop.list_orders
    map: {{id: {{from: $.id, required: true}}}}
"
            ),
            Flow::Write { method, key } => {
                let idempotency = if key { "idempotency: {in: header.Idempotency-Key}" } else { "" };
                format!(
                    r#"      create_order:
        request: {method} /orders
        params: {{order: {{type: object, required: true}}}}
        body: {{json: "{{{{ params.order }}}}"}}
        {idempotency}
steps:
  - id: orders
    for_each: [{{id: 1}}, {{id: 2}}, {{id: 3}}]
    call: {{endpoint: shop.create_order, params: {{order: "{{{{ item }}}}"}}}}
    extract: {{id: {{from: $.id, required: true}}}}
"#
                )
            }
        };
        head + &rest
    }
}
