//! What a run would be given, looked at before there is one: what is there, where it comes from, what is missing and every way to give it.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine_expr::{Members, Scope, Value};
use engine_plan::Plan;
use engine_request::Redactor;
use engine_source::{Finding, Findings, Map};
use engine_spec::{Input, Secret};

use crate::inputs;
use crate::run::RunOptions;
use crate::secrets::SecretsFrom;
use crate::world::{ClockHost, Environment, World};

/// What a run would be given.
pub struct Known {
    /// The inputs, in the order of the file.
    pub inputs: Vec<KnownInput>,
    /// The secrets, in the order of the file; none of their values.
    pub secrets: Vec<KnownSecret>,
    /// The names that are known: `inputs`, of which those that are missing are left out. No secret is in it.
    pub scope: Scope,
    /// What is wrong beside: inputs that were given and that the spec does not have.
    pub findings: Findings,
}

/// How it stands with something that a run is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HowGiven {
    /// It is there: somebody gave it.
    Set,
    /// Nobody gave it, and it has a default.
    Default,
    /// Nobody gave it, and nobody has to.
    LeftOut,
    /// Nobody gave it, and somebody has to.
    Missing,
    /// What is there is wrong.
    Wrong,
    /// It was not looked: a program or a keyring would have to be asked.
    NotAsked,
}

/// How it stands with an input.
#[derive(Clone, Debug)]
pub struct KnownInput {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: &'static str,
    /// What it is, for people.
    pub description: Option<String>,
    /// How it stands.
    pub given: HowGiven,
    /// Where it comes from, if it is set.
    pub from: Option<String>,
    /// Its value, if it has one.
    pub value: Option<Value>,
    /// Every way to give it.
    pub ways: Vec<String>,
    /// What is wrong with it.
    pub problem: Option<Finding>,
}

/// How it stands with a secret.
#[derive(Clone, Debug)]
pub struct KnownSecret {
    /// Its name.
    pub name: String,
    /// How it stands.
    pub given: HowGiven,
    /// Where it comes from: the one place that the spec names.
    pub from: String,
    /// Every way to give it.
    pub ways: Vec<String>,
    /// What is wrong with it.
    pub problem: Option<Finding>,
}

/// What stands in the place of a secret.
const HIDDEN: &str = "***";

/// Looks at what a run would be given. Programs and the keyring are asked for secrets only if `asks`.
pub fn known(plan: &Plan, world: &World, options: &RunOptions, asks: bool) -> Known {
    let mut findings = Findings::default();
    let host = Arc::new(ClockHost(Arc::clone(&world.clock)));
    let scope = Scope::new(host);
    // Names that the spec does not have are told of by those that it has.
    for name in options.inputs.keys().filter(|name| plan.inputs.get(name).is_none()) {
        findings.push(inputs::unknown(name, &plan.inputs));
    }
    let mut members = Members::new();
    let mut known_inputs = Vec::new();
    for (name, input) in &plan.inputs {
        let one: Map<Input> = [(name.clone(), input.clone())].into_iter().collect();
        let given: BTreeMap<_, _> =
            options.inputs.get(&*name.value).map(|value| (name.value.to_string(), value.clone())).into_iter().collect();
        let mut wrong = Findings::default();
        let value = inputs::inputs(&one, &given, &*world.environment, &scope, false, &mut wrong);
        let value = value.get(&name.value).filter(|value| !value.is_null()).cloned();
        let variable = input.env.as_ref().filter(|env| world.environment.variable(env).is_some());
        let from = match (given.is_empty(), variable) {
            (false, _) => Some("the command line".to_owned()),
            (true, Some(env)) => Some(place_of_variable(env, &*world.environment)),
            (true, None) => None,
        };
        let problem = wrong.into_iter().next();
        let standing = match (&problem, &from, &value) {
            (Some(problem), _, _) if problem.code == "missing-input" => HowGiven::Missing,
            (Some(_), _, _) => HowGiven::Wrong,
            (None, Some(_), _) => HowGiven::Set,
            (None, None, Some(_)) => HowGiven::Default,
            (None, None, None) => HowGiven::LeftOut,
        };
        if let Some(value) = &value {
            members.insert(Arc::clone(&name.value), value.clone());
        }
        known_inputs.push(KnownInput {
            name: name.value.to_string(),
            kind: input.kind.as_str(),
            description: input.description.clone(),
            given: standing,
            from,
            value,
            ways: ways_of_input(&name.value, input),
            problem,
        });
    }
    let scope = scope.with("inputs", Value::Object(Arc::new(members)));
    let secrets = secrets(plan, world, &scope, asks);
    let hidden = plan.secrets.keys().map(|name| (Arc::from(name), Value::from(HIDDEN)));
    let scope = scope.with("secrets", Value::object(hidden.collect::<Vec<(Arc<str>, Value)>>()));
    Known { inputs: known_inputs, secrets, scope, findings }
}

