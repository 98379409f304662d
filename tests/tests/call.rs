//! `engine call`: one request with all that the spec says, and what comes of it. No secret is shown.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;

use engine_tests::{EchoServer, Engine, Finished, shown_forms};
use serde_json::{Value, json};
use tempfile::TempDir;

const SECRET: &str = "q7-K.9_Zx~kkk";
const TOKEN: &str = "tT9.access-token";

const SPEC: &str = r#"
version: 1
name: shop
inputs: {url: {type: string, env: SERVER_URL}}
secrets: {key: {env: SHOP_KEY}, user: {env: SHOP_USER, optional: true}}
apis:
  shop:
    base_url: "{{ inputs.url }}"
    auth: {type: bearer, token: "{{ secrets.key }}"}
    endpoints:
      list_orders:
        request: GET /orders
        params: {status: {type: string, default: open, enum: [open, any]}}
        query: {status: "{{ params.status }}"}
        records: $.orders
        paginate: {type: page, total: $.total}
      get_order:
        request: GET /orders/{id}
        params: {id: {type: integer, required: true}}
        errors:
          - {status: 404, action: skip}
          - {status: 409, action: fail, message: "it says {{ response.body.why }}"}
      create_order:
        request: POST /orders
        params: {order: {type: object, required: true}}
        body: {json: "{{ params.order }}"}
      orders_of:
        params: {status: {type: string, required: true}}
        steps:
          - read: {endpoint: shop.list_orders, params: {status: "{{ params.status }}"}}
      one_order:
        params: {id: {type: integer, required: true}}
        steps:
          - call: {endpoint: shop.get_order, params: {id: "{{ params.id }}"}}
            extract: {id: $.id}
  erp:
    base_url: "{{ inputs.url }}"
    auth: {type: oauth2, grant: client_credentials, token_url: "{{ inputs.url }}/token", client_id: me, client_secret: "{{ secrets.key }}"}
    endpoints:
      get: {request: GET /erp}
  old:
    base_url: "{{ inputs.url }}"
    auth: {type: basic, username: "{{ secrets.user }}", password: "{{ secrets.key }}"}
    endpoints:
      get: {request: GET /old}
  session:
    base_url: "{{ inputs.url }}"
    auth: {type: session, login: login, answer: {token: $.access_token}}
    endpoints:
      login: {request: POST /token, body: {form: {password: "{{ secrets.key }}"}}}
      get: {request: GET /erp}
"#;

/// A folder with the spec, and an API that says back whatever proves who is asking.
struct Stage {
    folder: TempDir,
    api: EchoServer,
}

impl Stage {
    fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("spec.yaml"), SPEC).unwrap();
        let api = EchoServer::start(|received| {
            let said = received.header("authorization").unwrap_or_default().to_owned();
            let (status, body) = match received.target() {
                "/token" => (200, json!({"access_token": TOKEN, "expires_in": 3600}).to_string()),
                "/orders/1" => {
                    (200, format!("{{\"id\": 1, \"price\": 12345678901234567890.10, \"said\": \"{said}\"}}"))
                }
                "/orders/9" => (409, json!({"why": "it is locked", "said": said}).to_string()),
                target if target.starts_with("/orders/") => (404, json!({"said": said}).to_string()),
                target if target.contains("fail=1") => (500, "no".to_owned()),
                target if target.starts_with("/orders?") => {
                    let first = if target.contains("page=2") { 3 } else { 1 };
                    let orders = json!([{"id": first}, {"id": first + 1}]);
                    (200, json!({"total": 4, "orders": orders, "said": said}).to_string())
                }
                "/orders" => (201, String::from_utf8_lossy(received.body()).into_owned()),
                "/erp" | "/old" => (200, json!({"said": said}).to_string()),
                _ => (500, "no".to_owned()),
            };
            let headers = vec![
                ("Content-Type", "application/json".to_owned()),
                ("X-Echo", said),
                ("Set-Cookie", format!("sid={TOKEN}; Path=/")),
            ];
            (status, headers, body.into_bytes())
        });
        Self { folder, api }
    }

    fn call(&self, arguments: &[&str]) -> Finished {
        let finished = Engine::new(["call", "spec.yaml"])
            .arguments(arguments)
            .folder(self.folder.path())
            .variable("SERVER_URL", &self.api.url())
            .variable("SHOP_KEY", SECRET)
            .variable("SHOP_USER", "ida")
            .finish();
        for text in [finished.stdout(), finished.stderr()] {
            for secret in [SECRET, TOKEN] {
                assert_eq!(shown_forms(secret, &text), Vec::<String>::new(), "{arguments:?}: {text}");
            }
        }
        finished
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.call(&[arguments, &["--format", "json"]].concat()).stdout()).unwrap()
    }
}

