//! The steps of the flow itself: their groups run as the machine says, and how they ended is written down.

use std::sync::{Arc, PoisonError};

use super::{End, Frame, groups};
use crate::failure::Failure;
use crate::machine::{Event, Machine, Part, StepEnd, StepStatus};
use crate::report::{Counts, Status};

impl Frame {
    /// Runs the groups that are due.
    pub(super) async fn run_due(self: &Arc<Self>, part: Part) {
        if let Err(failure) = self.restore().await {
            self.fail_whole(failure);
            return;
        }
        let groups = groups(&self.steps);
        let mut last = None;
        while let Some(due) = self.context.journal.due(part).filter(|due| last != Some(*due)) {
            let Some(group) = groups.get(due) else { return };
            if self.stop.is_stopped() {
                if !self.context.is_parked() {
                    self.context.journal.event(Event::Interrupted);
                }
                return;
            }
            self.run_group(group).await;
            self.write_down(group).await;
            last = Some(due);
        }
        if part == Part::Steps
            && let Some(message) = self.context.journal.ask(Machine::failure)
        {
            // It failed before it was taken up again, in its last steps.
            self.fail_whole(Failure::new("step-failed", message, engine_source::Span::default()));
        }
        // Those for the end run when what was before was interrupted.
        if part == Part::Steps && self.context.journal.ask(Machine::is_interrupted) {
            self.stop.stop();
        }
    }

    /// Takes over how steps ended before the run was taken up again, and what they kept.
    async fn restore(&self) -> Result<(), Failure> {
        let journal = &self.context.journal;
        for (step, (sender, kept)) in self.steps.iter().zip(self.ends.iter().zip(&self.kept)) {
            let Some(end) = journal.ask(|machine| machine.end(&step.path).cloned()) else { continue };
            let counts: Counts = serde_json::from_str(&end.counts).unwrap_or_default();
            let status = match end.status {
                StepStatus::Ok => Status::Ok,
                StepStatus::Skipped => Status::Skipped,
                StepStatus::Failed => Status::Failed,
                StepStatus::Interrupted | StepStatus::Stopped => Status::Interrupted,
            };
            if kept.is_asked_for() {
                kept.restore(&journal.records_of(&step.path).await?);
            }
            sender.send_replace(Some(End { status, counts, error: end.error }));
            let rank = self.rank(step);
            self.context.book.restored(&rank, &self.address(step), &self.context, status, counts);
        }
        Ok(())
    }

    /// Writes down how the steps of a group ended. What they kept comes first: the machine goes on when it knows the last end.
    async fn write_down(&self, group: &[usize]) {
        let journal = &self.context.journal;
        let steps = || group.iter().filter_map(|index| Some((*index, self.steps.get(*index)?)));
        let mut failed = None;
        let is_done = steps().all(|(index, _)| matches!(self.end_of(index), Some(Status::Ok | Status::Skipped)));
        if is_done {
            for (index, step) in steps() {
                let Some(kept) = self.kept.get(index).filter(|kept| kept.is_asked_for()) else { continue };
                let kept = match kept.lines() {
                    Ok(lines) => journal.keep_records(&step.path, lines).await,
                    Err(failure) => Err(failure),
                };
                if let Err(failure) = kept {
                    self.fail_whole(failure);
                    failed = Some(index);
                    break;
                }
            }
        }
        for (index, step) in steps() {
            let Some(end) = self.ends.get(index).and_then(|end| end.borrow().clone()) else { continue };
            let status = match end.status {
                _ if failed == Some(index) => StepStatus::Failed,
                Status::Ok | Status::Partial => StepStatus::Ok,
                Status::Skipped => StepStatus::Skipped,
                Status::Failed => StepStatus::Failed,
                Status::Interrupted if self.stop.is_stopped_from_above() => StepStatus::Interrupted,
                Status::Interrupted => StepStatus::Stopped,
            };
            // Who goes on with a run that waits for an event begins these steps again, as if its process had died.
            if matches!(status, StepStatus::Interrupted | StepStatus::Stopped) && self.context.is_parked() {
                continue;
            }
            // Counts are always JSON.
            let counts = serde_json::to_string(&end.counts).unwrap_or_default();
            let end = StepEnd { status, counts, error: end.error };
            journal.event(Event::StepEnded { path: step.path.clone(), end });
        }
        let held = std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner));
        if is_done && failed.is_none() {
            held.settle();
        }
        if journal.is_kept() && failed.is_none() {
            // Their records are kept elsewhere too, so that their pages need not be read again.
            steps().filter_map(|(index, _)| self.kept.get(index)).for_each(|kept| kept.release());
        }
    }
}
