//! Rows into Postgres: the engine's `COPY` beside `psql \\copy` of the same file.

use std::io::{BufWriter, Write as _};
use std::path::Path;

use engine_tests::{Database, Postgres};
use serde_json::Value;

use crate::bench::say;
use crate::cost::{Cost, CostError, Program, median};
use crate::flow;
use crate::orders::{self, PER_PAGE};
use crate::report::Bound;
use crate::session::Session;

/// Pages of rows: a million.
const PAGES: usize = 10_000;

const RUNS: usize = 3;

const COLUMNS: [&str; 9] = ["id", "number", "state", "ordered_at", "customer", "email", "city", "total", "sku"];

/// The file of the rows.
const FILE: &str = "rows.csv";

impl Session<'_> {
    /// A million rows of a file into a table of Postgres; where that is not installed, it is said and left out.
    pub(crate) fn copies(&mut self) -> Result<(), CostError> {
        let Some(server) = Postgres::own() else { return Ok(()) };
        write_rows(&self.folder.join(FILE))?;
        let database = server.database();
        let spec = "copy.yaml";
        std::fs::write(self.folder.join(spec), flow::copy(FILE, &database.url()))?;
        let columns = COLUMNS.join(", ");
        let copy = format!("\\copy hand ({columns}) from '{FILE}' with (format csv, header)");
        let url = database.url();
        let by_hand = Program::new(&server.psql(), ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", &copy, &url]);
        let by_engine = self.engine.map(|engine| Program::new(engine, ["run", spec]));
        let (mut hand, mut engine): (Vec<Cost>, Vec<Cost>) = (Vec::new(), Vec::new());
        for run in 1..=RUNS {
            say(&format!("copying {} rows into Postgres, run {run} of {RUNS}", PAGES * PER_PAGE));
            for table in ["hand", "orders"] {
                let sql = format!(
                    "DROP TABLE IF EXISTS {table}; CREATE TABLE {table} (id bigint, number text, state text, ordered_at text,
                     customer text, email text, city text, total numeric, sku text)"
                );
                asked(&database, &sql)?;
            }
            hand.push(by_hand.measure(self.folder, None)?);
            if let Some(program) = &by_engine {
                match program.measure(self.folder, None) {
                    Ok(cost) => engine.push(cost),
                    Err(error) => self.fail(&error),
                }
                let differ = "SELECT count(*) FROM ((TABLE hand EXCEPT ALL TABLE orders) UNION ALL
                              (TABLE orders EXCEPT ALL TABLE hand)) AS rows";
                let differ = asked(&database, differ)?;
                if differ != "0" {
                    self.report.failures.push(format!("copies: {differ} rows differ"));
                }
            }
            let _ = std::fs::remove_dir_all(self.folder.join(".engine"));
        }
        let of = |costs: &[Cost], part: fn(&Cost) -> f64| (!costs.is_empty()).then(|| median(costs.iter().map(part)));
        let name = "a million rows into Postgres";
        let (by_hand, by_engine) = (of(&hand, |cost| cost.wall), of(&engine, |cost| cost.wall));
        self.row(&format!("{name} beside `psql \\copy`, wall"), "s", by_hand, by_engine, Some(Bound::Ratio(1.5)));
        let (by_hand, by_engine) = (of(&hand, |cost| cost.cpu), of(&engine, |cost| cost.cpu));
        self.row("  CPU of the client", "s", by_hand, by_engine, None);
        let (by_hand, by_engine) = (of(&hand, |cost| cost.peak), of(&engine, |cost| cost.peak));
        self.row("  peak memory of the client", "MB", by_hand, by_engine, None);
        Ok(())
    }
}

fn asked(database: &Database<'_>, sql: &str) -> Result<String, CostError> {
    database.psql(sql).map_err(|error| std::io::Error::other(error).into())
}

/// Writes the orders as rows.
fn write_rows(path: &Path) -> Result<(), CostError> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    writeln!(file, "{}", COLUMNS.join(","))?;
    for page in 1..=PAGES {
        let orders: Vec<Value> = serde_json::from_str(&orders::page(page))?;
        for order in &orders {
            let paths = [
                "/id",
                "/number",
                "/status",
                "/created_at",
                "/customer/last_name",
                "/customer/email",
                "/shipping/city",
                "/total",
                "/lines/0/sku",
            ];
            let fields = paths.map(|path| match order.pointer(path) {
                Some(Value::String(text)) => format!("\"{}\"", text.replace('"', "\"\"")),
                Some(other) => other.to_string(),
                None => String::new(),
            });
            writeln!(file, "{}", fields.join(","))?;
        }
    }
    Ok(file.flush()?)
}
