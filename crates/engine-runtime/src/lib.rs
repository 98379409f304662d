//! Running a plan: the executor.
//!
//! Reads pages, shapes their records and hands them to targets, through bounded channels, so that a slow target slows the requests. All
//! that comes from outside comes through [`World`].

mod ahead;
mod around;
mod asked_of_answers;
pub mod awaited;
mod beside;
mod body;
mod book;
mod call;
mod chance;
mod checkup;
mod claim;
mod complaint;
mod composite;
mod counted;
mod credentials;
mod exchange;
mod failure;
mod fields;
mod file_path;
mod frame;
mod gap;
mod given;
mod graphql;
mod hidden;
pub mod holder;
mod idempotency;
mod inbox;
mod inputs;
mod item;
mod journal;
mod kept;
mod known;
mod letter;
mod letters;
mod login;
mod machine;
mod mapping;
mod needs;
mod once;
mod origin;
mod outlet;
mod page;
mod params;
mod parking;
mod pending;
mod poll;
mod position;
mod progress;
mod read;
mod record;
mod recorder;
mod redirect;
mod report;
mod results;
mod retry;
mod run;
mod secrets;
mod sending;
mod shape;
mod sink;
mod sink_kind;
mod sink_reader;
mod site;
mod slot;
mod source;
mod stage;
mod state;
mod step;
mod stop;
mod tally;
mod tokens;
mod traffic;
mod trail;
mod transport;
mod trigger;
mod upload;
mod windows;
mod wire;
mod world;
mod write;
mod writers;
mod writing;
mod written;
mod xml_lists;

pub use engine_spec::sink::{FileCompression, ParquetCompression};

pub use crate::beside::beside;
pub use crate::chance::chance;
pub use crate::checkup::{ApiPlace, Checkup, Proved, SinkPlace};
pub use crate::fields::{FieldPage, Fields};
pub use crate::given::{Given, given};
pub use crate::hidden::Hidden;
pub use crate::inbox::{
    Dedupe, EventCount, EventFilter, EventKind, EventStatus, EventStore, NewEvent, Outcome, Put, StoredEvent, Wanted,
};
pub use crate::journal::{
    Ack, Journaling, KEPT_REQUESTS, KEPT_RUNS, Lease, RequestEntry, Resume, RunChanges, RunEntry, RunLog, RunRecords,
    RunRequests, RunStatus, RunStore, Standing, ToKeep, read_requests,
};
pub use crate::known::{HowGiven, Known, KnownInput, KnownSecret, known};
pub use crate::letter::Letter;
pub use crate::login::{ApiLogin, logins};
pub use crate::once::{Called, Hop, Meaning, Once, ReadOf, Recipe, Shown, call_once, next_reads, recipe};
pub use crate::parking::Parking;
pub use crate::record::Record;
pub use crate::recorder::{Found, RecordedExchange, RecordedRun, Recorder, Recorders, Replayed};
pub use crate::report::{Counts, Event, Observer, RunReport, Status, StepReport, WaitingFor};
pub use crate::results::Results;
pub use crate::retry::{Refused, Retry};
pub use crate::run::{RunOptions, run};
pub use crate::sink::{
    Column, ColumnType, Extent, Held, LaidOut, Layout, Mode, PagePart, RecordSink, RecordSource, SinkError, SinkKind,
    SinkQuery, SinkRows, SinkSpec, SinkTarget, Sinks, Unit,
};
pub use crate::state::{Entry, Kind, MemoryState, StateError, StateStore};
pub use crate::stop::Stop;
pub use crate::traffic::Shared;
pub use crate::transport::{
    Body, Connection, HeadBounds, HttpTransport, Incoming, MAX_WHOLE, Outgoing, Proxies, Reach, Reached, Spool,
    SpoolReader, Transport, TransportError, Way,
};
pub use crate::world::{BoxFuture, Clock, Environment, Ran, SystemClock, World};
