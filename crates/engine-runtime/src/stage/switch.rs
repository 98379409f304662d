//! A step that divides its items among cases. Each case keeps what it has open over all of them.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine_expr::{Condition, Scope, Setting};
use engine_plan::{Case, Target};
use futures_util::stream::{self, StreamExt};

use super::errors::Errors;
use super::{Done, Gather, Shaping, Stage};
use crate::claim::Claim;
use crate::failure::Failure;
use crate::item::Item;
use crate::mapping::Scratch;
use crate::needs::Needs;
use crate::report::Status;
use crate::shape::Shaped;
use crate::site::Site;

/// Divides the items of a step.
pub(crate) struct Switch {
    site: Site,
    cases: Vec<Branch>,
    errors: Errors,
    scratch: Scratch,
    /// How many items are worked on at once, whatever their cases.
    concurrency: usize,
    /// Whether nobody can tell in which order the cases get their items: then each gets all of its items of a page at once.
    is_unordered: bool,
}

/// Items that follow each other and go to one case, by its number.
type Run = (usize, Vec<Item>, Vec<Scope>);

/// A part of a batch.
enum Part {
    Done(Done),
    ToDo(Shaped),
}

/// A case while it runs.
struct Branch {
    site: Site,
    condition: Option<(Condition, Needs)>,
    default: Option<Setting<bool>>,
    /// False leaves an item out.
    when: Option<(Condition, Needs)>,
    shaping: Shaping,
    gather: Option<Gather>,
    stage: Stage,
}

impl Switch {
    /// Prepares all cases.
    pub(crate) fn new(site: &Site, cases: &[Case]) -> Result<Self, Failure> {
        let cases = cases.iter().map(|case| Branch::new(site, case)).collect::<Result<Vec<_>, _>>()?;
        let is_unordered = !site.is_taken && write_apart(&cases);
        let concurrency = site.concurrency()?;
        Ok(Self {
            site: site.clone(),
            cases,
            errors: Errors::new(site),
            scratch: Scratch::default(),
            concurrency,
            is_unordered,
        })
    }

    /// Tells whether a case asks for the page as `response`.
    pub(crate) fn needs_response(&self) -> bool {
        self.cases.iter().any(|branch| {
            branch.condition.iter().chain(&branch.when).any(|(_, needs)| needs.response())
                || branch.shaping.needs_response()
                || branch.stage.needs_response()
        })
    }

    /// Gives each item to the first case that takes it.
    pub(crate) async fn take(&mut self, shaped: Shaped) -> Result<Done, Failure> {
        let Shaped { items, scopes, claim, .. } = shaped;
        let mut runs: Vec<Run> = Vec::new();
        for (at, item) in items.into_iter().enumerate() {
            let scope = &scopes.get(at).unwrap_or(&self.site.base).clone();
            let case = match self.case_of(&item, scope) {
                Ok(Some(case)) => case,
                Ok(None) => continue,
                Err(failure) => {
                    self.errors.settle(&item, scope, failure).await?;
                    continue;
                }
            };
            let known = if self.is_unordered {
                runs.iter().position(|run| run.0 == case)
            } else {
                runs.last().filter(|run| run.0 == case).map(|_| runs.len() - 1)
            };
            let at = known.unwrap_or_else(|| {
                runs.push((case, Vec::new(), Vec::new()));
                runs.len() - 1
            });
            if let Some((_, items, scopes)) = runs.get_mut(at) {
                items.push(item);
                scopes.push(scope.clone());
            }
        }
        let mut done = Done::default();
        if self.concurrency > 1 {
            done = self.at_once(runs, &claim).await?;
        } else {
            for (case, items, scopes) in runs {
                if let Some(branch) = self.cases.get_mut(case) {
                    done.join(branch.take(items, &scopes, claim.clone()).await?);
                }
            }
        }
        done.claim.join(claim);
        Ok(done)
    }

    /// Works on several items at once, and gives what comes of them in their order. What is under way when one fails is let finish.
    async fn at_once(&mut self, runs: Vec<Run>, claim: &Claim) -> Result<Done, Failure> {
        let mut parts = Vec::new();
        for (case, items, scopes) in runs {
            let Some(branch) = self.cases.get_mut(case) else { continue };
            for batch in branch.prepare(items, &scopes, claim.clone()).await? {
                if matches!(branch.stage, Stage::Each(_)) {
                    parts.extend(batch.split().into_iter().map(|part| (case, Part::ToDo(part))));
                } else {
                    parts.push((case, Part::Done(branch.pass(batch).await?)));
                }
            }
        }
        let given_up = AtomicBool::new(false);
        let (cases, given_up) = (&self.cases, &given_up);
        let works = parts.into_iter().map(|(case, part)| async move {
            let done = match (part, cases.get(case)) {
                (Part::Done(done), _) => Ok(done),
                (Part::ToDo(_), _) if given_up.load(Ordering::Relaxed) => Err(Failure::interrupted()),
                (Part::ToDo(shaped), Some(branch)) => branch.each(shaped).await,
                (Part::ToDo(_), None) => Ok(Done::default()),
            };
            if done.is_err() {
                given_up.store(true, Ordering::Relaxed);
            }
            done
        });
        let mut works = stream::iter(works).buffered(self.concurrency);
        let mut out = Done::default();
        let mut failed: Option<Failure> = None;
        while let Some(done) = works.next().await {
            match done {
                Ok(done) => out.join(done),
                Err(failure) if failed.as_ref().is_none_or(Failure::is_interruption) => failed = Some(failure),
                Err(_) => {}
            }
        }
        failed.map_or(Ok(out), Err)
    }

