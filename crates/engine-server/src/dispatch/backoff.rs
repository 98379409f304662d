//! When an event is tried again whose run has failed.

use std::time::Duration;

/// How long to wait after the first failure, the second, and so on; after one more it is given up.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(5), Duration::from_secs(30), Duration::from_mins(2), Duration::from_mins(10)];

/// What fails in the same way however often it is tried.
const LASTING: [&str; 4] = ["missing-input", "invalid-input", "missing-secret", "run-not-resumable"];

/// Returns how long to wait before an event is tried again that has failed so often, this time included; nothing where it is given up.
///
/// `chance` spreads what has failed together over a fifth more time.
pub(super) fn pause(failures: u32, codes: &[&str], chance: u64) -> Option<Duration> {
    if !codes.is_empty() && codes.iter().all(|code| LASTING.contains(code)) {
        return None;
    }
    let pause = *PAUSES.get(usize::try_from(failures).ok()?.checked_sub(1)?)?;
    let spread = u64::try_from(pause.as_millis() / 5).unwrap_or(u64::MAX).max(1);
    Some(pause + Duration::from_millis(chance % spread))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_tried_five_times() {
        let waits: Vec<_> =
            (1..=6).map(|failures| pause(failures, &["http-status"], 0).map(|wait| wait.as_secs())).collect();
        assert_eq!(waits, [Some(5), Some(30), Some(120), Some(600), None, None]);
        assert!(
            pause(2, &[], u64::MAX)
                .is_some_and(|wait| wait > Duration::from_secs(30) && wait < Duration::from_secs(36))
        );
    }

    #[test]
    fn what_no_attempt_can_change_is_given_up_at_once() {
        assert_eq!(pause(1, &["missing-secret", "missing-input"], 0), None);
        assert!(pause(1, &["missing-secret", "http-status"], 0).is_some());
    }
}
