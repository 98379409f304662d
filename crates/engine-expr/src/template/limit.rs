//! Bounds how deep an expression may be nested, so that no text exhausts the stack of whoever walks over its tree.
//!
//! Before a text is parsed its operators are counted, since parsing, and dropping what was parsed, go as deep as the tree does. The tree
//! is then measured, as deep as is allowed and no deeper.

use std::ops::Range;

use minijinja::machinery::ast::{self, CallArg, Expr, Stmt};
use minijinja::machinery::{Token, tokenize};

use super::analysis::range;
use super::program::syntax;
use crate::problem::Problem;

/// How deep a tree may be.
const MAX_DEPTH: usize = 200;
/// How many operators may stand one upon the other before a text is parsed.
const MAX_OPERATORS: usize = 600;

/// The operators within one pair of brackets.
#[derive(Default)]
struct Level {
    /// Those since the last comma.
    operators: usize,
    /// How deep the deepest bracket since then goes.
    below: usize,
}

/// Makes the problem of what stands at `range`.
pub(super) fn problem(code: &'static str, noun: &str, range: Range<usize>) -> Problem {
    Problem::new(code, format!("invalid {noun}: the expression is nested too deep"), range, "too deep here")
        .help("compute parts of it in `vars`, or make a list of the parts and join it")
}

/// Finds where a text has too many operators to be parsed.
pub(super) fn too_many_operators(text: &str, bare: bool) -> Option<Range<usize>> {
    let mut levels = vec![Level::default()];
    // The operators of all levels that are open.
    let mut operators = 0;
    let mut branches = 0;
    let mut begins = false;
    for (token, span) in tokenize(text, bare, syntax()).map_while(Result::ok) {
        let mut opens = false;
        match token {
            Token::VariableStart | Token::BlockStart => {
                levels = vec![Level::default()];
                operators = 0;
                begins = true;
                continue;
            }
            // A branch is parsed within the one before it.
            Token::Ident("elif") if begins => branches += 1,
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => opens = true,
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                if levels.len() > 1
                    && let Some(closed) = levels.pop()
                {
                    operators -= closed.operators;
                    let depth = closed.operators + closed.below;
                    if let Some(level) = levels.last_mut() {
                        level.below = level.below.max(depth);
                    }
                }
            }
            Token::Comma => {
                if let Some(level) = levels.last_mut() {
                    // What came before stands beside what follows; it went no deeper than was checked.
                    operators -= level.operators;
                    *level = Level::default();
                }
            }
            Token::Ident("and" | "or" | "not" | "in" | "is" | "if" | "else") => add(&mut levels, &mut operators),
            Token::Ident(_) | Token::Str(_) | Token::String(_) | Token::Int(_) | Token::Int128(_) | Token::Float(_) => {
            }
            Token::TemplateData(_) | Token::VariableEnd | Token::BlockEnd | Token::Colon | Token::Assign => {}
            _ => add(&mut levels, &mut operators),
        }
        if opens {
            add(&mut levels, &mut operators);
            levels.push(Level::default());
        }
        begins = false;
        let below = levels.last().map_or(0, |level| level.below);
        if operators + below > MAX_OPERATORS || branches > MAX_DEPTH {
            return Some(range(span));
        }
    }
    None
}

fn add(levels: &mut [Level], operators: &mut usize) {
    if let Some(level) = levels.last_mut() {
        level.operators += 1;
        *operators += 1;
    }
}

/// Finds the first expression that is nested too deep.
pub(super) fn too_deep(node: &Expr<'_>) -> Option<Range<usize>> {
    expression(node, MAX_DEPTH).err()
}

