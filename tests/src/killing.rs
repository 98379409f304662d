//! Killing the binary while it works, as a machine that loses its power would.

use std::io::Read;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::Engine;

/// Runs the binary until it is killed after so long, or ends well before; tells whether it has ended.
pub fn ends_within(engine: Engine, time: Duration) -> bool {
    let mut child = engine.command().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let begun = Instant::now();
    while begun.elapsed() < time {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            let mut said = String::new();
            child.stderr.take().expect("stderr is a pipe").read_to_string(&mut said).expect("it says text");
            assert_eq!(status.code(), Some(0), "{said}");
            return true;
        }
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("a child can be killed");
    child.wait().expect("a child can be waited for");
    false
}
