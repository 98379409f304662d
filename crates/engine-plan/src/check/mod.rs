//! All checks of a spec: one walk over the model, with the tree beside it.
//!
//! Every struct of the model is taken apart here with all its fields, so that a field that is added is not forgotten.

mod again;
mod api;
mod at;
mod auth;
mod call;
mod combination;
mod composite;
mod example;
mod flow;
mod input;
mod key;
mod leaf;
mod mapping;
mod names;
mod read;
mod reference;
mod schema;
mod scopes;
mod signing;
mod sink;
mod step;
mod suite;
mod trigger;

#[cfg(test)]
mod coverage;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use engine_expr::{Condition, Dynamic, DynamicLeaf, JsonPath, Setting, Template};
use engine_request::{QueryValue, Style};
use engine_source::{Finding, Findings, Map, Node, Sources, Span};
use engine_spec::{Keyring, Secret, Spec, Step};

pub(crate) use at::At;
pub(crate) use flow::FlowUse;
pub(crate) use input::{Taken, is_missing};
pub(crate) use reference::all;
pub use scopes::{COUNTS, GivenName, STEP_MEMBERS, Scope, given_names};

use self::composite::Composition;
use self::names::{
    BATCH, GIVEN, INPUTS, ITEM, Names, ORIGINAL, PARENT, RESPONSE, RUN, SECRETS, STEPS, STREAM, TRIGGER, VARS,
};
use crate::catalog::Catalog;
use crate::files::Files;
use crate::plan::Schema;

/// Looks through a spec.
pub(crate) struct Checker<'a> {
    spec: &'a Spec,
    root: At<'a>,
    sources: &'a mut Sources,
    files: &'a dyn Files,
    catalog: &'a Catalog<'a>,
    findings: Findings,
    /// The vars that are known here, those of steps after those of the spec.
    vars: Vec<Var<'a>>,
    /// The vars of the spec that come after the one that is looked at.
    later_vars: Vec<&'a str>,
    /// The steps that are known here.
    steps: Vec<StepName<'a>>,
    /// All steps that have an id, known here or not.
    all_steps: HashMap<&'a str, Span>,
    /// Whether steps may have any name, as for mappings that nobody uses.
    any_step: bool,
    /// The step that is looked at, after those that it is within.
    chain: Vec<Spot>,
    /// The place of the id of the step that is looked at, while its source is.
    own_id: Option<Span>,
    /// Whether there are items here.
    in_stream: bool,
    /// Whether it is a flow whose steps are looked at, and not an endpoint.
    in_flow: bool,
    /// The number of the endpoint whose steps are looked at.
    composite: Option<usize>,
    /// Whether what is looked at happens for each of something.
    repeats: bool,
    /// Which endpoints made of steps use which others, other than for each of something.
    compositions: Vec<Composition<'a>>,
    /// Whether an import is missing, and with it what it would have brought.
    is_partial: bool,
    /// Whether the flow waits somewhere.
    has_wait: bool,
    /// Names that are declared, but lost to mistakes.
    lost_params: HashSet<&'a str>,
    lost_vars: HashSet<&'a str>,
    lost_steps: HashSet<&'a str>,
    used_secrets: HashSet<Arc<str>>,
    used_all_secrets: bool,
    used_mappings: HashSet<Arc<str>>,
    step_uses: Vec<StepUse>,
    schemas: HashMap<Span, Schema>,
    flows: Vec<FlowUse>,
    /// Whether it is taken note of which names are known where.
    observes: bool,
    scopes: Vec<Scope>,
    #[cfg(test)]
    seen: Vec<String>,
}

/// A var that is known.
struct Var<'a> {
    name: &'a str,
    span: Span,
    /// Whether it is made of a secret.
    secret: bool,
    /// Whether it is computed for each item.
    per_item: bool,
}

/// A step that is known.
struct StepName<'a> {
    id: &'a str,
    span: Span,
    /// Where it stands.
    spot: Spot,
    /// Whether its items have a parent.
    parent: bool,
}

/// A step's place in the block that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spot {
    /// The address of the block.
    block: Arc<str>,
    /// Its number in it.
    index: usize,
}

