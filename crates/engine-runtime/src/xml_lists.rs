//! Which elements of an endpoint's answers the plan takes for lists: where a path says `[*]`, an index or a filter, and where `each` goes over
//! them, one element is a list too. Knows nothing of answers.

use std::sync::Arc;

use engine_expr::{Condition, Dynamic, DynamicLeaf, Expr, JsonPath, LeafKind, NameUse, Outline, Template, leaves};
use engine_plan::{Endpoint, Items, Plan, Reading, Source, Step, Target};
use engine_request::{ElementStep, Records, XmlLists};
use engine_source::Span;
use engine_spec::{EachField, EachList, Field, LookupSource, Mapping};
use serde::Serialize;

/// Finds the elements that the endpoint, or a step that uses what it gives, takes for lists.
pub(crate) fn of(plan: &Plan, endpoint: &Endpoint) -> XmlLists {
    let mut asked = Asked::default();
    let body = endpoint.response.body.as_ref().map_or_else(Vec::new, |unwrap| asked.expr(&[], unwrap));
    let record = endpoint.records.as_ref().map(Records::from).map(|records| asked.expr(&body, records));
    let record = record.unwrap_or_else(|| body.clone());
    for from in [&body, &record] {
        asked.leaves(from, &endpoint.paginate);
    }
    if let Some(cursor) = endpoint.incremental.as_ref().and_then(|incremental| incremental.cursor.as_ref()) {
        asked.expr(&record, cursor);
    }
    let blocks = [&plan.steps, &plan.on_failure, &plan.finally];
    for block in blocks.into_iter().chain(plan.composites.iter().map(|composite| &composite.steps)) {
        asked.block(block, endpoint, &body, &record);
    }
    asked.lists
}

/// What is asked of the elements; each is named by its way from the document.
#[derive(Default)]
struct Asked {
    lists: XmlLists,
}

impl Asked {
    /// Finds the steps of a block, and within them, that read or call the endpoint.
    fn block(&mut self, block: &[Arc<Step>], endpoint: &Endpoint, body: &[ElementStep], record: &[ElementStep]) {
        let is_it = |other: &Endpoint| other.api == endpoint.api && other.name == endpoint.name;
        for step in block {
            if step.reads().iter().filter_map(Reading::as_endpoint).any(|read| is_it(&read.endpoint)) {
                self.item(block, step, record);
            }
            if let Target::Call(call) = &step.target
                && is_it(&call.endpoint)
            {
                if let Some(extract) = &step.extract {
                    self.mapping(body, extract);
                }
                if step.extract.as_ref().is_none_or(|extract| passes_on(extract)) {
                    self.consumers(block, step, body);
                }
            }
            for case in step.cases() {
                self.block(std::slice::from_ref(&case.step), endpoint, body, record);
            }
            for within in step.blocks() {
                self.block(within, endpoint, body, record);
            }
        }
    }

    /// What a step does with an item that stands at `from`, and whoever has it after or within.
    fn item(&mut self, block: &[Arc<Step>], step: &Step, from: &[ElementStep]) {
        let exploded = step.explode.as_ref().map(|list| self.list(from, list));
        let from = exploded.as_deref().unwrap_or(from);
        for value in step.vars.values() {
            self.value(from, value);
        }
        step.filter.iter().for_each(|condition| self.condition(from, condition));
        for rule in step.validate.iter().filter(|_| step.map.is_none()).flat_map(|validate| &validate.rules) {
            self.condition(from, &rule.check);
        }
        if let Some(map) = &step.map {
            self.mapping(from, map);
            if !passes_on(map) {
                return;
            }
        }
        for case in step.cases() {
            case.condition.iter().for_each(|condition| self.condition(from, condition));
            self.item(&[], &case.step, from);
        }
        for within in step.blocks() {
            for inner in within {
                self.within(within, inner, from);
            }
        }
        if let Target::Call(call) = &step.target {
            call.params.values().for_each(|value| self.value(from, value));
            self.leaves(from, &call.query);
            self.leaves(from, &call.headers);
            self.leaves(from, &call.body);
            return;
        }
        self.consumers(block, step, from);
    }

    /// What a step does for each item of the step that it is in.
    fn within(&mut self, block: &[Arc<Step>], step: &Step, from: &[ElementStep]) {
        if let Some(Items::From(list)) = step.for_each() {
            let element = self.list(from, list);
            match &step.source {
                Source::Items(_) => self.item(block, step, &element),
                _ => self.asked_of(step, &element),
            }
        } else if matches!(step.source, Source::Once) {
            self.item(block, step, from);
        } else if step.for_each().is_none() {
            self.asked_of(step, from);
        }
    }

    fn consumers(&mut self, block: &[Arc<Step>], step: &Step, from: &[ElementStep]) {
        for consumer in step.consumers.iter().filter_map(|&consumer| block.get(consumer)) {
            match &consumer.source {
                Source::Items(_) => self.item(block, consumer, from),
                _ => self.asked_of(consumer, from),
            }
        }
    }

    /// What the reads of a step are given of an item.
    fn asked_of(&mut self, step: &Step, from: &[ElementStep]) {
        for read in step.reads().iter().filter_map(Reading::as_endpoint) {
            read.params.values().for_each(|value| self.value(from, value));
            self.leaves(from, &read.query);
            self.leaves(from, &read.headers);
        }
    }

