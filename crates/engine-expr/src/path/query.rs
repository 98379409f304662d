//! A path of any shape, ready to be walked (RFC 9535 §2.3 to §2.5).

use std::cell::Cell;
use std::cmp::Ordering;
use std::sync::Arc;

use jsonpath_rust::parser::model as ast;
use regex::Regex;
use rust_decimal::Decimal;

use super::regexp::compile;
use super::{Segment, walk};
use crate::value::{Number, Value};

/// How many nodes one selection may visit.
const MAX_VISITED: u32 = 1_000_000;
/// What it costs to compile a pattern that the data gave, in nodes.
const PATTERN: u32 = 1000;

/// A selection visited more nodes than it may.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exhausted;

/// One selection under way: where it began, and how many nodes it may still visit.
struct Visit<'a> {
    root: &'a Value,
    left: Cell<u32>,
}

impl Visit<'_> {
    /// Takes note of work. False once there was too much: then all loops end, and what was found does not count.
    fn take(&self, nodes: u32) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(nodes));
        left > nodes
    }

    fn is_exhausted(&self) -> bool {
        self.left.get() == 0
    }
}

/// A parsed path.
pub(super) struct Query(Vec<Step>);

enum Step {
    Child(Vec<Selector>),
    Descendant(Vec<Selector>),
}

enum Selector {
    Name(Arc<str>),
    Index(i64),
    Wildcard,
    Slice(Option<i64>, Option<i64>, i64),
    Filter(Logic),
}

enum Logic {
    Or(Vec<Self>),
    And(Vec<Self>),
    Not(Box<Self>),
    Exists(Origin, Query),
    Compare(Operand, Operator, Operand),
    Match { text: Operand, pattern: Pattern },
}

#[derive(Clone, Copy)]
enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy)]
enum Origin {
    Root,
    Current,
}

enum Operand {
    Literal(Value),
    Singular(Origin, Vec<Segment>),
    Length(Box<Self>),
    Count(Origin, Query),
    ValueOf(Origin, Query),
}

enum Pattern {
    Fixed(Option<Regex>),
    Dynamic { operand: Operand, whole: bool },
}

impl Query {
    pub(super) fn new(segments: &[ast::Segment]) -> Self {
        Self(segments.iter().map(Step::new).collect())
    }

    /// Returns the steps if they are all single names and indexes.
    pub(super) fn singular(&self) -> Option<Vec<Segment>> {
        self.0
            .iter()
            .map(|step| match step {
                Step::Child(selectors) => match selectors.as_slice() {
                    [Selector::Name(name)] => Some(Segment::Name(Arc::clone(name))),
                    [Selector::Index(index)] => Some(Segment::Index(*index)),
                    _ => None,
                },
                Step::Descendant(_) => None,
            })
            .collect()
    }

    pub(super) fn select<'a>(&self, root: &'a Value) -> Result<Vec<&'a Value>, Exhausted> {
        let visit = Visit { root, left: Cell::new(MAX_VISITED) };
        let found = self.from(&visit, root);
        if visit.is_exhausted() { Err(Exhausted) } else { Ok(found) }
    }

    fn from<'a>(&self, visit: &Visit<'a>, start: &'a Value) -> Vec<&'a Value> {
        let mut nodes = vec![start];
        for step in &self.0 {
            let mut found = Vec::new();
            for node in nodes {
                match step {
                    Step::Child(selectors) => select(selectors, visit, node, &mut found),
                    Step::Descendant(selectors) => descend(selectors, visit, node, &mut found),
                }
            }
            nodes = found;
        }
        nodes
    }
}

fn select<'a>(selectors: &[Selector], visit: &Visit<'a>, node: &'a Value, found: &mut Vec<&'a Value>) {
    for selector in selectors {
        if !visit.take(1) {
            return;
        }
        selector.select(visit, node, found);
    }
}

