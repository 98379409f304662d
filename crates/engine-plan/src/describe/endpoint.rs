//! Endpoints with all that holds for them, and where each part of that comes from: the endpoint itself, its API, or the default.

use engine_expr::Setting;
use engine_request::{Auth, ErrorRule, IdempotencyKey, Method, Retry};
use engine_source::Map;
use serde::Serialize;
use serde_json::Value as Json;

use super::request::{RequestDescription, Uses};
use super::{Describer, flat};
use crate::plan::Endpoint;

/// An endpoint and all that holds for it.
#[derive(Clone, Debug, Serialize)]
pub struct EndpointDescription {
    /// Its name: `API.ENDPOINT`.
    pub id: String,
    /// What it does, for people.
    pub description: Option<String>,
    /// Its request, whoever uses it.
    pub request: RequestDescription,
    /// Its params: the name, the type, and `required` or the default.
    pub params: Vec<String>,
    /// What holds for it.
    pub settings: Vec<SettingDescription>,
    /// The steps that use it, by their addresses.
    pub used_by: Vec<String>,
    /// Where it is written.
    pub at: Option<String>,
}

/// Something that holds for an endpoint.
#[derive(Clone, Debug, Serialize)]
pub struct SettingDescription {
    /// What it is.
    pub name: &'static str,
    /// What holds, in words.
    pub text: String,
    /// Who says so.
    pub from: Provenance,
    /// Where it is written; nothing of a default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<String>,
}

/// Who says what holds for an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// The endpoint.
    Own,
    /// Its API.
    Api,
    /// Both of them, each a part.
    Both,
    /// Nobody.
    Default,
}

impl Provenance {
    /// Returns it in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Api => "API",
            Self::Both => "own and API",
            Self::Default => "default",
        }
    }
}

/// How what an endpoint says and what its API says go together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joined {
    /// The endpoint's own replaces that of the API.
    Replaced,
    /// The same; that of an API holds for its GETs only.
    ReplacedOfGets,
    /// Both hold.
    Added,
    /// Only an endpoint says it.
    Own,
}

/// What is told of an auth: where it goes and who is asked, but nothing that proves anything.
const OF_AUTH: [&str; 20] = [
    "in",
    "prefix",
    "methods",
    "grant",
    "token_url",
    "authorize_url",
    "device_url",
    "scopes",
    "audience",
    "client_auth",
    "login",
    "lifetime",
    "algorithm",
    "encoding",
    "region",
    "service",
    "signature_method",
    "realm",
    "on",
    "cases",
];

