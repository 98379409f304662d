//! What steps take from the records and answers of endpoints.

use std::collections::BTreeMap;

use engine_expr::{Dynamic, DynamicLeaf, Expr};
use engine_plan::{Block, Items, Plan, Reading, Source, Step, Target};
use engine_spec::{EachList, Field, Mapping};

use crate::answer::{Gives, Paths};
use crate::request::{Request, Uses};
use crate::schema::{Look, Node};
use crate::told::Told;

/// An endpoint that was held.
pub(crate) struct Held<'p, 'd> {
    pub(crate) request: Request<'d>,
    pub(crate) uses: Uses<'p, 'd>,
    pub(crate) gives: Gives<'d>,
}

/// The steps of a plan, over the endpoints that were held.
pub(crate) struct Flow<'a, 'p, 'd> {
    pub(crate) paths: &'a Paths<'p, 'd>,
    pub(crate) held: &'a BTreeMap<String, Held<'p, 'd>>,
}

/// What is known of an item.
#[derive(Clone, Debug, Default)]
struct Item<'d> {
    now: Node<'d>,
    original: Node<'d>,
    parent: Node<'d>,
}

impl<'d> Flow<'_, '_, 'd> {
    /// Goes over all steps.
    pub(crate) fn plan(&self, plan: &Plan, told: &mut Told<'d>) {
        for block in [&plan.steps, &plan.on_failure, &plan.finally] {
            self.block(block, &Item::default(), told);
        }
        for composite in &plan.composites {
            self.block(&composite.steps, &Item::default(), told);
        }
    }

    fn block(&self, block: &Block, around: &Item<'d>, told: &mut Told<'d>) {
        let mut streams: Vec<Item<'d>> = Vec::new();
        for step in block {
            let out = self.step(step, around, &streams, told);
            streams.push(out);
        }
    }

    fn step(&self, step: &Step, around: &Item<'d>, streams: &[Item<'d>], told: &mut Told<'d>) -> Item<'d> {
        let mut item = self.source(step, around, streams, told);
        if let Some(explode) = &step.explode {
            let found = self.expr(explode, &item, told);
            let is_one = explode.as_path().is_some_and(|path| path.singular().is_some());
            let element = match self.paths.schemas.items(&found) {
                Look::Has(items) if is_one && !found.is_unknown() => items,
                _ if is_one => Node::default(),
                _ => found,
            };
            item = Item { now: element.clone(), original: element, parent: item.now };
        }
        for (_, value) in &step.vars {
            self.dynamic(value, &item, told);
        }
        if let Some(filter) = &step.filter {
            self.paths.names(filter.names(), filter.span(), &roots(&item), told);
        }
        if let Some(map) = &step.map {
            self.mapping(map, &item, None, told);
            item.now = Node::default();
        }
        if step.batch.is_some() {
            item.now = Node::default();
        }
        self.target(step, item, told)
    }

    fn source(&self, step: &Step, around: &Item<'d>, streams: &[Item<'d>], told: &mut Told<'d>) -> Item<'d> {
        let over = match step.for_each() {
            Some(Items::Step(index)) => streams.get(*index).cloned().unwrap_or_default(),
            Some(_) => Item::default(),
            None => around.clone(),
        };
        let Source::Read { reads, .. } = &step.source else {
            return if matches!(step.source, Source::Sink { .. }) { Item::default() } else { over };
        };
        let mut records = Some(Vec::new());
        for reading in reads {
            let read = match reading {
                Reading::Endpoint(read) => read,
                Reading::Composite(read) => {
                    read.params.values().for_each(|value| self.dynamic(value, &over, told));
                    records = None;
                    continue;
                }
            };
            read.params.values().for_each(|value| self.dynamic(value, &over, told));
            read.query.values().for_each(|value| self.dynamic(value.value(), &over, told));
            let Some(held) = self.held.get(&read.endpoint.id()) else {
                records = None;
                continue;
            };
            held.request.given(&read.params, &read.query, &held.uses, told);
            match &mut records {
                Some(records) if !held.gives.record.is_unknown() => records.extend(held.gives.record.0.iter().copied()),
                _ => records = None,
            }
        }
        let record = Node(records.unwrap_or_default());
        Item { now: record.clone(), original: record, parent: over.now }
    }

