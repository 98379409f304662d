//! The document as plain data.
//!
//! Every key of the language is a field here, with its documentation; what a document says is not judged beyond its shape.
//! Knows nothing about running it.

mod api;
mod api_webhook;
mod endpoint;
mod endpoint_ref;
mod example;
mod field;
mod input;
mod literal;
mod lookup;
mod mapping;
mod schema;
mod secret;
mod spec;
mod version;

pub mod sink;
pub mod step;
pub mod test;
pub mod trigger;
pub mod verify;

pub use engine_request::{Name, Named, OneOrMany, Removable, Text, read};

pub use api::Api;
pub use api_webhook::ApiWebhook;
pub use endpoint::Endpoint;
pub use endpoint_ref::{EndpointPattern, EndpointRef};
pub use example::Example;
pub use field::{EachField, EachList, Field, FieldType, LongField};
pub use input::{Input, InputType, Param};
pub use literal::Literal;
pub use lookup::{Lookup, LookupSource};
pub use mapping::Mapping;
pub use schema::{schema, schema_json};
pub use secret::{Keyring, Secret};
pub use sink::Sink;
pub use spec::Spec;
pub use step::{
    Batch, BatchLimits, BatchSize, Call, Case, ErrorHandling, Expect, Flow, ForEach, ItemAction, JsonSchemaSource,
    MapUse, OnError, OnInvalid, Read, ReadEndpoint, ReadSink, Rule, Step, Target, Validate, Wait, WaitEvent, WaitFor,
    Write, WriteMode, WriteTo,
};
pub use test::{Answer, Event, Expectation, Test};
pub use trigger::{EventPlace, Trigger};
pub use verify::Verify;
pub use version::Version;
