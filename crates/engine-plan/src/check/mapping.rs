//! Checks of mappings.

use engine_spec::{EachField, EachList, Field, LongField, Lookup, LookupSource, Mapping};

use super::Checker;
use super::names::{ITEM, Names, PARENT};

impl<'a> Checker<'a> {
    pub(super) fn mapping(&mut self, mapping: &'a Mapping, names: &Names<'a>) {
        for (_, field) in mapping.fields() {
            self.field(field, names);
        }
    }

    fn field(&mut self, field: &'a Field, names: &Names<'a>) {
        match field {
            Field::Value(value) => self.dynamic(value, names),
            Field::Object(fields) => self.mapping(fields, names),
            Field::Long(long) => {
                let LongField { from, value: _, kind: _, format: _, default, required, lookup, when } = &**long;
                if let Some(from) = from {
                    self.expr(from, names);
                }
                if let Some(default) = default {
                    self.dynamic(default, names);
                }
                self.setting(required.as_ref(), names);
                if let Some(lookup) = lookup {
                    self.lookup(lookup, names);
                }
                self.condition(when.as_ref(), names);
            }
            Field::Each(each) => {
                let EachField { each, key, when, map } = &**each;
                match each {
                    EachList::From(from) => self.expr(from, names),
                    EachList::List(list) => self.dynamic(list, names),
                }
                let element = names.and(&[ITEM, PARENT]).with_root();
                self.maybe_template(key.as_ref(), &element);
                self.condition(when.as_ref(), &element);
                self.field(map, &element);
            }
        }
    }

    fn lookup(&mut self, lookup: &'a Lookup, names: &Names<'a>) {
        let Lookup { source, key, value, default } = lookup;
        match source {
            LookupSource::Value(value) => self.dynamic(value, names),
            LookupSource::From(from) => self.expr(from, names),
            LookupSource::Step(id) => {
                if let Some(step) = self.step_named(id).filter(|_| !self.any_step) {
                    let top = self.steps.get(step).and_then(|step| step.top);
                    if let (Some(by), Some(of)) = (self.current, top) {
                        self.step_uses.push(super::StepUse { by, of, last: false, all: true });
                    }
                }
            }
        }
        let element = names.and(&[ITEM]).with_root();
        for part in [key, value].into_iter().flatten() {
            self.expr(part, &element);
        }
        if let Some(default) = default {
            self.dynamic(default, names);
        }
    }
}
