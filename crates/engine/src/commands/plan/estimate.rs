//! How many requests a run makes, and how long rate limits let it take, as far as that can be known before.

use std::collections::BTreeMap;
use std::time::Duration;

use engine_plan::{Description, Plan, StepDescription};
use engine_request::Rate;
use engine_runtime::Known;
use serde_json::{Value, json};

use super::probe::Probe;

/// How many requests a run makes.
pub(super) struct Estimate {
    /// At least.
    pub(super) least: u64,
    /// About, where it is known.
    pub(super) about: Option<u64>,
    /// For each step what is known of it.
    pub(super) steps: Vec<StepEstimate>,
    /// The rate limits, and what they mean.
    pub(super) limits: Vec<LimitEstimate>,
    /// Whether the APIs were asked.
    pub(super) is_probed: bool,
}

/// How many requests a step makes.
pub(super) struct StepEstimate {
    /// Its address.
    pub(super) step: String,
    /// How many items come to it, at most, where it is known.
    pub(super) items: Option<u64>,
    /// Its requests, at least.
    pub(super) least: u64,
    /// Its requests, about.
    pub(super) about: Option<u64>,
}

/// What a rate limit means.
pub(super) struct LimitEstimate {
    /// Its bucket.
    pub(super) bucket: String,
    /// The rate, and how many may come at once.
    pub(super) rate: String,
    /// How long a thousand requests take.
    pub(super) thousand: Duration,
    /// How long those of the run take, where they are known.
    pub(super) run: Option<Duration>,
}

/// A bucket of a rate limit.
struct Bucket {
    rate: Rate,
    burst: u64,
    requests: Option<u64>,
}

/// Estimates a run of the flow's steps.
pub(super) fn of(plan: &Plan, description: &Description, known: &Known, probes: &[Probe], is_probed: bool) -> Estimate {
    let mut steps = Vec::new();
    let mut asked: Vec<(String, Option<u64>)> = Vec::new();
    for step in &description.steps {
        let came = |id: &str| {
            let of = description.steps.iter().position(|step| step.id == id)?;
            steps.get(of).map(|known: &(StepEstimate, Option<u64>)| known.1)
        };
        let over = match &step.for_each {
            None => Some(1),
            Some(id) => came(id).flatten(),
        };
        let one = of_step(step, over, probes, &mut asked);
        steps.push(one);
    }
    let limits = limits(plan, known, &asked);
    let steps: Vec<StepEstimate> = steps.into_iter().map(|(step, _)| step).collect();
    Estimate {
        least: steps.iter().map(|step| step.least).sum(),
        about: steps.iter().map(|step| step.about).sum(),
        steps,
        limits,
        is_probed,
    }
}

/// Estimates a step for which so many items come; returns how many go on, too.
fn of_step(
    step: &StepDescription,
    over: Option<u64>,
    probes: &[Probe],
    asked: &mut Vec<(String, Option<u64>)>,
) -> (StepEstimate, Option<u64>) {
    let mut least = 0;
    let mut about = Some(0_u64);
    let mut items = if step.reads.is_empty() { over } else { Some(0) };
    let is_sure = step.when.is_none() && step.for_each.is_none();
    for read in &step.reads {
        least += u64::from(is_sure && !read.made_of_steps);
        let probe = probes.iter().find(|probe| probe.step == step.path && probe.endpoint == read.endpoint);
        let limit = read.limit.as_ref().and_then(|limit| limit.parse::<u64>().ok());
        let total = probe.and_then(|probe| match (probe.total, probe.records, probe.more) {
            (Some(total), _, _) => Some(total),
            (None, Some(records), Some(false)) => Some(records),
            _ => None,
        });
        let total = match (total, limit) {
            (Some(total), Some(limit)) => Some(total.min(limit)),
            (total, _) => total,
        };
        let size = probe.and_then(|probe| probe.records).filter(|size| *size > 0);
        let pages = match (&read.pagination, total, size) {
            (None, _, _) => Some(1),
            (Some(_), Some(total), Some(size)) => Some(total.div_ceil(size).max(1)),
            (Some(_), Some(0), None) => Some(1),
            _ => None,
        };
        let pages = pages.filter(|_| !read.made_of_steps).zip(over).map(|(pages, over)| pages.saturating_mul(over));
        asked.push((read.endpoint.clone(), pages));
        about = about.zip(pages).map(|(about, pages)| about.saturating_add(pages));
        items =
            items.zip(total.zip(over)).map(|(items, (total, over))| items.saturating_add(total.saturating_mul(over)));
    }
    let called = if step.explode.is_some() { None } else { items };
    if let Some(target) = &step.target
        && let Some(endpoint) = &target.endpoint
    {
        let calls = match step.batch.as_ref().map(|batch| batch.parse::<u64>()) {
            None => called,
            Some(Ok(size)) => called.map(|called| called.div_ceil(size.max(1))),
            Some(Err(_)) => None,
        };
        let calls = calls.filter(|_| target.request.is_some() && !target.text.contains("again every"));
        least += u64::from(is_sure && step.reads.is_empty() && target.request.is_some());
        asked.push((endpoint.clone(), calls));
        about = about.zip(calls).map(|(about, calls)| about.saturating_add(calls));
    }
    let is_nested = !step.blocks.is_empty() || !step.cases.is_empty();
    let about = about.filter(|_| !is_nested || !asks(step));
    // Steps within it may ask too: then nobody knows how often.
    (StepEstimate { step: step.path.clone(), items: called, least, about }, called)
}

