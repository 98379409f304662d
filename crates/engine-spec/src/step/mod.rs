//! Steps: what a flow does.

mod batch;
mod call;
mod case;
mod expect;
mod flow;
mod for_each;
mod map_use;
mod on_error;
mod read;
mod target;
mod validate;
mod wait;
mod write;

use engine_expr::{Condition, Dynamic, Expr, Setting, Template};
use engine_request::{Group, Name, Named, exclusive, groups_schema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use batch::{Batch, BatchLimits, BatchSize};
pub use call::Call;
pub use case::Case;
pub use expect::Expect;
pub use flow::Flow;
pub use for_each::ForEach;
pub use map_use::MapUse;
pub use on_error::{ErrorHandling, ItemAction, OnError};
pub use read::{Read, ReadEndpoint, ReadSink};
pub use target::Target;
pub use validate::{JsonSchemaSource, OnInvalid, Rule, Validate};
pub use wait::{Wait, WaitEvent, WaitFor};
pub use write::{Write, WriteMode, WriteTo};

const GROUPS: &[Group] = &[TARGET];

/// A step has one target.
const TARGET: Group =
    Group::at_most_one(&["call", "write", "switch", "steps", "parallel", "flow", "wait", "fail", "log"]);

/// A step: takes records from a source, shapes them, and gives them to a target.
///
/// In this order, each part optional: `when`, `for_each`, `read`, `explode`, `vars`, `where`, `map`, `validate`, `batch`, one
/// target, `expect`, `extract`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "a step", deny_unknown_fields, remote = "Self")]
#[schemars(rename = "Step", transform = groups_schema(GROUPS))]
pub struct Step {
    /// Its name; others say `for_each: ID` for its stream, or `steps.ID.…` in templates.
    pub id: Option<Name>,
    /// False skips the step: its stream is empty.
    pub when: Option<Condition>,
    /// For what the rest happens: a step's id, a list, a path or a template that gives a list, or a map of lists (every combination).
    pub for_each: Option<ForEach>,
    /// What is read: an endpoint with records, a list of them, a pattern, or the long form; every record is an `item`.
    pub read: Option<Read>,
    /// A path; every match is an `item`, the record it came from is `parent`.
    pub explode: Option<Expr>,
    /// Named values, computed once per item.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Named<Dynamic>>")]
    pub vars: Named<Dynamic>,
    /// Items for which it is false are dropped, and counted.
    #[serde(rename = "where")]
    pub filter: Option<Condition>,
    /// How the item is shaped: the name of a mapping, or a mapping.
    pub map: Option<MapUse>,
    /// What must be true of the item.
    pub validate: Option<Validate>,
    /// Gathers items into a list for the target: a number, `all`, or `{size, bytes, within}`.
    pub batch: Option<Batch>,
    /// With `batch`: where the answer has a list as long as the batch, such as `$.results[*]`; each item then goes on by itself.
    pub results: Option<Expr>,
    /// Calls an endpoint.
    pub call: Option<Call>,
    /// Writes the item to a sink.
    pub write: Option<Write>,
    /// Takes the first case that holds; an item that no case takes is an error.
    pub switch: Option<Vec<Case>>,
    /// Steps for each item.
    pub steps: Option<Vec<Self>>,
    /// Branches, each a list of steps, at once.
    pub parallel: Option<Vec<Vec<Self>>>,
    /// Runs another spec's flow.
    pub flow: Option<Flow>,
    /// Waits: a duration, until a condition holds, or for an event.
    pub wait: Option<Wait>,
    /// Fails with a message.
    pub fail: Option<Template>,
    /// Logs a message.
    pub log: Option<Template>,
    /// What must be true of the answer; otherwise the item fails.
    pub expect: Option<Expect>,
    /// What is made of the answer, of which `$` is the body: a mapping's name, or a mapping; `"*": "{{ item }}"` keeps the item.
    pub extract: Option<MapUse>,
    /// How many items are worked on at once, in order; 1 if not given.
    pub concurrency: Option<Setting<u32>>,
    /// What becomes of an item that fails: `fail`, `skip`, `dead_letter`, or `{action, retry, steps}`; `fail` if not given.
    pub on_error: Option<OnError>,
}

exclusive!(Step, "a step", GROUPS);
