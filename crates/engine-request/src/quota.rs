//! What the headers of an answer say is left of the API's limits: the standard's fields, and those that everybody knows.

use std::time::Duration;

use engine_expr::Value;
use jiff::Timestamp;
use sfv::{BareItem, Dictionary, Item, List, ListEntry, Parser};

use crate::Answer;
use crate::wait::{told_at, wait_of};

/// What an answer says about one limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Which limit it is: the name that the field gives it, or that of its headers.
    pub name: String,
    /// How many requests there are in a whole window.
    pub limit: Option<u64>,
    /// How many are left.
    pub left: Option<u64>,
    /// How long it takes until there are more again.
    pub reset: Option<Duration>,
}

/// How many limits of an answer are looked at: no API has more, and an answer may not fill the memory.
pub(crate) const MOST: usize = 8;

/// The headers of one limit.
struct Headers {
    limit: &'static str,
    left: &'static str,
    /// Where it says when there are more again; the first that can be read counts.
    reset: &'static [&'static str],
    /// The length of the window, where the name of the headers says it.
    window: Option<Duration>,
}

/// The names under which most APIs tell of their one limit, the standard's before the others: the first that are there count.
const COMMON: [Headers; 3] = [
    Headers { limit: "ratelimit-limit", left: "ratelimit-remaining", reset: &["ratelimit-reset"], window: None },
    Headers {
        limit: "x-ratelimit-limit",
        left: "x-ratelimit-remaining",
        reset: &["x-ratelimit-reset-after", "x-ratelimit-reset"],
        window: None,
    },
    Headers {
        limit: "x-rate-limit-limit",
        left: "x-rate-limit-remaining",
        reset: &["x-rate-limit-reset"],
        window: None,
    },
];

/// The names of single vendors, which count beside the common ones.
const VENDORS: [Headers; 6] = [
    // OpenAI and those who are like it.
    Headers {
        limit: "x-ratelimit-limit-requests",
        left: "x-ratelimit-remaining-requests",
        reset: &["x-ratelimit-reset-requests"],
        window: None,
    },
    Headers {
        limit: "anthropic-ratelimit-requests-limit",
        left: "anthropic-ratelimit-requests-remaining",
        reset: &["anthropic-ratelimit-requests-reset"],
        window: None,
    },
    // HubSpot: windows of ten seconds.
    Headers {
        limit: "x-hubspot-ratelimit-max",
        left: "x-hubspot-ratelimit-remaining",
        reset: &[],
        window: Some(Duration::from_secs(10)),
    },
    // Xero.
    Headers { limit: "", left: "x-minlimit-remaining", reset: &[], window: Some(Duration::from_mins(1)) },
    // Kong.
    Headers {
        limit: "x-ratelimit-limit-second",
        left: "x-ratelimit-remaining-second",
        reset: &[],
        window: Some(Duration::from_secs(1)),
    },
    Headers {
        limit: "x-ratelimit-limit-minute",
        left: "x-ratelimit-remaining-minute",
        reset: &[],
        window: Some(Duration::from_mins(1)),
    },
];

/// How long a Shopify bucket takes to empty itself, whatever its size: 40 at 2 a second, 400 at 20.
const SHOPIFY: Duration = Duration::from_secs(20);

/// Returns what an answer says about limits in the headers that everybody knows; what makes no sense is passed over.
///
/// Knows `RateLimit` with `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers: the list, and the dictionary that it was
/// before), `RateLimit-Remaining` and the like, `X-RateLimit-…`, `X-Rate-Limit-…`, and some vendors' own.
pub fn quotas(answer: &Answer, now: Timestamp) -> Vec<Quota> {
    // All of them have the word in their names, and most answers none of them.
    if !answer.headers.keys().any(|name| name.as_str().contains("limit")) {
        return Vec::new();
    }
    let then = told_at(answer, now);
    let mut found = answer.header("ratelimit").map(|field| field_quotas(&field, &policies(answer))).unwrap_or_default();
    if found.is_empty() {
        found.extend(COMMON.iter().find_map(|headers| headers.quota(answer, then)));
    }
    found.extend(VENDORS.iter().filter_map(|headers| headers.quota(answer, then)));
    found.extend(shopify(answer));
    found.truncate(MOST);
    found
}

