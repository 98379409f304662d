//! GitHub: `X-Hub-Signature-256: sha256=HEX`, over the body.

use engine_expr::{EvalError, Scope, Value};
use engine_request::HashAlgorithm;
use engine_request::auth::KeyEncoding;
use engine_spec::verify::GitHubVerify;

use super::delivery::is_same;
use super::parts::hex;
use super::secrets::Secrets;
use super::{Delivery, Refusal, Unsigned};

const HEADER: &str = "x-hub-signature-256";
/// What GitHub sends beside the signature, unsigned: a name for each delivery, and what happened.
const DELIVERY: &str = "X-GitHub-Delivery";
const KIND: &str = "X-GitHub-Event";

/// By which member a body shows what happened; where several are there, the first of these says it.
const KINDS: [(&str, &str); 22] = [
    ("zen", "ping"),
    ("comment", "issue_comment"),
    ("review", "pull_request_review"),
    ("thread", "pull_request_review_thread"),
    ("pull_request", "pull_request"),
    ("issue", "issues"),
    ("workflow_job", "workflow_job"),
    ("workflow_run", "workflow_run"),
    ("check_run", "check_run"),
    ("check_suite", "check_suite"),
    ("deployment_status", "deployment_status"),
    ("deployment", "deployment"),
    ("discussion", "discussion"),
    ("release", "release"),
    ("milestone", "milestone"),
    ("label", "label"),
    ("forkee", "fork"),
    ("starred_at", "star"),
    ("member", "member"),
    ("pages", "gollum"),
    ("commits", "push"),
    ("installation", "installation"),
];

#[derive(Debug)]
pub(super) struct Github {
    secrets: Secrets,
}

impl Github {
    pub(super) fn new(spec: &GitHubVerify, scope: &Scope) -> Result<Self, EvalError> {
        Ok(Self { secrets: Secrets::new(&spec.secret, KeyEncoding::Text, scope)? })
    }

    pub(super) fn check(&self, delivery: &Delivery<'_>) -> Result<(), Refusal> {
        let given = delivery.header(HEADER)?;
        for key in &*self.secrets.of(delivery)? {
            if is_same(given.as_bytes(), signature(key, delivery.body).as_bytes()) {
                return Ok(());
            }
        }
        Err(Refusal::header(HEADER, "does not fit the body and the secret"))
    }

    pub(super) fn sign(&self, event: &mut Unsigned) -> Result<(), String> {
        if !event.has_header(DELIVERY) {
            event.set_header(DELIVERY, event.id.clone());
        }
        if let Some(kind) = kind(&event.body).filter(|_| !event.has_header(KIND)) {
            event.set_header(KIND, kind);
        }
        let key = self.secrets.first(&event.event)?;
        let signature = signature(&key, &event.body);
        event.set_header("X-Hub-Signature-256", signature);
        Ok(())
    }
}

/// Tells what happened by what is in the body, for tests of a trigger: it is not told there itself.
fn kind(body: &[u8]) -> Option<&'static str> {
    let body = Value::from_json(std::str::from_utf8(body).ok()?).ok()?;
    let has = |name: &str| body.get(name).is_some();
    match KINDS.iter().find(|(member, _)| has(member))?.1 {
        "issue_comment" if has("pull_request") => Some("pull_request_review_comment"),
        "issue_comment" if has("discussion") => Some("discussion_comment"),
        "issue_comment" if !has("issue") => Some("commit_comment"),
        kind => Some(kind),
    }
}

fn signature(key: &[u8], body: &[u8]) -> String {
    format!("sha256={}", hex(&HashAlgorithm::Sha256.mac(key, body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_happened_by_the_body() {
        for (body, expected) in [
            (r#"{"action": "opened", "issue": {}, "repository": {}}"#, Some("issues")),
            (r#"{"action": "created", "issue": {}, "comment": {}}"#, Some("issue_comment")),
            (r#"{"action": "created", "pull_request": {}, "comment": {}}"#, Some("pull_request_review_comment")),
            (r#"{"action": "labeled", "issue": {}, "label": {}}"#, Some("issues")),
            (r#"{"ref": "refs/heads/main", "commits": [], "installation": {}}"#, Some("push")),
            (r#"{"zen": "Design for failure.", "hook_id": 1}"#, Some("ping")),
            (r#"{"something": 1}"#, None),
            ("no JSON", None),
        ] {
            assert_eq!(kind(body.as_bytes()), expected, "{body}");
        }
    }
}
