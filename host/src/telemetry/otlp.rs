//! What leaves by OTLP: where each signal goes, how, and what becomes of an export.
//!
//! The configuration goes before OpenTelemetry's standard variables. Headers, timeouts and compression are the
//! variables' alone. Every export has an end in time; one that fails is counted, and said in the log now and then. What
//! waits is bounded in number ([`queue`]) and in bytes ([`length`]): nothing here ever holds up an event.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundCounter, Meter};
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig};
use opentelemetry_otlp::{
    LogExporter, MetricExporter, SpanExporter, WithExportConfig as _, WithHttpConfig as _, WithTonicConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::LogBatch;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::SpanData;
use tokio::runtime::Handle;

use super::definitions::{Definition, TELEMETRY_DROPPED, TELEMETRY_EXPORT_FAILURES};
use crate::config::{self, OtlpProtocol};

pub mod length;
pub mod queue;
pub mod rejected;
pub mod variables;

use queue::Queue;
use variables::Variables;

/// How often the log says that exports fail.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// What can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Instruments.
    Metrics,
    /// Log lines.
    Logs,
}

impl Signal {
    /// The value of `signal`.
    pub const fn name(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Metrics => "metrics",
            Signal::Logs => "logs",
        }
    }
}

/// Where a signal goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What is sent.
    pub signal: Signal,
    /// The configured address. `None`: the variables', which the exporter reads itself.
    endpoint: Option<String>,
    protocol: OtlpProtocol,
    /// Whether the connection is encrypted.
    tls: bool,
    /// For one export with all its tries.
    timeout: Duration,
    /// The file of who signs the receiver's certificate, and the variable that names it. `None`: who the system trusts.
    authorities: Option<(String, String)>,
}

impl Target {
    /// Where a signal goes by the configuration, and else by the variables. `None`: nowhere.
    pub fn of(signal: Signal, config: &config::Telemetry, variables: &Variables) -> Option<Target> {
        if variables.is_disabled() || !variables.exports(signal) {
            return None;
        }
        let address = config.otlp_endpoint.clone().or_else(|| variables.endpoint(signal))?;
        // Without a scheme gRPC is encrypted, unless a variable says otherwise; then this has no effect.
        let (is_grpc_port, tls) = (port(&address) == Some("4317"), !address.starts_with("http://"));
        let usual = if is_grpc_port { OtlpProtocol::Grpc } else { OtlpProtocol::HttpProtobuf };
        let protocol = config.otlp_protocol.or_else(|| variables.protocol(signal)).unwrap_or(usual);
        let endpoint = config.otlp_endpoint.as_ref().map(|base| match protocol {
            OtlpProtocol::Grpc => base.clone(),
            OtlpProtocol::HttpProtobuf => format!("{}/v1/{}", base.trim_end_matches('/'), signal.name()),
        });
        let (timeout, authorities) = (variables.timeout(signal), variables.certificate(signal));
        Some(Target { signal, endpoint, protocol, tls, timeout, authorities })
    }

    /// What is in the file of authorities, and each certificate in it.
    fn authorities(&self) -> anyhow::Result<Option<(Vec<u8>, Vec<reqwest::Certificate>)>> {
        let Some((file, variable)) = self.authorities.as_ref().filter(|_| self.tls) else { return Ok(None) };
        let pem = std::fs::read(file).with_context(|| format!("{variable} names {file:?}, which cannot be read"))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem);
        let certificates = certificates.with_context(|| format!("{variable} names {file:?}, which is no PEM file"))?;
        anyhow::ensure!(!certificates.is_empty(), "{variable} names {file:?}, which has no certificate in PEM");
        Ok(Some((pem, certificates)))
    }

    fn tls(&self) -> anyhow::Result<ClientTlsConfig> {
        let tls = ClientTlsConfig::new();
        Ok(match self.authorities()? {
            Some((pem, _)) => tls.ca_certificate(Certificate::from_pem(pem)),
            None => tls.with_enabled_roots(),
        })
    }

    /// A client that trusts other authorities than the system's. `None`: the exporter's own will do.
    fn http_client(&self) -> anyhow::Result<Option<reqwest::blocking::Client>> {
        let Some((_, certificates)) = self.authorities()? else { return Ok(None) };
        let timeout = self.timeout;
        let make = move || reqwest::blocking::Client::builder().timeout(timeout).tls_certs_only(certificates).build();
        // It has a runtime of its own, which must not be made on a thread of another.
        let made = std::thread::spawn(make).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        made.context("a client for HTTPS cannot be made").map(Some)
    }
}

fn port(address: &str) -> Option<&str> {
    let authority = address.split_once("://").map_or(address, |(_, rest)| rest);
    authority.split('/').next()?.rsplit_once(':').map(|(_, port)| port)
}

/// How the exports of one signal go.
#[derive(Debug)]
pub struct Exports {
    signal: Signal,
    failures: OnceLock<BoundCounter<u64>>,
    trouble: Mutex<Trouble>,
}

#[derive(Debug, Default)]
struct Trouble {
    said: Option<Instant>,
    failures: u64,
}

impl Exports {
    fn new(signal: Signal) -> Arc<Exports> {
        Arc::new(Exports { signal, failures: OnceLock::new(), trouble: Mutex::default() })
    }