/// Returns the endpoints by which an endpoint's auths log in.
pub(super) fn logins(endpoint: &Endpoint) -> Vec<String> {
    let names = |auth: &Auth| match auth {
        Auth::Session(session) => session.login.as_slice().iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    endpoint.auth.iter().flat_map(names).map(|name| format!("{}.{name}", endpoint.api)).collect()
}

impl Describer<'_> {
    /// Describes an endpoint.
    pub(super) fn endpoint(&self, endpoint: &Endpoint) -> EndpointDescription {
        let id = endpoint.id();
        let nothing = Uses {
            params: &Map::default(),
            query: &Map::default(),
            headers: &Map::default(),
            body: None,
            beginning: None,
        };
        let params = endpoint.params.iter().map(|(name, param)| {
            let kind = param.kind.as_str();
            match &param.default {
                Some(default) => {
                    format!("{}: {kind}, {} if not given", name.value, flat::text(&self.fill.value(default)))
                }
                None if crate::plan::is_required(param) => format!("{}: {kind}, required", name.value),
                None => format!("{}: {kind}", name.value),
            }
        });
        EndpointDescription {
            description: endpoint.description.clone(),
            request: self.request(endpoint, &nothing),
            params: params.collect(),
            settings: self.settings(endpoint),
            used_by: self.users(|step| self.uses(step).contains(&id)),
            at: self.merged.place_of(&["apis", &endpoint.api, "endpoints", &endpoint.name]),
            id,
        }
    }

    fn settings(&self, endpoint: &Endpoint) -> Vec<SettingDescription> {
        let fill = self.fill;
        let none = |text: &str| text.to_owned();
        let auth: Vec<String> = endpoint.auth.iter().map(|auth| self.auth(auth)).collect();
        let errors: Vec<String> = endpoint.errors.iter().map(error_rule).collect();
        let limits: Vec<String> = endpoint
            .rate_limits
            .iter()
            .map(|limit| format!("{} (bucket {})", flat::members_of(&flat::json(&limit.limit, fill)), limit.bucket))
            .collect();
        let concurrency = [
            endpoint.concurrency.as_ref().map(|own| format!("{} of this endpoint", shown(own))),
            endpoint.api_settings.concurrency.as_ref().map(|api| format!("{} of the API", shown(api))),
        ];
        let concurrency: Vec<String> = concurrency.into_iter().flatten().collect();
        let or = |list: Vec<String>, otherwise: &str| if list.is_empty() { none(otherwise) } else { list.join("; ") };
        let records = endpoint.records.as_ref().map(|it| {
            let missing = if it.missing() == engine_request::MissingRecords::Empty {
                ", a body without them is empty"
            } else {
                ""
            };
            format!("{}{missing}", it.from().text())
        });
        let mut settings = vec![
            self.setting(endpoint, "auth", Joined::Replaced, "auth", or(auth, "none")),
            self.setting(
                endpoint,
                "pagination",
                Joined::Replaced,
                "paginate",
                endpoint
                    .paginate
                    .as_ref()
                    .map_or_else(|| none("none: one page"), |it| flat::tagged(&flat::json(it, fill))),
            ),
            self.setting(endpoint, "retry", Joined::Added, "retry", retry(endpoint)),
            self.setting(
                endpoint,
                "rate limit",
                Joined::Added,
                "rate_limit",
                or(limits, "none; what the API's headers say is obeyed"),
            ),
            self.setting(
                endpoint,
                "timeout",
                Joined::Replaced,
                "timeout",
                endpoint.timeout.as_ref().map_or_else(|| none("30s"), shown),
            ),
            self.setting(endpoint, "errors", Joined::Added, "errors", {
                let rest = "what is not 2xx fails, or is tried again";
                if errors.is_empty() { none(rest) } else { format!("{}; else {rest}", errors.join("; ")) }
            }),
        ];
        if let Some(base) = &endpoint.base_url {
            settings.insert(0, self.setting(endpoint, "base URL", Joined::Replaced, "base_url", fill.text(base)));
        }
        if let Some(records) = records {
            settings.push(self.setting(endpoint, "records", Joined::ReplacedOfGets, "records", records));
        }
        if let Some(key) = &endpoint.key {
            settings.push(self.setting(
                endpoint,
                "key",
                Joined::ReplacedOfGets,
                "key",
                flat::text(&flat::json(key, fill)),
            ));
        }
        if let Some(incremental) = &endpoint.incremental {
            let text = flat::members_of(&flat::json(incremental, fill));
            settings.push(self.setting(endpoint, "incremental", Joined::ReplacedOfGets, "incremental", text));
        }
        if let Some(conditional) = &endpoint.conditional {
            settings.push(self.setting(
                endpoint,
                "conditional",
                Joined::ReplacedOfGets,
                "conditional",
                shown(conditional),
            ));
        }
        if let Some(idempotency) = &endpoint.idempotency {
            let text = idempotency.key().map_or_else(
                || "natural: done twice is the same as done once".to_owned(),
                |IdempotencyKey { place, key }| {
                    let derived = || none("derived from run, step and record");
                    let key = key.as_ref().map_or_else(derived, |key| key.text().to_owned());
                    format!("{}, {key}", flat::text(&flat::json(place, fill)))
                },
            );
            settings.push(self.setting(endpoint, "idempotency", Joined::Own, "idempotency", text));
        }
        if !concurrency.is_empty() {
            settings.push(self.setting(endpoint, "in flight", Joined::Added, "concurrency", concurrency.join(", ")));
        }
        let response = flat::json(&endpoint.response, fill);
        if response.as_object().is_some_and(|members| !members.is_empty()) {
            settings.push(self.setting(endpoint, "response", Joined::Added, "response", flat::members_of(&response)));
        }
        settings
    }

    /// Says something that holds, and who says so.
    fn setting(
        &self,
        endpoint: &Endpoint,
        name: &'static str,
        joined: Joined,
        key: &str,
        text: String,
    ) -> SettingDescription {
        let own = ["apis", &endpoint.api, "endpoints", &endpoint.name, key];
        let api = ["apis", &endpoint.api, key];
        let is_get = endpoint.request.method() == Method::Get;
        let says = |path: &[&str]| self.merged.at(path);
        let own_says = says(&own);
        let takes_off = own_says.is_some_and(|node| node.is_null() || node.as_str() == Some("none"));
        let api_says = says(&api).filter(|node| !node.is_null()).filter(|_| match joined {
            Joined::Own => false,
            Joined::ReplacedOfGets => is_get,
            Joined::Replaced | Joined::Added => true,
        });
        let from = match (own_says.is_some(), api_says.is_some()) {
            (true, true) if joined == Joined::Added && !takes_off => Provenance::Both,
            (true, _) => Provenance::Own,
            (false, true) => Provenance::Api,
            (false, false) => Provenance::Default,
        };
        let at = match from {
            Provenance::Own => vec![self.merged.place_of(&own)],
            Provenance::Api => vec![self.merged.place_of(&api)],
            Provenance::Both => vec![self.merged.place_of(&own), self.merged.place_of(&api)],
            Provenance::Default => Vec::new(),
        };
        SettingDescription { name, text, from, at: at.into_iter().flatten().collect() }
    }

    fn auth(&self, auth: &Auth) -> String {
        let value = flat::json(auth, self.fill);
        let members = value.get(auth.kind()).and_then(Json::as_object);
        let told = members.into_iter().flatten().filter(|(name, _)| OF_AUTH.contains(&name.as_str()));
        let told = told.filter(|(_, value)| value.as_array().is_none_or(|items| !items.is_empty()));
        let told: Vec<String> = told
            .map(|(name, value)| match (name.as_str(), value) {
                // What is in them is told of when one of them is chosen.
                ("cases", Json::Object(cases)) => {
                    format!("cases {}", cases.keys().map(String::as_str).collect::<Vec<_>>().join(", "))
                }
                _ => format!("{name} {}", flat::text(value)),
            })
            .collect();
        let place = match auth {
            Auth::ApiKey(key) if key.place.is_none() => Some("in header.X-API-Key".to_owned()),
            _ => None,
        };
        let told: Vec<String> = place.into_iter().chain(told).collect();
        if told.is_empty() { auth.kind().to_owned() } else { format!("{} ({})", auth.kind(), told.join(", ")) }
    }
}

