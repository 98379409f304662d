//! What a step gives its items to.

use engine_expr::Template;

use super::{Call, Case, Flow, Step, Wait, Write};

/// What a step gives its items to.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// A call of an endpoint.
    Call(&'a Call),
    /// A write to a sink.
    Write(&'a Write),
    /// The first case that holds.
    Switch(&'a [Case]),
    /// Steps for each item.
    Steps(&'a [Step]),
    /// Branches of steps at once.
    Parallel(&'a [Vec<Step>]),
    /// Another spec's flow.
    Flow(&'a Flow),
    /// A wait.
    Wait(&'a Wait),
    /// A failure with a message.
    Fail(&'a Template),
    /// A message in the log.
    Log(&'a Template),
}

impl Target<'_> {
    /// Returns its key in a step.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Call(_) => "call",
            Self::Write(_) => "write",
            Self::Switch(_) => "switch",
            Self::Steps(_) => "steps",
            Self::Parallel(_) => "parallel",
            Self::Flow(_) => "flow",
            Self::Wait(_) => "wait",
            Self::Fail(_) => "fail",
            Self::Log(_) => "log",
        }
    }
}

impl Step {
    /// Returns what it gives its items to, if anything.
    pub fn target(&self) -> Option<Target<'_>> {
        let call = self.call.as_ref().map(Target::Call);
        call.or_else(|| self.write.as_ref().map(Target::Write))
            .or_else(|| self.switch.as_deref().map(Target::Switch))
            .or_else(|| self.steps.as_deref().map(Target::Steps))
            .or_else(|| self.parallel.as_deref().map(Target::Parallel))
            .or_else(|| self.flow.as_ref().map(Target::Flow))
            .or_else(|| self.wait.as_ref().map(Target::Wait))
            .or_else(|| self.fail.as_ref().map(Target::Fail))
            .or_else(|| self.log.as_ref().map(Target::Log))
    }

    /// Returns whether it takes its items from somewhere, rather than running once.
    pub fn has_source(&self) -> bool {
        self.for_each.is_some() || self.read.is_some() || self.explode.is_some()
    }
}