#[test]
fn shows_the_answer_and_the_records_in_it() {
    let stage = Stage::set();
    let finished = stage.call(&["shop.list_orders", "--param", "status=any"]);
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    let body: Value = serde_json::from_str(&finished.stdout()).unwrap();
    assert_eq!(body["orders"].as_array().unwrap().len(), 2);
    let told = finished.stderr();
    assert!(told.contains(&format!("GET {}/orders?status=any&page=1", stage.api.url())), "{told}");
    for part in [
        "> authorization: ***",
        "200 OK",
        "< set-cookie: sid=***; Path=/",
        "2 records of 4 on this page; there are more pages",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(stage.api.received().len(), 1);
    assert_eq!(stage.api.received()[0].header("authorization"), Some(format!("Bearer {SECRET}").as_str()));
}

#[test]
fn shows_a_page_or_reads_them_all() {
    let stage = Stage::set();
    let called = stage.json(&["shop.list_orders", "--page", "2"]);
    assert_eq!(called["body"]["orders"], json!([{"id": 3}, {"id": 4}]));
    assert_eq!(called["more_pages"], json!(false));
    assert_eq!(stage.api.received().len(), 2);
    let none = stage.call(&["shop.list_orders", "--page", "3"]);
    assert_eq!(none.status, Some(2), "{}", none.stderr());
    assert!(none.stderr().contains("there are 2 pages, and no page 3"), "{}", none.stderr());
    let all = stage.call(&["shop.list_orders", "--all", "-p", "status=any", "--query", "q=$x"]);
    assert_eq!(all.status, Some(0), "{}", all.stderr());
    assert_eq!(all.stdout(), "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n{\"id\":4}\n");
    let received = stage.api.received();
    assert!(received.last().unwrap().target().contains("q=$x"), "{}", received.last().unwrap().target());
    let one = stage.call(&["shop.get_order", "-p", "id=1", "--all"]);
    assert!(one.status == Some(2) && one.stderr().contains("has no pages"), "{}", one.stderr());
    let refused = stage.call(&["shop.list_orders", "--all", "--query", "fail=1", "--param", "status=paid"]);
    assert_eq!(refused.status, Some(2), "{}", refused.stderr());
}

#[test]
fn an_endpoint_made_of_steps_is_called_like_any_other() {
    let stage = Stage::set();
    let all = stage.call(&["shop.orders_of", "-p", "status=any"]);
    assert_eq!((all.status, all.stdout().lines().count()), (Some(0), 4), "{}", all.stderr());
    let one = stage.call(&["shop.one_order", "-p", "id=1"]);
    assert_eq!((one.status, one.stdout().as_str()), (Some(0), "{\"id\":1}\n"), "{}", one.stderr());
    let wrong = stage.call(&["shop.one_order", "-p", "id=1", "--as", "curl"]);
    assert!(wrong.status == Some(2) && wrong.stderr().contains("made of steps"), "{}", wrong.stderr());
    let missing = stage.call(&["shop.one_order"]);
    assert!(missing.status == Some(2) && missing.stderr().contains("`id`"), "{}", missing.stderr());
}

#[test]
fn numbers_keep_their_digits() {
    let stage = Stage::set();
    let finished = stage.call(&["shop.get_order", "-p", "id=1"]);
    assert!(finished.stdout().contains("\"price\": 12345678901234567890.10"), "{}", finished.stdout());
    let finished = stage.call(&["shop.get_order", "-p", "id=1", "--format", "json"]);
    assert!(finished.stdout().contains("12345678901234567890.10"), "{}", finished.stdout());
}

#[test]
fn tells_programs_all_of_it() {
    let stage = Stage::set();
    let called = stage.json(&["shop.list_orders"]);
    assert_eq!(called["status"], 200);
    assert_eq!((&called["records"], &called["total"], &called["more_pages"]), (&json!(2), &json!(4), &json!(true)));
    assert_eq!(called["request"]["headers"]["authorization"], "***");
    assert_eq!(called["body"]["said"], "***");
    assert_eq!(called["meaning"]["is"], "success");
}

#[test]
fn shows_an_answer_that_is_an_error_and_what_a_run_makes_of_it() {
    let stage = Stage::set();
    let skipped = stage.json(&["shop.get_order", "-p", "id=2"]);
    assert_eq!((&skipped["status"], &skipped["meaning"]["action"]), (&json!(404), &json!("skip")));
    let refused = stage.call(&["shop.get_order", "-p", "id=9"]);
    assert_eq!(refused.status, Some(1));
    assert!(
        refused.stderr().contains("a rule takes this answer, `fail`: it says it is locked"),
        "{}",
        refused.stderr()
    );
    assert!(refused.stdout().contains("it is locked"));
    let unsaid = stage.call(&["shop.create_order", "-p", "order={}", "--query", "fail=1"]);
    assert_eq!(unsaid.status, Some(1), "a run would fail at an answer of which no rule says anything");
    assert!(unsaid.stderr().contains("answered 500"), "{}", unsaid.stderr());
    assert_eq!(
        stage.api.received().iter().filter(|received| received.target() == "/orders/9").count(),
        1,
        "it is sent once"
    );
}

#[test]
fn sends_once_whatever_comes_of_it() {
    let stage = Stage::set();
    let refused = stage.call(&["shop.list_orders", "--query", "fail=1"]);
    assert_eq!(refused.status, Some(1), "{}", refused.stderr());
    let asked = |received: &engine_tests::Received| received.target().contains("fail=1");
    assert_eq!(stage.api.received().iter().filter(|received| asked(received)).count(), 1);
    let nobody = Engine::new(["call", "spec.yaml", "shop.list_orders"])
        .folder(stage.folder.path())
        .variable("SERVER_URL", "http://127.0.0.1:1")
        .variable("SHOP_KEY", SECRET)
        .finish();
    let said = nobody.stderr();
    assert_eq!(nobody.status, Some(1), "{said}");
    assert!(said.contains("no connection") && !said.contains("again in") && !said.contains("tried"), "{said}");
}

#[test]
fn asks_the_examples_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let spec = "version: 1
secrets: {key: {env: NOT_GIVEN_ANYWHERE}}
apis:
  shop:
    base_url: https://shop.example
    auth: {type: bearer, token: '{{ secrets.key }}'}
    endpoints:
      list_orders: {request: GET /orders, records: $.orders, example: {orders: [{id: 1, title: Bread}]}}
";
    fs::write(folder.path().join("spec.yaml"), spec).unwrap();
    for more in [&[][..], &["--all"]] {
        let called = Engine::new(["call", "spec.yaml", "shop.list_orders", "--mock"]).arguments(more);
        let finished = called.folder(folder.path()).finish();
        assert_eq!(finished.status, Some(0), "{}", finished.stderr());
        assert!(finished.stdout().contains("Bread"), "{}", finished.stdout());
    }
    assert!(!folder.path().join(".engine").exists(), "nothing is kept");
}

