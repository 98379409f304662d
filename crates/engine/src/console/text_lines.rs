//! A run in lines for people.

use std::time::Duration;

use engine_runtime::{Event, RunReport, Status};

use super::counts;
use crate::render::human;
use crate::report::Reported;
use crate::terminal::{Look, Style, Terminal, tell};

/// Says what happens, line by line, and sums up at the end.
pub(super) struct TextLines {
    look: Look,
    verbose: u8,
}

impl TextLines {
    pub(super) fn new(terminal: Terminal, verbose: u8) -> Self {
        Self { look: terminal.stderr, verbose }
    }

    /// Returns whether single events are told.
    pub(super) fn is_verbose(&self) -> bool {
        self.verbose > 0
    }

    /// Tells an event, if it is worth it.
    pub(super) fn event(&self, event: &Event) {
        if let Some(line) = line(event, self.verbose) {
            tell(format!("{line}\n"));
        }
    }

    /// Shows a finding.
    pub(super) fn finding(&self, reported: &Reported) {
        tell(human::render(reported, self.look));
    }

    /// Says that the run was asked to stop.
    pub(super) fn stopping(&self) {
        tell(self.look.paint(Style::Yellow, "stopping after what is on its way; interrupt again to break off") + "\n");
    }

    /// Sums up the steps and the run.
    pub(super) fn summary(&self, run: &RunReport, elapsed: Duration) {
        // Each step was told when it ended.
        let with_steps = !self.is_verbose();
        tell(summary(run, elapsed, with_steps, self.look));
    }
}

/// Says that not all rejected records were shown.
pub(super) fn more_rejected(more: usize) {
    let records = if more == 1 { "record was" } else { "records were" };
    tell(format!("{more} more {records} rejected; `-v` shows each\n\n"));
}

/// Returns the line of an event.
pub(super) fn line(event: &Event, verbose: u8) -> Option<String> {
    match event {
        Event::Note { message } => Some(message.clone()),
        Event::Log { step, message } => Some(format!("{step}: {message}")),
        _ if verbose == 0 => None,
        Event::StepStarted { step } => Some(format!("{step}: begins")),
        Event::Progress { step, counts } if verbose > 1 => Some(format!("{step}: {}", both(counts))),
        Event::Progress { .. } | Event::Rejected { .. } => None,
        Event::Retrying { step, what, wait, attempt } => {
            Some(format!("{step}: {what}; attempt {attempt} in {}", counts::time(*wait)))
        }
        Event::Waiting { step, wait, why } => {
            Some(format!("{step}: waits {} for {}", counts::time(*wait), counts::waiting_for(*why)))
        }
        Event::CircuitOpened { step, api, failures, wait, error } => Some(format!(
            "{step}: the API `{api}` does not work, {failures} requests failed in a row; the next one in {}; the last: {error}",
            counts::time(*wait)
        )),
        Event::CircuitClosed { step, api, after } => {
            Some(format!("{step}: the API `{api}` works again, after {}", counts::time(*after)))
        }
        Event::StepFinished { step, status, counts } => Some(format!("{step}: {}, {}", ended(*status), both(counts))),
    }
}

/// Returns what became of records, and what was asked of servers.
pub(super) fn both(counts: &engine_runtime::Counts) -> String {
    let records = counts::records(counts);
    counts::exchanges(counts).map_or_else(|| records.clone(), |exchanges| format!("{records}; {exchanges}"))
}

fn ended(status: Status) -> &'static str {
    match status {
        Status::Ok | Status::Partial => "done",
        Status::Failed => "failed",
        Status::Skipped => "skipped",
        Status::Interrupted => "interrupted",
    }
}

/// Returns a line for each step, and one for the run.
fn summary(run: &RunReport, elapsed: Duration, with_steps: bool, look: Look) -> String {
    let width = run.steps.iter().map(|step| step.id.chars().count()).max().unwrap_or_default();
    let steps = run.steps.iter().filter(|_| with_steps).map(|step| {
        let gap = " ".repeat(width - step.id.chars().count());
        let what = match step.status {
            Status::Skipped => "skipped".to_owned(),
            Status::Failed => format!("{}: {}", look.paint(Style::Red, "failed"), both(&step.counts)),
            Status::Ok | Status::Partial | Status::Interrupted => both(&step.counts),
        };
        format!("{}{gap}  {what}\n", look.paint(Style::Bold, &step.id))
    });
    let time = counts::time(elapsed);
    let end = match run.status {
        Status::Ok | Status::Skipped => format!("{} in {time}", look.paint(Style::Green, "done")),
        Status::Partial => {
            format!("{} in {time}, but {}", look.paint(Style::Yellow, "done"), counts::rejected(run.rejected))
        }
        Status::Failed => format!("{} after {time}", look.paint(Style::Red, "failed")),
        Status::Interrupted => {
            format!("{} after {time}; what was delivered stays", look.paint(Style::Yellow, "interrupted"))
        }
    };
    format!("{}{end}\n", steps.collect::<String>())
}

#[cfg(test)]
mod tests {
    use engine_runtime::{Counts, StepReport};

    use super::*;

    #[test]
    fn tells_events_when_asked_to() {
        let retrying = Event::Retrying {
            step: "orders".into(),
            what: "GET https://x/y: 503".to_owned(),
            wait: Duration::from_millis(1500),
            attempt: 2,
        };
        assert_eq!(line(&retrying, 0), None);
        assert_eq!(line(&retrying, 1).as_deref(), Some("orders: GET https://x/y: 503; attempt 2 in 1.5 s"));
        let log = Event::Log { step: "step_2".into(), message: "hello".to_owned() };
        assert_eq!(line(&log, 0).as_deref(), Some("step_2: hello"));
    }

    #[test]
    fn sums_up() {
        let counts = Counts { read: 250, dropped: 3, out: 247, pages: 3, requests: 3, ..Counts::default() };
        let run = |status, invalid| RunReport {
            status,
            steps: vec![
                StepReport { id: "orders".into(), status: Status::Ok, counts },
                StepReport {
                    id: "log".into(),
                    status: Status::Ok,
                    counts: Counts { read: 2, invalid, sent: 2 - invalid, ..Counts::default() },
                },
            ],
            id: String::new(),
            errors: Vec::new(),
            rejected: invalid,
        };
        let text = |run: &RunReport| summary(run, Duration::from_millis(1200), true, Look::PLAIN);
        assert_eq!(
            text(&run(Status::Ok, 0)),
            "orders  250 read, 3 dropped, 247 out; 3 pages, 3 requests\nlog     2 read, 2 sent\ndone in 1.2 s\n"
        );
        assert!(text(&run(Status::Partial, 1)).ends_with("\ndone in 1.2 s, but 1 record was rejected\n"));
        assert!(text(&run(Status::Interrupted, 0)).ends_with("\ninterrupted after 1.2 s; what was delivered stays\n"));
    }
}