    /// Returns the way to the elements of a list that is gone over.
    fn list(&mut self, from: &[ElementStep], list: &Expr) -> Vec<ElementStep> {
        let element = self.expr(from, list);
        if element.len() > from.len() {
            self.lists.add(element.clone());
        }
        element
    }

    fn mapping(&mut self, from: &[ElementStep], mapping: &Mapping) {
        mapping.fields().values().for_each(|field| self.field(from, field));
    }

    fn field(&mut self, from: &[ElementStep], field: &Field) {
        match field {
            Field::Value(value) => self.value(from, value),
            Field::Object(mapping) => self.mapping(from, mapping),
            Field::Long(long) => {
                long.from.iter().for_each(|expr| drop(self.expr(from, expr)));
                long.default.iter().for_each(|value| self.value(from, value));
                long.when.iter().for_each(|condition| self.condition(from, condition));
                match long.lookup.as_ref().map(|lookup| &lookup.source) {
                    Some(LookupSource::From(expr)) => drop(self.expr(from, expr)),
                    Some(LookupSource::Value(value)) => self.value(from, value),
                    Some(LookupSource::Step(_)) | None => {}
                }
            }
            Field::Each(each) => self.each(from, each),
        }
    }

    fn each(&mut self, from: &[ElementStep], each: &EachField) {
        let element = match &each.each {
            EachList::From(list) => self.list(from, list),
            EachList::List(list) => {
                self.value(from, list);
                somewhere(from)
            }
        };
        each.when.iter().for_each(|condition| self.condition(&element, condition));
        each.key.iter().for_each(|key| self.names(&element, key.names()));
        self.field(&element, &each.map);
    }

    fn value(&mut self, from: &[ElementStep], value: &Dynamic) {
        value.visit(&mut |leaf| match leaf {
            DynamicLeaf::Path(path) => drop(self.path(from, path)),
            DynamicLeaf::Template(template) => self.names(from, template.names()),
        });
    }

    fn leaves(&mut self, from: &[ElementStep], model: &impl Serialize) {
        for leaf in leaves(model) {
            match leaf.kind {
                LeafKind::Path => drop(self.path(from, &JsonPath::new(leaf.text, Span::default()))),
                LeafKind::Template => self.names(from, Template::new(&leaf.text, Span::default()).names()),
                LeafKind::Condition => self.condition(from, &Condition::new(&leaf.text, Span::default())),
            }
        }
    }

    fn condition(&mut self, from: &[ElementStep], condition: &Condition) {
        self.names(from, condition.names());
    }

    /// Returns the way to what an expression gives.
    fn expr(&mut self, from: &[ElementStep], expr: &Expr) -> Vec<ElementStep> {
        match expr {
            Expr::Path(path) => self.path(from, path),
            Expr::Template(template) => {
                self.names(from, template.names());
                match template.names() {
                    // It is nothing but the name.
                    [name] if name.root() == "item" && is_all(template, name) => self.name(from, name),
                    _ => somewhere(from),
                }
            }
        }
    }

    fn path(&mut self, from: &[ElementStep], path: &JsonPath) -> Vec<ElementStep> {
        self.way(from, path.outline())
    }

    fn names(&mut self, from: &[ElementStep], names: &[NameUse]) {
        for name in names.iter().filter(|name| matches!(name.root(), "item" | "original")) {
            self.name(from, name);
        }
    }

    fn name(&mut self, from: &[ElementStep], name: &NameUse) -> Vec<ElementStep> {
        let step = |part: &Arc<str>| match part.parse::<i64>() {
            Ok(_) => Outline::Items,
            Err(_) => Outline::Name(Arc::clone(part)),
        };
        self.way(from, name.path.iter().skip(1).map(step))
    }

    fn way(&mut self, from: &[ElementStep], steps: impl IntoIterator<Item = Outline>) -> Vec<ElementStep> {
        let mut way = from.to_vec();
        let mut is_list = false;
        for step in steps {
            let is_items = matches!(step, Outline::Items);
            match step {
                Outline::Name(name) => way.push(ElementStep::Name(name)),
                Outline::Below => way.push(ElementStep::Below),
                Outline::Items
                    if !is_list && way.len() > from.len() && matches!(way.last(), Some(ElementStep::Name(_))) =>
                {
                    self.lists.add(way.clone());
                }
                // Of what is no list of elements: the elements in it.
                Outline::Members | Outline::Items => way.push(ElementStep::Any),
            }
            is_list = is_items;
        }
        way
    }
}

fn somewhere(from: &[ElementStep]) -> Vec<ElementStep> {
    from.iter().cloned().chain([ElementStep::Below]).collect()
}

fn is_all(template: &Template, name: &NameUse) -> bool {
    let text = template.text().trim();
    let inner = text.strip_prefix("{{").and_then(|text| text.strip_suffix("}}"));
    inner.is_some_and(|inner| inner.trim_matches(['-', ' ']) == name.dotted(name.path.len()))
}

/// Tells whether a mapping keeps the members of the record.
fn passes_on(mapping: &Mapping) -> bool {
    mapping.fields().iter().any(|(name, _)| &*name.value == "*")
}
