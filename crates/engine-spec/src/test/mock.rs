//! What answers for the APIs in a test.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use engine_request::{OneOrMany, Text};
use engine_source::{Map, Spanned};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Answering;

/// What answers for the APIs in a test.
#[derive(Clone, Debug, Default)]
pub struct Mock {
    /// The folder of a recording that answers what no endpoint does.
    pub replay: Option<Text>,
    /// How endpoints answer, by `API.ENDPOINT`, `API.auth` or `API.*`.
    pub endpoints: Map<OneOrMany<Answering>>,
}

impl<'de> Deserialize<'de> for Mock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Mock;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Mock, A::Error> {
                let mut mock = Mock::default();
                while let Some(key) = map.next_key::<Spanned<Arc<str>>>()? {
                    if &*key.value == "replay" {
                        mock.replay = Some(map.next_value()?);
                    } else {
                        mock.endpoints.insert(key, map.next_value()?);
                    }
                }
                Ok(mock)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

impl Serialize for Mock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(replay) = &self.replay {
            map.serialize_entry("replay", replay)?;
        }
        for (name, answers) in &self.endpoints {
            map.serialize_entry(&name.value, answers)?;
        }
        map.end()
    }
}

impl JsonSchema for Mock {
    fn schema_name() -> Cow<'static, str> {
        "Mock".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut replay = generator.subschema_for::<Text>();
        replay.insert(
            "description".to_owned(),
            "The folder of a recording that answers what no endpoint does; relative to the spec.".into(),
        );
        let endpoint = generator.subschema_for::<OneOrMany<Answering>>();
        json_schema!({
            "type": "object",
            "description": "What each endpoint answers: one answer each time, or a list of them in turn. A request that no answer is for fails.",
            "properties": {"replay": replay},
            "additionalProperties": endpoint,
        })
    }
}
