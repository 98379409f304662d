//! A compiled template or expression, and running it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::machinery::{CodeGenerator, Instructions, ast, eval, make_string_output, parse, parse_expr};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value as Jinja};

use super::fast::Fast;
use super::rewrite;
use crate::bridge::{Exact, Root, from_jinja};
use crate::scope::Scope;
use crate::value::Value;

/// How many instructions one template may take.
const FUEL: u64 = 2_000_000;
/// How deep templates may call themselves.
const RECURSION: usize = 64;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(RECURSION);
    env.set_debug(false);
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_unknown_method_callback(crate::functions::method);
    env.set_formatter(|out, _, value| {
        if value.is_undefined() {
            return Err(Error::from(ErrorKind::UndefinedError));
        }
        if let Some(exact) = value.downcast_object_ref::<Exact>() {
            return write!(out, "{}", exact.0).map_err(Error::from);
        }
        let value = from_jinja(value)?;
        match value.text() {
            Some(text) => write!(out, "{text}").map_err(Error::from),
            None => Err(Error::new(
                ErrorKind::InvalidOperation,
                match value {
                    Value::Null => "null cannot be put into a text; give it a `default`, or test it first".to_owned(),
                    other => {
                        format!("{} cannot be put into a text; write `| tojson` or `| join(', ')`", other.a_kind())
                    }
                },
            )),
        }
    });
    crate::operators::register(&mut env);
    crate::functions::register(&mut env);
    env
});

/// Whether a text is one expression, which keeps its type, or a text with expressions in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Expression,
    Text,
}

self_cell::self_cell!(
    struct Compiled {
        owner: Box<str>,

        #[covariant]
        dependent: Instructions,
    }
);

/// Instructions that can be run any number of times, at once.
pub(super) struct Program {
    compiled: Compiled,
    form: Form,
    fast: Option<Fast>,
}

impl Program {
    /// Compiles a text that was parsed before, and so parses again.
    pub(super) fn new(text: &str, bare: bool) -> Result<Self, Error> {
        let mut form = Form::Expression;
        let mut fast = None;
        let compiled = Compiled::try_new(text.into(), |text| {
            let mut generator = CodeGenerator::new("template", text);
            if bare {
                let expr = parse_expr(text)?;
                fast = Fast::expression(&expr);
                generator.compile_expr(&rewrite::expression(&expr));
            } else {
                let tree = parse(text, "template", syntax())?;
                if let Some(expr) = single(&tree) {
                    fast = Fast::expression(expr);
                    generator.compile_expr(&rewrite::expression(expr));
                } else {
                    form = Form::Text;
                    if let ast::Stmt::Template(template) = &tree {
                        fast = Fast::text(&template.children);
                    }
                    generator.compile_stmt(&rewrite::statement(&tree));
                }
            }
            Ok::<_, Error>(generator.finish().0)
        })?;
        Ok(Self { compiled, form, fast })
    }

    /// Runs it; `None` where the expression gives nothing.
    pub(super) fn run(&self, scope: &Scope) -> Result<Option<Value>, Error> {
        if let Some(value) = self.fast.as_ref().and_then(|fast| fast.run(scope)) {
            return Ok(Some(value));
        }
        let root = Jinja::from_object(Root(scope.clone()));
        let mut text = String::new();
        let blocks = BTreeMap::new();
        let instructions = self.compiled.borrow_dependent();
        let (result, _) =
            eval(&ENVIRONMENT, instructions, root, &blocks, &mut make_string_output(&mut text), AutoEscape::None)?;
        match self.form {
            Form::Text => Ok(Some(text.into())),
            Form::Expression => match result {
                Some(value) if value.is_undefined() => Ok(None),
                Some(value) => from_jinja(&value).map(Some),
                None => Ok(None),
            },
        }
    }
}

/// A text keeps its last line end: only YAML decides about that.
pub(super) fn syntax() -> minijinja::syntax::SyntaxConfig {
    minijinja::syntax::SyntaxConfig::builder().keep_trailing_newline(true).build().unwrap_or_default()
}

/// Returns the one expression of a template that has nothing else but blanks.
pub(super) fn single<'t, 'a>(tree: &'t ast::Stmt<'a>) -> Option<&'t ast::Expr<'a>> {
    let ast::Stmt::Template(template) = tree else {
        return None;
    };
    let mut found = None;
    for child in &template.children {
        match child {
            ast::Stmt::EmitExpr(emit) if found.is_none() => found = Some(&emit.expr),
            ast::Stmt::EmitRaw(raw) if raw.raw.trim().is_empty() => {}
            _ => return None,
        }
    }
    found
}
