//! Whether the state and the sinks can be opened and written. Nothing is made that is not there.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine_runtime::{Checkup, Clock, Held, SinkPlace, SinkQuery, SinkRows, Sinks, StateStore, SystemClock};
use engine_storage::Storage;

use super::line::Line;

/// The lock that is taken to see whether something can be written.
const LOCK: &str = "doctor";

/// Looks at the state.
pub(super) async fn state(state: &dyn StateStore, place: &str) -> Line {
    let section = "state";
    let is_file = !place.contains("://");
    if is_file && !Path::new(place).exists() {
        let folder = Path::new(place).parent().unwrap_or(Path::new("."));
        return match writable_folder(folder) {
            Ok(()) => Line::ok(section, place, "not there yet; the first run makes it"),
            Err((folder, why)) => Line::failed(section, place, &format!("can't be made: `{}` {why}", folder.display()))
                .help("make the folder writable, or name another place by `--state`"),
        };
    }
    let shown = super::super::plan::without_password(place);
    let now = SystemClock.now();
    let owner = format!("doctor {now}");
    let written = async {
        let taken = state.lock(LOCK, &owner, now, Duration::from_secs(5)).await?;
        if taken {
            state.unlock(LOCK, &owner).await?;
        }
        Ok::<_, engine_runtime::StateError>(())
    };
    match written.await {
        Ok(()) => Line::ok(section, &shown, "can be read and written"),
        Err(error) => {
            let line = Line::failed(section, &shown, &error.message);
            line.help(error.help.unwrap_or_else(|| "name another place by `--state`".to_owned()))
        }
    }
}

/// Looks at the sinks.
pub(super) fn sinks(checkup: &Checkup) -> Vec<Line> {
    checkup
        .sinks()
        .into_iter()
        .map(|place| match place {
            Ok(place) => sink(&place, checkup),
            Err(finding) => Line::found("sinks", "a sink", &finding),
        })
        .collect()
}

fn sink(place: &SinkPlace, checkup: &Checkup) -> Line {
    let (section, what) = ("sinks", format!("{} ({})", place.name, place.kind));
    let Some(spec) = &place.spec else { return Line::ok(section, &what, "printed") };
    if let Some(path) = &place.path {
        let folder = if place.is_whole { path.parent() } else { Some(path.as_path()) };
        let is_there = place.is_whole && path.exists();
        if is_there && OpenOptions::new().append(true).open(path).is_err() {
            return Line::failed(section, &what, &format!("`{}` can't be written", path.display()))
                .help("check its permissions");
        }
        if let Err((folder, why)) = writable_folder(folder.unwrap_or(Path::new("."))) {
            return Line::failed(section, &what, &format!("`{}` {why}", folder.display()))
                .help("make the folder writable, or write elsewhere");
        }
        if !is_there {
            return Line::ok(section, &what, &format!("`{}` is not there yet; the first run makes it", path.display()));
        }
    }
    if !matches!(place.kind, "sqlite" | "postgres") {
        let path = place.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        return Line::ok(section, &what, &format!("`{path}` can be written"));
    }
    let query = SinkQuery {
        rows: SinkRows::Query { text: "select 1 as one".to_owned(), params: Vec::new() },
        path: place.path.clone(),
    };
    let opened = Storage::new().read(spec, &query).and_then(|held| match held {
        Held::Records(mut records) => records.next_page().map(|_| ()),
        Held::Nothing(error) => Err(error),
    });
    match opened {
        Ok(()) => Line::ok(section, &what, "can be opened"),
        Err(error) => {
            let line = Line::failed(section, &what, &checkup.redact(&error.message));
            line.help(
                error
                    .help
                    .map_or_else(|| "check where it is, and who may open it".to_owned(), |help| checkup.redact(&help)),
            )
        }
    }
}

/// Tells whether files can be made in a folder, or in the nearest one above it that is there.
fn writable_folder(folder: &Path) -> Result<(), (PathBuf, String)> {
    let mut folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    while !folder.exists() {
        folder = match folder.parent() {
            Some(above) if !above.as_os_str().is_empty() => above,
            _ => Path::new("."),
        };
    }
    let fail = |why: &str| Err((folder.to_path_buf(), why.to_owned()));
    if !folder.is_dir() {
        return fail("is no folder");
    }
    // Permissions say less than trying does: disks may be full, and mounted to be read only.
    let trial = folder.join(format!(".engine-doctor-{}", std::process::id()));
    match OpenOptions::new().write(true).create_new(true).open(&trial) {
        Ok(file) => {
            drop(file);
            fs::remove_file(&trial).or_else(|error| fail(&error.to_string().to_lowercase()))
        }
        Err(error) => fail(&format!("can't be written: {}", error.to_string().to_lowercase())),
    }
}
