//! What a plan is, seen from those who run it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io;
use std::path::Path;
use std::sync::Arc;

use engine_plan::{Compiled, Files, Items, Plan, Source, Target, compile};

struct Memory<'a>(&'a [(&'a str, &'a str)]);

impl Files for Memory<'_> {
    fn read(&self, path: &Path) -> io::Result<String> {
        let found = self.0.iter().find(|(name, _)| Path::new(name) == path);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn compiled(files: &[(&str, &str)]) -> Compiled {
    compile(Path::new(files.first().unwrap().0), &Memory(files))
}

fn plan(files: &[(&str, &str)]) -> Arc<Plan> {
    let compiled = compiled(files);
    compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.findings))
}

fn codes(files: &[(&str, &str)]) -> Vec<String> {
    let compiled = compiled(files);
    compiled.findings.iter().map(|it| format!("{} {}", compiled.sources.place(it.span()), it.code)).collect()
}

const SHOP: &str = "
version: 1
apis:
  shop:
    base_url: https://shop.example
    headers: {Accept: application/json, X-Client: engine}
    records: $.data
    key: id
    paginate: {type: page}
    timeout: 20s
    retry: {attempts: 3, max_elapsed: 1m}
    rate_limit: {rate: 2/1s}
    errors: [{status: 404, action: skip}]
    endpoints:
      orders:
        request: GET /orders
        headers: {X-Client: null, X-Extra: '1'}
        retry: {attempts: 7}
        rate_limit: {rate: 1/1s}
        errors: [{status: 410, action: skip}]
      create: {request: POST /orders, paginate: none, rate_limit: none, errors: []}
      lines: {request: 'GET /orders/{id}/lines', params: {id: {type: integer, required: true}}}
      ping: {request: GET /ping, records: none, key: null, retry: none}
";

#[test]
fn gives_endpoints_what_their_api_says() {
    let plan = plan(&[("shop.yaml", SHOP)]);
    let orders = plan.endpoint("shop.orders").unwrap();
    assert_eq!(orders.headers.keys().collect::<Vec<_>>(), ["Accept", "X-Extra"]);
    assert!(orders.is_readable() && orders.paginate.is_some() && orders.key.is_some());
    let retry = orders.retry.as_ref().unwrap();
    assert_eq!(retry.attempts.as_ref().unwrap().as_value(), Some(&7));
    assert!(retry.max_elapsed.is_some());
    assert_eq!(orders.errors.len(), 2);
    let buckets: Vec<&str> = orders.rate_limits.iter().map(|limit| limit.bucket.as_str()).collect();
    assert_eq!(buckets, ["shop#0", "shop.orders#0"]);

    let create = plan.endpoint("shop.create").unwrap();
    assert!(!create.is_readable() && create.key.is_none() && create.paginate.is_none());
    assert_eq!(create.errors.len(), 1);
    assert!(create.rate_limits.is_empty());
    let ping = plan.endpoint("shop.ping").unwrap();
    assert!(!ping.is_readable() && ping.key.is_none() && ping.retry.is_none() && ping.timeout.is_some());
}

#[test]
fn reads_all_that_needs_no_params_where_there_are_no_steps() {
    let plan = plan(&[("specs/shop.yaml", SHOP)]);
    assert_eq!(plan.name, "shop");
    let step = plan.steps.first().unwrap();
    let read: Vec<String> = step.reads().iter().map(|read| read.as_endpoint().unwrap().endpoint.id()).collect();
    assert_eq!(read, ["shop.orders"]);
    assert!(step.printed);
}

#[test]
fn connects_steps() {
    let steps = format!(
        "{SHOP}
sinks: {{db: {{type: sqlite, path: out.db}}}}
mappings: {{order: {{id: $.id}}}}
steps:
  - {{id: orders, read: shop.orders}}
  - {{id: rates, read: shop.*}}
  - for_each: orders
    read: {{endpoint: shop.lines, params: {{id: '{{{{ item.id }}}}'}}, paginate: none}}
    map: {{rate: {{from: $.currency, lookup: {{in: steps.rates, key: $.id}}}}, of: '{{{{ parent.id }}}}'}}
    write: {{sink: db, table: lines, key: of}}
  - {{read: shop.orders, write: db}}
  - {{for_each: orders, map: order}}
  - {{when: steps.step_4 is defined or steps.orders.counts.out > 0, log: done}}
"
    );
    let steps = steps.replace("steps.step_4 is defined or ", "");
    let plan = plan(&[("flow.yaml", &steps)]);
    let [orders, rates, lines, copy, mapped, last] = &*plan.steps else { panic!("six steps") };
    assert_eq!(orders.consumers, [2, 4]);
    assert!(!orders.printed && !orders.kept.all);
    assert!(!rates.printed && rates.kept.all);
    assert_eq!(lines.waits_for, [1]);
    assert_eq!(lines.id, "step_3");
    let Source::Read { over: Some(Items::Step(0)), reads } = &lines.source else { panic!("a read for each") };
    assert!(reads[0].as_endpoint().unwrap().endpoint.paginate.is_none());
    assert!(plan.endpoint("shop.lines").unwrap().paginate.is_some());
    let Target::Write(write) = &lines.target else { panic!("a write") };
    assert_eq!((write.sink.name.as_str(), write.mode(lines.key(0))), ("db", engine_spec::WriteMode::Upsert));
    assert!(copy.key(0).is_some(), "the endpoint's key");
    assert!(!copy.printed && mapped.printed && mapped.map.is_some());
    assert_eq!(last.waits_for, [0]);
    assert!(!last.printed, "a message alone is no stream");
}

