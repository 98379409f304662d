//! By what runs are known again that do the same: the same spec, given the same.

use std::collections::BTreeMap;

use engine_expr::Value;
use engine_plan::Plan;
use engine_request::derive_key;

use crate::machine::Shape;
use crate::run::RunOptions;
use crate::state::{StateError, StateStore};
use crate::world::Environment;

/// Makes what a plan is known by: the text of all files that it is made of.
pub(super) fn of_plan(plan: &Plan) -> String {
    derive_key(plan.sources.iter().map(|(_, file)| file.text().as_bytes()))
}

/// Makes what the givings of a run are known by, which may be private: nobody finds them out from it.
///
/// # Errors
///
/// Fails where the store does.
pub(super) fn of_given(
    plan: &Plan,
    options: &RunOptions,
    environment: &dyn Environment,
    state: &dyn StateStore,
) -> Result<String, StateError> {
    let mut given: BTreeMap<&str, String> = BTreeMap::new();
    for (name, input) in &plan.inputs {
        let name = &*name.value;
        let variable = || input.env.as_ref().and_then(|env| environment.variable(env)).map(Value::from);
        if let Some(value) = options.inputs.get(name).cloned().or_else(variable) {
            // A text and the value that it stands for are the same input.
            given.insert(name, value.text().map_or_else(|| value.to_json(), std::borrow::Cow::into_owned));
        }
    }
    let limit = options.limit.map(|limit| limit.to_string()).unwrap_or_default();
    // A run of some steps only is another one.
    let steps = serde_json::to_string(&Shape::of(plan)).unwrap_or_default();
    let mut parts = vec!["run", &steps, &limit, if options.full_refresh { "full" } else { "" }];
    for (name, value) in &given {
        parts.extend([*name, value.as_str()]);
    }
    let trigger = options.trigger.as_ref().map(Value::to_json);
    // No input has such a name.
    parts.extend(trigger.iter().flat_map(|trigger| [" trigger", trigger]));
    state.fingerprint(&parts)
}
