//! The webhooks of all flows, by their paths.

use std::collections::HashMap;
use std::sync::Arc;

use engine_expr::EvalError;
use engine_plan::Plan;
use engine_runtime::Given;
use engine_source::Finding;

use super::hook::Ready;
use super::{Hook, Webhook};
use crate::flows::FlowSet;

/// The webhooks of all flows that are served.
#[derive(Default)]
pub(super) struct Table {
    /// What says more comes first.
    hooks: Vec<Arc<Hook>>,
    /// Those whose path has no names in it.
    plain: HashMap<String, Vec<usize>>,
    /// What keeps webhooks from being served.
    pub(super) troubles: Vec<String>,
}

/// The webhooks at a path, and what the names in their paths stand for.
pub(super) type Found = Vec<Match>;

/// A webhook, and the names in its path with what they are.
pub(super) type Match = (Arc<Hook>, Vec<(String, String)>);

impl Table {
    pub(super) fn of(flows: &FlowSet) -> Self {
        let mut table = Self::default();
        for flow in flows.iter() {
            for trigger in &flow.plan.triggers {
                match Hook::new(flow, trigger) {
                    Some(Ok(hook)) => table.hooks.push(Arc::new(hook)),
                    Some(Err(error)) => {
                        let message = flow.given.redactor.redact(&error.message);
                        table.troubles.push(format!(
                            "{} of `{}` is not served: {message}",
                            trigger.address,
                            flow.name()
                        ));
                    }
                    None => {}
                }
            }
        }
        // In the order of the flows where neither says more.
        table.hooks.sort_by_key(|hook| hook.path.rank());
        for (index, hook) in table.hooks.iter().enumerate() {
            if !hook.path.rank().contains(&true)
                && let Some(spec) = hook.spec()
            {
                table.plain.entry(spec.path.to_string()).or_default().push(index);
            }
            let clash = table.hooks.iter().take(index).find(|other| clash(other, hook));
            if let Some(other) = clash {
                table.troubles.push(format!(
                    "{} of `{}` is not served: `{}` has the same",
                    hook.address,
                    hook.flow.name(),
                    other.flow.name()
                ));
            }
        }
        table
    }

    /// Finds the webhooks at a path.
    pub(super) fn find(&self, path: &str) -> Found {
        if let Some(indexes) = self.plain.get(path) {
            return indexes
                .iter()
                .filter_map(|index| self.hooks.get(*index))
                .map(|it| (Arc::clone(it), Vec::new()))
                .collect();
        }
        let mut found: Found = Vec::new();
        for hook in &self.hooks {
            // What says less is not asked where something says more.
            if found.first().is_some_and(|(first, _)| first.path.rank() != hook.path.rank()) {
                break;
            }
            if let Some(names) = hook.path.find(path) {
                found.push((Arc::clone(hook), names));
            }
        }
        found
    }

    /// Lists them.
    pub(super) fn list(&self) -> Vec<Webhook> {
        self.hooks.iter().map(|hook| hook.listed()).collect()
    }
}

fn clash(left: &Hook, right: &Hook) -> bool {
    let (left_methods, right_methods) = (left.trigger.methods(), right.trigger.methods());
    left.path.is_like(&right.path) && left_methods.iter().any(|method| right_methods.contains(method))
}

/// Finds what keeps the webhooks of a flow from being served, before it is.
pub fn problems(plan: &Plan, given: &Given) -> Vec<Finding> {
    let mut findings = Vec::new();
    for webhook in plan.triggers.iter().filter_map(|trigger| trigger.webhook()) {
        if let Err(EvalError { help, message, span, range, .. }) = Ready::new(webhook, &given.scope) {
            let place = range.map_or(span, |range| plan.sources.within(span, range));
            let finding = Finding::error("template-failed", given.redactor.redact(&message));
            findings.push(finding.label(place, "evaluated here").help_if(help));
        }
    }
    findings
}
