//! The laws of the runs that a store keeps, and what is particular to those in an `SQLite` file.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine_runtime::{
    Ack, KEPT_RUNS, Kind, Lease, MemoryState, RunChanges, RunEntry, RunRecords, RunRequests, RunStatus, RunStore,
    Standing, StateStore, ToKeep,
};
use engine_storage::{Forget, PostgresState, SqliteState, StateKey};
use jiff::Timestamp;
use tempfile::TempDir;

/// Opens one store twice, as two processes would.
type Open = Box<dyn Fn() -> Arc<dyn StateStore>>;

fn stores() -> Vec<(&'static str, Open, Option<TempDir>)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let memory: Arc<dyn StateStore> = Arc::new(MemoryState::default());
    let mut stores: Vec<(&'static str, Open, Option<TempDir>)> = vec![
        ("memory", Box::new(move || Arc::clone(&memory)), None),
        ("sqlite", Box::new(move || Arc::new(sqlite(&path))), Some(folder)),
    ];
    stores.extend(store_of_postgres());
    stores
}

#[cfg(unix)]
fn store_of_postgres() -> Option<(&'static str, Open, Option<TempDir>)> {
    let url = engine_tests::Postgres::shared()?.database().url();
    let folder = tempfile::tempdir().unwrap();
    let key = StateKey::File(folder.path().join("state.key"));
    let open = move || Arc::new(PostgresState::new(&url, key.clone()).unwrap()) as Arc<dyn StateStore>;
    Some(("postgres", Box::new(open), Some(folder)))
}

#[cfg(not(unix))]
fn store_of_postgres() -> Option<(&'static str, Open, Option<TempDir>)> {
    None
}

