//! Answers requests from a recording, without a network.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use engine_expr::Value;
use engine_runtime::{
    Body, BoxFuture, Incoming, Kind, Outgoing, Replayed, RunOptions, StateError, StateStore, Transport, TransportError,
};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use crate::clock::ReplayClock;
use crate::content::Content;
use crate::exchange::{Exchange, Outcome, Purpose};
use crate::failure::RecordingError;
use crate::matching::{Difference, Question};
use crate::moment::Moments;
use crate::recording::Recording;

/// A recording that answers, as a [`Transport`]: each of its exchanges once, those for the same request in their order.
///
/// Method, URL and body of a request have to be those that were recorded; headers do not take part. What was secret may be anything.
#[derive(Debug)]
pub struct Replay {
    recording: Recording,
    questions: Vec<Question>,
    moments: Moments,
    taken: Mutex<Vec<bool>>,
}

/// How many differences are told.
const TOLD: usize = 6;
/// What a recording gives for a token.
const TOKEN: &str = r#"{"access_token":"replayed","token_type":"Bearer","expires_in":3600}"#;

impl Replay {
    /// Reads a recording: a folder, or a HAR file of any program.
    ///
    /// # Errors
    ///
    /// Says what cannot be read.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let recording = Recording::read(path)?;
        let questions = recording.exchanges.iter().map(|exchange| Question::recorded(exchange, &recording)).collect();
        let moments = Moments::of(&recording);
        let taken = Mutex::new(vec![false; recording.exchanges.len()]);
        Ok(Self { recording, questions, moments, taken })
    }

    /// Lets a run be as the one that was recorded: with its inputs where none are given, its id, its time, and without proof of who is asking.
    /// `declares` tells whether the spec has an input.
    pub fn prepare(&self, options: &mut RunOptions, declares: impl Fn(&str) -> bool) {
        options.placeholders = true;
        options.offline = true;
        let mut replayed = Replayed::default();
        if let Some(index) = &self.recording.index {
            for (name, value) in index.inputs.iter().filter(|(name, value)| declares(name) && !value.is_null()) {
                options.inputs.entry(name.clone()).or_insert_with(|| value.clone());
            }
            if !index.run.is_empty() {
                options.run_id = Some(index.run.clone());
            }
            options.trigger = options.trigger.take().or_else(|| index.trigger.clone());
            replayed.fields = index.auth.clone();
            replayed.validators = index.validators.clone();
        }
        options.started_at = self.recording.started_at();
        options.replayed = Some(Arc::new(replayed));
    }

    /// Puts into a state how far the reads of the run had come before.
    ///
    /// # Errors
    ///
    /// Fails as the state does.
    pub async fn restore(&self, state: &dyn StateStore) -> Result<(), StateError> {
        let now = self.recording.started_at().unwrap_or(Timestamp::UNIX_EPOCH);
        for (key, label, value) in self.recording.index.iter().flat_map(|index| &index.cursors) {
            state.save(Kind::Cursor, key, label, value.as_bytes(), now).await?;
        }
        Ok(())
    }

    /// Returns a clock that begins when the run did.
    pub fn clock(&self) -> ReplayClock {
        ReplayClock::new(self.recording.started_at().unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// Returns the exchanges that nobody has asked for so far, by their names; logins are not among them.
    pub fn left(&self) -> Vec<String> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let exchanges = self.recording.exchanges.iter().zip(taken.iter());
        let left = exchanges.filter(|(exchange, is_taken)| !**is_taken && exchange.purpose != Purpose::Login);
        left.map(|(exchange, _)| exchange.name.clone()).collect()
    }

    /// Finds the exchange for a request, and takes it.
    fn find(&self, question: &Question) -> Result<&Exchange, TransportError> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tolerable = None;
        // Of those that were taken: how many are the same, and the last of them.
        let mut same: (u32, Option<usize>) = (0, None);
        let mut nearest: Option<(u32, usize, Vec<Difference>)> = None;
        for (at, recorded) in self.questions.iter().enumerate() {
            let differences = question.differences(recorded, at, &self.moments);
            let is_taken = taken.get(at).copied().unwrap_or_default();
            if differences.iter().all(|difference| difference.is_tolerable) {
                if is_taken {
                    same = (same.0 + 1, Some(at));
                } else if differences.is_empty() {
                    return self.take(&mut taken, at);
                } else if tolerable.is_none() {
                    tolerable = Some(at);
                }
            }
            let told: Vec<_> = differences.into_iter().filter(|difference| !difference.is_tolerable).collect();
            // One that is still left is nearer than one that is not.
            let weight = told.iter().map(|difference| difference.weight).sum::<u32>() * 2 + u32::from(is_taken);
            if !told.is_empty() && nearest.as_ref().is_none_or(|(least, ..)| weight < *least) {
                nearest = Some((weight, at, told));
            }
        }
        if let Some(at) = tolerable {
            return self.take(&mut taken, at);
        }
        let path = self.recording.path().display();
        let name = |at: usize| self.recording.exchanges.get(at).map(|exchange| &*exchange.name).unwrap_or_default();
        let what = match (same, nearest) {
            ((1, Some(at)), _) => {
                format!("the recording `{path}` has one such exchange, `{}`, and it was asked for before", name(at))
            }
            ((count @ 2.., Some(at)), _) => {
                format!(
                    "the recording `{path}` has {count} such exchanges, the last of them `{}`, and all were asked for before",
                    name(at)
                )
            }
            (_, Some((_, at, differences))) => {
                let mut told: Vec<String> = differences.iter().take(TOLD).map(|it| it.text.clone()).collect();
                if differences.len() > TOLD {
                    told.push(format!("and {} more differences", differences.len() - TOLD));
                }
                let told = told.join("; ");
                format!("the recording `{path}` has no such exchange; the nearest is `{}`, but here {told}", name(at))
            }
            (_, None) => format!("the recording `{path}` has no exchanges"),
        };
        Err(TransportError::NotRecorded(what))
    }

    fn take(&self, taken: &mut [bool], at: usize) -> Result<&Exchange, TransportError> {
        if let Some(taken) = taken.get_mut(at) {
            *taken = true;
        }
        let gone = || TransportError::NotRecorded("an exchange of the recording is gone".to_owned());
        self.recording.exchanges.get(at).ok_or_else(gone)
    }

    fn answer(&self, outgoing: &Outgoing) -> Result<Incoming, TransportError> {
        let exchange = self.find(&Question::of(outgoing))?;
        let (status, headers, body) = match &exchange.outcome {
            Outcome::Answer { status, headers, body } => (*status, headers, body),
            Outcome::Fault(error) => return Err(error.clone()),
        };
        let mut known = HeaderMap::new();
        for (name, value) in headers {
            // What is kept is unpacked.
            let name = HeaderName::from_bytes(name.as_bytes()).ok();
            let name = name.filter(|name| ![CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name));
            if let (Some(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
                known.append(name, value);
            }
        }
        let body = match body {
            Content::Withheld(_) if (200..300).contains(&status) && exchange.purpose == Purpose::Login => {
                Body::Bytes(TOKEN.into())
            }
            other => {
                let body = self.recording.body(other, outgoing.spool_above);
                body.map_err(|error| TransportError::NotRecorded(error.message))?
            }
        };
        if body.length() > outgoing.max_body {
            return Err(TransportError::TooLarge { most: outgoing.max_body, is_packed: false });
        }
        Ok(Incoming { status, headers: known, body })
    }

    /// Returns the inputs of the run that was recorded.
    pub fn inputs(&self) -> BTreeMap<String, Value> {
        self.recording.index.as_ref().map(|index| index.inputs.clone()).unwrap_or_default()
    }
}

impl Transport for Replay {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Incoming, TransportError>> {
        Box::pin(async move { self.answer(&outgoing) })
    }
}
