//! What is kept for the next runs along with pages that were delivered.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use engine_expr::Value;
use engine_request::{Comparing, Reached};

use super::driver::{Driver, LEASE};
use super::*;
use crate::machine::{StepEnd, StepStatus};
use crate::pending::Kept;
use crate::state::{Kind, MemoryState};
use crate::world::{Clock as _, SystemClock};

const KEY: &str = "orders";

/// A journal of a run of two groups.
async fn journal(state: &Arc<MemoryState>) -> Journal {
    let (store, clock): (Arc<dyn StateStore>, _) = (Arc::clone(state) as _, Arc::new(SystemClock));
    let now = clock.now();
    let entry = RunEntry {
        id: "run".to_owned(),
        flow: "flow".to_owned(),
        spec: "spec.yaml".to_owned(),
        plan: String::new(),
        given: String::new(),
        inputs: Vec::new(),
        trigger: None,
        status: RunStatus::Running,
        started_at: now,
        ended_at: None,
        error: None,
        holder: Some("me".to_owned()),
        held_until: Lease { holder: "me".to_owned(), now, time: LEASE }.until(),
        is_cancelled: false,
        steps: None,
    };
    store.begin_run(&entry).await.unwrap();
    let steps = vec![vec!["orders".to_owned()], vec!["later".to_owned()]];
    let (machine, commands) = Machine::start(Shape { steps, ..Shape::default() });
    let kept = Some((Arc::clone(&store), entry.id.clone()));
    let shared = Shared::new(machine, &commands, kept, HashMap::new(), Requests::default(), Stop::new());
    let shared = Arc::new(shared);
    let driver = Driver { shared: Arc::clone(&shared), run: entry.id, holder: "me".to_owned(), store, clock, next: 0 };
    tokio::spawn(driver.drive());
    Journal(shared)
}

/// Says that a page was delivered, with the cursor that the read had reached.
fn deliver(journal: &Journal, ordinal: u64, cursor: &str) {
    let page = PageId { source: "orders/0".to_owned(), step: "orders".to_owned(), ordinal };
    let comparing = Comparing::from_value(&Value::list(vec!["integer".into(), false.into()])).unwrap();
    let keep = Keeping {
        step: 0,
        kind: Kind::Cursor,
        key: KEY.to_owned(),
        label: KEY.to_owned(),
        value: Kept::Cursor(comparing, Reached { cursor: cursor.to_owned(), is_largest: true }),
    };
    let event = Event::Delivered { page, parent: None, next: String::new(), seen: Vec::new(), is_last: false };
    journal.delivered(event, Some(keep));
}

async fn kept(journal: &Journal, state: &MemoryState) -> Option<String> {
    journal.keepings_written().await;
    state.load(Kind::Cursor, KEY).await.unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
}

#[tokio::test]
async fn a_cursor_is_kept_with_its_page_and_does_not_go_back() {
    let state = Arc::new(MemoryState::default());
    let journal = journal(&state).await;
    assert_eq!(kept(&journal, &state).await, None);
    deliver(&journal, 1, "8");
    deliver(&journal, 2, "9");
    assert_eq!(kept(&journal, &state).await.as_deref(), Some("9"));
    // Another run has come further meanwhile.
    state.save(Kind::Cursor, KEY, KEY, b"20", SystemClock.now()).await.unwrap();
    deliver(&journal, 3, "10");
    assert_eq!(kept(&journal, &state).await.as_deref(), Some("20"));
    deliver(&journal, 4, "21");
    assert_eq!(kept(&journal, &state).await.as_deref(), Some("21"));
}

#[tokio::test]
async fn nothing_is_kept_of_a_page_that_would_be_read_again_or_whose_cursor_was_forgotten() {
    let state = Arc::new(MemoryState::default());
    let journal = journal(&state).await;
    deliver(&journal, 1, "8");
    assert_eq!(kept(&journal, &state).await.as_deref(), Some("8"));
    // The page between them is not delivered.
    deliver(&journal, 3, "10");
    assert_eq!(kept(&journal, &state).await.as_deref(), Some("8"));
    deliver(&journal, 2, "9");
    journal.keep_nothing(KEY).await.unwrap();
    assert_eq!(kept(&journal, &state).await.as_deref(), Some("8"));
    // What comes when the step has ended is for the end of the run to keep.
    let end = StepEnd { status: StepStatus::Ok, counts: String::new(), error: None };
    journal.event(Event::StepEnded { path: "orders".to_owned(), end });
    deliver(&journal, 3, "10");
    assert_eq!(kept(&journal, &state).await.as_deref(), Some("8"));
}
