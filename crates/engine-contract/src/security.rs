//! How requests prove who is asking, held against the ways that a document names. What can't be told apart is taken for right.

use engine_plan::Endpoint;
use engine_request::{Auth, Target};
use engine_source::Finding;
use serde_json::Value as Json;

use crate::operation::Operation;
use crate::schema::Schemas;
use crate::sent::Sent;
use crate::told::Told;

/// Warns where no way that the document names is gone.
pub(crate) fn hold<'d>(
    schemas: &Schemas<'d>,
    operation: &Operation<'d>,
    endpoint: &Endpoint,
    said: &mut Vec<String>,
    told: &mut Told<'d>,
) {
    let document = &schemas.document;
    let of = operation.own.get("security").or_else(|| document.root.get("security"));
    let Some(ways) = of.and_then(Json::as_array).filter(|ways| !ways.is_empty()) else { return };
    let known =
        document.root.pointer("/components/securitySchemes").or_else(|| document.root.get("securityDefinitions"));
    let sent = Sent::of(endpoint);
    let is_gone = |way: &Json| {
        way.as_object().is_none_or(|way| {
            way.keys().all(|name| {
                let scheme = known.and_then(|known| known.get(name)).map(|scheme| document.look(scheme));
                scheme.is_none_or(|scheme| fits(scheme, endpoint, &sent))
            })
        })
    };
    if ways.iter().any(is_gone) {
        return;
    }
    let names: Vec<String> = ways
        .iter()
        .filter_map(Json::as_object)
        .map(|way| {
            let parts: Vec<String> = way.keys().map(|name| format!("`{name}`")).collect();
            parts.join(" with ")
        })
        .collect();
    let own: Vec<&str> = endpoint.auth.iter().map(Auth::kind).collect();
    let own = if own.is_empty() { "none".to_owned() } else { own.join(" and ") };
    let message = format!("auth of `{}` is {own}, where the document has {}", endpoint.api, names.join(" or "));
    // What holds for the whole API is said once.
    if !said.contains(&message) {
        let finding = Finding::warning("contract-auth", message.clone()).label(endpoint.span, "");
        let place = of.unwrap_or(operation.own);
        told.say(finding.help("check how the API wants to know who is asking"), place);
        said.push(message);
    }
}

/// Tells whether the auth of an endpoint may be what a scheme asks for.
fn fits(scheme: &Json, endpoint: &Endpoint, sent: &Sent<'_>) -> bool {
    let text = |name: &str| scheme.get(name).and_then(Json::as_str).unwrap_or_default();
    let name = text("name");
    let any = |fits: &dyn Fn(&Auth) -> bool| endpoint.auth.iter().any(fits);
    if any(&|auth| matches!(auth, Auth::Switch(_) | Auth::Hmac(_) | Auth::AwsSigv4(_))) {
        return true;
    }
    let in_authorization = |auth: &Auth| match auth {
        Auth::Bearer(_) => true,
        Auth::Oauth2(auth) => is_authorization(auth.place.as_ref()),
        Auth::Jwt(auth) => is_authorization(auth.place.as_ref()),
        Auth::Session(auth) => is_authorization(auth.place.as_ref()),
        Auth::ApiKey(auth) => auth.place.as_ref().is_some_and(|place| is_authorization(Some(place))),
        _ => false,
    };
    match (text("type"), text("scheme").to_ascii_lowercase().as_str()) {
        ("apiKey", _) => match text("in") {
            "header" if name.eq_ignore_ascii_case("authorization") => any(&|auth| {
                in_authorization(auth) || matches!(auth, Auth::Basic(_) | Auth::Digest(_) | Auth::Oauth1(_))
            }),
            "header" => sent.headers.iter().any(|member| member.name.eq_ignore_ascii_case(name)),
            "query" => sent.query.iter().any(|member| member.name == name),
            "cookie" => sent.cookies.iter().any(|known| known == name) || any(&|auth| matches!(auth, Auth::Session(_))),
            _ => true,
        },
        ("basic", _) | ("http", "basic") => {
            any(&|auth| matches!(auth, Auth::Basic(_)) || matches!(auth, Auth::ApiKey(_) if in_authorization(auth)))
        }
        ("http", "digest") => any(&|auth| matches!(auth, Auth::Digest(_))),
        ("http", "bearer") | ("oauth2" | "openIdConnect", _) => any(&in_authorization),
        ("mutualTLS", _) => endpoint.api_settings.tls.is_some(),
        _ => true,
    }
}

fn is_authorization(place: Option<&engine_request::Place>) -> bool {
    place.is_none_or(
        |place| matches!(place.target(), Target::Header(name) if name.eq_ignore_ascii_case("authorization")),
    )
}
