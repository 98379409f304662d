//! What schedules say, by the table that users read.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use engine_request::Period;
use jiff::civil::DateTime;
use jiff::{Timestamp, Zoned};

use super::missed::MOST;
use super::*;

const PAGE: &str = include_str!("../../../../docs/schedules.md");

fn times(schedule: &str, zone: &str) -> Times {
    match schedule.strip_prefix("every ") {
        Some(period) => Times::Every(period.parse::<Period>().unwrap().duration()),
        None => Times::cron(schedule, TimeZone::get(zone).unwrap()).unwrap(),
    }
}

fn shown(tick: Timestamp, zone: &str) -> String {
    let zoned = tick.to_zoned(TimeZone::get(zone).unwrap());
    let seconds = if zoned.second() == 0 { "" } else { ":%S" };
    zoned.strftime(&format!("%Y-%m-%d %H:%M{seconds}%:z")).to_string()
}

/// Reads a time: with an offset where it comes twice.
fn read(time: &str, zone: &str) -> Timestamp {
    if let Ok(time) = Zoned::strptime("%Y-%m-%d %H:%M%:z", time) {
        return time.timestamp();
    }
    time.parse::<DateTime>().unwrap().to_zoned(TimeZone::get(zone).unwrap()).unwrap().timestamp()
}

fn at(time: &str) -> Timestamp {
    read(time, "UTC")
}

#[test]
fn runs_at_the_times_of_the_table_in_the_docs() {
    let mut rows = 0;
    for line in PAGE.lines().skip_while(|line| !line.starts_with("| schedule | time zone |")).skip(2) {
        if !line.starts_with('|') {
            break;
        }
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let [schedule, zone, after, runs] = cells[..] else { panic!("{line}") };
        if runs.is_empty() {
            continue;
        }
        rows += 1;
        let times = times(schedule, zone);
        let mut tick = read(after, zone);
        for run in runs.split(", ") {
            tick = times.next_after(tick).unwrap();
            assert_eq!(shown(tick, zone), run, "{line}");
        }
    }
    assert!(rows > 50, "{rows}");
}

#[test]
fn what_never_comes_is_no_schedule() {
    for expression in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31 2 +MON", "60 * * * *", "17-9 * * * *", "*/0 * * * *"]
    {
        assert!(Times::cron(expression, TimeZone::UTC).is_none(), "{expression}");
    }
}

#[test]
fn parts_of_a_second_are_no_time_of_their_own() {
    let each_second = times("* * * * * *", "UTC");
    let after = Timestamp::from_millisecond(1_500).unwrap();
    assert_eq!(each_second.next_after(after), Timestamp::from_second(2).ok());
    let before_the_epoch = Timestamp::from_millisecond(-1_500).unwrap();
    assert_eq!(each_second.next_after(before_the_epoch), Timestamp::from_second(-1).ok());
    assert_eq!(times("every 1s", "UTC").next_after(before_the_epoch), Timestamp::from_second(-1).ok());
}

#[test]
fn a_step_through_many_times_never_goes_back_or_stands() {
    for (schedule, zone) in [("*/10 * * * *", "Europe/Berlin"), ("30 1 * * *", "America/New_York"), ("every 1h", "UTC")]
    {
        let times = times(schedule, zone);
        let times = times.steps().unwrap();
        let mut tick = at("2026-01-01 00:00");
        while tick < at("2026-12-31 00:00") {
            let next = times.next_after(tick).unwrap();
            assert!(next > tick);
            // What comes after any moment between the two is the same.
            let between = tick + next.duration_since(tick) / 2;
            assert_eq!(times.next_after(between), Some(next), "{schedule} {zone} {tick}");
            tick = next;
        }
    }
}

fn missed(schedule: &str, rule: CatchUp, after: &str, until: &str) -> (Vec<String>, bool) {
    let missed = Missed::of(&times(schedule, "UTC"), rule, at(after), at(until));
    (missed.ticks.into_iter().map(|tick| shown(tick, "UTC").replace("+00:00", "")).collect(), missed.is_bounded)
}

#[test]
fn makes_up_for_none_the_last_or_all() {
    let (after, until) = ("2026-01-01 06:00", "2026-01-04 06:00");
    let missed_days = |rule| missed("0 6 * * *", rule, after, until);
    assert_eq!(missed_days(CatchUp::None), (vec![], false));
    assert_eq!(missed_days(CatchUp::Last), (vec!["2026-01-04 06:00".to_owned()], false));
    let all = ["2026-01-02 06:00", "2026-01-03 06:00", "2026-01-04 06:00"].map(str::to_owned).to_vec();
    assert_eq!(missed_days(CatchUp::All), (all, false));
    assert_eq!(missed("0 6 * * *", CatchUp::All, after, "2026-01-02 05:59"), (vec![], false));
    assert_eq!(missed("0 6 * * *", CatchUp::Last, after, after), (vec![], false));
}

#[test]
fn makes_up_for_a_bounded_number_of_runs_the_latest() {
    let (ticks, is_bounded) = missed("every 1s", CatchUp::All, "2016-01-01 00:00", "2026-01-01 00:00");
    assert_eq!((ticks.len(), is_bounded), (MOST, true));
    assert_eq!(ticks.first().map(String::as_str), Some("2025-12-31 23:43:21"));
    assert_eq!(ticks.last().map(String::as_str), Some("2026-01-01 00:00"));
    let (ticks, is_bounded) = missed("* * * * *", CatchUp::All, "2025-12-31 07:20", "2026-01-01 00:00");
    assert_eq!((ticks.len(), is_bounded), (MOST, false));
}

#[test]
fn a_delay_is_below_the_jitter_and_the_same_for_everybody() {
    let schedule = Schedule {
        times: times("every 1m", "UTC"),
        jitter: Duration::from_mins(1),
        overlap: Overlap::default(),
        catch_up: CatchUp::default(),
    };
    let mut tick = at("2026-01-01 00:00");
    let mut delays = Vec::new();
    for _ in 0..1000 {
        tick = schedule.next_after(tick).unwrap();
        delays.push(schedule.delay("orders", tick));
        assert_eq!(schedule.delay("orders", tick), delays[delays.len() - 1]);
        assert_ne!(schedule.delay("orders", tick), schedule.delay("others", tick));
    }
    assert!(delays.iter().all(|delay| *delay < Duration::from_mins(1)));
    let mean = delays.iter().sum::<Duration>() / 1000;
    assert!(mean > Duration::from_secs(25) && mean < Duration::from_secs(35), "{mean:?}");
}

#[test]
fn the_timer_gives_what_is_due_in_order() {
    let mut timer = Timer::default();
    for (number, second) in [30, 10, 20, 10].into_iter().enumerate() {
        timer.set(number, Timestamp::from_second(second).unwrap());
    }
    let now = Timestamp::from_second(20).unwrap();
    let numbers: Vec<usize> = std::iter::from_fn(|| timer.take(now).map(|(_, number)| number)).collect();
    assert_eq!(numbers, [1, 3, 2]);
    assert_eq!(timer.next(), Timestamp::from_second(30).ok());
}
