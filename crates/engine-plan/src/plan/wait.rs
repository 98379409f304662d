//! What is waited for.

use engine_expr::Setting;
use engine_request::Period;
use engine_spec::WaitEvent;

use super::target::Until;

/// What is waited for.
#[derive(Clone, Debug)]
pub enum Wait {
    /// A time.
    Period(Setting<Period>),
    /// A condition over the item, which is looked at again and again; without a timeout for as long as it takes.
    Until(Until),
    /// An event.
    Event {
        /// Which one.
        event: Box<WaitEvent>,
        /// How long at most, after which the item fails.
        timeout: Option<Setting<Period>>,
    },
}
