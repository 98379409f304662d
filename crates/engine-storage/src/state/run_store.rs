//! The runs of a state: what they work on is sealed before it comes to the database, and opened behind it.

use std::path::Path;

use engine_runtime::{
    Ack, BoxFuture, KEPT_RUNS, Lease, RunChanges, RunEntry, RunLog, RunRecords, RunRequests, RunStore, Standing,
    StateError,
};

use super::cipher::Cipher;
use super::runs::{Given, Journaled, Sealed};
use super::{SqliteState, is_encrypted, name_of, wrong_key};

/// What is sealed of a run, by which it is bound to its place.
const INPUTS: &str = "run inputs";
const TRIGGER: &str = "run trigger";
const CHUNK: &str = "run journal";
const SNAPSHOT: &str = "run snapshot";
const EFFECT: &str = "run effect";
pub(super) const RECORDS: &str = "run records";
pub(super) const REQUESTS: &str = "run requests";

impl RunStore for SqliteState {
    fn begin_run<'a>(&'a self, run: &'a RunEntry) -> BoxFuture<'a, Result<(), StateError>> {
        let run = run.clone();
        Box::pin(async move {
            let check = self.key_check()?;
            let (path, place) = (self.path.clone(), self.key.place());
            self.on_file(move |files| {
                let cipher = check(files)?;
                let given = seal_given(&cipher, &run)?;
                let database = files.made()?;
                database.begin_run(&run, &given, &cipher.mark, KEPT_RUNS)?;
                // Another process may have been first, with another key.
                if database.mark()?.is_some_and(|mark| mark != cipher.mark) {
                    database.forget_run(&run.id)?;
                    return Err(wrong_key(&path, &place));
                }
                Ok(())
            })
            .await
        })
    }

    fn take_run<'a>(
        &'a self,
        run: &'a str,
        from: Option<&'a str>,
        lease: &'a Lease,
    ) -> BoxFuture<'a, Result<bool, StateError>> {
        let (run, from, lease) = (run.to_owned(), from.map(str::to_owned), lease.clone());
        Box::pin(async move {
            let check = self.key_check()?;
            self.on_file(move |files| {
                check(files)?;
                match files.existing()? {
                    Some(database) => database.take_run(&run, from.as_deref(), &lease),
                    None => Ok(false),
                }
            })
            .await
        })
    }

    fn find_run<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<Option<RunEntry>, StateError>> {
        let run = run.to_owned();
        Box::pin(async move {
            let found = self
                .on_file(move |files| match files.existing()? {
                    Some(database) => database.find_run(&run),
                    None => Ok(None),
                })
                .await?;
            let Some((entry, sealed)) = found else { return Ok(None) };
            if sealed.inputs.is_empty() {
                return Ok(Some(entry));
            }
            let cipher = self.on_file(self.key_check()?).await?;
            opened_given(&self.path, &cipher, entry, &sealed).map(Some)
        })
    }

    fn list_runs<'a>(&'a self, flow: Option<&'a str>, most: u32) -> BoxFuture<'a, Result<Vec<RunEntry>, StateError>> {
        let flow = flow.map(str::to_owned);
        Box::pin(self.on_file(move |files| match files.existing()? {
            Some(database) => database.list_runs(flow.as_deref(), most),
            None => Ok(Vec::new()),
        }))
    }

    fn run_log<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<RunLog, StateError>> {
        let id = run.to_owned();
        Box::pin(async move {
            let cipher = self.on_file(self.key_check()?).await?;
            let journaled = self
                .on_file(move |files| match files.existing()? {
                    Some(database) => database.run_log(&id),
                    None => Ok(Journaled::default()),
                })
                .await?;
            opened_log(&self.path, &cipher, run, journaled)
        })
    }

    fn run_records<'a>(&'a self, run: &'a str, step: &'a str) -> BoxFuture<'a, Result<Vec<RunRecords>, StateError>> {
        let (id, name) = (run.to_owned(), step.to_owned());
        Box::pin(async move {
            let cipher = self.on_file(self.key_check()?).await?;
            let found = self
                .on_file(move |files| match files.existing()? {
                    Some(database) => database.run_records(&id, &name),
                    None => Ok(Vec::new()),
                })
                .await?;
            let opened = |records: RunRecords| {
                let place = at(&beside(run, step), records.number);
                let body = opened(&self.path, &cipher, RECORDS, &place, &records.body, run)?;
                Ok(RunRecords { body, ..records })
            };
            found.into_iter().map(opened).collect()
        })
    }

    fn run_requests<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<Vec<RunRequests>, StateError>> {
        let id = run.to_owned();
        Box::pin(async move {
            let found = self
                .on_file(move |files| match files.existing()? {
                    Some(database) => database.run_requests(&id),
                    None => Ok(Vec::new()),
                })
                .await?;
            if found.is_empty() {
                return Ok(found);
            }
            let cipher = self.on_file(self.key_check()?).await?;
            found.into_iter().map(|requests| opened_requests(&self.path, &cipher, run, requests)).collect()
        })
    }

    fn commit_run<'a>(
        &'a self,
        run: &'a str,
        lease: &'a Lease,
        changes: RunChanges,
    ) -> BoxFuture<'a, Result<Standing, StateError>> {
        let (run, lease) = (run.to_owned(), lease.clone());
        Box::pin(async move {
            // That it is the right key was found out when the run began.
            let cipher = self.cipher()?;
            self.on_file(move |files| {
                let sealed = seal(&cipher, &run, changes)?;
                match files.existing()? {
                    Some(database) => database.commit_run(&run, &lease, &sealed),
                    None => Ok(Standing::Lost),
                }
            })
            .await
        })
    }

    fn cancel_run<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<bool, StateError>> {
        let run = run.to_owned();
        Box::pin(self.on_file(move |files| match files.existing()? {
            Some(database) => database.cancel_run(&run),
            None => Ok(false),
        }))
    }

    fn forget_run<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<bool, StateError>> {
        let run = run.to_owned();
        Box::pin(self.on_file(move |files| match files.existing()? {
            Some(database) => database.forget_run(&run),
            None => Ok(false),
        }))
    }
}

