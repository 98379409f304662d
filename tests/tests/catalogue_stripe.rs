//! The catalogue's Stripe against two servers that none of us wrote.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use engine_tests::{EchoServer, Engine, Finished, Postgres, Rig, Serving, different, get, of, post, rows};
use serde_json::{Value, json};

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// A server, and the turn of the test that uses it: there is one of each, for one test at a time.
struct Stripe {
    url: String,
    key: String,
    folder: tempfile::TempDir,
    _rig: Rig,
    _turn: MutexGuard<'static, ()>,
}

impl Stripe {
    fn start(server: &str, url: &str, key: &str) -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let rig = Rig::start(server, Path::new(TARGET))?;
        let folder = tempfile::tempdir().unwrap();
        Some(Self { url: rig.told(url).to_owned(), key: rig.told(key).to_owned(), folder, _rig: rig, _turn: turn })
    }

    fn run(&self, flow: &str, arguments: &[&str]) -> Finished {
        let spec = engine_tests::root().join(format!("tests/catalogue/{flow}.yaml"));
        self.engine(Engine::new([OsStr::new("run"), spec.as_os_str()]).arguments(arguments))
    }

    fn call(&self, arguments: &[&str]) -> Finished {
        let spec = engine_tests::root().join("specs/stripe.yaml");
        self.engine(Engine::new([OsStr::new("call"), spec.as_os_str()]).arguments(arguments))
    }

    fn engine(&self, engine: Engine) -> Finished {
        let engine = engine.folder(self.folder.path());
        engine.variable("ENGINE_STRIPE_URL", &self.url).variable("ENGINE_STRIPE_KEY", &self.key).finish()
    }

    fn ask(&self, path: &str) -> Value {
        let bearer = format!("Bearer {}", self.key);
        serde_json::from_str(&get(&format!("{}/v1/{path}", self.url), &[("Authorization", &bearer)]).body).unwrap()
    }

    fn tell(&self, path: &str, form: &str) -> Value {
        let bearer = format!("Bearer {}", self.key);
        let answer = post(&format!("{}/v1/{path}", self.url), &[("Authorization", &bearer), FORM], form.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Counts the objects of a list, page by page.
    fn count(&self, list: &str) -> usize {
        let (mut count, mut after) = (0, String::new());
        loop {
            let answer = self.ask(&format!("{list}?limit=100{after}"));
            let items = answer.get("data").and_then(Value::as_array).unwrap();
            count += items.len();
            match items.last() {
                Some(newest) if answer.get("has_more") == Some(&Value::Bool(true)) => {
                    after = format!("&starting_after={}", text(newest, "/id"));
                }
                _ => return count,
            }
        }
    }
}

fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{path}: {value}"))
}

fn done(finished: Finished) -> Finished {
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    finished
}

#[test]
fn localstripe_is_read_whole_and_written_to() {
    let Some(stripe) = Stripe::start("localstripe", "BASE_URL", "API_KEY") else { return };
    let plan = stripe.tell("plans", "product=prod_1&currency=eur&amount=990&interval=month&id=plan_of_the_test");
    let before = stripe.count("customers");
    assert!(before > 200, "{before} customers fit on two pages");
    let read = rows(&done(stripe.run("stripe-local", &["-i", &format!("plan={}", text(&plan, "/id"))])));

    // The customer that was made is gone again.
    let customers = of(&read, "customers");
    assert_eq!((customers.len(), different(&customers, "id")), (before, before));
    for (stream, list) in [("customers", "customers"), ("products", "products"), ("invoices", "invoices")] {
        assert_eq!(of(&read, stream).len(), stripe.count(list), "the server's own count of {list}");
    }
    let total = stripe.ask("events?type=customer.created&limit=1").get("total_count").and_then(Value::as_u64).unwrap();
    assert_eq!(of(&read, "events").len() as u64, total, "the server's own count of events");

    let told = of(&read, "lives")[0];
    assert_eq!((text(told, "/name"), text(told, "/city")), ("Zoë GmbH", "Paris"));
    // Names of metadata that an update does not have stay.
    assert_eq!((text(told, "/metadata/tier"), text(told, "/metadata/erp_number")), ("platinum", "10017"));
    assert_eq!(text(told, "/invoiced"), "zoë+1@example.com", "the invoice comes with its customer");
    assert_eq!((text(told, "/payment"), text(told, "/subscription")), ("canceled for 1004", "canceled"));
    let invoice = stripe.ask(&format!("invoices/{}", text(told, "/invoice")));
    assert_eq!(invoice.get("amount_due").and_then(Value::as_u64), Some(2 * 990 + 1250));
    assert_eq!(told.get("lines").unwrap().to_string(), "[1980,1250]");
    assert!(stripe.ask(&format!("customers/{}", text(told, "/customer"))).pointer("/email").is_none(), "it is gone");

    // Only what happened since the last of them comes the second time.
    let again = stripe.run("stripe-local", &["--only", "events", "-i", "plan=none"]);
    assert!(rows(&done(again)).len() < 250, "the events from the last second on");
}

