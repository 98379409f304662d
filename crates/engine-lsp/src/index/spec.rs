//! Walks over the sections of a spec.

use std::sync::Arc;

use engine_source::{Entry, Key, Kind, Node, Sources, Span};

use super::{Index, Occurrence, Symbol};

/// A list of names that something defines, and where it begins.
pub(super) type Block = (u32, Vec<Arc<str>>);

/// What is known on the way.
pub(super) struct Walk<'a> {
    pub(super) sources: &'a Sources,
    is_test: bool,
    index: Index,
    /// The API and the endpoint that it is in.
    pub(super) api: Option<Arc<str>>,
    pub(super) endpoint: Option<Arc<str>>,
    /// The lists of steps that it is in, outermost first, with their ids.
    pub(super) blocks: Vec<Block>,
    /// The `vars` of the steps that it is in, outermost first.
    pub(super) vars: Vec<Block>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(sources: &'a Sources, is_test: bool) -> Self {
        Self {
            sources,
            is_test,
            index: Index::default(),
            api: None,
            endpoint: None,
            blocks: Vec::new(),
            vars: Vec::new(),
        }
    }

    /// Ends the walk: what names a step in another list than those around it finds it now.
    pub(super) fn finish(self) -> Index {
        let Index { mut occurrences, imports, tested } = self.index;
        let known: Vec<Symbol> = occurrences
            .iter()
            .filter(|one| match one.symbol {
                Symbol::Step(..) => one.is_definition,
                // Most are defined in another file than the one whose steps read them.
                Symbol::Endpoint(..) => true,
                _ => false,
            })
            .map(|one| one.symbol.clone())
            .collect();
        for one in &mut occurrences {
            if let Symbol::Step(None, id) = &one.symbol
                && let Some(meant) = steps_first(&known, id)
            {
                one.symbol = meant.clone();
            }
        }
        occurrences.sort_by_key(|one| (one.span, !one.is_definition));
        // What is anchored is walked over once for each alias.
        occurrences.dedup_by(|later, kept| later.span == kept.span && later.symbol == kept.symbol);
        Index { occurrences, imports, tested }
    }

    pub(super) fn define(&mut self, key: &Key, symbol: Symbol, value: &Node) {
        let span = self.inner(key.span, &key.text);
        self.index.occurrences.push(Occurrence { span, symbol, is_definition: true, value: Some(value.span()) });
    }

    /// Takes note of a scalar that defines a name, as `id: orders`.
    pub(super) fn define_scalar(&mut self, node: &Node, symbol: Symbol, value: Span) {
        let span = self.inner(node.span(), symbol.name());
        self.index.occurrences.push(Occurrence { span, symbol, is_definition: true, value: Some(value) });
    }

    pub(super) fn uses(&mut self, span: Span, symbol: Symbol) {
        if !span.is_empty() {
            self.index.occurrences.push(Occurrence { span, symbol, is_definition: false, value: None });
        }
    }

    pub(super) fn uses_key(&mut self, key: &Key, symbol: Symbol) {
        let span = self.inner(key.span, symbol.name());
        self.uses(span, symbol);
    }

    /// Returns the place of a name within what may be in quotes.
    pub(super) fn inner(&self, span: Span, name: &str) -> Span {
        let written = self.sources.text_of(span);
        match written.find(name) {
            Some(at) => {
                let start = span.range().start + at;
                Span::new(span.source, start..start + name.len())
            }
            None => span,
        }
    }

    pub(super) fn document(&mut self, root: &Node) {
        for import in root.get("imports").map(Node::items).unwrap_or_default() {
            if let Kind::String(name) = import.kind() {
                self.index.imports.push(Arc::clone(name));
                let span = self.inner(import.span(), name);
                self.uses(span, Symbol::File(Arc::clone(name)));
            }
        }
        if let Some(node) = root.get("spec").filter(|_| self.is_test)
            && let Kind::String(name) = node.kind()
        {
            self.index.tested = Some(Arc::clone(name));
            let span = self.inner(node.span(), name);
            self.uses(span, Symbol::File(Arc::clone(name)));
        }
        // The steps of the flow are known in all that comes after it, too.
        if let Some(steps) = root.get("steps") {
            self.blocks.push(Self::block(steps));
        }
        for entry in root.entries() {
            self.section(entry);
        }
        self.blocks.clear();
    }

    fn section(&mut self, entry: &Entry) {
        let value = &entry.value;
        match &*entry.key.text {
            "inputs" => self.named(value, Symbol::Input),
            "secrets" => self.named(value, Symbol::Secret),
            "vars" => self.named(value, |name| Symbol::Var(None, name)),
            "sinks" => self.named(value, Symbol::Sink),
            "mappings" => {
                for entry in value.entries() {
                    self.define(&entry.key, Symbol::Mapping(Arc::clone(&entry.key.text)), &entry.value);
                    self.mapping(&entry.value);
                }
            }
            "apis" => value.entries().iter().for_each(|entry| self.an_api(entry)),
            "steps" => self.each_step(value),
            "on_failure" | "finally" => self.steps(value),
            "tests" => value.items().iter().for_each(|test| self.test(test)),
            "imports" | "spec" => {}
            _ => self.settings(value),
        }
    }

    fn named(&mut self, section: &Node, symbol: impl Fn(Arc<str>) -> Symbol) {
        for entry in section.entries() {
            self.define(&entry.key, symbol(Arc::clone(&entry.key.text)), &entry.value);
            self.data(&entry.value);
        }
    }

    fn an_api(&mut self, entry: &Entry) {
        let api = Arc::clone(&entry.key.text);
        self.define(&entry.key, Symbol::Api(Arc::clone(&api)), &entry.value);
        self.api = Some(Arc::clone(&api));
        for member in entry.value.entries() {
            match &*member.key.text {
                "endpoints" => {
                    for endpoint in member.value.entries() {
                        let name = Arc::clone(&endpoint.key.text);
                        self.define(
                            &endpoint.key,
                            Symbol::Endpoint(Arc::clone(&api), Arc::clone(&name)),
                            &endpoint.value,
                        );
                        self.endpoint = Some(name);
                        endpoint.value.entries().iter().for_each(|member| self.endpoint_member(member));
                        self.endpoint = None;
                    }
                }
                _ => self.api_member(member),
            }
        }
        self.api = None;
    }

    fn endpoint_member(&mut self, member: &Entry) {
        match (&*member.key.text, &self.api, &self.endpoint) {
            ("params", Some(api), Some(endpoint)) => {
                let (api, endpoint) = (Arc::clone(api), Arc::clone(endpoint));
                for entry in member.value.entries() {
                    let name = Arc::clone(&entry.key.text);
                    let symbol = Symbol::Param(Arc::clone(&api), Arc::clone(&endpoint), name);
                    self.define(&entry.key, symbol, &entry.value);
                    self.data(&entry.value);
                }
            }
            ("request", ..) => self.request(&member.value),
            ("steps", ..) => {
                let outer = std::mem::take(&mut self.blocks);
                self.steps(&member.value);
                self.blocks = outer;
            }
            _ => self.api_member(member),
        }
    }

    fn api_member(&mut self, member: &Entry) {
        match &*member.key.text {
            "auth" => {
                self.logins(&member.value);
                self.settings(&member.value);
            }
            "query" | "headers" | "body" | "example" => self.data(&member.value),
            _ => self.settings(&member.value),
        }
    }

    /// Finds the endpoints that log in.
    fn logins(&mut self, auth: &Node) {
        for entry in auth.entries() {
            match (&*entry.key.text, &self.api) {
                ("login", Some(api)) => {
                    let api = Arc::clone(api);
                    for node in one_or_many(&entry.value) {
                        if let Kind::String(name) = node.kind() {
                            let span = self.inner(node.span(), name);
                            self.uses(span, Symbol::Endpoint(Arc::clone(&api), Arc::clone(name)));
                        }
                    }
                }
                _ => self.logins(&entry.value),
            }
        }
        auth.items().iter().for_each(|one| self.logins(one));
    }

    fn test(&mut self, test: &Node) {
        // Its own steps, if it has some, are those that it expects something of.
        let own = test.get("steps").map(Self::block);
        let has_own = own.is_some();
        self.blocks.extend(own);
        for entry in test.entries() {
            let keys = entry.value.entries();
            match &*entry.key.text {
                "inputs" => {
                    for one in keys {
                        self.uses_key(&one.key, Symbol::Input(Arc::clone(&one.key.text)));
                    }
                }
                "secrets" => {
                    for one in keys {
                        self.uses_key(&one.key, Symbol::Secret(Arc::clone(&one.key.text)));
                    }
                }
                "rows" => keys.iter().for_each(|one| self.sink_key(&one.key)),
                "state" => keys.iter().for_each(|one| self.cursor_key(&one.key)),
                "mock" => keys.iter().for_each(|one| {
                    self.endpoint_key(&one.key);
                    self.data(&one.value);
                }),
                "steps" => self.each_step(&entry.value),
                "expect" => keys.iter().for_each(|one| self.expectation(one)),
                _ => {}
            }
        }
        if has_own {
            self.blocks.pop();
        }
    }

    fn expectation(&mut self, entry: &Entry) {
        for one in entry.value.entries() {
            match &*entry.key.text {
                "requests" if &*one.key.text == "order" => {
                    one.value.items().iter().for_each(|name| self.endpoint_name(name));
                }
                "requests" => self.endpoint_key(&one.key),
                "written" => self.sink_key(&one.key),
                "state" => self.cursor_key(&one.key),
                "steps" | "dead_letters" => {
                    let symbol = self.step_named(&one.key.text);
                    self.uses_key(&one.key, symbol);
                }
                _ => {}
            }
        }
    }

    /// Takes what a cursor is called by: a step, or `API.ENDPOINT`.
    fn cursor_key(&mut self, key: &Key) {
        if key.text.contains('.') {
            self.endpoint_key(key);
        } else {
            let symbol = self.step_named(&key.text);
            self.uses_key(key, symbol);
        }
    }

    /// Takes `SINK.TABLE`.
    fn sink_key(&mut self, key: &Key) {
        let name = key.text.split('.').next().unwrap_or_default();
        let span = self.sources.within(key.span, 0..name.len());
        self.uses(span, Symbol::Sink(name.into()));
    }

    /// Takes `API.ENDPOINT`.
    fn endpoint_key(&mut self, key: &Key) {
        self.endpoint_text(&key.text, key.span);
    }
}

/// Returns the step of a name, or the endpoint: where there are no steps, cursors are called by what is read.
fn steps_first<'s>(known: &'s [Symbol], name: &str) -> Option<&'s Symbol> {
    let named = |wanted: fn(&Symbol) -> bool| known.iter().find(move |one| wanted(one) && **one.name() == *name);
    named(|one| matches!(one, Symbol::Step(..))).or_else(|| named(|one| matches!(one, Symbol::Endpoint(..))))
}

/// Returns a value, or the items of a list.
pub(super) fn one_or_many(node: &Node) -> &[Node] {
    match node.kind() {
        Kind::Seq(items) => items,
        _ => std::slice::from_ref(node),
    }
}