#[test]
fn lays_a_file_over_what_it_imports() {
    let plan = plan(&[
        (
            "flows/main.yaml",
            "version: 1\nimports: [../specs/shop.yaml, other.yaml]\napis: {shop: {base_url: 'http://127.0.0.1:4010', headers: {X-Client: null}}}\n",
        ),
        ("specs/shop.yaml", SHOP),
        (
            "flows/other.yaml",
            "version: 1\nimports: [../specs/shop.yaml]\nvars: {a: 1}\nsteps: [{read: nothing.here}]\n",
        ),
    ]);
    let orders = plan.endpoint("shop.orders").unwrap();
    assert_eq!(orders.base_url.as_ref().unwrap().text(), "http://127.0.0.1:4010");
    assert_eq!(orders.headers.keys().collect::<Vec<_>>(), ["Accept", "X-Extra"]);
    assert!(plan.vars.contains_key("a"));
    assert_eq!(plan.sources.iter().count(), 3, "each file is read once");
    assert_eq!(plan.folder(orders.span), Path::new("specs"));
}

#[test]
fn looks_at_imports_as_well() {
    let found = codes(&[
        ("main.yaml", "version: 1\nimports: [a.yaml, b.yaml]\n"),
        ("a.yaml", "version: 2\nwat: {}\n"),
        ("b.yaml", "secrets: {unused: {env: A}}\nvars: {x: '{{ inputs.y }}'}\n"),
    ]);
    assert_eq!(
        found,
        [
            "a.yaml:1:10 unsupported-version",
            "a.yaml:2:1 unknown-field",
            "b.yaml:1:1 missing-field",
            "b.yaml:2:15 undefined-variable"
        ]
    );
}

#[test]
fn says_nothing_about_what_a_missing_import_would_have_brought() {
    let found = codes(&[(
        "x.yaml",
        "version: 1
imports: [shop.yaml]
apis: {shop: {headers: {X: '{{ inputs.a }} {{ vars.b }}'}, endpoints: {list: {records: $.a}}}}
steps:
  - {read: shop.orders, map: order, write: db}
  - {read: erp.orders, where: itm.a}
",
    )]);
    assert_eq!(found, ["x.yaml:2:11 import-missing", "x.yaml:6:31 undefined-variable"]);
}

