//! A plan in words, as a colleague would sum it up.

use std::fmt::Write as _;

use engine_plan::{
    EndpointDescription, FieldDescription, ReadDescription, RequestDescription, SinkDescription, StepDescription,
};
use engine_runtime::{HowGiven, KnownInput, KnownSecret};

use super::estimate::{Estimate, spoken};
use super::kept::{KeptState, without_password};
use super::outlook::Outlook;
use super::starts::Start;
use crate::report::counted;
use crate::terminal::{Look, Style};

/// How many fields of a mapping are told.
const FIELDS: usize = 12;

/// How wide the names of what a step does are.
const NAMES: usize = 11;

/// Returns the text for stdout.
pub(super) fn render(outlook: &Outlook<'_>, look: Look) -> String {
    let mut page = Page { text: String::new(), look, depth: 0 };
    let description = outlook.description;
    page.head(&description.flow, description.description.as_deref(), &description.files);
    page.givings(&outlook.known.inputs, &outlook.known.secrets);
    page.starts(&outlook.starts);
    page.block("Steps", &description.steps);
    page.block("On failure", &description.on_failure);
    page.block("Finally", &description.finally);
    for composite in &description.made_of_steps {
        page.block(&format!("{}, made of steps", composite.id), &composite.steps);
    }
    page.endpoints(&description.endpoints, description.unused.len());
    page.sinks(&description.sinks);
    page.kept(&outlook.kept, &description.steps);
    page.estimate(outlook);
    page.needs(outlook);
    page.text
}

/// A text that is being written.
struct Page {
    text: String,
    look: Look,
    depth: usize,
}

impl Page {
    fn line(&mut self, text: &str) {
        // Writing into a text cannot fail.
        _ = writeln!(self.text, "{:1$}{text}", "", self.depth * 2);
    }

    fn title(&mut self, title: &str) {
        self.text.push('\n');
        let title = self.look.paint(Style::Bold, title);
        self.line(&title);
    }

    /// Writes a name and what is said of it, whose further lines stand below each other.
    fn named(&mut self, name: &str, text: &str) {
        let gap = " ".repeat(NAMES.saturating_sub(name.chars().count()));
        let name = self.look.paint(Style::Cyan, name);
        self.line(&format!("{name}{gap} {text}"));
    }

    fn more(&mut self, text: &str) {
        self.line(&format!("{:NAMES$} {text}", ""));
    }

    fn dim(&self, text: &str) -> String {
        self.look.paint(Style::Dim, text)
    }

    fn head(&mut self, flow: &str, description: Option<&str>, files: &[String]) {
        let flow = self.look.paint(Style::Bold, flow);
        self.line(&flow);
        for line in description.unwrap_or_default().lines() {
            self.line(line.trim_end());
        }
        if let Some((first, others)) = files.split_first() {
            let with = if others.is_empty() { String::new() } else { format!(", with {}", others.join(", ")) };
            let line = self.dim(&format!("{first}{with}"));
            self.line(&line);
        }
    }

    fn givings(&mut self, inputs: &[KnownInput], secrets: &[KnownSecret]) {
        if !inputs.is_empty() {
            self.title("Inputs");
        }
        self.depth = 1;
        let width = inputs.iter().map(|input| input.name.chars().count()).max().unwrap_or_default();
        for input in inputs {
            let name = format!("{}{}", input.name, " ".repeat(width - input.name.chars().count()));
            let value = input.value.as_ref().map(|value| value.text().map_or_else(|| value.to_json(), Into::into));
            let value = value.unwrap_or_default();
            let standing = match (input.given, &input.from) {
                (HowGiven::Set, Some(from)) => format!("{value}  {}", self.dim(&format!("from {from}"))),
                (HowGiven::Default, _) => format!("{value}  {}", self.dim("default")),
                (HowGiven::Missing, _) => self.look.paint(Style::Red, "missing"),
                (HowGiven::Wrong, _) => self.look.paint(Style::Red, "wrong"),
                _ => self.dim("not given, and need not be"),
            };
            self.line(&format!("{name}  {:8}  {standing}", input.kind));
            self.depth = 2;
            if let Some(description) = &input.description {
                let line = self.dim(description.trim_end());
                self.line(&line);
            }
            match &input.problem {
                Some(problem) if input.given == HowGiven::Wrong => self.line(&problem.message),
                _ => {}
            }
            if matches!(input.given, HowGiven::Missing | HowGiven::Wrong) {
                self.line(&format!("give it by {}", input.ways.join(", or ")));
            }
            self.depth = 1;
        }
        self.depth = 0;
        if !secrets.is_empty() {
            self.title("Secrets");
        }
        self.depth = 1;
        let width = secrets.iter().map(|secret| secret.name.chars().count()).max().unwrap_or_default();
        for secret in secrets {
            let name = format!("{}{}", secret.name, " ".repeat(width - secret.name.chars().count()));
            let from = &secret.from;
            let standing = match secret.given {
                HowGiven::Set => format!("set  {}", self.dim(&format!("from {from}"))),
                HowGiven::Missing => self.look.paint(Style::Red, "missing"),
                HowGiven::Wrong => self.look.paint(Style::Red, "wrong"),
                HowGiven::NotAsked => self.dim(&format!("asked for when it runs: {from}")),
                HowGiven::LeftOut | HowGiven::Default => self.dim(&format!("not given, and need not be: {from}")),
            };
            self.line(&format!("{name}  {standing}"));
            self.depth = 2;
            match (&secret.problem, secret.given) {
                (Some(problem), HowGiven::Wrong) => self.line(&problem.message),
                (_, HowGiven::Missing) => self.line(&secret.ways.join(", or ")),
                _ => {}
            }
            self.depth = 1;
        }
        self.depth = 0;
    }

