//! The catalogue's Salesforce against a server that was written from Salesforce's documentation and agrees with two clients of it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine_tests::{Engine, Finished, Rig, different, get, of, post, rows};
use serde_json::Value;

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");

/// A server, and the turn of the test that uses it: there is one, for one test at a time.
struct Salesforce {
    rig: Rig,
    folder: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Salesforce {
    fn start(variables: &[(&str, &str)]) -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let rig = Rig::start_with("salesforce-mock", Path::new(TARGET), variables)?;
        Some(Self { rig, folder: tempfile::tempdir().unwrap(), _turn: turn })
    }

    fn run(&self, flow: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Finished {
        let spec = engine_tests::root().join(format!("tests/catalogue/{flow}.yaml"));
        let engine = Engine::new([OsStr::new("run"), spec.as_os_str()])
            .arguments(arguments)
            .folder(self.folder.path())
            .variable("ENGINE_SALESFORCE_URL", self.rig.told("INSTANCE_URL"))
            .variable("ENGINE_SALESFORCE_CLIENT_ID", self.rig.told("CLIENT_ID"))
            .variable("ENGINE_SALESFORCE_CLIENT_SECRET", self.rig.told("CLIENT_SECRET"));
        variables.iter().fold(engine, |engine, (name, value)| engine.variable(name, value)).finish()
    }

    fn token(&self, form: &str) -> Value {
        let form = format!("client_id=ckey&client_secret={}&{form}", self.rig.told("CLIENT_SECRET"));
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        serde_json::from_str(&post(self.rig.told("TOKEN_URL"), &headers, form.as_bytes()).body).unwrap()
    }

    /// Counts records, as the server itself does.
    fn count(&self, condition: &str) -> usize {
        let token = self.token("grant_type=client_credentials");
        let bearer = format!("Bearer {}", token.get("access_token").and_then(Value::as_str).unwrap());
        let url = format!(
            "{}/services/data/v60.0/query?q=SELECT+COUNT()+FROM+{}",
            self.rig.told("INSTANCE_URL"),
            condition.replace(' ', "+").replace('%', "%25")
        );
        let counted: Value = serde_json::from_str(&get(&url, &[("Authorization", &bearer)]).body).unwrap();
        usize::try_from(counted.get("totalSize").and_then(Value::as_u64).unwrap()).unwrap()
    }
}

fn done(finished: Finished) -> Finished {
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    finished
}

#[test]
fn an_org_is_read_whole_and_written_to() {
    let Some(salesforce) = Salesforce::start(&[]) else { return };
    let before = salesforce.count("Account");
    assert!(before > 2000, "{before} accounts fit on few pages");
    let read = rows(&done(salesforce.run("salesforce", &[], &[])));

    // One was upserted twice, one of 450 has no name, one was composed.
    assert_eq!(salesforce.count("Account"), before + 1 + 449 + 1);
    for stream in ["accounts", "exported"] {
        let accounts = of(&read, stream);
        assert_eq!((accounts.len(), different(&accounts, "id")), (before + 451, before + 451), "{stream}");
    }
    assert_eq!(of(&read, "contacts").len(), salesforce.count("Contact"), "the server's own count");
    assert_eq!(salesforce.count("Account WHERE ExtId__c LIKE 'a-c%'"), 449);
    assert_eq!(of(&read, "kept").len(), 449);

    let upserted = of(&read, "upserted");
    let member = |at: usize, name: &str| upserted[at].get(name).unwrap().to_string();
    assert_eq!((member(0, "created"), member(0, "status")), ("true".to_owned(), "201".to_owned()));
    assert_eq!((member(1, "created"), member(1, "status")), ("false".to_owned(), "200".to_owned()));
    assert_eq!(of(&read, "composed")[0].to_string(), r#"{"statuses":[201,201]}"#);
    assert_eq!(of(&read, "life")[0].to_string(), r#"{"email":"ida@winter.example","status":204}"#);
    assert_eq!(of(&read, "described")[0].to_string(), r#"{"external":["ExtId__c"]}"#);
    assert_eq!(of(&read, "objects").len(), 2);

    // The second run reads the contacts that changed since: those of the last second, and the ones that it makes itself.
    let again = rows(&done(salesforce.run("salesforce", &["-i", "batch=b"], &[])));
    let contacts = of(&again, "contacts").len();
    assert!((1..100).contains(&contacts), "{contacts} contacts changed");
}

#[test]
fn each_grant_gives_a_token_and_says_where_the_org_is() {
    // Tokens that end after a second, while 3,000 rows are read.
    let Some(salesforce) = Salesforce::start(&[("TOKEN_TTL", "1")]) else { return };
    let refresh = salesforce.token("grant_type=password&username=user%40example.com&password=pw%2BTOKEN");
    let key = std::fs::read_to_string(salesforce.rig.told("JWT_KEY")).unwrap();
    let total = salesforce.count("Account");
    let refresh_token = refresh.get("refresh_token").and_then(Value::as_str).unwrap();
    for (grant, variables) in [
        ("client_credentials", vec![]),
        (
            "jwt_bearer",
            vec![("ENGINE_SALESFORCE_PRIVATE_KEY", key.as_str()), ("ENGINE_SALESFORCE_USER", "user@example.com")],
        ),
        ("refresh_token", vec![("ENGINE_SALESFORCE_REFRESH_TOKEN", refresh_token)]),
    ] {
        let variables: Vec<_> = [("ENGINE_SALESFORCE_GRANT", grant)].into_iter().chain(variables).collect();
        let finished = done(salesforce.run("salesforce", &["--only", "accounts,exported"], &variables));
        let read = rows(&finished);
        for stream in ["accounts", "exported"] {
            assert_eq!(of(&read, stream).len(), total, "{grant}: {stream}");
        }
    }
}

#[test]
fn what_salesforce_refuses_is_told_in_its_words() {
    let Some(salesforce) = Salesforce::start(&[]) else { return };
    for (what, expected) in [
        ("query", "Salesforce refuses with INVALID_FIELD"),
        ("record", "Salesforce refuses with REQUIRED_FIELD_MISSING: Required fields are missing: [Name] (Name)"),
        ("composite", "nothing was kept: contact failed with REQUIRED_FIELD_MISSING"),
    ] {
        let refused = salesforce.run("salesforce-refused", &["-i", &format!("what={what}")], &[]);
        assert_eq!(refused.status, Some(1), "{what}");
        assert!(refused.stderr().contains(expected), "{what}: {}", refused.stderr());
    }
    let wrong = [("ENGINE_SALESFORCE_CLIENT_SECRET", "wrong")];
    let refused = salesforce.run("salesforce", &["--only", "accounts", "--state", "other.db"], &wrong);
    assert!(refused.stderr().contains("invalid client credentials"), "{}", refused.stderr());
}

#[test]
fn a_read_leaves_requests_to_others() {
    let Some(salesforce) = Salesforce::start(&[("API_LIMIT", "10")]) else { return };
    let share = [("ENGINE_SALESFORCE_SHARE", "0.4")];
    let stopped = salesforce.run("salesforce", &["--only", "accounts"], &share);
    assert_eq!(stopped.status, Some(1));
    assert!(stopped.stderr().contains("the org has used api-usage=4/10"), "{}", stopped.stderr());
}