/// Says what an error rule does: `404: skip`.
fn error_rule(rule: &ErrorRule) -> String {
    let status: Vec<String> = rule.status.iter().flat_map(|status| status.iter().map(shown)).collect();
    let when = rule.when.as_ref().map(|when| format!("when {}", when.text()));
    let what: Vec<String> = (!status.is_empty()).then(|| status.join(", ")).into_iter().chain(when).collect();
    let action = rule
        .action
        .map_or_else(|| "fail".to_owned(), |action| flat::text(&serde_json::to_value(action).unwrap_or_default()));
    let wait = rule.wait.as_ref().map(|wait| format!(", after {}", shown(wait))).unwrap_or_default();
    let what = if what.is_empty() { "any answer".to_owned() } else { what.join(" ") };
    format!("{what}: {action}{wait}")
}

/// Says when a request is sent again.
fn retry(endpoint: &Endpoint) -> String {
    let Some(Retry { attempts, backoff, on, wait_from, max_elapsed }) = &endpoint.retry else {
        return "none: nothing is sent again".to_owned();
    };
    let or = |setting: Option<String>, default: &str| setting.unwrap_or_else(|| default.to_owned());
    let attempts = or(attempts.as_ref().map(shown), "5");
    let initial = or(backoff.as_ref().and_then(|it| it.initial.as_ref()).map(shown), "500ms");
    let max = or(backoff.as_ref().and_then(|it| it.max.as_ref()).map(shown), "60s");
    let elapsed = or(max_elapsed.as_ref().map(shown), "10m");
    let may_repeat =
        matches!(endpoint.request.method(), Method::Post | Method::Patch) && endpoint.idempotency.is_none();
    let on = match on {
        Some(on) => on.iter().map(shown).collect::<Vec<_>>().join(", "),
        None if may_repeat => "a connect error or a 429, since it has no idempotency key".to_owned(),
        None => "408, 425, 429, 500, 502, 503, 504, timeout, connect".to_owned(),
    };
    let from = wait_from
        .as_ref()
        .map(|place| format!(", waiting as {} says", flat::text(&serde_json::to_value(place).unwrap_or_default())))
        .unwrap_or_default();
    format!("{attempts} attempts, waiting {initial} to {max}, {elapsed} at most in all, after {on}{from}")
}

/// Returns a setting as it is written.
pub(super) fn shown<T>(setting: &Setting<T>) -> String {
    flat::text(&serde_json::to_value(setting).unwrap_or_default())
}
