//! Whether what is kept of a spec's runs is found again by the spec that it became.

use engine_plan::{Description, ReadDescription, RequestDescription, StepDescription};

use super::Side;

/// Whether something that is kept survives.
pub(super) struct Verdict {
    /// What it is.
    pub(super) what: String,
    /// Whether the new spec finds it.
    pub(super) survives: bool,
    /// Why, and what happens.
    pub(super) why: String,
}

/// Judges all that a run of the old spec may have kept.
pub(super) fn survival(old: &Side, new: &Side) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let is_renamed = old.description.flow != new.description.flow;
    cursors(&old.description, &new.description, is_renamed, &mut verdicts);
    letters(old, new, is_renamed, &mut verdicts);
    logins(old, new, &mut verdicts);
    triggers(old, new, is_renamed, &mut verdicts);
    runs(old, new, is_renamed, &mut verdicts);
    verdicts
}

/// A cursor is known by its flow, its step, its endpoint, and by what the read sends beside it.
fn cursors(old: &Description, new: &Description, is_renamed: bool, verdicts: &mut Vec<Verdict>) {
    for step in all(&old.steps) {
        for read in step.reads.iter().filter(|read| read.incremental.is_some()) {
            let what = format!("cursor of {} {}", step.path, read.endpoint);
            let again = |why: String| Verdict {
                what: what.clone(),
                survives: false,
                why: format!("{why}, so the next run begins at its start"),
            };
            let steps = all(&new.steps);
            let same = steps.iter().find(|other| other.path == step.path);
            let verdict = match same {
                _ if is_renamed => again("the flow has another name".to_owned()),
                None => again(format!("there is no step `{}` any more", step.path)),
                Some(other) => match other.reads.iter().find(|other| other.endpoint == read.endpoint) {
                    None => again(format!("the step does not read {} any more", read.endpoint)),
                    Some(other) if other.incremental.is_none() => again("it is not incremental any more".to_owned()),
                    Some(other) => match sends_other(read, other) {
                        Some(why) => again(why),
                        None => Verdict {
                            what: what.clone(),
                            survives: true,
                            why: "the next run goes on from it".to_owned(),
                        },
                    },
                },
            };
            verdicts.push(verdict);
        }
    }
}

/// Says what a read sends that it did not send before, but for the cursor itself.
fn sends_other(old: &ReadDescription, new: &ReadDescription) -> Option<String> {
    let is_shared = |read: &ReadDescription| read.incremental.as_deref().is_some_and(|text| text.contains("per all"));
    if is_shared(old) != is_shared(new) {
        return Some("`per` has changed".to_owned());
    }
    let (Some(was), Some(is)) = (&old.request, &new.request) else {
        let params = |read: &ReadDescription| {
            read.params.iter().map(|it| (it.name.clone(), it.value.clone())).collect::<Vec<_>>()
        };
        return (params(old) != params(new)).then(|| "its params have changed".to_owned());
    };
    if is_shared(old) {
        return (origin(was) != origin(is)).then(|| "the API is at another host".to_owned());
    }
    let parts = [
        (was.method != is.method, "its method"),
        (was.url != is.url, "its URL"),
        (without_window(&was.query) != without_window(&is.query), "its query"),
        (was.headers != is.headers, "its headers"),
        (was.body != is.body, "its body"),
    ];
    let changed: Vec<&str> = parts.into_iter().filter(|(is_other, _)| *is_other).map(|(_, what)| what).collect();
    (!changed.is_empty()).then(|| format!("the read sends something else ({})", changed.join(", ")))
}

/// Returns what a query sends that is the same in each run.
fn without_window(query: &serde_json::Map<String, serde_json::Value>) -> Vec<(String, String)> {
    let stable = query.iter().filter(|(_, value)| !value.to_string().contains("window."));
    stable.map(|(name, value)| (name.clone(), value.to_string())).collect()
}

fn origin(request: &RequestDescription) -> String {
    request.url.split('/').take(3).collect::<Vec<_>>().join("/")
}

/// A dead letter is taken up by its step, which it knows by its address.
fn letters(old: &Side, new: &Side, is_renamed: bool, verdicts: &mut Vec<Verdict>) {
    let steps = all(&new.description.steps);
    for step in all(&old.description.steps) {
        let keeps = step.on_error.starts_with("dead_letter")
            || step.validate.as_ref().is_some_and(|text| text.ends_with("dead_letter"));
        if !keeps {
            continue;
        }
        let is_there = steps.iter().any(|other| other.path == step.path) && !is_renamed;
        verdicts.push(Verdict {
            what: format!("dead letters of {}", step.path),
            survives: is_there,
            why: if is_there {
                "`engine dead-letters retry` sends them through the step as it is now".to_owned()
            } else {
                "no step takes them up: send them again before the change".to_owned()
            },
        });
    }
}

/// A token is known by its API, and by who asks whom for what.
fn logins(old: &Side, new: &Side, verdicts: &mut Vec<Verdict>) {
    let auths = |side: &Side| {
        let settings = side.description.endpoints.iter().filter_map(|endpoint| {
            let auth = endpoint.settings.iter().find(|setting| setting.name == "auth")?;
            let api = endpoint.id.split('.').next().unwrap_or_default().to_owned();
            auth.text.contains("oauth2").then(|| (api, auth.text.clone()))
        });
        let mut auths: Vec<_> = settings.collect();
        auths.sort();
        auths.dedup();
        auths
    };
    let after = auths(new);
    for (api, text) in auths(old) {
        let survives = after.iter().any(|(other, is)| *other == api && *is == text);
        verdicts.push(Verdict {
            what: format!("token of {api}"),
            survives,
            why: if survives {
                "it is used as long as its client stays the same".to_owned()
            } else {
                "another one is fetched, or `engine auth login` asks for one".to_owned()
            },
        });
    }
}

/// A schedule's last time is known by what the schedule says.
fn triggers(old: &Side, new: &Side, is_renamed: bool, verdicts: &mut Vec<Verdict>) {
    for trigger in old.plan.triggers.iter().filter(|trigger| trigger.schedule().is_some()) {
        let is_there = new.plan.triggers.iter().any(|other| other.address == trigger.address);
        let survives = is_there && !is_renamed;
        verdicts.push(Verdict {
            what: format!("last time of {}", trigger.address),
            survives,
            why: if survives {
                "runs that are missed are made up for as `catch_up` says".to_owned()
            } else {
                "it is another schedule, which begins when it is first served".to_owned()
            },
        });
    }
}

/// A run that broke off is known by the text of its spec.
fn runs(old: &Side, new: &Side, is_renamed: bool, verdicts: &mut Vec<Verdict>) {
    let texts = |side: &Side| side.merged.sources.iter().map(|(_, file)| file.text().to_owned()).collect::<Vec<_>>();
    let survives = !is_renamed && texts(old) == texts(new);
    verdicts.push(Verdict {
        what: "a run that broke off".to_owned(),
        survives,
        why: if survives {
            "the next run goes on with it".to_owned()
        } else if is_renamed {
            "the flow has another name: end it before the change".to_owned()
        } else {
            "the text of the spec is another, so the next run begins anew; `--resume RUN` goes on with that one if its steps still fit".to_owned()
        },
    });
}

/// Returns steps and all within them.
fn all(steps: &[StepDescription]) -> Vec<&StepDescription> {
    let mut found = Vec::new();
    for step in steps {
        found.push(step);
        for case in &step.cases {
            found.extend(all(std::slice::from_ref(&case.step)));
        }
        for block in &step.blocks {
            found.extend(all(&block.steps));
        }
    }
    found
}