fn descend<'a>(selectors: &[Selector], visit: &Visit<'a>, node: &'a Value, found: &mut Vec<&'a Value>) {
    select(selectors, visit, node, found);
    for child in children(node).take_while(|_| !visit.is_exhausted()) {
        descend(selectors, visit, child, found);
    }
}

/// Goes over the items of a list or the values of an object.
fn children(node: &Value) -> impl Iterator<Item = &Value> {
    let (items, members) = match node {
        Value::List(list) => (list.items(), None),
        Value::Object(members) => (&[][..], Some(members.iter().map(|(_, value)| value))),
        _ => (&[][..], None),
    };
    items.iter().chain(members.into_iter().flatten())
}

impl Step {
    fn new(segment: &ast::Segment) -> Self {
        match segment {
            ast::Segment::Selector(selector) => Self::Child(vec![Selector::new(selector)]),
            ast::Segment::Selectors(selectors) => Self::Child(selectors.iter().map(Selector::new).collect()),
            ast::Segment::Descendant(inner) => match Self::new(inner) {
                Self::Child(selectors) | Self::Descendant(selectors) => Self::Descendant(selectors),
            },
        }
    }
}

impl Selector {
    fn new(selector: &ast::Selector) -> Self {
        match selector {
            ast::Selector::Name(name) => Self::Name(name.as_str().into()),
            ast::Selector::Wildcard => Self::Wildcard,
            ast::Selector::Index(index) => Self::Index(*index),
            ast::Selector::Slice(start, end, step) => Self::Slice(*start, *end, step.unwrap_or(1)),
            ast::Selector::Filter(filter) => Self::Filter(Logic::new(filter)),
        }
    }

    fn select<'a>(&self, visit: &Visit<'a>, node: &'a Value, found: &mut Vec<&'a Value>) {
        match self {
            Self::Name(name) => found.extend(node.get(name)),
            Self::Index(index) => found.extend(walk(node, &[Segment::Index(*index)])),
            Self::Wildcard => found.extend(children(node).take_while(|_| visit.take(1))),
            Self::Slice(start, end, step) => {
                if let Value::List(list) = node {
                    slice(list.items(), *start, *end, *step, |item| {
                        found.push(item);
                        visit.take(1)
                    });
                }
            }
            Self::Filter(logic) => {
                found.extend(children(node).take_while(|_| visit.take(1)).filter(|child| logic.holds(visit, child)));
            }
        }
    }
}

/// Selects by RFC 9535 §2.3.4.2.2, until `found` says that it is enough.
fn slice<'a>(
    items: &'a [Value],
    start: Option<i64>,
    end: Option<i64>,
    step: i64,
    mut found: impl FnMut(&'a Value) -> bool,
) {
    let Ok(len) = i64::try_from(items.len()) else {
        return;
    };
    let normal = |at: i64| if at >= 0 { at } else { len.saturating_add(at) };
    let at = |index: i64| usize::try_from(index).ok().and_then(|index| items.get(index));
    if step > 0 {
        let lower = normal(start.unwrap_or(0)).clamp(0, len);
        let upper = normal(end.unwrap_or(len)).clamp(0, len);
        let mut index = lower;
        while index < upper && at(index).is_none_or(&mut found) {
            index = index.saturating_add(step);
        }
    } else if step < 0 {
        let upper = normal(start.unwrap_or(len - 1)).clamp(-1, len - 1);
        let lower = end.map_or(-1, |end| normal(end).clamp(-1, len - 1));
        let mut index = upper;
        while index > lower && at(index).is_none_or(&mut found) {
            index = index.saturating_add(step);
        }
    }
}

impl Logic {
    fn new(filter: &ast::Filter) -> Self {
        match filter {
            ast::Filter::Or(parts) => Self::Or(parts.iter().map(Self::new).collect()),
            ast::Filter::And(parts) => Self::And(parts.iter().map(Self::new).collect()),
            ast::Filter::Atom(atom) => match atom {
                ast::FilterAtom::Filter { expr, not } => negate(Self::new(expr), *not),
                ast::FilterAtom::Test { expr, not } => negate(Self::test(expr), *not),
                ast::FilterAtom::Comparison(comparison) => Self::comparison(comparison),
            },
        }
    }