fn secrets(plan: &Plan, world: &World, scope: &Scope, asks: bool) -> Vec<KnownSecret> {
    let from =
        SecretsFrom { environment: &*world.environment, folder: &|span| plan.folder(span), scope, placeholders: false };
    let mut redactor = Redactor::new([]);
    let mut found = Vec::new();
    for (name, secret) in &plan.secrets {
        let place = place_of(secret, &*world.environment);
        let ways = ways_of_secret(secret);
        let known = |given, problem| KnownSecret {
            name: name.value.to_string(),
            given,
            from: place.clone(),
            ways: ways.clone(),
            problem,
        };
        if !asks && (secret.command.is_some() || secret.keyring.is_some()) {
            found.push(known(HowGiven::NotAsked, None));
            continue;
        }
        let one: Map<Secret> = [(name.clone(), secret.clone())].into_iter().collect();
        let mut wrong = Findings::default();
        let (value, texts) = from.gather(&one, &mut wrong);
        for text in &texts {
            redactor.add(text);
        }
        let is_there = value.get(&name.value).is_some_and(|value| !value.is_null());
        found.push(match wrong.into_iter().next() {
            Some(problem) if problem.help.as_ref() == ways.first() => known(HowGiven::Missing, Some(problem)),
            Some(problem) => known(HowGiven::Wrong, Some(problem)),
            None if is_there => known(HowGiven::Set, None),
            None => known(HowGiven::LeftOut, None),
        });
    }
    // What a program says when it fails may show what another one gave.
    for problem in found.iter_mut().filter_map(|secret| secret.problem.as_mut()) {
        problem.message = redactor.redact(&problem.message);
        problem.help = problem.help.as_ref().map(|help| redactor.redact(help));
    }
    found
}

fn ways_of_input(name: &str, input: &Input) -> Vec<String> {
    let env = input.env.as_ref();
    [
        Some(format!("`--input {name}=…`")),
        Some(format!("`{name}: …` in a file that `--inputs FILE` names")),
        env.map(|env| format!("the environment variable `{env}`")),
        env.map(|env| format!("`{env}=…` in a file `.env` beside the spec or in the working directory")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn place_of_variable(name: &str, environment: &dyn Environment) -> String {
    match environment.file_of(name) {
        Some(file) => format!("`{name}` in the file `{file}`"),
        None => format!("the environment variable `{name}`"),
    }
}

fn place_of(secret: &Secret, environment: &dyn Environment) -> String {
    if let Some(env) = &secret.env {
        return place_of_variable(env, environment);
    }
    if let Some(file) = &secret.file {
        return format!("the file `{}`", file.text());
    }
    if let Some(command) = &secret.command {
        let words: Vec<&str> = command.iter().map(engine_expr::Template::text).collect();
        return format!("what `{}` prints", words.join(" "));
    }
    match &secret.keyring {
        Some(keyring) => format!("the keyring, service `{}`, user `{}`", keyring.service.text(), keyring.user.text()),
        None => "nowhere".to_owned(),
    }
}

fn ways_of_secret(secret: &Secret) -> Vec<String> {
    vec![crate::secrets::way(secret)]
}
