//! Runs the baseline and the engine in turn, and notes what they cost.

use std::path::Path;

use crate::answers::{self, Difference};
use crate::baseline::{AT_ONCE, Fields};
use crate::bench::say;
use crate::catalogue;
use crate::cost::{Cost, CostError, Program, median};
use crate::flow;
use crate::orders::PER_PAGE;
use crate::report::{Bound, Report, Row};
use crate::server::{CHILDREN, PAGES, PARENTS};

const LONGER: usize = 10;
const START_UPS: usize = 20;
const SPECS: u64 = 1_000;
const VALIDATIONS: usize = 3;
const MOST_MEMORY: f64 = 25.0;
/// Pages of the read that is written into a table: a million orders.
const UPSERT_PAGES: usize = 10_000;
const MOST_UPSERT_MEMORY: f64 = 40.0;
const UPSERTS: usize = 3;
const CHILD_READS: usize = 3;
/// The best that 2,000 answers after 20 ms can do, 32 at once.
const IDEAL: f64 = 1.25;

/// One run of the benchmark.
pub(crate) struct Session<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) base: &'a str,
    pub(crate) engine: Option<&'a Path>,
    pub(crate) report: Report,
}

impl Session<'_> {
    pub(crate) fn reads(&mut self, long: bool) -> Result<(), CostError> {
        let paths = self.pair(Fields::Paths, PAGES)?;
        let templates = self.pair(Fields::Templates, PAGES)?;
        let mut paths = Measured::of(paths);
        let mut templates = Measured::of(templates);
        paths.checked = self.check(&paths.pair, "nine paths", PAGES * PER_PAGE)?;
        templates.checked = self.check(&templates.pair, "three templates", PAGES * PER_PAGE)?;
        for run in 1..=self.report.runs {
            say(&format!("reading {PAGES} pages, run {run} of {}", self.report.runs));
            self.measure(&mut paths)?;
            self.measure(&mut templates)?;
        }
        let (by_hand, by_engine) = (paths.by_hand(|cost| cost.cpu), paths.by_engine(|cost| cost.cpu));
        self.row("read and map nine paths, CPU", "s", by_hand, by_engine, Some(Bound::Ratio(1.2)));
        // What disturbs a run only adds to it, so the least is the steadiest figure on a busy machine.
        self.row("  the least of the runs", "s", least(&paths.hand), least(&paths.engine), None);
        let computed = templates.by_engine(|cost| cost.cpu);
        self.row("with three of nine as templates, CPU", "s", by_hand, computed, Some(Bound::Ratio(2.2)));
        self.row("  the least of the runs", "s", least(&paths.hand), least(&templates.engine), None);
        self.row("  beside the three computed by hand", "s", templates.by_hand(|cost| cost.cpu), computed, None);
        let (by_hand, by_engine) = (paths.by_hand(|cost| cost.wall), paths.by_engine(|cost| cost.wall));
        self.row("nine paths, wall", "s", by_hand, by_engine, None);
        let most = Some(Bound::Below(MOST_MEMORY));
        let (by_hand, flat) = (paths.by_hand(|cost| cost.peak), paths.by_engine(|cost| cost.peak));
        self.row("nine paths, peak memory", "MB", by_hand, flat, most);
        let (by_hand, by_engine) = (templates.by_hand(|cost| cost.peak), templates.by_engine(|cost| cost.peak));
        self.row("three templates, peak memory", "MB", by_hand, by_engine, most);
        if long {
            say(&format!("reading {} pages", LONGER * PAGES));
            let mut longer = Measured::of(self.pair(Fields::Paths, LONGER * PAGES)?);
            longer.checked = paths.checked;
            self.measure(&mut longer)?;
            // Flat: a fifth more than for the short read is noise, anything above it grows.
            let bound = Bound::Below(flat.map_or(MOST_MEMORY, |flat| (1.2 * flat).min(MOST_MEMORY)));
            let (by_hand, by_engine) = (longer.by_hand(|cost| cost.peak), longer.by_engine(|cost| cost.peak));
            self.row(&format!("{LONGER} × longer, peak memory"), "MB", by_hand, by_engine, Some(bound));
        }
        Ok(())
    }

    /// The two programs that do the same.
    fn pair(&self, fields: Fields, pages: usize) -> Result<Pair, CostError> {
        let name = match fields {
            Fields::Paths => "paths",
            Fields::Templates => "templates",
        };
        let url = format!("{}/reads/{pages}", self.base);
        let spec = format!("{name}-{pages}.yaml");
        std::fs::write(self.folder.join(&spec), flow::spec(fields, pages))?;
        let input = format!("base_url={}", self.base);
        Ok(Pair {
            by_hand: Program::new(&std::env::current_exe()?, ["baseline", name, &url]),
            by_engine: self
                .engine
                .map(|engine| Program::new(engine, ["run", &spec, "--input", &input, "--output", "jsonl"])),
        })
    }

    /// Runs both once, keeps what they write, and tells whether the engine may be measured: a wrong answer is no
    /// answer, however fast.
    fn check(&mut self, pair: &Pair, name: &str, wanted: usize) -> Result<bool, CostError> {
        say(&format!("comparing the records of {name}"));
        let (expected, got) = (self.folder.join("expected.jsonl"), self.folder.join("got.jsonl"));
        pair.by_hand.measure(self.folder, Some(&expected))?;
        let Some(engine) = &pair.by_engine else {
            return Ok(false);
        };
        let failure = match engine.measure(self.folder, Some(&got)) {
            Err(error) => error.to_string(),
            Ok(_) => match answers::compare(&expected, &got) {
                Ok(count) if count == wanted => return Ok(true),
                Ok(count) => Difference::Count { expected: wanted, got: count }.to_string(),
                Err(difference) => difference.to_string(),
            },
        };
        self.report.failures.push(format!("{name}: {failure}"));
        Ok(false)
    }

    fn measure(&mut self, measured: &mut Measured) -> Result<(), CostError> {
        measured.hand.push(measured.pair.by_hand.measure(self.folder, None)?);
        if let Some(engine) = measured.pair.by_engine.as_ref().filter(|_| measured.checked) {
            match engine.measure(self.folder, None) {
                Ok(cost) => measured.engine.push(cost),
                Err(error) => self.fail(&error),
            }
        }
        Ok(())
    }

    /// A million orders into a table of `SQLite`, page by page.
    pub(crate) fn upserts(&mut self) -> Result<(), CostError> {
        let (mut hand, mut engine) = (Vec::new(), Vec::new());
        let url = format!("{}/reads/{UPSERT_PAGES}", self.base);
        let input = format!("base_url={}", self.base);
        let spec = "upsert.yaml";
        std::fs::write(self.folder.join(spec), flow::upsert(UPSERT_PAGES, "./engine.db"))?;
        for run in 1..=UPSERTS {
            say(&format!("upserting {} orders, run {run} of {UPSERTS}", UPSERT_PAGES * PER_PAGE));
            let (by_hand, by_engine) = (self.folder.join("hand.db"), self.folder.join("engine.db"));
            let words = ["baseline".as_ref(), "upsert".as_ref(), url.as_ref(), by_hand.as_os_str()];
            hand.push(Program::new(&std::env::current_exe()?, words).measure(self.folder, None)?);
            if let Some(program) = self.engine.map(|engine| Program::new(engine, ["run", spec, "--input", &input])) {
                match program.measure(self.folder, None) {
                    Ok(cost) => engine.push(cost),
                    Err(error) => self.fail(&error),
                }
                if let Err(difference) = answers::compare_tables(&by_hand, &by_engine) {
                    self.report.failures.push(format!("upserts: {difference}"));
                }
            }
            for name in ["hand.db", "engine.db"] {
                for end in ["", "-wal", "-shm"] {
                    // The log of a database that was closed is gone already.
                    let _ = std::fs::remove_file(self.folder.join(format!("{name}{end}")));
                }
            }
            let _ = std::fs::remove_dir_all(self.folder.join(".engine"));
        }
        let of = |costs: &[Cost], part: fn(&Cost) -> f64| (!costs.is_empty()).then(|| median(costs.iter().map(part)));
        let name = "a million orders into SQLite";
        let (by_hand, by_engine) = (of(&hand, |cost| cost.cpu), of(&engine, |cost| cost.cpu));
        self.row(&format!("{name}, CPU"), "s", by_hand, by_engine, Some(Bound::Ratio(1.5)));
        let (by_hand, by_engine) = (of(&hand, |cost| cost.wall), of(&engine, |cost| cost.wall));
        self.row(&format!("{name}, wall"), "s", by_hand, by_engine, None);
        let (by_hand, by_engine) = (of(&hand, |cost| cost.peak), of(&engine, |cost| cost.peak));
        self.row(&format!("{name}, peak memory"), "MB", by_hand, by_engine, Some(Bound::Below(MOST_UPSERT_MEMORY)));
        Ok(())
    }

    /// The children of 2,000 parents, each answered after 20 ms, 32 at once.
    pub(crate) fn children(&mut self) -> Result<(), CostError> {
        let spec = "children.yaml";
        std::fs::write(self.folder.join(spec), flow::children(AT_ONCE))?;
        let input = format!("base_url={}", self.base);
        let pair = Pair {
            by_hand: Program::new(&std::env::current_exe()?, ["baseline", "children", self.base]),
            by_engine: self
                .engine
                .map(|engine| Program::new(engine, ["run", spec, "--input", &input, "--output", "jsonl"])),
        };
        let mut measured = Measured::of(pair);
        measured.checked = self.check(&measured.pair, "children", PARENTS * CHILDREN)?;
        for run in 1..=CHILD_READS {
            say(&format!("reading the children of {PARENTS} parents, run {run} of {CHILD_READS}"));
            self.measure(&mut measured)?;
        }
        let (by_hand, by_engine) = (measured.by_hand(|cost| cost.wall), measured.by_engine(|cost| cost.wall));
        let name = format!("{PARENTS} child reads of 20 ms, {AT_ONCE} at once, wall");
        self.row(&name, "s", by_hand, by_engine, Some(Bound::Below(1.2 * IDEAL)));
        Ok(())
    }

    pub(crate) fn start_up(&mut self) -> Result<(), CostError> {
        say("starting up");
        let small = "small.yaml";
        std::fs::write(self.folder.join(small), flow::spec(Fields::Templates, 1))?;
        let bound = Bound::Below(15.0);
        self.repeat("`--version`, wall", "ms", 1e3, START_UPS, &["--version"], bound);
        self.repeat("`validate` of a small spec, wall", "ms", 1e3, START_UPS, &["validate", small], bound);
        Ok(())
    }

    pub(crate) fn validation(&mut self) -> Result<(), CostError> {
        say(&format!("validating {SPECS} specs"));
        let folder = "specs";
        catalogue::write(&self.folder.join(folder), SPECS)?;
        let name = format!("`validate` of {SPECS} specs, wall");
        self.repeat(&name, "s", 1.0, VALIDATIONS, &["validate", folder], Bound::Below(1.0));
        Ok(())
    }

    /// The wall time of the engine alone.
    fn repeat(&mut self, name: &str, unit: &'static str, scale: f64, times: usize, words: &[&str], bound: Bound) {
        let Some(engine) = self.engine else { return };
        let program = Program::new(engine, words);
        // The first run warms the file cache and is not counted.
        let costs: Result<Vec<Cost>, _> = (0..=times).map(|_| program.measure(self.folder, None)).collect();
        match costs {
            Ok(costs) => {
                let wall = median(costs.iter().skip(1).map(|cost| cost.wall * scale));
                self.row(name, unit, None, Some(wall), Some(bound));
            }
            Err(error) => self.fail(&error),
        }
    }

    pub(crate) fn row(
        &mut self,
        name: &str,
        unit: &'static str,
        by_hand: Option<f64>,
        engine: Option<f64>,
        bound: Option<Bound>,
    ) {
        self.report.rows.push(Row::new(name, unit, by_hand, engine, bound));
    }

    /// Notes the failure, of thousands of lines the first ones.
    pub(crate) fn fail(&mut self, error: &CostError) {
        let text = error.to_string();
        let first: Vec<&str> = text.lines().take(20).collect();
        self.report.failures.push(first.join("\n"));
    }
}

/// The same work by hand and by the engine.
struct Pair {
    by_hand: Program,
    by_engine: Option<Program>,
}

/// A pair, and what its runs cost.
struct Measured {
    pair: Pair,
    checked: bool,
    hand: Vec<Cost>,
    engine: Vec<Cost>,
}

impl Measured {
    fn of(pair: Pair) -> Self {
        Self { pair, checked: false, hand: Vec::new(), engine: Vec::new() }
    }

    fn by_hand(&self, part: impl Fn(&Cost) -> f64) -> Option<f64> {
        (!self.hand.is_empty()).then(|| median(self.hand.iter().map(part)))
    }

    fn by_engine(&self, part: impl Fn(&Cost) -> f64) -> Option<f64> {
        (!self.engine.is_empty()).then(|| median(self.engine.iter().map(part)))
    }
}

fn least(costs: &[Cost]) -> Option<f64> {
    costs.iter().map(|cost| cost.cpu).min_by(f64::total_cmp)
}