    fn target(&self, step: &Step, item: Item<'d>, told: &mut Told<'d>) -> Item<'d> {
        let unknown = Item { now: Node::default(), ..item.clone() };
        self.block(&step.on_error.steps, &item, told);
        match &step.target {
            Target::None | Target::Write(_) | Target::Log(_) | Target::Wait(_) => item,
            Target::Call(call) => {
                call.params.values().for_each(|value| self.dynamic(value, &item, told));
                call.query.values().for_each(|value| self.dynamic(value.value(), &item, told));
                let Some(held) = self.held.get(&call.endpoint.id()) else { return unknown };
                held.request.given(&call.params, &call.query, &held.uses, told);
                match &step.extract {
                    Some(extract) => {
                        self.mapping(extract, &item, Some(&held.gives), told);
                        unknown
                    }
                    None => Item { now: held.gives.body.clone(), ..item },
                }
            }
            Target::Composite(call) => {
                call.params.values().for_each(|value| self.dynamic(value, &item, told));
                unknown
            }
            Target::Switch(cases) => {
                for case in cases {
                    if let Some(condition) = &case.condition {
                        self.paths.names(condition.names(), condition.span(), &roots(&item), told);
                    }
                    self.step(&case.step, &item, &[], told);
                }
                unknown
            }
            Target::Steps(block) => {
                self.block(block, &item, told);
                unknown
            }
            Target::Parallel(branches) => {
                for branch in branches {
                    self.block(branch, &item, told);
                }
                unknown
            }
            Target::Flow(_) | Target::Fail(_) => unknown,
        }
    }

    /// Holds the fields of a mapping, over the item or over an answer.
    fn mapping(&self, mapping: &Mapping, item: &Item<'d>, answer: Option<&Gives<'d>>, told: &mut Told<'d>) {
        for (_, field) in mapping.fields() {
            self.field(field, item, answer, told);
        }
    }

    fn field(&self, field: &Field, item: &Item<'d>, answer: Option<&Gives<'d>>, told: &mut Told<'d>) {
        match field {
            Field::Value(value) => self.value(value, item, answer, told),
            Field::Object(mapping) => self.mapping(mapping, item, answer, told),
            Field::Long(long) => {
                if let Some(from) = &long.from {
                    self.from(from, item, answer, told);
                }
            }
            Field::Each(each) => {
                let found = match &each.each {
                    EachList::From(from) => self.from(from, item, answer, told),
                    EachList::List(list) => {
                        self.value(list, item, answer, told);
                        Node::default()
                    }
                };
                let element = match self.paths.schemas.items(&found) {
                    Look::Has(items) if !found.is_unknown() => items,
                    _ => Node::default(),
                };
                let of = Item { now: element, original: item.original.clone(), parent: item.now.clone() };
                self.field(&each.map, &of, None, told);
            }
        }
    }

    fn from(&self, from: &Expr, item: &Item<'d>, answer: Option<&Gives<'d>>, told: &mut Told<'d>) -> Node<'d> {
        match answer {
            Some(gives) => self.paths.expr(from, &gives.body, &answered(item, gives), told),
            None => self.expr(from, item, told),
        }
    }

    fn value(&self, value: &Dynamic, item: &Item<'d>, answer: Option<&Gives<'d>>, told: &mut Told<'d>) {
        let Some(gives) = answer else { return self.dynamic(value, item, told) };
        value.visit(&mut |leaf| match leaf {
            DynamicLeaf::Path(path) => _ = self.paths.path(path, &gives.body, told),
            DynamicLeaf::Template(template) => self.paths.template(template, &answered(item, gives), told),
        });
    }

    fn dynamic(&self, value: &Dynamic, item: &Item<'d>, told: &mut Told<'d>) {
        value.visit(&mut |leaf| match leaf {
            DynamicLeaf::Path(path) => _ = self.paths.path(path, &item.now, told),
            DynamicLeaf::Template(template) => self.paths.template(template, &roots(item), told),
        });
    }

    fn expr(&self, expr: &Expr, item: &Item<'d>, told: &mut Told<'d>) -> Node<'d> {
        self.paths.expr(expr, &item.now, &roots(item), told)
    }
}

/// What templates over an item see.
fn roots<'a, 'd>(item: &'a Item<'d>) -> [(&'static [&'static str], &'a Node<'d>); 3] {
    [(&["item"], &item.now), (&["original"], &item.original), (&["parent"], &item.parent)]
}

/// What templates over an answer see.
fn answered<'a, 'd>(item: &'a Item<'d>, gives: &'a Gives<'d>) -> [(&'static [&'static str], &'a Node<'d>); 4] {
    let [own, original, parent] = roots(item);
    [own, original, parent, (&["response", "body"], &gives.raw)]
}
