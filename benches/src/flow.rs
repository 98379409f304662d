//! The specs that do what the baseline does: read all orders, map nine fields, print or upsert them; read the children of each parent.

use crate::baseline::Fields;

/// The spec that reads `pages` pages; its one input is `base_url`.
pub fn spec(fields: Fields, pages: usize) -> String {
    let (name, customer, email, total) = match fields {
        Fields::Paths => ("paths", "$.customer.last_name", "$.customer.email", "$.total"),
        Fields::Templates => (
            "templates",
            r#""{{ item.customer.first_name }} {{ item.customer.last_name }}""#,
            r#""{{ item.customer.email | lower }}""#,
            r#""{{ item.quantity * item.unit_price }}""#,
        ),
    };
    format!(
        r#"version: 1
name: orders-by-{name}
description: Reads every order of the shop and prints nine fields of each.

inputs:
  base_url: {{type: string, required: true, description: Where the shop is}}

apis:
  shop:
    base_url: "{{{{ inputs.base_url }}}}"
    endpoints:
      list_orders:
        request: GET /reads/{pages}
        records: $.data
        paginate: {{type: next_url, next: $.next}}

mappings:
  order:
    id: $.id
    number: $.number
    state: $.status
    ordered_at: $.created_at
    customer: {customer}
    email: {email}
    city: $.shipping.city
    total: {total}
    sku: $.lines[0].sku

steps:
  - id: orders
    read: shop.list_orders
    map: order
"#
    )
}

/// The spec that reads `pages` pages and upserts the orders into the table of a database; its one input is `base_url`.
pub fn upsert(pages: usize, database: &str) -> String {
    let sinks = format!("sinks:\n  shop: {{type: sqlite, path: {database}}}\n\nsteps:");
    spec(Fields::Paths, pages)
        .replace("steps:", &sinks)
        .replace("    map: order\n", "    map: order\n    write: {sink: shop, table: orders, key: [id]}\n")
        .replace("id: $.id", "id: {from: $.id, type: integer}")
}

/// The spec that reads the rows of a file and appends them to the table `orders` of a database.
#[cfg(unix)]
pub(crate) fn copy(file: &str, database: &str) -> String {
    format!(
        r#"version: 1
name: rows-into-postgres
description: Reads the rows of a file and appends them to a table.

sinks:
  file: {{type: csv, path: {file}}}
  shop: {{type: postgres, url: "{database}"}}

steps:
  - id: orders
    read: {{sink: file}}
    map:
      id: {{from: $.id, type: integer}}
      number: {{from: $.number, type: string}}
      state: {{from: $.state, type: string}}
      ordered_at: {{from: $.ordered_at, type: string}}
      customer: {{from: $.customer, type: string}}
      email: {{from: $.email, type: string}}
      city: {{from: $.city, type: string}}
      total: {{from: $.total, type: decimal}}
      sku: {{from: $.sku, type: string}}
    write: {{sink: shop, table: orders, mode: append}}
"#
    )
}

/// The spec that reads the children of each parent, `at_once` of them at once.
pub fn children(at_once: usize) -> String {
    format!(
        r#"version: 1
name: children-of-parents
description: Reads the children of each parent and prints them.

inputs:
  base_url: {{type: string, required: true, description: Where the API is}}

apis:
  family:
    base_url: "{{{{ inputs.base_url }}}}"
    endpoints:
      list_parents:
        request: GET /parents
        records: $.data
      list_children:
        request: GET /parents/{{id}}/children
        params: {{id: {{type: integer, required: true}}}}
        records: $.data

steps:
  - id: parents
    read: family.list_parents
  - id: children
    for_each: parents
    read: {{endpoint: family.list_children, params: {{id: $.id}}}}
    concurrency: {at_once}
"#
    )
}
