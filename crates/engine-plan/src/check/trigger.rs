//! Checks of triggers, and of how events are verified.

use croner::parser::{CronParser, Seconds, Year};
use engine_expr::{Condition, EvalError, NameUse, Setting, Template};
use engine_request::{Name, OneOrMany, Period, Place, Target};
use engine_source::{Finding, similar, suggest};
use engine_spec::trigger::{
    Challenge, Dedupe, DedupeBy, EventPlace, ManualTrigger, Respond, RespondWait, ScheduleTrigger, Trigger,
    WebhookTrigger,
};
use engine_spec::verify::{
    BasicVerify, BearerVerify, GitHubVerify, HmacVerify, JwtVerify, ShopifyVerify, SignatureFormat, SignatureVerify,
    SlackVerify, StandardWebhooksVerify, StripeVerify,
};
use engine_spec::{ApiWebhook, Text, Verify};

use super::Checker;
use super::names::{GIVEN, Names, STEPS, TRIGGER, TS};
use crate::catalog::ApiEntry;

/// What the fields of a schedule are, the optional seconds first.
const FIELDS: [&str; 6] = ["second", "minute", "hour", "day of the month", "month", "day of the week"];

/// What is said of events, by a trigger or by the API that sends them.
struct Taking<'a> {
    verify: Option<&'a Verify>,
    filter: Option<&'a Condition>,
    dedupe: Option<&'a Dedupe>,
    places: [Option<&'a EventPlace>; 2],
    respond: Option<&'a Respond>,
}

/// Lists the webhooks of an API as triggers name them.
fn webhooks(api: &ApiEntry<'_>) -> impl Iterator<Item = String> {
    api.model.webhooks.keys().map(|name| format!("{}.{name}", api.name))
}

impl<'a> Checker<'a> {
    pub(super) fn triggers(&mut self) {
        let names = Names::of(GIVEN);
        for trigger in &self.spec.triggers {
            match trigger {
                Trigger::Manual(ManualTrigger {}) => {}
                Trigger::Schedule(schedule) => {
                    let ScheduleTrigger { cron, every, timezone, overlap: _, catch_up: _, jitter } = schedule;
                    if let Some(cron) = cron {
                        self.cron(cron);
                    }
                    if let Some(timezone) = timezone {
                        self.timezone(timezone, every.as_ref().filter(|_| cron.is_none()));
                    }
                    self.setting(every.as_ref(), &names);
                    self.every(every.as_ref());
                    self.setting(jitter.as_ref(), &names);
                }
                Trigger::Webhook(webhook) => self.webhook(webhook, &names.and(&[TRIGGER]).with_root()),
            }
        }
    }

    fn webhook(&mut self, webhook: &'a WebhookTrigger, names: &Names<'a>) {
        let WebhookTrigger {
            path,
            from,
            method: _,
            verify,
            filter,
            dedupe,
            partition,
            respond,
            challenge,
            max_body,
            rate,
        } = webhook;
        self.webhook_path(path);
        if let Some(from) = from {
            self.taken_over(from);
        }
        let taking = Taking {
            verify: verify.as_ref(),
            filter: filter.as_ref(),
            dedupe: dedupe.as_ref(),
            places: [partition.as_ref(), challenge.as_ref().map(Challenge::from)],
            respond: respond.as_ref(),
        };
        self.taking(&taking, names);
        self.setting(max_body.as_ref(), names);
        self.setting(rate.as_ref(), names);
    }

    /// Checks how an API sends events, whether a trigger takes it over or not.
    pub(super) fn api_webhook(&mut self, webhook: &'a ApiWebhook) {
        let ApiWebhook {
            description: _,
            method: _,
            verify,
            filter,
            dedupe,
            partition,
            respond,
            challenge,
            max_body,
            rate,
        } = webhook;
        let names = Names::of(GIVEN).and(&[TRIGGER]).with_root();
        let taking = Taking {
            verify: verify.as_ref(),
            filter: filter.as_ref(),
            dedupe: dedupe.as_ref(),
            places: [partition.as_ref(), challenge.as_ref().map(Challenge::from)],
            respond: respond.as_ref(),
        };
        self.taking(&taking, &names);
        self.setting(max_body.as_ref(), &names);
        self.setting(rate.as_ref(), &names);
    }