    fn starts(&mut self, starts: &[Start]) {
        if starts.is_empty() {
            return;
        }
        self.title("Starts");
        self.depth = 1;
        for start in starts {
            let notes = if start.notes.is_empty() { String::new() } else { format!(", {}", start.notes.join(", ")) };
            self.line(&format!("{}{notes}", start.address));
            if !start.next.is_empty() {
                self.depth = 2;
                self.line(&format!("next: {}", start.next.join(", ")));
                self.depth = 1;
            }
        }
        self.depth = 0;
    }

    fn block(&mut self, title: &str, steps: &[StepDescription]) {
        if steps.is_empty() {
            return;
        }
        self.title(title);
        self.depth = 1;
        self.steps(steps);
        self.depth = 0;
    }

    fn steps(&mut self, steps: &[StepDescription]) {
        for step in steps {
            self.step(step);
        }
    }

    fn step(&mut self, step: &StepDescription) {
        let id = self.look.paint(Style::Bold, &step.id);
        let at = step.at.as_deref().map(|at| format!("  {}", self.dim(at))).unwrap_or_default();
        self.line(&format!("{id}{at}"));
        self.depth += 1;
        self.shape(step);
        self.depth -= 1;
    }

    /// Writes what a step does, in the order in which it does it.
    fn shape(&mut self, step: &StepDescription) {
        let optional = [("when", step.when.as_ref()), ("for each", step.for_each.as_ref())];
        for (name, text) in optional {
            if let Some(text) = text {
                self.named(name, text);
            }
        }
        for read in &step.reads {
            self.read(read);
        }
        let optional = [("reads sink", step.reads_sink.as_ref()), ("explode", step.explode.as_ref())];
        for (name, text) in optional {
            if let Some(text) = text {
                self.named(name, text);
            }
        }
        self.fields("vars", &step.vars);
        if let Some(filter) = &step.filter {
            self.named("where", filter);
        }
        self.fields("map", &step.map);
        let optional = [("validate", step.validate.as_ref()), ("batch", step.batch.as_ref())];
        for (name, text) in optional {
            if let Some(text) = text {
                self.named(name, text);
            }
        }
        if let Some(target) = &step.target {
            self.named(target.kind, &target.text);
            if let Some(request) = &target.request {
                self.request(request);
            } else if !target.params.is_empty() {
                self.more(&format!("params {}", listed(&target.params)));
            }
        }
        for case in &step.cases {
            let title = case.case.as_ref().map_or_else(|| "else".to_owned(), |case| format!("case {case}"));
            let title = self.look.paint(Style::Cyan, &title);
            self.depth += 1;
            self.line(&title);
            self.depth += 1;
            self.shape(&case.step);
            self.depth -= 2;
        }
        for block in step.blocks.iter().filter(|block| block.title != "on error") {
            self.depth += 1;
            if block.title != "steps" {
                let title = self.look.paint(Style::Cyan, &block.title);
                self.line(&title);
                self.depth += 1;
            }
            self.steps(&block.steps);
            self.depth -= if block.title == "steps" { 1 } else { 2 };
        }
        if let Some(expect) = &step.expect {
            self.named("expect", expect);
        }
        self.fields("extract", &step.extract);
        self.items(step);
        for block in step.blocks.iter().filter(|block| block.title == "on error") {
            self.depth += 1;
            let title = self.look.paint(Style::Cyan, "on error");
            self.line(&title);
            self.depth += 1;
            self.steps(&block.steps);
            self.depth -= 2;
        }
        if let Some(stream) = stream(step) {
            self.named("stream", &stream);
        }
    }

