//! A folder of specs as a company has them: each about 200 lines, no two the same, all of them valid.
//!
//! They use what version 1 of the language runs from its first release on: several endpoints with params, query
//! and pagination, secrets, mappings with conversions, steps that read, map, call and write.

use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

use crate::orders::Dice;

const SYSTEMS: [&str; 8] = ["billing", "crm", "erp", "helpdesk", "inventory", "marketing", "payroll", "shop"];
const NOUNS: [[&str; 2]; 10] = [
    ["account", "accounts"],
    ["contract", "contracts"],
    ["customer", "customers"],
    ["delivery", "deliveries"],
    ["invoice", "invoices"],
    ["order", "orders"],
    ["payment", "payments"],
    ["product", "products"],
    ["ticket", "tickets"],
    ["warehouse", "warehouses"],
];
const PAGINATIONS: [&str; 6] = [
    "{type: page, into: query.page, size: 100, size_into: query.per_page, max_pages: 5000}",
    "{type: offset, into: query.offset, size: 200, size_into: query.limit, total: $.meta.total}",
    "{type: cursor, next: $.meta.next_cursor, into: query.cursor}",
    "{type: next_url, next: $.links.next}",
    "{type: link_header, rel: next}",
    "{type: last_record, next: $.id, into: query.starting_after, stop_when: not response.body.has_more}",
];
const AUTHS: [&str; 3] = [
    "{type: bearer, token: \"{{ secrets.token }}\"}",
    "{type: api_key, value: \"{{ secrets.token }}\", in: header.X-Api-Token}",
    "{type: basic, username: \"{{ inputs.region }}-reader\", password: \"{{ secrets.token }}\"}",
];

/// Writes `count` specs into `folder`.
pub fn write(folder: &Path, count: u64) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for number in 0..count {
        fs::write(folder.join(format!("{number:04}.yaml")), spec(number))?;
    }
    Ok(())
}

/// The spec of this number.
pub fn spec(number: u64) -> String {
    let mut dice = Dice::new(number);
    let (system, target) = (dice.one_of(&SYSTEMS), dice.one_of(&SYSTEMS));
    let first = dice.below(NOUNS.len() as u64);
    let nouns = (0..4).map(|offset| NOUNS[usize::try_from((first + offset) % 10).unwrap_or(0)]);
    let nouns: Vec<[&str; 2]> = nouns.collect();
    let mut text = head(number, system, target, &mut dice);
    for noun in &nouns {
        endpoints(&mut text, *noun, &mut dice);
    }
    target_api(&mut text, &nouns);
    text.push_str("mappings:\n");
    for noun in &nouns {
        mapping(&mut text, *noun);
    }
    text.push_str("\nsteps:\n");
    for noun in &nouns {
        steps(&mut text, *noun, &mut dice);
    }
    text
}

fn head(number: u64, system: &str, target: &str, dice: &mut Dice) -> String {
    format!(
        r#"# Copies what changed in {system} into {target}.
version: 1
name: {system}-to-{target}-{number:04}
description: >-
  Reads the lists of {system} that {target} needs, brings them into its form
  and sends each record that is new; keeps a copy of everything in SQLite.

inputs:
  region: {{type: string, default: eu, enum: [eu, us, ap], description: Where the account is}}
  since: {{type: datetime, default: "2025-01-01T00:00:00Z", description: First change to take}}
  limit: {{type: integer, default: {limit}, description: Records asked for at once}}
  tenant: {{type: string, required: true, pattern: "^[a-z][a-z0-9-]+$"}}

secrets:
  token: {{env: SYSTEM_{number:04}_TOKEN}}
  target_token: {{env: TARGET_{number:04}_TOKEN}}

vars:
  label: "{{{{ inputs.tenant | upper }}}}-{{{{ inputs.region }}}}"

sinks:
  copy: {{type: sqlite, path: ./out/{system}-{number:04}.db}}
  lines: {{type: jsonl, path: "./out/{system}-{number:04}.jsonl"}}

apis:
  source:
    base_url: "https://{{{{ inputs.tenant }}}}.{system}-{{{{ inputs.region }}}}.example.com/v{version}"
    auth: {auth}
    headers: {{Accept: application/json, X-Tenant: "{{{{ inputs.tenant }}}}"}}
    timeout: {timeout}s
    retry: {{attempts: {attempts}, backoff: {{initial: 500ms, max: 30s}}, on: [429, 5xx, timeout, connect]}}
    endpoints:
"#,
        limit = 50 + dice.below(150),
        version = 1 + dice.below(4),
        auth = dice.one_of(&AUTHS),
        timeout = 10 + dice.below(50),
        attempts = 2 + dice.below(5),
    )
}

