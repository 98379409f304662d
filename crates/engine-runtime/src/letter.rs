//! A dead letter: a record that failed, with all that is needed to look at it and to send it again.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine_expr::{Members, Value};
use engine_source::Span;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::item::{Item, Json, Origin};
use crate::state::{Entry, Kind, StateError, StateStore};

/// The form in which letters are kept.
pub(crate) const VERSION: u32 = 1;

/// A record that failed.
#[derive(Clone, Debug)]
pub struct Letter {
    /// What tells it from all others: the key of the request that it would have been sent with alone.
    pub id: String,
    /// When it failed last.
    pub kept_at: Timestamp,
    content: Content,
}

/// What is kept of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) version: u32,
    /// The name of the flow.
    pub(crate) flow: String,
    /// The file of the flow.
    pub(crate) spec: String,
    pub(crate) run: String,
    pub(crate) started_at: String,
    /// The inputs of the run, as JSON.
    pub(crate) inputs: String,
    /// What started the run, if it was not somebody by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trigger: Option<String>,
    /// The address of the step.
    pub(crate) step: String,
    /// Which record it is, in words.
    pub(crate) place: String,
    /// How often it failed.
    pub(crate) attempts: u32,
    pub(crate) error: KeptError,
    /// The request without secrets, as JSON.
    pub(crate) request: Option<String>,
    /// The batch that it was sent in.
    pub(crate) batch: Option<InBatch>,
    /// Whether it was a read under the record that failed.
    pub(crate) is_reading: bool,
    /// Whether it could not be taken apart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_whole: bool,
    /// The record as it was when it failed, where the step had changed it, as JSON.
    pub(crate) made: Option<String>,
    /// The record as it came to the step.
    pub(crate) item: KeptItem,
    /// How often what the step had done for it was undone.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) undone: u32,
    /// What the steps within it had appended for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) appended: String,
    /// How often what had been done for items within it was undone, by their keys.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) undone_within: BTreeMap<String, u32>,
    /// What the step ran within, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) within: Vec<KeptWithin>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A step around the one of a letter, and the item that it worked on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeptWithin {
    /// The address of the step, or of its case.
    pub(crate) step: String,
    /// The item as it came to the step: the members of a batch.
    pub(crate) items: Vec<KeptItem>,
    pub(crate) is_batch: bool,
    /// How often what was done for it had been undone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) again: String,
}

/// Why it failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeptError {
    pub(crate) kind: String,
    pub(crate) status: Option<u16>,
    pub(crate) message: String,
    pub(crate) step: String,
}

/// A batch that failed, and the place of a record in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct InBatch {
    /// The key of what was sent.
    pub(crate) key: String,
    pub(crate) of: usize,
    pub(crate) at: usize,
}

/// An item, with all that tells it from others and all that a step may ask of it. Records are texts: a key is made of each byte.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeptItem {
    current: String,
    /// Nothing where it is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    original: Option<String>,
    stream: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exchange: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    response: Option<String>,
    is_keyed: bool,
    is_part: bool,
    number: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<Box<Self>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    under: Option<Box<Self>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    batch: Option<Vec<Self>>,
}

impl Letter {
    /// Returns the dead letters of a state, by what they are.
    ///
    /// # Errors
    ///
    /// Fails where they can't be read.
    pub async fn all(state: &dyn StateStore) -> Result<Vec<Self>, StateError> {
        state.list(Kind::DeadLetter).await?.into_iter().map(Self::read).collect()
    }

    fn read(entry: Entry) -> Result<Self, StateError> {
        let content = serde_json::from_slice::<Content>(&entry.value).ok().filter(|it| it.version == VERSION);
        let content = content.ok_or_else(|| {
            StateError::new(format!("the dead letter `{}` ({}) can't be read", entry.key, entry.label))
                .help("it was kept by another version of the engine: use that one")
        })?;
        Ok(Self { id: entry.key, kept_at: entry.saved_at, content })
    }

    /// Returns what is kept of it.
    pub(crate) fn content(&self) -> &Content {
        &self.content
    }

    /// Returns the name of the flow.
    pub fn flow(&self) -> &str {
        &self.content.flow
    }

    /// Returns the address of the step.
    pub fn step(&self) -> &str {
        &self.content.step
    }

    /// Returns the id of the run.
    pub fn run(&self) -> &str {
        &self.content.run
    }

