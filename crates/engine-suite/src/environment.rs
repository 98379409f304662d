//! Where the inputs and secrets of a test come from: what it says, else made up. Nothing of the machine is looked at.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use engine_expr::{Template, Value};
use engine_plan::Plan;
use engine_runtime::{Environment, Ran};
use engine_spec::{Input, InputType, Test};

/// What stands for the variables, files, programs and keyrings that secrets come from.
pub(crate) struct MadeUp {
    /// Secrets by the variables that they come from.
    variables: HashMap<String, String>,
    /// The same by their files and programs, as they are written.
    others: HashMap<String, String>,
}

impl MadeUp {
    /// Makes up what a flow, and those within it, ask for.
    pub(crate) fn new(plans: &[Arc<Plan>], test: &Test) -> Self {
        let mut made_up = Self { variables: HashMap::new(), others: HashMap::new() };
        for plan in plans {
            let urls = leading(plan, "secrets");
            for (name, secret) in &plan.secrets {
                let name = &*name.value;
                let given = test.secrets.get(name).cloned();
                let made = given.unwrap_or_else(|| {
                    if urls.contains_key(name) {
                        format!("https://{}.test", host(name))
                    } else {
                        format!("test-{name}")
                    }
                });
                if let Some(env) = &secret.env {
                    made_up.variables.insert(env.to_string(), made.clone());
                }
                let file = secret.file.as_ref().map(Template::text);
                let command = secret.command.as_ref().and_then(|words| words.first()).map(Template::text);
                let keyring = secret.keyring.as_ref().map(|keyring| keyring.service.text());
                for key in [file, command, keyring].into_iter().flatten() {
                    made_up.others.insert(key.to_owned(), made.clone());
                }
            }
        }
        made_up
    }

    fn other(&self, matches: impl Fn(&str) -> bool) -> Option<String> {
        let mut keys: Vec<_> = self.others.iter().filter(|(key, _)| matches(key)).collect();
        keys.sort();
        keys.first().map(|(_, text)| (*text).clone())
    }
}

impl Environment for MadeUp {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn read_file(&self, path: &Path) -> io::Result<String> {
        let path = path.to_string_lossy();
        // Where a template makes the path, any secret of a file will do.
        let found = self.other(|key| path.ends_with(key.trim_start_matches("./")));
        found.or_else(|| self.other(|key| key.contains("{{"))).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn file_length(&self, path: &Path) -> io::Result<u64> {
        let metadata = std::fs::metadata(path)?;
        if metadata.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(metadata.len()) }
    }

    fn run(&self, command: &[String], _: &Path) -> io::Result<Ran> {
        let found = command.first().and_then(|program| self.other(|key| key == program));
        let output = found.or_else(|| self.other(|key| key.contains("{{"))).unwrap_or_default().into_bytes();
        Ok(Ran { success: true, status: "exit status 0".to_owned(), output, errors: Vec::new() })
    }

    fn password(&self, service: &str, _: &str) -> io::Result<Option<String>> {
        Ok(self.other(|key| key == service || key.contains("{{")))
    }
}

/// Returns the inputs of a test: those that it gives, and values for those that have to be given and are not.
pub(crate) fn inputs(plan: &Plan, test: &Test) -> BTreeMap<String, Value> {
    let urls = leading(plan, "inputs");
    let mut inputs: BTreeMap<String, Value> =
        test.inputs.iter().map(|(name, value)| (name.value.to_string(), value.value().clone())).collect();
    for (name, input) in &plan.inputs {
        let is_needed = input.default.is_none()
            && input.required.as_ref().is_none_or(|required| required.as_value().copied().unwrap_or(true));
        if is_needed && !inputs.contains_key(&*name.value) {
            let value = match urls.get(&*name.value) {
                Some(api) => format!("https://{}.test", host(api)).into(),
                None => stand_in(&name.value, input),
            };
            inputs.insert(name.value.to_string(), value);
        }
    }
    inputs
}

/// Finds the inputs or secrets with which the addresses of APIs begin, and the APIs.
fn leading(plan: &Plan, root: &str) -> HashMap<String, String> {
    let mut found = HashMap::new();
    let mut seen = HashSet::new();
    for endpoint in plan.endpoints.iter().filter(|endpoint| seen.insert(&endpoint.api)) {
        let Some(base_url) = endpoint.base_url.as_ref().filter(|url| url.text().trim_start().starts_with("{{")) else {
            continue;
        };
        let first = base_url.names().first().filter(|name| name.root() == root);
        if let Some(member) = first.and_then(|name| name.path.get(1)) {
            found.insert(member.to_string(), endpoint.api.clone());
        }
    }
    found
}

/// Makes a name one of a host.
fn host(name: &str) -> String {
    name.replace('_', "-").to_ascii_lowercase()
}

fn stand_in(name: &str, input: &Input) -> Value {
    if let Some(first) = input.values.as_ref().and_then(|values| values.first()) {
        return first.value().clone();
    }
    match input.kind {
        InputType::String => format!("test-{name}").into(),
        InputType::Integer | InputType::Number | InputType::Decimal => Value::from(1_i64),
        InputType::Boolean => Value::from(false),
        InputType::Date => "2025-01-01".into(),
        InputType::Datetime => "2025-01-01T00:00:00Z".into(),
        InputType::Duration => "1s".into(),
        InputType::List => Value::list(Vec::new()),
        InputType::Object => Value::Object(Arc::default()),
    }
}
