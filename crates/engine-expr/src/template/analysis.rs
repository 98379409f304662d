//! What a parsed template names and calls: found once, so that all of it can be checked before anything runs.

use std::ops::Range;
use std::sync::Arc;

use engine_source::{certain, suggest};
use minijinja::machinery::Span;
use minijinja::machinery::ast::{self, CallArg, CallType, Expr, Stmt};

use crate::functions::{FILTERS, FUNCTIONS, TESTS};
use crate::problem::Problem;

/// One use of a name, with the members that are taken from it: `inputs.since`, `item.lines[0].sku`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameUse {
    /// The name and, as far as they are known before running, the members.
    pub path: Vec<Arc<str>>,
    /// The bytes of the decoded text from the name to its last known member.
    pub range: Range<usize>,
    /// Where each part of the path ends.
    pub ends: Vec<usize>,
    /// Whether the value may be missing: it has a `default`, or is tested with `is defined`.
    pub optional: bool,
}

impl NameUse {
    /// Returns the name itself.
    pub fn root(&self) -> &str {
        self.path.first().map_or("", |name| name)
    }

    /// Returns the bytes of the first parts of the path.
    pub fn range_of(&self, parts: usize) -> Range<usize> {
        let end = self.ends.get(parts.saturating_sub(1)).or(self.ends.last()).copied();
        self.range.start..end.unwrap_or(self.range.end)
    }

    /// Returns the first parts of the path as they are written with dots.
    pub fn dotted(&self, parts: usize) -> String {
        self.path.iter().take(parts).map(|name| &**name).collect::<Vec<_>>().join(".")
    }
}

#[derive(Default)]
pub(super) struct Analysis<'a> {
    pub(super) names: Vec<NameUse>,
    pub(super) problems: Vec<Problem>,
    pub(super) calls: bool,
    locals: Vec<&'a str>,
}

