//! Checks of steps, in the order in which they happen: what each part may name changes from one to the next.

use std::sync::Arc;

use engine_source::Finding;
use engine_spec::{
    Batch, BatchLimits, BatchSize, Case, ErrorHandling, Expect, ForEach, JsonSchemaSource, MapUse, OnError, Rule, Step,
    Validate, Wait, WaitEvent, WaitFor,
};

use super::at::At;
use super::names::{
    BATCH, ERROR, GIVEN, ITEM, Names, ORIGINAL, PARENT, REQUEST, RESPONSE, Root, STEPS, STREAM, TRIGGER, WAIT, WINDOW,
};
use super::{Checker, Spot, StepName, Var};
use crate::place;

impl<'a> Checker<'a> {
    /// Checks the steps of the flow, and those that run when it failed and at its end.
    pub(super) fn flow(&mut self) {
        let at = self.root;
        let names = Names::of(GIVEN).and(&[ITEM, ORIGINAL, STEPS, TRIGGER]).and_if(self.has_wait, WAIT).with_root();
        self.steps_of(&self.spec.steps, at.get("steps"), &names, Level::Top, "");
        let known = self.steps.len();
        self.steps_of(&self.spec.on_failure, at.get("on_failure"), &names, Level::Top, place::ON_FAILURE);
        self.steps.truncate(known);
        self.steps_of(&self.spec.finally, at.get("finally"), &names, Level::Top, place::FINALLY);
        self.steps.truncate(known);
    }

    /// Checks the steps of which an endpoint is made: they see its params, and nothing of the flow.
    pub(super) fn endpoint_steps(&mut self, steps: &'a [Step], at: At<'a>, names: &Names<'a>, id: &str) {
        let outer = std::mem::take(&mut self.steps);
        let names = names.and(&[ITEM, ORIGINAL, STEPS]).with_root();
        let entry = id.split_once('.').and_then(|(api, name)| self.catalog.api(api)?.endpoint(name));
        self.composite = entry.and_then(|entry| entry.composite);
        self.in_flow = false;
        self.steps_of(steps, at, &names, Level::Top, id);
        self.in_flow = true;
        self.composite = None;
        self.steps = outer;
        if let Some(entry) = entry {
            self.made_of_steps(entry);
        }
    }

    /// Checks steps within another, that are known there only.
    fn inner(&mut self, steps: &'a [Step], at: At<'a>, names: &Names<'a>, block: &str) {
        let known = self.steps.len();
        self.steps_of(steps, at, &names.less(ANSWERED), Level::Inner, block);
        self.steps.truncate(known);
    }

    /// Checks steps that follow each other; those that are checked stay known.
    fn steps_of(&mut self, steps: &'a [Step], at: At<'a>, names: &Names<'a>, level: Level, block: &str) {
        let aligned = at.node().is_some_and(|node| node.items().len() == steps.len());
        let block: Arc<str> = block.into();
        let ids = place::ids(steps);
        for ((index, step), own) in steps.iter().enumerate().zip(&ids) {
            let at = if aligned { at.item(index) } else { At::default() };
            let spot = Spot { block: Arc::clone(&block), index };
            self.chain.push(spot.clone());
            let parent = self.step(step, at, names, level, &place::step_in(&block, own));
            self.chain.pop();
            let Some(id) = &step.id else { continue };
            if block.is_empty() && [place::ON_FAILURE, place::FINALLY].contains(&id.as_str()) {
                self.findings.push(
                    Finding::error("invalid-name", format!("`{id}` is what the steps at the end of a run are called"))
                        .label(id.span(), "not for a step of `steps`")
                        .help(format!("choose another name, or move the step to `{id}`")),
                );
            }
            if let Some(other) = self.steps.iter().find(|other| other.id == id.as_str()) {
                let help = format!("the first one is at {}; choose another name", self.place(id.span(), other.span));
                self.findings.push(
                    Finding::error("repeated-id", format!("two steps have the id `{id}`"))
                        .label(id.span(), "the second one")
                        .help(help),
                );
                continue;
            }
            self.steps.push(StepName { id: id.as_str(), span: id.span(), spot, parent });
        }
    }

