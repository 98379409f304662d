//! What a flow is given, gathered before anything starts it: for who waits for what does.

use std::sync::Arc;

use engine_expr::{Dynamic, DynamicLeaf, Members, Scope, Value};
use engine_plan::Plan;
use engine_request::Redactor;
use engine_source::{Finding, Findings};

use crate::run::{RunOptions, declared_scope};
use crate::world::World;

/// The names that the triggers of a flow may use, and what must not be shown of them.
#[derive(Clone)]
pub struct Given {
    /// The inputs, the secrets, and those vars that do not depend on what starts a run.
    pub scope: Scope,
    /// Takes the secrets out of whatever is shown.
    pub redactor: Redactor,
}

/// Gathers what a flow is given.
///
/// # Errors
///
/// Gives all inputs and secrets that are missing or wrong.
pub fn given(plan: &Plan, world: &World, options: &RunOptions) -> Result<Given, Findings> {
    let (scope, secrets) = declared_scope(plan, world, options, "")?;
    let redactor = Redactor::new(secrets);
    let mut vars = Members::new();
    for (name, value) in &plan.vars {
        if !stands(value, &vars) {
            continue;
        }
        let so_far = scope.with("vars", Value::Object(Arc::new(vars.clone())));
        match value.evaluate(&so_far) {
            Ok(value) => vars.insert(Arc::clone(&name.value), value.unwrap_or_default()),
            Err(error) => {
                let message = redactor.redact(&format!("var `{}`: {}", name.value, error.message));
                let mut finding =
                    Finding::error("template-failed", message).label(error.place(&plan.sources), "evaluated here");
                finding.help = error.help;
                return Err(Findings::from_iter([finding]));
            }
        }
    }
    Ok(Given { scope: scope.with("vars", Value::Object(Arc::new(vars))), redactor })
}

/// Tells whether a var can be computed before there is a run: not where it names what started one, or another var that does.
fn stands(value: &Dynamic, vars: &Members) -> bool {
    let mut stands = true;
    value.visit(&mut |leaf| {
        let DynamicLeaf::Template(template) = leaf else { return };
        stands &= template.names().iter().all(|name| match name.root() {
            "trigger" | "run" => false,
            "vars" => name.path.get(1).is_none_or(|other| vars.contains(other)),
            _ => true,
        });
    });
    stands
}
