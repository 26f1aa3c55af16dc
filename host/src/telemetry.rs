//! What the host says of itself: metrics, on `/metrics` and by OTLP, and log lines.
//!
//! [`definitions`] is the one list of names, units and meanings; [`instruments`] are made from it. [`recorder`] turns what the engine
//! reports into them, [`partitions`] what it holds, [`groups`] what each group does, [`guest`] what handlers log and
//! count. Label values are bounded ([`labels`]); durations are counted in [`tally`].

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry_otlp::{MetricExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{Instrument, PeriodicReader, SdkMeterProvider, Stream};
use prometheus::{Registry, TextEncoder};

use crate::config;

use labels::MAX_SERIES;
use recorder::Labels;
use tally::Tallies;

pub mod definitions;
pub mod groups;
pub mod guest;
pub mod instruments;
pub mod labels;
pub mod log;
pub mod partitions;
pub mod recorder;
pub mod reference;
pub mod tally;

pub use groups::Groups;
pub use instruments::Instruments;
pub use partitions::Partitions;

/// Instrumentation scope of every instrument.
const SCOPE: &str = "sandbus";

/// How long one export may take.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);

/// Meter, registry and exporters of the process.
pub struct Telemetry {
    provider: SdkMeterProvider,
    registry: Registry,
    meter: Meter,
    instruments: Arc<Instruments>,
    tallies: Tallies,
    labels: Arc<Labels>,
    partitions: Arc<Partitions>,
    groups: Arc<Groups>,
}

impl Telemetry {
    /// Starts what the configuration asks for. Without metrics nothing is recorded anywhere.
    ///
    /// # Errors
    /// Where the OTLP endpoint cannot be used.
    pub fn start(config: &config::Telemetry) -> anyhow::Result<Telemetry> {
        let registry = Registry::new();
        let mut provider =
            SdkMeterProvider::builder().with_resource(Resource::builder().with_service_name(service_name()).build());
        let mut export = false;
        if config.enable_metrics {
            let exporter = opentelemetry_prometheus::exporter()
                .with_registry(registry.clone())
                // The names under which dashboards and alerts ask carry no units and no scope.
                .without_units()
                .without_target_info()
                .scope_info_enabled(false)
                .build()
                .context("cannot export metrics for Prometheus")?;
            provider = provider.with_reader(exporter);
            if let Some(exporter) = otlp_exporter(config.otlp_endpoint.as_deref())? {
                provider = provider.with_reader(PeriodicReader::builder(exporter).build());
                export = true;
            }
        }
        let more_series = |_: &Instrument| Stream::builder().with_cardinality_limit(MAX_SERIES).build().ok();
        let provider = provider.with_view(more_series).build();
        let meter = provider.meter(SCOPE);
        let tallies = Tallies::new(config.enable_metrics);
        let instruments = Arc::new(Instruments::new(&meter, &tallies, export));
        let labels = Labels::new(&meter);
        let (partitions, groups) = (Partitions::new(&meter), Groups::new(&meter));
        Ok(Telemetry { provider, registry, meter, instruments, tallies, labels, partitions, groups })
    }

    /// The host's own instruments.
    pub fn instruments(&self) -> &Arc<Instruments> {
        &self.instruments
    }

    /// The assigned partitions.
    pub fn partitions(&self) -> &Arc<Partitions> {
        &self.partitions
    }

    /// The groups.
    pub fn groups(&self) -> &Arc<Groups> {
        &self.groups
    }

    /// Known label values.
    pub fn labels(&self) -> &Arc<Labels> {
        &self.labels
    }

    /// For instruments of handlers.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// All metrics as Prometheus text.
    ///
    /// # Errors
    /// Where one cannot be written.
    pub fn prometheus(&self) -> anyhow::Result<String> {
        let mut families = self.registry.gather();
        self.tallies.put_into(&mut families);
        Ok(TextEncoder::new().encode_to_string(&families)?)
    }

    /// Exports what is left. Blocks, for seconds where the receiver does not answer; not for a thread of
    /// an async runtime.
    pub fn shutdown(&self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!("the last metrics were not exported: {error}");
        }
    }
}

/// The standard variable for it goes before.
fn service_name() -> String {
    std::env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| "sandbus".into())
}

/// An exporter where the configuration or the standard variables name an endpoint.
fn otlp_exporter(endpoint: Option<&str>) -> anyhow::Result<Option<MetricExporter>> {
    let named = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"];
    let in_environment = named.iter().any(|name| std::env::var(name).is_ok_and(|value| !value.is_empty()));
    let exporter = MetricExporter::builder().with_http().with_timeout(EXPORT_TIMEOUT);
    let exporter = match endpoint {
        Some(endpoint) => exporter.with_endpoint(format!("{}/v1/metrics", endpoint.trim_end_matches('/'))),
        None if in_environment => exporter,
        None => return Ok(None),
    };
    exporter.build().map(Some).context("telemetry.otlp_endpoint cannot be used")
}
