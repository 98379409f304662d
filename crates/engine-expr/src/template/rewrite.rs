//! Turns the operators of a parsed template into calls of our own, and makes `default` and `is defined` take a chain whose links may
//! be missing. The places of all nodes stay, so that errors point at what was written.

use minijinja::Value as Jinja;
use minijinja::machinery::Span;
use minijinja::machinery::ast::{self, BinOpKind, CallArg, CompareOpKind, Expr, Spanned, Stmt, UnaryOpKind};

use crate::bridge::Exact;
use crate::scope::PARENTS;
use crate::value::Number;

pub(super) fn statements<'a>(nodes: &[Stmt<'a>]) -> Vec<Stmt<'a>> {
    nodes.iter().map(statement).collect()
}

pub(super) fn statement<'a>(node: &Stmt<'a>) -> Stmt<'a> {
    match node {
        Stmt::Template(it) => Stmt::Template(at(it, ast::Template { children: statements(&it.children) })),
        Stmt::EmitExpr(it) => Stmt::EmitExpr(at(it, ast::EmitExpr { expr: expression(&it.expr) })),
        Stmt::EmitRaw(it) => Stmt::EmitRaw(at(it, ast::EmitRaw { raw: it.raw })),
        Stmt::ForLoop(it) => Stmt::ForLoop(at(
            it,
            ast::ForLoop {
                target: verbatim(&it.target),
                iter: expression(&it.iter),
                filter_expr: it.filter_expr.as_ref().map(expression),
                recursive: it.recursive,
                body: statements(&it.body),
                else_body: statements(&it.else_body),
            },
        )),
        Stmt::IfCond(it) => Stmt::IfCond(at(
            it,
            ast::IfCond {
                expr: expression(&it.expr),
                true_body: statements(&it.true_body),
                false_body: statements(&it.false_body),
            },
        )),
        Stmt::WithBlock(it) => Stmt::WithBlock(at(
            it,
            ast::WithBlock {
                assignments: it
                    .assignments
                    .iter()
                    .map(|(target, value)| (verbatim(target), expression(value)))
                    .collect(),
                body: statements(&it.body),
            },
        )),
        Stmt::Set(it) => Stmt::Set(at(it, ast::Set { target: verbatim(&it.target), expr: expression(&it.expr) })),
        Stmt::SetBlock(it) => Stmt::SetBlock(at(
            it,
            ast::SetBlock {
                target: verbatim(&it.target),
                filter: it.filter.as_ref().map(expression),
                body: statements(&it.body),
            },
        )),
        Stmt::FilterBlock(it) => Stmt::FilterBlock(at(
            it,
            ast::FilterBlock {
                filter: expression(&it.filter),
                filter_span: it.filter_span,
                body: statements(&it.body),
            },
        )),
        Stmt::Macro(it) => Stmt::Macro(at(it, declaration(it))),
        Stmt::CallBlock(it) => Stmt::CallBlock(at(
            it,
            ast::CallBlock {
                call: at(&it.call, call(&it.call)),
                call_expr_span: it.call_expr_span,
                macro_decl: at(&it.macro_decl, declaration(&it.macro_decl)),
            },
        )),
        Stmt::Do(it) => Stmt::Do(at(it, ast::Do { call: at(&it.call, call(&it.call)) })),
        Stmt::Continue(it) => Stmt::Continue(at(it, ast::Continue)),
        Stmt::Break(it) => Stmt::Break(at(it, ast::Break)),
        // `check` refuses these; an empty text stands for them until then.
        Stmt::AutoEscape(_)
        | Stmt::Block(_)
        | Stmt::Import(_)
        | Stmt::FromImport(_)
        | Stmt::Extends(_)
        | Stmt::Include(_) => Stmt::EmitRaw(Spanned::new(ast::EmitRaw { raw: "" }, Span::default())),
    }
}

fn at<T, U>(node: &Spanned<T>, new: U) -> Spanned<U> {
    Spanned::new(new, node.span())
}

fn declaration<'a>(node: &ast::Macro<'a>) -> ast::Macro<'a> {
    ast::Macro {
        name: node.name,
        args: node.args.iter().map(verbatim).collect(),
        defaults: node.defaults.iter().map(expression).collect(),
        body: statements(&node.body),
    }
}

fn call<'a>(node: &ast::Call<'a>) -> ast::Call<'a> {
    // The callee stays as it is: minijinja tells functions and methods apart by its shape.
    let callee = match &node.expr {
        Expr::GetAttr(attr) => Expr::GetAttr(at(attr, ast::GetAttr { expr: expression(&attr.expr), name: attr.name })),
        other => verbatim(other),
    };
    ast::Call { expr: callee, args: arguments(&node.args) }
}

