//! The inputs that the command line gives. Knows nothing of their types: the run brings them to those.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine_expr::{Members, Number, Value};
use engine_source::{Finding, Findings, Kind, Node, Sources, Tree};

use crate::failure::Failure;
use crate::report::Report;

/// Gathers what `--input` and `--inputs` say; the former wins.
pub(crate) fn gather(pairs: &[String], files: &[PathBuf]) -> Result<BTreeMap<String, Value>, Failure> {
    let mut inputs = BTreeMap::new();
    for file in files {
        inputs.extend(read(file)?);
    }
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            let failure = Failure::usage(format!("`{pair}` gives no input")).help("write `--input name=value`");
            return Err(failure);
        };
        inputs.insert(name.to_owned(), value.into());
    }
    Ok(inputs)
}

/// Reads a file of inputs: an object in YAML, of which JSON is a part.
fn read(path: &Path) -> Result<BTreeMap<String, Value>, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read `{}`: {error}", path.display())))?;
    let mut sources = Sources::new();
    let mut findings = Findings::new();
    let id = sources.add(path.to_string_lossy(), text);
    let tree = Tree::parse(&sources, id, &mut findings);
    let root = tree.as_ref().map(|tree| &tree.root);
    if let Some(root) = root.filter(|root| !root.is_broken() && !matches!(root.kind(), Kind::Map(_) | Kind::Null)) {
        findings.push(
            Finding::error("wrong-type", format!("the inputs are {}, not an object", root.described()))
                .label(root.label_span(), "expected an object")
                .help("write `name: value` for each input"),
        );
    }
    match root {
        Some(root) if !findings.has_errors() => {
            Ok(root.entries().iter().map(|entry| (entry.key.text.to_string(), value(&entry.value))).collect())
        }
        _ => Err(Failure::Findings(Report::of(path, findings, &Arc::new(sources)))),
    }
}

/// Makes a value of a node; numbers keep their digits.
pub(crate) fn value(node: &Node) -> Value {
    match node.kind() {
        Kind::Null => Value::Null,
        Kind::Bool(it) => (*it).into(),
        Kind::Number(text) => Number::parse(text).map_or_else(|| Value::String(Arc::clone(text)), Value::Number),
        Kind::String(text) => Value::String(Arc::clone(text)),
        Kind::Seq(items) => Value::list(items.iter().map(value).collect()),
        Kind::Map(entries) => {
            let mut members = Members::with_capacity(entries.len());
            for entry in entries {
                members.insert(Arc::clone(&entry.key.text), value(&entry.value));
            }
            Value::Object(Arc::new(members))
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn check(pairs: &[&str], files: &[&str]) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<PathBuf> = files
            .iter()
            .enumerate()
            .map(|(at, text)| {
                let path = folder.path().join(format!("{at}.yaml"));
                fs::write(&path, text).unwrap();
                path
            })
            .collect();
        let pairs: Vec<String> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
        match gather(&pairs, &files) {
            Ok(inputs) => Ok(serde_json::to_string(&inputs).unwrap()),
            Err(Failure::Findings(report)) => {
                Err(report.iter().map(|reported| reported.finding.message.as_str()).collect::<Vec<_>>().join("\n"))
            }
            Err(failure) => Err(failure.to_string()),
        }
    }

    #[test]
    fn takes_pairs_before_later_files_before_earlier_ones() {
        let files = ["a: 1\nb: 1.10\nc: [x, {y: null}]\n", "b: 2\n"];
        assert_eq!(check(&["a=x=y", "d="], &files).unwrap(), r#"{"a":"x=y","b":2,"c":["x",{"y":null}],"d":""}"#);
        assert_eq!(check(&[], &["{\"a\": 1.10}"]).unwrap(), r#"{"a":1.10}"#);
        assert_eq!(check(&[], &["# nothing\n"]).unwrap(), "{}");
    }

    #[test]
    fn refuses_what_gives_no_input() {
        assert_eq!(check(&["since"], &[]).unwrap_err(), "`since` gives no input");
        assert_eq!(check(&["=x"], &[]).unwrap_err(), "`=x` gives no input");
        assert_eq!(check(&[], &["- a\n"]).unwrap_err(), "the inputs are a list, not an object");
        assert!(check(&[], &["a: [\n"]).is_err());
    }
}
