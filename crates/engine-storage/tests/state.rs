//! The laws of a state, which every store has to keep, and what is particular to the one in an `SQLite` file.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use engine_runtime::{Kind, MemoryState, StateStore};
use engine_storage::{Forget, PostgresState, SqliteState, StateKey};
use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

const KINDS: [Kind; 3] = [Kind::Token, Kind::Validator, Kind::Cursor];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Opens one store twice, as two processes would.
type Open = Box<dyn Fn() -> Arc<dyn StateStore>>;

/// Every store, each with a name for messages. The folder lives as long as the stores do.
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

fn key_of(path: &Path) -> PathBuf {
    path.with_extension("key")
}

fn sqlite(path: &Path) -> SqliteState {
    SqliteState::new(path, StateKey::File(key_of(path)))
}

#[tokio::test]
async fn what_is_kept_is_found_again() {
    for (name, open, _folder) in stores() {
        let state = open();
        for kind in KINDS {
            assert_eq!(state.load(kind, "a").await.unwrap(), None, "{name}");
            state.save(kind, "a", "the first", b"one\0\xff", at(1)).await.unwrap();
            state.save(kind, "b", "another", b"", at(2)).await.unwrap();
            for state in [&state, &open()] {
                assert_eq!(state.load(kind, "a").await.unwrap().as_deref(), Some(&b"one\0\xff"[..]), "{name}");
                assert_eq!(state.load(kind, "b").await.unwrap().as_deref(), Some(&b""[..]), "{name}");
                assert_eq!(state.load(kind, "A").await.unwrap(), None, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn kinds_do_not_see_each_other() {
    for (name, open, _folder) in stores() {
        let state = open();
        for (at_, kind) in KINDS.into_iter().enumerate() {
            state.save(kind, "a", "a", &[u8::try_from(at_).unwrap()], at(1)).await.unwrap();
        }
        assert!(state.remove(Kind::Validator, "a").await.unwrap(), "{name}");
        assert_eq!(state.load(Kind::Token, "a").await.unwrap(), Some(vec![0]), "{name}");
        assert_eq!(state.load(Kind::Validator, "a").await.unwrap(), None, "{name}");
        assert_eq!(state.load(Kind::Cursor, "a").await.unwrap(), Some(vec![2]), "{name}");
    }
}

#[tokio::test]
async fn the_last_that_was_kept_counts() {
    for (name, open, _folder) in stores() {
        let (state, other) = (open(), open());
        for kind in KINDS {
            state.save(kind, "a", "old", b"1", at(1)).await.unwrap();
            other.save(kind, "a", "new", b"2", at(2)).await.unwrap();
            assert_eq!(state.load(kind, "a").await.unwrap().as_deref(), Some(&b"2"[..]), "{name}");
            let entries = state.list(kind).await.unwrap();
            assert_eq!(entries.len(), 1, "{name}");
            assert_eq!((entries[0].label.as_str(), entries[0].saved_at), ("new", at(2)), "{name}");
            assert_eq!(entries[0].value, b"2", "{name}");
        }
    }
}

#[tokio::test]
async fn what_is_removed_is_gone_once() {
    for (name, open, _folder) in stores() {
        let state = open();
        for kind in KINDS {
            assert!(!state.remove(kind, "a").await.unwrap(), "{name}");
            state.save(kind, "a", "a", b"1", at(1)).await.unwrap();
            assert!(open().remove(kind, "a").await.unwrap(), "{name}");
            assert!(!state.remove(kind, "a").await.unwrap(), "{name}");
            assert_eq!(state.load(kind, "a").await.unwrap(), None, "{name}");
            assert!(state.list(kind).await.unwrap().is_empty(), "{name}");
        }
    }
}

#[tokio::test]
async fn entries_are_listed_by_label() {
    for (name, open, _folder) in stores() {
        let state = open();
        for (key, label) in [("1", "c"), ("2", "a"), ("4", "b"), ("3", "b")] {
            state.save(Kind::Token, key, label, key.as_bytes(), at(1)).await.unwrap();
        }
        let listed = state.list(Kind::Token).await.unwrap();
        let keys: Vec<_> = listed.iter().map(|entry| (entry.key.as_str(), entry.value.as_slice())).collect();
        assert_eq!(keys, [("2", &b"2"[..]), ("3", b"3"), ("4", b"4"), ("1", b"1")], "{name}");
    }
}

#[tokio::test]
async fn times_keep_their_fractions() {
    for (name, open, _folder) in stores() {
        let state = open();
        let now: Timestamp = "2026-11-22T20:00:00.123456789Z".parse().unwrap();
        state.save(Kind::Cursor, "a", "a", b"1", now).await.unwrap();
        assert_eq!(state.list(Kind::Cursor).await.unwrap()[0].saved_at, now, "{name}");
    }
}

#[tokio::test]
async fn a_lock_has_one_owner_until_it_is_given_back_or_over() {
    let lease = Duration::from_secs(10);
    for (name, open, _folder) in stores() {
        let (state, other) = (open(), open());
        assert!(state.lock("l", "one", at(0), lease).await.unwrap(), "{name}");
        assert!(!other.lock("l", "two", at(0), lease).await.unwrap(), "{name}");
        assert!(other.lock("m", "two", at(0), lease).await.unwrap(), "{name}: other locks are free");
        // Its owner may take it again, which prolongs it.
        assert!(state.lock("l", "one", at(5), lease).await.unwrap(), "{name}");
        assert!(!other.lock("l", "two", at(10), lease).await.unwrap(), "{name}");
        other.unlock("l", "two").await.unwrap();
        assert!(!other.lock("l", "two", at(14), lease).await.unwrap(), "{name}: only the owner gives it back");
        // Its time is over: whoever held it may be dead.
        assert!(other.lock("l", "two", at(15), lease).await.unwrap(), "{name}");
        assert!(!state.lock("l", "one", at(15), lease).await.unwrap(), "{name}");
        state.unlock("l", "one").await.unwrap();
        assert!(!state.lock("l", "one", at(16), lease).await.unwrap(), "{name}: the late one gives nothing back");
        other.unlock("l", "two").await.unwrap();
        assert!(state.lock("l", "one", at(16), lease).await.unwrap(), "{name}");
        state.unlock("never", "taken").await.unwrap();
    }
}

#[tokio::test]
async fn fingerprints_are_stable_and_tell_lists_apart() {
    for (name, open, _folder) in stores() {
        let state = open();
        let first = state.fingerprint(&["client", "secret"]).unwrap();
        assert_eq!(open().fingerprint(&["client", "secret"]).unwrap(), first, "{name}");
        for other in [&["clients", "ecret"][..], &["client"], &["client", "secret", ""], &[]] {
            assert_ne!(state.fingerprint(other).unwrap(), first, "{name}");
        }
        assert!(!first.contains("secret"), "{name}");
    }
}

#[tokio::test]
async fn labels_may_have_any_character_and_values_any_length() {
    for (name, open, _folder) in stores() {
        let state = open();
        let labels = ["", "a 'b\"; DROP TABLE kept; --", "ü\n\t\\N", "%_$1 {}", "🦀"];
        for kind in KINDS {
            for (number, label) in labels.iter().enumerate() {
                state
                    .save(kind, &format!("k{number} '\""), label, &vec![0xfe; 3_000_000 * number / 4], at(1))
                    .await
                    .unwrap();
            }
            let mut listed: Vec<_> = open().list(kind).await.unwrap();
            listed.sort_by_key(|entry| entry.key.clone());
            for (number, entry) in listed.iter().enumerate() {
                assert_eq!(
                    (entry.label.as_str(), entry.value.len()),
                    (labels[number], 3_000_000 * number / 4),
                    "{name}"
                );
            }
            assert_eq!(listed.len(), labels.len(), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_of_two_processes_keep_and_load_at_once() {
    for (name, open, _folder) in stores() {
        let (state, other) = (open(), open());
        let tasks: Vec<_> = (0..32)
            .map(|number: usize| {
                let (state, name) =
                    (if number.is_multiple_of(2) { Arc::clone(&state) } else { Arc::clone(&other) }, name);
                tokio::spawn(async move {
                    for turn in 0..10 {
                        let value = format!("{number} {turn}");
                        state.save(Kind::Token, &format!("{number}"), "own", value.as_bytes(), at(turn)).await.unwrap();
                        state.save(Kind::Cursor, "shared", "shared", value.as_bytes(), at(turn)).await.unwrap();
                        let found = state.load(Kind::Token, &format!("{number}")).await.unwrap();
                        assert_eq!(found.as_deref(), Some(value.as_bytes()), "{name}");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(state.list(Kind::Token).await.unwrap().len(), 32, "{name}");
        assert_eq!(other.list(Kind::Cursor).await.unwrap().len(), 1, "{name}");
    }
}

#[cfg(unix)]
mod in_postgres {
    use engine_storage::open_state;
    use engine_tests::{Database, Postgres};

    use super::*;

    fn open(database: &Database<'_>, digits: &str) -> PostgresState {
        let key = StateKey::Given { variable: "ENGINE_STATE_KEY".to_owned(), text: digits.repeat(32) };
        PostgresState::new(&database.url(), key).unwrap()
    }

    #[tokio::test]
    async fn tokens_are_not_to_be_read_in_the_rows() {
        let Some(server) = Postgres::shared() else { return };
        let database = server.database();
        let state = open(&database, "0a");
        state.save(Kind::Token, "k", "shop, as me", b"very-secret-token", at(1)).await.unwrap();
        state.save(Kind::Cursor, "c", "orders", b"2026-01-01", at(1)).await.unwrap();
        let rows = database.query("SELECT encode(value, 'escape'), label FROM engine.kept ORDER BY kind");
        assert!(!rows.contains("very-secret-token") && rows.contains("2026-01-01 orders"), "{rows}");
        assert!(rows.contains("shop, as me"));
        database.query("UPDATE engine.kept SET key = 'other' WHERE key = 'k'");
        let error = state.load(Kind::Token, "other").await.unwrap_err();
        assert!(error.message.contains("the token of shop, as me") && error.message.contains("was changed"), "{error}");
        assert!(!error.message.contains("hush"), "no password is shown");
    }

    #[tokio::test]
    async fn a_wrong_key_is_told_and_loses_nothing() {
        let Some(server) = Postgres::shared() else { return };
        let database = server.database();
        let (right, wrong) = (open(&database, "0a"), open(&database, "0b"));
        right.save(Kind::Token, "a", "a", b"1", at(1)).await.unwrap();
        right.save(Kind::Cursor, "c", "c", b"2", at(1)).await.unwrap();
        for error in [
            wrong.load(Kind::Token, "a").await.unwrap_err(),
            wrong.list(Kind::Token).await.map(|_| ()).unwrap_err(),
            wrong.save(Kind::Token, "b", "b", b"1", at(1)).await.unwrap_err(),
        ] {
            assert!(
                error.message.contains("were encrypted with another key than that of `ENGINE_STATE_KEY`"),
                "{error}"
            );
        }
        assert_eq!(wrong.load(Kind::Cursor, "c").await.unwrap().as_deref(), Some(&b"2"[..]));
        assert_eq!(right.load(Kind::Token, "a").await.unwrap().as_deref(), Some(&b"1"[..]));
        assert_eq!(wrong.forget_tokens().await.unwrap(), 1);
        wrong.save(Kind::Token, "b", "b", b"3", at(1)).await.unwrap();
        assert!(right.load(Kind::Token, "a").await.is_err());
    }

    #[tokio::test]
    async fn nothing_is_made_before_something_is_kept() {
        let Some(server) = Postgres::shared() else { return };
        let database = server.database();
        let state = open(&database, "0a");
        for kind in KINDS {
            assert!(!state.remove(kind, "a").await.unwrap());
            assert!(state.list(kind).await.unwrap().is_empty());
            assert_eq!(state.load(kind, "a").await.unwrap(), None);
        }
        state.unlock("l", "me").await.unwrap();
        let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'engine'";
        assert_eq!(database.query(schemas), "0");
        state.save(Kind::Cursor, "a", "a", b"1", at(1)).await.unwrap();
        assert_eq!(database.query(schemas), "1");
    }

    #[tokio::test]
    async fn tables_of_something_else_and_of_a_newer_engine_are_left_alone() {
        let Some(server) = Postgres::shared() else { return };
        let database = server.database();
        database.query("CREATE SCHEMA other; CREATE TABLE other.mine (a int)");
        let key = StateKey::Nowhere(String::new());
        let state = open_state(&format!("{}?schema=other", database.url()), key).unwrap();
        for error in [
            state.load(Kind::Cursor, "a").await.unwrap_err(),
            state.save(Kind::Cursor, "a", "a", b"1", at(1)).await.unwrap_err(),
        ] {
            assert!(error.message.contains("has tables of something else"), "{error}");
        }
        open(&database, "0a").save(Kind::Cursor, "a", "a", b"1", at(1)).await.unwrap();
        database.query("UPDATE engine.facts SET value = '99' WHERE name = 'tables'");
        let error = open(&database, "0a").load(Kind::Cursor, "a").await.unwrap_err();
        assert!(error.message.contains("was made by a newer engine (version 99"), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_may_make_the_state_at_once() {
        let Some(server) = Postgres::shared() else { return };
        let database = server.database();
        let tasks: Vec<_> = (0..8)
            .map(|number| {
                let state = open(&database, "0a");
                tokio::spawn(
                    async move { state.save(Kind::Token, &format!("{number}"), "a", b"1", at(1)).await.unwrap() },
                )
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(open(&database, "0a").list(Kind::Token).await.unwrap().len(), 8);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_that_is_started_anew_is_waited_for() {
        let Some(server) = Postgres::own() else { return };
        let database = server.database();
        let state = Arc::new(open(&database, "0a"));
        state.save(Kind::Cursor, "a", "a", b"0", at(0)).await.unwrap();
        server.kill();
        let tasks: Vec<_> = (0..8)
            .map(|number: i64| {
                let state = Arc::clone(&state);
                tokio::spawn(async move {
                    state.save(Kind::Token, &format!("{number}"), "a", b"1", at(number)).await.unwrap();
                    assert!(state.lock(&format!("{number}"), "me", at(0), Duration::from_secs(9)).await.unwrap());
                })
            })
            .collect();
        server.go();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(state.list(Kind::Token).await.unwrap().len(), 8);
        assert_eq!(state.load(Kind::Cursor, "a").await.unwrap().as_deref(), Some(&b"0"[..]));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_at_once_without_the_password() {
        let key = StateKey::Nowhere(String::new());
        let state = open_state("postgres://me:hush@127.0.0.1:1/d", key).unwrap();
        let error = state.load(Kind::Cursor, "a").await.unwrap_err();
        assert!(error.message.starts_with("the state `127.0.0.1:1/d` can't be reached: "), "{error}");
        assert!(!error.message.contains("hush"));
    }
}

#[tokio::test]
async fn nothing_is_made_before_something_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/state.db");
    let state = sqlite(&path);
    for kind in KINDS {
        assert!(!state.remove(kind, "a").await.unwrap());
        assert!(state.list(kind).await.unwrap().is_empty());
    }
    assert_eq!(state.load(Kind::Cursor, "a").await.unwrap(), None);
    state.unlock("l", "me").await.unwrap();
    assert!(!folder.path().join("a").exists());
    state.save(Kind::Cursor, "a", "a", b"1", at(1)).await.unwrap();
    assert!(path.exists());
    assert!(!key_of(&path).exists(), "a cursor needs no key");
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".engine/state.db");
    let state = sqlite(&path);
    state.save(Kind::Token, "a", "a", b"1", at(1)).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    let files: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

/// Returns all bytes of the files of a state.
fn bytes_of(path: &Path) -> Vec<u8> {
    let files = fs::read_dir(path.parent().unwrap()).unwrap();
    files.flat_map(|file| fs::read(file.unwrap().path()).unwrap()).collect()
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

#[tokio::test]
async fn tokens_are_not_to_be_read_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let state = sqlite(&path);
    let key = state.fingerprint(&["client-id", "client-secret"]).unwrap();
    state.save(Kind::Token, &key, "shop, as client-id", b"very-secret-token", at(1)).await.unwrap();
    state.save(Kind::Cursor, "c", "orders", b"2026-01-01", at(1)).await.unwrap();
    let bytes = bytes_of(&path);
    assert!(!has(&bytes, "very-secret-token") && !has(&bytes, "client-secret"));
    assert!(has(&bytes, "2026-01-01") && has(&bytes, "shop, as client-id"));
    assert_eq!(state.load(Kind::Token, &key).await.unwrap().as_deref(), Some(&b"very-secret-token"[..]));
}

#[tokio::test]
async fn a_token_belongs_to_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let state = sqlite(&path);
    state.save(Kind::Token, "mine", "mine", b"1", at(1)).await.unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute("UPDATE kept SET key = 'yours'", []).unwrap();
    let error = state.load(Kind::Token, "yours").await.unwrap_err();
    assert!(error.message.contains("the token of mine") && error.message.contains("was changed"), "{error}");
    assert!(state.list(Kind::Token).await.is_err());
    assert!(state.remove(Kind::Token, "yours").await.unwrap());
}

#[tokio::test]
async fn a_wrong_key_is_told_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let given = |text: &str| {
        let key = StateKey::Given { variable: "ENGINE_STATE_KEY".to_owned(), text: text.to_owned() };
        SqliteState::new(&path, key)
    };
    let (right, wrong) = (given(&"0a".repeat(32)), given(&"0b".repeat(32)));
    right.save(Kind::Token, "a", "a", b"1", at(1)).await.unwrap();
    right.save(Kind::Cursor, "c", "c", b"2", at(1)).await.unwrap();
    for error in [
        wrong.load(Kind::Token, "a").await.unwrap_err(),
        wrong.load(Kind::Token, "other").await.unwrap_err(),
        wrong.list(Kind::Token).await.map(|_| ()).unwrap_err(),
        wrong.save(Kind::Token, "b", "b", b"1", at(1)).await.unwrap_err(),
    ] {
        assert!(error.message.contains("were encrypted with another key than that of `ENGINE_STATE_KEY`"), "{error}");
        assert!(error.help.unwrap().contains("engine auth logout"));
    }
    assert_eq!(wrong.load(Kind::Cursor, "c").await.unwrap().as_deref(), Some(&b"2"[..]));
    assert_eq!(right.load(Kind::Token, "a").await.unwrap().as_deref(), Some(&b"1"[..]));
    // Whoever lost the key begins anew.
    assert_eq!(wrong.forget_tokens().await.unwrap(), 1);
    wrong.save(Kind::Token, "b", "b", b"3", at(1)).await.unwrap();
    assert_eq!(wrong.load(Kind::Token, "b").await.unwrap().as_deref(), Some(&b"3"[..]));
    assert!(right.load(Kind::Token, "a").await.is_err());
}

#[tokio::test]
async fn a_text_that_is_no_key_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let key = StateKey::Given { variable: "ENGINE_STATE_KEY".to_owned(), text: "short".to_owned() };
    let error = SqliteState::new(&path, key).fingerprint(&["a"]).unwrap_err();
    assert_eq!(error.message, "`ENGINE_STATE_KEY` is not a key: it needs 32 bytes in base64");
    let nowhere = SqliteState::new(&path, StateKey::Nowhere("set `HOME`".to_owned()));
    let error = nowhere.save(Kind::Token, "a", "a", b"1", at(1)).await.unwrap_err();
    assert_eq!(error.help.as_deref(), Some("set `HOME`"));
    assert!(!path.exists());
}

#[tokio::test]
async fn what_is_no_state_is_told_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let check = |expected: &'static str| {
        let state = sqlite(&path);
        async move {
            for error in [
                state.load(Kind::Cursor, "a").await.unwrap_err(),
                state.save(Kind::Cursor, "a", "a", b"1", at(1)).await.unwrap_err(),
            ] {
                assert!(error.message.contains(expected), "{error}");
                assert!(error.help.is_some());
            }
        }
    };
    fs::write(&path, "This is a text, and a long one, not a database.\n".repeat(50)).unwrap();
    check("is damaged: file is not a database").await;
    fs::remove_file(&path).unwrap();

    Connection::open(&path).unwrap().execute_batch("CREATE TABLE mine (a)").unwrap();
    check("is a database of something else").await;
    assert_eq!(Connection::open(&path).unwrap().query_row("SELECT count(*) FROM mine", [], |row| row.get(0)), Ok(0));
    fs::remove_file(&path).unwrap();
    for beside in ["state.db-wal", "state.db-shm"] {
        _ = fs::remove_file(folder.path().join(beside));
    }

    fs::create_dir(&path).unwrap();
    check("can't be opened").await;
    fs::remove_dir(&path).unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let error = sqlite(&folder.path().join("file/state.db")).lock("l", "me", at(0), Duration::ZERO).await.unwrap_err();
    assert!(error.message.contains("can't be made"), "{error}");
}

#[tokio::test]
async fn a_newer_engine_s_state_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    sqlite(&path).save(Kind::Cursor, "a", "a", b"1", at(1)).await.unwrap();
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = sqlite(&path).load(Kind::Cursor, "a").await.unwrap_err();
    assert!(error.message.contains("was made by a newer engine (version 99"), "{error}");
}

#[tokio::test]
async fn a_damaged_page_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let state = sqlite(&path);
    for number in 0..200 {
        state.save(Kind::Cursor, &format!("{number}"), "a", &[7; 500], at(1)).await.unwrap();
    }
    drop(state);
    let mut bytes = fs::read(&path).unwrap();
    let length = bytes.len();
    assert!(length > 50_000, "the journal was brought home");
    bytes[20_000..length - 4096].fill(0x55);
    fs::write(&path, bytes).unwrap();
    let error = sqlite(&path).list(Kind::Cursor).await.unwrap_err();
    assert!(error.message.contains("is damaged"), "{error}");
}

#[tokio::test]
async fn many_may_make_the_state_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/state.db");
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let state = sqlite(&path);
            tokio::spawn(async move {
                let key = state.fingerprint(&["a"]).unwrap();
                state.save(Kind::Token, &format!("{key} {number}"), "a", b"1", at(1)).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(sqlite(&path).list(Kind::Token).await.unwrap().len(), 8);
}

/// What a process of [`one_lock_has_one_owner_among_many_tasks_and_processes`] is told by its environment.
const CONTENDER: &str = "ENGINE_TEST_CONTENDER";

/// How many tasks contend in each process, and how often each takes the lock.
const TASKS: u64 = 32;
const TURNS: u64 = 5;

/// Adds to a number in a file, again and again, as only the owner of the lock may: reading and writing it is no atomic step.
async fn contend(folder: PathBuf, process: u64) {
    let state = Arc::new(sqlite(&folder.join("state.db")));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (state, file) = (Arc::clone(&state), folder.join("number"));
            tokio::spawn(async move {
                let owner = format!("{process}/{task}");
                for _ in 0..TURNS {
                    while !state.lock("number", &owner, now(), Duration::from_mins(1)).await.unwrap() {
                        pause().await;
                    }
                    let number: u64 = fs::read_to_string(&file).unwrap().parse().unwrap();
                    tokio::task::yield_now().await;
                    fs::write(&file, (number + 1).to_string()).unwrap();
                    state.unlock("number", &owner).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "two processes have no other clock in common")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[expect(clippy::disallowed_methods, reason = "whoever waits for a lock leaves the machine to its owner")]
async fn pause() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Runs only as a process of the test below.
#[test]
#[ignore = "a part of another test"]
fn contender() {
    #[expect(clippy::disallowed_methods, reason = "a process of a test has no arguments of its own")]
    let Ok(folder) = std::env::var(CONTENDER) else { return };
    let (folder, process) = folder.rsplit_once('#').unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(contend(folder.into(), process.parse().unwrap()));
}

#[test]
fn one_lock_has_one_owner_among_many_tasks_and_processes() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("number"), "0").unwrap();
    let processes: Vec<_> = (0..2)
        .map(|process| {
            std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "contender", "--ignored", "--nocapture"])
                .env(CONTENDER, format!("{}#{process}", folder.path().display()))
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
    let number: u64 = fs::read_to_string(folder.path().join("number")).unwrap().parse().unwrap();
    assert_eq!(number, 2 * TASKS * TURNS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_whose_owner_died_is_free_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let died = sqlite(&path);
    assert!(died.lock("l", "dead", now(), Duration::from_millis(50)).await.unwrap());
    drop(died);
    let state = sqlite(&path);
    assert!(!state.lock("l", "me", now(), Duration::from_secs(5)).await.unwrap());
    while !state.lock("l", "me", now(), Duration::from_secs(5)).await.unwrap() {
        pause().await;
    }
}
