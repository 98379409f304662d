//! Short cuts for the expressions that most templates are: members joined into a text, a filter or two, one operator.
//!
//! They know only what they can do exactly as minijinja with our operators does it; whatever else they meet, an error too, they leave to it.
//! So a short cut can only be faster, never different.

use std::borrow::Cow;
use std::sync::Arc;

use minijinja::machinery::ast::{BinOpKind, Expr, Stmt};

use super::rewrite::above;
use crate::bridge::from_jinja;
use crate::operators;
use crate::scope::Scope;
use crate::value::{Number, Value};

/// A template without statements, or an expression, of simple parts.
#[derive(Debug)]
pub(super) enum Fast {
    /// One expression, which keeps its type.
    Expression(Node),
    /// Texts and expressions in turn.
    Text(Vec<Part>),
}

#[derive(Debug)]
pub(super) enum Part {
    Raw(Box<str>),
    Emit(Node),
}

#[derive(Debug)]
pub(super) enum Node {
    Constant(Value),
    /// A name and the members that are taken from it.
    Member(Box<str>, Vec<Box<str>>),
    Binary(&'static str, Box<(Self, Self)>),
    And(Box<(Self, Self)>),
    Or(Box<(Self, Self)>),
    Not(Box<Self>),
    Lower(Box<Self>),
    Upper(Box<Self>),
    Trim(Box<Self>),
}

impl Fast {
    /// Finds the short cut for one expression, if there is one.
    pub(super) fn expression(expr: &Expr<'_>) -> Option<Self> {
        Node::new(expr).map(Self::Expression)
    }

    /// Finds the short cut for a text, if there is one.
    pub(super) fn text(statements: &[Stmt<'_>]) -> Option<Self> {
        let parts = statements.iter().map(|statement| match statement {
            Stmt::EmitRaw(raw) => Some(Part::Raw(raw.raw.into())),
            Stmt::EmitExpr(emit) => Node::new(&emit.expr).map(Part::Emit),
            _ => None,
        });
        parts.collect::<Option<_>>().map(Self::Text)
    }

    /// Evaluates; `None` where minijinja has to.
    pub(super) fn run(&self, scope: &Scope) -> Option<Value> {
        match self {
            Self::Expression(node) => node.run(scope).map(Cow::into_owned),
            Self::Text(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Raw(raw) => text.push_str(raw),
                        Part::Emit(node) => text.push_str(&node.run(scope)?.text()?),
                    }
                }
                Some(text.into())
            }
        }
    }
}

impl Node {
    fn new(expr: &Expr<'_>) -> Option<Self> {
        if let Some(name) = above(expr) {
            return Some(Self::Member(name.into(), Vec::new()));
        }
        let both = |left: &Expr<'_>, right: &Expr<'_>| Some(Box::new((Self::new(left)?, Self::new(right)?)));
        Some(match expr {
            Expr::Const(it) => {
                // A float is a decimal here, which the rewritten tree knows.
                if it.value.is_number() && !it.value.is_integer() {
                    return None;
                }
                Self::Constant(from_jinja(&it.value).ok()?)
            }
            Expr::Var(it) => Self::Member(it.id.into(), Vec::new()),
            Expr::GetAttr(it) => match Self::new(&it.expr)? {
                Self::Member(root, mut members) => {
                    members.push(it.name.into());
                    Self::Member(root, members)
                }
                _ => return None,
            },
            Expr::BinOp(it) => {
                let name = match it.op {
                    BinOpKind::ScAnd => return both(&it.left, &it.right).map(Self::And),
                    BinOpKind::ScOr => return both(&it.left, &it.right).map(Self::Or),
                    BinOpKind::Add => "+",
                    BinOpKind::Sub => "-",
                    BinOpKind::Mul => "*",
                    BinOpKind::Div => "/",
                    BinOpKind::Concat => "~",
                    BinOpKind::Eq => "==",
                    BinOpKind::Ne => "!=",
                    BinOpKind::Lt => "<",
                    BinOpKind::Lte => "<=",
                    BinOpKind::Gt => ">",
                    BinOpKind::Gte => ">=",
                    _ => return None,
                };
                let is_none = |side: &Expr<'_>| matches!(side, Expr::Const(it) if it.value.is_none());
                if is_none(&it.left) || is_none(&it.right) {
                    return None;
                }
                Self::Binary(name, both(&it.left, &it.right)?)
            }
            Expr::UnaryOp(it) if matches!(it.op, minijinja::machinery::ast::UnaryOpKind::Not) => {
                Self::Not(Box::new(Self::new(&it.expr)?))
            }
            Expr::Filter(it) if it.args.is_empty() => {
                let operand = Box::new(Self::new(it.expr.as_ref()?)?);
                match it.name {
                    "lower" => Self::Lower(operand),
                    "upper" => Self::Upper(operand),
                    "trim" => Self::Trim(operand),
                    _ => return None,
                }
            }
            _ => return None,
        })
    }

    fn run<'a>(&'a self, scope: &'a Scope) -> Option<Cow<'a, Value>> {
        let text = |node: &'a Self| match node.run(scope)? {
            Cow::Borrowed(Value::String(text)) => Some(Arc::clone(text)),
            Cow::Owned(Value::String(text)) => Some(text),
            _ => None,
        };
        let truth = |node: &'a Self| match *node.run(scope)? {
            Value::Bool(it) => Some(it),
            _ => None,
        };
        Some(match self {
            Self::Constant(value) => Cow::Borrowed(value),
            Self::Member(root, members) => {
                let mut value = scope.get(root)?;
                for member in members {
                    value = value.get(member)?;
                }
                // A secret must become one again, and a list of minijinja has members of its own.
                if matches!(value, Value::Secret(_)) {
                    return None;
                }
                Cow::Borrowed(value)
            }
            Self::Binary(name, sides) => {
                let (left, right) = (sides.0.run(scope)?, sides.1.run(scope)?);
                let float = |value: &Value| matches!(value, Value::Number(Number::Float(_)));
                if float(&left) || float(&right) {
                    return None;
                }
                Cow::Owned(operators::apply(name, &left, &right)?)
            }
            // Only of booleans: what else counts as true is minijinja's to say.
            Self::And(sides) => Cow::Owned(Value::Bool(truth(&sides.0)? && truth(&sides.1)?)),
            Self::Or(sides) => Cow::Owned(Value::Bool(truth(&sides.0)? || truth(&sides.1)?)),
            Self::Not(operand) => Cow::Owned(Value::Bool(!truth(operand)?)),
            Self::Lower(operand) => Cow::Owned(text(operand)?.to_lowercase().into()),
            Self::Upper(operand) => Cow::Owned(text(operand)?.to_uppercase().into()),
            Self::Trim(operand) => Cow::Owned(text(operand)?.trim().into()),
        })
    }
}
