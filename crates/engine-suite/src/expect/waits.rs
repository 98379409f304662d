//! How long a run is to wait.

use std::fmt::Write as _;
use std::time::Duration;

use engine_request::{Period, Text};
use engine_source::Finding;

use super::{Checker, FAILED};

/// How two times may differ that are the same.
const NEAR: Duration = Duration::from_millis(1);

/// A wait that is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Exactly(Duration),
    AtMost(Duration),
    AtLeast(Duration),
}

impl Checker<'_> {
    pub(super) fn waits(&mut self, expected: &[Text]) {
        let actual = &self.facts.seen.waits;
        let shown: Vec<String> = actual.iter().map(|wait| Period::new(*wait).to_string()).collect();
        let mut is_wrong = expected.len() != actual.len();
        for (index, text) in expected.iter().enumerate() {
            if let Some(wanted) = Wanted::read(text.as_str()) {
                is_wrong |= actual.get(index).is_some_and(|wait| !wanted.takes(*wait));
            } else {
                let message = format!("test `{}`: `{}` is not a duration", self.name, text.as_str());
                let finding = Finding::error(FAILED, message).label(text.span(), "not a duration");
                self.findings.push(finding.help("write one such as `60s`, or a bound: `<= 10s`, `>= 1s`"));
                return;
            }
        }
        if is_wrong {
            let mut message = format!("test `{}`: the waits differ", self.name);
            for index in 0..expected.len().max(shown.len()) {
                let (wanted, is) = (expected.get(index), shown.get(index));
                let fits = wanted.and_then(|wanted| Wanted::read(wanted.as_str())).zip(actual.get(index));
                if fits.is_some_and(|(wanted, wait)| wanted.takes(*wait)) {
                    continue;
                }
                if let Some(wanted) = wanted {
                    _ = write!(message, "\n- [{index}]: {}", wanted.as_str());
                }
                if let Some(is) = is {
                    _ = write!(message, "\n+ [{index}]: {is}");
                }
            }
            let place = self.place(&["waits"]);
            let told =
                if shown.is_empty() { "it does not wait".to_owned() } else { format!("it waits {}", shown.join(", ")) };
            self.findings.push(Finding::error(FAILED, message).label(place, told));
        }
    }
}

impl Wanted {
    fn read(text: &str) -> Option<Self> {
        let period = |text: &str| text.trim().parse::<Period>().ok().map(Period::duration);
        let text = text.trim();
        if let Some(most) = text.strip_prefix("<=").or_else(|| text.strip_prefix('<')) {
            return period(most).map(Self::AtMost);
        }
        if let Some(least) = text.strip_prefix(">=").or_else(|| text.strip_prefix('>')) {
            return period(least).map(Self::AtLeast);
        }
        period(text).map(Self::Exactly)
    }

    fn takes(self, wait: Duration) -> bool {
        match self {
            Self::Exactly(wanted) => wanted.abs_diff(wait) <= NEAR,
            Self::AtMost(most) => wait <= most,
            Self::AtLeast(least) => wait >= least,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_times_and_bounds() {
        let takes =
            |text: &str, millis: u64| Wanted::read(text).is_some_and(|it| it.takes(Duration::from_millis(millis)));
        assert!(takes("60s", 60_000) && !takes("60s", 61_000));
        assert!(takes("<= 1s", 400) && !takes("<= 1s", 1_400) && takes(">1m", 90_000));
        assert_eq!(Wanted::read("soon"), None);
    }
}