/// A step names another one.
#[derive(Clone, Debug)]
pub(crate) struct StepUse {
    /// The address of the block in which the named one is.
    pub(crate) block: Arc<str>,
    /// The step of that block that names it, or within which it is named; none if that is elsewhere.
    pub(crate) by: Option<usize>,
    /// Who is named.
    pub(crate) of: usize,
    /// Whether its last item is asked for.
    pub(crate) last: bool,
    /// Whether all its items are asked for.
    pub(crate) all: bool,
}

/// What was found while checking.
pub(crate) struct Checked {
    /// What is wrong.
    pub(crate) findings: Findings,
    /// Which steps name which others.
    pub(crate) step_uses: Vec<StepUse>,
    /// The schemas that were compiled, by the places of what names them.
    pub(crate) schemas: HashMap<Span, Schema>,
    /// The flows that are run.
    pub(crate) flows: Vec<FlowUse>,
    /// Which names are known where, if that was asked for.
    pub(crate) scopes: Vec<Scope>,
}

/// What is known about a spec before it is checked.
#[derive(Clone, Copy)]
pub(crate) struct Before<'f> {
    /// What was found about it.
    pub(crate) findings: &'f Findings,
    /// Whether an import is missing.
    pub(crate) is_partial: bool,
    /// Whether it is to be taken note of which names are known where.
    pub(crate) observes: bool,
}

/// Checks a spec.
pub(crate) fn check<'a>(
    spec: &'a Spec,
    root: &'a Node,
    catalog: &'a Catalog<'a>,
    sources: &'a mut Sources,
    files: &'a dyn Files,
    before: Before<'_>,
) -> Checked {
    let mut checker = Checker::new(spec, root, catalog, sources, files);
    checker.is_partial = before.is_partial;
    checker.observes = before.observes;
    checker.all(!before.findings.has_errors());
    let Checker { findings, step_uses, schemas, flows, scopes, .. } = checker;
    Checked { findings, step_uses, schemas, flows, scopes }
}

impl<'a> Checker<'a> {
    fn new(
        spec: &'a Spec,
        root: &'a Node,
        catalog: &'a Catalog<'a>,
        sources: &'a mut Sources,
        files: &'a dyn Files,
    ) -> Self {
        let root = At::new(root);
        let mut all_steps = HashMap::new();
        let flows = [&spec.steps, &spec.on_failure, &spec.finally];
        for steps in flows {
            ids(steps, &mut all_steps);
        }
        let mut lost_steps = HashSet::new();
        for section in ["steps", "on_failure", "finally"] {
            for step in root.get(section).node().map(Node::items).unwrap_or_default() {
                lost_steps.extend(step.get("id").and_then(Node::as_str));
            }
        }
        let declared = root.get("vars").node().map(Node::entries).unwrap_or_default();
        let lost_vars =
            declared.iter().map(|entry| &*entry.key.text).filter(|name| !spec.vars.contains_key(name)).collect();
        Self {
            spec,
            root,
            sources,
            files,
            catalog,
            findings: Findings::new(),
            vars: Vec::new(),
            later_vars: Vec::new(),
            steps: Vec::new(),
            all_steps,
            any_step: false,
            chain: Vec::new(),
            own_id: None,
            in_stream: false,
            in_flow: true,
            composite: None,
            repeats: false,
            compositions: Vec::new(),
            is_partial: false,
            has_wait: flows.into_iter().any(|steps| waits(steps)),
            lost_params: HashSet::new(),
            lost_vars,
            lost_steps,
            used_secrets: HashSet::new(),
            used_all_secrets: false,
            used_mappings: HashSet::new(),
            step_uses: Vec::new(),
            schemas: HashMap::new(),
            flows: Vec::new(),
            observes: false,
            scopes: Vec::new(),
            #[cfg(test)]
            seen: Vec::new(),
        }
    }

