//! The runs of a state: what they work on is sealed before it comes to the database, and opened behind it.

use engine_runtime::{
    BoxFuture, KEPT_RUNS, Lease, RunChanges, RunEntry, RunLog, RunRecords, RunRequests, RunStore, Standing, StateError,
};

use super::PostgresState;
use crate::state::run_store::{self, RECORDS};
use crate::state::runs::Journaled;

impl RunStore for PostgresState {
    fn begin_run<'a>(&'a self, run: &'a RunEntry) -> BoxFuture<'a, Result<(), StateError>> {
        let run = run.clone();
        Box::pin(async move {
            let cipher = self.cipher()?;
            let given = run_store::seal_given(&cipher, &run)?;
            let mark = cipher.mark.clone();
            let begun = self.ask(async move |database| {
                database.make().await?;
                database.begin_run(&run, &given, &mark, KEPT_RUNS).await
            });
            if begun.await? { Ok(()) } else { Err(self.wrong_key()) }
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
            self.checked_cipher().await?;
            self.ask(async move |database| {
                Ok(database.exists().await? && database.take_run(&run, from.as_deref(), &lease).await?)
            })
            .await
        })
    }

    fn find_run<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<Option<RunEntry>, StateError>> {
        let run = run.to_owned();
        Box::pin(async move {
            let found = self
                .ask(
                    async move |database| {
                        if database.exists().await? { database.find_run(&run).await } else { Ok(None) }
                    },
                )
                .await?;
            let Some((entry, sealed)) = found else { return Ok(None) };
            if sealed.inputs.is_empty() {
                return Ok(Some(entry));
            }
            let cipher = self.checked_cipher().await?;
            run_store::opened_given(self.shown(), &cipher, entry, &sealed).map(Some)
        })
    }

    fn list_runs<'a>(&'a self, flow: Option<&'a str>, most: u32) -> BoxFuture<'a, Result<Vec<RunEntry>, StateError>> {
        let flow = flow.map(str::to_owned);
        Box::pin(self.ask(async move |database| {
            if database.exists().await? { database.list_runs(flow.as_deref(), most).await } else { Ok(Vec::new()) }
        }))
    }

    fn run_log<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<RunLog, StateError>> {
        let id = run.to_owned();
        Box::pin(async move {
            let cipher = self.checked_cipher().await?;
            let journaled = self
                .ask(
                    async move |database| {
                        if database.exists().await? { database.run_log(&id).await } else { Ok(Journaled::default()) }
                    },
                )
                .await?;
            run_store::opened_log(self.shown(), &cipher, run, journaled)
        })
    }

    fn run_records<'a>(&'a self, run: &'a str, step: &'a str) -> BoxFuture<'a, Result<Vec<RunRecords>, StateError>> {
        let (id, name) = (run.to_owned(), step.to_owned());
        Box::pin(async move {
            let cipher = self.checked_cipher().await?;
            let found =
                self.ask(async move |database| {
                    if database.exists().await? { database.run_records(&id, &name).await } else { Ok(Vec::new()) }
                })
                .await?;
            let opened = |records: RunRecords| {
                let place = run_store::at(&run_store::beside(run, step), records.number);
                let body = run_store::opened(self.shown(), &cipher, RECORDS, &place, &records.body, run)?;
                Ok(RunRecords { body, ..records })
            };
            found.into_iter().map(opened).collect()
        })
    }

    fn run_requests<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<Vec<RunRequests>, StateError>> {
        let id = run.to_owned();
        Box::pin(async move {
            let found = self
                .ask(
                    async move |database| {
                        if database.exists().await? { database.run_requests(&id).await } else { Ok(Vec::new()) }
                    },
                )
                .await?;
            if found.is_empty() {
                return Ok(found);
            }
            let cipher = self.checked_cipher().await?;
            let opened = |requests| run_store::opened_requests(self.shown(), &cipher, run, requests);
            found.into_iter().map(opened).collect()
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
            let sealed = run_store::seal(&cipher, &run, changes)?;
            self.ask(async move |database| {
                if database.exists().await? {
                    database.commit_run(&run, &lease, &sealed).await
                } else {
                    Ok(Standing::Lost)
                }
            })
            .await
        })
    }

    fn cancel_run<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<bool, StateError>> {
        let run = run.to_owned();
        Box::pin(self.ask(async move |database| Ok(database.exists().await? && database.cancel_run(&run).await?)))
    }

    fn forget_run<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<bool, StateError>> {
        let run = run.to_owned();
        Box::pin(self.ask(async move |database| Ok(database.exists().await? && database.forget_run(&run).await?)))
    }
}