/// Finds the first expression or statement that is nested too deep.
pub(super) fn too_deep_within(nodes: &[Stmt<'_>]) -> Option<Range<usize>> {
    statements(nodes, MAX_DEPTH).err()
}

type Measured = Result<(), Range<usize>>;

fn statements(nodes: &[Stmt<'_>], left: usize) -> Measured {
    nodes.iter().try_for_each(|node| statement(node, left))
}

fn statement(node: &Stmt<'_>, left: usize) -> Measured {
    let Some(left) = left.checked_sub(1) else { return Err(place(node)) };
    let all = |nodes: &[Expr<'_>]| nodes.iter().try_for_each(|node| expression(node, left));
    match node {
        Stmt::Template(it) => statements(&it.children, left),
        Stmt::EmitExpr(it) => expression(&it.expr, left),
        Stmt::ForLoop(it) => {
            expression(&it.iter, left)?;
            it.filter_expr.iter().try_for_each(|filter| expression(filter, left))?;
            statements(&it.body, left)?;
            statements(&it.else_body, left)
        }
        Stmt::IfCond(it) => {
            expression(&it.expr, left)?;
            statements(&it.true_body, left)?;
            statements(&it.false_body, left)
        }
        Stmt::WithBlock(it) => {
            it.assignments.iter().try_for_each(|(_, value)| expression(value, left))?;
            statements(&it.body, left)
        }
        Stmt::Set(it) => expression(&it.expr, left),
        Stmt::SetBlock(it) => {
            it.filter.iter().try_for_each(|filter| expression(filter, left))?;
            statements(&it.body, left)
        }
        Stmt::FilterBlock(it) => {
            expression(&it.filter, left)?;
            statements(&it.body, left)
        }
        Stmt::Macro(it) => {
            all(&it.defaults)?;
            statements(&it.body, left)
        }
        Stmt::CallBlock(it) => {
            call(&it.call, left)?;
            all(&it.macro_decl.defaults)?;
            statements(&it.macro_decl.body, left)
        }
        Stmt::Do(it) => call(&it.call, left),
        Stmt::EmitRaw(_)
        | Stmt::Continue(_)
        | Stmt::Break(_)
        | Stmt::AutoEscape(_)
        | Stmt::Block(_)
        | Stmt::Import(_)
        | Stmt::FromImport(_)
        | Stmt::Extends(_)
        | Stmt::Include(_) => Ok(()),
    }
}

fn place(node: &Stmt<'_>) -> Range<usize> {
    match node {
        Stmt::EmitExpr(it) => range(it.span()),
        Stmt::ForLoop(it) => range(it.span()),
        Stmt::IfCond(it) => range(it.span()),
        Stmt::Set(it) => range(it.span()),
        _ => 0..0,
    }
}

fn call(node: &ast::Call<'_>, left: usize) -> Measured {
    expression(&node.expr, left)?;
    arguments(&node.args, left)
}

fn arguments(args: &[CallArg<'_>], left: usize) -> Measured {
    args.iter().try_for_each(|arg| match arg {
        CallArg::Pos(it) | CallArg::Kwarg(_, it) | CallArg::PosSplat(it) | CallArg::KwargSplat(it) => {
            expression(it, left)
        }
    })
}

fn expression(node: &Expr<'_>, left: usize) -> Measured {
    let Some(left) = left.checked_sub(1) else { return Err(range(node.span())) };
    let all = |nodes: &[Expr<'_>]| nodes.iter().try_for_each(|node| expression(node, left));
    match node {
        Expr::Var(_) | Expr::Const(_) => Ok(()),
        Expr::Slice(it) => {
            expression(&it.expr, left)?;
            [&it.start, &it.stop, &it.step].into_iter().flatten().try_for_each(|part| expression(part, left))
        }
        Expr::UnaryOp(it) => expression(&it.expr, left),
        Expr::BinOp(it) => {
            expression(&it.left, left)?;
            expression(&it.right, left)
        }
        Expr::Compare(it) => {
            expression(&it.expr, left)?;
            it.ops.iter().try_for_each(|part| expression(&part.expr, left))
        }
        Expr::IfExpr(it) => {
            expression(&it.test_expr, left)?;
            expression(&it.true_expr, left)?;
            it.false_expr.iter().try_for_each(|part| expression(part, left))
        }
        Expr::Filter(it) => {
            it.expr.iter().try_for_each(|operand| expression(operand, left))?;
            arguments(&it.args, left)
        }
        Expr::Test(it) => {
            expression(&it.expr, left)?;
            arguments(&it.args, left)
        }
        Expr::GetAttr(it) => expression(&it.expr, left),
        Expr::GetItem(it) => {
            expression(&it.expr, left)?;
            expression(&it.subscript_expr, left)
        }
        Expr::Call(it) => call(it, left),
        Expr::List(it) => all(&it.items),
        Expr::Tuple(it) => all(&it.items),
        Expr::Map(it) => {
            all(&it.keys)?;
            all(&it.values)
        }
    }
}

#[cfg(test)]
mod tests {
    use engine_source::Span;

    use crate::template::{Condition, Template};

    const MANY: usize = 50_000;

    fn check(expression: &str, refused: bool) {
        let shown: String = expression.chars().take(40).collect();
        let template = Template::new(&format!("{{{{ {expression} }}}}"), Span::default());
        let found: Vec<_> = template.problems().iter().map(|problem| problem.code).collect();
        assert_eq!(found, if refused { &["template-syntax"][..] } else { &[] }, "{shown}");
        let condition = Condition::new(expression, Span::default());
        let found: Vec<_> = condition.problems().iter().map(|problem| problem.code).collect();
        assert_eq!(found, if refused { &["condition-syntax"][..] } else { &[] }, "{shown}");
        if let Some(problem) = template.problems().first() {
            assert!(problem.message.ends_with("the expression is nested too deep"), "{shown}: {}", problem.message);
            assert!(template.text().get(problem.range.clone()).is_some_and(|here| !here.is_empty()), "{shown}");
        }
    }

    fn sizes(expression: impl Fn(usize) -> String) {
        check(&expression(60), false);
        for times in [250, 590, 1000, MANY] {
            check(&expression(times), true);
        }
    }

    #[test]
    fn refuses_what_is_nested_too_deep_at_every_size() {
        sizes(|times| format!("1{}", " + 1".repeat(times)));
        sizes(|times| format!("item{}", ".a".repeat(times)));
        sizes(|times| format!("item{}", "[0]".repeat(times)));
        sizes(|times| format!("item.a{}", " | abs".repeat(times)));
        sizes(|times| format!("{}item.a", "not ".repeat(times)));
        sizes(|times| format!("{}item.a", "- ".repeat(times)));
        sizes(|times| format!("1{}", " if item.a else 1".repeat(times)));
        sizes(|times| format!("item.a{}", " is defined".repeat(times)));
        sizes(|times| format!("range{}", "(1)".repeat(times)));
        sizes(|times| format!("{}1{}", "(".repeat(times), ")".repeat(times)));
        sizes(|times| format!("{}1{}", "[".repeat(times), "]".repeat(times)));
        sizes(|times| format!("{}1{}", "{'a': ".repeat(times), "}".repeat(times)));
        sizes(|times| format!("{}1{}", "(1 + ".repeat(times), ")".repeat(times)));
    }

    #[test]
    fn takes_what_is_wide_but_not_deep() {
        check(&format!("item.a == 0{}", " or item.b.c == 1 and not item.d".repeat(60)), false);
        check(&format!("item.a in [{}]", "1, ".repeat(MANY)), false);
        check(&format!("{{{}}}", "'a': item.b.c | abs + 1, ".repeat(5000)), false);
        check(&format!("1 {}", "< 2 ".repeat(150)), false);
    }

    #[test]
    fn refuses_statements_that_are_nested_too_deep() {
        let check = |text: String, refused: bool| {
            let template = Template::new(&text, Span::default());
            assert_eq!(!template.problems().is_empty(), refused, "{:?}", template.problems().first());
        };
        for times in [150, 250, 1000, MANY] {
            check(format!("{}{}", "{% if item.a %}".repeat(times), "{% endif %}".repeat(times)), true);
        }
        check(format!("{{% if item.a %}}{}{{% endif %}}", "{% elif item.b %}".repeat(100)), false);
        for times in [250, 1000, MANY] {
            check(format!("{{% if item.a %}}{}{{% endif %}}", "{% elif item.b %}".repeat(times)), true);
        }
        check("{{ item.a }} {% if item.b %}x{% endif %}".repeat(2000), false);
    }
}