impl<'a> Analysis<'a> {
    pub(super) fn statements(&mut self, nodes: &[Stmt<'a>]) {
        for node in nodes {
            self.statement(node);
        }
    }

    fn scoped(&mut self, run: impl FnOnce(&mut Self)) {
        let depth = self.locals.len();
        run(self);
        self.locals.truncate(depth);
    }

    fn statement(&mut self, node: &Stmt<'a>) {
        match node {
            Stmt::Template(it) => self.statements(&it.children),
            Stmt::EmitExpr(it) => self.expression(&it.expr, false),
            Stmt::EmitRaw(_) | Stmt::Continue(_) | Stmt::Break(_) => {}
            Stmt::ForLoop(it) => {
                self.expression(&it.iter, false);
                self.scoped(|me| {
                    me.declare(&it.target);
                    me.locals.push("loop");
                    if let Some(filter) = &it.filter_expr {
                        me.expression(filter, false);
                    }
                    me.statements(&it.body);
                });
                self.scoped(|me| me.statements(&it.else_body));
            }
            Stmt::IfCond(it) => {
                self.expression(&it.expr, false);
                self.statements(&it.true_body);
                self.statements(&it.false_body);
            }
            Stmt::WithBlock(it) => self.scoped(|me| {
                for (target, value) in &it.assignments {
                    me.expression(value, false);
                    me.declare(target);
                }
                me.statements(&it.body);
            }),
            Stmt::Set(it) => {
                self.expression(&it.expr, false);
                self.declare(&it.target);
            }
            Stmt::SetBlock(it) => {
                if let Some(filter) = &it.filter {
                    self.expression(filter, false);
                }
                self.scoped(|me| me.statements(&it.body));
                self.declare(&it.target);
            }
            Stmt::FilterBlock(it) => {
                self.expression(&it.filter, false);
                self.statements(&it.body);
            }
            Stmt::Macro(it) => {
                self.locals.push(it.name);
                self.declaration(it);
            }
            Stmt::CallBlock(it) => {
                self.call(&it.call, it.call_expr_span);
                self.declaration(&it.macro_decl);
            }
            Stmt::Do(it) => self.call(&it.call, it.call.span()),
            Stmt::AutoEscape(it) => self.unavailable("autoescape", it.span()),
            Stmt::Block(it) => self.unavailable("block", it.span()),
            Stmt::Import(it) => self.unavailable("import", it.span()),
            Stmt::FromImport(it) => self.unavailable("import", it.span()),
            Stmt::Extends(it) => self.unavailable("extends", it.span()),
            Stmt::Include(it) => self.unavailable("include", it.span()),
        }
    }

    fn unavailable(&mut self, what: &str, span: Span) {
        self.problems.push(
            Problem::new(
                "template-syntax",
                format!("`{{% {what} %}}` is not available in a spec"),
                range(span),
                "not available",
            )
            .help("a template stands alone; write what it needs into it"),
        );
    }

    fn declaration(&mut self, node: &ast::Macro<'a>) {
        for default in &node.defaults {
            self.expression(default, false);
        }
        self.scoped(|me| {
            for arg in &node.args {
                me.declare(arg);
            }
            me.locals.extend(["caller", "varargs", "kwargs"]);
            me.statements(&node.body);
        });
    }

    fn declare(&mut self, target: &Expr<'a>) {
        match target {
            Expr::Var(it) => {
                if it.id == "parent" {
                    self.problems.push(
                        Problem::new(
                            "template-syntax",
                            "`parent` always means the item above",
                            range(it.span()),
                            "taken already",
                        )
                        .help("give the variable another name"),
                    );
                }
                self.locals.push(it.id);
            }
            Expr::List(it) => it.items.iter().for_each(|item| self.declare(item)),
            Expr::Tuple(it) => it.items.iter().for_each(|item| self.declare(item)),
            other => self.expression(other, false),
        }
    }

    pub(super) fn expression(&mut self, node: &Expr<'a>, optional: bool) {
        if let Some(name) = chain(node) {
            self.name(name, optional);
            // An index within a chain may itself be an expression.
            self.subscripts(node);
            return;
        }
        match node {
            Expr::Var(_) | Expr::Const(_) => {}
            Expr::Slice(it) => {
                self.expression(&it.expr, false);
                for part in [&it.start, &it.stop, &it.step].into_iter().flatten() {
                    self.expression(part, false);
                }
            }
            Expr::UnaryOp(it) => self.expression(&it.expr, false),
            Expr::BinOp(it) => {
                self.expression(&it.left, false);
                self.expression(&it.right, false);
            }
            Expr::Compare(it) => {
                self.expression(&it.expr, false);
                for part in &it.ops {
                    self.expression(&part.expr, false);
                }
            }
            Expr::IfExpr(it) => {
                self.expression(&it.test_expr, false);
                self.expression(&it.true_expr, false);
                match &it.false_expr {
                    Some(other) => self.expression(other, false),
                    None => self.problems.push(
                        Problem::new(
                            "template-syntax",
                            "this `if` has no `else`",
                            range(it.span()),
                            "without an `else`",
                        )
                        .help("add what it is otherwise: `… if … else none`"),
                    ),
                }
            }
            Expr::Filter(it) => {
                if let Some(operand) = &it.expr {
                    self.expression(operand, matches!(it.name, "default" | "d"));
                }
                self.known(it.name, it.span(), "filter", "unknown-filter", FILTERS);
                self.calls |= FUNCTIONS.contains(&it.name);
                self.arguments(&it.args);
            }
            Expr::Test(it) => {
                self.expression(&it.expr, matches!(it.name, "defined" | "undefined"));
                self.known(it.name, it.span(), "test", "unknown-test", TESTS);
                self.arguments(&it.args);
            }
            Expr::GetAttr(it) => self.expression(&it.expr, optional),
            Expr::GetItem(it) => {
                self.expression(&it.expr, optional);
                self.expression(&it.subscript_expr, false);
            }
            Expr::Call(it) => self.call(it, it.span()),
            Expr::List(it) => it.items.iter().for_each(|item| self.expression(item, false)),
            Expr::Tuple(it) => it.items.iter().for_each(|item| self.expression(item, false)),
            Expr::Map(it) => {
                it.keys.iter().chain(&it.values).for_each(|item| self.expression(item, false));
            }
        }
    }

    fn subscripts(&mut self, node: &Expr<'a>) {
        match node {
            Expr::GetAttr(it) => self.subscripts(&it.expr),
            Expr::GetItem(it) => {
                self.subscripts(&it.expr);
                self.expression(&it.subscript_expr, false);
            }
            _ => {}
        }
    }

    fn call(&mut self, node: &ast::Call<'a>, span: Span) {
        self.calls = true;
        match node.identify_call() {
            CallType::Function(name) => {
                if !self.locals.contains(&name) {
                    self.known(name, span, "function", "unknown-function", FUNCTIONS);
                }
            }
            CallType::Method(object, _) | CallType::Object(object) => {
                self.expression(object, false);
            }
            CallType::Block(_) => self.unavailable("block", span),
        }
        self.arguments(&node.args);
    }

    fn arguments(&mut self, args: &[CallArg<'a>]) {
        for arg in args {
            match arg {
                CallArg::Pos(it) | CallArg::Kwarg(_, it) | CallArg::PosSplat(it) | CallArg::KwargSplat(it) => {
                    self.expression(it, false);
                }
            }
        }
    }

    fn known(&mut self, name: &str, span: Span, what: &str, code: &'static str, known: &[&str]) {
        if known.contains(&name) {
            return;
        }
        let start = span.start_offset as usize;
        let mut problem =
            Problem::new(code, format!("unknown {what} `{name}`"), start..start + name.len(), format!("not a {what}"));
        problem.help = suggest(name, known.iter().copied());
        problem.meant = certain(name, known.iter().copied()).map(str::to_owned);
        if name == "env" {
            problem.meant = None;
            problem.help =
                Some("what a spec takes from outside, it declares: `inputs` and `secrets` have `env`".to_owned());
        }
        self.problems.push(problem);
    }

    fn name(&mut self, mut name: NameUse, optional: bool) {
        if self.locals.iter().any(|local| *local == name.root()) {
            return;
        }
        name.optional = optional;
        self.names.push(name);
    }
}

/// Reads a name with the members that are taken from it.
fn chain(node: &Expr<'_>) -> Option<NameUse> {
    match node {
        Expr::Var(it) => {
            let range = range(it.span());
            Some(NameUse { path: vec![it.id.into()], ends: vec![range.end], range, optional: false })
        }
        Expr::GetAttr(it) => {
            let mut base = chain(&it.expr)?;
            base.push(it.name.into(), range(it.span()).end);
            Some(base)
        }
        Expr::GetItem(it) => {
            let mut base = chain(&it.expr)?;
            match &it.subscript_expr {
                Expr::Const(key) if !base.is_open() => match key.value.as_str() {
                    Some(key) => base.push(key.into(), range(it.span()).end),
                    None => base.open(),
                },
                _ => base.open(),
            }
            Some(base)
        }
        _ => None,
    }
}

impl NameUse {
    /// Adds a member, unless an index before it hides what it is a member of.
    fn push(&mut self, name: Arc<str>, end: usize) {
        if !self.is_open() {
            self.path.push(name);
            self.ends.push(end);
            self.range.end = end;
        }
    }

    /// From here on the members are not known before running.
    fn open(&mut self) {
        if !self.is_open() {
            self.ends.push(self.range.end);
        }
    }

    fn is_open(&self) -> bool {
        self.ends.len() > self.path.len()
    }

    /// Tells whether every member that is taken is known before running.
    pub fn is_whole(&self) -> bool {
        !self.is_open()
    }
}

pub(super) fn range(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}
