//! What the expressions of a step use of `response`, gathered once per step: no more of an answer is read, and the names of headers are known
//! in the letters in which the expressions write them.

use engine_expr::{Condition, Expr, LeafKind, Template, leaves};
use engine_plan::{Expect, Step, Target};
use engine_request::Needs;
use engine_source::Span;
use engine_spec::Mapping;

/// What a step uses of the pages that it reads.
pub(crate) fn of_pages(step: &Step) -> Needs {
    let mut needs = Needs::default();
    for value in step.vars.values() {
        needs.add_dynamic(value);
    }
    step.filter.iter().for_each(|condition| needs.add_condition(condition));
    step.map.iter().for_each(|mapping| add_mapping(&mut needs, mapping));
    for rule in step.validate.iter().flat_map(|validate| &validate.rules) {
        needs.add_condition(&rule.check);
        rule.message.iter().for_each(|message| needs.add_template(message));
    }
    match &step.target {
        Target::Log(template) | Target::Fail(template) => needs.add_template(template),
        Target::Write(write) => write.table.iter().chain(&write.path).for_each(|it| needs.add_template(it)),
        // What is within a step, and what an endpoint is given, knows of no page.
        _ => {}
    }
    needs
}

/// What `extract` uses of the answer of a call.
pub(crate) fn of_extract(mapping: &Mapping) -> Needs {
    let mut needs = Needs::default();
    add_mapping(&mut needs, mapping);
    needs
}

/// What `expect` uses of the answer of a call.
pub(crate) fn of_expect(expect: &Expect) -> Needs {
    let mut needs = Needs::default();
    for rule in &expect.rules {
        needs.add_condition(&rule.check);
        rule.message.iter().for_each(|message| needs.add_template(message));
    }
    needs
}

/// What paths, or templates in their place, use of an answer.
pub(crate) fn of_exprs<'a>(exprs: impl IntoIterator<Item = &'a Expr>) -> Needs {
    let mut needs = Needs::default();
    exprs.into_iter().for_each(|expr| needs.add_expr(expr));
    needs
}

fn add_mapping(needs: &mut Needs, mapping: &Mapping) {
    for leaf in leaves(mapping) {
        match leaf.kind {
            LeafKind::Template => needs.add_template(&Template::new(&leaf.text, Span::default())),
            LeafKind::Condition => needs.add_condition(&Condition::new(&leaf.text, Span::default())),
            // Paths start at the record.
            LeafKind::Path => {}
        }
    }
}