    fn test(test: &ast::Test) -> Self {
        match test {
            ast::Test::RelQuery(segments) => Self::Exists(Origin::Current, Query::new(segments)),
            ast::Test::AbsQuery(query) => Self::Exists(Origin::Root, Query::new(&query.segments)),
            ast::Test::Function(function) => match &**function {
                ast::TestFunction::Match(subject, pattern) => Self::matching(subject, pattern, true),
                ast::TestFunction::Search(subject, pattern) => Self::matching(subject, pattern, false),
                // `check` refuses every other function in this place.
                _ => Self::Or(Vec::new()),
            },
        }
    }

    fn matching(text: &ast::FnArg, pattern: &ast::FnArg, whole: bool) -> Self {
        let pattern = match pattern {
            ast::FnArg::Literal(ast::Literal::String(pattern)) => Pattern::Fixed(compile(pattern, whole)),
            other => Pattern::Dynamic { operand: Operand::argument(other), whole },
        };
        Self::Match { text: Operand::argument(text), pattern }
    }

    fn comparison(comparison: &ast::Comparison) -> Self {
        let operator = match comparison {
            ast::Comparison::Eq(..) => Operator::Equal,
            ast::Comparison::Ne(..) => Operator::Unequal,
            ast::Comparison::Gt(..) => Operator::Greater,
            ast::Comparison::Gte(..) => Operator::GreaterOrEqual,
            ast::Comparison::Lt(..) => Operator::Less,
            ast::Comparison::Lte(..) => Operator::LessOrEqual,
        };
        let (left, right) = comparison.vals();
        Self::Compare(Operand::new(left), operator, Operand::new(right))
    }

    fn holds<'a>(&self, visit: &Visit<'a>, current: &'a Value) -> bool {
        match self {
            Self::Or(parts) => parts.iter().any(|part| part.holds(visit, current)),
            Self::And(parts) => parts.iter().all(|part| part.holds(visit, current)),
            Self::Not(part) => !part.holds(visit, current),
            Self::Exists(origin, query) => !query.from(visit, origin.of(visit, current)).is_empty(),
            Self::Compare(left, operator, right) => {
                operator.holds(left.value(visit, current).as_ref(), right.value(visit, current).as_ref())
            }
            Self::Match { text, pattern } => match text.value(visit, current) {
                Some(Value::String(text)) => pattern.matches(&text, visit, current),
                _ => false,
            },
        }
    }
}

fn negate(logic: Logic, not: bool) -> Logic {
    if not { Logic::Not(Box::new(logic)) } else { logic }
}

impl Pattern {
    fn matches<'a>(&self, text: &str, visit: &Visit<'a>, current: &'a Value) -> bool {
        match self {
            Self::Fixed(regex) => regex.as_ref().is_some_and(|regex| regex.is_match(text)),
            Self::Dynamic { operand, whole } => match operand.value(visit, current) {
                Some(Value::String(pattern)) if visit.take(PATTERN) => {
                    compile(&pattern, *whole).is_some_and(|regex| regex.is_match(text))
                }
                _ => false,
            },
        }
    }
}

impl Origin {
    fn of<'a>(self, visit: &Visit<'a>, current: &'a Value) -> &'a Value {
        match self {
            Self::Root => visit.root,
            Self::Current => current,
        }
    }
}

impl Operand {
    fn new(comparable: &ast::Comparable) -> Self {
        match comparable {
            ast::Comparable::Literal(literal) => Self::Literal(value_of(literal)),
            ast::Comparable::SingularQuery(ast::SingularQuery::Current(segments)) => {
                Self::Singular(Origin::Current, singular(segments))
            }
            ast::Comparable::SingularQuery(ast::SingularQuery::Root(segments)) => {
                Self::Singular(Origin::Root, singular(segments))
            }
            ast::Comparable::Function(function) => Self::function(function),
        }
    }