#[test]
fn emulate_is_read_whole_and_written_to() {
    let Some(stripe) = Stripe::start("emulate", "STRIPE_URL", "STRIPE_KEY") else { return };
    let before = stripe.count("customers");
    assert!(before > 300, "{before} customers fit on three pages");
    let read = rows(&done(stripe.run("stripe-emulate", &[])));
    let customers = of(&read, "customers");
    assert_eq!((customers.len(), different(&customers, "id")), (before + 1, before + 1));
    assert_eq!(stripe.count("customers"), before, "the one that was made is gone again");
    for (stream, list) in
        [("products", "products"), ("prices", "prices"), ("payments", "payment_intents"), ("charges", "charges")]
    {
        assert_eq!(of(&read, stream).len(), stripe.count(list), "the server's own count of {list}");
    }
    let told = of(&read, "told")[0];
    assert_eq!(told.pointer("/price/product"), Some(&Value::Bool(true)));
    assert_eq!((text(told, "/payment/status"), text(told, "/payment/order")), ("succeeded", "1004"));
    assert_eq!(text(told, "/payment/customer"), "Nadia Grand", "the payment comes with its customer");

    // Nobody was made in the future.
    let read = rows(&done(stripe.run("stripe-emulate", &["-i", "since=4102444800"])));
    assert_eq!(of(&read, "customers").len(), 0);
}

#[test]
fn what_stripe_refuses_is_told_in_its_words() {
    {
        let Some(stripe) = Stripe::start("emulate", "STRIPE_URL", "STRIPE_KEY") else { return };
        let missing = stripe.call(&["stripe.get_customer", "-p", "customer=cus_nobody"]);
        assert_eq!(missing.status, Some(1), "{}", missing.stderr());
        assert!(
            missing.stderr().contains("Stripe has no such object: No such customer: 'cus_nobody'"),
            "{}",
            missing.stderr()
        );
        let wrong = stripe.call(&[
            "stripe.create_payment_intent",
            "-p",
            "amount=100",
            "-p",
            "currency=eur",
            "-p",
            "customer=cus_no",
        ]);
        assert!(wrong.stderr().contains("Stripe has no such object: No such customer: 'cus_no'"), "{}", wrong.stderr());
    }
    let Some(mut stripe) = Stripe::start("localstripe", "BASE_URL", "API_KEY") else { return };
    let missing = stripe.call(&["stripe.get_customer", "-p", "customer=cus_nobody"]);
    assert_eq!(missing.status, Some(1));
    assert!(missing.stderr().contains("404"), "{}", missing.stderr());
    "nobody's".clone_into(&mut stripe.key);
    let unknown = stripe.call(&["stripe.list_customers"]);
    assert!(unknown.stderr().contains("Stripe refuses the key: Unauthorized"), "{}", unknown.stderr());
}