fn endpoints(text: &mut String, [one, many]: [&str; 2], dice: &mut Dice) {
    let written = write!(
        text,
        r#"      list_{many}:
        request: GET /{many}
        params:
          status: {{type: string, default: open, enum: [open, closed, any]}}
          since: {{type: datetime}}
        query:
          status: "{{{{ params.status }}}}"
          updated_since: "{{{{ params.since | date_format('%Y-%m-%d') }}}}"
          limit: "{{{{ inputs.limit }}}}"
        records: $.{many}
        paginate: {pagination}
      get_{one}:
        request: GET /{many}/{{{one}_id}}
        params: {{{one}_id: {{type: string, required: true}}}}
        response: {{body: $.{one}}}
"#,
        pagination = dice.one_of(&PAGINATIONS),
    );
    debug_assert!(written.is_ok(), "a String takes everything");
}

fn target_api(text: &mut String, nouns: &[[&str; 2]]) {
    text.push_str(
        r#"  target:
    base_url: "https://api.example.net/{{ inputs.region }}"
    auth: {type: bearer, token: "{{ secrets.target_token }}"}
    endpoints:
"#,
    );
    for [one, many] in nouns {
        let written = write!(
            text,
            r#"      create_{one}:
        request: POST /{many}
        params: {{{one}: {{type: object, required: true}}}}
        body: {{json: {{{one}: "{{{{ params.{one} }}}}", source: "{{{{ vars.label }}}}"}}}}
        idempotency: {{in: header.Idempotency-Key}}
"#
        );
        debug_assert!(written.is_ok(), "a String takes everything");
    }
    text.push('\n');
}

fn mapping(text: &mut String, [one, many]: [&str; 2]) {
    let written = write!(
        text,
        r#"  {one}_row:
    id: {{from: $.id, type: string, required: true}}
    name: "{{{{ item.first_name }}}} {{{{ item.last_name | default('') }}}}"
    email: "{{{{ item.email | default('') | lower }}}}"
    amount: {{from: $.totals.amount, type: decimal, default: 0}}
    currency: {{from: $.totals.currency, default: EUR}}
    changed_at: {{from: $.updated_at, type: datetime}}
    address: {{city: $.address.city, country: $.address.country_code}}
    {many}_kind: {{from: $.kind, lookup: {{in: {{a: standard, b: express, c: bulk}}, default: other}}}}
"#
    );
    debug_assert!(written.is_ok(), "a String takes everything");
}

fn steps(text: &mut String, [one, many]: [&str; 2], dice: &mut Dice) {
    let written = write!(
        text,
        r#"  - id: {many}
    read: {{endpoint: source.list_{many}, params: {{status: any, since: "{{{{ inputs.since }}}}"}}}}
    where: item.totals.amount | default(0) > {least} and item.status != 'draft'
    map: {one}_row
    write: {{sink: copy, table: {many}, key: [id]}}
  - id: sent_{many}
    for_each: {many}
    call: {{endpoint: target.create_{one}, params: {{{one}: "{{{{ item }}}}"}}}}
    extract: {{number: $.id, {one}: "{{{{ item.name }}}}"}}
  - id: kept_{many}
    for_each: sent_{many}
    write: {{sink: lines}}
"#,
        least = dice.below(100),
    );
    debug_assert!(written.is_ok(), "a String takes everything");
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_spec_has_about_two_hundred_lines() {
        for number in 0..50 {
            let lines = super::spec(number).lines().count();
            assert!((195..=215).contains(&lines), "{lines} lines");
        }
    }

    #[test]
    fn no_two_specs_are_the_same() {
        assert_eq!(super::spec(3), super::spec(3));
        assert_ne!(super::spec(3), super::spec(4));
    }
}
