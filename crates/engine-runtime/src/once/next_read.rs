//! What the reads of a flow send first in the next run, for the cursors that are kept. Nothing is sent to find it.

use std::sync::Arc;

use engine_expr::{Scope, Value};
use engine_plan::{Beginning, Beginnings, Plan, Reading};
use engine_request::Prepared;
use engine_source::Findings;

use super::{Call, Once, ReadOf, Site, with_vars};
use crate::exchange::Exchanges;
use crate::failure::Failure;
use crate::hidden::Hidden;
use crate::known::{HowGiven, Known};
use crate::params::params_of;
use crate::progress::Reads;
use crate::run::RunOptions;
use crate::secrets::SecretsFrom;
use crate::state::Kind;
use crate::world::World;

/// Finds what each incremental read of a flow will begin with, where that depends on nothing that only a run knows.
pub async fn next_reads(plan: &Arc<Plan>, world: &World, known: &Known) -> Beginnings {
    let mut asked = Vec::new();
    for block in [&plan.steps, &plan.on_failure, &plan.finally] {
        block.walk(&mut |step| {
            for (number, reading) in step.reads().iter().enumerate() {
                if let Reading::Endpoint(read) = reading
                    && read.endpoint.incremental.is_some()
                {
                    let read = Some(ReadOf { step: step.path.clone(), number });
                    asked.push(Once { endpoint: reading_id(reading), read, ..Once::default() });
                }
            }
        });
    }
    let mut beginnings = Beginnings::default();
    for once in asked {
        if let (Ok(Some(beginning)), Some(of)) = (beginning(plan, world, known, &once).await, &once.read) {
            beginnings.insert(&plan.name, &of.step, of.number, beginning);
        }
    }
    beginnings
}

fn reading_id(reading: &Reading) -> String {
    reading.as_endpoint().map(|read| read.endpoint.id()).unwrap_or_default()
}

/// Finds what one read will begin with; nothing where a login would have to tell.
async fn beginning(plan: &Arc<Plan>, world: &World, known: &Known, once: &Once) -> Result<Option<Beginning>, Failure> {
    let scope = with_vars(&known.scope.with("secrets", secrets(plan, world, known)), plan)?;
    let hidden = Hidden::default();
    let call = Call::new(plan, once)?;
    let options = RunOptions { offline: true, ..RunOptions::default() };
    let exchanges = Exchanges::new(&call.plan, world, &options, &scope, hidden.clone())?;
    let site = Site::unwatched(&call, &exchanges, world, &scope, &hidden);
    if exchanges.all_proofs(&call.endpoint, &scope)?.iter().any(|proof| proof.auth.keeps().next().is_some()) {
        return Ok(None);
    }
    let saved = site.saved(&scope).await?;
    let makings = site.makings(once, None, saved.as_deref())?;
    let window = makings.scope.get("window").cloned().unwrap_or_default();
    Ok(Some(Beginning { sent: makings.sent, window }))
}

/// Returns the secrets without asking a program or the keyring: requests are told apart by anything but them.
fn secrets(plan: &Plan, world: &World, known: &Known) -> Value {
    let folder = |span| plan.folder(span);
    let from =
        SecretsFrom { environment: &*world.environment, folder: &folder, scope: &known.scope, placeholders: true };
    let (found, _) = from.gather(&plan.secrets, &mut Findings::default());
    let mut members = found.as_object().cloned().unwrap_or_default();
    for secret in known.secrets.iter().filter(|secret| secret.given == HowGiven::LeftOut) {
        members.insert(Arc::from(secret.name.as_str()), Value::Null);
    }
    Value::Object(Arc::new(members))
}

impl Site<'_> {
    /// Returns the cursor that the next run of the read goes on from. `base` has `auth` too, where something of a login's answer is kept.
    pub(super) async fn saved(&self, base: &Scope) -> Result<Option<String>, Failure> {
        let (Some((step, read)), Some(cursor)) = (&self.call.read, &self.call.cursor) else { return Ok(None) };
        let params = params_of(&read.endpoint.params, &read.params, self.base, read.span)?;
        let reads = Reads {
            flow: &self.call.plan.name,
            step,
            endpoint: &read.endpoint,
            base: self.base,
            params: &params,
            is_shared: cursor.is_shared(),
            hidden: self.hidden,
        };
        let scope = base.with("window", cursor.placeholder()).with("params", params.clone());
        let prepared = || -> Result<Prepared, Failure> {
            let mut draft = self.exchanges.draft(&read.endpoint, &scope)?;
            self.of_read(&mut draft)?;
            Ok(draft.finish()?)
        };
        let key = reads.identity((prepared(), prepared())).key;
        let saved = self.world.state.load(Kind::Cursor, &key).await?;
        Ok(saved.and_then(|bytes| String::from_utf8(bytes).ok()))
    }
}
