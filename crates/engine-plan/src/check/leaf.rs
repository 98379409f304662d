//! Checks of templates, conditions and paths: what is wrong inside them, and whether what they name is known at their place.

use engine_expr::{Condition, Dynamic, DynamicLeaf, Expr, JsonPath, NameUse, Problem, Setting, Template};
use engine_request::AnswerPlace;
use engine_source::{Finding, Span, certain, similar, suggest};

use super::Checker;
use super::names::{self, BATCH, COUNTS, ITEM, Names, ORIGINAL, RESPONSE, ROOTS, Root, SIGNED, STEP_MEMBERS};
use super::reference::listed;

impl<'a> Checker<'a> {
    pub(super) fn template(&mut self, template: &Template, names: &Names<'a>) {
        self.see(template);
        self.observe(template.span(), names);
        self.problems(template.problems(), template.span());
        if template.is_constant() {
            self.findings.push(
                Finding::warning(
                    "constant-template",
                    format!("the template `{}` always gives the same value", template.text().trim()),
                )
                .label(template.span(), "names nothing")
                .help("write the value itself, without braces"),
            );
        }
        self.uses(template.names(), template.span(), names);
    }

    pub(super) fn maybe_template(&mut self, template: Option<&Template>, names: &Names<'a>) {
        if let Some(template) = template {
            self.template(template, names);
        }
    }

    pub(super) fn condition(&mut self, condition: Option<&Condition>, names: &Names<'a>) {
        let Some(condition) = condition else { return };
        self.see_condition(condition);
        self.observe(condition.span(), names);
        self.problems(condition.problems(), condition.span());
        self.uses(condition.names(), condition.span(), names);
    }

    pub(super) fn path(&mut self, path: &JsonPath, names: &Names<'a>) {
        self.see_path(path);
        self.observe(path.span(), names);
        self.problems(path.problems(), path.span());
        if !names.rooted && path.problems().is_empty() {
            self.findings.push(
                Finding::error(
                    "undefined-variable",
                    format!("a path has nothing to start from here: `{}`", path.text()),
                )
                .label(path.span(), "`$` stands for nothing here")
                .help(format!("write a template, or `{{value: \"{}\"}}` for the text itself", path.text())),
            );
        }
    }

    pub(super) fn expr(&mut self, expr: &Expr, names: &Names<'a>) {
        match expr {
            Expr::Path(path) => self.path(path, names),
            Expr::Template(template) => self.template(template, names),
        }
    }

    pub(super) fn dynamic(&mut self, dynamic: &Dynamic, names: &Names<'a>) {
        dynamic.visit(&mut |leaf| match leaf {
            DynamicLeaf::Path(path) => self.path(path, names),
            DynamicLeaf::Template(template) => self.template(template, names),
        });
    }

    pub(super) fn setting<T>(&mut self, setting: Option<&Setting<T>>, names: &Names<'a>) {
        self.maybe_template(setting.and_then(Setting::as_template), names);
    }

    /// Checks a place in an answer, over whose body its path is.
    pub(super) fn answer_place(&mut self, place: Option<&AnswerPlace>, names: &Names<'a>) {
        match place {
            Some(AnswerPlace::Path(path)) => self.path(path, &names.with_root()),
            Some(AnswerPlace::Template(template)) => self.template(template, &names.and(&[RESPONSE])),
            Some(AnswerPlace::Header(_) | AnswerPlace::Cookie(_)) | None => {}
        }
    }

    fn problems(&mut self, problems: &[Problem], span: Span) {
        for problem in problems {
            let finding = problem.finding(self.sources, span);
            self.findings.push(finding);
        }
    }

    fn uses(&mut self, uses: &[NameUse], span: Span, names: &Names<'a>) {
        for one in uses {
            self.name(one, span, names);
        }
    }

