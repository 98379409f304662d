//! What packages and other programs take of the engine: completions, manual pages, the action, hooks, the archive, the image.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use engine_tests::book::CommandLine;
use engine_tests::{Engine, files_below, root, say};
use serde_json::Value;
use tempfile::TempDir;

/// The shells whose syntax can be looked at without running anything, by `-n`.
const SHELLS: &[&str] = &["bash", "zsh", "fish"];

#[test]
fn completions_are_scripts_of_their_shells() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = Engine::new(["completions", shell]).finish().stdout();
        for command in ["validate", "dead-letters", "--dry-run"] {
            // Fish writes an option without its dashes.
            assert!(script.contains(command.trim_start_matches('-')), "{shell} does not know {command}");
        }
        if SHELLS.contains(&shell) && is_there(shell) {
            let mut child = Command::new(shell).arg("-n").stdin(Stdio::piped()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
            assert!(child.wait().unwrap().success(), "{shell} does not take its script");
        } else {
            say(&format!("completions: {shell} was not looked at"));
        }
    }
}

#[test]
fn bash_completes_commands_and_options() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("engine.bash"), Engine::new(["completions", "bash"]).finish().stdout).unwrap();
    let completed = |words: &str| {
        let script = format!(
            "source ./engine.bash; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _engine engine \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        let done = Command::new("bash").args(["-c", &script]).current_dir(folder.path()).output().unwrap();
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(completed("engine vali"), "validate");
    assert_eq!(completed("engine validate --deny"), "--deny-warnings");
    assert_eq!(completed("engine run --output ta"), "table");
}

#[test]
fn each_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let made = Engine::new(["man"]).argument(&pages).finish();
    assert_eq!(made.status, Some(0), "{}", made.stderr());
    let mut line = CommandLine::default();
    for command in line.commands(&[]) {
        let page = fs::read_to_string(pages.join(format!("engine-{command}.1"))).unwrap();
        assert!(page.starts_with(".ie"), "{page}");
        for below in line.commands(std::slice::from_ref(&command)) {
            assert!(pages.join(format!("engine-{command}-{below}.1")).is_file(), "{command} {below}");
        }
    }
    if !is_there("man") {
        return say("man is not there: no page was rendered");
    }
    for page in fs::read_dir(&pages).unwrap() {
        let shown = Command::new("man").arg("-l").arg(page.unwrap().path()).env("MANWIDTH", "100").output().unwrap();
        let text = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(shown.status.success() && text.contains("SYNOPSIS"), "{}", String::from_utf8_lossy(&shown.stderr));
    }
}

/// A project as `engine init` makes it.
struct Project {
    folder: TempDir,
    programs: TempDir,
}

impl Project {
    fn new() -> Self {
        let this = Self { folder: tempfile::tempdir().unwrap(), programs: tempfile::tempdir().unwrap() };
        let binary = Engine::new([""]).command().get_program().to_owned();
        symlink(binary, this.programs.path().join("engine")).unwrap();
        let made = Engine::new(["init"]).folder(this.folder.path()).finish();
        assert_eq!(made.status, Some(0), "{}", made.stderr());
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command with the engine on the path, as a step of a workflow does, and returns whether it went well and what it printed.
    fn bash(&self, script: &str, variables: &[(&str, &str)]) -> (bool, String) {
        let path = format!("{}:{}", self.programs.path().display(), std::env::var("PATH").unwrap());
        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script]).current_dir(self.folder.path());
        let done = bash.env("PATH", path).envs(variables.iter().copied()).output().unwrap();
        let text = [done.stdout, done.stderr].concat();
        (done.status.success(), String::from_utf8(text).unwrap())
    }
}

fn yaml(path: impl AsRef<Path>) -> Value {
    serde_yaml::from_str(&fs::read_to_string(root().join(path)).unwrap()).unwrap()
}

