//! A line for each step that changes while it works, for somebody who watches.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine_runtime::{Counts, Event};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::counts;
use crate::terminal::Look;

/// How often the mark before a line turns.
const TICK: Duration = Duration::from_millis(120);

/// The lines of the steps that are at work.
pub(super) struct Live {
    lines: MultiProgress,
    style: ProgressStyle,
    /// How wide the names of steps are.
    width: usize,
    steps: Mutex<HashMap<String, Line>>,
}

struct Line {
    bar: ProgressBar,
    begun: Instant,
    counts: Counts,
    /// Why it does nothing at the moment, and until when.
    pause: Option<(String, Instant)>,
}

impl Live {
    /// Makes lines for a run of these steps; none is there yet.
    pub(super) fn new<'a>(look: Look, steps: impl Iterator<Item = &'a str>) -> Self {
        let marks = if look.unicode { "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ " } else { "-\\|/ " };
        let template =
            if look.color { "{spinner:.cyan} {prefix:.bold}  {wide_msg}" } else { "{spinner} {prefix}  {wide_msg}" };
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_spinner())
            .tick_chars(marks);
        let width = steps.map(|step| step.chars().count()).max().unwrap_or_default();
        Self { lines: MultiProgress::new(), style, width, steps: Mutex::default() }
    }

    /// Changes the line of a step.
    pub(super) fn event(&self, event: &Event) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::StepStarted { step } => {
                let bar = self.lines.add(ProgressBar::new_spinner().with_style(self.style.clone()));
                bar.set_prefix(format!("{step:<width$}", width = self.width));
                bar.enable_steady_tick(TICK);
                steps.insert(
                    step.to_string(),
                    Line { bar, begun: Instant::now(), counts: Counts::default(), pause: None },
                );
            }
            Event::Progress { step, counts } => change(steps.get_mut(&**step), |line| line.counts = *counts),
            Event::Retrying { step, what, wait, attempt } => change(steps.get_mut(&**step), |line| {
                line.pause =
                    Some((format!("attempt {attempt} in {}: {what}", counts::time(*wait)), Instant::now() + *wait));
            }),
            Event::Waiting { step, wait, why } => change(steps.get_mut(&**step), |line| {
                let text = format!("waits {} for {}", counts::time(*wait), counts::waiting_for(*why));
                line.pause = Some((text, Instant::now() + *wait));
            }),
            Event::CircuitOpened { step, api, wait, .. } => change(steps.get_mut(&**step), |line| {
                let text = format!("the API `{api}` does not work; the next request in {}", counts::time(*wait));
                line.pause = Some((text, Instant::now() + *wait));
            }),
            Event::CircuitClosed { step, .. } => change(steps.get_mut(&**step), |line| line.pause = None),
            Event::StepFinished { step, .. } => {
                if let Some(line) = steps.remove(&**step) {
                    line.bar.finish_and_clear();
                }
            }
            Event::Rejected { .. } | Event::Log { .. } | Event::Note { .. } => {}
        }
    }

    /// Takes the lines away while something else is written.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.lines.suspend(write)
    }

    /// Takes all lines away.
    pub(super) fn end(&self) {
        self.steps
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain()
            .for_each(|(_, line)| line.bar.finish_and_clear());
        // Where the terminal is gone, nothing is left to be cleared.
        _ = self.lines.clear();
    }
}

fn change(line: Option<&mut Line>, change: impl FnOnce(&mut Line)) {
    let Some(line) = line else { return };
    change(line);
    let now = Instant::now();
    line.pause.take_if(|(_, until)| *until <= now);
    line.bar.set_message(message(&line.counts, now - line.begun, line.pause.as_ref().map(|(why, _)| why.as_str())));
}

/// Returns how far a step is: `3 pages, 250 records, 1200/s, 1 retry; waits 2.0 s for the rate limit`.
fn message(counts: &Counts, elapsed: Duration, pause: Option<&str>) -> String {
    let records = counts.read.max(counts.sent);
    let mut parts = Vec::new();
    if counts.pages > 0 {
        parts.push(format!("{} {}", counts.pages, if counts.pages == 1 { "page" } else { "pages" }));
    }
    parts.push(format!("{records} {}", if records == 1 { "record" } else { "records" }));
    // A rate of the first moments says nothing.
    if elapsed > Duration::from_millis(500) {
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        parts.push(format!("{}/s", records.saturating_mul(1000) / millis.max(1)));
    }
    if counts.retries > 0 {
        parts.push(format!("{} {}", counts.retries, if counts.retries == 1 { "retry" } else { "retries" }));
    }
    let rejected = counts.invalid + counts.failed + counts.dead_lettered;
    if rejected > 0 {
        parts.push(format!("{rejected} rejected"));
    }
    let text = parts.join(", ");
    pause.map_or_else(|| text.clone(), |pause| format!("{text}; {pause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_far_a_step_is() {
        let counts = Counts { read: 250, pages: 3, retries: 1, ..Counts::default() };
        assert_eq!(message(&counts, Duration::from_secs(2), None), "3 pages, 250 records, 125/s, 1 retry");
        assert_eq!(
            message(&Counts { read: 1, pages: 1, ..counts }, Duration::ZERO, Some("waits 2.0 s")),
            "1 page, 1 record, 1 retry; waits 2.0 s"
        );
    }

    #[test]
    fn has_a_line_while_a_step_is_at_work() {
        let live = Live::new(Look::PLAIN, ["orders"].into_iter());
        live.event(&Event::StepStarted { step: "orders".into() });
        live.event(&Event::Progress { step: "orders".into(), counts: Counts { read: 2, ..Counts::default() } });
        let shown =
            || live.steps.lock().unwrap_or_else(PoisonError::into_inner).get("orders").map(|line| line.bar.message());
        assert_eq!(shown().as_deref(), Some("2 records"));
        live.event(&Event::StepFinished {
            step: "orders".into(),
            status: engine_runtime::Status::Ok,
            counts: Counts::default(),
        });
        assert_eq!(shown(), None);
    }
}