#[test]
fn what_stripe_signs_is_taken_once_and_asked_for_again() {
    let Some(stripe) = Stripe::start("localstripe", "BASE_URL", "API_KEY") else { return };
    let secret = "whsec_of_the_catalogue";
    let serving = Serving::start(
        "tests/catalogue/stripe-events.yaml",
        &[
            ("ENGINE_STRIPE_WEBHOOK_SECRET", secret),
            ("ENGINE_STRIPE_URL", &stripe.url),
            ("ENGINE_STRIPE_KEY", &stripe.key),
        ],
    );
    // The same events with another secret are refused.
    for (id, secret) in [("right", secret), ("wrong", "whsec_another")] {
        let hook = format!("url={}/stripe&secret={secret}&events[]=customer.created", serving.url());
        assert_eq!(post(&format!("{}/_config/webhooks/{id}", stripe.url), &[FORM], hook.as_bytes()).status, 200);
    }
    let expected: BTreeSet<String> = (0..10).map(|number| format!("told-{number}@example.com")).collect();
    for email in &expected {
        stripe.tell("customers", &format!("email={email}&name=Zo%C3%AB"));
    }
    let (got, finished) = serving.finish("email", expected.len());
    assert_eq!(got.len(), expected.len(), "{got:?} {}", finished.stderr());
    assert_eq!(got.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn an_invoice_that_is_paid_is_booked_in_postgres_and_mailed_once() {
    let Some(server) = Postgres::shared() else { return };
    let Some(stripe) = Stripe::start("localstripe", "BASE_URL", "API_KEY") else { return };
    let books = server.database();
    let mails = EchoServer::start(|_| {
        (200, vec![("Content-Type", "application/json".to_owned())], br#"{"id": "m1"}"#.to_vec())
    });
    let secret = ("ENGINE_STRIPE_WEBHOOK_SECRET", "whsec_of_the_books");
    let example = "examples/stripe-events-to-postgres.yaml";
    let serving = Serving::start(
        example,
        &[
            secret,
            ("ENGINE_STRIPE_URL", &stripe.url),
            ("ENGINE_STRIPE_KEY", &stripe.key),
            ("ENGINE_BOOKS_URL", &books.url()),
            ("ENGINE_MAIL_URL", &mails.url()),
            ("ENGINE_MAIL_KEY", "key"),
        ],
    );
    let hook = format!("url={}/stripe&secret={}&events[]=customer.created", serving.url(), secret.1);
    assert_eq!(post(&format!("{}/_config/webhooks/books", stripe.url), &[FORM], hook.as_bytes()).status, 200);

    // The server tells of the customer by itself; that an invoice was paid it calls by another name, so that is sent by hand.
    let customer = stripe.tell("customers", "email=ida@winter.example&name=Ida");
    let customer = text(&customer, "/id");
    let plan = stripe.tell("plans", "product=prod_1&currency=eur&amount=990&interval=month&id=plan_of_the_books");
    stripe.tell(
        "subscriptions",
        &format!("customer={customer}&items[0][plan]={}&items[0][quantity]=2&trial_period_days=14", text(&plan, "/id")),
    );
    stripe.tell("invoiceitems", &format!("customer={customer}&amount=1250&currency=eur"));
    let invoice = stripe.tell("invoices", &format!("customer={customer}"));
    let event = json!({"body": {
        "id": "evt_paid", "type": "invoice.paid", "created": 1_738_368_300, "data": {"object": {"id": text(&invoice, "/id")}}
    }});
    let file = stripe.folder.path().join("event.json");
    std::fs::write(&file, event.to_string()).unwrap();
    for _ in 0..2 {
        let sent = Engine::new(["webhook", "send", example, "--url", serving.url(), "--file"])
            .argument(&file)
            .variable(secret.0, secret.1)
            .variable("ENGINE_STRIPE_KEY", &stripe.key)
            .variable("ENGINE_BOOKS_URL", &books.url())
            .variable("ENGINE_MAIL_KEY", "key")
            .finish();
        assert_eq!(sent.status, Some(0), "{}", sent.stderr());
    }
    let begun = Instant::now();
    let told =
        format!("select count(*) from stripe_events where object in ('{customer}', '{}')", text(&invoice, "/id"));
    while books.psql(&told).as_deref() != Ok("2") || mails.received().is_empty() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{:?}, {} mails", books.psql(&told), mails.received().len());
        thread::sleep(Duration::from_millis(50));
    }
    drop(serving);
    assert_eq!(books.query("select customer, currency from invoices"), format!("{customer} EUR"));
    let mails = mails.received();
    assert_eq!(mails.len(), 1, "an event that comes twice is one");
    assert_eq!(mails[0].header("idempotency-key"), Some(&*format!("paid-{}", text(&invoice, "/id"))));
}
