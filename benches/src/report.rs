//! The figures: a table to read, and JSON to keep. Knows nothing about how they are measured.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

/// What was measured, row by row.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// How often each pair was run.
    pub runs: usize,
    /// The figures.
    pub rows: Vec<Row>,
    /// What could not be measured, or was answered wrongly.
    pub failures: Vec<String>,
}

/// One figure of the engine, and of the baseline where it has one.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What it is.
    pub name: String,
    /// In what it is counted.
    pub unit: &'static str,
    /// The median by hand.
    pub baseline: Option<f64>,
    /// The median of the engine.
    pub engine: Option<f64>,
    /// Engine by baseline.
    pub ratio: Option<f64>,
    /// What is promised.
    pub bound: Option<Bound>,
    /// Whether the promise is kept; none where nothing is promised, or the engine was not run.
    pub kept: Option<bool>,
}

/// What is promised of a figure.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// At most so many times the baseline.
    Ratio(f64),
    /// At least so many times the baseline.
    AtLeast(f64),
    /// Less than this, in the row's unit.
    Below(f64),
}

impl Row {
    /// Puts the two figures beside what is promised.
    pub fn new(
        name: impl Into<String>,
        unit: &'static str,
        baseline: Option<f64>,
        engine: Option<f64>,
        bound: Option<Bound>,
    ) -> Self {
        let ratio =
            baseline.zip(engine).filter(|(baseline, _)| *baseline > 0.0).map(|(baseline, engine)| engine / baseline);
        let kept = match bound {
            Some(Bound::Ratio(most)) => ratio.map(|ratio| ratio <= most),
            Some(Bound::AtLeast(least)) => ratio.map(|ratio| ratio >= least),
            Some(Bound::Below(limit)) => engine.map(|engine| engine < limit),
            None => None,
        };
        Self { name: name.into(), unit, baseline, engine, ratio, bound, kept }
    }
}

impl Report {
    /// Whether everything was measured and every promise is kept.
    pub fn is_good(&self) -> bool {
        self.failures.is_empty() && self.rows.iter().all(|row| row.kept != Some(false))
    }
}

impl Display for Report {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        writeln!(formatter, "{:width$}     {:>9}{:>10}{:>10}{:>10}", "", "by hand", "engine", "ratio", "bound")?;
        for row in &self.rows {
            writeln!(
                formatter,
                "{:width$} {:>4}{:>9}{:>10}{:>10}{:>10}  {}",
                row.name,
                row.unit,
                Figure(row.baseline, ""),
                Figure(row.engine, ""),
                Figure(row.ratio, " ×"),
                row.bound.map_or_else(String::new, |bound| bound.to_string()),
                match row.kept {
                    Some(true) => "ok",
                    Some(false) => "MISSED",
                    None => "",
                },
            )?;
        }
        for failure in &self.failures {
            write!(formatter, "\nFAILED: {}", failure.trim_end())?;
            writeln!(formatter)?;
        }
        Ok(())
    }
}

impl Display for Bound {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ratio(most) => write!(formatter, "≤ {most} ×"),
            Self::AtLeast(least) => write!(formatter, "≥ {least} ×"),
            Self::Below(limit) => write!(formatter, "< {}", Figure(Some(*limit), "")),
        }
    }
}

/// A number in three digits or so, with its unit, padded as a whole.
struct Figure(Option<f64>, &'static str);

impl Display for Figure {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            None => String::from("–"),
            Some(number) if number.fract() == 0.0 => format!("{number}{}", self.1),
            Some(number) if number.abs() < 10.0 => format!("{number:.2}{}", self.1),
            Some(number) => format!("{number:.1}{}", self.1),
        };
        formatter.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::{Bound, Report, Row};

    fn check(baseline: Option<f64>, engine: Option<f64>, bound: Option<Bound>, kept: Option<bool>) {
        assert_eq!(Row::new("a", "s", baseline, engine, bound).kept, kept);
    }

    #[test]
    fn a_promise_is_kept_or_missed_or_unknown() {
        check(Some(2.0), Some(2.4), Some(Bound::Ratio(1.2)), Some(true));
        check(Some(2.0), Some(2.5), Some(Bound::Ratio(1.2)), Some(false));
        check(Some(2.0), None, Some(Bound::Ratio(1.2)), None);
        check(Some(2.0), Some(1.6), Some(Bound::AtLeast(0.8)), Some(true));
        check(Some(2.0), Some(1.5), Some(Bound::AtLeast(0.8)), Some(false));
        check(None, Some(24.9), Some(Bound::Below(25.0)), Some(true));
        check(None, Some(25.0), Some(Bound::Below(25.0)), Some(false));
        check(Some(1.0), Some(9.0), None, None);
    }

    #[test]
    fn a_failure_is_not_good() {
        let mut report = Report::default();
        assert!(report.is_good());
        report.failures.push("wrong".to_owned());
        assert!(!report.is_good());
    }
}
