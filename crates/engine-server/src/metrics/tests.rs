//! The text is one that a strict reader takes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::Metrics;
use super::labels::{Came, OfApi, OfFlow, OfRequest, OfWait};

/// Reads `OpenMetrics` 1.0 as strictly as its grammar is: names, labels with their escapes, numbers, families in one piece, an end.
fn check(text: &str) -> HashMap<String, f64> {
    let mut samples = HashMap::new();
    let mut types: HashMap<&str, &str> = HashMap::new();
    let mut families = HashSet::new();
    let mut family = "";
    let body = text.strip_suffix("# EOF\n").expect("the text ends with `# EOF`");
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (kind, name, value) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or_default());
            assert!(matches!(kind, "TYPE" | "HELP" | "UNIT"), "{line}");
            if name != family {
                assert!(families.insert(name), "the family {name} is in two pieces");
                family = name;
            }
            match kind {
                "TYPE" => _ = types.insert(name, value),
                "UNIT" => assert!(name.ends_with(&format!("_{value}")), "{line}"),
                _ => assert!(!value.contains('\n')),
            }
            continue;
        }
        let (series, number) = line.rsplit_once(' ').unwrap();
        let number: f64 = number.parse().unwrap();
        let name = series.split('{').next().unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':'), "{line}");
        let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{line} is not of {family}"));
        let allowed: &[&str] = match types[family] {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            other => panic!("the type {other}"),
        };
        assert!(allowed.contains(&suffix), "{line}");
        if let Some(labels) = series.strip_prefix(name).and_then(|it| it.strip_prefix('{')) {
            let mut rest = labels.strip_suffix('}').unwrap();
            while !rest.is_empty() {
                let (label, after) = rest.split_once("=\"").unwrap();
                assert!(label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{line}");
                let mut end = None;
                let mut escaped = false;
                for (at, character) in after.char_indices() {
                    match character {
                        _ if escaped => {
                            assert!(matches!(character, '\\' | '"' | 'n'), "{line}");
                            escaped = false;
                        }
                        '\\' => escaped = true,
                        '"' => {
                            end = Some(at);
                            break;
                        }
                        _ => {}
                    }
                }
                rest = after.get(end.unwrap() + 1..).unwrap();
                rest = rest.strip_prefix(',').unwrap_or(rest);
            }
        }
        assert!(samples.insert(series.to_owned(), number).is_none(), "{line} is there twice");
    }
    samples
}

#[test]
fn the_text_is_read_by_a_strict_reader() {
    let metrics = Metrics::default();
    let flow = OfFlow { flow: "a \"flow\"\\n".to_owned() };
    metrics.started.get_or_create(&flow).inc();
    metrics.active.get_or_create(&flow).inc();
    metrics.run_time.get_or_create(&flow).observe(0.2);
    for status in [Came::Status(200), Came::Status(429), Came::Nothing("timeout")] {
        let labels = OfRequest { flow: "f".to_owned(), api: "shop".to_owned(), endpoint: "list".to_owned(), status };
        metrics.requests.get_or_create(&labels).inc();
    }
    metrics.request_time.get_or_create(&OfApi { flow: "f".to_owned(), api: "shop".to_owned() }).observe(0.03);
    let wait = OfWait { flow: "f".to_owned(), reason: "retry" };
    metrics.waits.get_or_create(&wait).inc();
    metrics.waited.get_or_create(&wait).inc_by(Duration::from_millis(1500).as_secs_f64());
    let samples = check(&metrics.text());
    let request = |status: &str| {
        samples[&format!("engine_http_requests_total{{flow=\"f\",api=\"shop\",endpoint=\"list\",status=\"{status}\"}}")]
    };
    assert!(["200", "429", "timeout"].iter().all(|status| (request(status) - 1.0).abs() < f64::EPSILON));
    let bucket = "engine_http_request_duration_seconds_bucket{le=\"0.05\",flow=\"f\",api=\"shop\"}";
    assert!((samples[bucket] - 1.0).abs() < f64::EPSILON, "{samples:#?}");
    assert!((samples["engine_wait_duration_seconds_total{flow=\"f\",reason=\"retry\"}"] - 1.5).abs() < f64::EPSILON);
}
