//! Endpoints made of steps.

use std::sync::Arc;

use engine_request::Removable;

use super::Builder;
use crate::catalog::EndpointEntry;
use crate::plan::{Block, Composite, Items, Source, Step, Target};

impl Builder<'_> {
    /// Makes all endpoints that are made of steps.
    pub(super) fn composites(&self) -> Option<Vec<Arc<Composite>>> {
        let entries = self.catalog.endpoints().filter(|entry| entry.composite.is_some());
        let make = |entry: &EndpointEntry<'_>| {
            let model = entry.model;
            let steps = self.composed(model.steps.as_deref()?, entry.at.get("steps"), &entry.id())?;
            Some(Arc::new(Composite {
                api: entry.api.to_owned(),
                name: entry.name.to_owned(),
                span: entry.span,
                description: model.description.clone(),
                params: model.params.clone().into_map(),
                key: model.key.as_ref().and_then(Removable::as_set).cloned(),
                incremental: model.incremental.as_ref().and_then(Removable::as_set).cloned(),
                example: model.example.clone(),
                is_single: is_single(&steps),
                steps,
            }))
        };
        entries.map(make).collect()
    }
}

/// Returns whether steps give one record at most, whatever the data.
fn is_single(steps: &Block) -> bool {
    let mut leaving = steps.iter().filter(|step| step.leaves);
    leaving.next().is_none_or(|step| gives_one(step, steps)) && leaving.next().is_none()
}

fn gives_one(step: &Step, block: &[Arc<Step>]) -> bool {
    let takes_one = match &step.source {
        Source::Once => true,
        Source::Items(Items::Step(of)) => block.get(*of).is_some_and(|of| gives_one(of, block)),
        Source::Items(_) | Source::Read { .. } | Source::Sink { .. } => false,
    };
    takes_one
        && step.explode.is_none()
        && match &step.target {
            Target::Switch(cases) => cases.iter().all(|case| gives_one(&case.step, &[])),
            Target::Steps(block) => block.last().is_none_or(|last| gives_one(last, block)),
            Target::Flow(_) => false,
            _ => true,
        }
}
