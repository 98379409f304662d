//! Endpoints of a few lines, read with the pager that a run uses.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use engine_expr::{Scope, Value};
use engine_request::pagination::{Fingerprint, Last, Next, Page, Pager, Paging};
use engine_request::{Answer, Changes, Draft, Response};
use engine_source::{Findings, Sources, Tree};
use engine_spec::Endpoint;
use http::HeaderMap;
use url::Url;

use crate::asked::Asked;
use crate::flags::Clockwork;
use crate::reply::Reply;
use crate::routes::Routes;
use crate::served::{Parts, Served};

fn endpoint(yaml: &str) -> Endpoint {
    let mut sources = Sources::new();
    let id = sources.add("spec.yaml", yaml);
    let mut findings = Findings::default();
    let tree = Tree::parse(&sources, id, &mut findings);
    let endpoint = tree.and_then(|tree| tree.root.deserialize(&sources, &mut findings));
    assert!(findings.is_empty(), "{findings:?}");
    endpoint.unwrap()
}

fn parts<'a>(id: &'a str, endpoint: &'a Endpoint, response: &'a Response, folder: &'a Path) -> Parts<'a> {
    let (api, name) = id.split_once('.').unwrap();
    Parts {
        api,
        name,
        request: endpoint.request.as_ref().unwrap(),
        query: &endpoint.query,
        body: endpoint.body.as_ref(),
        response,
        records: endpoint.records.as_ref().and_then(engine_request::Removable::as_set),
        paginate: endpoint.paginate.as_ref().and_then(engine_request::Removable::as_set),
        example: endpoint.example.as_ref(),
        folder,
    }
}

fn served_in(id: &str, yaml: &str, folder: &Path) -> Served {
    let endpoint = endpoint(yaml);
    let response = endpoint.response.clone().unwrap_or_default();
    Served::new(parts(id, &endpoint, &response, folder))
}

/// Makes an endpoint of one line of YAML.
pub(crate) fn served(id: &str, yaml: &str) -> Served {
    served_in(id, yaml, Path::new(""))
}

fn ask(routes: &Routes, line: &str, body: &'static str) -> Reply {
    let (method, uri) = line.split_once(' ').unwrap();
    let body = Bytes::from_static(body.as_bytes());
    routes.answer(&Asked::new(method.parse().unwrap(), &uri.parse().unwrap(), HeaderMap::new(), body))
}

fn told(reply: &Reply) -> String {
    format!("{} {}", reply.status.as_u16(), String::from_utf8_lossy(&reply.body).trim_end())
}

/// Reads an endpoint to its end with the pager that a run uses; gives the counts of the pages and the records.
fn read(yaml: &str) -> (Vec<usize>, String) {
    let endpoint = endpoint(yaml);
    let response = endpoint.response.clone().unwrap_or_default();
    let parts = parts("api.list", &endpoint, &response, Path::new(""));
    let routes = Routes::new(vec![Served::new(parts)]);
    let base = engine_expr::Template::new("http://mock/api", engine_source::Span::default());
    let scope = Scope::new(Arc::new(Clockwork::default()));
    let paging = Paging::new(parts.paginate.unwrap(), response.body.as_ref());
    let needs_last = paging.needs_last();
    let mut pager = Pager::new(Arc::new(paging), &scope).unwrap();
    let mut changes: Changes = pager.first();
    let (mut counts, mut found) = (Vec::new(), Vec::new());
    loop {
        assert!(counts.len() < 20, "it goes on and on: {counts:?}");
        let params = changes
            .params(&Value::object(endpoint.params.iter().map(|(name, _)| (name.value.clone(), Value::from("")))));
        let scope = scope.with("params", params);
        let mut draft = Draft::build(parts.request, Some(&base), &scope).unwrap();
        draft.set_query(parts.query, &scope).unwrap();
        if let Some(body) = parts.body {
            draft.set_body(body, &scope).unwrap();
        }
        changes.apply(&mut draft).unwrap();
        let prepared = draft.finish().unwrap();
        let uri = prepared.url.as_str().strip_prefix("http://mock").unwrap().parse().unwrap();
        let mut headers = prepared.headers.clone();
        headers.insert("host", "mock".parse().unwrap());
        let reply = routes
            .answer(&Asked::new(prepared.method.clone(), &uri, headers, prepared.body.as_bytes().unwrap_or_default()))
            .into_response();
        assert_eq!(reply.status(), 200);
        let url: Url = prepared.url.clone();
        let (head, body) = reply.into_parts();
        let body = bytes_of(body);
        let text = String::from_utf8(body.to_vec()).unwrap();
        let answer = Answer::new(200, head.headers, url, body);
        let root = response.body.as_ref().map_or_else(
            || answer.value().clone(),
            |unwrap| unwrap.evaluate(&scope.rooted(answer.value().clone())).unwrap().unwrap(),
        );
        let path = parts.records.unwrap().from().as_path().unwrap();
        let records: Vec<Value> = path.items(&root).unwrap().unwrap().into_iter().cloned().collect();
        counts.push(records.len());
        found.extend(records.iter().map(Value::to_json));
        let last_text = records.last().map(Value::to_json);
        let page = Page {
            request: &prepared,
            answer: &answer,
            text: &text,
            slots: None,
            count: records.len() as u64,
            last: match (records.last(), needs_last) {
                (Some(last), true) => Last::Value(last),
                _ => Last::None,
            },
            fingerprint: Fingerprint::of(last_text.iter().map(String::as_bytes)),
        };
        let scope = scope.rooted(root);
        match pager.next(&page, &scope).unwrap() {
            Next::End => return (counts, found.join(" ")),
            Next::Request(next) => changes = next,
        }
    }
}

