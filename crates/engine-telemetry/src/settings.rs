//! What the standard's variables say (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>).

use std::collections::HashMap;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use thiserror::Error;
use url::Url;

use crate::Hosts;

/// The variable that names who is told of traces; it is ours, not the standard's.
const HOSTS: &str = "ENGINE_TRACEPARENT_HOSTS";

/// What is sent to whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where traces go, if anywhere.
    pub traces: Option<Target>,
    /// Where metrics go, if anywhere.
    pub metrics: Option<Target>,
    /// The name of the service.
    pub service: String,
    /// What else is said of the process.
    pub resource: Vec<(String, String)>,
    /// Which traces are kept.
    pub sampling: Sampling,
    /// How often metrics are sent.
    pub interval: Duration,
    /// How spans are sent.
    pub batch: Batch,
    /// Who is told which trace a request belongs to.
    pub hosts: Hosts,
}

/// Where something is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The whole URL.
    pub url: Url,
    /// The headers that are sent along: they may be secret.
    pub headers: HashMap<String, String>,
    /// In which form.
    pub protocol: Protocol,
    /// How long it may take.
    pub timeout: Duration,
    /// Whether it is packed with gzip.
    pub is_packed: bool,
}

/// The form in which something is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Protocol Buffers over HTTP.
    #[default]
    HttpProtobuf,
    /// JSON over HTTP.
    HttpJson,
}

/// Which traces are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Whether whoever began a trace decides.
    pub is_parent_based: bool,
    /// Which part of the others, from 0 to 1.
    pub ratio: f64,
}

/// How spans are sent: many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// How many may wait; more are dropped.
    pub queue: usize,
    /// How many are sent at once.
    pub size: usize,
    /// How long they wait for others.
    pub delay: Duration,
}

/// A variable that can't be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the variable `{variable}` {problem}")]
pub struct Unusable {
    /// Its name. What it holds is not shown: it may be a secret.
    pub variable: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub help: &'static str,
}

impl Settings {
    /// Reads the variables; nothing where nobody is to be sent anything.
    ///
    /// # Errors
    ///
    /// Fails where one of them is not what it should be.
    pub fn read(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, Unusable> {
        let source = Source(variable);
        if source.text("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let traces = source.target("TRACES", "v1/traces")?;
        let metrics = source.target("METRICS", "v1/metrics")?;
        if traces.is_none() && metrics.is_none() {
            return Ok(None);
        }
        let mut resource = source.pairs("OTEL_RESOURCE_ATTRIBUTES")?;
        let named = resource.iter().position(|(name, _)| name == "service.name").map(|index| resource.remove(index).1);
        let service = source.text("OTEL_SERVICE_NAME").or(named).unwrap_or_else(|| "engine".to_owned());
        let batch = Batch {
            queue: source.count("OTEL_BSP_MAX_QUEUE_SIZE", 2048)?,
            size: source.count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)?,
            delay: source.millis("OTEL_BSP_SCHEDULE_DELAY", 5000)?,
        };
        Ok(Some(Self {
            traces,
            metrics,
            service,
            resource,
            sampling: source.sampling()?,
            interval: source.millis("OTEL_METRIC_EXPORT_INTERVAL", 60_000)?,
            batch,
            hosts: Hosts::parse(&source.text(HOSTS).unwrap_or_default()),
        }))
    }
}

/// Where variables are read from.
struct Source<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Source<'_> {
    /// Returns what a variable holds; one that is empty holds nothing.
    fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// Returns a variable of one kind of telemetry, or else that of all, with its name.
    fn own_or_all(&self, kind: &str, name: &str) -> Option<(String, String)> {
        let own = format!("OTEL_EXPORTER_OTLP_{kind}_{name}");
        let all = format!("OTEL_EXPORTER_OTLP_{name}");
        [own, all].into_iter().find_map(|name| self.text(&name).map(|text| (name, text)))
    }