/// Returns the script of a step of the action.
fn step(action: &Value, name: &str) -> String {
    let steps = action["runs"]["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["name"] == name).unwrap();
    step["run"].as_str().unwrap().to_owned()
}

#[test]
fn the_action_fails_where_a_spec_is_wrong_or_a_test_fails() {
    let action = yaml("action.yml");
    let project = Project::new();
    let run = |name: &str| {
        let variables = [("PATHS", "flows specs"), ("DENY_WARNINGS", "true"), ("JUNIT", "report.xml")];
        project.bash(&step(&action, name), &variables)
    };
    let (passed, told) = run("validate");
    assert!(passed, "{told}");
    let (passed, told) = run("test");
    assert!(passed, "{told}");
    assert!(fs::read_to_string(project.path("report.xml")).unwrap().contains("<testsuite"));

    let flow = project.path("flows/orders-to-sqlite.yaml");
    let text = fs::read_to_string(&flow).unwrap();
    fs::write(&flow, text.replace("total: 19.90", "total: 19.91")).unwrap();
    let (passed, told) = run("test");
    assert!(!passed && told.contains("::error file=flows/orders-to-sqlite.yaml,line="), "{told}");
    fs::write(&flow, text.replace("read: shop.list_orders", "read: shop.list_order")).unwrap();
    let (passed, told) = run("validate");
    assert!(!passed && told.contains("::error file=flows/orders-to-sqlite.yaml,line="), "{told}");
}

#[test]
fn the_action_takes_a_binary_that_is_there() {
    let project = Project::new();
    let (path, binary) = (project.path("path"), project.programs.path().join("engine"));
    let variables =
        [("GITHUB_PATH", path.to_str().unwrap()), ("BINARY", binary.to_str().unwrap()), ("HOME", "/home/x")];
    let (passed, told) = project.bash(&step(&yaml("action.yml"), "put it on the path"), &variables);
    assert!(passed, "{told}");
    let folder = fs::canonicalize(&binary).unwrap();
    assert_eq!(fs::read_to_string(path).unwrap().trim(), folder.parent().unwrap().to_str().unwrap());
}

#[test]
fn the_action_names_what_it_builds() {
    let project = Project::new();
    let (output, source) = (project.path("output"), root());
    let variables = [("GITHUB_OUTPUT", output.to_str().unwrap()), ("SOURCE", source.to_str().unwrap())];
    let (passed, told) = project.bash(&step(&yaml("action.yml"), "name what is built"), &variables);
    assert!(passed, "{told}");
    let named = fs::read_to_string(output).unwrap();
    assert!(regex::Regex::new("^digest=[0-9a-f]{16}\n$").unwrap().is_match(&named), "{named}");
}

#[test]
fn the_workflow_of_a_new_project_gives_the_action_inputs_that_it_has() {
    let project = Project::new();
    let workflow: Value =
        serde_yaml::from_str(&fs::read_to_string(project.path(".github/workflows/integrations.yaml")).unwrap())
            .unwrap();
    let steps = workflow["jobs"]["check"]["steps"].as_array().unwrap();
    let ours = steps.iter().find(|step| step["uses"].as_str().is_some_and(|uses| uses.contains("/engine@"))).unwrap();
    let action = yaml("action.yml");
    let known = action["inputs"].as_object().unwrap();
    for name in ours["with"].as_object().unwrap().keys() {
        assert!(known.contains_key(name), "`{name}` is no input of the action");
    }
    let page = fs::read_to_string(root().join("docs/how-to-ci.md")).unwrap();
    for name in known.keys() {
        assert!(page.contains(&format!("| `{name}` |")), "docs/how-to-ci.md does not have the input `{name}`");
    }
}

#[test]
fn the_hooks_of_pre_commit_pass_on_a_new_project() {
    let project = Project::new();
    for hook in yaml(".pre-commit-hooks.yaml").as_array().unwrap() {
        let mut command = hook["entry"].as_str().unwrap().to_owned();
        let arguments = hook["args"].as_array().cloned().unwrap_or_default();
        for argument in arguments.iter().map(|argument| argument.as_str().unwrap()) {
            command = format!("{command} {argument}");
        }
        // What pre-commit adds are the files that are committed.
        if hook["pass_filenames"] != Value::Bool(false) {
            let files = regex::Regex::new(hook["files"].as_str().unwrap()).unwrap();
            for file in ["flows/orders-to-sqlite.yaml", "specs/shop.yaml", "README.md", "schemas/spec.json"] {
                if files.is_match(file) {
                    command = format!("{command} {file}");
                }
            }
        }
        let (passed, told) = project.bash(&command, &[]);
        assert!(passed, "{command}: {told}");
    }
}

#[test]
fn the_archive_has_all_that_a_package_installs() {
    let project = Project::new();
    // The binary itself is large, and is not what this is about.
    let wrapper = project.path("wrapper");
    let engine = project.programs.path().join("engine");
    fs::write(&wrapper, format!("#!/bin/sh\nexec {} \"$@\"\n", engine.display())).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    let archive = |dist: &str| {
        let done = Command::new(root().join("packaging/archive.sh"))
            .arg("some-target")
            .envs([("ENGINE_BINARY", wrapper.as_path()), ("ENGINE_DIST", &project.path(dist))])
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        PathBuf::from(String::from_utf8(done.stdout).unwrap().trim())
    };
    let first = archive("one");
    assert_eq!(fs::read(&first).unwrap(), fs::read(archive("two")).unwrap(), "the same input gives another archive");
    let list = Command::new("tar").arg("-tzf").arg(&first).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    for file in [
        "bin/engine",
        "share/man/man1/engine-run.1",
        "share/bash-completion/completions/engine",
        "share/zsh/site-functions/_engine",
        "share/fish/vendor_completions.d/engine.fish",
        "lib/systemd/system/engine.service",
        "share/doc/engine/LICENSE-MIT",
    ] {
        assert!(list.lines().any(|line| line.ends_with(&format!("/{file}"))), "{file} is not in\n{list}");
    }
}

#[test]
fn the_image_is_built_with_the_version_of_rust_that_the_workspace_asks_for() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    let dockerfile = fs::read_to_string(root().join("Dockerfile")).unwrap();
    assert!(dockerfile.contains(&format!("FROM rust:{version}-")), "the Dockerfile has another version than {version}");
    // What the build reads of the repository is what `.dockerignore` lets through.
    let ignore = fs::read_to_string(root().join(".dockerignore")).unwrap();
    let members = manifest.lines().find(|line| line.starts_with("members = ")).unwrap();
    let mut needed: Vec<String> =
        members.split('"').skip(1).step_by(2).map(|it| it.trim_end_matches("/*").to_owned()).collect();
    for file in files_below("crates", "rs") {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        for included in text.split("include_str!(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let path = fs::canonicalize(root().join(&file).with_file_name(included)).unwrap();
            let first = path.strip_prefix(root()).unwrap().components().next().unwrap();
            needed.push(first.as_os_str().to_str().unwrap().to_owned());
        }
    }
    for folder in needed {
        assert!(ignore.lines().any(|line| line == format!("!{folder}")), "{folder} is not part of what is built");
    }
}

fn is_there(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|it| it.success())
}