    /// Checks a step; returns whether its items have a parent.
    fn step(&mut self, step: &'a Step, at: At<'a>, outer: &Names<'a>, level: Level, path: &str) -> bool {
        let Step {
            id,
            when,
            for_each,
            read,
            explode,
            vars,
            filter,
            map,
            validate,
            batch,
            results,
            call,
            write,
            switch,
            steps,
            parallel,
            flow,
            wait,
            fail,
            log,
            expect,
            extract,
            concurrency,
            on_error,
        } = step;
        let outer_stream = std::mem::replace(&mut self.in_stream, false);
        let outer_repeats = self.repeats;
        self.own_id = id.as_ref().map(engine_spec::Name::span);
        // At the top a source makes the first item; a step without one has an empty one from the start.
        let is_first = level == Level::Top && (for_each.is_some() || read.is_some());
        let early = |instead| if is_first { outer.without_item(instead) } else { *outer };
        self.condition(when.as_ref(), &early(WHEN));
        self.positive(concurrency.as_ref(), "concurrency", outer);

        let mut names = early(SOURCE);
        if let Some(for_each) = for_each {
            names = self.for_each(for_each, &names);
            self.in_stream = true;
            self.repeats = true;
        }
        self.own_id = None;
        let (mut has_key, mut sources) = (false, Vec::new());
        if let Some(read) = read {
            let reads = self.read(read, at.get("read"), &names);
            let under = for_each.is_some() || level == Level::Inner || names.has(PARENT);
            let of_records = map.is_none() && explode.is_none() && !reads.of_sink;
            has_key = of_records && reads.endpoints.iter().all(|entry| entry.has_key());
            names = names.and(&[ITEM, ORIGINAL, STREAM]).and_if(!reads.of_sink, RESPONSE);
            names = names.and_if(under, PARENT).and_if(reads.windowed, WINDOW);
            self.in_stream = true;
            self.repeats = true;
            if explode.is_none() && !reads.of_sink {
                sources = reads.endpoints;
            }
        }
        if let Some(explode) = explode {
            self.expr(explode, &names);
            names = names.and(&[PARENT]);
            self.repeats = true;
        }
        let parent = names.has(PARENT);

        let known_vars = self.vars.len();
        for (name, value) in vars.iter() {
            self.dynamic(value, &names);
            let secret = self.is_secret(value);
            self.vars.push(Var { name: &name.value, span: name.span, secret, per_item: true });
        }
        self.condition(filter.as_ref(), &names);
        self.map_use(map.as_ref(), &names.hiding("`map`"));
        if !sources.is_empty() {
            self.paths_in_examples(map.as_ref(), &sources);
        }
        if let Some(Validate { schema, rules, on_invalid: _ }) = validate {
            self.schema(schema.as_ref(), at.get("validate").get("schema"));
            self.rules(rules, &names);
        }
        if let Some(batch) = batch {
            self.batch(batch, &names);
            names = names.and(&[BATCH]).less(&[ITEM, ORIGINAL, PARENT]);
        }

        if let Some(call) = call {
            self.call(call, at.get("call"), &names);
        }
        if let Some(write) = write {
            self.write(write, at.get("write"), &names, has_key);
            self.key_is_made(write, map.as_ref());
        }
        if let Some(cases) = switch {
            self.switch(cases, at.get("switch"), &names, path);
        }
        if let Some(steps) = steps {
            self.inner(steps, at.get("steps"), &names, &place::steps_of(path));
        }
        for (index, branch) in parallel.iter().flatten().enumerate() {
            self.inner(branch, at.get("parallel").item(index), &names, &place::branch_of(path, index));
        }
        if let Some(flow) = flow {
            self.flow_call(flow, at.get("flow"), &names);
        }
        if let Some(wait) = wait {
            self.wait(wait, &names);
            self.rhythm(wait, at.get("wait"));
        }
        if let Some(fail) = fail {
            self.template(fail, &names.hiding("`fail`"));
        }
        if let Some(log) = log {
            self.template(log, &names.hiding("`log`"));
        }

        let answered = names.and(&[RESPONSE, REQUEST]).with_root();
        if let Some(results) = results {
            self.expr(results, &answered);
        }
        if let Some(Expect { status, schema, rules }) = expect {
            for status in status.iter().flatten() {
                self.setting(Some(status), &answered);
            }
            self.schema(schema.as_ref(), at.get("expect").get("schema"));
            self.rules(rules, &answered);
        }
        let after = if results.is_some() { answered.and(&[ITEM, ORIGINAL]).and_if(parent, PARENT) } else { answered };
        self.map_use(extract.as_ref(), &after.hiding("`extract`"));
        if let Some(OnError::Long(handling)) = on_error {
            let ErrorHandling { action: _, retry, steps } = &**handling;
            self.retry(retry.as_ref(), &names);
            self.tried_again(step, retry.as_ref(), at.get("on_error").key("retry"));
            self.inner(steps, at.get("on_error").get("steps"), &names.and(&[ERROR]), &place::undoing(path));
        }
        self.vars.truncate(known_vars);
        self.in_stream = outer_stream;
        self.repeats = outer_repeats;
        self.combination(step, at, level);
        parent
    }

