//! Dead letters: records that were kept aside because they failed.

use axum::extract::State;
use axum::response::Response;
use engine_expr::{Members, Value};
use engine_runtime::Letter;
use http::StatusCode;

use super::problem::Problem;
use super::question::Question;
use super::{Api, Named, answer, content};

/// What of a letter may have secrets in it that only its flow knows.
const CONTENT: [&str; 7] = ["inputs", "trigger", "request", "item", "taken", "original", "parents"];

/// Shows letters, those of a flow and a step together, as they came.
pub(super) async fn list(State(api): State<Api>, mut question: Question) -> Result<Response, Problem> {
    let (flow, step) = (question.take("flow"), question.take("step"));
    let limit = question.limit()?;
    question.end()?;
    let letters = all(&api).await?;
    let chosen = letters.iter().filter(|letter| {
        flow.as_deref().is_none_or(|flow| flow == letter.flow())
            && step.as_deref().is_none_or(|step| is_of(letter, step))
    });
    let letters = chosen.take(limit as usize).map(|letter| shown(&api, letter)).collect();
    Ok(answer(StatusCode::OK, &Value::object([("dead_letters", Value::list(letters))])))
}

/// Shows one letter.
pub(super) async fn show(State(api): State<Api>, Named(id): Named) -> Result<Response, Problem> {
    let letters = all(&api).await?;
    match letters.iter().find(|letter| letter.id == id) {
        Some(letter) => Ok(answer(StatusCode::OK, &shown(&api, letter))),
        None => Err(Problem::not_found("there is no dead letter of this id: see `/api/v1/dead-letters`")),
    }
}

async fn all(api: &Api) -> Result<Vec<Letter>, Problem> {
    let mut letters = Letter::all(&*api.server.state).await.map_err(|error| api.state_failed(&error))?;
    letters.sort_by(|left, right| {
        (left.flow(), left.step(), left.kept_at).cmp(&(right.flow(), right.step(), right.kept_at))
    });
    Ok(letters)
}

/// Tells whether a letter is of a step, or of one within it.
fn is_of(letter: &Letter, step: &str) -> bool {
    letter.step().strip_prefix(step).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns a letter; without its content where its flow is not served, since nobody knows then what is secret in it.
fn shown(api: &Api, letter: &Letter) -> Value {
    let whole = letter.to_value();
    let Some(flow) = api.server.flows.find(letter.flow()) else {
        let members = whole.as_object().into_iter().flat_map(Members::iter);
        return Value::object(members.map(|(name, value)| {
            (name.clone(), if CONTENT.contains(&&**name) { Value::Null } else { value.clone() })
        }));
    };
    let mut value = content::without_secrets(&whole, &flow);
    if let (Value::Object(members), Some(trigger)) = (&mut value, whole.get("trigger")) {
        let mut shown = Members::clone(members);
        shown.insert("trigger", content::trigger(trigger, &flow));
        value = Value::Object(shown.into());
    }
    value
}
