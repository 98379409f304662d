//! A step that logs, or fails, for each item.

use engine_expr::Template;
use engine_plan::Target;

use super::Done;
use super::errors::Errors;
use crate::failure::Failure;
use crate::mapping::Scratch;
use crate::needs::Needs;
use crate::shape::Shaped;
use crate::site::Site;

/// A step that logs or fails.
pub(crate) struct Saying {
    site: Site,
    template: Template,
    needs: Needs,
    errors: Errors,
    scratch: Scratch,
}

impl Saying {
    /// Prepares what is said.
    pub(crate) fn new(site: &Site, template: &Template) -> Self {
        Self {
            site: site.clone(),
            template: template.clone(),
            needs: Needs::of(template.names()),
            errors: Errors::new(site),
            scratch: Scratch::default(),
        }
    }

    pub(crate) fn needs_response(&self) -> bool {
        self.needs.response()
    }

    /// Logs a message for each item, or fails with it.
    pub(crate) async fn take(&mut self, shaped: Shaped) -> Result<Done, Failure> {
        let fails = matches!(self.site.step.target, Target::Fail(_));
        let Shaped { items, scopes, claim, .. } = shaped;
        let mut passed = Vec::with_capacity(items.len());
        for (at, item) in items.into_iter().enumerate() {
            let scope = scopes.get(at).unwrap_or(&self.site.base);
            let message = self
                .needs
                .evaluate(scope, &item, self.scratch.names(), |scope| self.template.render_text(scope))
                .map_err(|failure| failure.about(&item))?;
            if !fails {
                self.site.log(&message);
                passed.push(item);
                continue;
            }
            let failure = Failure::new("step-failed", message, self.template.span());
            self.errors.settle(&item, scope, failure).await?;
        }
        Ok(Done { items: passed, claim })
    }
}