fn arguments<'a>(args: &[CallArg<'a>]) -> Vec<CallArg<'a>> {
    args.iter()
        .map(|arg| match arg {
            CallArg::Pos(it) => CallArg::Pos(expression(it)),
            CallArg::Kwarg(name, it) => CallArg::Kwarg(name, expression(it)),
            CallArg::PosSplat(it) => CallArg::PosSplat(expression(it)),
            CallArg::KwargSplat(it) => CallArg::KwargSplat(expression(it)),
        })
        .collect()
}

/// A target of an assignment, or a bare name.
fn verbatim<'a>(node: &Expr<'a>) -> Expr<'a> {
    match node {
        Expr::Var(it) => Expr::Var(at(it, ast::Var { id: it.id })),
        Expr::List(it) => Expr::List(at(it, ast::List { items: it.items.iter().map(verbatim).collect() })),
        Expr::Tuple(it) => Expr::Tuple(at(it, ast::Tuple { items: it.items.iter().map(verbatim).collect() })),
        Expr::GetAttr(it) => Expr::GetAttr(at(it, ast::GetAttr { expr: verbatim(&it.expr), name: it.name })),
        other => expression(other),
    }
}

pub(super) fn expression<'a>(node: &Expr<'a>) -> Expr<'a> {
    if let Some(name) = above(node) {
        return Expr::Var(Spanned::new(ast::Var { id: name }, node.span()));
    }
    match node {
        Expr::Var(it) => Expr::Var(at(it, ast::Var { id: it.id })),
        Expr::Const(it) => Expr::Const(at(it, ast::Const { value: constant(&it.value) })),
        Expr::Slice(it) => Expr::Slice(at(
            it,
            ast::Slice {
                expr: expression(&it.expr),
                start: it.start.as_ref().map(expression),
                stop: it.stop.as_ref().map(expression),
                step: it.step.as_ref().map(expression),
            },
        )),
        Expr::UnaryOp(it) => match it.op {
            UnaryOpKind::Not => {
                Expr::UnaryOp(at(it, ast::UnaryOp { op: UnaryOpKind::Not, expr: expression(&it.expr) }))
            }
            UnaryOpKind::Neg => invoke("-x", vec![expression(&it.expr)], it.span()),
        },
        Expr::BinOp(it) => binary(it),
        Expr::Compare(it) => comparison(it),
        Expr::IfExpr(it) => Expr::IfExpr(at(
            it,
            ast::IfExpr {
                test_expr: expression(&it.test_expr),
                true_expr: expression(&it.true_expr),
                false_expr: it.false_expr.as_ref().map(expression),
            },
        )),
        Expr::Filter(it) => {
            let operand = it.expr.as_ref().map(|operand| match it.name {
                "default" | "d" => lenient(operand),
                _ => expression(operand),
            });
            Expr::Filter(at(it, ast::Filter { name: it.name, expr: operand, args: arguments(&it.args) }))
        }
        Expr::Test(it) => {
            let operand = match it.name {
                "defined" | "undefined" => lenient(&it.expr),
                _ => expression(&it.expr),
            };
            Expr::Test(at(it, ast::Test { name: it.name, expr: operand, args: arguments(&it.args) }))
        }
        Expr::GetAttr(it) => Expr::GetAttr(at(it, ast::GetAttr { expr: expression(&it.expr), name: it.name })),
        Expr::GetItem(it) => Expr::GetItem(at(
            it,
            ast::GetItem { expr: expression(&it.expr), subscript_expr: expression(&it.subscript_expr) },
        )),
        Expr::Call(it) => Expr::Call(at(it, call(it))),
        Expr::List(it) => Expr::List(at(it, ast::List { items: it.items.iter().map(expression).collect() })),
        Expr::Tuple(it) => Expr::Tuple(at(it, ast::Tuple { items: it.items.iter().map(expression).collect() })),
        Expr::Map(it) => Expr::Map(at(
            it,
            ast::Map {
                keys: it.keys.iter().map(expression).collect(),
                values: it.values.iter().map(expression).collect(),
            },
        )),
    }
}

/// A literal such as `1.1` is a decimal: its shortest text has the digits that were written.
fn constant(value: &Jinja) -> Jinja {
    if value.is_number() && !value.is_integer() {
        let text = value.to_string();
        if let Some(number @ (Number::Decimal(_) | Number::Int(_))) = Number::parse(&text) {
            return Jinja::from_object(Exact(number));
        }
    }
    value.clone()
}

fn invoke<'a>(name: &'a str, args: Vec<Expr<'a>>, span: Span) -> Expr<'a> {
    Expr::Call(Spanned::new(
        ast::Call {
            expr: Expr::Var(Spanned::new(ast::Var { id: name }, span)),
            args: args.into_iter().map(CallArg::Pos).collect(),
        },
        span,
    ))
}

