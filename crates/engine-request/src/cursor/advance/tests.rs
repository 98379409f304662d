//! What a read in progress sends, keeps and reaches.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::answer::tests::answer;
use crate::draft::tests::{read, scope};

/// A read of records `{id, at}`, of which a test says what is done and what comes of it.
struct Reading {
    advance: Advance,
    lines: Vec<String>,
}

impl Reading {
    fn new(yaml: &str, saved: Option<&str>) -> Self {
        match Self::begin(yaml, saved) {
            Ok(reading) => reading,
            Err(error) => panic!("{yaml}: {error}"),
        }
    }

    fn begin(yaml: &str, saved: Option<&str>) -> Result<Self, AdvanceError> {
        let incremental: Incremental = read(yaml);
        let key: Key = read("id");
        let plan = Arc::new(CursorPlan::new(&incremental, Some(&key), Span::default()));
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let advance = Advance::new(&plan, saved, true, &scope("{}"), now)?;
        let mut reading = Self { advance, lines: Vec::new() };
        reading.sent();
        Ok(reading)
    }

    fn sent(&mut self) {
        let changes = self.advance.changes();
        let sent: Vec<String> =
            changes.places().iter().map(|(place, value)| format!("{place}={}", value.to_json())).collect();
        self.lines.push(format!("sent {}", sent.join(" ")).trim().to_owned());
    }

    /// A page of records `id@value`, or `id` for one without a value.
    fn page(mut self, records: &str) -> Self {
        let mut kept = Vec::new();
        for record in records.split_whitespace() {
            let json = match record.split_once('@') {
                Some((id, at)) => format!("{{\"id\": {id}, \"at\": {at}}}"),
                None => format!("{{\"id\": {record}}}"),
            };
            match self.advance.record(&json) {
                Ok(true) => kept.push(record),
                Ok(false) => {}
                Err(error) => self.lines.push(format!("error: {error}")),
            }
        }
        self.lines.push(format!("kept {}", kept.join(" ")).trim().to_owned());
        self.answer("{}")
    }

    fn answer(mut self, body: &str) -> Self {
        if let Err(error) = self.advance.page(&answer(&format!("200\n\n{body}")), &scope("{}")) {
            self.lines.push(format!("error: {error}"));
        }
        self.in_another_process()
    }

    /// Whoever goes on in another process does what this one would.
    fn in_another_process(mut self) -> Self {
        let position = Value::from_json(&self.advance.position().to_json()).unwrap();
        let later = "2026-01-02T00:00:00Z".parse().unwrap();
        let fresh = Advance::new(&self.advance.plan, None, true, &scope("{}"), later).unwrap();
        let again = fresh.at(&position).unwrap();
        assert_eq!(again.position(), position);
        assert_eq!(again.changes().to_value(), self.advance.changes().to_value());
        self.advance = again;
        self
    }

    fn next_slice(mut self) -> Self {
        match self.advance.next_slice() {
            Ok(true) => self.sent(),
            Ok(false) => self.lines.push("no more slices".to_owned()),
            Err(error) => self.lines.push(format!("error: {error}")),
        }
        self.in_another_process()
    }

    fn restart(mut self) -> Self {
        match self.advance.restart() {
            Ok(()) => self.sent(),
            Err(error) => self.lines.push(format!("error: {error}")),
        }
        self
    }

    fn reset(mut self) -> Self {
        match self.advance.reset() {
            Ok(()) => self.sent(),
            Err(error) => self.lines.push(format!("error: {error}")),
        }
        self
    }

    fn end(mut self, expected: &[&str]) {
        self.lines.push(match self.advance.reached() {
            Ok(Some(reached)) => format!("reached {}", reached.cursor),
            Ok(None) => "no further".to_owned(),
            Err(error) => format!("error: {error}"),
        });
        assert_eq!(self.lines, expected);
    }
}

const NUMBERS: &str = "{cursor: $.at, send: query.since, format: integer}";

#[test]
fn goes_on_from_the_largest_value() {
    Reading::new(NUMBERS, None).page("1@5 2@9 3@7").page("4@8").end(&[
        "sent",
        "kept 1@5 2@9 3@7",
        "kept 4@8",
        "reached 9",
    ]);
    Reading::new(NUMBERS, Some("9")).page("1@9 2@10").end(&["sent query.since=9", "kept 1@9 2@10", "reached 10"]);
    Reading::new(NUMBERS, Some("9")).page("1@7 2@8").end(&["sent query.since=9", "kept 1@7 2@8", "no further"]);
    Reading::new(NUMBERS, Some("9")).page("").end(&["sent query.since=9", "kept", "no further"]);
}