    /// Says how many items are worked on at once, and what becomes of one that fails. A case that says nothing leaves it to its step.
    fn items(&mut self, step: &StepDescription) {
        let is_case = step.path.rsplit('/').nth(1) == Some("switch");
        let says_nothing = step.concurrency == "1" && step.on_error == "fail";
        let has_source = step.for_each.is_some() || !step.reads.is_empty() || step.reads_sink.is_some();
        if is_case && says_nothing {
            return;
        }
        if has_source || is_case || !says_nothing {
            self.named("items", &at_once(step));
        } else {
            self.named("on error", &step.on_error);
        }
    }

    fn read(&mut self, read: &ReadDescription) {
        let mut text = read.endpoint.clone();
        if read.made_of_steps {
            text.push_str(", made of steps");
        }
        match &read.pagination {
            Some(pagination) => _ = write!(text, ", page by page: {pagination}"),
            None if !read.made_of_steps => text.push_str(", one page"),
            None => {}
        }
        if let Some(limit) = &read.limit {
            _ = write!(text, ", at most {limit} records");
        }
        self.named("read", &text);
        match &read.request {
            Some(request) => self.request(request),
            None if !read.params.is_empty() => self.more(&format!("params {}", listed(&read.params))),
            None => {}
        }
        if let Some(incremental) = &read.incremental {
            self.more(&format!("only what is new: {incremental}"));
        }
    }

    fn request(&mut self, request: &RequestDescription) {
        self.more(&request.line());
        for line in request.more() {
            self.more(&line);
        }
    }

    fn fields(&mut self, name: &str, fields: &[FieldDescription]) {
        let mut name = name;
        for field in fields.iter().take(FIELDS) {
            self.named(name, &format!("{}: {}", field.name, field.value));
            name = "";
        }
        if fields.len() > FIELDS {
            let rest: Vec<&str> = fields.iter().skip(FIELDS).map(|field| field.name.as_str()).collect();
            self.more(&format!("… and {}", rest.join(", ")));
        }
    }

    fn endpoints(&mut self, endpoints: &[EndpointDescription], unused: usize) {
        if endpoints.is_empty() {
            return;
        }
        self.title("Endpoints");
        self.depth = 1;
        for endpoint in endpoints {
            let id = self.look.paint(Style::Bold, &endpoint.id);
            let at = endpoint.at.as_deref().map(|at| format!("  {}", self.dim(at))).unwrap_or_default();
            self.line(&format!("{id}{at}"));
            self.depth = 2;
            self.named("request", &endpoint.request.line());
            for param in &endpoint.params {
                self.named("param", param);
            }
            for setting in &endpoint.settings {
                let from = match setting.at.as_slice() {
                    [] => setting.from.as_str().to_owned(),
                    at => format!("{}, {}", setting.from.as_str(), at.join(" and ")),
                };
                let from = self.dim(&format!("[{from}]"));
                self.named(setting.name, &format!("{}  {from}", setting.text));
            }
            if !endpoint.used_by.is_empty() {
                self.named("used by", &endpoint.used_by.join(", "));
            }
            self.depth = 1;
        }
        if unused > 0 {
            let line = self.dim(&format!(
                "{} not used",
                if unused == 1 { "1 more endpoint is".to_owned() } else { format!("{unused} more endpoints are") }
            ));
            self.line(&line);
        }
        self.depth = 0;
    }

    fn sinks(&mut self, sinks: &[SinkDescription]) {
        if sinks.is_empty() {
            return;
        }
        self.title("Sinks");
        self.depth = 1;
        for sink in sinks {
            let to = sink.to.as_ref().map(|to| format!(" {to}")).unwrap_or_default();
            let users = |what: &str, users: &[String]| {
                if users.is_empty() { String::new() } else { format!(", {what} {}", users.join(", ")) }
            };
            let by = format!("{}{}", users("written by", &sink.written_by), users("read by", &sink.read_by));
            let name = self.look.paint(Style::Bold, &sink.name);
            self.line(&format!("{name}  {}{to}{by}", sink.kind));
        }
        self.depth = 0;
    }

