//! Compiles a spec, and those whose flows it runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine_source::{Finding, Findings, Kind, Node, Span};
use engine_spec::Spec;
use engine_spec::test::TestFile;

use crate::build::build;
use crate::catalog::Catalog;
use crate::check::{Before, FlowUse, Scope, check};
use crate::files::Files;
use crate::flow;
use crate::load::{Loader, beside, normal, unreadable};
use crate::plan::{Plan, Trial};
use crate::{taken_over, trials};

/// What is known while specs are compiled.
pub(crate) struct Compiler<'f> {
    pub(crate) loader: Loader<'f>,
    files: &'f dyn Files,
    /// What is said about all of them.
    pub(crate) findings: Findings,
    /// The specs that are being compiled, each of which runs the flow of the next.
    chain: Vec<PathBuf>,
    /// The flows of other specs; none of those in which something is wrong.
    flows: HashMap<PathBuf, Option<Arc<Plan>>>,
    /// Whether it is taken note of which names are known where.
    pub(crate) observes: bool,
    /// Which names are known where.
    pub(crate) scopes: Vec<Scope>,
}

impl<'f> Compiler<'f> {
    /// Begins.
    pub(crate) fn new(files: &'f dyn Files) -> Self {
        Self {
            loader: Loader::new(files),
            files,
            findings: Findings::new(),
            chain: Vec::new(),
            flows: HashMap::new(),
            observes: false,
            scopes: Vec::new(),
        }
    }

    /// Compiles a spec, or one with the tests of a file beside it.
    pub(crate) fn any(&mut self, path: &Path) -> Option<Plan> {
        if TestFile::is_named(path) { self.tested(path) } else { self.spec(path) }
    }

    /// Compiles the spec that a file of tests names, with these tests in place of its own.
    fn tested(&mut self, path: &Path) -> Option<Plan> {
        let (own, mut findings) = self.loader.document(path);
        let file = own.as_ref().and_then(|own| engine_spec::read::<TestFile>(own, &mut findings));
        let (Some(own), Some(file)) = (own, file) else {
            self.findings.extend(findings);
            return None;
        };
        self.findings.extend(findings);
        let spec = beside(path, file.spec.as_str());
        if let Err(error) = self.files.read(&spec) {
            let finding = unreadable(&spec, &error).label(file.spec.span(), "the spec that is tested");
            self.findings.push(finding.help("the path is relative to this file"));
            return None;
        }
        let loaded = self.loader.load(&spec);
        let mut findings = loaded.findings;
        self.chain.push(normal(&spec));
        let tests = own.entry("tests").cloned();
        let plan = loaded.root.and_then(|root| {
            let mut entries = root.without("tests").entries().to_vec();
            entries.extend(tests);
            let root = Node::new(root.span(), Kind::Map(entries), root.style());
            self.plan(&spec, &root, loaded.is_partial, &mut findings)
        });
        self.chain.pop();
        self.findings.extend(findings);
        plan
    }

    /// Compiles a spec.
    pub(crate) fn spec(&mut self, path: &Path) -> Option<Plan> {
        let loaded = self.loader.load(path);
        let mut findings = loaded.findings;
        self.chain.push(normal(path));
        let plan = loaded.root.and_then(|root| self.plan(path, &root, loaded.is_partial, &mut findings));
        self.chain.pop();
        self.findings.extend(findings);
        plan
    }

    /// Checks a tree, and makes a plan of it if nothing is wrong.
    fn plan(&mut self, path: &Path, root: &Node, is_partial: bool, findings: &mut Findings) -> Option<Plan> {
        let root = &taken_over::webhooks(root);
        let mut shape = Findings::new();
        let spec = engine_spec::read::<Spec>(root, &mut shape);
        if let Some(version) = shape.iter().find(|finding| finding.code == "unsupported-version") {
            // Another version may mean something else by the same words.
            findings.push(version.clone());
            return None;
        }
        findings.extend(shape);
        let spec = spec?;
        let catalog = Catalog::new(&spec, root);
        let sources = &mut self.loader.sources;
        let before = Before { findings, is_partial, observes: self.observes };
        let mut checked = check(&spec, root, &catalog, sources, self.files, before);
        self.scopes.append(&mut checked.scopes);
        findings.extend(std::mem::take(&mut checked.findings));
        let flows = self.flows_of(&checked.flows, findings);
        if findings.has_errors() {
            return None;
        }
        let flows = flows?;
        findings.extend(trials::undefined(&spec, &catalog, &flows));
        let mut plan = build(&spec, root, &catalog, checked, &flows, path)?;
        plan.trials = self.trials(&spec, root, is_partial, path, findings);
        Some(plan)
    }