    fn all(&mut self, is_whole: bool) {
        let Spec {
            version: _,
            name: _,
            description: _,
            imports: _,
            inputs: _,
            secrets,
            vars,
            apis: _,
            mappings,
            sinks: _,
            triggers: _,
            steps,
            on_failure: _,
            finally: _,
            tests: _,
        } = self.spec;
        self.inputs();
        let given = Names::of(&[INPUTS]);
        for (_, secret) in secrets.iter() {
            self.secret(secret, &given);
        }
        self.later_vars = vars.keys().collect();
        self.later_vars.reverse();
        let known = Names::of(&[INPUTS, SECRETS, VARS, RUN, TRIGGER]);
        for (name, value) in vars.iter() {
            self.dynamic(value, &known);
            self.later_vars.pop();
            let secret = self.is_secret(value);
            self.vars.push(Var { name: &name.value, span: name.span, secret, per_item: false });
        }
        self.apis();
        self.endless();
        self.sinks();
        self.flow();
        self.any_step = true;
        let anywhere = Names::of(GIVEN)
            .and(&[ITEM, ORIGINAL, PARENT, BATCH, STEPS, RESPONSE, STREAM, TRIGGER])
            .with_root()
            .hiding("`map`");
        for (name, mapping) in mappings.iter() {
            if !self.used_mappings.contains(&name.value) {
                self.mapping(mapping, &anywhere);
            }
        }
        self.any_step = false;
        self.triggers();
        self.tests();
        if is_whole {
            let own = self.root.node().map(|node| node.span().source);
            let is_own = |span: Span| Some(span.source) == own;
            for (name, _) in secrets.iter() {
                if !self.used_all_secrets && !self.used_secrets.contains(&name.value) && is_own(name.span) {
                    self.findings.push(
                        Finding::warning("unused-secret", format!("the secret `{}` is never used", name.value))
                            .label(name.span, "never used")
                            .help(format!("remove it, or use it: `{{{{ secrets.{} }}}}`", name.value)),
                    );
                }
            }
            for (name, _) in mappings.iter() {
                if !steps.is_empty() && !self.used_mappings.contains(&name.value) && is_own(name.span) {
                    self.findings.push(
                        Finding::warning("unused-mapping", format!("the mapping `{}` is never used", name.value))
                            .label(name.span, "never used")
                            .help(format!("remove it, or use it: `map: {}`", name.value)),
                    );
                }
            }
        }
    }

    /// Takes note that the step that is looked at asks for records of another.
    fn use_step(&mut self, of: &Spot, last: bool, all: bool) {
        // Who names a step from within another makes that one wait; those after the flow have nothing to wait for.
        let by = self.chain.iter().find(|spot| spot.block == of.block).map(|spot| spot.index);
        self.step_uses.push(StepUse { block: Arc::clone(&of.block), by, of: of.index, last, all });
    }

    /// Says that a number that is given must be above zero.
    fn positive<T: Copy + Into<u64>>(&mut self, setting: Option<&Setting<T>>, what: &str, names: &Names<'a>) {
        self.setting(setting, names);
        let Some(setting) = setting else { return };
        if setting.as_value().is_some_and(|value| (*value).into() == 0) {
            self.findings.push(
                Finding::error("invalid-value", format!("`{what}` must be at least 1"))
                    .label(setting.span(), "nothing would happen")
                    .help("write 1 or more, or leave it out"),
            );
        }
    }

