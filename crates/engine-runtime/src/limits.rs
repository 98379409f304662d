//! The rate limits of a run: buckets that all requests of an API or a group share.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine_expr::Scope;
use engine_plan::{Endpoint, Plan};
use engine_request::{Answer, Budget, asked_wait};
use jiff::Timestamp;

use crate::failure::Failure;

/// The budgets by their buckets' names; an endpoint may draw from several.
pub(crate) struct Limits(Mutex<HashMap<String, Budget>>);

impl Limits {
    /// Fills every bucket of a plan.
    pub(crate) fn new(plan: &Plan, base: &Scope) -> Result<Self, Failure> {
        let mut budgets = HashMap::new();
        for limit in plan.endpoints.iter().flat_map(|endpoint| &endpoint.rate_limits) {
            if !budgets.contains_key(&limit.bucket) {
                budgets.insert(limit.bucket.clone(), limit.limit.budget(base)?);
            }
        }
        Ok(Self(Mutex::new(budgets)))
    }

    /// Takes from the endpoint's buckets, or says how long to wait before trying again.
    pub(crate) fn wait(&self, endpoint: &Endpoint, now: Timestamp) -> Option<Duration> {
        if endpoint.rate_limits.is_empty() {
            return None;
        }
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wait = Duration::ZERO;
        for limit in &endpoint.rate_limits {
            if let Some(budget) = budgets.get_mut(&limit.bucket) {
                wait = wait.max(budget.hold(1, now).longest());
            }
        }
        if !wait.is_zero() {
            return Some(wait);
        }
        for limit in &endpoint.rate_limits {
            if let Some(budget) = budgets.get_mut(&limit.bucket) {
                budget.take(1, now);
            }
        }
        None
    }

    /// Learns from an answer how much is left; a 429 makes all who share the bucket wait.
    pub(crate) fn learn(
        &self,
        endpoint: &Endpoint,
        answer: &Answer,
        scope: &Scope,
        now: Timestamp,
    ) -> Result<(), Failure> {
        if endpoint.rate_limits.is_empty() {
            return Ok(());
        }
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for limit in &endpoint.rate_limits {
            if let Some(budget) = budgets.get_mut(&limit.bucket) {
                if let Some(quotas) = limit.limit.quotas(answer, scope, now)? {
                    budget.learn(&quotas, 0, now);
                }
                if let (429, Some(wait)) = (answer.status, asked_wait(answer, now)) {
                    budget.pause(wait, now);
                }
            }
        }
        Ok(())
    }
}