impl Headers {
    fn quota(&self, answer: &Answer, now: Timestamp) -> Option<Quota> {
        let left = answer.header(self.left).and_then(|text| count_of(&text));
        let reset =
            self.reset.iter().find_map(|name| answer.header(name).and_then(|text| wait_of(&Value::from(text), now)));
        if left.is_none() && reset.is_none() {
            return None;
        }
        let said = answer.header(self.limit);
        let limit = said.as_deref().and_then(count_of);
        let window = || {
            // Once the windows stood beside the limit: `RateLimit-Limit: 100, 100;w=60`.
            let policies = said.as_deref().map(policies_of).unwrap_or_default();
            let known = self::policies(answer);
            policies.iter().chain(&known).filter(|policy| policy.count == limit).find_map(|policy| policy.window)
        };
        Some(Quota { name: self.left.to_owned(), limit, left, reset: reset.or(self.window).or_else(window) })
    }
}

/// Reads a number of requests: of several the first, which is the nearest; parts of one don't count. One below zero says
/// nothing: some mean by it that there is no limit.
pub(crate) fn count_of(text: &str) -> Option<u64> {
    let number: f64 = text.split([',', ';']).next()?.trim().parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is not below zero, and the largest number is as good as one that is larger"
    )]
    (number.is_finite() && number >= 0.0).then_some(number as u64)
}

/// A limit as `RateLimit-Policy` tells it.
#[derive(Debug, Default)]
struct Policy {
    name: Option<String>,
    count: Option<u64>,
    window: Option<Duration>,
    /// Whether something else than requests is counted.
    is_other: bool,
}

fn policies(answer: &Answer) -> Vec<Policy> {
    answer.header("ratelimit-policy").map(|field| policies_of(&field)).unwrap_or_default()
}

/// Reads `"default";q=100;w=60` and, as it was before, `100;w=60`.
fn policies_of(field: &str) -> Vec<Policy> {
    let list: List = Parser::new(field).parse().unwrap_or_default();
    let policies = list.iter().filter_map(item_of).take(MOST).map(|item| Policy {
        name: name_of(item),
        count: whole(&item.bare_item).or_else(|| param(item, "q").and_then(whole)),
        window: param(item, "w").and_then(seconds),
        is_other: param(item, "qu").and_then(text_of).is_some_and(|unit| unit != "requests"),
    });
    policies.collect()
}

/// Reads `"default";r=50;t=30` and, as it was before, `limit=100, remaining=50, reset=30`.
pub(crate) fn field_of(field: &str) -> Vec<Quota> {
    field_quotas(field, &[])
}

fn field_quotas(field: &str, policies: &[Policy]) -> Vec<Quota> {
    match Parser::new(field).parse::<List>() {
        Ok(list) => list.iter().filter_map(item_of).take(MOST).filter_map(|item| listed(item, policies)).collect(),
        Err(_) => Parser::new(field)
            .parse::<Dictionary>()
            .ok()
            .and_then(|members| combined(&members, policies))
            .into_iter()
            .collect(),
    }
}

fn listed(item: &Item, policies: &[Policy]) -> Option<Quota> {
    let name = name_of(item)?;
    let policy = policies.iter().find(|policy| policy.name.as_ref() == Some(&name));
    if policy.is_some_and(|policy| policy.is_other) {
        return None;
    }
    let left = param(item, "r").and_then(whole)?;
    let window = policy.and_then(|policy| policy.window);
    let reset = param(item, "t").and_then(seconds).or(window);
    let name = match param(item, "pk") {
        // Each partition has a quota of its own.
        Some(BareItem::ByteSequence(partition)) => format!("{name} {partition:02x?}"),
        _ => name,
    };
    Some(Quota { name, limit: policy.and_then(|policy| policy.count), left: Some(left), reset })
}

fn combined(members: &Dictionary, policies: &[Policy]) -> Option<Quota> {
    let member = |name: &str| members.get(name).and_then(item_of);
    let limit = member("limit").and_then(|item| whole(&item.bare_item));
    let window = || policies.iter().find(|policy| limit.is_some() && policy.count == limit)?.window;
    let left = member("remaining").and_then(|item| whole(&item.bare_item))?;
    let reset = member("reset").and_then(|item| seconds(&item.bare_item)).or_else(window);
    Some(Quota { name: "ratelimit".to_owned(), limit, left: Some(left), reset })
}

/// Reads `39/40`: so many were used, of so many.
fn shopify(answer: &Answer) -> Option<Quota> {
    let field = answer.header("x-shopify-shop-api-call-limit")?;
    let (used, limit) = field.split_once('/')?;
    let (used, limit) = (count_of(used)?, count_of(limit)?.max(1));
    let share = u32::try_from(used.min(limit).saturating_mul(1000) / limit).unwrap_or(1000);
    let reset = SHOPIFY * share / 1000;
    Some(Quota {
        name: "shopify".to_owned(),
        limit: Some(limit),
        left: Some(limit.saturating_sub(used)),
        reset: Some(reset),
    })
}