    /// Checks headers.
    fn headers(&mut self, headers: &'a Map<QueryValue>, names: &Names<'a>) {
        for (name, value) in headers {
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+.^_`|~-".contains(&byte);
            if name.value.is_empty() || !name.value.bytes().all(is_token) {
                let better: String =
                    name.value.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '-' }).collect();
                self.findings.push(
                    Finding::error("invalid-value", format!("`{}` is not the name of a header", name.value))
                        .label(name.span, "not a header name")
                        .help(format!("did you mean `{better}`?")),
                );
            }
            if let Some(style @ (Style::Brackets | Style::DeepObject)) = value.style() {
                let style = if style == Style::Brackets { "brackets" } else { "deep_object" };
                self.findings.push(
                    Finding::error("invalid-value", format!("`{style}` is no style of a header"))
                        .label(name.span, "a header is one text")
                        .help("use `comma`, or write the value as JSON: `| tojson`"),
                );
            }
        }
        self.query(headers, names);
    }

    fn secret(&mut self, secret: &'a Secret, names: &Names<'a>) {
        let Secret { env: _, file, command, keyring, optional } = secret;
        self.maybe_template(file.as_ref(), names);
        for part in command.iter().flatten() {
            self.template(part, names);
        }
        if let Some(Keyring { service, user }) = keyring {
            self.template(service, names);
            self.template(user, names);
        }
        self.setting(optional.as_ref(), names);
    }

    /// Returns whether a value is made of a secret.
    fn is_secret(&self, value: &Dynamic) -> bool {
        let mut secret = false;
        value.visit(&mut |leaf| {
            let DynamicLeaf::Template(template) = leaf else { return };
            secret |= template.names().iter().any(|name| match (name.root(), name.path.get(1)) {
                ("secrets", _) => true,
                ("vars", Some(member)) => self.vars.iter().any(|var| *var.name == **member && var.secret),
                _ => false,
            });
        });
        secret
    }

    /// Checks a path of which each record may say a part: each `{{ }}` is one name in it, which is not known within statements.
    fn path_per_item(&mut self, template: &Template) {
        if !template.text().contains("{%") {
            return;
        }
        for name in template.names() {
            let per_item = match name.root() {
                "inputs" | "run" | "trigger" | "secrets" => false,
                "vars" => name
                    .path
                    .get(1)
                    .is_some_and(|member| self.vars.iter().any(|var| *var.name == **member && var.per_item)),
                _ => true,
            };
            if per_item {
                let at = template.text().find("{%").unwrap_or_default();
                self.findings.push(
                    Finding::error("invalid-value", "a path that records say a part of has no `{% %}` in it")
                        .label(self.sources.within(template.span(), at..at + 2), "not in such a path")
                        .help("write an expression: `{{ 'a' if … else 'b' }}`"),
                );
                return;
            }
        }
    }

    /// Returns whether a section of the spec has such a name, even if what it stands for was lost to a mistake.
    fn declares(&self, section: &str, name: &str) -> bool {
        self.is_partial || self.root.get(section).has(name) || self.is_misspelt(section)
    }

    /// Returns whether another key stands in the place of a section, which was said.
    fn is_misspelt(&self, section: &str) -> bool {
        let entries = self.root.node().map(engine_source::Node::entries).unwrap_or_default();
        let is_there = |entry: &engine_source::Entry| &*entry.key.text == section;
        !entries.iter().any(is_there)
            && entries.iter().any(|entry| engine_source::similar(&entry.key.text, [section]).is_some())
    }

    /// Returns a place for a help: the line and column if it is in the same file, else with the file; empty if there is none.
    fn place(&self, from: Span, to: Span) -> String {
        if to.is_none() {
            return String::new();
        }
        if from.source != to.source {
            return self.sources.place(to);
        }
        let (line, column) = self.sources.get(to.source).line_column(to.start);
        format!("{line}:{column}")
    }

    #[cfg(test)]
    fn see(&mut self, template: &Template) {
        self.seen.push(template.text().to_owned());
    }

    #[cfg(test)]
    fn see_condition(&mut self, condition: &Condition) {
        self.seen.push(condition.text().to_owned());
    }

    #[cfg(test)]
    fn see_path(&mut self, path: &JsonPath) {
        self.seen.push(path.text().to_owned());
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "only tests look at what was seen")]
    fn see(&self, _: &Template) {}

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "only tests look at what was seen")]
    fn see_condition(&self, _: &Condition) {}

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "only tests look at what was seen")]
    fn see_path(&self, _: &JsonPath) {}
}

/// Lists the ids of steps and of the steps within them.
fn ids<'a>(steps: &'a [Step], found: &mut HashMap<&'a str, Span>) {
    for step in steps {
        if let Some(id) = &step.id {
            found.entry(id.as_str()).or_insert(id.span());
        }
        inner(step, &mut |steps| ids(steps, found));
    }
}

/// Returns whether one of the steps waits for something.
fn waits(steps: &[Step]) -> bool {
    steps.iter().any(|step| {
        let mut found = step.wait.is_some();
        inner(step, &mut |steps| found |= waits(steps));
        found
    })
}

/// Goes over the lists of steps within a step.
fn inner<'a>(step: &'a Step, visit: &mut dyn FnMut(&'a [Step])) {
    step.steps.iter().for_each(|steps| visit(steps));
    step.parallel.iter().flatten().for_each(|steps| visit(steps));
    for case in step.switch.iter().flatten() {
        visit(std::slice::from_ref(&*case.step));
    }
    if let Some(long) = step.on_error.as_ref().and_then(|it| it.long()) {
        visit(&long.steps);
    }
}