fn sqlite(path: &Path) -> SqliteState {
    SqliteState::new(path, StateKey::File(path.with_extension("key")))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn lease(holder: &str, second: i64) -> Lease {
    Lease { holder: holder.to_owned(), now: at(second), time: Duration::from_secs(30) }
}

fn run(id: &str, second: i64) -> RunEntry {
    RunEntry {
        id: id.to_owned(),
        flow: "orders".to_owned(),
        spec: "specs/orders.yaml".to_owned(),
        plan: "p1".to_owned(),
        given: "g1".to_owned(),
        inputs: br#"{"customer":"Ada"}"#.to_vec(),
        trigger: Some(br#"{"type":"webhook"}"#.to_vec()),
        status: RunStatus::Running,
        started_at: at(second),
        ended_at: None,
        error: None,
        holder: Some("me".to_owned()),
        held_until: at(second + 30),
        is_cancelled: false,
        steps: None,
    }
}

fn ack(key: &str, page: &str, effect: Option<&str>) -> Ack {
    Ack { key: key.to_owned(), page: page.to_owned(), effect: effect.map(|effect| effect.as_bytes().to_vec()) }
}

fn records(step: &str, number: i64, body: &str, is_last: bool) -> RunRecords {
    RunRecords { step: step.to_owned(), number, body: body.as_bytes().to_vec(), is_last }
}

#[tokio::test]
async fn a_run_is_found_as_it_began() {
    for (name, open, _folder) in stores() {
        let state = open();
        assert_eq!(state.find_run("a").await.unwrap(), None, "{name}");
        assert_eq!(state.list_runs(None, 10).await.unwrap(), [], "{name}");
        state.begin_run(&run("a", 1)).await.unwrap();
        assert!(state.begin_run(&run("a", 2)).await.is_err(), "{name}");
        state.begin_run(&RunEntry { flow: "others".to_owned(), ..run("b", 3) }).await.unwrap();
        for state in [&state, &open()] {
            assert_eq!(state.find_run("a").await.unwrap(), Some(run("a", 1)), "{name}");
            let ids = |runs: Vec<RunEntry>| runs.into_iter().map(|run| run.id).collect::<Vec<_>>();
            assert_eq!(ids(state.list_runs(None, 10).await.unwrap()), ["b", "a"], "{name}");
            assert_eq!(ids(state.list_runs(None, 1).await.unwrap()), ["b"], "{name}");
            assert_eq!(ids(state.list_runs(Some("orders"), 10).await.unwrap()), ["a"], "{name}");
        }
        assert!(state.forget_run("b").await.unwrap(), "{name}");
        assert!(!state.forget_run("b").await.unwrap(), "{name}");
        assert_eq!(state.find_run("b").await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn a_run_has_one_holder_until_its_lease_is_over_or_it_died() {
    for (name, open, _folder) in stores() {
        let (mine, other) = (open(), open());
        mine.begin_run(&run("a", 0)).await.unwrap();
        assert!(!other.take_run("a", None, &lease("other", 29)).await.unwrap(), "{name}");
        assert!(!other.take_run("a", Some("somebody"), &lease("other", 29)).await.unwrap(), "{name}");
        // A commit renews the lease.
        let held = mine.commit_run("a", &lease("me", 20), RunChanges::default()).await.unwrap();
        assert_eq!(held, Standing::Held, "{name}");
        assert!(!other.take_run("a", None, &lease("other", 49)).await.unwrap(), "{name}");
        assert!(other.take_run("a", None, &lease("other", 50)).await.unwrap(), "{name}");
        let changes = RunChanges { chunk: Some((0, b"late".to_vec())), ..RunChanges::default() };
        assert_eq!(mine.commit_run("a", &lease("me", 51), changes).await.unwrap(), Standing::Lost, "{name}");
        assert_eq!(mine.run_log("a").await.unwrap().chunks, [], "{name}");
        // Who is known to have died frees it at once.
        assert!(mine.take_run("a", Some("other"), &lease("me", 52)).await.unwrap(), "{name}");
        assert!(!mine.take_run("unknown", None, &lease("me", 52)).await.unwrap(), "{name}");
        assert_eq!(
            mine.commit_run("unknown", &lease("me", 52), RunChanges::default()).await.unwrap(),
            Standing::Lost,
            "{name}"
        );
    }
}

#[tokio::test]
async fn what_a_run_has_asked_outlives_its_end_and_the_newest_is_kept() {
    for (name, open, _folder) in stores() {
        let state = open();
        assert_eq!(state.run_requests("a").await.unwrap(), [], "{name}");
        state.begin_run(&run("a", 0)).await.unwrap();
        state.begin_run(&run("b", 0)).await.unwrap();
        for (number, forgotten) in [(2, 0), (5, 2), (6, 3)] {
            let body = format!("up to {number}").into_bytes();
            let requests = Some(RunRequests { number, body, forgotten });
            let changes = RunChanges { requests, ..RunChanges::default() };
            state.commit_run("a", &lease("me", 1), changes).await.unwrap();
        }
        let changes = RunChanges { end: Some((RunStatus::Ok, None)), ..RunChanges::default() };
        state.commit_run("a", &lease("me", 2), changes).await.unwrap();
        let kept = open().run_requests("a").await.unwrap();
        let kept: Vec<_> = kept.into_iter().map(|it| (it.number, String::from_utf8(it.body).unwrap())).collect();
        assert_eq!(kept, [(5, "up to 5".to_owned()), (6, "up to 6".to_owned())], "{name}");
        assert_eq!(open().run_requests("b").await.unwrap(), [], "{name}");
        assert!(state.forget_run("a").await.unwrap(), "{name}");
        assert_eq!(state.run_requests("a").await.unwrap(), [], "{name}");
    }
}

#[tokio::test]
async fn what_was_journaled_is_found_by_who_goes_on() {
    for (name, open, _folder) in stores() {
        let state = open();
        state.begin_run(&run("a", 0)).await.unwrap();
        state.begin_run(&run("b", 0)).await.unwrap();
        for number in 0..4 {
            let changes =
                RunChanges { chunk: Some((number, vec![u8::try_from(number).unwrap(); 3])), ..RunChanges::default() };
            state.commit_run("a", &lease("me", 1), changes).await.unwrap();
        }
        let changes = RunChanges {
            snapshot: Some((3, b"all".to_vec())),
            acks: vec![ack("k1", "p1", Some("{}")), ack("k2", "p2", None), ack("k3", "p1", None)],
            records: vec![records("s", 1, "one", false), records("s", 2, "two", false), records("t", 1, "old", true)],
            durable: true,
            ..RunChanges::default()
        };
        state.commit_run("a", &lease("me", 1), changes).await.unwrap();
        let log = open().run_log("a").await.unwrap();
        assert_eq!(log.snapshot, Some((3, b"all".to_vec())), "{name}");
        assert_eq!(log.chunks, [(3, vec![3; 3])], "{name}");
        assert_eq!(log.acks, [ack("k1", "p1", Some("{}")), ack("k2", "p2", None), ack("k3", "p1", None)], "{name}");
        let changes = RunChanges {
            acks: vec![ack("k4", "p1", Some("")), ack("k2", "p2", Some("[1]"))],
            delivered: vec!["p1".to_owned()],
            records: vec![records("t", 2, "new", true)],
            ..RunChanges::default()
        };
        state.commit_run("a", &lease("me", 1), changes).await.unwrap();
        assert_eq!(open().run_log("a").await.unwrap().acks, [ack("k2", "p2", Some("[1]"))], "{name}");
        let bodies = |found: Vec<RunRecords>| found.into_iter().map(|it| (it.number, it.body)).collect::<Vec<_>>();
        let found = bodies(state.run_records("a", "s").await.unwrap());
        assert_eq!(found, [(1, b"one".to_vec()), (2, b"two".to_vec())], "{name}");
        assert_eq!(bodies(state.run_records("a", "t").await.unwrap()), [(2, b"new".to_vec())], "{name}");
        assert_eq!(bodies(state.run_records("b", "s").await.unwrap()), [], "{name}");
        assert_eq!(state.run_log("b").await.unwrap(), engine_runtime::RunLog::default(), "{name}");
    }
}

#[tokio::test]
async fn a_failed_run_keeps_its_journal_and_one_that_is_done_does_not() {
    for (name, open, _folder) in stores() {
        let state = open();
        state.begin_run(&run("a", 0)).await.unwrap();
        let changes = RunChanges {
            chunk: Some((0, b"x".to_vec())),
            acks: vec![ack("k", "p", None)],
            records: vec![records("s", 1, "one", false)],
            end: Some((RunStatus::Failed, Some("the API is down".to_owned()))),
            ..RunChanges::default()
        };
        state.commit_run("a", &lease("me", 5), changes).await.unwrap();
        let failed = state.find_run("a").await.unwrap().unwrap();
        assert_eq!((failed.status, failed.ended_at, failed.holder), (RunStatus::Failed, Some(at(5)), None), "{name}");
        assert_eq!(failed.error.as_deref(), Some("the API is down"), "{name}");
        assert_eq!(failed.inputs, run("a", 0).inputs, "{name}");
        assert_eq!(state.run_log("a").await.unwrap().chunks.len(), 1, "{name}");
        assert_eq!(
            state.commit_run("a", &lease("me", 6), RunChanges::default()).await.unwrap(),
            Standing::Lost,
            "{name}"
        );
        // Whoever has nobody before them takes it.
        assert!(state.take_run("a", None, &lease("me", 7)).await.unwrap(), "{name}");
        let again = state.find_run("a").await.unwrap().unwrap();
        assert_eq!((again.status, again.ended_at, again.error), (RunStatus::Running, None, None), "{name}");
        let keep = |kind, value: &str| ToKeep {
            kind,
            key: "k".to_owned(),
            label: "orders".to_owned(),
            value: value.as_bytes().to_vec(),
        };
        let changes = RunChanges {
            keep: vec![keep(Kind::Cursor, "7"), keep(Kind::DeadLetter, "{}")],
            end: Some((RunStatus::Ok, None)),
            durable: true,
            ..RunChanges::default()
        };
        assert_eq!(state.commit_run("a", &lease("me", 8), changes).await.unwrap(), Standing::Held, "{name}");
        assert_eq!(state.load(Kind::Cursor, "k").await.unwrap().as_deref(), Some(&b"7"[..]), "{name}");
        assert_eq!(state.load(Kind::DeadLetter, "k").await.unwrap().as_deref(), Some(&b"{}"[..]), "{name}");
        assert_eq!(state.run_log("a").await.unwrap(), engine_runtime::RunLog::default(), "{name}");
        assert_eq!(state.run_records("a", "s").await.unwrap(), [], "{name}");
        assert_eq!(state.find_run("a").await.unwrap().unwrap().inputs, b"", "{name}");
    }
}

#[tokio::test]
async fn who_works_on_a_run_is_told_to_end_it() {
    for (name, open, _folder) in stores() {
        let (mine, other) = (open(), open());
        mine.begin_run(&run("a", 0)).await.unwrap();
        assert!(!other.cancel_run("b").await.unwrap(), "{name}");
        assert!(other.cancel_run("a").await.unwrap(), "{name}");
        let standing = mine.commit_run("a", &lease("me", 1), RunChanges::default()).await.unwrap();
        assert_eq!(standing, Standing::Cancelled, "{name}");
        assert!(mine.take_run("a", None, &lease("me", 2)).await.unwrap(), "{name}");
        let standing = mine.commit_run("a", &lease("me", 3), RunChanges::default()).await.unwrap();
        assert_eq!(standing, Standing::Held, "{name}");
    }
}

#[tokio::test]
async fn runs_long_past_are_forgotten_and_those_that_failed_are_not() {
    for (name, open, _folder) in stores() {
        let state = open();
        let done = |id: &str, second, status| RunEntry { status, holder: None, ..run(id, second) };
        state.begin_run(&done("failed", 0, RunStatus::Failed)).await.unwrap();
        for number in 0..=i64::from(KEPT_RUNS) {
            state.begin_run(&done(&format!("{number:04}"), number, RunStatus::Ok)).await.unwrap();
        }
        state.begin_run(&run("last", 10_000)).await.unwrap();
        assert_eq!(state.list_runs(None, 10_000).await.unwrap().len(), KEPT_RUNS as usize + 2, "{name}");
        assert_eq!(state.find_run("0000").await.unwrap(), None, "{name}");
        assert!(state.find_run("failed").await.unwrap().is_some(), "{name}");
    }
}

#[tokio::test]
async fn what_a_run_works_on_is_not_to_be_read_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let state = sqlite(&path);
    state.begin_run(&run("a", 0)).await.unwrap();
    let changes = RunChanges {
        chunk: Some((0, b"hush one".to_vec())),
        snapshot: Some((0, b"hush two".to_vec())),
        acks: vec![ack("k", "p", Some("hush three"))],
        records: vec![records("s", 1, "hush four", false)],
        ..RunChanges::default()
    };
    state.commit_run("a", &lease("me", 0), changes).await.unwrap();
    drop(state);
    for name in ["state.db", "state.db-wal"] {
        let bytes = std::fs::read(folder.path().join(name)).unwrap_or_default();
        for text in ["Ada", "hush"] {
            assert!(!bytes.windows(text.len()).any(|part| part == text.as_bytes()), "{name} {text}");
        }
    }
    let stranger = SqliteState::new(&path, StateKey::File(folder.path().join("other.key")));
    for error in [
        stranger.find_run("a").await.unwrap_err(),
        stranger.run_log("a").await.unwrap_err(),
        stranger.take_run("a", None, &lease("me", 100)).await.map(|_| ()).unwrap_err(),
        stranger.begin_run(&run("b", 0)).await.unwrap_err(),
    ] {
        assert!(error.message.contains("another key"), "{error}");
    }
    // Whoever lost the key forgets all that it was for.
    stranger.forget_tokens().await.unwrap();
    stranger.begin_run(&run("b", 0)).await.unwrap();
    assert_eq!(stranger.find_run("a").await.unwrap(), None);
}

#[tokio::test]
async fn a_state_of_the_version_before_is_taken_along() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA application_id = 1701734249; PRAGMA user_version = 1;
             CREATE TABLE facts (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
             CREATE TABLE kept (kind TEXT NOT NULL, key TEXT NOT NULL, label TEXT NOT NULL, value BLOB NOT NULL,
                saved_at TEXT NOT NULL, PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;
             CREATE TABLE locks (name TEXT NOT NULL PRIMARY KEY, owner TEXT NOT NULL, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
             INSERT INTO kept VALUES ('cursor', 'k', 'orders', x'37', '1970-01-01T00:00:01Z');",
        )
        .unwrap();
    drop(connection);
    let state = sqlite(&path);
    assert_eq!(state.load(Kind::Cursor, "k").await.unwrap().as_deref(), Some(&b"7"[..]));
    state.begin_run(&run("a", 0)).await.unwrap();
    assert_eq!(state.find_run("a").await.unwrap(), Some(run("a", 0)));
}
