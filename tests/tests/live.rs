//! Flows against an issue tracker that limits its callers, and against a CRM with all its ways to log in.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use engine_tests::{Engine, Finished, Rig, different, get, of, post, rows};
use serde_json::Value;

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");

fn engine(flow: &str, folder: &Path) -> Engine {
    let spec = engine_tests::root().join(format!("tests/servers/{flow}.yaml"));
    Engine::new([std::ffi::OsStr::new("run"), spec.as_os_str()]).folder(folder)
}

fn done(finished: &Finished) -> Vec<Value> {
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    rows(finished)
}

#[test]
fn a_server_that_has_enough_is_waited_for_and_nothing_is_lost() {
    let Some(rig) = Rig::start_with("roundup", Path::new(TARGET), &[("RATE", "40")]) else { return };
    let url = format!("{}/", rig.told("BASE_URL"));
    let bearer = format!("Bearer {}", rig.told("JWT"));
    let issues = format!("{url}rest/data/issue?@page_size=1");
    let total = || {
        let page = get(&issues, &[("Authorization", &bearer)]);
        let page: Value = serde_json::from_str(&page.body).unwrap();
        page.pointer("/data/@total_size").and_then(Value::as_u64).unwrap()
    };
    let before = total();
    // Somebody else has used up what there is.
    let refused = (0..1000).map(|_| get(&issues, &[("Authorization", &bearer)])).find(|answer| answer.status == 429);
    assert!(refused.unwrap().headers.contains_key("retry-after"));

    let folder = tempfile::tempdir().unwrap();
    let finished = engine("roundup", folder.path())
        .argument("-v")
        .variable("ENGINE_ROUNDUP_URL", &url)
        .variable("ENGINE_ROUNDUP_KEY", "0123456789abcdef0123456789abcdef0123456789")
        .finish();
    let rows = done(&finished);
    assert!(finished.stderr().contains("answered 429; attempt 2 in"), "{}", finished.stderr());
    let read = of(&rows, "issues");
    let expected = usize::try_from(before).unwrap() + 1;
    assert_eq!((read.len(), different(&read, "id")), (expected, expected));
    let changed = of(&rows, "retitled").first().and_then(|row| row.get("id")).cloned().unwrap();
    let made: Vec<_> = read.iter().filter(|row| row.get("id") == Some(&changed)).collect();
    let titles: Vec<_> = made.iter().filter_map(|row| row.get("title").and_then(Value::as_str)).collect();
    assert_eq!(titles, ["Made and changed"], "it was made once, and changed under its ETag");
}

#[test]
fn all_ways_to_log_in_lead_to_the_same_records() {
    let Some(rig) = Rig::start("salesforce-mock", Path::new(TARGET)) else { return };
    let key = std::fs::read_to_string(rig.told("JWT_KEY")).unwrap();
    let form = format!(
        "grant_type=password&client_id={}&client_secret={}&username={}&password=pw%2BTOKEN",
        rig.told("CLIENT_ID"),
        rig.told("CLIENT_SECRET"),
        rig.told("USERNAME"),
    );
    let token = post(rig.told("TOKEN_URL"), &[("Content-Type", "application/x-www-form-urlencoded")], form.as_bytes());
    let token: Value = serde_json::from_str(&token.body).unwrap();
    let told = |name: &str| token.get(name).and_then(Value::as_str).unwrap();
    let (refresh, bearer) = (told("refresh_token"), format!("Bearer {}", told("access_token")));
    let count = |from: &str| -> usize {
        let url = format!("{}/services/data/v60.0/query?q=SELECT+COUNT()+FROM+{from}", rig.told("INSTANCE_URL"));
        let answer: Value = serde_json::from_str(&get(&url, &[("Authorization", &bearer)]).body).unwrap();
        usize::try_from(answer.get("totalSize").and_then(Value::as_u64).unwrap()).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let run = |grant: &str, arguments: &[&str]| {
        let finished = engine("salesforce", folder.path())
            .arguments(["-i", &format!("grant={grant}")])
            .arguments(arguments)
            .variable("ENGINE_SALESFORCE_TOKEN_URL", rig.told("TOKEN_URL"))
            .variable("ENGINE_SALESFORCE_SECRET", rig.told("CLIENT_SECRET"))
            .variable("ENGINE_SALESFORCE_PASSWORD", rig.told("PASSWORD"))
            .variable("ENGINE_SALESFORCE_REFRESH_TOKEN", refresh)
            .variable("ENGINE_SALESFORCE_KEY", &key)
            .finish();
        let said = finished.stderr();
        for secret in [rig.told("CLIENT_SECRET"), rig.told("PASSWORD"), refresh, "PRIVATE KEY"] {
            assert!(!said.contains(secret), "{said}");
        }
        finished
    };
    for (grant, statuses) in [("client", [201, 200]), ("password", [200; 2]), ("jwt", [200; 2]), ("refresh", [200; 2])]
    {
        let before = count("Account+WHERE+IsDeleted=false");
        assert!(before > 2000, "{before} accounts fit one page");
        let rows = done(&run(grant, &[]));
        let accounts = of(&rows, "accounts");
        assert_eq!((accounts.len(), different(&accounts, "id")), (before, before), "{grant}");
        // An upsert by external id makes it first, and changes it then.
        let upserted: Vec<u64> =
            of(&rows, "upserted").iter().map(|row| row.get("status").and_then(Value::as_u64).unwrap()).collect();
        assert_eq!(upserted, statuses, "{grant}");
        // What the job wrote is read over several pages of CSV.
        let exported = of(&rows, "exported");
        let all = count("Account");
        assert_eq!((exported.len(), different(&exported, "id")), (all, all), "{grant}");
    }
    let refused = run("client", &["-i", "client=unknown"]);
    assert_eq!(refused.status, Some(1));
    assert!(refused.stderr().contains("invalid_client"), "{}", refused.stderr());
    let refused = run("client", &["-i", "soql=SELECT Nope FROM Account"]);
    assert_eq!(refused.status, Some(1));
    assert!(refused.stderr().contains("INVALID_FIELD"), "{}", refused.stderr());

    // Tokens that end after a second, and say nothing of it, end while pages are read.
    drop(rig);
    let Some(rig) = Rig::start_with("salesforce-mock", Path::new(TARGET), &[("TOKEN_TTL", "1")]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let finished = engine("salesforce", folder.path())
        .arguments(["-v", "-i", "size=200", "-i", "rate=4/1s"])
        .variable("ENGINE_SALESFORCE_TOKEN_URL", rig.told("TOKEN_URL"))
        .variable("ENGINE_SALESFORCE_SECRET", rig.told("CLIENT_SECRET"))
        .finish();
    let rows = done(&finished);
    let accounts = of(&rows, "accounts");
    assert!(accounts.len() > 2000, "{}", accounts.len());
    assert_eq!(different(&accounts, "id"), accounts.len());
}
