//! Checks of mappings.

use engine_expr::{Expr, NameUse, Template};
use engine_source::Finding;
use engine_spec::{EachField, EachList, Field, LongField, Lookup, LookupSource, Mapping};

use super::Checker;
use super::names::{ITEM, Names, ORIGINAL, PARENT, RESPONSE, Root, STREAM};

/// The names that stand for something else with each record.
const PER_RECORD: &[Root] = &[ITEM, ORIGINAL, PARENT, RESPONSE, STREAM];

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

    /// Reports what differs from record to record in a template that is evaluated once.
    fn depends(&mut self, template: &Template) -> bool {
        let of_records = |name: &&NameUse| PER_RECORD.iter().any(|root| root.name == name.root());
        let Some(name) = template.names().iter().find(of_records) else { return false };
        let parts = name.path.len();
        self.findings.push(
            Finding::error(
                "undefined-variable",
                format!("a lookup is loaded once, it cannot depend on `{}`", name.dotted(parts)),
            )
            .label(self.sources.within(template.span(), name.range_of(parts)), "differs from record to record")
            .help("look in an object, or in what `inputs`, `vars` or `steps.ID` give"),
        );
        true
    }

    fn lookup(&mut self, lookup: &'a Lookup, names: &Names<'a>) {
        let Lookup { source, key, value, default } = lookup;
        // What is looked up in is loaded once, so it cannot be another thing for each record.
        let loaded = names.less(PER_RECORD).without_root();
        match source {
            LookupSource::Value(value) => self.dynamic(value, &loaded),
            LookupSource::From(from) => match from {
                Expr::Template(template) if self.depends(template) => self.template(template, names),
                from => self.expr(from, &loaded),
            },
            LookupSource::Step(id) => {
                let step = self.step_named(id).filter(|_| !self.any_step);
                if let Some(spot) = step.and_then(|step| self.steps.get(step)).map(|step| step.spot.clone()) {
                    self.use_step(&spot, false, true);
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