    /// Makes ready the tests: those with steps of their own are plans of their own.
    fn trials(
        &mut self,
        spec: &Spec,
        root: &Node,
        is_partial: bool,
        path: &Path,
        findings: &mut Findings,
    ) -> Vec<Trial> {
        let nodes = root.get("tests").map(Node::items).unwrap_or_default();
        let mut trials = Vec::new();
        for (test, node) in spec.tests.iter().zip(nodes) {
            let mut plan = None;
            if !test.steps.is_empty() {
                let (spec, root) = trials::with_steps(spec, root, test, node);
                let mut found = Findings::new();
                plan = self.plan_of(&spec, &root, is_partial, path, &mut found);
                // What is said of the rest of the spec was said of it already.
                let is_own = |finding: &Finding| trials::is_within(finding.span(), node.span());
                findings.extend(found.into_iter().filter(is_own));
            }
            trials.push(Trial::new(test, node.clone(), plan.map(Arc::new)));
        }
        trials
    }

    /// Makes a plan of a spec that was read.
    fn plan_of(
        &mut self,
        spec: &Spec,
        root: &Node,
        is_partial: bool,
        path: &Path,
        findings: &mut Findings,
    ) -> Option<Plan> {
        let catalog = Catalog::new(spec, root);
        let sources = &mut self.loader.sources;
        let before = Before { findings, is_partial, observes: self.observes };
        let mut checked = check(spec, root, &catalog, sources, self.files, before);
        self.scopes.append(&mut checked.scopes);
        findings.extend(std::mem::take(&mut checked.findings));
        let flows = self.flows_of(&checked.flows, findings);
        if findings.has_errors() { None } else { build(spec, root, &catalog, checked, &flows?, path) }
    }

    /// Compiles the flows that a spec runs; returns them by the places where they are named, unless something is wrong with one.
    fn flows_of(&mut self, uses: &[FlowUse], findings: &mut Findings) -> Option<HashMap<Span, Arc<Plan>>> {
        let mut flows = Some(HashMap::new());
        for one in uses {
            match self.flow_of(one, findings) {
                Some(plan) => {
                    findings.extend(flow::check_inputs(one, &plan, &self.loader.sources));
                    flows = flows.map(|mut flows| {
                        flows.insert(one.span(), plan);
                        flows
                    });
                }
                None => flows = None,
            }
        }
        flows
    }

    fn flow_of(&mut self, one: &FlowUse, findings: &mut Findings) -> Option<Arc<Plan>> {
        let name = one.spec.as_str();
        if let Some(finding) = flow::no_file(one) {
            findings.push(finding);
            return None;
        }
        let from = PathBuf::from(self.loader.sources.get(one.span().source).name());
        let path = beside(&from, name);
        if let Some(start) = self.chain.iter().position(|above| *above == path) {
            let ring = self.chain.iter().skip(start).map(PathBuf::as_path).chain([path.as_path()]);
            findings.push(flow::cycle(one, ring));
            return None;
        }
        if let Some(known) = self.flows.get(&path) {
            return known.clone();
        }
        if let Err(error) = self.files.read(&path) {
            findings.push(flow::missing(one, &path, &error, self.files));
            return None;
        }
        let plan = self.spec(&path).map(|plan| {
            let sources = Arc::new(self.loader.sources.clone());
            Arc::new(Plan { sources, ..plan })
        });
        self.flows.insert(path, plan.clone());
        plan
    }
}