    /// Checks one use of a name.
    fn name(&mut self, one: &NameUse, span: Span, names: &Names<'a>) {
        let Some(root) = names::root(one.root()).filter(|root| names.has(**root)) else {
            return self.unknown(one, span, names);
        };
        let Some(member) = one.path.get(1).map(|name| &**name) else {
            if root.name == "secrets" {
                self.used_all_secrets = true;
                self.exposed(one, span, names);
            }
            return;
        };
        match root.name {
            "inputs" => {
                if !self.declares("inputs", member) {
                    let known: Vec<_> = self.spec.inputs.iter().map(|(name, _)| (&*name.value, name.span)).collect();
                    self.undefined(one, span, &known, "declare it under `inputs`");
                }
            }
            "secrets" => {
                if self.declares("secrets", member) {
                    self.used_secrets.insert(member.into());
                    self.exposed(one, span, names);
                } else {
                    let known: Vec<_> = self.spec.secrets.iter().map(|(name, _)| (&*name.value, name.span)).collect();
                    self.undefined(one, span, &known, "declare it under `secrets`");
                }
            }
            "vars" => self.var(one, member, span, names),
            "params" => {
                let Some(params) = names.params else { return };
                if !params.contains_key(member) && !self.lost_params.contains(member) {
                    let known: Vec<_> = params.iter().map(|(name, _)| (&*name.value, name.span)).collect();
                    self.undefined(one, span, &known, "declare it under the endpoint's `params`");
                }
            }
            "auth" => {
                if !names.auth.iter().any(|(name, _)| *name == member) {
                    self.undefined(one, span, names.auth, "name it in the `answer` of the auth");
                }
            }
            "steps" => self.step_use(one, member, span),
            _ => {
                let members = if names.signed && root.name == "request" { SIGNED } else { root.members };
                if !members.is_empty() && !members.contains(&member) {
                    self.no_member(one, 2, span, members);
                }
            }
        }
    }

    fn var(&mut self, one: &NameUse, member: &str, span: Span, names: &Names<'a>) {
        match self.vars.iter().rev().find(|var| var.name == member) {
            Some(var) if var.secret => self.exposed(one, span, names),
            Some(_) => {}
            None if self.later_vars.contains(&member) => {
                let place = self.place(span, self.root.get("vars").key(member).unwrap_or_default());
                self.findings.push(
                    Finding::error("undefined-variable", format!("undefined variable `{}`", one.dotted(2)))
                        .label(self.sources.within(span, one.range_of(2)), "not defined yet")
                        .help(format!(
                            "vars see those before them: move this one below `{member}`, defined at {place}"
                        )),
                );
            }
            None if self.is_partial || self.lost_vars.contains(member) => {}
            None => {
                let known: Vec<_> = self.vars.iter().map(|var| (var.name, var.span)).collect();
                self.undefined(one, span, &known, "declare it under `vars`");
            }
        }
    }

    /// Checks `steps.ID` and its members, and notes who asks for what.
    fn step_use(&mut self, one: &NameUse, id: &str, span: Span) {
        if self.any_step {
            return;
        }
        let Some(step) = self.steps.iter().find(|step| step.id == id) else {
            let label = self.sources.within(span, one.range_of(2));
            let finding = Finding::error("undefined-variable", format!("undefined variable `{}`", one.dotted(2)));
            let finding = match self.all_steps.get(id) {
                Some(place) => finding.label(label, "has not run yet").help(format!(
                    "only steps before this one are known; `{id}` is defined at {}",
                    self.place(span, *place)
                )),
                None if self.lost_steps.contains(id) => return,
                None => {
                    let known: Vec<_> = self.steps.iter().map(|step| (step.id, step.span)).collect();
                    let help = self.meant(one, span, &known, "give the step its `id`");
                    let meant = certain(id, known.iter().map(|(name, _)| *name));
                    let finding = finding.label(label, "not defined").help(help);
                    self.member_meant(finding, one, 2, span, meant)
                }
            };
            self.findings.push(finding);
            return;
        };
        let (spot, member) = (step.spot.clone(), one.path.get(2).map(|name| &**name));
        if let Some(member) = member.filter(|member| !STEP_MEMBERS.contains(member)) {
            _ = member;
            return self.no_member(one, 3, span, STEP_MEMBERS);
        }
        if member == Some("counts") && one.path.get(3).is_some_and(|name| !COUNTS.contains(&&**name)) {
            return self.no_member(one, 4, span, COUNTS);
        }
        self.use_step(&spot, matches!(member, None | Some("item")), matches!(member, None | Some("items")));
    }

    /// Says that a secret would be shown.
    fn exposed(&mut self, one: &NameUse, span: Span, names: &Names<'a>) {
        let Some(place) = names.hides else { return };
        let shown = one.dotted(2);
        self.findings.push(
            Finding::error("secret-exposed", format!("the secret `{shown}` would be shown in {place}"))
                .label(self.sources.within(span, one.range_of(2)), "a secret")
                .help("secrets may stand in `apis`, `sinks` and `verify`; take it out here"),
        );
    }

