//! What is said and printed while a spec runs. Knows the events of a run and its records, not how it is started.

mod counts;
mod json_lines;
mod live;
mod served;
mod text_lines;

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine_plan::Plan;
use engine_runtime::{Event, Observer, Record, RunReport};
use engine_source::Finding;

pub(crate) use self::counts::time;
use self::json_lines::JsonLines;
use self::live::Live;
pub(crate) use self::served::ServeLog;
use self::text_lines::TextLines;
use crate::arguments::{LogFormat, Shown};
use crate::failure::Failure;
use crate::output::{OutputFormat, Printer};
use crate::report::{Report, Reported};
use crate::terminal::{Terminal, tell};

/// How many rejected records are shown in full; the others are counted.
const SHOWN: usize = 5;

/// Prints the records of a run to stdout, and says on stderr how it goes.
pub(crate) struct Console {
    printed: Mutex<Printed>,
    voice: Voice,
    spec: PathBuf,
    plan: Arc<Plan>,
    rejected: Mutex<Rejected>,
    unheard: AtomicBool,
}

/// Where records go.
struct Printed {
    printer: Option<Box<dyn Printer>>,
    buffer: Vec<u8>,
    /// Records on the terminal would run into the lines that show the progress.
    on_terminal: bool,
}

#[derive(Default)]
struct Rejected {
    shown: Vec<Finding>,
    more: usize,
}

/// How a run is spoken of.
enum Voice {
    /// Errors only.
    Quiet(Terminal),
    /// Lines for people, and a summary.
    Lines(TextLines),
    /// Lines that change while the run goes, and a summary.
    Live(TextLines, Live),
    /// An object for each event.
    Json(JsonLines),
}

impl Console {
    /// Makes the console of a run.
    pub(crate) fn new(spec: &Path, shown: &Shown, terminal: &Terminal, plan: Arc<Plan>) -> Self {
        let lines = TextLines::new(*terminal, shown.verbose);
        let voice = match shown.log_format {
            LogFormat::Json => Voice::Json(JsonLines::new(shown.verbose, shown.quiet)),
            LogFormat::Text if shown.quiet => Voice::Quiet(*terminal),
            // What is said more often than once in a while does not go with lines that stay in their place.
            LogFormat::Text if terminal.is_watched && shown.verbose == 0 => {
                Voice::Live(lines, Live::new(terminal.stderr, plan.steps.iter().map(|step| step.id.as_str())))
            }
            LogFormat::Text => Voice::Lines(lines),
        };
        let printed = Printed {
            printer: shown.output.unwrap_or_else(|| OutputFormat::of(&plan)).printer(terminal.stdout.width),
            buffer: Vec::new(),
            on_terminal: terminal.prints_to_screen,
        };
        Self {
            printed: Mutex::new(printed),
            voice,
            spec: spec.to_owned(),
            plan,
            rejected: Mutex::default(),
            unheard: AtomicBool::new(false),
        }
    }

    /// Says what is wrong with a spec or its inputs.
    pub(crate) fn report(&self, report: &Report) {
        report.iter().for_each(|reported| self.say_finding(reported));
    }

    /// Ends the printing, and says what became of the run.
    pub(crate) fn finish(&self, run: &RunReport, elapsed: Duration) {
        self.end_printing();
        let rejected = std::mem::take(&mut *self.rejected.lock().unwrap_or_else(PoisonError::into_inner));
        if let Voice::Live(_, live) = &self.voice {
            live.end();
        }
        for finding in rejected.shown {
            self.say_finding(&self.reported(finding));
        }
        if rejected.more > 0 {
            text_lines::more_rejected(rejected.more);
        }
        for error in &run.errors {
            self.say_finding(&self.reported(error.clone()));
        }
        match &self.voice {
            Voice::Quiet(_) => {}
            // Where nothing began there is nothing to sum up.
            Voice::Lines(_) | Voice::Live(..) if run.steps.is_empty() && !run.errors.is_empty() => {}
            Voice::Lines(lines) | Voice::Live(lines, _) => lines.summary(run, elapsed),
            Voice::Json(lines) => lines.summary(run, elapsed),
        }
    }

