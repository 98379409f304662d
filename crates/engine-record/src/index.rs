//! What a recording says of its run as a whole.

use std::collections::BTreeMap;

use engine_expr::Value;
use engine_runtime::{Found, RecordedRun};
use jiff::Timestamp;

use crate::cleaned::Cleaner;

/// What a recording says of its run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// The name of the flow.
    pub(crate) flow: String,
    /// The file of the spec, as it was named.
    pub(crate) spec: String,
    /// The id of the run.
    pub(crate) run: String,
    /// When it began.
    pub(crate) started_at: Option<Timestamp>,
    /// Its inputs.
    pub(crate) inputs: BTreeMap<String, Value>,
    /// What started it.
    pub(crate) trigger: Option<Value>,
    /// How far its reads had come before: the key, what it is, how far.
    pub(crate) cursors: Vec<(String, String, String)>,
    /// What the answers to its reads were known by.
    pub(crate) validators: BTreeMap<String, Value>,
    /// What its logins gave beside tokens.
    pub(crate) auth: BTreeMap<String, Value>,
    /// How many exchanges there are, once all are there.
    pub(crate) exchanges: Option<u32>,
}

/// The form of recordings that this engine writes.
const FORM: i64 = 1;

impl Index {
    /// Takes note that a run begins.
    pub(crate) fn begin(&mut self, run: &RecordedRun<'_>, cleaner: Cleaner<'_>) {
        run.flow.clone_into(&mut self.flow);
        self.spec = cleaner.text(&run.spec.to_string_lossy());
        run.id.clone_into(&mut self.run);
        self.started_at = Some(run.started_at);
        let inputs = run.inputs.as_object();
        self.inputs = inputs
            .into_iter()
            .flat_map(engine_expr::Members::iter)
            .map(|(name, value)| (name.to_string(), cleaner.value(value)))
            .collect();
        self.trigger = run.trigger.map(|trigger| cleaner.value(trigger));
    }

    /// Takes note of something that the run went by; tells whether that is new.
    pub(crate) fn found(&mut self, found: Found<'_>, cleaner: Cleaner<'_>) -> bool {
        match found {
            Found::Cursor { key, label, value } => {
                let is_new = !self.cursors.iter().any(|(known, ..)| known == key);
                if is_new {
                    self.cursors.push((key.to_owned(), cleaner.text(label), cleaner.text(value)));
                }
                is_new
            }
            Found::Validators { key, value } => {
                self.validators.insert(key.to_owned(), cleaner.value(value)).as_ref() != self.validators.get(key)
            }
            Found::Fields { api, fields } => {
                if fields.as_object().is_none_or(engine_expr::Members::is_empty) {
                    return false;
                }
                self.auth.insert(api.to_owned(), cleaner.value(fields)).as_ref() != self.auth.get(api)
            }
        }
    }

    /// Takes secrets out that became known later.
    pub(crate) fn clean(&mut self, cleaner: Cleaner<'_>) {
        self.spec = cleaner.text(&self.spec);
        let values = self.inputs.values_mut().chain(&mut self.trigger);
        for value in values.chain(self.validators.values_mut()).chain(self.auth.values_mut()) {
            *value = cleaner.value(value);
        }
        for (_, label, value) in &mut self.cursors {
            *label = cleaner.text(label);
            *value = cleaner.text(value);
        }
    }

    /// Writes it.
    pub(crate) fn to_value(&self) -> Value {
        let text = |text: &str| Value::from(text);
        let all = |members: &BTreeMap<String, Value>| {
            Value::object(members.iter().map(|(name, value)| (name.as_str(), value.clone())).collect::<Vec<_>>())
        };
        let mut members = vec![
            ("recording", Value::from(FORM)),
            ("engine", text(env!("CARGO_PKG_VERSION"))),
            ("flow", text(&self.flow)),
            ("spec", text(&self.spec)),
            ("run", text(&self.run)),
        ];
        members.extend(self.started_at.map(|at| ("started_at", Value::from(at.to_string()))));
        members.extend(self.trigger.clone().map(|trigger| ("trigger", trigger)));
        let maps = [("inputs", &self.inputs), ("validators", &self.validators), ("auth", &self.auth)];
        members.extend(maps.iter().filter(|(_, map)| !map.is_empty()).map(|(name, map)| (*name, all(map))));
        if !self.cursors.is_empty() {
            let cursor = |(key, label, value): &(String, String, String)| {
                Value::object([("read", text(label)), ("key", text(key)), ("value", text(value))])
            };
            members.push(("cursors", Value::list(self.cursors.iter().map(cursor).collect())));
        }
        members.extend(self.exchanges.map(|exchanges| ("exchanges", Value::from(exchanges))));
        Value::object(members)
    }

    /// Reads what [`to_value`](Self::to_value) wrote; fails with what is wrong with it.
    pub(crate) fn from_value(value: &Value) -> Result<Self, String> {
        let form = value.get("recording").and_then(Value::as_i64).ok_or("it has no member `recording`")?;
        if form != FORM {
            return Err(format!("it is of the form {form}, and this engine reads {FORM}"));
        }
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::text).map(std::borrow::Cow::into_owned);
        let all = |name: &str| -> BTreeMap<String, Value> {
            let members = value.get(name).and_then(Value::as_object);
            let members = members.into_iter().flat_map(engine_expr::Members::iter);
            members.map(|(name, value)| (name.to_string(), value.clone())).collect()
        };
        let cursors = value.get("cursors").and_then(Value::as_list).unwrap_or_default();
        let cursor = |cursor: &Value| {
            Some((text(cursor, "key")?, text(cursor, "read").unwrap_or_default(), text(cursor, "value")?))
        };
        Ok(Self {
            flow: text(value, "flow").unwrap_or_default(),
            spec: text(value, "spec").unwrap_or_default(),
            run: text(value, "run").unwrap_or_default(),
            started_at: text(value, "started_at").and_then(|text| text.parse().ok()),
            inputs: all("inputs"),
            trigger: value.get("trigger").cloned(),
            cursors: cursors.iter().filter_map(cursor).collect(),
            validators: all("validators"),
            auth: all("auth"),
            exchanges: None,
        })
    }
}