    /// Says that there is no such name here.
    fn unknown(&mut self, one: &NameUse, span: Span, names: &Names<'a>) {
        let name = one.root();
        let label = self.sources.within(span, one.range_of(1));
        let mut finding = Finding::error("undefined-variable", format!("undefined variable `{name}`"));
        let text = if names::root(name).is_some() { "not known here" } else { "not defined" };
        let known: Vec<&str> = names.known().collect();
        let meant = certain(name, ROOTS.iter().map(|root| root.name)).filter(|close| known.contains(close));
        finding = finding.label(label, text).meant(label, meant.filter(|_| names::root(name).is_none()));
        finding.help = Some(match names::root(name) {
            Some(&ITEM | &ORIGINAL) if names.has(BATCH) => {
                "what failed or is sent here is a whole batch: name `batch`, the list of its items".to_owned()
            }
            Some(&ITEM | &ORIGINAL) if names.no_item.is_some() => names.no_item.unwrap_or_default().to_owned(),
            Some(Root { home, .. }) => format!("`{name}` is known {home}"),
            None if name == "env" || name == "ENV" => {
                let declared = one.path.get(1).map_or("NAME", |name| name);
                format!("declare an input with `env: {declared}`, or a secret")
            }
            None => match similar(name, ROOTS.iter().map(|root| root.name)) {
                Some(close) if known.contains(&close) => format!("did you mean `{close}`?"),
                _ if names.has(ITEM) && one.path.len() == 1 => format!("did you mean `item.{name}`?"),
                _ => suggest(name, known).unwrap_or_else(|| "no names are known here".to_owned()),
            },
        });
        self.findings.push(finding);
    }

    /// Says that something that the spec declares does not have this member.
    fn undefined(&mut self, one: &NameUse, span: Span, known: &[(&str, Span)], otherwise: &str) {
        let help = self.meant(one, span, known, otherwise);
        let finding = Finding::error("undefined-variable", format!("undefined variable `{}`", one.dotted(2)))
            .label(self.sources.within(span, one.range_of(2)), "not defined")
            .help(help);
        let meant = certain(one.path.get(1).map_or("", |name| name), known.iter().map(|(name, _)| *name));
        let finding = self.member_meant(finding, one, 2, span, meant);
        self.findings.push(finding);
    }

    /// Adds the fix that writes another member, where it is certain which.
    fn member_meant(&self, finding: Finding, one: &NameUse, parts: usize, span: Span, meant: Option<&str>) -> Finding {
        let range = one.range_of(parts);
        let member = one.path.get(parts - 1).map_or(0, |name| name.len());
        // Written with a dot: what stands in brackets ends behind the name.
        let at = self.sources.within(span, range.end.saturating_sub(member)..range.end);
        let is_plain = one.path.get(parts - 1).is_some_and(|name| self.sources.text_of(at) == &**name);
        finding.meant(at, meant.filter(|_| is_plain))
    }

    /// Returns which of the declared names was likely meant, and where it is.
    fn meant(&self, one: &NameUse, span: Span, known: &[(&str, Span)], otherwise: &str) -> String {
        let name = one.path.get(1).map_or("", |name| name);
        let root = one.root();
        let Some(close) = similar(name, known.iter().map(|(name, _)| *name)) else {
            let dotted: Vec<String> = known.iter().map(|(name, _)| format!("{root}.{name}")).collect();
            return listed(&dotted).unwrap_or_else(|| otherwise.to_owned());
        };
        let place = known.iter().find(|(name, _)| *name == close).map(|(_, place)| *place).unwrap_or_default();
        match self.place(span, place).as_str() {
            "" => format!("did you mean `{root}.{close}`?"),
            place => format!("did you mean `{root}.{close}`, defined at {place}?"),
        }
    }

    /// Says that something that the language gives does not have this member.
    fn no_member(&mut self, one: &NameUse, parts: usize, span: Span, members: &[&str]) {
        let name = one.path.get(parts - 1).map_or("", |name| name);
        let finding = Finding::error("undefined-variable", format!("undefined variable `{}`", one.dotted(parts)))
            .label(self.sources.within(span, one.range_of(parts)), format!("no member of `{}`", one.dotted(parts - 1)))
            .help_if(suggest(name, members.iter().copied()));
        let finding = self.member_meant(finding, one, parts, span, certain(name, members.iter().copied()));
        self.findings.push(finding);
    }
}