    fn function(function: &ast::TestFunction) -> Self {
        match function {
            ast::TestFunction::Length(argument) => Self::Length(Box::new(Self::argument(argument))),
            ast::TestFunction::Count(argument) => {
                let (origin, query) = nodes(argument);
                Self::Count(origin, query)
            }
            ast::TestFunction::Value(argument) => {
                let (origin, query) = nodes(argument);
                Self::ValueOf(origin, query)
            }
            // `check` refuses functions that give no value.
            _ => Self::Literal(Value::Null),
        }
    }

    fn argument(argument: &ast::FnArg) -> Self {
        match argument {
            ast::FnArg::Literal(literal) => Self::Literal(value_of(literal)),
            ast::FnArg::Test(test) => match &**test {
                ast::Test::Function(function) => Self::function(function),
                ast::Test::RelQuery(segments) => Self::ValueOf(Origin::Current, Query::new(segments)),
                ast::Test::AbsQuery(query) => Self::ValueOf(Origin::Root, Query::new(&query.segments)),
            },
            ast::FnArg::Filter(_) => Self::Literal(Value::Null),
        }
    }

    fn value<'a>(&self, visit: &Visit<'a>, current: &'a Value) -> Option<Value> {
        match self {
            Self::Literal(value) => Some(value.clone()),
            Self::Singular(origin, segments) => walk(origin.of(visit, current), segments).cloned(),
            Self::Length(operand) => match operand.value(visit, current)? {
                Value::String(text) => Some(text.chars().count().into()),
                Value::List(list) => Some(list.items().len().into()),
                Value::Object(members) => Some(members.len().into()),
                _ => None,
            },
            Self::Count(origin, query) => Some(query.from(visit, origin.of(visit, current)).len().into()),
            Self::ValueOf(origin, query) => match query.from(visit, origin.of(visit, current)).as_slice() {
                [one] => Some((*one).clone()),
                _ => None,
            },
        }
    }
}

fn nodes(argument: &ast::FnArg) -> (Origin, Query) {
    match argument {
        ast::FnArg::Test(test) => match &**test {
            ast::Test::RelQuery(segments) => (Origin::Current, Query::new(segments)),
            ast::Test::AbsQuery(query) => (Origin::Root, Query::new(&query.segments)),
            ast::Test::Function(_) => (Origin::Current, Query(Vec::new())),
        },
        _ => (Origin::Current, Query(Vec::new())),
    }
}

fn singular(segments: &[ast::SingularQuerySegment]) -> Vec<Segment> {
    segments
        .iter()
        .map(|segment| match segment {
            ast::SingularQuerySegment::Index(index) => Segment::Index(*index),
            ast::SingularQuerySegment::Name(name) => Segment::Name(name.as_str().into()),
        })
        .collect()
}

fn value_of(literal: &ast::Literal) -> Value {
    match literal {
        ast::Literal::Int(it) => (*it).into(),
        ast::Literal::Float(it) => {
            Value::Number(it.to_string().parse::<Decimal>().map_or(Number::Float(*it), Number::Decimal))
        }
        ast::Literal::String(it) => it.as_str().into(),
        ast::Literal::Bool(it) => (*it).into(),
        ast::Literal::Null => Value::Null,
    }
}

impl Operator {
    /// Compares by RFC 9535 §2.3.5.2.2; nothing equals only nothing.
    fn holds(self, left: Option<&Value>, right: Option<&Value>) -> bool {
        let equal = || left == right;
        let order = || match (left?, right?) {
            (Value::Number(left), Value::Number(right)) => left.compare(right),
            (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
            _ => None,
        };
        match self {
            Self::Equal => equal(),
            Self::Unequal => !equal(),
            Self::Less => order() == Some(Ordering::Less),
            Self::Greater => order() == Some(Ordering::Greater),
            Self::LessOrEqual => order() == Some(Ordering::Less) || equal(),
            Self::GreaterOrEqual => order() == Some(Ordering::Greater) || equal(),
        }
    }
}
