//! Checks of triggers, and of how events are verified.

use croner::parser::{CronParser, Seconds, Year};
use engine_request::OneOrMany;
use engine_source::{Finding, similar};
use engine_spec::trigger::{
    Dedupe, DedupeBy, EventPlace, ManualTrigger, Respond, ScheduleTrigger, Trigger, WebhookTrigger,
};
use engine_spec::verify::{
    BasicVerify, BearerVerify, GitHubVerify, HmacVerify, ShopifyVerify, SlackVerify, StandardWebhooksVerify,
    StripeVerify,
};
use engine_spec::{Text, Verify};

use super::Checker;
use super::names::{GIVEN, Names, STEPS, TRIGGER};

/// What the fields of a schedule are, the optional seconds first.
const FIELDS: [&str; 6] = ["second", "minute", "hour", "day of the month", "month", "day of the week"];

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
                        self.timezone(timezone);
                    }
                    self.setting(every.as_ref(), &names);
                    self.setting(jitter.as_ref(), &names);
                }
                Trigger::Webhook(webhook) => self.webhook(webhook, &names.and(&[TRIGGER]).with_root()),
            }
        }
    }

    fn webhook(&mut self, webhook: &'a WebhookTrigger, names: &Names<'a>) {
        let WebhookTrigger { path: _, method: _, verify, filter, dedupe, partition, respond, challenge } = webhook;
        if let Some(verify) = verify {
            self.verify(verify, names);
        }
        self.condition(filter.as_ref(), names);
        match dedupe {
            Some(Dedupe::By(by)) => self.event_place(by, names),
            Some(Dedupe::Long(DedupeBy { by, keep })) => {
                self.event_place(by, names);
                self.setting(keep.as_ref(), names);
            }
            None => {}
        }
        for place in [partition, challenge].into_iter().flatten() {
            self.event_place(place, names);
        }
        if let Some(Respond { status, body, wait: _ }) = respond {
            let names = names.and(&[STEPS]);
            self.setting(status.as_ref(), &names);
            if let Some(body) = body {
                self.dynamic(body, &names);
            }
        }
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
            Verify::Bearer(BearerVerify { secret }) => (secret, None),
            Verify::Basic(BasicVerify { secret }) => (secret, None),
            Verify::Hmac(HmacVerify {
                algorithm: _,
                secret,
                key_encoding: _,
                signed,
                place: _,
                format: _,
                tolerance,
            }) => {
                self.maybe_template(signed.as_ref(), names);
                (secret, tolerance.as_ref())
            }
        };
        for secret in secret {
            self.template(secret, names);
        }
        self.setting(tolerance, names);
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
        if is_valid(cron) {
            return;
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

    fn timezone(&mut self, timezone: &Text) {
        let database = jiff::tz::db();
        if database.get(timezone).is_ok() {
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