/// Tells whether steps within a step ask an API.
fn asks(step: &StepDescription) -> bool {
    let within = step.blocks.iter().flat_map(|block| &block.steps).chain(step.cases.iter().map(|case| &case.step));
    within.into_iter().any(|step| {
        !step.reads.is_empty() || step.target.as_ref().is_some_and(|target| target.endpoint.is_some()) || asks(step)
    })
}

fn limits(plan: &Plan, known: &Known, asked: &[(String, Option<u64>)]) -> Vec<LimitEstimate> {
    let mut buckets: BTreeMap<String, Bucket> = BTreeMap::new();
    for (id, requests) in asked {
        let Some(endpoint) = plan.endpoint(id) else { continue };
        for limit in &endpoint.rate_limits {
            let Some(rate) = limit.limit.rate.as_ref().and_then(|rate| rate.resolve(&known.scope).ok()) else {
                continue;
            };
            let burst = limit.limit.burst.as_ref().and_then(|burst| burst.resolve(&known.scope).ok());
            let cost = limit.limit.cost.as_ref().map_or(Some(1), |cost| cost.resolve(&known.scope).ok());
            let requests = requests.zip(cost).map(|(requests, cost)| requests.saturating_mul(u64::from(cost)));
            let bucket = buckets.entry(limit.bucket.clone()).or_insert_with(|| Bucket {
                rate,
                burst: burst.map_or_else(|| u64::from(rate.count().get()), u64::from),
                requests: Some(0),
            });
            bucket.requests = bucket.requests.zip(requests).map(|(sum, one)| sum.saturating_add(one));
        }
    }
    let limit = |(name, bucket): (String, Bucket)| LimitEstimate {
        rate: format!("{}, {} at once", bucket.rate, bucket.burst),
        thousand: time(&bucket, 1000),
        run: bucket.requests.map(|requests| time(&bucket, requests)),
        bucket: name,
    };
    buckets.into_iter().map(limit).collect()
}

/// Returns how long so many requests take at least.
fn time(bucket: &Bucket, requests: u64) -> Duration {
    let waiting = requests.saturating_sub(bucket.burst);
    let each = bucket.rate.period().as_secs_f64() / f64::from(bucket.rate.count().get());
    #[expect(clippy::cast_precision_loss, reason = "it is an estimate")]
    Duration::try_from_secs_f64(each * waiting as f64).unwrap_or(Duration::MAX)
}

/// Says a time as people do: `8m 20s`.
pub(super) fn spoken(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 if time.is_zero() => "no time".to_owned(),
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d {}h", seconds / 86400, seconds % 86400 / 3600),
    }
}

impl Estimate {
    /// Returns it for programs.
    pub(super) fn to_json(&self) -> Value {
        let steps = self.steps.iter().map(|step| {
            json!({"step": step.step, "items": step.items, "requests_at_least": step.least, "requests": step.about})
        });
        let limits = self.limits.iter().map(|limit| {
            json!({
                "bucket": limit.bucket,
                "rate": limit.rate,
                "seconds_for_1000": limit.thousand.as_secs_f64(),
                "seconds": limit.run.map(|run| run.as_secs_f64()),
            })
        });
        json!({
            "requests_at_least": self.least,
            "requests": self.about,
            "steps": steps.collect::<Vec<_>>(),
            "rate_limits": limits.collect::<Vec<_>>(),
            "probed": self.is_probed,
        })
    }
}
