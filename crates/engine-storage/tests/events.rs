//! The laws of the events that a store keeps, and what is particular to those on disk.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine_runtime::{
    Dedupe, EventFilter, EventKind, EventStatus, EventStore, Lease, MemoryState, NewEvent, Outcome, Put, Standing,
    StateError, StoredEvent, Wanted,
};
use engine_storage::{PostgresState, SqliteState, StateKey};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

/// How long leases are: a store may have a clock of its own, which no test can turn.
const LEASE: Duration = Duration::from_millis(400);

/// Longer than a lease.
const LONG: Duration = Duration::from_millis(600);

/// A store that is opened twice, as two processes would.
struct Store {
    name: &'static str,
    open: Box<dyn Fn() -> Arc<dyn EventStore>>,
    _folder: Option<TempDir>,
}

fn stores() -> Vec<Store> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let memory: Arc<dyn EventStore> = Arc::new(MemoryState::default());
    let mut stores = vec![
        Store { name: "memory", open: Box::new(move || Arc::clone(&memory)), _folder: None },
        Store { name: "sqlite", open: Box::new(move || Arc::new(sqlite(&path))), _folder: Some(folder) },
    ];
    stores.extend(store_of_postgres());
    stores
}

#[cfg(unix)]
fn store_of_postgres() -> Option<Store> {
    let url = engine_tests::Postgres::shared()?.database().url();
    let folder = tempfile::tempdir().unwrap();
    let key = StateKey::File(folder.path().join("state.key"));
    let open = move || Arc::new(PostgresState::new(&url, key.clone()).unwrap()) as Arc<dyn EventStore>;
    Some(Store { name: "postgres", open: Box::new(open), _folder: Some(folder) })
}

#[cfg(not(unix))]
fn store_of_postgres() -> Option<Store> {
    None
}

fn sqlite(path: &Path) -> SqliteState {
    SqliteState::new(path, StateKey::File(path.with_extension("key")))
}

#[expect(clippy::disallowed_methods, reason = "the clock of the database is asked beside it")]
fn now() -> Timestamp {
    Timestamp::now()
}

fn lease(holder: &str) -> Lease {
    Lease { holder: holder.to_owned(), now: now(), time: LEASE }
}