    /// Says where the records are that were kept aside.
    pub(crate) fn tell_letters(&self, run: &RunReport) {
        let kept: u64 = run.steps.iter().map(|step| step.counts.dead_lettered).sum();
        if kept == 0 {
            return;
        }
        let are = if kept == 1 { "record is kept as a dead letter" } else { "records are kept as dead letters" };
        self.add(format!("{kept} {are}: engine dead-letters list"));
    }

    /// Adds a line to what was told at the end of a run.
    pub(crate) fn add(&self, message: String) {
        match &self.voice {
            Voice::Quiet(_) => {}
            Voice::Lines(_) | Voice::Live(..) => tell(message + "\n"),
            Voice::Json(lines) => lines.event(&Event::Note { message }),
        }
    }

    /// Says that the run was asked to stop.
    pub(crate) fn stopping(&self) {
        match &self.voice {
            Voice::Quiet(_) => {}
            Voice::Lines(lines) => lines.stopping(),
            Voice::Live(lines, live) => live.aside(|| lines.stopping()),
            Voice::Json(lines) => lines.stopping(),
        }
    }

    /// Returns whether whoever read the records went away.
    pub(crate) fn is_unheard(&self) -> bool {
        self.unheard.load(Ordering::Relaxed)
    }

    fn reported(&self, finding: Finding) -> Reported {
        Reported::new(&self.spec, finding, &self.plan.sources)
    }

    fn say_finding(&self, reported: &Reported) {
        match &self.voice {
            Voice::Quiet(terminal) => {
                if reported.finding.is_error() {
                    tell(crate::render::human::render(reported, terminal.stderr));
                }
            }
            Voice::Lines(lines) | Voice::Live(lines, _) => lines.finding(reported),
            Voice::Json(lines) => lines.finding(reported),
        }
    }

    fn end_printing(&self) {
        let mut guard = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        let Printed { printer, buffer, .. } = &mut *guard;
        if let Some(printer) = printer {
            printer.end(buffer);
            // What the run wrote before may have failed already, and was reported then.
            _ = self.flush(&mut guard);
        }
    }

    /// Writes what is in the buffer, a page at once, so that whoever reads it sees it soon.
    fn flush(&self, printed: &mut Printed) -> io::Result<()> {
        let write = |bytes: &[u8]| {
            let mut out = io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        };
        let result = match &self.voice {
            Voice::Live(_, live) if printed.on_terminal => live.aside(|| write(&printed.buffer)),
            _ => write(&printed.buffer),
        };
        printed.buffer.clear();
        if let Err(error) = &result
            && error.kind() == ErrorKind::BrokenPipe
        {
            self.unheard.store(true, Ordering::Relaxed);
        }
        result
    }

    /// Keeps a rejected record for the end, unless each is told as it comes.
    fn reject(&self, finding: Finding) {
        match &self.voice {
            Voice::Quiet(_) => {}
            Voice::Json(_) => self.say_finding(&self.reported(finding)),
            Voice::Lines(lines) if lines.is_verbose() => lines.finding(&self.reported(finding)),
            Voice::Lines(_) | Voice::Live(..) => {
                let mut rejected = self.rejected.lock().unwrap_or_else(PoisonError::into_inner);
                if rejected.shown.len() < SHOWN { rejected.shown.push(finding) } else { rejected.more += 1 }
            }
        }
    }
}

impl Observer for Console {
    fn begun(&self, run: &str) {
        if let Voice::Json(lines) = &self.voice {
            lines.begun(run);
        }
    }

    fn event(&self, event: Event) {
        let event = match event {
            Event::Rejected { finding, .. } => return self.reject(*finding),
            other => other,
        };
        match &self.voice {
            Voice::Quiet(_) => {}
            Voice::Lines(lines) => lines.event(&event),
            Voice::Live(lines, live) => match &event {
                Event::Log { .. } | Event::Note { .. } => live.aside(|| lines.event(&event)),
                _ => live.event(&event),
            },
            Voice::Json(lines) => lines.event(&event),
        }
    }

    fn records(&self, stream: Option<&str>, records: &[Record]) -> io::Result<()> {
        let mut guard = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        let Printed { printer, buffer, .. } = &mut *guard;
        let Some(printer) = printer else { return Ok(()) };
        printer.page(stream, records, buffer)?;
        self.flush(&mut guard)
    }
}

/// Says as lines of JSON why there is no run.
pub(crate) fn fail(failure: &Failure) {
    JsonLines::new(0, false).failure(failure);
}