    fn for_each(&mut self, for_each: &'a ForEach, names: &Names<'a>) -> Names<'a> {
        let each = names.and(&[ITEM, ORIGINAL]);
        match for_each {
            ForEach::Step(name) => {
                let step = self.step_named(name).and_then(|step| self.steps.get(step));
                let Some((spot, parent)) = step.map(|step| (step.spot.clone(), step.parent)) else {
                    return each.and(&[STREAM, PARENT]);
                };
                if self.chain.last().is_none_or(|own| own.block != spot.block) {
                    // The list of a step outside, from the first item to the last, each time.
                    self.use_step(&spot, false, true);
                    return each;
                }
                each.less(&[PARENT]).and(&[STREAM]).and_if(parent, PARENT)
            }
            ForEach::From(expr) => {
                self.expr(expr, names);
                each
            }
            ForEach::List(list) => {
                self.dynamic(list, names);
                each
            }
            ForEach::Product(lists) => {
                for (_, list) in lists.iter() {
                    self.dynamic(list, names);
                }
                each
            }
        }
    }

    fn switch(&mut self, cases: &'a [Case], at: At<'a>, names: &Names<'a>, path: &str) {
        let names = &names.less(ANSWERED);
        self.reachable(cases, at);
        for (index, Case { case, default, step }) in cases.iter().enumerate() {
            self.condition(case.as_ref(), names);
            self.setting(default.as_ref(), names);
            self.step(step, at.item(index), names, Level::Inner, &place::case_of(path, index));
        }
    }

    fn batch(&mut self, batch: &'a Batch, names: &Names<'a>) {
        match batch {
            Batch::Size(size) => self.batch_size(size, names),
            Batch::Limits(BatchLimits { size, bytes, within }) => {
                if let Some(size) = size {
                    self.batch_size(size, names);
                }
                self.setting(bytes.as_ref(), names);
                self.setting(within.as_ref(), names);
            }
        }
    }

    fn batch_size(&mut self, size: &'a BatchSize, names: &Names<'a>) {
        match size {
            BatchSize::All => {}
            BatchSize::Count(count) => self.positive(Some(count), "batch", names),
        }
    }

    fn wait(&mut self, wait: &'a Wait, names: &Names<'a>) {
        match wait {
            Wait::Period(period) => self.setting(Some(period), names),
            Wait::For(wait) => {
                let WaitFor { until, every, event, timeout } = &**wait;
                self.condition(until.as_ref(), names);
                self.setting(every.as_ref(), names);
                self.setting(timeout.as_ref(), names);
                if let Some(WaitEvent { path, verify, filter }) = event {
                    self.maybe_template(path.as_ref(), names);
                    if let Some(verify) = verify {
                        self.verify(verify, names);
                    }
                    self.condition(filter.as_ref(), &names.and(&[TRIGGER]));
                }
            }
        }
    }

    fn map_use(&mut self, map: Option<&'a MapUse>, names: &Names<'a>) {
        match map {
            Some(MapUse::Inline(mapping)) => self.mapping(mapping, names),
            Some(MapUse::Named(name)) => {
                if let Some(mapping) = self.mapping_named(name) {
                    self.mapping(mapping, names);
                }
            }
            None => {}
        }
    }

    fn rules(&mut self, rules: &'a [Rule], names: &Names<'a>) {
        for Rule { check, message } in rules {
            self.condition(Some(check), names);
            self.maybe_template(message.as_ref(), names);
        }
    }

    fn schema(&mut self, schema: Option<&'a JsonSchemaSource>, at: At<'a>) {
        if let Some(schema) = schema {
            self.json_schema(schema, at);
        }
    }
}

/// What is known of an answer: not within a step that has it.
const ANSWERED: &[Root] = &[RESPONSE, REQUEST];

/// What to do where `when` names the item of its own step.
const WHEN: &str = "`when` is evaluated once, before there are items; to look at each item, write `where`";

/// What to do where a source names the item that it makes.
const SOURCE: &str = "the source is what makes items; to read for each item of another step, add `for_each`";

/// Where steps stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// In a flow, or in an endpoint.
    Top,
    /// In another step.
    Inner,
}
