//! All that can be found about a spec or a run, each with a page that explains it.

use engine_source::Severity;
use engine_source::Severity::{Error, Warning};

use self::Stage::{Holding, Reading, Running};

/// A kind of finding.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Rule {
    /// Its stable name, in kebab-case.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// When it is found.
    pub stage: Stage,
    /// What is wrong, in one line.
    pub summary: &'static str,
    /// Why it is reported, a wrong spec and a right one; in Markdown.
    pub page: &'static str,
}

/// When something is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// When a spec is read and checked.
    Reading,
    /// When a spec is held against a document of its API.
    Holding,
    /// When it runs.
    Running,
}

macro_rules! rule {
    ($code:literal, $severity:ident, $stage:ident, $summary:literal) => {
        Rule {
            code: $code,
            severity: $severity,
            stage: $stage,
            summary: $summary,
            page: include_str!(concat!("pages/", $code, ".md")),
        }
    };
}

/// All kinds of findings.
pub static RULES: &[Rule] = &[
    rule!("yaml-syntax", Error, Reading, "the text is not YAML"),
    rule!("tab", Error, Reading, "a tab stands where YAML wants spaces"),
    rule!("duplicate-key", Error, Reading, "a key stands twice in one object"),
    rule!("unquoted-template", Error, Reading, "a template stands without quotes"),
    rule!("flow-value", Error, Reading, "a value inside braces ends earlier than it looks"),
    rule!("quoted-start", Error, Reading, "a value begins with a quote or `!` and goes on"),
    rule!("too-deep", Error, Reading, "lists and objects stand too deep in one another"),
    rule!("too-large", Error, Reading, "the file is too large"),
    rule!("alias-expansion", Error, Reading, "aliases stand for too much"),
    rule!("unknown-anchor", Error, Reading, "an alias names no anchor"),
    rule!("yaml11-boolean", Warning, Reading, "a word that YAML 1.1 took for a boolean"),
    rule!("unknown-field", Error, Reading, "a key that is not known at its place"),
    rule!("missing-field", Error, Reading, "a key that must be there is not"),
    rule!("wrong-type", Error, Reading, "a value of another type than its place takes"),
    rule!("unknown-variant", Error, Reading, "a kind that is not known"),
    rule!("invalid-value", Error, Reading, "a value that cannot be meant"),
    rule!("conflicting-keys", Error, Reading, "keys that exclude each other"),
    rule!("unsupported-version", Error, Reading, "a version of the language that this program does not know"),
    rule!("invalid-duration", Error, Reading, "a text that is not a duration"),
    rule!("invalid-size", Error, Reading, "a text that is not a size"),
    rule!("invalid-rate", Error, Reading, "a text that is not a rate"),
    rule!("invalid-status", Error, Reading, "a text that is not a status pattern"),
    rule!("invalid-request", Error, Reading, "a request line that is not one"),
    rule!("invalid-url", Error, Reading, "a text that is not a URL"),
    rule!("invalid-regex", Error, Reading, "a text that is not a regular expression"),
    rule!("invalid-schema", Error, Reading, "a JSON Schema that is not one"),
    rule!("invalid-cron", Error, Reading, "a text that is not a schedule"),
    rule!("invalid-timezone", Error, Reading, "a time zone that is not known"),
    rule!("invalid-place", Error, Reading, "a text that is not a place"),
    rule!("unsigned-dedupe", Error, Reading, "a dedupe key that anybody can change"),
    rule!("path-not-in-example", Warning, Reading, "a path that is all but the name of a member of the example"),
    rule!("unmapped-key", Error, Reading, "a member of a key that the mapping does not make"),
    rule!("invalid-name", Error, Reading, "a name with characters that names do not have"),
    rule!("invalid-default", Error, Reading, "a default or an allowed value that does not fit its own declaration"),
    rule!("template-syntax", Error, Reading, "a template that cannot be parsed"),
    rule!("condition-syntax", Error, Reading, "a condition that cannot be parsed"),
    rule!("path-as-condition", Error, Reading, "a path stands where a condition belongs"),
    rule!("invalid-jsonpath", Error, Reading, "a path that is not JSONPath"),
    rule!("undefined-variable", Error, Reading, "a name that stands for nothing at its place"),
    rule!("unknown-function", Error, Reading, "a function that templates do not have"),
    rule!("unknown-filter", Error, Reading, "a filter that templates do not have"),
    rule!("unknown-test", Error, Reading, "a test that templates do not have"),
    rule!("constant-template", Warning, Reading, "a template whose result is always the same"),
    rule!("secret-exposed", Error, Reading, "a secret would be written down"),
    rule!("undefined-endpoint", Error, Reading, "an endpoint that is not there"),
    rule!("undefined-api", Error, Reading, "an API that is not there"),
    rule!("undefined-webhook", Error, Reading, "a webhook of an API that is not there"),
    rule!("undefined-mapping", Error, Reading, "a mapping that is not there"),
    rule!("undefined-sink", Error, Reading, "a sink that is not there"),
    rule!("undefined-step", Error, Reading, "a step that is not there, or not yet"),
    rule!("missing-param", Error, Reading, "a call lacks a param that the endpoint needs"),
    rule!("unknown-param", Error, Reading, "a call gives a param that the endpoint does not have"),
    rule!("path-without-param", Error, Reading, "a path names a param that is not declared"),
    rule!("repeated-id", Error, Reading, "two steps have the same id"),
    rule!("not-readable", Error, Reading, "a read of an endpoint that says nothing about records"),
    rule!("unused-secret", Warning, Reading, "a secret that nothing uses"),
    rule!("unused-mapping", Warning, Reading, "a mapping that no step uses"),
    rule!("unreachable-case", Error, Reading, "a case of a `switch` that no item comes to"),
    rule!("unused-concurrency", Warning, Reading, "a `concurrency` where nothing waits"),
    rule!("unused-timezone", Warning, Reading, "a `timezone` of a schedule that has no hours"),
    rule!("paginated-call", Warning, Reading, "a call of an endpoint that has pages"),
    rule!(
        "retry-without-key",
        Warning,
        Reading,
        "a request that makes something is sent again without an idempotency key"
    ),
    rule!("unreadable-file", Error, Reading, "a file that cannot be read"),
    rule!("endpoint-cycle", Error, Reading, "endpoints made of steps that use each other without end"),
    rule!("flow-cycle", Error, Reading, "flows that run each other"),
    rule!("import-missing", Error, Reading, "an imported file that is not there"),
    rule!("import-cycle", Error, Reading, "files that import each other"),
    rule!("import-clash", Error, Reading, "two imports that define one name differently"),
    rule!("import-not-allowed", Error, Reading, "an import that is not a file"),
    rule!("contract-operation", Error, Holding, "an operation that the document of the API does not have"),
    rule!("contract-request", Error, Holding, "a request that the document of the API does not take"),
    rule!("undocumented-param", Warning, Holding, "something is sent of which the document of the API says nothing"),
    rule!("contract-answer", Error, Holding, "a path to what answers don't have by the document of the API"),
    rule!("contract-example", Warning, Holding, "an example that is not as the document of the API says"),
    rule!("contract-auth", Warning, Holding, "a proof of who is asking that the document of the API does not name"),
    rule!("deprecated-operation", Warning, Holding, "an operation that the document of the API says is to go"),
    rule!("contract-mismatch", Warning, Running, "an answer that is not as the document of the API says"),
    rule!("missing-input", Error, Running, "a required input was not given"),
    rule!("invalid-input", Error, Running, "an input is given a value that it cannot have"),
    rule!("missing-secret", Error, Running, "a secret could not be found"),
    rule!("template-failed", Error, Running, "a template, a condition or a path failed"),
    rule!("http-status", Error, Running, "an answer's status says that the request failed"),
    rule!("graphql-errors", Error, Running, "an answer of GraphQL says that the operation failed"),
    rule!("not-json", Error, Running, "an answer's body is not JSON"),
    rule!("invalid-body", Error, Running, "an answer's body is not what it should be"),
    rule!("unexpected-shape", Error, Running, "an answer has another shape than the spec says"),
    rule!("body-too-large", Error, Running, "an answer's body is too large"),
    rule!("timeout", Error, Running, "no answer came in time"),
    rule!("connection", Error, Running, "no connection could be made"),
    rule!("mapping-required", Error, Running, "a record lacks a field that its mapping requires"),
    rule!("mapping-type", Error, Running, "a value cannot be brought to the type of its field"),
    rule!("invalid-record", Error, Running, "a record breaks a rule of its step"),
    rule!("pagination-loop", Error, Running, "a page came that was already read"),
    rule!("too-many-pages", Error, Running, "a read reached its `max_pages`"),
    rule!(
        "api-unavailable",
        Error,
        Running,
        "an API does not work, or wants no requests, for longer than anybody waits"
    ),
    rule!("auth-failed", Error, Running, "a token or a login could not be had"),
    rule!("login-needed", Error, Running, "a person has to allow the access first"),
    rule!("host-not-allowed", Error, Running, "a request would go to a host that the spec does not name"),
    rule!("state-failed", Error, Running, "what is kept between runs cannot be read or written"),
    rule!("sink-failed", Error, Running, "a sink could not write"),
    rule!("sink-unreadable", Error, Running, "a sink could not be read"),
    rule!("needs-server", Error, Running, "the run waits for an event, and nobody takes one"),
    rule!("interrupted", Error, Running, "the run was interrupted"),
    rule!("test-failed", Error, Running, "a test expects something else than what came out"),
    rule!("unmocked-request", Error, Running, "a test has no answer for a request"),
    rule!("in-doubt", Error, Running, "a request may have been sent before the run broke off"),
    rule!("run-not-resumable", Error, Running, "a run can't be taken up where it broke off"),
    rule!("serve-clash", Error, Running, "two flows that cannot be served together"),
    rule!("step-failed", Error, Running, "a step failed by its own word"),
    rule!("output-failed", Error, Running, "the output could not be written"),
    rule!("internal-error", Error, Running, "something in the engine itself is wrong"),
];

/// Returns a kind of finding by its code.
pub fn explain(code: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_each_code_once_and_a_page_for_it() {
        for (index, rule) in RULES.iter().enumerate() {
            assert!(RULES.iter().skip(index + 1).all(|other| other.code != rule.code), "{} is there twice", rule.code);
            assert!(
                rule.page.starts_with(&format!("# {}\n", rule.code)),
                "the page of {} has another title",
                rule.code
            );
            assert!(!rule.summary.ends_with('.'), "{}", rule.code);
        }
        assert!(explain("unknown-field").is_some());
        assert!(explain("no-such-thing").is_none());
    }
}
