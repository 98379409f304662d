//! How requests prove who they are.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::document::{Document, pointer};
use crate::Notes;
use crate::spec::SpecDraft;

/// The ways that a document knows, as auth of a spec.
pub(super) struct Schemes(BTreeMap<String, Value>);

/// Reads the ways, and sets that of the API.
pub(super) fn schemes(document: &Document<'_>, spec: &mut SpecDraft, notes: &mut Notes) -> Schemes {
    let (parts, list): (&[&str], _) = if document.is_swagger {
        (&["securityDefinitions"], document.root.get("securityDefinitions"))
    } else {
        (&["components", "securitySchemes"], document.root.pointer("/components/securitySchemes"))
    };
    let mut known = BTreeMap::new();
    let list: Vec<(&String, &Value)> = list.and_then(Value::as_object).into_iter().flatten().collect();
    let is_alone = list.len() == 1;
    for (name, scheme) in list {
        let place = format!("{}{}", pointer(parts), pointer(&[name]));
        let scheme = document.look(scheme);
        let named = if is_alone { String::new() } else { format!("{}_", crate::name::snake(name)) };
        match auth(scheme, &named, document, spec) {
            Ok((auth, note)) => {
                known.insert(name.clone(), auth);
                if let Some(note) = note {
                    notes.say(place, note);
                }
            }
            Err(what) => notes.say(place, format!("{what}: write `auth` by hand")),
        }
    }
    let schemes = Schemes(known);
    match document.root.get("security") {
        Some(general) => spec.auth = schemes.of(general, "/security", notes).filter(|auth| *auth != json!("none")),
        // Many documents declare one way and forget to say that it is used.
        None if schemes.0.len() == 1 => spec.auth = schemes.0.values().next().cloned(),
        None => {}
    }
    schemes
}

impl Schemes {
    /// Returns the auth of an operation, where it is another than that of the API.
    pub(super) fn of_operation(
        &self,
        operation: &Value,
        spec: &SpecDraft,
        place: &str,
        notes: &mut Notes,
    ) -> Option<Value> {
        let security = operation.get("security")?;
        let own = self.of(security, &format!("{place}/security"), notes);
        match (own, &spec.auth) {
            (Some(own), general) if Some(&own) != general.as_ref() => {
                if own == json!("none") && general.is_none() {
                    None
                } else {
                    Some(own)
                }
            }
            _ => None,
        }
    }

    /// Takes the first way of a list of them that can be gone.
    fn of(&self, security: &Value, place: &str, notes: &mut Notes) -> Option<Value> {
        let ways = security.as_array()?;
        if ways.is_empty() {
            return Some(json!("none"));
        }
        for way in ways {
            let Some(way) = way.as_object() else { continue };
            let auths: Option<Vec<Value>> = way
                .iter()
                .map(|(name, scopes)| {
                    let mut auth = self.0.get(name)?.clone();
                    let asked = scopes.as_array().filter(|it| !it.is_empty());
                    if let (Some(asked), Some("oauth2")) = (asked, auth.get("type").and_then(Value::as_str))
                        && auth.get("scopes").is_none()
                        && place == "/security"
                    {
                        auth["scopes"] = json!(asked);
                    }
                    Some(auth)
                })
                .collect();
            let Some(mut auths) = auths else { continue };
            return Some(match auths.len() {
                0 => json!("none"),
                1 => auths.remove(0),
                _ => Value::Array(auths),
            });
        }
        notes.say(place, "none of these ways to prove who is asking could be carried over");
        None
    }
}

/// Takes the secrets away that no auth uses.
pub(super) fn retain_used(spec: &mut SpecDraft) {
    let mut text = spec.auth.as_ref().map(Value::to_string).unwrap_or_default();
    for (_, endpoint) in &spec.endpoints {
        text.extend(endpoint.auth.as_ref().map(Value::to_string));
    }
    spec.secrets.retain(|name, _| text.contains(&format!("secrets.{name} ")));
}

type Made = Result<(Value, Option<String>), String>;

