//! Who works on a run: this process, by a name that no other has; and whether another one lives.

use std::process;
use std::{fs, io};

/// Returns the name of this process.
pub fn holder() -> String {
    let (pid, machine) = (process::id(), machine().unwrap_or_default());
    format!("{pid}.{}@{machine}", began(pid).ok().flatten().unwrap_or_default())
}

/// Tells whether a process lives; nothing where it is one of another machine, or nobody knows.
pub fn lives(holder: &str) -> Option<bool> {
    let (process, machine) = holder.split_once('@')?;
    let own = self::machine()?;
    if machine != own {
        return None;
    }
    let (pid, since) = process.split_once('.')?;
    if since.is_empty() {
        return None;
    }
    let found = began(pid.parse().ok()?).ok()?;
    // Numbers are used again, but not at the same time.
    Some(found.is_some_and(|found| found == since))
}

/// Returns what tells this machine, since it was started, from all others; processes in containers do not see each other. Nothing where
/// `/proc` is that of others, so that whoever asks there for a process of here hears of another one.
fn machine() -> Option<String> {
    if fs::read_link("/proc/self").ok()?.to_str()?.parse() != Ok(process::id()) {
        return None;
    }
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), space.display()))
}

/// Returns when a process began, as the system counts; nothing where there is none, or it has ended and only its parent has not looked yet.
fn began(pid: u32) -> io::Result<Option<String>> {
    let stat = match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // The name of the program stands in parentheses, and may have any character.
    let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
    let mut fields = after.split(' ');
    if fields.next().is_none_or(|state| matches!(state, "Z" | "X")) {
        return Ok(None);
    }
    Ok(fields.nth(18).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_lives_and_one_that_never_was_does_not() {
        let own = holder();
        assert_eq!(lives(&own), Some(true));
        let (process, machine) = own.split_once('@').expect("a name");
        let (pid, _) = process.split_once('.').expect("a number");
        assert_eq!(lives(&format!("{pid}.1@{machine}")), Some(false));
        assert_eq!(lives(&format!("4194999.1@{machine}")), Some(false));
        assert_eq!(lives(&format!("{process}@elsewhere")), None);
        assert_eq!(lives(&format!("{pid}.@{machine}")), None);
    }
}
