//! Targets that hold steps, or another flow.

use std::sync::Arc;

use engine_expr::{Condition, Dynamic, Setting};
use engine_source::{Map, Span};

use super::Plan;
use super::step::Step;

/// A case of a `switch`. The first that takes an item has it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Case {
    /// When it takes an item; over the item, before the case's own `vars`.
    pub condition: Option<Condition>,
    /// Whether it takes what no case before it took; there is one or the other.
    pub default: Option<Setting<bool>>,
    /// What is done. It has no source, its number is 0, and no step takes from it.
    pub step: Arc<Step>,
}

/// A run of another spec's flow.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FlowCall {
    /// The flow. What it hands on is what its last step does.
    pub plan: Arc<Plan>,
    /// Its inputs; what is not given is taken from where the flow says.
    pub inputs: Map<Dynamic>,
    /// Where the spec is named.
    pub span: Span,
}
