//! `engine validate --fix`: what has one safe fix is mended, and nothing else is touched.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod place;

use std::fs;
use std::path::{Path, PathBuf};

use crate::place::Place;

/// A spec with comments, odd layout and mistakes; the first line ends as on Windows.
const WRONG: &str = "version: 1   # the only one\r
nam: shop
inputs:
  since: {type: strng, default: 2025-01-01}   # a day
secrets: {token: {env: SHOP_TOKEN}}

apis:
    shop:      # indented by four
        base_url: https://shop.example
        auth: {type: bearer, token: {{ secrets.tokn }}}
        endpoints:
            list_orders:
                request: get /orders/{shop_id}/{+rest}
                params: {shopid: {type: string, default: a}, rest: {type: string, default: b}}
                query: {since: '{{ inputs.sinc | date_fromat(\"%Y\") }}'}
                recrods: $.orders
                paginate: {type: link_heder}
                timeout: 30s
sinks:
  db: {type: sqlite, path: x.db, creat: no}
steps:
  - id: orders
    read: shp.list_ordrs
    where: $.total > 10
  - for_each: order
    write: {sink: bd, table: orders, key: id}
";

/// The same without the mistakes that have one safe fix.
const RIGHT: &str = "version: 1   # the only one\r
name: shop
inputs:
  since: {type: string, default: 2025-01-01}   # a day
secrets: {token: {env: SHOP_TOKEN}}

apis:
    shop:      # indented by four
        base_url: https://shop.example
        auth: {type: bearer, token: \"{{ secrets.token }}\"}
        endpoints:
            list_orders:
                request: GET /orders/{shopid}/{+rest}
                params: {shopid: {type: string, default: a}, rest: {type: string, default: b}}
                query: {since: '{{ inputs.since | date_format(\"%Y\") }}'}
                records: $.orders
                paginate: {type: link_header}
                timeout: 30s
sinks:
  db: {type: sqlite, path: x.db, create: false}
steps:
  - id: orders
    read: shop.list_orders
    where: item.total > 10
  - for_each: orders
    write: {sink: bd, table: orders, key: id}
";

fn folder(place: &Place) -> PathBuf {
    place.command(&[]).get_current_dir().unwrap().to_owned()
}

#[test]
fn mends_what_has_one_safe_fix_and_keeps_the_rest_as_it_is() {
    let place = Place::with(&[("a.yaml", WRONG)]);
    let outcome = place.engine(&["validate", "--fix", "a.yaml", "--format", "concise"]);
    let text = fs::read_to_string(folder(&place).join("a.yaml")).unwrap();
    assert_eq!(text, RIGHT, "{}", outcome.stderr);
    assert_eq!(outcome.status, 2, "something is left: {}", outcome.stderr);
    assert!(outcome.stderr.contains("fixed a.yaml:2:1: unknown field `nam` in"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("undefined sink `bd`"), "{}", outcome.stderr);
    assert!(outcome.stderr.lines().last().unwrap().contains(" fixed, "), "{}", outcome.stderr);
    let again = place.engine(&["validate", "--fix", "a.yaml", "--format", "concise"]);
    assert!(!again.stderr.contains("fixed"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(folder(&place).join("a.yaml")).unwrap(), RIGHT);
    let names: Vec<String> =
        fs::read_dir(folder(&place)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names, ["a.yaml"], "nothing is left behind");
}

#[test]
fn a_dry_run_prints_the_difference_and_writes_nothing() {
    let text = "version: 1\n# why\nnam: a\n";
    let place = Place::with(&[("a.yaml", text)]);
    let outcome = place.engine(&["validate", "--fix", "--dry-run", "a.yaml"]);
    assert_eq!(outcome.stdout, "--- a.yaml\n+++ a.yaml\n@@ -1,3 +1,3 @@\n version: 1\n # why\n-nam: a\n+name: a\n");
    assert_eq!(outcome.status, 2, "the file is as wrong as it was");
    assert!(outcome.stderr.contains("would fix a.yaml:3:1: "), "{}", outcome.stderr);
    assert!(outcome.stderr.ends_with("1 fix to make, 1 spec is valid\n"), "{}", outcome.stderr);
    assert_eq!(fs::read_to_string(folder(&place).join("a.yaml")).unwrap(), text);
    assert_eq!(place.engine(&["validate", "--dry-run", "a.yaml"]).status, 2, "nothing without `--fix`");
    let refused = place.engine(&["validate", "--fix", "--dry-run", "--format", "json", "a.yaml"]);
    assert!(refused.stderr.starts_with("error: a dry run prints a diff"), "{}", refused.stderr);
}

#[test]
fn leaves_files_alone_that_were_not_named() {
    let imported = "version: 1\napis: {shop: {base_ur: https://shop.example, endpoints: {}}}\n";
    let place = Place::with(&[("a.yaml", "version: 1\nimports: [b.yaml]\n"), ("b.yaml", imported)]);
    let outcome = place.engine(&["validate", "--fix", "a.yaml"]);
    assert_eq!(outcome.status, 2, "{}", outcome.stderr);
    assert_eq!(fs::read_to_string(folder(&place).join("b.yaml")).unwrap(), imported);
    let outcome = place.engine(&["validate", "--fix", "a.yaml", "b.yaml"]);
    assert_eq!(outcome.status, 0, "{}", outcome.stderr);
    assert_eq!(fs::read_to_string(folder(&place).join("b.yaml")).unwrap(), imported.replace("base_ur:", "base_url:"));
}

#[test]
fn what_may_be_meant_otherwise_is_left() {
    let apis = "version: 1\napis:\n  shop:\n    base_url: https://shop.example\n    endpoints:\n      get_order: {request: GET /order}\n      delete_customer: {request: DELETE /customer}\n";
    for call in ["shop.set_order", "shop.create_customer", "shop.order"] {
        let text = format!("{apis}steps:\n  - call: {call}\n");
        let place = Place::with(&[("a.yaml", &text)]);
        let outcome = place.engine(&["validate", "--fix", "a.yaml"]);
        assert_eq!(outcome.status, 2, "{call}: {}", outcome.stderr);
        assert_eq!(fs::read_to_string(folder(&place).join("a.yaml")).unwrap(), text);
    }
}

#[cfg(unix)]
#[test]
fn keeps_links_and_permissions() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let place = Place::with(&[("deep/a.yaml", "version: 1\nnam: a\n")]);
    let file = folder(&place).join("deep/a.yaml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("deep/a.yaml", folder(&place).join("link.yaml")).unwrap();
    assert_eq!(place.engine(&["validate", "--fix", "link.yaml"]).status, 0);
    assert!(fs::symlink_metadata(folder(&place).join("link.yaml")).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&file).unwrap(), "version: 1\nname: a\n");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn comes_to_an_end_with_every_mistake_that_there_is() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/specs/invalid"));
    let place = Place::with(&[]);
    copy(root, &folder(&place));
    let first = place.engine(&["validate", "--fix", ".", "--format", "concise"]);
    let fixed = first.stderr.lines().filter(|line| line.starts_with("fixed ")).count();
    assert!(fixed >= 15, "{fixed}: {}", first.stderr);
    let second = place.engine(&["validate", "--fix", ".", "--format", "concise"]);
    assert!(!second.stderr.contains("fixed"), "{}", second.stderr);
    let counts = |text: &str| text.lines().filter(|line| line.contains(": error[")).count();
    let before = Place::with(&[]);
    copy(root, &folder(&before));
    let before = before.engine(&["validate", ".", "--format", "concise"]);
    assert!(counts(&second.stderr) < counts(&before.stderr), "{}", second.stderr);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
