//! The specs that do what the baseline does: read all orders, map nine fields, print them.

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
