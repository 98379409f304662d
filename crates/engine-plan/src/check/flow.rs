//! Checks of runs of other specs' flows.

use engine_expr::Dynamic;
use engine_source::{Map, Span};
use engine_spec::{Flow, Text};

use super::Checker;
use super::at::At;
use super::names::Names;

/// A run of another spec's flow. The other spec is looked at when this one is done.
#[derive(Clone, Debug)]
pub(crate) struct FlowUse {
    /// The path of the other spec.
    pub(crate) spec: Text,
    /// What it is given.
    pub(crate) inputs: Map<Dynamic>,
    /// Where that is written, or else the path.
    pub(crate) inputs_span: Span,
}

impl FlowUse {
    /// Returns where the other spec is named.
    pub(crate) fn span(&self) -> Span {
        self.spec.span()
    }
}

impl<'a> Checker<'a> {
    pub(super) fn flow_call(&mut self, flow: &'a Flow, at: At<'a>, names: &Names<'a>) {
        let Flow { spec, inputs } = flow;
        for (_, value) in inputs {
            self.dynamic(value, names);
        }
        let inputs_span = at.key("inputs").unwrap_or(spec.span());
        self.flows.push(FlowUse { spec: spec.clone(), inputs: inputs.clone(), inputs_span });
    }
}