    /// Says so where there is no webhook of an API to take over.
    fn taken_over(&mut self, from: &Text) {
        let catalog = self.catalog;
        let Some((api, name)) = from.split_once('.') else {
            let known = catalog.apis().iter().flat_map(|api| webhooks(api)).collect::<Vec<_>>();
            let help = suggest(from, known.iter().map(String::as_str));
            self.findings.push(
                Finding::error("undefined-webhook", format!("undefined webhook `{from}`"))
                    .label(from.span(), "without its API")
                    .help(help.unwrap_or_else(|| {
                        "write `API.NAME`, and declare it: `apis: {API: {webhooks: {NAME: …}}}`".to_owned()
                    })),
            );
            return;
        };
        let Some(entry) = catalog.api(api) else {
            let label = self.sources.within(from.span(), 0..api.len());
            return self.no_api(api, label);
        };
        if self.is_partial || entry.at.get("webhooks").has(name) {
            return;
        }
        let label = self.sources.within(from.span(), api.len() + 1..from.len());
        let known = webhooks(entry).collect::<Vec<_>>();
        let help = suggest(from, known.iter().map(String::as_str));
        self.findings.push(
            Finding::error("undefined-webhook", format!("undefined webhook `{from}`"))
                .label(label, "not a webhook")
                .help(help.unwrap_or_else(|| format!("`{api}` has no webhooks: say here how it is verified"))),
        );
    }

    /// Checks how events are taken.
    fn taking(&mut self, taking: &Taking<'a>, names: &Names<'a>) {
        let Taking { verify, filter, dedupe, places, respond } = *taking;
        if let Some(verify) = verify {
            self.verify(verify, names);
        }
        self.condition(filter, names);
        if let Some(Dedupe::By(by) | Dedupe::Long(DedupeBy { by, keep: _ })) = dedupe {
            self.event_place(by, names);
            if let Some(verify) = verify.filter(|verify| !verify.covers(by)) {
                self.unsigned(verify, by);
            }
        }
        if let Some(Dedupe::Long(DedupeBy { by: _, keep })) = dedupe {
            self.setting(keep.as_ref(), names);
        }
        for place in places.into_iter().flatten() {
            self.event_place(place, names);
        }
        if let Some(Respond { status, body, wait, timeout }) = respond {
            // Before the run is done there are no steps to tell of.
            let names = names.and_if(*wait == Some(RespondWait::Finished), STEPS);
            self.setting(status.as_ref(), &names);
            self.setting(timeout.as_ref(), &names);
            if let Some(body) = body {
                self.dynamic(body, &names);
            }
        }
    }

    /// Checks that a path is one that can be called.
    fn webhook_path(&mut self, path: &Text) {
        let problem = if !path.starts_with('/') {
            Some(("it does not begin with `/`", "begin it with a slash: `/orders`"))
        } else if path.contains(|c: char| c.is_whitespace() || c.is_control() || "?#*".contains(c)) {
            Some(("it has a character that paths do not have", "write the path alone, without a query"))
        } else if path.split('/').any(|part| part.contains(['{', '}']) && !is_param(part)) {
            Some((
                "a `{name}` is not a whole part of it",
                "let each `{name}` stand alone between slashes: `/{shop}/orders`",
            ))
        } else if is_own(path) {
            Some(("`engine serve` answers there itself", "take another path: `/hooks/orders`"))
        } else {
            None
        };
        if let Some((why, help)) = problem {
            self.findings.push(
                Finding::error("invalid-value", format!("`{path}` is not the path of a webhook: {why}"))
                    .label(path.span(), "not a path")
                    .help(help),
            );
        }
    }

    /// Says that anybody could make an event look new, or look like one that came before.
    fn unsigned(&mut self, verify: &Verify, by: &EventPlace) {
        let (what, span) = match by {
            EventPlace::Path(path) => (format!("`{}`", path.text()), path.span()),
            EventPlace::Header(name) => (format!("the header `{}`", name.value), name.span),
            EventPlace::Query(name) => (format!("`{}` of the query", name.value), name.span),
            EventPlace::PathParam(name) => (format!("`{}` of the path", name.value), name.span),
            EventPlace::Template(template) => ("what this is made of".to_owned(), template.span()),
        };
        let help = match verify {
            Verify::StandardWebhooks(_) => "use `header.webhook-id`, or a member of the body",
            Verify::Hmac(_) | Verify::Signature(_) => "use what `signed` names, such as a member of the body",
            // Its bodies have no id; a delivery that is sent again is the same to the byte.
            Verify::Github(_) => "use the body itself: `\"{{ trigger.body_raw | hash }}\"`",
            _ => "use a member of the body, such as `$.id`",
        };
        self.findings.push(
            Finding::error("unsigned-dedupe", format!("{what} is not signed, so that anybody can change it"))
                .label(span, "not signed")
                .help(help),
        );
    }