fn bytes_of(body: http_body_util::Full<Bytes>) -> Bytes {
    use http_body_util::BodyExt;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(body.collect()).unwrap().to_bytes()
}

#[test]
fn every_pagination_reads_all_records_in_more_than_one_page() {
    let five = "example: {items: [{id: 1}, {id: 2}, {id: 3}, {id: 4}, {id: 5}], next: null, total: 0, more: false}";
    let all = r#"{"id":1} {"id":2} {"id":3} {"id":4} {"id":5}"#;
    let cases: &[(&str, &[usize])] = &[
        ("{type: link_header}", &[3, 2]),
        ("{type: link_header, rel: older}", &[3, 2]),
        ("{type: next_url, next: $.next}", &[3, 2]),
        ("{type: next_url, next: \"$['@odata.nextLink']\"}", &[3, 2]),
        ("{type: next_url, next: header.X-Next}", &[3, 2]),
        ("{type: next_url, next: '{{ response.body.paging.next | default(none) }}'}", &[3, 2]),
        ("{type: cursor, next: $.next}", &[3, 2]),
        ("{type: cursor, next: $.total}", &[3, 2]),
        ("{type: cursor, next: $.next, into: header.X-Cursor}", &[3, 2]),
        ("{type: cursor, next: $.next, into: cookie.after}", &[3, 2]),
        ("{type: cursor, next: header.X-Next, stop_when: not response.body.more}", &[3, 2]),
        ("{type: page}", &[3, 2, 0]),
        ("{type: page, start: 0, into: query.p, total: $.total}", &[3, 2]),
        ("{type: page, total_pages: header.X-Pages}", &[3, 2]),
        ("{type: page, size: 2, size_into: query.limit, total_pages: $.paging.pages}", &[2, 2, 1]),
        ("{type: page, size: 100, stop_when: page.count < 100}", &[5]),
        ("{type: page, size: 2, stop_when: page.count < 2}", &[2, 2, 1]),
        ("{type: offset}", &[3, 2, 0]),
        ("{type: offset, size: 4, size_into: query.limit, total: $.total}", &[3, 2]),
        ("{type: offset, size: 1, total: $.total}", &[1, 1, 1, 1, 1]),
        ("{type: last_record, next: $.id, into: query.after}", &[3, 2, 0]),
        ("{type: last_record, next: '{{ last.id }}', into: query.after, stop_when: not response.body.more}", &[3, 2]),
        ("{type: custom, next: {query.a: $.next, query.b: $.total}}", &[3, 2]),
        ("{type: custom, next: $.continue}", &[3, 2]),
        ("{type: custom, next: {query.page: '{{ page.number + 1 }}'}, stop_when: page.count < 100}", &[5]),
    ];
    for (paginate, pages) in cases {
        let yaml = format!("{{request: GET /items, records: $.items, paginate: {paginate}, {five}}}");
        assert_eq!(read(&yaml), (pages.to_vec(), all.to_owned()), "{paginate}");
    }
}

