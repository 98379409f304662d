//! The two languages inside strings: templates (Jinja, by minijinja) and paths (RFC 9535 `JSONPath`), and the values that they work on.
//!
//! This is also the boundary that keeps a spec's texts harmless: no template reaches a file, the network, the environment or the clock
//! but through [`Host`]; all of them run with bounded fuel. Parsing never fails: what is wrong is kept as [`Problem`]s and told with
//! all else that is wrong with a document.

mod arithmetic;
mod bridge;
mod dynamic;
mod expr;
mod functions;
mod json;
mod leaves;
mod operators;
mod path;
mod problem;
mod scope;
mod setting;
mod template;
mod value;

pub use crate::dynamic::{Dynamic, DynamicKind, DynamicLeaf};
pub use crate::expr::Expr;
pub use crate::functions::{FILTERS, FUNCTIONS, Moment, TESTS, parse_moment};
pub use crate::json::{JsonError, Scanner, Start, write_string};
pub use crate::leaves::{Leaf, LeafKind, leaves};
pub use crate::path::{JsonPath, Outline, Segment, Selection, Slots, Wanted, walk};
pub use crate::problem::{EvalError, Problem};
pub use crate::scope::{Host, PARENTS, Scope};
pub use crate::setting::{Scalar, Setting};
pub use crate::template::{Condition, NameUse, Template};
pub use crate::value::{List, Members, Number, Secret, Value};
