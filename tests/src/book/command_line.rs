//! Whether the commands and options that a page names are there, by the help of the binary.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use crate::Engine;

/// What a shell hands on as it is.
static QUOTED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#""[^"]*"|'[^']*'"#).expect("it is a pattern"));

/// What the binary says of its commands, asked once for each.
#[derive(Debug, Default)]
pub struct CommandLine {
    helps: HashMap<Vec<String>, String>,
}

impl CommandLine {
    /// Returns the commands below one, such as `list` below `runs`.
    pub fn commands(&mut self, above: &[String]) -> Vec<String> {
        let help = self.help(above);
        let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let lines = lines.take_while(|line| line.starts_with("  "));
        let names = lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
        names.filter(|name| *name != "help").map(str::to_owned).collect()
    }

    /// Returns the long options of a command and of all below it, each with the command.
    pub fn options(&mut self, command: &[String]) -> Vec<(String, String)> {
        let below = self.commands(command);
        if below.is_empty() {
            let help = self.help(command);
            let words = options_of(&help).filter(|word| word.len() > 2 && word.starts_with("--"));
            let told = words.filter(|word| !["--help", "--version"].contains(word));
            return told.map(|word| (command.join(" "), word.to_owned())).collect();
        }
        below.into_iter().flat_map(|name| self.options(&[command, &[name]].concat())).collect()
    }

    /// Looks at each call of the engine in some lines of shell. Returns how many there are.
    ///
    /// # Errors
    ///
    /// Returns what is not there.
    pub fn check(&mut self, lines: &str) -> Result<usize, String> {
        let mut calls = 0;
        for line in QUOTED.replace_all(&lines.replace("\\\n", " "), "_").lines() {
            let line = line.split_once(" #").map_or(line, |(code, _)| code);
            for call in line.split([';', '|', '(', ')']).flat_map(|part| part.split("&&")) {
                let mut words = call.split_whitespace().skip_while(|word| word.contains('=')).peekable();
                if words.next_if(|word| *word == "engine").is_some() {
                    let words: Vec<&str> = words.collect();
                    self.call(&words)?;
                    calls += 1;
                }
            }
        }
        Ok(calls)
    }

    fn call(&mut self, words: &[&str]) -> Result<(), String> {
        let mut command: Vec<String> = Vec::new();
        let mut words = words.iter().copied().peekable();
        loop {
            let below = self.commands(&command);
            if below.is_empty() {
                break;
            }
            match words.next() {
                // `engine auth …` speaks of all of them.
                None | Some("…") => return Ok(()),
                Some("help" | "-V" | "--version") => return Ok(()),
                Some(word) if below.iter().any(|name| name == word) => command.push(word.to_owned()),
                Some(word) => return Err(format!("there is no command `engine {} {word}`", command.join(" "))),
            }
        }
        let help = self.help(&command);
        for word in words {
            let option = word.split('=').next().unwrap_or(word).trim_matches(['\'', '"', '[', ']', '`', ',']);
            let long = option.starts_with("--") && option.len() > 2;
            let short = option.starts_with('-') && option.len() == 2 && option != "--";
            if (long || short) && !has(&help, option) {
                return Err(format!("`engine {}` has no option `{option}`", command.join(" ")));
            }
        }
        Ok(())
    }

    fn help(&mut self, command: &[String]) -> String {
        let ask = || {
            let arguments = command.iter().map(String::as_str).chain(["--help"]);
            Engine::new(arguments).finish().stdout()
        };
        self.helps.entry(command.to_vec()).or_insert_with(ask).clone()
    }
}

/// Returns whether a help has an option, as a word of its own.
fn has(help: &str, option: &str) -> bool {
    options_of(help).any(|word| word == option)
}

/// Returns the options that a help lists, long and short.
fn options_of(help: &str) -> impl Iterator<Item = &str> {
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let words = lines.flat_map(|line| line.split_whitespace().take_while(|word| word.starts_with('-')));
    words.map(|word| word.split(['=', '[']).next().unwrap_or(word).trim_end_matches([',', '.']))
}
