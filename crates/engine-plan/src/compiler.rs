//! Compiles a spec, and those whose flows it runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine_source::{Findings, Node, Span};
use engine_spec::Spec;

use crate::build::build;
use crate::catalog::Catalog;
use crate::check::{FlowUse, check};
use crate::files::Files;
use crate::flow;
use crate::load::{Loader, beside, normal};
use crate::plan::Plan;
use crate::unsupported;

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
}

impl<'f> Compiler<'f> {
    /// Begins.
    pub(crate) fn new(files: &'f dyn Files) -> Self {
        Self { loader: Loader::new(files), files, findings: Findings::new(), chain: Vec::new(), flows: HashMap::new() }
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
        let mut checked = check(&spec, root, is_partial, &catalog, sources, self.files, findings);
        findings.extend(std::mem::take(&mut checked.findings));
        let flows = self.flows_of(&checked.flows, findings);
        // What does not run yet is no mistake: the plan is made, but given to no one.
        let is_wrong = findings.iter().any(|finding| finding.is_error() && finding.code != "not-supported");
        findings.extend(unsupported::find(root, findings));
        if is_wrong {
            return None;
        }
        build(&spec, root, &catalog, checked, &flows?, path)
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
