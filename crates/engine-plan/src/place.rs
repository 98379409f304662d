//! Addresses of steps: `orders`, `orders/steps/notify`, `route/switch/2`, `fan/parallel/1/a`, `on_failure/tell`, `shop.report/create`.
//!
//! They are what checks and plans have in common, and what state and reports know a step by: they stay while a step and those
//! around it keep their names.

use std::collections::HashSet;

use engine_spec::{Name, Step};

/// Steps that run when the flow failed.
pub(crate) const ON_FAILURE: &str = "on_failure";

/// Steps that always run last.
pub(crate) const FINALLY: &str = "finally";

/// Returns the address of a step in a block; that of the flow's own steps is empty.
pub(crate) fn step_in(block: &str, id: &str) -> String {
    if block.is_empty() { id.to_owned() } else { format!("{block}/{id}") }
}

/// Returns the address of the steps for each item of a step.
pub(crate) fn steps_of(step: &str) -> String {
    format!("{step}/steps")
}

/// Returns the address of a case of a step, by its number from 0.
pub(crate) fn case_of(step: &str, index: usize) -> String {
    format!("{step}/switch/{}", index + 1)
}

/// Returns the address of a branch of a step, by its number from 0.
pub(crate) fn branch_of(step: &str, index: usize) -> String {
    format!("{step}/parallel/{}", index + 1)
}

/// Returns the address of the steps that undo what a step did.
pub(crate) fn undoing(step: &str) -> String {
    format!("{step}/on_error")
}

/// Returns the ids of steps that follow each other, their own or numbered ones.
pub(crate) fn ids(steps: &[Step]) -> Vec<String> {
    let own: HashSet<&str> = steps.iter().filter_map(|step| step.id.as_ref().map(Name::as_str)).collect();
    let numbered = |index: usize| {
        let mut id = format!("step_{}", index + 1);
        while own.contains(id.as_str()) {
            id.push('_');
        }
        id
    };
    let ids = steps.iter().enumerate();
    ids.map(|(index, step)| step.id.as_ref().map_or_else(|| numbered(index), |id| id.as_str().to_owned())).collect()
}