#[test]
fn begins_where_the_spec_says_and_looks_back_from_what_was_kept_only() {
    let yaml = "{cursor: $.at, start: '2025-01-01T00:00:00Z', send: query.since, send_end: query.until, lookback: 1h, granularity: 1s}";
    let first = r#"sent query.since="2025-01-01T00:00:00Z" query.until="2025-12-31T23:59:59Z""#;
    Reading::new(yaml, None).page(r#"1@"2025-02-01T00:00:00Z""#).end(&[
        first,
        r#"kept 1@"2025-02-01T00:00:00Z""#,
        r#"reached "2025-02-01T00:00:00Z""#,
    ]);
    let second = r#"sent query.since="2025-01-31T23:00:00Z" query.until="2025-12-31T23:59:59Z""#;
    Reading::new(yaml, Some(r#""2025-02-01T00:00:00Z""#)).end(&[second, "no further"]);
}

#[test]
fn without_a_cursor_the_end_is_kept() {
    let yaml = "{send: query.since, send_end: query.until, format: unix}";
    Reading::new(yaml, None).page("1").end(&[
        "sent query.until=1767225600",
        "kept 1",
        r#"reached "2026-01-01T00:00:00Z""#,
    ]);
    let yaml = "{send: query.since, end: '2025-06-01'}";
    Reading::new(yaml, Some(r#""2025-05-01""#)).end(&[r#"sent query.since="2025-05-01""#, r#"reached "2025-06-01""#]);
}

#[test]
fn what_a_page_gives_is_kept_as_it_is() {
    let yaml = "{cursor: '{{ response.body.token }}', send: query.token}";
    Reading::new(yaml, None)
        .answer("{\"token\": \"a\"}")
        .answer("{\"token\": {\"b\": 1}}")
        .answer("{\"token\": \"\"}")
        .answer("{}")
        .end(&["sent", "reached {\"b\":1}"]);
    Reading::new(yaml, Some("\"x\"")).answer("{}").end(&["sent query.token=\"x\"", "no further"]);
    Reading::new(yaml, None).answer("{}").end(&["sent", "error: no page has the cursor `{{ response.body.token }}`"]);
}

#[test]
fn a_cursor_that_no_record_has_is_an_error() {
    Reading::new(NUMBERS, Some("3")).page("1 2").end(&[
        "sent query.since=3",
        "kept 1 2",
        "error: no record has the cursor `$.at`",
    ]);
    Reading::new(NUMBERS, None).page("1 2@3").end(&["sent", "kept 1 2@3", "reached 3"]);
}

#[test]
fn drops_what_is_older_where_the_api_can_not() {
    let yaml = "{cursor: $.at, client: true, format: integer}";
    Reading::new(yaml, Some("5")).page("1@4 2@5 3@6 4").end(&["sent", "kept 2@5 3@6 4", "reached 6"]);
    Reading::new(yaml, None).page("1@4 2@5").end(&["sent", "kept 1@4 2@5", "reached 5"]);
}

#[test]
fn begins_anew_from_the_largest_value_without_repeats() {
    Reading::new(NUMBERS, None).page("1@5 2@9 3@9").restart().page("2@9 3@9 4@9 5@12").restart().page("5@12").end(&[
        "sent",
        "kept 1@5 2@9 3@9",
        "sent query.since=9",
        "kept 4@9 5@12",
        "sent query.since=12",
        "kept",
        "reached 12",
    ]);
}

#[test]
fn a_record_that_has_changed_comes_again() {
    Reading::new(NUMBERS, None).page("1@5 2@9").restart().page("3@10 2@11").end(&[
        "sent",
        "kept 1@5 2@9",
        "sent query.since=9",
        "kept 3@10 2@11",
        "reached 11",
    ]);
}

#[test]
fn beginning_anew_without_progress_is_an_error() {
    let all_alike = "error: the read would begin anew from where it began: all 2 records that came have `9`";
    Reading::new(NUMBERS, Some("9")).page("1@9 2@9").restart().end(&[
        "sent query.since=9",
        "kept 1@9 2@9",
        all_alike,
        "no further",
    ]);
    let nothing = "error: the read would begin anew from where it began: no record came";
    Reading::new(NUMBERS, Some("9")).restart().end(&["sent query.since=9", nothing, "no further"]);
}

#[test]
fn beginning_anew_is_an_error_where_records_would_be_lost() {
    let unordered = "error: the read can't begin anew: a record with `5` comes after one with `9`";
    Reading::new(NUMBERS, None).page("1@9 2@5").restart().end(&["sent", "kept 1@9 2@5", unordered, "reached 9"]);
    let valueless = "error: the read can't begin anew: a record has no `$.at`";
    Reading::new(NUMBERS, None).page("1@4 2").restart().end(&["sent", "kept 1@4 2", valueless, "reached 4"]);
    let exclusive = "error: the read began anew from 9, and no record came that had come before: those of the same value may be missing";
    Reading::new(NUMBERS, None).page("1@9").restart().page("2@10").end(&[
        "sent",
        "kept 1@9",
        "sent query.since=9",
        "kept 2@10",
        exclusive,
    ]);
    // Where the cursor is the key, there is nothing else of the same value.
    let unique = "{cursor: $.id, send: query.after, format: integer}";
    Reading::new(unique, None).page("1 2").restart().page("3").end(&[
        "sent",
        "kept 1 2",
        "sent query.after=2",
        "kept 3",
        "reached 3",
    ]);
}

#[test]
fn keys_are_remembered_no_longer_than_their_records_may_come_again() {
    let mut reading = Reading::new(NUMBERS, None);
    for page in 0..100 {
        reading = reading.page(&format!("1{page}@{page} 2{page}@{page}"));
        assert_eq!(reading.advance.repeats.len(), 2);
    }
    let by_day = "{cursor: $.at, send: query.since, format: '%Y-%m-%d'}";
    let mut reading = Reading::new(by_day, None);
    for hour in 0..48 {
        let at = format!("\"2025-01-{:02}T{:02}:00:00Z\"", 1 + hour / 24, hour % 24);
        reading = reading.page(&format!("{hour}@{at}"));
        assert_eq!(reading.advance.repeats.len(), hour % 24 + 1, "{hour}");
    }
}

#[test]
fn forgets_the_cursor_once_and_only_before_anything_was_handed_on() {
    let yaml = "{cursor: $.at, start: 1, send: query.since, format: integer}";
    let again = "error: the cursor is forgotten already";
    Reading::new(yaml, Some("9")).reset().page("1@2").reset().end(&[
        "sent query.since=9",
        "sent query.since=1",
        "kept 1@2",
        again,
        "reached 2",
    ]);
    let late = "error: the cursor is forgotten, but 1 records were handed on already, which would come again";
    Reading::new(yaml, Some("9")).page("1@10").reset().end(&["sent query.since=9", "kept 1@10", late, "reached 10"]);
    Reading::new(yaml, None).reset().end(&["sent query.since=1", again, "no further"]);
}

#[test]
fn knows_how_far_a_sorted_read_came_in_the_middle() {
    let yaml = "{cursor: $.at, send: query.since, format: integer, sorted: true}";
    let far = |reading: &Reading| reading.advance.reached_so_far().map(|reached| reached.cursor);
    let reading = Reading::new(yaml, Some("3")).page("1@4 2@5 3@5");
    assert_eq!(far(&reading).as_deref(), Some("4"));
    let reading = reading.page("4@5 5@6");
    assert_eq!(far(&reading).as_deref(), Some("5"));
    let reading = reading.page("6@4");
    assert!(
        reading
            .lines
            .contains(&"error: the records are not `sorted`: a record with `4` comes after one with `6`".to_owned())
    );
    assert_eq!(far(&Reading::new(NUMBERS, None).page("1@4 2@5")), None);
    assert_eq!(far(&Reading::new(yaml, Some("5")).page("1@5 2@6")), None);
    // Nobody knows where in the order those without a value are.
    assert_eq!(far(&Reading::new(yaml, None).page("1@4 2@5 3")), None);
    // Where the cursor is the key, there is nothing else of the same value.
    let unique = "{cursor: $.id, send: query.after, format: integer, sorted: true}";
    assert_eq!(far(&Reading::new(unique, Some("3")).page("4 5")).as_deref(), Some("5"));
    assert_eq!(far(&Reading::new(unique, Some("3")).page("")), None);
}

#[test]
fn a_sorted_read_that_looks_back_or_begins_anew_came_no_further_than_before_until_it_is_there() {
    let far = |reading: &Reading| reading.advance.reached_so_far().map(|reached| reached.cursor);
    let yaml = "{cursor: $.at, send: query.since, lookback: 1h, sorted: true}";
    let at = |minute: u64| format!(r#"{minute}@"2025-01-01T00:{minute:02}:00Z""#);
    let page = |minutes: &[u64]| minutes.iter().map(|minute| at(*minute)).collect::<Vec<_>>().join(" ");
    let reading = Reading::new(yaml, Some(r#""2025-01-01T00:30:00Z""#)).page(&page(&[10, 20]));
    assert_eq!(far(&reading), None);
    let reading = reading.page(&page(&[30, 40]));
    assert_eq!(far(&reading), None);
    let reading = reading.page(&page(&[45, 50]));
    assert_eq!(far(&reading).as_deref(), Some(r#""2025-01-01T00:45:00Z""#));
    let reading = reading.restart();
    assert_eq!(far(&reading), None);
    let reading = reading.page(&page(&[40, 45]));
    assert_eq!(far(&reading), None);
    let reading = reading.page(&page(&[50, 55]));
    assert_eq!(far(&reading).as_deref(), Some(r#""2025-01-01T00:50:00Z""#));
}

#[test]
fn a_sorted_read_of_windows_came_as_far_as_the_records_of_the_one_at_hand() {
    let far = |reading: &Reading| reading.advance.reached_so_far().map(|reached| reached.cursor);
    let yaml = "{cursor: $.at, start: '2025-01-01', end: '2025-02-01', window: 10d, send: query.from, send_end: query.to, sorted: true}";
    let reading = Reading::new(yaml, None).page(r#"1@"2025-01-02" 2@"2025-01-05""#);
    assert_eq!(far(&reading).as_deref(), Some(r#""2025-01-02""#));
    // All of the window came, but one of the next one may still have this value.
    let reading = reading.page(r#"3@"2025-01-09" 4@"2025-01-20""#).next_slice();
    assert_eq!(far(&reading), None);
    let reading = reading.page(r#"5@"2025-01-12""#);
    assert_eq!(far(&reading).as_deref(), Some(r#""2025-01-09""#));
    // A record beyond its window says nothing of the one that comes after it.
    let beyond = Reading::new(yaml, None).page(r#"1@"2025-01-20" 2@"2025-01-25""#);
    assert_eq!(far(&beyond), None);
}

#[test]
fn a_start_that_is_no_value_is_an_error_and_so_is_an_old_cursor() {
    let error = Reading::begin("{cursor: $.at, start: soon, send: query.since}", None).err().unwrap();
    assert_eq!(error.message, "the cursor can't begin there: `soon` is not a time");
    for (saved, why) in [("\"abc\"", "`abc` is not a time"), ("[", "it is no JSON")] {
        let yaml = "{cursor: $.at, start: '2025-01-01', send: query.since}";
        let error = Reading::begin(yaml, Some(saved)).err().unwrap();
        assert_eq!(error.message, format!("the read can't go on from the cursor that was saved: {why}"));
    }
    let reading = Reading::new("{cursor: $.at, start: '2025-01-01', send: query.since}", Some("null"));
    reading.end(&[r#"sent query.since="2025-01-01""#, "no further"]);
}

#[test]
fn a_window_cuts_the_span_into_slices_and_records_at_their_edges_come_once() {
    let yaml = "{cursor: $.at, start: '2025-01-01', end: '2025-01-25', window: 10d, granularity: 1d, send: query.from, send_end: query.to}";
    Reading::new(yaml, None)
        .page(r#"1@"2025-01-03" 2@"2025-01-11""#)
        .next_slice()
        .page(r#"2@"2025-01-11" 3@"2025-01-20""#)
        .next_slice()
        .page("")
        .next_slice()
        .end(&[
            r#"sent query.from="2025-01-01" query.to="2025-01-10""#,
            r#"kept 1@"2025-01-03" 2@"2025-01-11""#,
            r#"sent query.from="2025-01-11" query.to="2025-01-20""#,
            r#"kept 3@"2025-01-20""#,
            r#"sent query.from="2025-01-21" query.to="2025-01-24""#,
            "kept",
            "no more slices",
            r#"reached "2025-01-20""#,
        ]);
    let windows = "{start: '2025-01-01', end: '2025-02-10', window: 1mo, send: query.from, send_end: query.to}";
    Reading::new(windows, Some(r#""2025-01-15""#)).next_slice().end(&[
        r#"sent query.from="2025-01-15" query.to="2025-02-10""#,
        "no more slices",
        r#"reached "2025-02-10""#,
    ]);
    let lookback =
        "{cursor: $.at, start: '2020-01-01', window: 1mo, lookback: 1d, send: query.from, send_end: query.to}";
    Reading::new(lookback, Some(r#""2025-11-15""#)).next_slice().next_slice().end(&[
        r#"sent query.from="2025-11-14" query.to="2025-12-14""#,
        r#"sent query.from="2025-12-14" query.to="2026-01-01T00:00:00Z""#,
        "no more slices",
        "no further",
    ]);
    let error = Reading::begin("{cursor: $.at, window: 1mo, send: query.from}", None).err().unwrap();
    assert_eq!(error.message, "a `window` cuts a span that has a start and an end");
}