fn binary<'a>(it: &Spanned<ast::BinOp<'a>>) -> Expr<'a> {
    let (left, right) = (&it.left, &it.right);
    let name = match it.op {
        BinOpKind::ScAnd | BinOpKind::ScOr => {
            return Expr::BinOp(at(it, ast::BinOp { op: it.op, left: expression(left), right: expression(right) }));
        }
        BinOpKind::Eq => return equality(left, right, false, it.span()),
        BinOpKind::Ne => return equality(left, right, true, it.span()),
        BinOpKind::Lt => "<",
        BinOpKind::Lte => "<=",
        BinOpKind::Gt => ">",
        BinOpKind::Gte => ">=",
        BinOpKind::Add => "+",
        BinOpKind::Sub => "-",
        BinOpKind::Mul => "*",
        BinOpKind::Div => "/",
        BinOpKind::FloorDiv => "//",
        BinOpKind::Rem => "%",
        BinOpKind::Pow => "**",
        BinOpKind::Concat => "~",
        BinOpKind::In => "in",
    };
    invoke(name, vec![expression(left), expression(right)], it.span())
}

/// `x == none` asks whether it is null, of any type; every other comparison is one of values.
fn equality<'a>(left: &Expr<'a>, right: &Expr<'a>, not: bool, span: Span) -> Expr<'a> {
    let is_none = |node: &Expr<'_>| node.as_const().is_some_and(|value| value.is_none());
    let tested = if is_none(right) {
        left
    } else if is_none(left) {
        right
    } else {
        return invoke(if not { "!=" } else { "==" }, vec![expression(left), expression(right)], span);
    };
    let test = Expr::Test(Spanned::new(ast::Test { name: "none", expr: expression(tested), args: Vec::new() }, span));
    if not { Expr::UnaryOp(Spanned::new(ast::UnaryOp { op: UnaryOpKind::Not, expr: test }, span)) } else { test }
}

/// `a < b < c` means `a < b and b < c`.
fn comparison<'a>(it: &Spanned<ast::Compare<'a>>) -> Expr<'a> {
    let mut left = &it.expr;
    let mut whole: Option<Expr<'a>> = None;
    for part in &it.ops {
        let args = || vec![expression(left), expression(&part.expr)];
        let one = match part.op {
            CompareOpKind::Eq => equality(left, &part.expr, false, it.span()),
            CompareOpKind::Ne => equality(left, &part.expr, true, it.span()),
            CompareOpKind::Lt => invoke("<", args(), it.span()),
            CompareOpKind::Lte => invoke("<=", args(), it.span()),
            CompareOpKind::Gt => invoke(">", args(), it.span()),
            CompareOpKind::Gte => invoke(">=", args(), it.span()),
            CompareOpKind::In => invoke("in", args(), it.span()),
            CompareOpKind::NotIn => {
                let inner = invoke("in", args(), it.span());
                Expr::UnaryOp(Spanned::new(ast::UnaryOp { op: UnaryOpKind::Not, expr: inner }, it.span()))
            }
        };
        whole = Some(match whole {
            None => one,
            Some(before) => {
                Expr::BinOp(Spanned::new(ast::BinOp { op: BinOpKind::ScAnd, left: before, right: one }, it.span()))
            }
        });
        left = &part.expr;
    }
    whole.unwrap_or_else(|| expression(&it.expr))
}

/// `parent.parent` and so on: names of their own, not members.
pub(super) fn above(node: &Expr<'_>) -> Option<&'static str> {
    fn parents(node: &Expr<'_>) -> Option<usize> {
        match node {
            Expr::Var(it) if it.id == "parent" => Some(1),
            Expr::GetAttr(it) if it.name == "parent" => parents(&it.expr).map(|below| below + 1),
            Expr::GetItem(it) if it.subscript_expr.as_const().is_some_and(|key| key.as_str() == Some("parent")) => {
                parents(&it.expr).map(|below| below + 1)
            }
            _ => None,
        }
    }
    PARENTS.get(parents(node).filter(|parents| *parents > 1)? - 1).copied()
}

/// A chain of members of which any link may be missing.
fn lenient<'a>(node: &Expr<'a>) -> Expr<'a> {
    if above(node).is_some() {
        return expression(node);
    }
    match node {
        Expr::GetAttr(it) => invoke(
            "?.",
            vec![lenient(&it.expr), Expr::Const(Spanned::new(ast::Const { value: Jinja::from(it.name) }, it.span()))],
            it.span(),
        ),
        Expr::GetItem(it) => invoke("?.", vec![lenient(&it.expr), expression(&it.subscript_expr)], it.span()),
        other => expression(other),
    }
}
