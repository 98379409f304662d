//! Which names are known where (LANGUAGE.md, "Names, and what they mean where").

use engine_source::{Map, Span};
use engine_spec::Param;

/// A name that the language gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Root {
    /// The name.
    pub(crate) name: &'static str,
    /// Its bit in a [`Names`].
    bit: u32,
    /// Its members, where they are the language's; none if anything may be a member.
    pub(crate) members: &'static [&'static str],
    /// Where it is known, to finish the sentence "… is known".
    pub(crate) home: &'static str,
}

macro_rules! roots {
    ($($constant:ident $bit:literal $name:literal [$($member:literal)*] $home:literal;)*) => {
        $(pub(crate) const $constant: Root =
            Root { name: $name, bit: 1 << $bit, members: &[$($member),*], home: $home };)*

        /// All names that the language gives.
        pub(crate) const ROOTS: &[Root] = &[$($constant),*];
    };
}

roots! {
    ITEM 0 "item" [] "in steps";
    ORIGINAL 1 "original" [] "in steps, where there are items";
    PARENT 2 "parent" [] "after a `read` under `for_each` (in the read itself it is `item`), after `explode` and in `each`";
    BATCH 3 "batch" [] "after `batch`";
    STEPS 4 "steps" [] "in steps";
    RESPONSE 5 "response" ["status" "headers" "body"]
        "where there is an answer: in `paginate`, `errors`, `extract`, `expect`, `until`, and in steps that read";
    REQUEST 6 "request" ["method" "url" "path" "query" "headers" "body"] "in `paginate`, `errors`, `expect`, and in the answers of tests";
    WINDOW 7 "window" ["start" "end"] "where a read is `incremental`";
    STREAM 8 "stream" [] "in steps whose records come from a read or a step";
    PARAMS 9 "params" [] "in endpoints";
    PAGE 10 "page" ["number" "count"] "in `paginate`";
    LAST 11 "last" [] "in `paginate`";
    TRIGGER 12 "trigger" ["type" "body" "body_raw" "headers" "query" "path" "time"] "in steps and triggers";
    RUN 13 "run" ["id" "flow" "started_at" "status" "error"] "in steps and APIs";
    INPUTS 14 "inputs" [] "in what a run does";
    VARS 15 "vars" [] "in what a run does";
    SECRETS 16 "secrets" [] "in `apis`, `sinks` and `verify`";
    AUTH 17 "auth" [] "in APIs whose auth has an `answer`";
    ERROR 18 "error" ["kind" "status" "message" "step"] "in the steps of `on_error`";
    WAIT 19 "wait" ["url"] "in flows that `wait` for an event";
    SIGNATURE 20 "signature" [] "in the `headers` of hmac auth";
    TS 21 "ts" [] "in what is `signed`, where `format` or `timestamp` says the time";
}

/// The members of `request` in the `message` of hmac auth.
pub(crate) const SIGNED: &[&str] = &["method", "url", "path", "query", "headers", "body", "timestamp", "nonce"];

/// The members of `steps.ID`.
pub const STEP_MEMBERS: &[&str] = &["item", "items", "status", "error", "counts"];

/// The members of `steps.ID.counts`.
pub const COUNTS: &[&str] = &["read", "dropped", "invalid", "sent", "failed", "skipped", "dead_lettered", "out"];

/// The names that are known at one place, and what else holds there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Names<'a> {
    roots: u32,
    /// The params of the endpoint.
    pub(crate) params: Option<&'a Map<Param>>,
    /// What the answers of the API's auth are kept as.
    pub(crate) auth: &'a [(&'a str, Span)],
    /// Where secrets are not allowed, in words; none if they are.
    pub(crate) hides: Option<&'static str>,
    /// Whether a path has something to start from.
    pub(crate) rooted: bool,
    /// Whether `request` is what is about to be signed.
    pub(crate) signed: bool,
    /// What to do where there is no `item` yet; none if nothing special.
    pub(crate) no_item: Option<&'static str>,
}

impl<'a> Names<'a> {
    /// Makes a place where these are known.
    pub(crate) const fn of(roots: &[Root]) -> Self {
        Names { roots: 0, params: None, auth: &[], hides: None, rooted: false, signed: false, no_item: None }.and(roots)
    }

    /// Adds names.
    pub(crate) const fn and(mut self, roots: &[Root]) -> Self {
        let mut index = 0;
        while index < roots.len() {
            self.roots |= roots[index].bit;
            index += 1;
        }
        self
    }

    /// Adds a name if something holds.
    pub(crate) const fn and_if(self, holds: bool, root: Root) -> Self {
        if holds { self.and(&[root]) } else { self }
    }

    /// Takes names away.
    pub(crate) const fn less(mut self, roots: &[Root]) -> Self {
        let mut index = 0;
        while index < roots.len() {
            self.roots &= !roots[index].bit;
            index += 1;
        }
        self
    }

    /// Gives paths something to start from.
    pub(crate) const fn with_root(self) -> Self {
        Self { rooted: true, ..self }
    }

    /// Takes from paths what they start from.
    pub(crate) const fn without_root(self) -> Self {
        Self { rooted: false, ..self }
    }

    /// Forbids secrets.
    pub(crate) const fn hiding(self, place: &'static str) -> Self {
        Self { hides: Some(place), ..self }
    }

    /// Knows the params of an endpoint.
    pub(crate) const fn with_params(self, params: &'a Map<Param>) -> Self {
        Self { params: Some(params), ..self }.and(&[PARAMS])
    }

    /// Knows what the answers of an auth are kept as.
    pub(crate) const fn keeping(self, auth: &'a [(&'a str, Span)]) -> Self {
        Self { auth, ..self }.and_if(!auth.is_empty(), AUTH)
    }

    /// Knows `request` as what is about to be signed.
    pub(crate) const fn signing(self) -> Self {
        Self { signed: true, ..self }
    }

    /// Knows what to do instead of naming an `item`.
    pub(crate) const fn without_item(self, instead: &'static str) -> Self {
        Self { no_item: Some(instead), ..self }.less(&[ITEM, ORIGINAL])
    }

    /// Returns whether a name is known.
    pub(crate) const fn has(&self, root: Root) -> bool {
        self.roots & root.bit != 0
    }

    /// Returns the names that are known.
    pub(crate) fn known(&self) -> impl Iterator<Item = &'static str> {
        let roots = self.roots;
        ROOTS.iter().filter(move |root| roots & root.bit != 0).map(|root| root.name)
    }
}

/// What is known wherever something runs.
pub(crate) const GIVEN: &[Root] = &[INPUTS, VARS, SECRETS, RUN];

/// Returns a name that the language gives.
pub(crate) fn root(name: &str) -> Option<&'static Root> {
    ROOTS.iter().find(|root| root.name == name)
}
