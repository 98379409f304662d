//! When a flow runs, as people say it. Knows nothing of the rest of the spec.

use std::sync::Arc;

use engine_expr::{Host, Scope};
use engine_server::Schedule;
use engine_spec::trigger::ScheduleTrigger;
use jiff::Timestamp;
use serde_json::json;

/// What crontabs call usual times.
const CALLED: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// Returns the members of a trigger that runs then; `-` stays.
pub(super) fn of(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text == "-" {
        return Ok(text.to_owned());
    }
    let called = CALLED.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    let cron = called.map_or(text, |(_, cron)| cron);
    if let Some(period) = text.strip_prefix("every ").map(str::trim).or((!text.contains(' ')).then_some(text))
        && is_schedule(&json!({"every": period}))
    {
        return Ok(format!("every: {period}"));
    }
    if is_schedule(&json!({"cron": cron})) {
        return Ok(format!("cron: \"{cron}\", timezone: UTC"));
    }
    Err(format!("`{text}` is no schedule: write five fields, such as `0 8 * * 1-5`, or a period, such as `every 15m`"))
}

fn is_schedule(trigger: &serde_json::Value) -> bool {
    let trigger = serde_json::from_value::<ScheduleTrigger>(trigger.clone());
    trigger.is_ok_and(|trigger| Schedule::new(&trigger, &Scope::new(Arc::new(Still))).is_ok())
}

/// Neither time nor chance: what is asked here needs none.
struct Still;

impl Host for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn random(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_people_say_and_refuses_what_never_comes() {
        let check = |text: &str, expected: &str| assert_eq!(of(text).as_deref(), Ok(expected), "{text}");
        check("0 6 * * MON-FRI", "cron: \"0 6 * * MON-FRI\", timezone: UTC");
        check("@daily", "cron: \"0 0 * * *\", timezone: UTC");
        check("every 5m", "every: 5m");
        check("12h", "every: 12h");
        check("-", "-");
        for wrong in ["every 5 minutes", "@now", "* * *", "61 * * * *", "0 0 30 2 *", "every 1ms", "soon"] {
            assert!(of(wrong).is_err_and(|error| error.contains("is no schedule")), "{wrong}");
        }
    }
}