    fn event_place(&mut self, place: &EventPlace, names: &Names<'a>) {
        match place {
            EventPlace::Path(path) => self.path(path, names),
            EventPlace::Template(template) => self.template(template, names),
            EventPlace::Header(_) | EventPlace::Query(_) | EventPlace::PathParam(_) => {}
        }
    }

    pub(super) fn verify(&mut self, verify: &'a Verify, names: &Names<'a>) {
        let names = &names.and(&[TRIGGER]);
        let (secret, tolerance): (&OneOrMany<_>, _) = match verify {
            Verify::Stripe(StripeVerify { secret, tolerance }) => (secret, tolerance.as_ref()),
            Verify::Github(GitHubVerify { secret }) => (secret, None),
            Verify::Slack(SlackVerify { secret, tolerance }) => (secret, tolerance.as_ref()),
            Verify::Shopify(ShopifyVerify { secret }) => (secret, None),
            Verify::StandardWebhooks(StandardWebhooksVerify { secret, tolerance }) => (secret, tolerance.as_ref()),
            Verify::Bearer(BearerVerify { secret, place }) => {
                if let Some(place) = place
                    && let Target::Cookie(_) | Target::Path(_) | Target::Params(_) | Target::Url = place.target()
                {
                    self.no_home(place, "a token");
                }
                (secret, None)
            }
            Verify::Basic(BasicVerify { secret }) => (secret, None),
            Verify::Hmac(HmacVerify {
                algorithm: _,
                secret,
                key_encoding: _,
                signed,
                place,
                format,
                timestamp,
                tolerance,
            }) => {
                let parts =
                    Parts { signed: signed.as_ref(), place, format: format.as_ref(), timestamp: timestamp.as_ref() };
                self.parts(&parts, tolerance.is_some(), names);
                (secret, tolerance.as_ref())
            }
            Verify::Signature(SignatureVerify { algorithm, key, signed, place, format, timestamp, tolerance }) => {
                let parts =
                    Parts { signed: signed.as_ref(), place, format: format.as_ref(), timestamp: timestamp.as_ref() };
                self.parts(&parts, tolerance.is_some(), names);
                for key in key {
                    self.public_key(algorithm.problem(key));
                }
                (key, tolerance.as_ref())
            }
            Verify::Jwt(verify) => return self.token(verify, names),
        };
        for secret in secret {
            self.template(secret, names);
        }
        self.setting(tolerance, names);
    }

    /// Checks where a signature is, how it is written, and that the time beside it is signed.
    fn parts(&mut self, parts: &Parts<'a>, has_tolerance: bool, names: &Names<'a>) {
        if let Target::Cookie(_) | Target::Path(_) | Target::Params(_) | Target::Url = parts.place.target() {
            self.no_home(parts.place, "a signature");
        }
        let format = parts.format.and_then(|format| match SignatureFormat::parse(format) {
            Ok(parsed) => Some(parsed),
            Err((message, help)) => {
                self.findings
                    .push(Finding::error("invalid-value", message).label(format.span(), "not a format").help(help));
                None
            }
        });
        let in_format = format.is_some_and(|format| format.has_time());
        if let Some(timestamp) = parts.timestamp {
            self.event_place(timestamp, names);
        }
        let has_time = in_format || parts.timestamp.is_some();
        self.maybe_template(parts.signed, &names.and_if(has_time, TS));
        let is_signed = parts.signed.is_some_and(|signed| {
            // The text in the format may stand in a header too, which is signed; then both have to say the same.
            let is_named = |name: &NameUse| name.root() == "ts" || (name.root() == "trigger" && !is_body(name));
            let in_body = matches!(parts.timestamp, Some(EventPlace::Path(_) | EventPlace::Template(_)));
            in_body || signed.names().iter().any(is_named)
        });
        let in_signed_body = parts.signed.is_none() && matches!(parts.timestamp, Some(EventPlace::Path(_)));
        if has_time && !is_signed && !in_signed_body {
            let span = match (parts.signed, parts.format) {
                (Some(signed), _) => signed.span(),
                (None, Some(format)) => format.span(),
                (None, None) => parts.place.span(),
            };
            self.findings.push(
                Finding::error("invalid-value", "the time of the event is not signed, so that anybody can change it")
                    .label(span, "without the time")
                    .help("sign it as the sender does: `signed: \"{{ ts }}.{{ trigger.body_raw }}\"`"),
            );
        }
        if has_tolerance && !has_time && parts.format.is_none_or(|format| SignatureFormat::parse(format).is_ok()) {
            self.findings.push(
                Finding::error("missing-field", "a `tolerance` is given, and no time to hold it against")
                    .label(parts.place.span(), "without a time")
                    .help("say where the time is: `timestamp: header.X-Timestamp`, or `{ts}` in `format`"),
            );
        }
    }