#[test]
fn records_are_found_wherever_they_are() {
    let cases = [
        "records: $, example: [1, 2, 3], paginate: {type: link_header}",
        "records: '$.d.items[*]', example: {d: {items: [1, 2, 3]}}, paginate: {type: next_url, next: $.d.next}",
        "records: $.items, response: {body: $.d}, example: {d: {items: [1, 2, 3]}}, paginate: {type: next_url, next: $.next}",
        "records: '$.edges[*].node', example: {edges: [{node: 1}, {node: 2}, {node: 3}], info: {end: a, more: false}}, \
         paginate: {type: cursor, next: $.info.end, into: query.after, stop_when: not response.body.info.more}",
    ];
    for case in cases {
        assert_eq!(read(&format!("{{request: GET /items, {case}}}")), (vec![2, 1], "1 2 3".to_owned()), "{case}");
    }
}

#[test]
fn cursors_come_back_in_bodies_and_paths() {
    let body = "records: $.items, example: {items: [1, 2, 3], next: abc}";
    for case in [
        "request: POST /search, body: {json: {page: {size: 2}}}, paginate: {type: cursor, next: $.next, into: body.page.after}",
        "request: POST /search, body: {form: {size: 2}}, paginate: {type: cursor, next: $.next, into: 'body.page.after'}",
        "request: 'GET /items/{after}x', params: {after: {type: string}}, paginate: {type: cursor, next: $.next, into: path.after}",
        "request: GET /items, params: {after: {type: string}}, query: {q: 'after:{{ params.after }}'}, paginate: {type: cursor, next: $.next, into: params.after}",
    ] {
        // A param in a path is never empty, so the first page is asked for by hand.
        if case.contains("{after}") {
            let routes = Routes::new(vec![served("api.list", &format!("{{{case}, {body}}}"))]);
            assert_eq!(told(&ask(&routes, "GET /api/items/0x", "")), r#"200 {"items":[1,2],"next":"mock-cursor-2"}"#);
            assert_eq!(told(&ask(&routes, "GET /api/items/mock-cursor-2x", "")), r#"200 {"items":[3],"next":null}"#);
            continue;
        }
        assert_eq!(read(&format!("{{{case}, {body}}}")), (vec![2, 1], "1 2 3".to_owned()), "{case}");
    }
}

#[test]
fn an_example_without_pages_is_served_as_it_is() {
    let routes = Routes::new(vec![
        served("api.get", "{request: 'GET /orders/{id}', example: {order: {total: 1.50}}}"),
        served("api.create", "{request: POST /orders, example: {id: 7}}"),
        served("api.replace", "{request: 'PUT /orders/{id}', example: {}}"),
        served("api.search", "{request: POST /search, records: $, example: [1]}"),
        served("api.text", "{request: GET /text, example: one two}"),
        served(
            "api.csv",
            "{request: GET /csv, response: {format: csv}, example: [{a: 1, b: 'x,y'}, {b: null, a: 1.10}]}",
        ),
        served("api.lines", "{request: GET /lines, response: {format: ndjson}, example: [{a: 1}, {a: 2}]}"),
    ]);
    assert_eq!(told(&ask(&routes, "GET /api/orders/5", "")), r#"200 {"order":{"total":1.50}}"#);
    assert_eq!(told(&ask(&routes, "POST /api/orders", "{}")), r#"201 {"id":7}"#);
    assert_eq!(told(&ask(&routes, "PUT /api/orders/5", "{}")), "200 {}");
    assert_eq!(told(&ask(&routes, "POST /api/search", "{}")), "200 [1]");
    assert_eq!(told(&ask(&routes, "GET /api/text", "")), "200 one two");
    assert_eq!(told(&ask(&routes, "GET /api/csv", "")), "200 a,b\n1,\"x,y\"\n1.10,");
    assert_eq!(told(&ask(&routes, "GET /api/lines", "")), "200 {\"a\":1}\n{\"a\":2}");
}

#[test]
fn a_param_of_the_path_picks_one_of_a_list() {
    let routes = Routes::new(vec![served(
        "api.get",
        "{request: 'GET /orders/{order_id}', example: [{id: 1, ref: 2}, {id: 2}, {order: {number: X9}}]}",
    )]);
    assert_eq!(told(&ask(&routes, "GET /api/orders/2", "")), r#"200 {"id":2}"#);
    assert_eq!(told(&ask(&routes, "GET /api/orders/X9", "")), r#"200 {"order":{"number":"X9"}}"#);
    assert!(told(&ask(&routes, "GET /api/orders/3", "")).starts_with("200 [{"));
}

#[test]
fn one_record_of_a_list_is_found_by_its_id() {
    let routes = Routes::new(vec![
        served(
            "api.list",
            "{request: GET /orders.json, records: $.orders, example: {orders: [{id: 1, n: a}, {id: 2, n: b}]}}",
        ),
        served(
            "api.get",
            "{request: 'GET /orders/{order_id}.json', response: {body: $.order}, example: {order: {id: 1, n: x, more: 1.50}}}",
        ),
        served("api.lines", "{request: 'GET /orders/{order_id}/lines', example: []}"),
        served(
            "odata.books",
            "{request: GET /Books, records: $.value, paginate: {type: link_header}, example: {value: [{ID: 1}, {ID: 2}]}}",
        ),
        served("odata.book", "{request: 'GET /Books({key})'}"),
    ]);
    assert_eq!(told(&ask(&routes, "GET /api/orders/2.json", "")), r#"200 {"order":{"id":2,"n":"b","more":1.50}}"#);
    assert_eq!(told(&ask(&routes, "GET /api/orders/3.json", "")), r#"200 {"order":{"id":1,"n":"x","more":1.50}}"#);
    assert_eq!(told(&ask(&routes, "GET /api/orders/2/lines", "")), "200 []");
    assert_eq!(told(&ask(&routes, "GET /odata/Books(2)", "")), r#"200 {"ID":2}"#);
    assert!(told(&ask(&routes, "GET /odata/Books(3)", "")).starts_with("501 "));
}

#[test]
fn endpoints_of_one_path_are_told_apart() {
    let routes = Routes::new(vec![
        served("wiki.pages", "{request: GET /api.php?list=pages, example: pages}"),
        served("wiki.users", "{request: GET /api.php, query: {list: users}, example: users}"),
        served("wiki.any", "{request: 'GET /{name}', example: any}"),
        served("gql.orders", "{request: POST /graphql, body: {graphql: {query: 'query { orders }'}}, example: orders}"),
        served("gql.items", "{request: POST /graphql, body: {graphql: {query: 'query { items }'}}, example: items}"),
        served("rpc.add", "{request: POST /rpc, body: {json: {method: add, params: '{{ 1 }}'}}, example: added}"),
        served("rpc.sub", "{request: POST /rpc, body: {json: {method: sub, params: '{{ 1 }}'}}, example: subtracted}"),
    ]);
    assert_eq!(told(&ask(&routes, "GET /wiki/api.php?list=users", "")), "200 users");
    assert_eq!(told(&ask(&routes, "GET /wiki/api.php?list=pages", "")), "200 pages");
    assert_eq!(told(&ask(&routes, "GET /wiki/other", "")), "200 any");
    assert_eq!(told(&ask(&routes, "POST /gql/graphql", r#"{"query": "query { items }"}"#)), "200 items");
    assert_eq!(told(&ask(&routes, "POST /rpc/rpc", r#"{"method": "sub", "params": 1}"#)), "201 subtracted");
}

#[test]
fn examples_are_read_from_files() {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("orders.json"), r#"{"items": [1, 2, 3.50]}"#).unwrap();
    std::fs::write(folder.path().join("rows.csv"), "a,b\n1,2\n").unwrap();
    std::fs::write(folder.path().join("broken.json"), "{").unwrap();
    let routes = Routes::new(vec![
        served_in(
            "api.list",
            "{request: GET /list, records: $.items, paginate: {type: link_header}, example: orders.json}",
            folder.path(),
        ),
        served_in("api.rows", "{request: GET /rows, example: rows.csv}", folder.path()),
        served_in("api.broken", "{request: GET /broken, example: broken.json}", folder.path()),
        served_in("api.missing", "{request: GET /missing, example: missing.json}", folder.path()),
    ]);
    assert_eq!(told(&ask(&routes, "GET /api/list?mock=mock-cursor-2", "")), r#"200 {"items":[3.50]}"#);
    assert_eq!(told(&ask(&routes, "GET /api/rows", "")), "200 a,b\n1,2");
    assert!(
        told(&ask(&routes, "GET /api/broken", ""))
            .starts_with("500 {\"error\":\"endpoint `api.broken`: can't read the example")
    );
    assert!(told(&ask(&routes, "GET /api/missing", "")).starts_with("500 "));
}

#[test]
fn what_is_not_there_says_what_is() {
    let routes = Routes::new(vec![served("api.list", "{request: 'GET /orders/{id}'}")]);
    assert_eq!(
        told(&ask(&routes, "GET /api/orders", "")),
        r#"404 {"error":"no endpoint answers `GET /api/orders`","routes":["GET /api/orders/{id} (api.list)"]}"#
    );
    assert!(told(&ask(&routes, "POST /api/orders/1", "")).starts_with("405 "));
    assert!(
        told(&ask(&routes, "GET /api/orders/1", ""))
            .starts_with("501 {\"error\":\"endpoint `api.list` has no `example`\",\"help\":")
    );
}