    /// Returns when the run began.
    pub fn started_at(&self) -> Option<Timestamp> {
        self.content.started_at.parse().ok()
    }

    /// Says which record it is.
    pub fn place(&self) -> &str {
        &self.content.place
    }

    /// Says why it failed.
    pub fn message(&self) -> &str {
        &self.content.error.message
    }

    /// Tells whether two were sent in one batch, so that one can't be sent again without the other.
    pub fn is_batched_with(&self, other: &Self) -> bool {
        let batch = |letter: &Self| letter.content.batch.as_ref().map(|batch| batch.key.clone());
        batch(self).is_some() && batch(self) == batch(other) && self.step() == other.step()
    }

    /// Returns the inputs that the run was given or found.
    pub fn inputs(&self) -> BTreeMap<String, Value> {
        let inputs = json(&self.content.inputs);
        let members = inputs.as_object().into_iter().flat_map(Members::iter);
        let given = members.filter(|(_, value)| !value.is_null());
        given.map(|(name, value)| (name.to_string(), value.clone())).collect()
    }

    /// Returns what started the run, if it was not somebody by hand.
    pub fn trigger(&self) -> Option<Value> {
        self.content.trigger.as_deref().map(json)
    }

    /// Returns all of it, for people and programs.
    pub fn to_value(&self) -> Value {
        let Content {
            flow,
            spec,
            run,
            started_at,
            inputs,
            trigger,
            step,
            place,
            attempts,
            error,
            request,
            batch,
            made,
            item,
            is_reading,
            within,
            ..
        } = &self.content;
        let error = Value::object([
            ("kind", Value::from(error.kind.as_str())),
            ("status", error.status.map_or(Value::Null, |status| Value::from(u64::from(status)))),
            ("message", Value::from(error.message.as_str())),
            ("step", Value::from(error.step.as_str())),
        ]);
        let batch = batch.as_ref().map(|batch| {
            Value::object([
                ("key", Value::from(batch.key.as_str())),
                ("of", Value::from(batch.of)),
                ("at", Value::from(batch.at)),
            ])
        });
        let above = std::iter::successors(item.parent.as_deref(), |item| item.parent.as_deref());
        let around = |within: &KeptWithin| {
            let items: Vec<Value> = within.items.iter().map(|item| json(&item.current)).collect();
            let one = items.first().filter(|_| !within.is_batch).cloned();
            Value::object([("step", Value::from(within.step.as_str())), ("item", one.unwrap_or(Value::list(items)))])
        };
        Value::object([
            ("id", Value::from(self.id.as_str())),
            ("kept_at", Value::from(self.kept_at.to_string())),
            ("flow", Value::from(flow.as_str())),
            ("spec", Value::from(spec.as_str())),
            ("run", Value::from(run.as_str())),
            ("started_at", Value::from(started_at.as_str())),
            ("inputs", json(inputs)),
            ("trigger", trigger.as_deref().map(json).unwrap_or_default()),
            ("step", Value::from(step.as_str())),
            ("place", Value::from(place.as_str())),
            ("attempts", Value::from(u64::from(*attempts))),
            ("error", error),
            ("request", request.as_deref().map(json).unwrap_or_default()),
            ("batch", batch.unwrap_or_default()),
            ("is_reading", Value::from(*is_reading)),
            ("item", json(made.as_deref().unwrap_or(&item.current))),
            ("taken", json(&item.current)),
            ("original", json(item.original.as_deref().unwrap_or(&item.current))),
            ("parents", Value::list(above.map(|item| json(&item.current)).collect())),
            ("within", Value::list(within.iter().map(around).collect())),
            ("stream", Value::from(item.stream.as_str())),
        ])
    }
}

/// Reads what was written as JSON; records that are nested too deep for that are shown as texts.
fn json(text: &str) -> Value {
    Value::from_json(text).unwrap_or_else(|_| Value::from(text))
}

impl Content {
    /// Writes it down.
    pub(crate) fn written(&self) -> Vec<u8> {
        // Texts and numbers are always JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Tells whether nobody knows if the API has done what was asked for.
    pub(crate) fn is_unknown(&self) -> bool {
        self.error.kind == "unknown"
    }
}

impl KeptItem {
    /// Writes down an item as it came to the step that keeps it.
    pub(crate) fn taken(item: &Item) -> Self {
        let current = item.taken.as_deref().unwrap_or(&item.current).clone();
        Self::of(&Item { current, ..item.clone() })
    }