fn event(id: &str, flow: &str) -> NewEvent {
    NewEvent {
        id: id.to_owned(),
        flow: flow.to_owned(),
        trigger: "webhook /orders".to_owned(),
        kind: EventKind::Webhook,
        dedupe: None,
        partition: None,
        received_at: now(),
        due_at: now(),
        inputs: br#"{"shop":"north"}"#.to_vec(),
        body: format!(r#"{{"type":"webhook","body":{{"customer":"Ada {id}"}}}}"#).into_bytes(),
    }
}

fn of_part(id: &str, flow: &str, part: &str) -> NewEvent {
    NewEvent { partition: Some(part.to_owned()), ..event(id, flow) }
}

fn known_by(id: &str, key: &str, until: Timestamp) -> NewEvent {
    NewEvent { dedupe: Some(Dedupe { key: key.to_owned(), until }), ..event(id, "orders") }
}

fn wanted(holder: &str, most: u32) -> Wanted {
    let flows = ["orders", "others"].map(str::to_owned);
    let flows = Arc::new(HashSet::from(flows));
    Wanted { flows, busy: HashMap::new(), per_flow: most, most, after: String::new(), lease: lease(holder) }
}

async fn take(store: &dyn EventStore, holder: &str, most: u32) -> Vec<StoredEvent> {
    store.take_events(wanted(holder, most)).await.unwrap()
}

async fn ids(store: &dyn EventStore, holder: &str, most: u32) -> Vec<String> {
    take(store, holder, most).await.into_iter().map(|event| event.id).collect()
}

async fn settle(store: &dyn EventStore, id: &str, holder: &str, outcome: Outcome) -> bool {
    store.settle_event(id, lease(holder), outcome).await.unwrap()
}

/// Waits until leases are over.
fn pass() {
    std::thread::sleep(LONG);
}

#[tokio::test]
async fn events_are_taken_in_their_order_with_all_that_came_with_them() {
    for Store { name, open, .. } in stores() {
        let (one, two) = (open(), open());
        assert!(take(&*one, "me", 10).await.is_empty(), "{name}");
        for id in ["c", "a", "b"] {
            let put = one.put_events(vec![event(id, "orders")]).await.unwrap();
            assert_eq!(put, [Put::Kept], "{name}");
        }
        let first = take(&*two, "me", 2).await;
        assert_eq!(first.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["c", "a"], "{name}");
        let taken = &first[0];
        assert_eq!(taken.body, event("c", "orders").body, "{name}");
        assert_eq!(taken.inputs, event("c", "orders").inputs);
        assert_eq!((taken.status, taken.holder.as_deref()), (EventStatus::Running, Some("me")));
        assert_eq!((taken.trigger.as_str(), taken.kind, taken.failures), ("webhook /orders", EventKind::Webhook, 0));
        assert_eq!(ids(&*one, "other", 10).await, ["b"], "{name}: what another holds is left");
        assert!(settle(&*one, "c", "me", Outcome::Done).await);
        let done = one.find_event("c").await.unwrap().unwrap();
        assert_eq!((done.status, done.holder, done.ended_at.is_some()), (EventStatus::Done, None, true), "{name}");
        assert_eq!(done.body, event("c", "orders").body);
        assert!(one.find_event("z").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn what_is_put_again_is_kept_once() {
    for Store { name, open, .. } in stores() {
        let store = open();
        let twice = of_part("a", "orders", "p");
        store.put_events(vec![twice.clone()]).await.unwrap();
        assert_eq!(store.put_events(vec![twice.clone(), twice]).await.unwrap(), [Put::Kept, Put::Kept], "{name}");
        assert_eq!(ids(&*store, "me", 10).await, ["a"], "{name}");
    }
}

#[tokio::test]
async fn events_of_a_partition_run_one_after_another() {
    for Store { name, open, .. } in stores() {
        let store = open();
        let events = [("a1", "a"), ("b1", "b"), ("a2", "a"), ("a3", "a"), ("b2", "b")];
        let mut events: Vec<_> = events.map(|(id, part)| of_part(id, "orders", part)).into();
        // The same partition of another flow is another.
        events.push(of_part("other", "others", "a"));
        store.put_events(events).await.unwrap();
        let mut first = ids(&*store, "me", 10).await;
        first.sort();
        assert_eq!(first, ["a1", "b1", "other"], "{name}");
        assert!(take(&*store, "other", 10).await.is_empty(), "{name}");
        let now = now();
        // One that is to be tried again keeps those behind it waiting; a dead one does not.
        assert!(settle(&*store, "a1", "me", Outcome::Retry { at: now, error: "no".to_owned() }).await);
        assert_eq!(ids(&*store, "me", 10).await, ["a1"], "{name}");
        assert!(settle(&*store, "a1", "me", Outcome::Dead { error: "no".to_owned() }).await);
        assert!(settle(&*store, "b1", "me", Outcome::Done).await);
        let mut second = ids(&*store, "me", 10).await;
        second.sort();
        assert_eq!(second, ["a2", "b2"], "{name}");
        assert!(settle(&*store, "a2", "me", Outcome::Released).await);
        assert_eq!(ids(&*store, "you", 10).await, ["a2"], "{name}");
        assert!(settle(&*store, "a2", "you", Outcome::Done).await);
        // What comes behind one that waits, waits; behind one that was done, it does not.
        store.put_events(vec![of_part("a4", "orders", "a")]).await.unwrap();
        assert_eq!(ids(&*store, "me", 10).await, ["a3"], "{name}");
        assert!(settle(&*store, "a3", "me", Outcome::Done).await);
        assert_eq!(ids(&*store, "me", 10).await, ["a4"], "{name}");
        assert!(settle(&*store, "a4", "me", Outcome::Done).await);
        store.put_events(vec![of_part("a5", "orders", "a")]).await.unwrap();
        assert_eq!(take(&*store, "me", 10).await[0].partition.as_deref(), Some("a"), "{name}");
    }
}

#[tokio::test]
async fn a_lease_that_is_over_is_anothers() {
    for Store { name, open, .. } in stores() {
        let store = open();
        store.put_events(vec![event("a", "orders"), event("b", "orders")]).await.unwrap();
        assert_eq!(ids(&*store, "me", 10).await, ["a", "b"], "{name}");
        pass();
        // One that is renewed late, before anybody took it, is still theirs.
        let standing = store.renew_events(vec!["b".to_owned(), "z".to_owned()], lease("me")).await.unwrap();
        assert_eq!(standing, [Standing::Held, Standing::Lost], "{name}");
        assert_eq!(ids(&*store, "you", 10).await, ["a"], "{name}");
        assert_eq!(store.renew_events(vec!["a".to_owned()], lease("me")).await.unwrap(), [Standing::Lost], "{name}");
        // Whoever lost it changes nothing.
        for outcome in [Outcome::Done, Outcome::Released, Outcome::Dead { error: "no".to_owned() }] {
            assert!(!settle(&*store, "a", "me", outcome).await, "{name}");
        }
        let found = store.find_event("a").await.unwrap().unwrap();
        assert_eq!((found.status, found.holder.as_deref()), (EventStatus::Running, Some("you")), "{name}");
        assert!(settle(&*store, "a", "you", Outcome::Done).await);
        assert!(!settle(&*store, "a", "you", Outcome::Done).await, "{name}: it was settled");
    }
}

#[tokio::test]
async fn what_is_to_be_tried_again_is_taken_when_its_time_has_come() {
    for Store { name, open, .. } in stores() {
        let store = open();
        let later = now().checked_add(SignedDuration::from_mins(10)).unwrap();
        store.put_events(vec![event("a", "orders"), NewEvent { due_at: later, ..event("b", "orders") }]).await.unwrap();
        assert_eq!(ids(&*store, "me", 10).await, ["a"], "{name}");
        let soon = now().checked_add(LONG).unwrap();
        assert!(settle(&*store, "a", "me", Outcome::Retry { at: soon, error: "no stock".to_owned() }).await);
        assert!(take(&*store, "me", 10).await.is_empty(), "{name}");
        let found = store.find_event("a").await.unwrap().unwrap();
        assert_eq!((found.failures, found.error.as_deref()), (1, Some("no stock")), "{name}");
        pass();
        let taken = take(&*store, "me", 10).await;
        assert_eq!((taken.len(), taken[0].failures), (1, 1), "{name}");
        assert!(settle(&*store, "a", "me", Outcome::Dead { error: "still no stock".to_owned() }).await);
        pass();
        assert!(take(&*store, "me", 10).await.is_empty(), "{name}");
        let found = store.find_event("a").await.unwrap().unwrap();
        assert_eq!((found.status, found.failures), (EventStatus::Dead, 2), "{name}");
    }
}

#[tokio::test]
async fn a_key_is_known_until_its_time_is_over() {
    for Store { name, open, .. } in stores() {
        let (one, two) = (open(), open());
        let until = now().checked_add(LONG).unwrap();
        assert_eq!(one.put_events(vec![known_by("a", "k", until)]).await.unwrap(), [Put::Kept], "{name}");
        let known = Put::Known { event: "a".to_owned() };
        let put = two.put_events(vec![known_by("b", "k", until), known_by("c", "l", until), known_by("d", "l", until)]);
        let same = Put::Known { event: "c".to_owned() };
        assert_eq!(put.await.unwrap(), [known.clone(), Put::Kept, same], "{name}");
        // The same key of another flow or trigger is another; and the event itself may be put again.
        let mut others = [known_by("e", "k", until), known_by("f", "k", until), known_by("a", "k", until)];
        others[0].flow = "others".to_owned();
        others[1].trigger = "schedule 0".to_owned();
        assert_eq!(one.put_events(others.into()).await.unwrap(), [Put::Kept, Put::Kept, Put::Kept], "{name}");
        let mut taken = ids(&*one, "me", 10).await;
        taken.sort();
        assert_eq!(taken, ["a", "c", "e", "f"], "{name}");
        // It is known after its event was done, too.
        assert!(settle(&*one, "a", "me", Outcome::Done).await);
        let put = one.put_events(vec![known_by("g", "k", until)]).await.unwrap();
        assert_eq!(put, [known], "{name}");
        pass();
        assert_eq!(two.put_events(vec![known_by("h", "k", until)]).await.unwrap(), [Put::Kept], "{name}");
    }
}

#[tokio::test]
async fn flows_with_fewer_under_way_come_first() {
    for Store { name, open, .. } in stores() {
        let store = open();
        let many = (0..50).map(|at| event(&format!("o{at:02}"), "orders")).collect();
        store.put_events(many).await.unwrap();
        store.put_events(vec![event("x1", "others"), event("x2", "others"), event("y", "unknown")]).await.unwrap();
        let wanted = |busy, per_flow, most| Wanted {
            busy: HashMap::from([("orders".to_owned(), busy)]),
            per_flow,
            most,
            ..wanted("me", 10)
        };
        let take = async |wanted| {
            let taken = store.take_events(wanted).await.unwrap();
            taken.into_iter().map(|event| event.id).collect::<Vec<_>>()
        };
        assert_eq!(take(wanted(0, 5, 3)).await, ["o00", "x1", "o01"], "{name}");
        assert_eq!(take(wanted(2, 4, 2)).await, ["x2", "o02"], "{name}");
        assert_eq!(take(wanted(3, 5, 10)).await, ["o03", "o04"], "{name}");
        assert!(take(wanted(5, 5, 10)).await.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn of_many_flows_those_after_a_name_come_first() {
    for Store { name, open, .. } in stores() {
        let store = open();
        let flows: Vec<String> = (0..20).map(|at| format!("f{at:02}")).collect();
        store.put_events(flows.iter().map(|flow| event(&format!("of {flow}"), flow)).collect()).await.unwrap();
        let mut taken = HashSet::new();
        let mut after = String::new();
        for _ in 0..5 {
            let flows = Arc::new(flows.iter().cloned().collect());
            let wanted = Wanted { flows, most: 4, after, ..wanted("me", 4) };
            let some = store.take_events(wanted).await.unwrap();
            assert_eq!(some.len(), 4, "{name}");
            after = some.last().unwrap().flow.clone();
            taken.extend(some.into_iter().map(|event| event.id));
        }
        assert_eq!(taken.len(), 20, "{name}");
    }
}

#[tokio::test]
async fn two_holders_never_take_the_same() {
    for Store { name, open, .. } in stores() {
        let store = open();
        let all: Vec<_> = (0..300).map(|at| event(&format!("e{at:03}"), "orders")).collect();
        store.put_events(all).await.unwrap();
        let holders = ["a", "b", "c", "d"].map(|holder| {
            let store = open();
            tokio::spawn(async move {
                let mut taken = Vec::new();
                loop {
                    let some = store.take_events(wanted(holder, 7)).await.unwrap();
                    if some.is_empty() {
                        return taken;
                    }
                    for event in some {
                        assert!(settle(&*store, &event.id, holder, Outcome::Done).await);
                        taken.push(event.id);
                    }
                }
            })
        });
        let mut taken = Vec::new();
        for holder in holders {
            taken.extend(holder.await.unwrap());
        }
        assert_eq!(taken.len(), 300, "{name}");
        assert_eq!(taken.iter().collect::<HashSet<_>>().len(), 300, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_many_put_and_end_at_once_stays_in_order() {
    for Store { name, open, .. } in stores() {
        let putting = ["a", "b"].map(|who| {
            let store = open();
            tokio::spawn(async move {
                for at in 0..40 {
                    let put = store.put_events(vec![of_part(&format!("{who}{at:02}"), "orders", "p")]);
                    assert_eq!(put.await.unwrap(), [Put::Kept]);
                }
            })
        });
        let store = open();
        let mut taken: Vec<String> = Vec::new();
        while taken.len() < 80 {
            let some = ids(&*store, "me", 10).await;
            assert!(some.len() <= 1, "{name}: {some:?}");
            for id in some {
                assert!(settle(&*store, &id, "me", Outcome::Done).await);
                taken.push(id);
            }
        }
        for put in putting {
            put.await.unwrap();
        }
        for who in ["a", "b"] {
            let own: Vec<_> = taken.iter().filter(|id| id.starts_with(who)).collect();
            assert!(own.is_sorted() && own.len() == 40, "{name}: {own:?}");
        }
    }
}

#[tokio::test]
async fn many_who_put_at_once_all_are_answered_for_their_own() {
    for Store { name, open, .. } in stores() {
        let store = open();
        let until = now().checked_add(SignedDuration::from_mins(10)).unwrap();
        let puts = (0..64).map(|at| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let events = vec![
                    known_by(&format!("a{at}"), &format!("k{}", at / 2), until),
                    event(&format!("b{at}"), "orders"),
                ];
                store.put_events(events).await.unwrap()
            })
        });
        let puts: Vec<_> = puts.collect();
        let mut kept = 0;
        for (at, put) in puts.into_iter().enumerate() {
            let put = put.await.unwrap();
            assert_eq!(put[1], Put::Kept, "{name}");
            match &put[0] {
                Put::Kept => kept += 1,
                Put::Known { event } => assert_eq!(*event, format!("a{}", at ^ 1), "{name}"),
            }
        }
        assert_eq!(kept, 32, "{name}");
        assert_eq!(take(&*store, "me", 200).await.len(), 96, "{name}");
    }
}

#[tokio::test]
async fn an_event_is_replayed_under_another_id() {
    for Store { name, open, .. } in stores() {
        let store = open();
        let until = now().checked_add(SignedDuration::from_mins(10)).unwrap();
        let first = NewEvent { partition: Some("p".to_owned()), ..known_by("a", "k", until) };
        store.put_events(vec![first.clone()]).await.unwrap();
        assert_eq!(ids(&*store, "me", 10).await, ["a"]);
        assert!(settle(&*store, "a", "me", Outcome::Dead { error: "no".to_owned() }).await);
        assert_eq!(store.replay_event("a", "b", now()).await.unwrap().as_deref(), Some("b"), "{name}");
        assert_eq!(store.replay_event("z", "c", now()).await.unwrap(), None, "{name}");
        let again = take(&*store, "me", 10).await;
        assert_eq!(again.len(), 1, "{name}");
        assert_eq!((&again[0].body, &again[0].inputs), (&first.body, &first.inputs), "{name}");
        assert_eq!((again[0].partition.as_deref(), again[0].failures), (Some("p"), 0), "{name}");
        // The event of before stays as it was, until somebody drops it.
        assert_eq!(store.find_event("a").await.unwrap().unwrap().status, EventStatus::Dead, "{name}");
        assert!(!store.drop_event("b").await.unwrap(), "{name}: somebody holds it");
        assert!(store.drop_event("a").await.unwrap());
        assert!(store.find_event("a").await.unwrap().is_none(), "{name}");
    }
}

#[tokio::test]
async fn an_event_that_nobody_holds_is_dropped_and_lets_the_next_of_its_partition_go() {
    for Store { name, open, .. } in stores() {
        let store = open();
        for id in ["a", "b"] {
            store.put_events(vec![of_part(id, "orders", "p")]).await.unwrap();
        }
        assert_eq!(ids(&*store, "me", 10).await, ["a"], "{name}");
        assert!(settle(&*store, "a", "me", Outcome::Retry { at: Timestamp::MAX, error: "no".to_owned() }).await);
        assert!(ids(&*store, "me", 10).await.is_empty(), "{name}: the second waits for the first");
        assert!(store.drop_event("a").await.unwrap(), "{name}");
        assert_eq!(ids(&*store, "me", 10).await, ["b"], "{name}");
        assert!(settle(&*store, "b", "me", Outcome::Done).await);
        assert!(!store.drop_event("b").await.unwrap(), "{name}: it is done");
    }
}

#[tokio::test]
async fn events_are_listed_and_counted() {
    for Store { name, open, .. } in stores() {
        let store = open();
        assert_eq!(store.count_events().await.unwrap(), [], "{name}");
        for (id, flow) in [("a", "orders"), ("b", "others"), ("c", "orders"), ("d", "orders"), ("e", "orders")] {
            store.put_events(vec![event(id, flow)]).await.unwrap();
        }
        assert_eq!(take(&*store, "me", 4).await.len(), 4);
        assert!(settle(&*store, "a", "me", Outcome::Done).await);
        assert!(settle(&*store, "c", "me", Outcome::Dead { error: "no".to_owned() }).await);
        let list = async |flow: Option<&str>, status, most| {
            let filter = EventFilter { flow: flow.map(str::to_owned), status, most };
            let events = store.list_events(filter).await.unwrap();
            assert!(events.iter().all(|event| event.body.is_empty() && event.inputs.is_empty()));
            events.into_iter().map(|event| event.id).collect::<Vec<_>>()
        };
        assert_eq!(list(None, None, 10).await, ["e", "d", "c", "b", "a"], "{name}");
        assert_eq!(list(None, None, 2).await, ["e", "d"], "{name}");
        assert_eq!(list(Some("orders"), Some(EventStatus::Running), 10).await, ["d"], "{name}");
        assert_eq!(list(None, Some(EventStatus::Dead), 10).await, ["c"], "{name}");
        assert_eq!(store.open_flows(EventKind::Webhook).await.unwrap(), ["orders", "others"], "{name}");
        assert_eq!(store.open_flows(EventKind::Schedule).await.unwrap(), Vec::<String>::new(), "{name}");
        let mut counts: Vec<_> = store.count_events().await.unwrap();
        counts.sort_by(|left, right| (&left.flow, left.status).cmp(&(&right.flow, right.status)));
        let counted: Vec<_> =
            counts.iter().map(|count| (count.flow.as_str(), count.status.as_str(), count.count)).collect();
        let expected =
            [("orders", "waiting", 1), ("orders", "running", 1), ("orders", "dead", 1), ("others", "running", 1)];
        assert_eq!(counted, expected, "{name}");
        let oldest = store.find_event("c").await.unwrap().unwrap().received_at;
        assert_eq!(counts[2].oldest, oldest, "{name}");
    }
}

#[tokio::test]
async fn what_was_done_long_ago_is_forgotten_and_the_dead_are_kept() {
    for Store { name, open, .. } in stores() {
        let store = open();
        let many: Vec<_> = (0..1203).map(|at| known_by(&format!("e{at}"), &format!("k{at}"), now())).collect();
        store.put_events(many).await.unwrap();
        let later = now().checked_add(SignedDuration::from_hours(10)).unwrap();
        let waiting = NewEvent { due_at: later, ..event("waiting", "others") };
        store.put_events(vec![waiting]).await.unwrap();
        let taken = ids(&*store, "me", 2000).await;
        for (at, id) in taken.iter().enumerate() {
            let outcome = if at == 0 { Outcome::Dead { error: "no".to_owned() } } else { Outcome::Done };
            assert!(settle(&*store, id, "me", outcome).await);
        }
        let earlier = now().checked_sub(SignedDuration::from_mins(10)).unwrap();
        assert_eq!(store.forget_events(earlier, now()).await.unwrap(), 0, "{name}");
        assert_eq!(store.forget_events(Timestamp::MAX, now()).await.unwrap(), 1202, "{name}");
        let left = store.list_events(EventFilter { flow: None, status: None, most: 10 }).await.unwrap();
        assert_eq!(left.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["waiting", "e0"], "{name}");
    }
}

#[tokio::test]
async fn what_a_dead_process_held_is_given_back() {
    for Store { name, open, .. } in stores() {
        let store = open();
        store.put_events(vec![event("a", "orders"), event("b", "orders"), event("c", "orders")]).await.unwrap();
        assert_eq!(ids(&*store, "me", 2).await, ["a", "b"]);
        assert_eq!(ids(&*store, "you", 2).await, ["c"]);
        assert_eq!(store.event_holders().await.unwrap(), ["me", "you"], "{name}");
        assert_eq!(store.orphan_events("me", now()).await.unwrap(), 2, "{name}");
        assert_eq!(store.orphan_events("nobody", now()).await.unwrap(), 0, "{name}");
        assert_eq!(ids(&*store, "next", 10).await, ["a", "b"], "{name}: in the order of before");
        assert_eq!(store.event_holders().await.unwrap(), ["next", "you"], "{name}");
    }
}

#[tokio::test]
async fn nothing_that_came_can_be_read_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = sqlite(&path);
    let mut private = known_by("a", "secret-key", Timestamp::MAX);
    private.partition = Some("secret-part".to_owned());
    store.put_events(vec![private]).await.unwrap();
    drop(store);
    let bytes: Vec<u8> = std::fs::read_dir(folder.path())
        .unwrap()
        .flat_map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect();
    for text in ["Ada", "north", "secret-key", "secret-part"] {
        assert!(!bytes.windows(text.len()).any(|part| part == text.as_bytes()), "{text}");
    }
}

#[tokio::test]
async fn an_event_that_was_changed_by_something_else_keeps_no_other_from_running() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = sqlite(&path);
    store.put_events(vec![event("a", "orders"), event("b", "orders")]).await.unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("UPDATE events SET content = (SELECT content FROM events WHERE id = 'b')", []).unwrap();
    assert_eq!(ids(&store, "me", 10).await, ["b"]);
    let listed =
        store.list_events(EventFilter { flow: None, status: Some(EventStatus::Dead), most: 10 }).await.unwrap();
    assert!(listed[0].error.as_deref().unwrap().contains("was changed by something else"), "{listed:?}");
}

#[tokio::test]
async fn another_key_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = sqlite(&path);
    store.put_events(vec![event("a", "orders")]).await.unwrap();
    let other = SqliteState::new(&path, StateKey::File(folder.path().join("other.key")));
    let error: StateError = other.put_events(vec![event("b", "orders")]).await.unwrap_err();
    assert!(error.message.contains("another key"), "{error}");
    assert!(other.find_event("a").await.is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn a_connection_that_broke_is_made_anew() {
    let Some(postgres) = engine_tests::Postgres::shared() else { return };
    let database = postgres.database();
    let folder = tempfile::tempdir().unwrap();
    let store = PostgresState::new(&database.url(), StateKey::File(folder.path().join("state.key"))).unwrap();
    store.put_events(vec![event("a", "orders")]).await.unwrap();
    database.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    assert_eq!(store.put_events(vec![event("b", "orders")]).await.unwrap(), [Put::Kept]);
    assert_eq!(ids(&store, "me", 10).await, ["a", "b"]);
}