    fn target(&self, kind: &str, path: &str) -> Result<Option<Target>, Unusable> {
        let exporter = format!("OTEL_{kind}_EXPORTER");
        match self.text(&exporter).as_deref() {
            None | Some("otlp") => {}
            Some("none") => return Ok(None),
            Some(_) => {
                return Err(unusable(&exporter, "names an exporter that there is not", "write `otlp` or `none`"));
            }
        }
        let Some((name, text)) = self.own_or_all(kind, "ENDPOINT") else { return Ok(None) };
        let protocol = self.protocol(kind)?;
        let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let Some(mut url) = url else {
            let help = "write where the collector takes OTLP over HTTP, as `http://localhost:4318`";
            return Err(unusable(&name, "is not an HTTP URL", help));
        };
        // That of one kind is the whole URL; that of all is where the paths of the kinds begin.
        if name == "OTEL_EXPORTER_OTLP_ENDPOINT" {
            url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        }
        let own_timeout = self.own_or_all(kind, "TIMEOUT").map(|(name, _)| name);
        let timeout = self.millis(own_timeout.as_deref().unwrap_or("OTEL_EXPORTER_OTLP_TIMEOUT"), 10_000)?;
        let is_packed = match self.own_or_all(kind, "COMPRESSION") {
            None => false,
            Some((name, text)) => match text.as_str() {
                "gzip" => true,
                "none" => false,
                _ => return Err(unusable(&name, "names a way to pack that there is not", "write `gzip` or `none`")),
            },
        };
        Ok(Some(Target { url, headers: self.headers(kind)?, protocol, timeout, is_packed }))
    }

    fn protocol(&self, kind: &str) -> Result<Protocol, Unusable> {
        let Some((name, text)) = self.own_or_all(kind, "PROTOCOL") else { return Ok(Protocol::default()) };
        let help =
            "write `http/protobuf` or `http/json`, and the port for HTTP into the endpoint: mostly 4318, not 4317";
        match text.as_str() {
            "http/protobuf" => Ok(Protocol::HttpProtobuf),
            "http/json" => Ok(Protocol::HttpJson),
            "grpc" => Err(unusable(&name, "says `grpc`, which is not supported", help)),
            _ => Err(unusable(&name, "names a protocol that there is not", help)),
        }
    }

    fn headers(&self, kind: &str) -> Result<HashMap<String, String>, Unusable> {
        let Some((name, _)) = self.own_or_all(kind, "HEADERS") else { return Ok(HashMap::new()) };
        let headers = self.pairs(&name)?;
        let is_header = |(name, value): &(String, String)| {
            HeaderName::from_bytes(name.as_bytes()).is_ok() && HeaderValue::from_str(value).is_ok()
        };
        if headers.iter().all(is_header) {
            return Ok(headers.into_iter().collect());
        }
        Err(unusable(&name, "has something in it that is no header", "write `name=value,other=value`"))
    }

    /// Reads `name=value,name=value`, with percent signs in values (W3C Baggage).
    fn pairs(&self, variable: &str) -> Result<Vec<(String, String)>, Unusable> {
        let text = self.text(variable).unwrap_or_default();
        let help = "write `name=value,other=value`, with `%2C` for a comma in a value";
        let pair = |part: &str| {
            let (name, value) = part.split_once('=')?;
            let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
            Some((name.trim().to_owned(), value.into_owned())).filter(|(name, _)| !name.is_empty())
        };
        let parts = text.split(',').filter(|part| !part.trim().is_empty());
        parts
            .map(|part| pair(part).ok_or_else(|| unusable(variable, "is not a list of names with values", help)))
            .collect()
    }

    fn sampling(&self) -> Result<Sampling, Unusable> {
        let name = "OTEL_TRACES_SAMPLER";
        let sampler = self.text(name).unwrap_or_else(|| "parentbased_always_on".to_owned());
        let (is_parent_based, kind) = match sampler.strip_prefix("parentbased_") {
            Some(kind) => (true, kind),
            None => (false, sampler.as_str()),
        };
        let ratio = match kind {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => {
                let name = "OTEL_TRACES_SAMPLER_ARG";
                let part = self.text(name).map_or(Ok(1.0), |text| text.parse::<f64>());
                part.ok()
                    .filter(|part| (0.0..=1.0).contains(part))
                    .ok_or_else(|| unusable(name, "is not a part of a whole", "write a number from 0 to 1, as `0.1`"))?
            }
            _ => {
                let help =
                    "write `always_on`, `always_off`, `traceidratio`, or one of them with `parentbased_` before it";
                return Err(unusable(name, "names a sampler that there is not", help));
            }
        };
        Ok(Sampling { is_parent_based, ratio })
    }

    fn millis(&self, name: &str, default: u64) -> Result<Duration, Unusable> {
        let millis = self.text(name).map_or(Ok(default), |text| text.parse::<u64>());
        millis
            .ok()
            .filter(|millis| *millis > 0)
            .map(Duration::from_millis)
            .ok_or_else(|| unusable(name, "is not a time", "write how many milliseconds, as `5000`"))
    }

