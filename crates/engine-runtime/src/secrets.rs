//! Secrets of a run: gathered before the first request, each from the one place that the spec names.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use engine_expr::{EvalError, Members, Scope, Secret, Template, Value};
use engine_request::Redactor;
use engine_source::{Finding, Findings, Map, Span};
use engine_spec::Keyring;

use crate::inputs::PLACEHOLDER;
use crate::page::excerpt;
use crate::world::Environment;

/// Where secrets are looked for.
pub(crate) struct SecretsFrom<'a> {
    /// Variables, files, programs and the keyring.
    pub(crate) environment: &'a dyn Environment,
    /// Returns the folder that paths at a place of the spec are relative to.
    pub(crate) folder: &'a dyn Fn(Span) -> &'a Path,
    /// The names that paths and arguments may use.
    pub(crate) scope: &'a Scope,
    /// Whether the run is mocked: what is not there gets a value that stands for it, and nobody is asked for a password.
    pub(crate) placeholders: bool,
}

impl SecretsFrom<'_> {
    /// Gathers the secrets; the second value has the texts that must never be shown.
    pub(crate) fn gather(&self, declared: &Map<engine_spec::Secret>, findings: &mut Findings) -> (Value, Vec<Secret>) {
        let mut members = Members::new();
        let mut texts = Vec::new();
        for (name, secret) in declared {
            let span = name.span;
            let found = self.text(secret, span, &texts).and_then(|found| {
                let optional = secret.optional.as_ref().map_or(Ok(false), |optional| optional.resolve(self.scope));
                Ok((found, optional.map_err(|error| Box::new(failed(&error)))?))
            });
            match found {
                Ok((Some(text), _)) => {
                    let secret = Secret::new(text);
                    texts.push(secret.clone());
                    members.insert(Arc::clone(&name.value), Value::Secret(secret));
                }
                Ok((None, _)) if self.placeholders => {
                    members.insert(Arc::clone(&name.value), Value::Secret(Secret::new(PLACEHOLDER)));
                }
                Ok((None, true)) => members.insert(Arc::clone(&name.value), Value::Null),
                Ok((None, false)) => findings.push(
                    Finding::error("missing-secret", format!("secret `{}` is not given", name.value))
                        .label(span, "not set")
                        .help(way(secret)),
                ),
                Err(mut finding) => {
                    finding.message = format!("secret `{}`: {}", name.value, finding.message);
                    findings.push(*finding);
                }
            }
        }
        (Value::Object(Arc::new(members)), texts)
    }

    fn text(
        &self,
        secret: &engine_spec::Secret,
        span: Span,
        others: &[Secret],
    ) -> Result<Option<String>, Box<Finding>> {
        if let Some(env) = &secret.env {
            // An empty variable is one that was not set.
            return Ok(self.environment.variable(env).filter(|text| !text.is_empty()));
        }
        if let Some(file) = &secret.file {
            return self.file(file);
        }
        if self.placeholders {
            return Ok(None);
        }
        match (&secret.command, &secret.keyring) {
            (Some(command), _) => self.command(command, span, others),
            (None, Some(keyring)) => self.keyring(keyring, span),
            (None, None) => Ok(None),
        }
    }

    fn file(&self, file: &Template) -> Result<Option<String>, Box<Finding>> {
        let path = self.render(file)?;
        // The home folder is the same everywhere.
        let path = if path.starts_with("~/") { path.into() } else { (self.folder)(file.span()).join(path) };
        match self.environment.read_file(&path) {
            Ok(text) => Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => {
                unfit(format!("its file cannot be read: {}", said(&error)), file.span(), "check its permissions")
            }
        }
    }

    /// Takes what a program prints, without its last line break.
    fn command(&self, command: &[Template], span: Span, others: &[Secret]) -> Result<Option<String>, Box<Finding>> {
        let words: Vec<String> = command.iter().map(|word| self.render(word)).collect::<Result<_, _>>()?;
        let (Some(program), at) = (words.first(), command.first().map_or(span, Template::span)) else {
            return unfit("its command has no program".to_owned(), span, "write `command: [program, argument]`");
        };
        let ran = match self.environment.run(&words, (self.folder)(at)) {
            Ok(ran) => ran,
            Err(error) => {
                let (why, help) = match error.kind() {
                    ErrorKind::NotFound => {
                        ("there is no such program".to_owned(), "install it, or write its whole path")
                    }
                    ErrorKind::TimedOut => {
                        ("it did not end within 30 s".to_owned(), "it gets no input: log in to it first")
                    }
                    _ => (said(&error), "run it by itself to see why"),
                };
                return unfit(format!("`{program}` cannot be run: {why}"), at, help);
            }
        };
        if !ran.success {
            let errors = if ran.errors.is_empty() { String::new() } else { format!(": {}", excerpt(&ran.errors)) };
            let errors = Redactor::new(others.iter().cloned()).redact(&errors);
            let message = format!("`{program}` ended with {}{errors}", ran.status);
            return unfit(message, at, "run it by itself to see why");
        }
        let Ok(text) = String::from_utf8(ran.output) else {
            return unfit(format!("what `{program}` prints is no text in UTF-8"), at, "let it print the secret only");
        };
        let text = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
        Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
    }

    fn keyring(&self, keyring: &Keyring, span: Span) -> Result<Option<String>, Box<Finding>> {
        let (service, user) = (self.render(&keyring.service)?, self.render(&keyring.user)?);
        match self.environment.password(&service, &user) {
            Ok(found) => Ok(found.filter(|text| !text.is_empty())),
            Err(error) => {
                let help = "use `command` with the program that your keyring comes with, or `env`";
                unfit(format!("the keyring cannot be read: {}", said(&error)), span, help)
            }
        }
    }

    fn render(&self, template: &Template) -> Result<String, Box<Finding>> {
        template.render_text(self.scope).map_err(|error| Box::new(failed(&error)))
    }
}

/// Says how a secret is given that is not there.
pub(crate) fn way(secret: &engine_spec::Secret) -> String {
    if let Some(env) = &secret.env {
        return format!("set the environment variable `{env}`, or write `{env}=…` into a file `.env` beside the spec");
    }
    if let Some(file) = &secret.file {
        return format!("write it into the file `{}`", file.text());
    }
    if let Some(program) = secret.command.iter().flatten().next() {
        return format!("`{}` printed nothing: let it print the secret", program.text());
    }
    match &secret.keyring {
        Some(keyring) => format!(
            "put it into the keyring, for the service `{}` and the user `{}`",
            keyring.service.text(),
            keyring.user.text()
        ),
        None => "say where it comes from: `env`, `file`, `command` or `keyring`".to_owned(),
    }
}

fn unfit<T>(message: String, span: Span, help: &str) -> Result<T, Box<Finding>> {
    Err(Box::new(Finding::error("missing-secret", message).label(span, "taken from here").help(help)))
}

fn failed(error: &EvalError) -> Finding {
    let mut finding = Finding::error("template-failed", error.message.clone()).label(error.span, "evaluated here");
    finding.help.clone_from(&error.help);
    finding
}

fn said(error: &io::Error) -> String {
    error.to_string().to_lowercase()
}