/// Seals what a run was given.
pub(super) fn seal_given(cipher: &Cipher, run: &RunEntry) -> Result<Given, StateError> {
    Ok(Given {
        inputs: cipher.seal_as(INPUTS, &run.id, &run.inputs)?,
        trigger: run.trigger.as_ref().map(|trigger| cipher.seal_as(TRIGGER, &run.id, trigger)).transpose()?,
    })
}

/// Opens what a run was given.
pub(super) fn opened_given(
    store: &Path,
    cipher: &Cipher,
    entry: RunEntry,
    sealed: &Given,
) -> Result<RunEntry, StateError> {
    let open = |what, sealed: &[u8]| opened(store, cipher, what, &entry.id, sealed, &entry.id);
    let inputs = open(INPUTS, &sealed.inputs)?;
    let trigger = sealed.trigger.as_ref().map(|trigger| open(TRIGGER, trigger)).transpose()?;
    Ok(RunEntry { inputs, trigger, ..entry })
}

/// Opens what was journaled of a run.
pub(super) fn opened_log(store: &Path, cipher: &Cipher, run: &str, journaled: Journaled) -> Result<RunLog, StateError> {
    let open = |what, place: &str, sealed: &[u8]| opened(store, cipher, what, place, sealed, run);
    let snapshot = match journaled.snapshot {
        Some((next, sealed)) => Some((next, open(SNAPSHOT, &at(run, next), &sealed)?)),
        None => None,
    };
    let mut chunks = Vec::with_capacity(journaled.chunks.len());
    for (number, sealed) in journaled.chunks {
        chunks.push((number, open(CHUNK, &at(run, number), &sealed)?));
    }
    let mut acks = Vec::with_capacity(journaled.acks.len());
    for (key, page, sealed) in journaled.acks {
        let effect = sealed.map(|sealed| open(EFFECT, &beside(run, &key), &sealed)).transpose()?;
        acks.push(Ack { key, page, effect });
    }
    Ok(RunLog { snapshot, chunks, acks })
}

/// Opens what a run has asked.
pub(super) fn opened_requests(
    store: &Path,
    cipher: &Cipher,
    run: &str,
    mut requests: RunRequests,
) -> Result<RunRequests, StateError> {
    requests.body = opened(store, cipher, REQUESTS, &at(run, requests.number), &requests.body, run)?;
    Ok(requests)
}

/// Opens something of a run.
pub(super) fn opened(
    store: &Path,
    cipher: &Cipher,
    what: &str,
    place: &str,
    sealed: &[u8],
    run: &str,
) -> Result<Vec<u8>, StateError> {
    cipher.open_as(what, place, sealed).ok_or_else(|| {
        StateError::new(format!("the journal of run `{run}` in `{}` was changed by something else", store.display()))
            .help("begin anew with `--fresh`")
    })
}

/// Seals what becomes of a run.
pub(super) fn seal(cipher: &Cipher, run: &str, changes: RunChanges) -> Result<Sealed, StateError> {
    let RunChanges { delivered, end, steps, durable, .. } = changes;
    let mut sealed = Sealed { delivered, end, steps, durable, ..Sealed::default() };
    if let Some((number, body)) = changes.chunk {
        sealed.chunk = Some((number, cipher.seal_as(CHUNK, &at(run, number), &body)?));
    }
    if let Some((next, body)) = changes.snapshot {
        sealed.snapshot = Some((next, cipher.seal_as(SNAPSHOT, &at(run, next), &body)?));
    }
    for Ack { key, page, effect } in changes.acks {
        let effect = effect.map(|effect| cipher.seal_as(EFFECT, &beside(run, &key), &effect)).transpose()?;
        sealed.acks.push((key, page, effect));
    }
    for records in changes.records {
        let place = at(&beside(run, &records.step), records.number);
        let body = cipher.seal_as(RECORDS, &place, &records.body)?;
        sealed.records.push(RunRecords { body, ..records });
    }
    if let Some(requests) = changes.requests {
        let body = cipher.seal_as(REQUESTS, &at(run, requests.number), &requests.body)?;
        sealed.requests = Some(RunRequests { body, ..requests });
    }
    for keep in changes.keep {
        let value = if is_encrypted(keep.kind) { cipher.seal(keep.kind, &keep.key, &keep.value)? } else { keep.value };
        sealed.keep.push((name_of(keep.kind), keep.key, keep.label, value));
    }
    Ok(sealed)
}

/// Names the place of something that has a number.
pub(super) fn at(place: &str, number: i64) -> String {
    format!("{place}\0{number}")
}

/// Names the place of something of a run.
pub(super) fn beside(run: &str, name: &str) -> String {
    format!("{run}\0{name}")
}