/// Makes the auth of a way.
fn auth(scheme: &Value, named: &str, document: &Document<'_>, spec: &mut SpecDraft) -> Made {
    let text = |name: &str| scheme.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut secret = |what: &str| spec.secret(&format!("{named}{what}"));
    let kind = text("type");
    match (kind, text("scheme").to_ascii_lowercase().as_str()) {
        ("apiKey", _) => {
            let name = text("name");
            let place = match text("in") {
                "header" | "cookie" if !super::param::is_header(name) => {
                    return Err(format!("`{name}` is no name of a header"));
                }
                "query" => format!("query.{name}"),
                "cookie" => format!("cookie.{name}"),
                _ if name.eq_ignore_ascii_case("authorization") => {
                    let described = text("description");
                    // Many write a bearer token down as a header.
                    if described.contains("Bearer") || described.contains("bearer") {
                        return Ok((json!({"type": "bearer", "token": secret("token")}), None));
                    }
                    "header.Authorization".to_owned()
                }
                _ => format!("header.{name}"),
            };
            Ok((json!({"type": "api_key", "value": secret("api_key"), "in": place}), None))
        }
        ("basic", _) | ("http", "basic") => {
            Ok((json!({"type": "basic", "username": secret("username"), "password": secret("password")}), None))
        }
        ("http", "bearer") => Ok((json!({"type": "bearer", "token": secret("token")}), None)),
        ("http", "digest") => {
            Ok((json!({"type": "digest", "username": secret("username"), "password": secret("password")}), None))
        }
        ("http", other) => {
            let place = json!({"type": "api_key", "value": secret("credential"), "in": "header.Authorization", "prefix": text("scheme")});
            Ok((place, Some(format!("`{other}` is sent as it is given: check what the API wants"))))
        }
        ("oauth2", _) => Ok(oauth2(scheme, document, &mut secret)),
        ("openIdConnect", _) => Ok((
            json!({"type": "bearer", "token": secret("token")}),
            Some(
                "OpenID Connect does not say here where tokens come from: give one, or write `auth: {type: oauth2, …}`"
                    .to_owned(),
            ),
        )),
        ("mutualTLS", _) => Err("certificates of clients belong into `tls` of the API".to_owned()),
        (other, _) => Err(format!("the kind `{other}` is not known")),
    }
}

fn oauth2(scheme: &Value, document: &Document<'_>, secret: &mut dyn FnMut(&str) -> String) -> (Value, Option<String>) {
    let flows: Map<String, Value> = if document.is_swagger {
        let flow = match scheme.get("flow").and_then(Value::as_str).unwrap_or_default() {
            "application" => "clientCredentials",
            "accessCode" => "authorizationCode",
            other => other,
        };
        [(flow.to_owned(), scheme.clone())].into_iter().collect()
    } else {
        scheme.get("flows").and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let url = |flow: &Value, name: &str| {
        flow.get(name).and_then(Value::as_str).filter(|it| it.contains("://")).map(str::to_owned)
    };
    for (name, grant) in [
        ("clientCredentials", "client_credentials"),
        ("authorizationCode", "authorization_code"),
        ("password", "password"),
        ("deviceAuthorization", "device_code"),
    ] {
        let Some(flow) = flows.get(name) else { continue };
        let Some(token_url) = url(flow, "tokenUrl") else {
            continue;
        };
        let mut auth = json!({"type": "oauth2", "grant": grant, "token_url": token_url});
        if grant == "authorization_code" {
            let Some(authorize_url) = url(flow, "authorizationUrl") else { continue };
            auth["authorize_url"] = json!(authorize_url);
        }
        if grant == "device_code" {
            let Some(device_url) = url(flow, "deviceAuthorizationUrl") else { continue };
            auth["device_url"] = json!(device_url);
        }
        auth["client_id"] = json!(secret("client_id"));
        if grant != "device_code" {
            auth["client_secret"] = json!(secret("client_secret"));
        }
        if grant == "password" {
            auth["username"] = json!(secret("username"));
            auth["password"] = json!(secret("password"));
        }
        let scopes: Vec<&String> =
            flow.get("scopes").and_then(Value::as_object).map(|it| it.keys().collect()).unwrap_or_default();
        let note = match scopes.len() {
            0 => None,
            1..=4 => {
                auth["scopes"] = json!(scopes);
                None
            }
            many => Some(format!("{many} scopes are known: write those that are needed into `scopes`")),
        };
        return (auth, note);
    }
    let note = "the document has no URL that gives tokens: give one, or write `auth: {type: oauth2, …}`";
    (json!({"type": "bearer", "token": secret("token")}), Some(note.to_owned()))
}
