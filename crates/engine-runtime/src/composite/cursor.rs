//! The cursor of an endpoint made of steps: the only one of a read of it.

use std::sync::Arc;

use engine_expr::{Scope, Value};
use engine_plan::{Composite, CompositeRead};
use engine_request::{Advance, CursorPlan, derive_key};

use crate::failure::Failure;
use crate::pending::{Keeping, Kept};
use crate::recorder::Found;
use crate::site::Site;
use crate::state::Kind;

/// How far a read has come.
pub(super) struct Cursor {
    plan: Arc<CursorPlan>,
    advance: Advance,
    key: String,
    label: String,
}

impl Cursor {
    /// Begins a read where the one before ended; nothing where it reads everything.
    ///
    /// # Errors
    ///
    /// Fails where a template does, and where the state can't be read.
    pub(super) async fn begin(
        site: &Site,
        composite: &Composite,
        read: &CompositeRead,
        params: &Value,
        scope: &Scope,
    ) -> Result<Option<Self>, Failure> {
        let Some(incremental) = &read.incremental else { return Ok(None) };
        let context = site.context();
        let plan = Arc::new(CursorPlan::new(incremental, composite.key.as_ref(), read.span));
        let given = if plan.is_shared() { "all".to_owned() } else { context.redact(&params.to_json()) };
        let (flow, id) = (context.plan.name.as_str(), composite.id());
        let key = derive_key([flow, site.address(), &id, &given].map(str::as_bytes));
        let label = format!("{flow}, step {}: {id} {given}", site.address());
        let world = context.exchanges.world();
        let saved = if context.options.full_refresh {
            None
        } else {
            let known = world.state.load(Kind::Cursor, &key).await?;
            known.or_else(|| context.options.cursor(site.address(), &id))
        };
        let saved = saved.and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some(value) = &saved {
            context.exchanges.found(Found::Cursor { key: &key, label: &label, value });
        }
        let scope = scope.with("params", params.clone());
        let advance = Advance::new(&plan, saved.as_deref(), false, &scope, world.clock.now())?;
        Ok(Some(Self { plan, advance, key, label }))
    }

    /// Returns the params with what the cursor sends.
    pub(super) fn params(&self, params: &Value) -> Value {
        self.advance.changes().params(params)
    }

    /// Returns what is asked for, as `window`.
    pub(super) fn window(&self) -> Value {
        self.advance.window()
    }

    /// Takes note of a record; tells whether it is handed on.
    pub(super) fn keep(&mut self, json: &str) -> Result<bool, Failure> {
        Ok(self.advance.record(json)?)
    }

    /// Goes on to the next window; tells whether there is one.
    pub(super) fn next(&mut self) -> Result<bool, Failure> {
        Ok(self.advance.next_slice()?)
    }

    /// Hands over what the next run goes on from, now that the read is at its end.
    pub(super) fn end(self, site: &Site) -> Result<(), Failure> {
        let Self { plan, advance, key, label } = self;
        let options = &site.context().options;
        let keeps = site.frame.keeps() && !options.dry_run && options.limit.is_none();
        if let Some(reached) = advance.reached()?.filter(|_| keeps) {
            let value = Kept::Cursor(plan.comparing(), reached);
            site.frame.pending.add(Keeping { step: site.step.index, kind: Kind::Cursor, key, label, value });
        }
        Ok(())
    }
}
