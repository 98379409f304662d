//! Reading only what is new.

use engine_expr::{Dynamic, Expr, Setting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Period, Place, Text, Window};

/// Reads only what is new since the last run.
///
/// The cursor is saved when its window was read to its end and delivered. A `read` may override members of what its
/// endpoint says.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "incremental", deny_unknown_fields)]
#[schemars(rename = "Incremental")]
pub struct Incremental {
    /// A path over the record, whose largest value is kept, or a template over `response`, whose last value is kept as it is.
    ///
    /// The end of the window is kept if not given.
    pub cursor: Option<Expr>,
    /// Where the first run begins.
    pub start: Option<Dynamic>,
    /// Where a run ends; now if not given.
    pub end: Option<Dynamic>,
    /// How the cursor is sent: a strftime pattern, `rfc3339`, `unix`, `unix_ms`, or `integer` and `string` for cursors that are no times.
    pub format: Option<Text>,
    /// Cuts the span into slices that are read in order, such as `30d` or `1mo`.
    pub window: Option<Setting<Window>>,
    /// Says that the API's end is inclusive: each window's end is sent that much earlier.
    pub granularity: Option<Setting<Period>>,
    /// How far to go back before the saved cursor.
    pub lookback: Option<Setting<Window>>,
    /// Where the start is sent, such as `query.since`; `url` follows the cursor as a URL.
    pub send: Option<Place>,
    /// Where the end is sent, such as `query.until`.
    pub send_end: Option<Place>,
    /// Drops older records here, for APIs that can't; false if not given.
    pub client: Option<Setting<bool>>,
    /// Whether under `for_each` each parent has its own cursor or all share one; `parent` if not given.
    pub per: Option<CursorScope>,
    /// Says that records come in ascending order, so that the cursor is saved page by page; false if not given.
    pub sorted: Option<Setting<bool>>,
    /// How many windows are read at once; 1 if not given.
    pub concurrency: Option<Setting<u32>>,
}

impl Incremental {
    /// Lays what a read says over what its endpoint says.
    #[must_use]
    pub fn over(&self, endpoint: Option<&Self>) -> Self {
        let Some(below) = endpoint else { return self.clone() };
        let own = self.clone();
        let below = below.clone();
        Self {
            cursor: own.cursor.or(below.cursor),
            start: own.start.or(below.start),
            end: own.end.or(below.end),
            format: own.format.or(below.format),
            window: own.window.or(below.window),
            granularity: own.granularity.or(below.granularity),
            lookback: own.lookback.or(below.lookback),
            send: own.send.or(below.send),
            send_end: own.send_end.or(below.send_end),
            client: own.client.or(below.client),
            per: own.per.or(below.per),
            sorted: own.sorted.or(below.sorted),
            concurrency: own.concurrency.or(below.concurrency),
        }
    }
}

/// Who shares a cursor under `for_each`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "per", rename_all = "snake_case")]
#[schemars(rename = "CursorScope")]
pub enum CursorScope {
    /// Each parent has its own.
    #[default]
    Parent,
    /// All parents share one.
    All,
}