    /// Counts failures from now on. The meter is made of exporters, among others.
    pub fn count(&self, meter: &Meter) {
        let _ = self.failures.set(counter(meter, TELEMETRY_EXPORT_FAILURES, self.signal, &[]));
        rejected::count(self.signal, meter);
    }

    fn ended(&self, result: OTelSdkResult) -> OTelSdkResult {
        let Err(error) = &result else { return result };
        if let Some(failures) = self.failures.get() {
            failures.add(1);
        }
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.failures += 1;
        if trouble.said.is_none_or(|said| said.elapsed() >= SAY_AGAIN) {
            let (signal, failures) = (self.signal.name(), trouble.failures);
            *trouble = Trouble { said: Some(Instant::now()), failures: 0 };
            tracing::warn!(signal, failures, %error, "an export by OTLP failed");
        }
        result
    }
}

/// A counter of the host's own telemetry, at 0.
fn counter(meter: &Meter, definition: Definition, signal: Signal, more: &[KeyValue]) -> BoundCounter<u64> {
    let counter = meter.u64_counter(definition.name).with_unit(definition.unit);
    let counter = counter.with_description(definition.description).build();
    let counter = counter.bind(&[&[KeyValue::new("signal", signal.name())], more].concat());
    counter.add(0);
    counter
}

/// Counts what is lost for that reason.
fn dropped(meter: &Meter, signal: Signal, reason: &'static str) -> BoundCounter<u64> {
    counter(meter, TELEMETRY_DROPPED, signal, &[KeyValue::new("reason", reason)])
}

/// An exporter that is watched: each export ends in time, and its failure is counted.
pub struct Watched<E> {
    exporter: E,
    exports: Arc<Exports>,
    timeout: Duration,
    /// Where time is told, and where gRPC's connections live.
    runtime: Handle,
    /// Those that wait, where some do.
    queue: Option<Arc<Queue>>,
}

impl<E> Watched<E> {
    /// How its exports go.
    pub fn exports(&self) -> &Arc<Exports> {
        &self.exports
    }

    /// What waits for it is counted there.
    #[must_use]
    pub fn of(mut self, queue: &Arc<Queue>) -> Self {
        self.queue = Some(queue.clone());
        self
    }

    async fn run(&self, items: usize, export: impl Future<Output = OTelSdkResult> + Send) -> OTelSdkResult {
        if let Some(queue) = &self.queue {
            queue.left(items);
        }
        let too_long = {
            let _runtime = self.runtime.enter();
            tokio::time::sleep(self.timeout)
        };
        let result = tokio::select! {
            result = export => result,
            () = too_long => Err(OTelSdkError::Timeout(self.timeout)),
        };
        self.exports.ended(result)
    }
}

impl<E> fmt::Debug for Watched<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("signal", &self.exports.signal).finish_non_exhaustive()
    }
}

impl opentelemetry_sdk::trace::SpanExporter for Watched<SpanExporter> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.run(batch.len(), self.exporter.export(batch)).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl opentelemetry_sdk::logs::LogExporter for Watched<LogExporter> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.run(batch.iter().count(), self.exporter.export(batch)).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl PushMetricExporter for Watched<MetricExporter> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.run(0, self.exporter.export(metrics)).await
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

/// An exporter of one kind for a target. gRPC lives in the runtime that is current.
macro_rules! exporter {
    ($name:ident, $exporter:ident, $what:literal) => {
        #[doc = concat!("Makes an exporter of ", $what, ".")]
        ///
        /// # Errors
        /// Where the address, or what a variable says, cannot be used.
        pub fn $name(target: &Target) -> anyhow::Result<Watched<$exporter>> {
            let runtime = Handle::try_current().context("telemetry is started outside of a runtime")?;
            // Without one reqwest panics. A second one is refused, and not needed.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let exporter = match target.protocol {
                OtlpProtocol::Grpc => {
                    let mut builder = $exporter::builder().with_tonic();
                    if let Some(endpoint) = &target.endpoint {
                        builder = builder.with_endpoint(endpoint);
                    }
                    if target.tls {
                        builder = builder.with_tls_config(target.tls()?);
                    }
                    builder.with_timeout(target.timeout).build()
                }
                OtlpProtocol::HttpProtobuf => {
                    let mut builder = $exporter::builder().with_http();
                    if let Some(client) = target.http_client()? {
                        builder = builder.with_http_client(client);
                    }
                    if let Some(endpoint) = &target.endpoint {
                        builder = builder.with_endpoint(endpoint);
                    }
                    let protocol = opentelemetry_otlp::Protocol::HttpBinary;
                    builder.with_protocol(protocol).with_timeout(target.timeout).build()
                }
            };
            let signal = target.signal;
            let exporter = exporter.with_context(|| format!("{} cannot be sent by OTLP", signal.name()))?;
            let (exports, timeout) = (Exports::new(signal), target.timeout);
            Ok(Watched { exporter, exports, timeout, runtime, queue: None })
        }
    };
}

exporter!(spans, SpanExporter, "spans");
exporter!(metrics, MetricExporter, "metrics");
exporter!(logs, LogExporter, "log lines");

#[cfg(test)]
mod tests;