#[test]
fn says_all_in_one_go_and_nothing_about_what_is_lost() {
    let found = codes(&[(
        "x.yaml",
        "version: 1
secrets: {token: {env: A, xx: 1}}
mappings:
  order: {id: {from: 7}}
apis:
  shop:
    base_url: https://shop.example
    endpoints:
      one: {request: GET orders, records: $.orders}
      two: {request: GET /orders, records: $.orders, timeout: 5 minutes, query: {a: \"{{ inputs.b }}\"}}
      three: {request: GET /x, records: $.orders, params: {p: {type: strin, required: true}}, query: {p: \"{{ params.p }}\"}}
steps:
  - {id: s1, read: shop.one, concurrency: lots, where: item.x = 3}
  - {id: s2, read: {endpoint: shop.three, params: {p: 1}}, map: order}
  - {for_each: s1, write: db}
  - {for_each: s4, log: \"{{ steps.s2.count }}\"}
",
    )]);
    let found: Vec<&str> = found.iter().map(|it| it.strip_prefix("x.yaml:").unwrap()).collect();
    assert_eq!(
        found,
        [
            "2:27 unknown-field",
            "4:22 wrong-type",
            "9:22 invalid-request",
            "10:63 invalid-duration",
            "10:89 undefined-variable",
            "11:70 unknown-variant",
            "13:43 wrong-type",
            "13:63 condition-syntax",
            "15:27 undefined-sink",
            "16:16 undefined-step",
            "16:29 undefined-variable",
        ]
    );
}

#[test]
fn knows_what_hides_a_secret() {
    let found = codes(&[(
        "x.yaml",
        "version: 1
secrets: {token: {env: A}}
vars: {header: \"Bearer {{ secrets.token }}\", all: \"{{ vars.header }}\"}
steps:
  - {map: {a: \"{{ vars.all }}\", b: \"{{ vars.header | upper }}\"}}
",
    )]);
    assert_eq!(found, ["x.yaml:5:19 secret-exposed", "x.yaml:5:40 secret-exposed"]);
}

#[test]
fn knows_the_files_that_schemas_are_in() {
    let spec = "version: 1\nsteps:\n  - {map: {id: 1}, validate: {schema: order.json}}\n";
    let plan = plan(&[("specs/x.yaml", spec), ("specs/order.json", r#"{"required": ["name"]}"#)]);
    let schema = plan.steps[0].validate.as_ref().unwrap().schema.as_ref().unwrap();
    let error = schema.check(&engine_expr::Value::from_json(r#"{"id": 1}"#).unwrap()).unwrap_err();
    assert_eq!(error.pointer, "");
    assert_eq!(codes(&[("specs/x.yaml", spec)]), ["specs/x.yaml:3:39 invalid-schema"]);
    let wrong = [("specs/x.yaml", spec), ("specs/order.json", r#"{"properties": {"id": {"type": "int"}}}"#)];
    assert_eq!(codes(&wrong), ["specs/order.json:1:32 invalid-schema"]);
}

#[test]
fn reads_paths_as_they_are_written() {
    let found = codes(&[("gone.yaml", "")]);
    assert_eq!(found, ["gone.yaml:1:1 wrong-type"]);
    let missing = compile(Path::new("nowhere.yaml"), &Memory(&[]));
    assert_eq!(missing.findings.iter().map(|it| it.code).collect::<Vec<_>>(), ["unreadable-file"]);
    assert!(missing.plan.is_none());
}

#[test]
fn says_what_is_wrong_with_other_flows_once_and_there() {
    let found = codes(&[
        (
            "flows/main.yaml",
            "version: 1\nsteps:\n  - flow: {spec: other.yaml}\n  - flow: {spec: ../flows/other.yaml}\n",
        ),
        ("flows/other.yaml", "version: 1\nimports: [shop.yaml]\nsteps:\n  - log: \"{{ inputs.order }}\"\n"),
        ("flows/shop.yaml", "version: 1\nvars: {a: \"{{ inputs.b }}\"}\n"),
    ]);
    assert_eq!(found, ["flows/other.yaml:4:14 undefined-variable", "flows/shop.yaml:2:15 undefined-variable"]);
}

#[test]
fn shows_the_chain_of_flows_that_run_each_other() {
    let compiled = compiled(&[
        ("a.yaml", "version: 1\nsteps:\n  - flow: {spec: b.yaml}\n"),
        ("b.yaml", "version: 1\nsteps:\n  - flow: {spec: ./a.yaml}\n"),
    ]);
    let cycle = compiled.findings.iter().find(|finding| finding.code == "flow-cycle").unwrap();
    assert_eq!(cycle.message, "these flows run each other: `a.yaml` → `b.yaml` → `a.yaml`");
    assert_eq!(compiled.sources.place(cycle.span()), "b.yaml:3:18");
}

#[test]
fn runs_a_part_of_a_flow() {
    let steps = format!(
        "{SHOP}
sinks: {{db: {{type: sqlite, path: out.db}}}}
steps:
  - {{id: rates, read: shop.orders}}
  - {{id: other, read: shop.orders}}
  - {{id: orders, read: shop.orders}}
  - {{id: lines, for_each: orders, map: {{rate: \"{{{{ steps.rates.item.id }}}}\"}}}}
  - {{id: stored, for_each: lines, write: db}}
on_failure: [{{log: failed}}]
"
    );
    let steps = steps.replace("on_failure: [{log: failed}]\n", "");
    let plan = plan(&[("flow.yaml", &steps)]);
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let part = plan.only(&names(&["lines"])).unwrap();
    let ids: Vec<&str> = part.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["rates", "orders", "lines"]);
    let [rates, orders, lines] = &*part.steps else { panic!("three steps") };
    assert!(rates.kept.last && !rates.printed);
    assert_eq!((orders.index, orders.uid, orders.consumers.as_slice()), (1, 2, [2].as_slice()));
    assert!(matches!(lines.source, Source::Items(Items::Step(1))));
    assert_eq!((lines.waits_for.as_slice(), lines.path.as_str()), ([0].as_slice(), "lines"));
    assert!(lines.consumers.is_empty() && lines.printed && lines.leaves, "what took it is left out");

    let alone = plan.only(&names(&["rates", "rates"])).unwrap();
    assert_eq!(alone.steps.len(), 1);
    assert!(alone.steps[0].printed && !alone.steps[0].kept.last, "nothing asks for it");

    let wrong = |name: &str| {
        let finding = plan.only(&names(&["orders", name])).unwrap_err();
        (finding.message, finding.help.unwrap())
    };
    assert_eq!(wrong("line"), ("there is no step `line`".to_owned(), "did you mean `lines`?".to_owned()));
    assert_eq!(wrong("shop.orders").1, "one of `rates`, `other`, `orders`, `lines`, `stored`");
}

#[test]
fn runs_some_endpoints_of_a_spec_without_steps() {
    let plan = plan(&[("shop.yaml", SHOP)]);
    let only = |name: &str| plan.only(&[name.to_owned()]);
    assert_eq!(only("shop.orders").unwrap().steps[0].reads().len(), 1);
    assert_eq!(only("orders").unwrap_err().help.as_deref(), Some("did you mean `shop.orders`?"));
    let without = only("shop.lines").unwrap_err();
    assert_eq!(without.message, "`shop.lines` has no records that can be read without params");
}