    fn token(&mut self, verify: &'a JwtVerify, names: &Names<'a>) {
        let JwtVerify {
            algorithms,
            key,
            key_encoding,
            jwks_url,
            issuer,
            audience,
            place,
            prefix: _,
            body_hash: _,
            tolerance,
        } = verify;
        let lists = [key, issuer, audience].into_iter().flatten();
        for template in lists.flat_map(OneOrMany::as_slice).chain(jwks_url) {
            self.template(template, names);
        }
        self.setting(tolerance.as_ref(), names);
        if let Some(place) = place
            && let Target::Body(_) | Target::Path(_) | Target::Params(_) | Target::Url = place.target()
        {
            self.no_home(place, "a token");
        }
        let shared = algorithms.as_slice().iter().filter(|algorithm| algorithm.is_shared()).count();
        let at = jwks_url.as_ref().map(Template::span).or_else(|| Some(key.as_ref()?.as_slice().first()?.span()));
        let at = at.unwrap_or_default();
        let first = algorithms.as_slice().first().map(|algorithm| algorithm.name()).unwrap_or_default();
        let problem = if shared > 0 && jwks_url.is_some() {
            Some(("keys that everybody may have go with no `HS…` algorithm", "choose `RS256`, `ES256` or `EdDSA`"))
        } else if shared > 0 && shared < algorithms.as_slice().len() {
            // Who may choose between them takes the public key, which everybody has, for the shared one.
            Some((
                "shared keys and public keys can't be mixed",
                "give the `HS…` algorithms or the others, and the key that goes with them",
            ))
        } else if key_encoding.is_some() && shared == 0 {
            Some(("`key_encoding` is for shared keys", "leave it out: a public key says itself how it is written"))
        } else {
            None
        };
        if let Some((message, help)) = problem {
            self.findings.push(
                Finding::error("invalid-value", message).label(at, format!("does not go with `{first}`")).help(help),
            );
            return;
        }
        if shared == 0 {
            for key in key.iter().flat_map(OneOrMany::as_slice) {
                let mut problems = algorithms.as_slice().iter().filter_map(|algorithm| algorithm.public());
                // A key is for one of them.
                let found: Option<Vec<_>> = problems.by_ref().map(|algorithm| algorithm.problem(key)).collect();
                self.public_key(found.and_then(|found| found.into_iter().next()));
            }
        }
    }

    fn public_key(&mut self, problem: Option<EvalError>) {
        let Some(problem) = problem else { return };
        self.findings.push(
            Finding::error("invalid-value", problem.message).label(problem.span, "can't verify").help_if(problem.help),
        );
    }

    fn no_home(&mut self, place: &Place, what: &str) {
        self.findings.push(
            Finding::error("invalid-place", format!("{what} of an event is not in `{place}`"))
                .label(place.span(), "not sent there")
                .help("say where the sender puts it: `header.NAME`, `query.NAME` or a member of the body, `body.NAME`"),
        );
    }

