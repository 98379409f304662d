//! `engine validate --openapi`: a spec held against the documents of its APIs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine_contract::{Contract, api_names, known_api};
use engine_plan::Plan;

use crate::answers::Answers;
use crate::arguments::Validate;
use crate::failure::Failure;
use crate::report::{Report, counted, summary};
use crate::spec_files;
use crate::status::Status;
use crate::terminal::{Terminal, print, tell};

/// Checks one spec, and holds it against each document.
pub(super) fn execute(arguments: &Validate, terminal: &Terminal) -> Result<Status, Failure> {
    let files = spec_files::find(&arguments.paths)?;
    let [file] = files.as_slice() else {
        return Err(Failure::usage("a document is that of one spec").help("name one spec beside `--openapi`"));
    };
    let compiled = engine_plan::compile(file, &engine_plan::Disk);
    let mut findings = compiled.findings;
    let mut lines = Vec::new();
    if let Some(plan) = &compiled.plan {
        for (api, path) in pairs(&arguments.openapi, arguments.api.as_deref(), plan)? {
            let contract = read(&path)?;
            let checked = contract.check(plan, &api);
            let endpoints = plan.endpoints.iter().filter(|endpoint| endpoint.api == api).count();
            let all = counted(endpoints, "endpoint");
            lines.push(format!(
                "{api}: {} of {all} held against {} ({})",
                checked.held,
                path.display(),
                contract.version()
            ));
            lines.extend(checked.left.iter().map(|(id, why)| format!("{id} is not held: it {why}")));
            findings.extend(checked.findings);
        }
    }
    let report = Report::of(file, findings, &compiled.sources);
    if arguments.format.is_for_programs() {
        print(arguments.format.render(&report, terminal.stdout))?;
    } else {
        tell(arguments.format.render(&report, terminal.stderr));
    }
    let counts = report.counts();
    if !arguments.quiet {
        lines.push(summary(counts, 1));
        tell(format!("{}\n", lines.join("\n")));
    }
    let wrong = counts.errors > 0 || (arguments.deny_warnings && counts.warnings > 0);
    Ok(if wrong { Status::Wrong } else { Status::Done })
}

/// Gets ready to hold the answers of a run; nothing where there is no document.
pub(super) fn watch(given: &[String], plan: &Plan) -> Result<Option<Arc<Answers>>, Failure> {
    let pairs = pairs(given, None, plan)?;
    let watches = pairs.into_iter().map(|(api, path)| Ok(read(&path)?.watch(plan, &api)));
    let watches: Vec<_> = watches.collect::<Result<_, Failure>>()?;
    Ok((!watches.is_empty()).then(|| Arc::new(Answers::new(watches))))
}

/// Reads a document.
fn read(path: &Path) -> Result<Contract, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read `{}`: {error}", path.display())))?;
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    Contract::read(name, &text)
        .map_err(|error| Failure::usage(format!("`{}`: {}", path.display(), error.message)).help(error.help))
}

/// Reads which document is that of which API: `FILE`, or `API=FILE`.
fn pairs(given: &[String], api: Option<&str>, plan: &Plan) -> Result<Vec<(String, PathBuf)>, Failure> {
    let names = api_names(plan);
    let is_name = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let pair = |text: &String| {
        let written = text.split_once('=').filter(|(name, _)| is_name(name) && !Path::new(text).exists());
        let (api, path) = match (written, api, names.as_slice()) {
            (Some((name, path)), ..) => (name, path),
            (None, Some(api), _) => (api, text.as_str()),
            (None, None, [only]) => (*only, text.as_str()),
            (None, None, []) => return Err(Failure::usage("the spec has no endpoints that could be held")),
            (None, None, names) => {
                let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                return Err(Failure::usage(format!("the spec has {} APIs: {}", names.len(), listed.join(", "))).help(
                    format!("say whose document it is: `--openapi {}={text}`", names.first().unwrap_or(&"api")),
                ));
            }
        };
        known_api(plan, api).map_err(|finding| {
            let failure = Failure::usage(finding.message);
            match finding.help {
                Some(help) => failure.help(help),
                None => failure,
            }
        })?;
        Ok((api.to_owned(), PathBuf::from(path)))
    };
    given.iter().map(pair).collect()
}