    fn kept(&mut self, kept: &KeptState, steps: &[StepDescription]) {
        let is_incremental = steps.iter().any(|step| step.reads.iter().any(|read| read.incremental.is_some()));
        if kept.is_empty() && !is_incremental {
            return;
        }
        self.title(&format!("State, in {}", without_password(&kept.place)));
        self.depth = 1;
        for cursor in &kept.cursors {
            let value = cursor.value.as_str().map_or_else(|| cursor.value.to_string(), str::to_owned);
            let saved = self.dim(&format!("saved {}", cursor.saved_at));
            self.line(&format!("{} {}: goes on from {value}  {saved}", cursor.step, cursor.what));
        }
        for step in steps {
            for read in step.reads.iter().filter(|read| read.incremental.is_some()) {
                let is_known = kept.cursors.iter().any(|cursor| {
                    cursor.step == step.path && cursor.what.split(' ').next() == Some(read.endpoint.as_str())
                });
                if !is_known {
                    self.line(&format!("{} {}: nothing is saved, so it begins at its start", step.path, read.endpoint));
                }
            }
        }
        if kept.validators > 0 {
            self.line(&format!("{} know what they had last", counted(kept.validators, "read")));
        }
        if kept.dead_letters > 0 {
            let letters = counted(kept.dead_letters, "record");
            self.line(&format!("{letters} put aside: `engine dead-letters list`"));
        }
        if let Some(run) = &kept.last {
            self.line(&format!("last run {}, {}, began {}", run.id, run.status.as_str(), run.started_at));
        }
        self.depth = 0;
    }

    fn estimate(&mut self, outlook: &Outlook<'_>) {
        let Estimate { least, about, limits, is_probed, .. } = &outlook.estimate;
        if *least == 0 && *about == Some(0) {
            return;
        }
        self.title("Estimate");
        self.depth = 1;
        for probe in &outlook.probes {
            let what = match (&probe.problem, probe.records) {
                (Some(problem), _) => format!("not known: {problem}"),
                (None, Some(records)) => {
                    let total = probe.total.map(|total| format!(" of {total}")).unwrap_or_default();
                    let more = match (probe.more, probe.total) {
                        (Some(true), None) => ", and there are more pages",
                        (Some(false), _) => ", all on one page",
                        _ => "",
                    };
                    format!("{records}{total} records on the first page{more}")
                }
                (None, None) => "no records".to_owned(),
            };
            self.line(&format!("{} {}: {what}", probe.step, probe.endpoint));
        }
        if let Some(about) = about {
            self.line(&format!("about {}", counted(usize::try_from(*about).unwrap_or(usize::MAX), "request")));
        } else {
            let ask = if *is_probed { "" } else { " (`--probe` asks for the first pages)" };
            let least = counted(usize::try_from(*least).unwrap_or(usize::MAX), "request");
            self.line(&format!("at least {least}; how many more depends on the pages and records that come{ask}"));
        }
        for limit in limits {
            let run = limit.run.map(|run| format!("these take {} at least; ", spoken(run))).unwrap_or_default();
            self.line(&format!(
                "rate limit of {}, {}: {run}1,000 requests take {}",
                limit.bucket,
                limit.rate,
                spoken(limit.thousand)
            ));
        }
        self.depth = 0;
    }

    /// Says last what a run would lack.
    fn needs(&mut self, outlook: &Outlook<'_>) {
        let is_wanted = |given: HowGiven| matches!(given, HowGiven::Missing | HowGiven::Wrong);
        let inputs = outlook.known.inputs.iter().filter(|input| is_wanted(input.given)).map(|it| &it.name);
        let secrets = outlook.known.secrets.iter().filter(|secret| is_wanted(secret.given)).map(|it| &it.name);
        let names: Vec<String> = inputs.chain(secrets).map(|name| format!("`{name}`")).collect();
        if !names.is_empty() {
            self.text.push('\n');
            let line = format!("a run would end at once: {} not given", are(&names));
            let line = self.look.paint(Style::Yellow, &line);
            self.line(&line);
        }
    }
}

fn are(names: &[String]) -> String {
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

fn listed(fields: &[FieldDescription]) -> String {
    fields.iter().map(|field| format!("{} {}", field.name, field.value)).collect::<Vec<_>>().join(", ")
}

fn at_once(step: &StepDescription) -> String {
    let many = match step.concurrency.as_str() {
        "1" => "one at a time".to_owned(),
        count => format!("{count} at once, kept in order"),
    };
    format!("{many}; one that fails: {}", step.on_error)
}

/// Says who takes what a step hands on.
fn stream(step: &StepDescription) -> Option<String> {
    let parts = [
        (!step.taken_by.is_empty()).then(|| format!("taken by {}", step.taken_by.join(", "))),
        step.printed.then(|| "printed".to_owned()),
        step.spooled.then(|| "kept on disk for later steps".to_owned()),
        (!step.waits_for.is_empty()).then(|| format!("begins after {}", step.waits_for.join(", "))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}