    fn cron(&mut self, cron: &Text) {
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let is_valid = |pattern: &str| parser.parse(pattern).is_ok();
        let fields: Vec<(usize, &str)> = words(cron);
        let finding = Finding::error("invalid-cron", format!("`{cron}` is not a schedule"));
        if !matches!(fields.len(), 5 | 6) {
            let help = match (&**cron, fields.len()) {
                (_, 2..) => {
                    "write minute, hour, day of the month, month and day of the week; six fields begin with the second"
                }
                ("hourly" | "@hourly", _) => "write `0 * * * *`",
                ("daily" | "@daily" | "@midnight", _) => "write `0 0 * * *`",
                ("weekly" | "@weekly", _) => "write `0 0 * * 1`",
                ("monthly" | "@monthly", _) => "write `0 0 1 * *`",
                ("yearly" | "@yearly" | "@annually", _) => "write `0 0 1 1 *`",
                _ => "write five fields, such as `0 8 * * 1-5`, or `every: 1h`",
            };
            let number = if fields.len() == 1 { "one field".to_owned() } else { format!("{} fields", fields.len()) };
            self.findings.push(finding.label(cron.span(), format!("{number} instead of five")).help(help));
            return;
        }
        let year = jiff::civil::date(2000, 1, 1).at(0, 0, 0, 0);
        match parser.parse(cron).map(|cron| cron.find_next_occurrence(&year, true)) {
            Ok(Ok(_)) => return,
            Ok(Err(_)) => {
                let help = "check the day and the month together: there is no such day";
                self.findings.push(finding.label(cron.span(), "never comes").help(help));
                return;
            }
            Err(_) => {}
        }
        // The field that does not work alone is the one to point at.
        for (index, (at, field)) in fields.iter().enumerate() {
            let alone: Vec<&str> = (0..fields.len()).map(|other| if other == index { *field } else { "*" }).collect();
            if !is_valid(&alone.join(" ")) {
                let noun = FIELDS.get(index + 6 - fields.len()).copied().unwrap_or_default();
                let help = match noun {
                    "second" | "minute" => "write 0 to 59, `*`, a span `0-30` or a step `*/5`",
                    "hour" => "write 0 to 23, `*`, a span `8-18` or a step `*/2`",
                    "day of the month" => "write 1 to 31, `L` for the last, or `*`",
                    "month" => "write 1 to 12, `JAN` to `DEC`, or `*`",
                    _ => "write 0 to 7 (0 and 7 are Sunday), `SUN` to `SAT`, or `*`",
                };
                let span = self.sources.within(cron.span(), *at..*at + field.len());
                self.findings.push(finding.label(span, format!("not a {noun}")).help(help));
                return;
            }
        }
        self.findings.push(finding.label(cron.span(), "never comes").help("check the day and the month together"));
    }

    /// Says that a schedule comes too often: each of its times is an event on disk.
    fn every(&mut self, every: Option<&Setting<Period>>) {
        let Some(every) = every.filter(|every| every.as_value().is_some_and(|it| *it < Period::from_secs(1))) else {
            return;
        };
        self.findings.push(
            Finding::error("invalid-value", "`every` must be at least a second")
                .label(every.span(), "too short")
                .help("write `1s` or more"),
        );
    }

    fn timezone(&mut self, timezone: &Text, every: Option<&Setting<Period>>) {
        let database = jiff::tz::db();
        if database.get(timezone).is_ok() {
            if every.is_some() {
                self.findings.push(
                    Finding::warning("unused-timezone", "`timezone` changes nothing beside `every`")
                        .label(timezone.span(), "not needed")
                        .help("take it away, or say the hours by `cron`, such as `cron: \"0 6 * * *\"`"),
                );
            }
            return;
        }
        let known: Vec<String> = database.available().map(|name| name.to_string()).collect();
        // Names share so much that only the city tells which one is close.
        let city = |name: &'_ str| name.rsplit_once('/').map_or(name.to_owned(), |(_, city)| city.to_owned());
        let cities: Vec<String> = known.iter().map(|name| city(name)).collect();
        let close = match cities.iter().position(|known| *known == city(timezone)) {
            Some(same) => Some(same),
            None => similar(&city(timezone), cities.iter().map(String::as_str))
                .and_then(|close| cities.iter().position(|known| known == close)),
        };
        let help = match close.and_then(|index| known.get(index)) {
            Some(close) => format!("did you mean `{close}`?"),
            None => "name a region and a city as the IANA database does: `Europe/Berlin`".to_owned(),
        };
        self.findings.push(
            Finding::error("invalid-timezone", format!("`{timezone}` is not a time zone"))
                .label(timezone.span(), "not known")
                .help(help),
        );
    }
}

/// What is said of a signature part by part.
struct Parts<'a> {
    signed: Option<&'a Template>,
    place: &'a Place,
    format: Option<&'a Text>,
    timestamp: Option<&'a EventPlace>,
}

/// Tells whether a path is one that a server keeps for itself: those who watch it, and its management API.
fn is_own(path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    matches!(path, "/metrics" | "/healthz" | "/readyz" | "/api/v1") || path.starts_with("/api/v1/")
}

/// Tells whether a part of a path is a `{name}`.
fn is_param(part: &str) -> bool {
    part.strip_prefix('{').and_then(|part| part.strip_suffix('}')).is_some_and(Name::is_name)
}

/// Tells whether it is the body of an event that is named.
fn is_body(name: &NameUse) -> bool {
    name.path.get(1).is_some_and(|member| matches!(&**member, "body" | "body_raw"))
}

/// Returns the words of a text with where they start.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut at = 0;
    for part in text.split(char::is_whitespace) {
        if !part.is_empty() {
            words.push((at, part));
        }
        at += part.len() + text.get(at + part.len()..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    }
    words
}