#[test]
fn sends_what_the_command_line_says_over_what_the_spec_says() {
    let stage = Stage::set();
    fs::write(stage.folder.path().join("order.json"), "{\"id\": 7}").unwrap();
    let arguments = ["shop.create_order", "--body", "order.json", "-H", "X-A: b: c"];
    assert_eq!(stage.call(&arguments).status, Some(0));
    let received = stage.api.received();
    assert_eq!((received[0].body(), received[0].header("x-a")), (&b"{\"id\":7}"[..], Some("b: c")));
    assert_eq!(stage.call(&["shop.list_orders", "--query", "q=a b"]).status, Some(0));
    assert!(stage.api.received()[1].target().contains("q=a%20b"), "{}", stage.api.received()[1].target());
}

#[test]
fn fetches_a_token_and_says_how_long_that_took() {
    let stage = Stage::set();
    let called = stage.json(&["erp.get"]);
    let asked: Vec<_> = called["exchanges"].as_array().unwrap().iter().map(|hop| hop["asked"].clone()).collect();
    assert_eq!(asked, ["erp.auth", "erp.get"]);
    assert_eq!(called["body"]["said"], "***");
    assert_eq!(stage.json(&["session.get"])["status"], 200);
    assert_eq!(stage.json(&["session.login"])["body"], "what a login gives is not shown");
}