fn item_of(entry: &ListEntry) -> Option<&Item> {
    match entry {
        ListEntry::Item(item) => Some(item),
        ListEntry::InnerList(_) => None,
    }
}

fn param<'i>(item: &'i Item, name: &str) -> Option<&'i BareItem> {
    item.params.get(name)
}

fn name_of(item: &Item) -> Option<String> {
    text_of(&item.bare_item).map(str::to_owned)
}

fn text_of(value: &BareItem) -> Option<&str> {
    match value {
        BareItem::String(text) => Some(text.as_str()),
        BareItem::Token(text) => Some(text.as_str()),
        _ => None,
    }
}

fn whole(value: &BareItem) -> Option<u64> {
    match value {
        BareItem::Integer(number) => Some(u64::try_from(i64::from(*number)).unwrap_or_default()),
        BareItem::Decimal(number) => {
            Some(u64::try_from(i64::from(number.as_integer_scaled_1000()) / 1000).unwrap_or_default())
        }
        _ => None,
    }
}

fn seconds(value: &BareItem) -> Option<Duration> {
    match value {
        BareItem::Integer(_) => whole(value).map(Duration::from_secs),
        BareItem::Decimal(number) => {
            let millis = u64::try_from(i64::from(number.as_integer_scaled_1000())).unwrap_or_default();
            Some(Duration::from_millis(millis))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::fmt::Write;

    use super::{MOST, quotas};
    use crate::answer::tests::answer;

    /// Shows quotas as `name left/limit in reset`.
    fn check(headers: &str, expected: &str) {
        let now = "2025-03-01T10:00:00Z".parse().unwrap();
        let mut shown = Vec::new();
        for quota in quotas(&answer(&format!("200\n{headers}")), now) {
            let mut text = quota.name.clone();
            if let Some(left) = quota.left {
                write!(text, " {left}").unwrap();
            }
            if let Some(limit) = quota.limit {
                write!(text, "/{limit}").unwrap();
            }
            if let Some(reset) = quota.reset {
                write!(text, " in {reset:?}").unwrap();
            }
            shown.push(text);
        }
        assert_eq!(shown.join(", "), expected, "{headers}");
    }

    #[test]
    fn reads_the_standards_field_as_a_list_and_as_the_dictionary_that_it_was() {
        check("RateLimit: \"default\";r=50;t=30", "default 50 in 30s");
        check("RateLimit: default;r=50;t=30", "default 50 in 30s");
        check("RateLimit: limit=100, remaining=50, reset=50", "ratelimit 50/100 in 50s");
        check("RateLimit: limit=100;w=60, remaining=0, reset=0.5", "ratelimit 0/100 in 500ms");
        check("RateLimit: \"hour\";r=500;t=3000\nRateLimit: \"day\";r=9", "hour 500 in 3000s, day 9");
        check("RateLimit: \"u\";r=5;t=1;pk=:AQI=:, \"u\";r=7;t=1", "u [01, 02] 5 in 1s, u 7 in 1s");
    }

    #[test]
    fn knows_the_limit_and_the_window_from_the_policy() {
        check(
            "RateLimit: \"hour\";r=500, \"day\";r=9;t=7\nRateLimit-Policy: \"hour\";q=1000;w=3600, \"day\";q=5000;w=86400",
            "hour 500/1000 in 3600s, day 9/5000 in 7s",
        );
        check("RateLimit: limit=10, remaining=3\nRateLimit-Policy: 10;w=1, 50;w=60", "ratelimit 3/10 in 1s");
        check("RateLimit-Limit: 100, 100;w=60\nRateLimit-Remaining: 7", "ratelimit-remaining 7/100 in 60s");
        check("RateLimit: \"b\";r=5;t=9\nRateLimit-Policy: \"b\";q=65535;qu=\"content-bytes\";w=10", "");
    }

    #[test]
    fn reads_the_headers_that_everybody_knows() {
        check("RateLimit-Limit: 100\nRateLimit-Remaining: 99\nRateLimit-Reset: 5", "ratelimit-remaining 99/100 in 5s");
        check("X-RateLimit-Remaining: 4\nX-RateLimit-Reset: 1740823260", "x-ratelimit-remaining 4 in 60s");
        check("X-RateLimit-Remaining: 4\nX-RateLimit-Reset: 1740823260000", "x-ratelimit-remaining 4 in 60s");
        check("X-RateLimit-Remaining: 4\nX-RateLimit-Reset: 60", "x-ratelimit-remaining 4 in 60s");
        check("X-RateLimit-Remaining: 4\nX-RateLimit-Reset: 2025-03-01T10:01:00Z", "x-ratelimit-remaining 4 in 60s");
        check("X-Rate-Limit-Remaining: 99.0\nX-Rate-Limit-Reset: 60.5", "x-rate-limit-remaining 99 in 60.5s");
        check("X-RateLimit-Remaining: 4, 9\nX-RateLimit-Reset: 60", "x-ratelimit-remaining 4 in 60s");
        check(
            "X-RateLimit-Remaining: 4\nX-RateLimit-Reset: 1740823290\nX-RateLimit-Reset-After: 1.25",
            "x-ratelimit-remaining 4 in 1.25s",
        );
        check(
            "RateLimit-Remaining: 1\nRateLimit-Reset: 2\nX-RateLimit-Remaining: 3\nX-RateLimit-Reset: 4",
            "ratelimit-remaining 1 in 2s",
        );
        check("RateLimit: \"a\";r=1;t=2\nRateLimit-Remaining: 1\nX-RateLimit-Remaining: 3", "a 1 in 2s");
    }

    #[test]
    fn reads_the_headers_of_some_vendors() {
        check(
            "X-RateLimit-Remaining-Requests: 59\nX-RateLimit-Reset-Requests: 6m0s",
            "x-ratelimit-remaining-requests 59 in 360s",
        );
        check(
            "Anthropic-RateLimit-Requests-Remaining: 3\nAnthropic-RateLimit-Requests-Reset: 2025-03-01T10:00:09Z",
            "anthropic-ratelimit-requests-remaining 3 in 9s",
        );
        check(
            "X-HubSpot-RateLimit-Max: 100\nX-HubSpot-RateLimit-Remaining: 90",
            "x-hubspot-ratelimit-remaining 90/100 in 10s",
        );
        check("X-MinLimit-Remaining: 58", "x-minlimit-remaining 58 in 60s");
        check("X-RateLimit-Remaining-Second: 1\nX-RateLimit-Limit-Second: 5", "x-ratelimit-remaining-second 1/5 in 1s");
        check("X-Shopify-Shop-Api-Call-Limit: 30/40", "shopify 10/40 in 15s");
        check("X-Shopify-Shop-Api-Call-Limit: 41/40", "shopify 0/40 in 20s");
    }

    #[test]
    fn measures_times_of_day_by_the_clock_of_the_answer() {
        let late = "Date: Sat, 01 Mar 2025 10:10:00 GMT\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1740823830";
        check(late, "x-ratelimit-remaining 0 in 30s");
        let near = "Date: Sat, 01 Mar 2025 10:00:01 GMT\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1740823230";
        check(near, "x-ratelimit-remaining 0 in 30s");
        check(&format!("Age: 600\n{late}"), "x-ratelimit-remaining 0 in 630s");
    }

    #[test]
    fn passes_over_what_makes_no_sense() {
        check("RateLimit: 50", "");
        check("RateLimit: \"default\"", "");
        check("RateLimit: \"default\";r=many", "");
        check("RateLimit: \"default;r=1", "");
        check("RateLimit: (\"a\";r=1)", "");
        check("RateLimit: \"a\";r=-5;t=-1", "a 0 in 0ns");
        check("RateLimit: \"a\";r=999999999999999;t=999999999999999", "a 999999999999999 in 999999999999999s");
        check("RateLimit: \"a\";r=9999999999999999999", "");
        check("X-RateLimit-Remaining: NaN", "");
        check("X-RateLimit-Remaining: inf\nX-RateLimit-Reset: NaN", "");
        check("X-RateLimit-Remaining: -3\nX-RateLimit-Reset: -7", "x-ratelimit-remaining in 0ns");
        check("X-RateLimit-Remaining: 1e300\nX-RateLimit-Reset: 1e300", "x-ratelimit-remaining 18446744073709551615");
        check("X-RateLimit-Remaining: unlimited\nX-RateLimit-Limit: none", "");
        check("X-Shopify-Shop-Api-Call-Limit: 1/0", "shopify 0/1 in 20s");
        check("X-Shopify-Shop-Api-Call-Limit: many", "");
        let thousand: Vec<String> = (0..1000).map(|number| format!("\"n{number}\";r=1;t=1")).collect();
        let now = "2025-03-01T10:00:00Z".parse().unwrap();
        let found = quotas(&answer(&format!("200\nRateLimit: {}", thousand.join(", "))), now);
        assert_eq!(found.len(), MOST);
    }
}
