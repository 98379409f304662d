//! The catalogue's S/4HANA against SAP's own framework, which has the protocols of a Gateway and other entities.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::ffi::OsStr;
use std::path::Path;

use engine_tests::{Engine, Finished, Rig, basic, different, get, of, rows};
use serde_json::Value;

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");

struct Sap {
    rig: Rig,
    folder: tempfile::TempDir,
}

impl Sap {
    fn run(&self, arguments: &[&str], user: &str, password: &str) -> Finished {
        let spec = engine_tests::root().join("tests/catalogue/sap.yaml");
        // The links to the next page say `localhost`, and a link to another host is not followed.
        let url = self.rig.told("BASE_URL").replace("127.0.0.1", "localhost");
        Engine::new([OsStr::new("run"), spec.as_os_str()])
            .arguments(arguments)
            .folder(self.folder.path())
            .variable("ENGINE_SAP_URL", &url)
            .variable("ENGINE_SAP_USER", user)
            .variable("ENGINE_SAP_PASSWORD", password)
            .variable("ENGINE_SAP_CSRF_PATH", "/sap/opu/odata/sap/SHOP_SRV/")
            .variable("ENGINE_SAP_CSRF_PATH_V4", "/odata/v4/catalog/")
            .finish()
    }

    fn ask(&self, path: &str) -> String {
        let basic = basic(self.rig.told("USERNAME"), self.rig.told("PASSWORD"));
        get(&format!("{}/{path}", self.rig.told("ODATA_V4")), &[("Authorization", &basic)]).body
    }

    /// Counts entities, as the server itself does.
    fn count(&self, path: &str) -> usize {
        self.ask(path).trim().parse().unwrap()
    }
}

#[test]
fn a_system_is_read_whole_and_written_to() {
    // A token is wanted for each change, over V4 too.
    let Some(rig) = Rig::start_with("cap", Path::new(TARGET), &[("CSRF", "on")]) else { return };
    let sap = Sap { rig, folder: tempfile::tempdir().unwrap() };
    let before = sap.count("Books/$count");
    assert!(before > 1000, "{before} books fit on few pages");
    let first = 100_000 + std::process::id() % 100_000 * 100;
    let input = format!("first={first}");
    let finished = sap.run(&["-i", &input], sap.rig.told("USERNAME"), sap.rig.told("PASSWORD"));
    // What came too late, and the batch with a book that has no title, were refused.
    assert_eq!(finished.status, Some(3), "{}", finished.stderr());
    assert!(finished.stderr().contains("was changed by somebody else since it was read"), "{}", finished.stderr());
    assert!(finished.stderr().contains("13 records were rejected"), "{}", finished.stderr());
    let read = rows(&finished);

    // Twelve one by one and two by a batch, of which one is deleted.
    assert_eq!(sap.count("Books/$count"), before + 13);
    for stream in ["books_v2", "books_v4"] {
        let books = of(&read, stream);
        assert_eq!((books.len(), different(&books, "id")), (before + 13, before + 13), "{stream}");
    }
    let stocked = sap.count("Books/$count?$filter=stock%20gt%2030%20and%20contains(title,'Book')");
    assert_eq!(of(&read, "stocked_v2").len(), stocked, "the server's own count");
    let paid = sap.count("Orders/$count?$filter=status%20eq%20'PAID'");
    assert_eq!(of(&read, "orders_v4").len(), paid, "the server's own count");
    assert!(of(&read, "orders_v4").iter().all(|order| order.get("items").and_then(Value::as_u64) >= Some(1)));

    // The stock is 2 by the change under the right version, not 3 by the late one; two of the first are sold.
    let range = format!("ID%20ge%20{first}%20and%20ID%20lt%20{}", first + 12);
    assert_eq!(sap.count(&format!("Books/$count?$filter={range}%20and%20stock%20eq%202")), 11);
    let book: Value = serde_json::from_str(&sap.ask(&format!("Books({first})"))).unwrap();
    assert_eq!((book.get("stock").and_then(Value::as_u64), book["price"].as_str()), (Some(0), Some("12.50")));
    // A batch is made whole or not at all.
    assert_eq!(of(&read, "batched")[0].to_string(), format!("{{\"ids\":[{},{}]}}", first + 20, first + 21));
    assert_eq!(sap.count(&format!("Books/$count?$filter=ID%20eq%20{}", first + 22)), 0);
    assert_eq!(of(&read, "partner")[0]["name"], "O'Neil & Söhne 1");

    // Who may only read is told so, in SAP's words.
    let (user, password) = (sap.rig.told("READONLY_USER"), sap.rig.told("READONLY_PASSWORD"));
    let refused = sap.run(&["-i", "first=1", "--only", "made"], user, password);
    assert_eq!(refused.status, Some(1));
    assert!(refused.stderr().contains("SAP refuses with 403: Forbidden"), "{}", refused.stderr());
}
