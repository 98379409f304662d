//! Cases of a `switch`.

use std::borrow::Cow;

use engine_expr::{Condition, Dynamic, Expr, Setting, Template};
use engine_request::{Group, Name, Named, exclusive, groups_schema};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::{Batch, Call, Expect, Flow, MapUse, OnError, Step, TARGET, Validate, Wait, Write};
const GROUPS: &[Group] = &[Group::exactly_one(&["case", "default"]), TARGET];

/// A case of a `switch`: a step without a source, and the condition under which it is taken.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(from = "CaseFields", into = "CaseFields")]
pub struct Case {
    /// When it is taken; the default case has none.
    pub case: Option<Condition>,
    /// Whether it takes what no case before it took.
    pub default: Option<Setting<bool>>,
    /// What is done; it has no source.
    pub step: Box<Step>,
}

/// A case of a `switch`: a step without a source, and the condition under which it is taken.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "a case", deny_unknown_fields, remote = "Self")]
#[schemars(rename = "Case", transform = groups_schema(GROUPS))]
struct CaseFields {
    /// The condition under which it is taken; the first case that holds is.
    case: Option<Condition>,
    /// True for the last case, which takes what no other took.
    default: Option<Setting<bool>>,
    /// Its name; others say `for_each: ID` for its stream, or `steps.ID.…` in templates.
    id: Option<Name>,
    /// False skips the step: its stream is empty.
    when: Option<Condition>,
    /// Named values, computed once per item.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Named<Dynamic>>")]
    vars: Named<Dynamic>,
    /// Items for which it is false are dropped, and counted.
    #[serde(rename = "where")]
    filter: Option<Condition>,
    /// How the item is shaped: the name of a mapping, or a mapping.
    map: Option<MapUse>,
    /// What must be true of the item.
    validate: Option<Validate>,
    /// Gathers items into a list for the target: a number, `all`, or `{size, bytes, within}`.
    batch: Option<Batch>,
    /// With `batch`: where the answer has a list as long as the batch, such as `$.results[*]`; each item then goes on by itself.
    results: Option<Expr>,
    /// Calls an endpoint.
    call: Option<Call>,
    /// Writes the item to a sink.
    write: Option<Write>,
    /// Takes the first case that holds; an item that no case takes is an error.
    switch: Option<Vec<Case>>,
    /// Steps for each item.
    steps: Option<Vec<Step>>,
    /// Branches, each a list of steps, at once.
    parallel: Option<Vec<Vec<Step>>>,
    /// Runs another spec's flow.
    flow: Option<Flow>,
    /// Waits: a duration, until a condition holds, or for an event.
    wait: Option<Wait>,
    /// Fails with a message.
    fail: Option<Template>,
    /// Logs a message.
    log: Option<Template>,
    /// What must be true of the answer; otherwise the item fails.
    expect: Option<Expect>,
    /// What is made of the answer, of which `$` is the body: a mapping's name, or a mapping; `"*": "{{ item }}"` keeps the item.
    extract: Option<MapUse>,
    /// How many items are worked on at once, in order; 1 if not given.
    concurrency: Option<Setting<u32>>,
    /// What becomes of an item that fails: `fail`, `skip`, `dead_letter`, or `{action, retry, steps}`; `fail` if not given.
    on_error: Option<OnError>,
}

exclusive!(CaseFields, "a case", GROUPS);

impl From<CaseFields> for Case {
    fn from(fields: CaseFields) -> Self {
        let step = Step {
            id: fields.id,
            when: fields.when,
            vars: fields.vars,
            filter: fields.filter,
            map: fields.map,
            validate: fields.validate,
            batch: fields.batch,
            results: fields.results,
            call: fields.call,
            write: fields.write,
            switch: fields.switch,
            steps: fields.steps,
            parallel: fields.parallel,
            flow: fields.flow,
            wait: fields.wait,
            fail: fields.fail,
            log: fields.log,
            expect: fields.expect,
            extract: fields.extract,
            concurrency: fields.concurrency,
            on_error: fields.on_error,
            for_each: None,
            read: None,
            explode: None,
        };
        Self { case: fields.case, default: fields.default, step: Box::new(step) }
    }
}

impl From<Case> for CaseFields {
    fn from(case: Case) -> Self {
        let step = *case.step;
        Self {
            case: case.case,
            default: case.default,
            id: step.id,
            when: step.when,
            vars: step.vars,
            filter: step.filter,
            map: step.map,
            validate: step.validate,
            batch: step.batch,
            results: step.results,
            call: step.call,
            write: step.write,
            switch: step.switch,
            steps: step.steps,
            parallel: step.parallel,
            flow: step.flow,
            wait: step.wait,
            fail: step.fail,
            log: step.log,
            expect: step.expect,
            extract: step.extract,
            concurrency: step.concurrency,
            on_error: step.on_error,
        }
    }
}

impl JsonSchema for Case {
    fn schema_name() -> Cow<'static, str> {
        CaseFields::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        CaseFields::json_schema(generator)
    }
}