    /// Finds the case of an item; none where its `when` leaves the item out.
    fn case_of(&mut self, item: &Item, scope: &Scope) -> Result<Option<usize>, Failure> {
        for (at, branch) in self.cases.iter().enumerate() {
            let takes = match (&branch.condition, &branch.default) {
                (Some((condition, needs)), _) => {
                    needs.evaluate(scope, item, self.scratch.names(), |scope| condition.test(scope))?
                }
                (None, Some(default)) => default.resolve(scope)?,
                (None, None) => false,
            };
            if !takes {
                continue;
            }
            if let Some((when, needs)) = &branch.when
                && !needs.evaluate(scope, item, self.scratch.names(), |scope| when.test(scope))?
            {
                branch.site.tally.count(std::slice::from_ref(item), |counts, number| {
                    counts.read += number;
                    counts.dropped += number;
                });
                return Ok(None);
            }
            return Ok(Some(at));
        }
        Err(Failure::new("step-failed", "no case of `switch` takes it", self.site.step.span)
            .help("add a last case with `default: true`, or say `on_error: skip`"))
    }

    /// Returns how long until a case has something to hand on.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.cases.iter().filter_map(Branch::due).min()
    }

    /// Hands on what cases have gathered for as long as they may.
    pub(crate) async fn flush(&mut self) -> Result<Done, Failure> {
        let mut done = Done::default();
        for branch in &mut self.cases {
            if branch.due().is_some_and(|due| due.is_zero()) {
                done.join(branch.flush().await?);
            }
        }
        Ok(done)
    }

    /// Ends all cases.
    pub(crate) async fn finish(&mut self) -> Result<Done, Failure> {
        let mut done = Done::default();
        for branch in &mut self.cases {
            done.join(branch.end().await?);
            done.join(branch.stage.finish(&branch.site).await.map_err(|failure| branch.own(failure))?);
            branch.site.context().book.ended(&branch.site.frame.rank(&branch.site.step), Status::Ok, false);
        }
        Ok(done)
    }
}

/// Tells whether all cases but write, and each to a place of its own.
fn write_apart(cases: &[Branch]) -> bool {
    let mut places = HashSet::new();
    cases.iter().all(|branch| match &branch.site.step.target {
        Target::None => true,
        Target::Write(write) => {
            let table = write.table.as_ref().or(write.path.as_ref());
            let table = table.map(|table| table.as_literal().map(engine_expr::Value::to_json));
            match table {
                Some(Some(table)) => places.insert((write.sink.name.clone(), table)),
                None => places.insert((write.sink.name.clone(), String::new())),
                // It may be any.
                Some(None) => false,
            }
        }
        _ => false,
    })
}

impl Branch {
    fn new(site: &Site, case: &Case) -> Result<Self, Failure> {
        let site = site.of_case(&case.step);
        let condition = |condition: &Condition| (condition.clone(), Needs::of(condition.names()));
        Ok(Self {
            condition: case.condition.as_ref().map(condition),
            default: case.default.clone(),
            when: case.step.when.as_ref().map(condition),
            shaping: Shaping::new(&site),
            gather: Gather::new(&site)?,
            stage: Stage::new(&site)?,
            site,
        })
    }

    async fn take(&mut self, items: Vec<Item>, scopes: &[Scope], claim: Claim) -> Result<Done, Failure> {
        let mut done = Done::default();
        for batch in self.prepare(items, scopes, claim).await? {
            done.join(self.pass(batch).await?);
        }
        Ok(done)
    }

    /// Shapes items, and gathers them where the case says so.
    async fn prepare(&mut self, items: Vec<Item>, scopes: &[Scope], claim: Claim) -> Result<Vec<Shaped>, Failure> {
        let shaped = self.shaping.take(items, scopes, claim).await.map_err(|failure| self.own(failure))?;
        match &mut self.gather {
            Some(gather) => gather.take(shaped),
            None => Ok(vec![shaped]),
        }
    }

    /// Does what is done for each item.
    async fn each(&self, shaped: Shaped) -> Result<Done, Failure> {
        let Stage::Each(each) = &self.stage else { return Ok(Done::of(shaped)) };
        let done = each.batch(shaped).await.map_err(|failure| self.own(failure))?;
        self.site.tally.count(&done.items, |counts, number| counts.out += number);
        self.site.tally.progress();
        Ok(done)
    }

    async fn pass(&mut self, shaped: Shaped) -> Result<Done, Failure> {
        let done = self.stage.take(&self.site, shaped).await.map_err(|failure| self.own(failure))?;
        self.site.tally.count(&done.items, |counts, number| counts.out += number);
        self.site.tally.progress();
        Ok(done)
    }

    /// Says that a failure is the case's own.
    fn own(&self, failure: Failure) -> Failure {
        failure.within(self.site.address())
    }

    async fn rest(&mut self) -> Result<Done, Failure> {
        match self.gather.as_mut().map(Gather::rest).transpose()?.flatten() {
            Some(rest) => self.pass(rest).await,
            None => Ok(Done::default()),
        }
    }

    async fn end(&mut self) -> Result<Done, Failure> {
        let mut done = Done::default();
        for batch in self.gather.as_mut().map(Gather::end).transpose()?.unwrap_or_default() {
            done.join(self.pass(batch).await?);
        }
        Ok(done)
    }

    fn due(&self) -> Option<Duration> {
        self.gather.as_ref().and_then(Gather::due).into_iter().chain(self.stage.due()).min()
    }

    async fn flush(&mut self) -> Result<Done, Failure> {
        let mut done = Done::default();
        if self.gather.as_ref().and_then(Gather::due).is_some_and(|due| due.is_zero()) {
            done.join(self.rest().await?);
        }
        done.join(Box::pin(self.stage.flush()).await?);
        Ok(done)
    }
}