    /// Writes down an item as it is.
    fn of(item: &Item) -> Self {
        let current = item.current.text().to_owned();
        let original = item.original.text();
        let above = |item: &Arc<Item>| Box::new(Self::of(item));
        Self {
            original: (original != current).then(|| original.to_owned()),
            current,
            stream: item.origin.stream.to_string(),
            exchange: item.origin.exchange.clone(),
            page_key: item.origin.page_key.clone(),
            response: item.origin.response.as_ref().map(Value::to_json),
            is_keyed: item.origin.is_keyed,
            is_part: item.origin.is_part,
            number: item.number,
            parent: item.parent.as_ref().map(above),
            under: item.origin.under.as_ref().map(above),
            batch: item.origin.batch.as_ref().map(|items| items.iter().map(Self::of).collect()),
        }
    }

    /// Makes the item again, for a step at this place.
    pub(crate) fn item(&self, place: Span, together: Option<&Arc<str>>) -> Item {
        let current = Json::copy(&self.current);
        let above = |item: &Self| Arc::new(item.item(place, None));
        let origin = Origin {
            stream: self.stream.as_str().into(),
            exchange: self.exchange.clone(),
            page_key: self.page_key.clone(),
            response: self.response.as_deref().map(json),
            is_keyed: self.is_keyed,
            is_part: self.is_part,
            place,
            under: self.under.as_deref().map(above),
            batch: self.batch.as_ref().map(|items| Arc::new(items.iter().map(|item| item.item(place, None)).collect())),
            together: together.cloned(),
            ..Origin::default()
        };
        let original = self.original.as_deref().map_or_else(|| current.clone(), Json::copy);
        let parent = self.parent.as_deref().map(above);
        Item { current, original, ..Item::new(Json::copy("null"), parent, Arc::new(origin), self.number) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idempotency::idempotency_key;

    fn item(json: &str, parent: Option<Item>, is_keyed: bool) -> Item {
        let exchange = Some("GET https://shop.example/orders, page 2".to_owned());
        let page_key = Some("orders/0#2".to_owned());
        let origin = Origin { stream: "orders".into(), exchange, page_key, is_keyed, ..Origin::default() };
        let item = Item::new(Json::copy(json), parent.map(Arc::new), Arc::new(origin), 7);
        Item { current: Json::copy("{\"made\": 1}"), ..item }
    }

    fn again(item: &Item) -> Item {
        let written = serde_json::to_string(&KeptItem::taken(item)).unwrap_or_default();
        let read: Option<KeptItem> = serde_json::from_str(&written).ok();
        read.map_or_else(|| Item { number: 0, ..item.clone() }, |kept| kept.item(Span::default(), None))
    }

    #[test]
    fn an_item_that_is_read_again_has_the_key_of_then() {
        let batch = Arc::new(vec![item("{\"id\":  1.0}", None, true), item("{ \"id\": 2 }", None, false)]);
        let of_batch =
            Item::new(Json::copy("[]"), None, Arc::new(Origin { batch: Some(batch), ..Origin::default() }), 1);
        for item in [
            item("{\"a\":  1.50, \"b\": \"\\u00e4\"}", None, true),
            item("{\"a\":  1.50}", Some(item("{ }", None, false)), false),
            of_batch,
        ] {
            let again = again(&item);
            assert_eq!(idempotency_key("run", "step", &again), idempotency_key("run", "step", &item));
            assert_eq!(again.describe(), item.describe());
            assert_eq!(again.current.text(), item.current.text());
        }
    }

    fn again_of_child(parent: Item) -> Item {
        again(&item("{}", Some(parent), true))
    }

    #[test]
    fn the_record_is_kept_as_it_came_to_the_step() {
        let mut item = item("{\"raw\": true}", None, true);
        item.taken = Some(Arc::new(Json::copy("{\"taken\": true}")));
        let again = again(&item);
        assert_eq!(again.current.text(), "{\"taken\": true}");
        assert_eq!(again.original.text(), "{\"raw\": true}");
        // What is above it is as it was.
        let below = again_of_child(item);
        assert_eq!(below.parent.map(|parent| parent.current.text().to_owned()).as_deref(), Some("{\"made\": 1}"));
    }
}
