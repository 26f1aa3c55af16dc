//! OpenTelemetry's standard variables, as far as the libraries do not read them themselves.
//!
//! An empty variable is none. A value that means nothing here is said in the log and passed over, as the
//! specification wants it.

use std::time::Duration;

use opentelemetry_sdk::trace::Sampler;

use super::{Signal, length};
use crate::config::OtlpProtocol;

/// For one export with all its tries, unless a variable says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Spans and log lines that may wait, unless a variable says otherwise.
const QUEUE: usize = 2048;

/// The value of a variable, if it is set.
type Lookup = dyn Fn(&str) -> Option<String>;

/// Where variables are looked up.
pub struct Variables(Box<Lookup>);

impl Variables {
    /// The process's own.
    pub fn of_the_process() -> Variables {
        Variables(Box::new(|name| std::env::var(name).ok()))
    }

    /// These, for tests.
    #[cfg(test)]
    pub fn these(variables: &[(&'static str, &'static str)]) -> Variables {
        let variables = variables.to_vec();
        Variables(Box::new(move |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        }))
    }

    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// The variable of a signal, and else the one of all signals.
    fn of(&self, signal: Signal, what: &str) -> Option<(String, String)> {
        let own = format!("OTEL_EXPORTER_OTLP_{}_{what}", signal.name().to_uppercase());
        [own, format!("OTEL_EXPORTER_OTLP_{what}")].into_iter().find_map(|name| Some((self.get(&name)?, name)))
    }

    /// Whether nothing is to be sent at all.
    pub fn is_disabled(&self) -> bool {
        self.get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Whether a signal is sent by OTLP, where there is somewhere to send it.
    pub fn exports(&self, signal: Signal) -> bool {
        let name = format!("OTEL_{}_EXPORTER", signal.name().to_uppercase());
        // A list: `prometheus,otlp`.
        self.get(&name).is_none_or(|value| value.split(',').any(|exporter| exporter.trim() == "otlp"))
    }

    /// Where a signal goes.
    pub fn endpoint(&self, signal: Signal) -> Option<String> {
        self.of(signal, "ENDPOINT").map(|(value, _)| value)
    }

    /// How it goes there.
    pub fn protocol(&self, signal: Signal) -> Option<OtlpProtocol> {
        let (value, name) = self.of(signal, "PROTOCOL")?;
        match &*value {
            "grpc" => Some(OtlpProtocol::Grpc),
            "http/protobuf" => Some(OtlpProtocol::HttpProtobuf),
            _ => {
                tracing::warn!(
                    name,
                    value,
                    "the variable is neither \"grpc\" nor \"http/protobuf\", and is passed over"
                );
                None
            }
        }
    }

    /// The file of authorities that sign the receiver's certificate, and the variable that names it.
    pub fn certificate(&self, signal: Signal) -> Option<(String, String)> {
        for what in ["CLIENT_CERTIFICATE", "CLIENT_KEY"] {
            if let Some((_, name)) = self.of(signal, what) {
                tracing::warn!(name, "certificates of clients are not supported: the variable is passed over");
            }
        }
        self.of(signal, "CERTIFICATE")
    }

    /// For one export.
    pub fn timeout(&self, signal: Signal) -> Duration {
        let millis = self.of(signal, "TIMEOUT").and_then(|(value, _)| value.parse().ok());
        millis.map_or(TIMEOUT, Duration::from_millis)
    }

    /// How many may wait: of `OTEL_BSP_MAX_QUEUE_SIZE` and its like.
    pub fn queue(&self, name: &str) -> usize {
        self.get(name).and_then(|value| value.parse().ok()).filter(|size| *size > 0).unwrap_or(QUEUE)
    }

    /// Bytes of a text that is an attribute of a span or a log line.
    pub fn attribute(&self, signal: Signal) -> usize {
        let own = match signal {
            Signal::Traces => "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
            Signal::Logs => "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",
            Signal::Metrics => return length::ATTRIBUTE,
        };
        let limit = self.get(own).or_else(|| self.get("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"));
        limit.and_then(|limit| limit.parse().ok()).unwrap_or(length::ATTRIBUTE)
    }

    /// Which traces are recorded.
    pub fn sampling(&self) -> Sampling {
        let share = self.get("OTEL_TRACES_SAMPLER_ARG");
        let share = share.and_then(|share| share.parse().ok()).filter(|share| (0.0..=1.0).contains(share));
        let share = || Sampler::TraceIdRatioBased(share.unwrap_or(1.0));
        let name = self.get("OTEL_TRACES_SAMPLER").unwrap_or_else(|| "parentbased_always_on".into());
        let (parent_based, root) = name.strip_prefix("parentbased_").map_or((false, &*name), |root| (true, root));
        let root = match root {
            "always_on" => Sampler::AlwaysOn,
            "always_off" => Sampler::AlwaysOff,
            "traceidratio" => share(),
            _ => {
                tracing::warn!(
                    value = name,
                    "OTEL_TRACES_SAMPLER names no sampler that is known here; all traces are recorded"
                );
                return Sampling { parent_based: true, root: Sampler::AlwaysOn };
            }
        };
        Sampling { parent_based, root }
    }
}

/// Which traces are recorded.
#[derive(Clone, Debug)]
pub struct Sampling {
    /// Whether a trace that began elsewhere goes on as it began.
    pub parent_based: bool,
    /// Decides about all others.
    pub root: Sampler,
}