    fn count(&self, name: &str, default: usize) -> Result<usize, Unusable> {
        let count = self.text(name).map_or(Ok(default), |text| text.parse::<usize>());
        let is_sound = |count: &usize| (1..=1_000_000).contains(count);
        let wrong = || unusable(name, "is not how many spans", "write a number from 1 to 1000000");
        count.ok().filter(is_sound).ok_or_else(wrong)
    }
}

fn unusable(variable: &str, problem: &str, help: &'static str) -> Unusable {
    Unusable { variable: variable.to_owned(), problem: problem.to_owned(), help }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>, Unusable> {
        Settings::read(&|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    const ALL: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

    #[test]
    fn is_off_unless_there_is_an_endpoint() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("OTEL_SERVICE_NAME", "shop"), ("OTEL_TRACES_SAMPLER", "nonsense")]), Ok(None));
        assert_eq!(read(&[ALL, ("OTEL_SDK_DISABLED", "true")]), Ok(None));
        assert_eq!(read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), Ok(None));
        assert_eq!(read(&[ALL, ("OTEL_TRACES_EXPORTER", "none"), ("OTEL_METRICS_EXPORTER", "none")]), Ok(None));
    }

    #[test]
    fn makes_the_urls_of_the_kinds() {
        let settings = read(&[ALL]).unwrap().unwrap();
        assert_eq!(settings.traces.unwrap().url.as_str(), "http://collector:4318/v1/traces");
        assert_eq!(settings.metrics.unwrap().url.as_str(), "http://collector:4318/v1/metrics");
        let settings = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c/otlp/"),
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "https://m/in"),
        ]);
        let settings = settings.unwrap().unwrap();
        assert_eq!(settings.traces.unwrap().url.as_str(), "https://c/otlp/v1/traces");
        assert_eq!(settings.metrics.unwrap().url.as_str(), "https://m/in");
        let settings = read(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t:1")]).unwrap().unwrap();
        assert_eq!((settings.traces.unwrap().url.as_str(), settings.metrics), ("http://t:1/", None));
    }

    #[test]
    fn reads_the_rest() {
        let settings = read(&[
            ALL,
            ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20abc, x-team=a%2Cb"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
            ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "gzip"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=shop,deployment.environment=test"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
            ("OTEL_BSP_SCHEDULE_DELAY", "100"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
            (HOSTS, "api.internal"),
        ]);
        let settings = settings.unwrap().unwrap();
        let (traces, metrics) = (settings.traces.unwrap(), settings.metrics.unwrap());
        assert_eq!(traces.headers.get("Authorization").map(String::as_str), Some("Bearer abc"));
        assert_eq!(traces.headers.get("x-team").map(String::as_str), Some("a,b"));
        assert_eq!((traces.protocol, metrics.protocol), (Protocol::HttpJson, Protocol::HttpProtobuf));
        assert_eq!((traces.timeout, traces.is_packed, metrics.is_packed), (Duration::from_millis(1500), false, true));
        assert_eq!(settings.service, "shop");
        assert_eq!(settings.resource, [("deployment.environment".to_owned(), "test".to_owned())]);
        assert_eq!(settings.sampling, Sampling { is_parent_based: true, ratio: 0.25 });
        assert_eq!(settings.batch.delay, Duration::from_millis(100));
        assert_eq!(settings.interval, Duration::from_secs(1));
        assert_eq!(settings.hosts, Hosts::parse("api.internal"));
    }

    #[test]
    fn refuses_what_it_cannot_use_without_showing_it() {
        let check = |name: &str, value: &str, expected: &str| {
            let wrong = read(&[ALL, (name, value)]).unwrap_err();
            assert_eq!(wrong.to_string(), format!("the variable `{name}` {expected}"));
        };
        check("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "says `grpc`, which is not supported");
        check("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "smoke", "names a protocol that there is not");
        check("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4318", "is not an HTTP URL");
        check("OTEL_EXPORTER_OTLP_HEADERS", "secret", "is not a list of names with values");
        check("OTEL_EXPORTER_OTLP_HEADERS", "a b=secret", "has something in it that is no header");
        check("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "is not a time");
        check("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "names a way to pack that there is not");
        check("OTEL_TRACES_SAMPLER", "some", "names a sampler that there is not");
        check("OTEL_TRACES_EXPORTER", "zipkin", "names an exporter that there is not");
        check("OTEL_BSP_MAX_QUEUE_SIZE", "0", "is not how many spans");
    }
}