#[test]
fn prints_the_request_for_a_shell_with_secrets_as_its_variables() {
    let stage = Stage::set();
    let curl = |arguments: &[&str]| {
        let finished = stage.call(&[arguments, &["--as", "curl"]].concat());
        assert_eq!(finished.status, Some(0), "{}", finished.stderr());
        finished.stdout()
    };
    let text = curl(&["shop.list_orders"]);
    assert!(text.contains("--header \"authorization: Bearer $SHOP_KEY\""), "{text}");
    assert!(text.contains("# $SHOP_KEY: secret `key`"), "{text}");
    assert!(curl(&["old.get"]).contains("--user \"$SHOP_USER:$SHOP_KEY\""));
    assert!(curl(&["erp.get"]).contains("--header \"authorization: Bearer $ERP_TOKEN\""));
    let text = curl(&["shop.create_order", "-p", "order={\"a\": \"it's\"}"]);
    assert!(text.contains("--request POST") && text.contains(r#"--data-raw '{"a":"it'\''s"}'"#), "{text}");
    assert!(stage.api.received().is_empty(), "nothing is sent");
}

#[cfg(unix)]
#[test]
fn what_is_printed_for_a_shell_asks_the_same() {
    if std::process::Command::new("curl").arg("--version").output().is_err() {
        return;
    }
    let stage = Stage::set();
    let text = stage.call(&["shop.create_order", "-p", "order={\"a\": \"$5 `x` it's\"}", "--as", "curl"]).stdout();
    let status = std::process::Command::new("sh").args(["-c", &text]).env("SHOP_KEY", SECRET).output().unwrap();
    assert!(status.status.success());
    assert_eq!(stage.call(&["shop.create_order", "-p", "order={\"a\": \"$5 `x` it's\"}"]).status, Some(0));
    let received = stage.api.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].body(), received[1].body());
    assert_eq!(received[0].header("authorization"), received[1].header("authorization"));
}

#[test]
fn says_what_is_wrong_with_what_is_asked() {
    let stage = Stage::set();
    let fails = |arguments: &[&str], part: &str| {
        let finished = stage.call(arguments);
        assert_eq!(finished.status, Some(2), "{arguments:?}");
        assert!(finished.stderr().contains(part), "{arguments:?}: {}", finished.stderr());
    };
    fails(&["shop.list_order"], "did you mean `shop.list_orders`?");
    fails(&["list_orders"], "did you mean `shop.list_orders`?");
    fails(&["shop.get_order"], "give it by `--param id=…`");
    fails(&["shop.get_order", "-p", "id=x"], "param `id`");
    fails(&["shop.get_order", "-p", "id=1", "-p", "idd=1"], "did you mean `id`?");
    fails(&["shop.list_orders", "-p", "status=paid"], "allowed are");
    fails(&["shop.list_orders", "--body", "nowhere.json"], "cannot read `nowhere.json`");
    assert!(stage.api.received().is_empty());
}
