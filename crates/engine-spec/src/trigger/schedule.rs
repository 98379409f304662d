//! Runs by the clock.

use engine_expr::Setting;
use engine_request::{Group, Period, Text, exclusive, groups_schema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const GROUPS: &[Group] = &[Group::exactly_one(&["cron", "every"])];

/// Runs by the clock: at the times of a cron expression, or every so often.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "schedule trigger", deny_unknown_fields, remote = "Self")]
#[schemars(rename = "ScheduleTrigger", transform = groups_schema(GROUPS))]
pub struct ScheduleTrigger {
    /// A cron expression of 5 fields, or of 6 with seconds, such as `0 6 * * MON-FRI`.
    pub cron: Option<Text>,
    /// How often.
    pub every: Option<Setting<Period>>,
    /// The time zone of the expression, such as `Europe/Berlin`; UTC if not given.
    pub timezone: Option<Text>,
    /// What happens when the run before is not done; `skip` if not given.
    pub overlap: Option<Overlap>,
    /// Which runs are made up for that were missed while the server was down; `none` if not given.
    pub catch_up: Option<CatchUp>,
    /// Up to how much later a run starts, by chance.
    pub jitter: Option<Setting<Period>>,
}

exclusive!(ScheduleTrigger, "schedule trigger", GROUPS, without "type");

/// What happens when the run before is not done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "overlap", rename_all = "snake_case")]
#[schemars(rename = "Overlap")]
pub enum Overlap {
    /// The run is left out.
    #[default]
    Skip,
    /// The run waits.
    Queue,
    /// Both run.
    Allow,
}

/// Which runs are made up for that were missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "catch_up", rename_all = "snake_case")]
#[schemars(rename = "CatchUp")]
pub enum CatchUp {
    /// None.
    #[default]
    None,
    /// The last one.
    Last,
    /// All.
    All,
}
