//! What the host says of itself: metrics, on `/metrics` and by OTLP, traces, and log lines.
//!
//! [`definitions`] is the one list of names, units and meanings; [`instruments`] are made from it. [`recorder`] turns what the engine
//! reports into them, [`partitions`] what it holds, [`groups`] what each group does, [`guest`] what handlers log and
//! count. Label values are bounded ([`labels`]); durations are counted in [`tally`]. [`spans`] are the traces, [`otlp`] is
//! how all of it leaves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry::{Key, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{BatchConfigBuilder, BatchLogProcessor, SdkLoggerProvider};
use opentelemetry_sdk::metrics::{Instrument, PeriodicReader, SdkMeterProvider, Stream};
use prometheus::{Registry, TextEncoder};

use crate::config;

use labels::{Labels, MAX_SERIES};
use tally::Tallies;

pub mod definitions;
pub mod groups;
pub mod guest;
#[cfg(test)]
mod guide;
pub mod instruments;
pub mod labels;
pub mod log;
pub mod otlp;
pub mod partitions;
pub mod recorder;
pub mod reference;
pub mod spans;
pub mod tally;
pub mod trace_context;

pub use groups::Groups;
pub use instruments::Instruments;
pub use partitions::Partitions;
pub use spans::Spans;

use otlp::queue::{Bounded, Queue};
use otlp::variables::Variables;
use otlp::{Signal, Target};

/// Instrumentation scope of every instrument and span.
const SCOPE: &str = "sandbus";

/// How long what is left may take to leave at the end.
const FLUSH: Duration = Duration::from_secs(5);

/// How much of that the log has in any case, which goes last.
const FLUSH_LOG: Duration = Duration::from_secs(1);

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
    spans: Arc<Spans>,
    logs: Option<SdkLoggerProvider>,
}

impl Telemetry {
    /// Starts what the configuration asks for. Without metrics nothing is recorded anywhere. What is sent by OTLP is sent
    /// with the help of the current runtime.
    ///
    /// # Errors
    /// Where the OTLP endpoint cannot be used.
    pub fn start(config: &config::Telemetry) -> anyhow::Result<Telemetry> {
        let (registry, resource, variables) = (Registry::new(), resource(), Variables::of_the_process());
        let target = |signal| Target::of(signal, config, &variables);
        let mut provider = SdkMeterProvider::builder().with_resource(resource.clone());
        let mut watched = Vec::new();
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
            if let Some(target) = target(Signal::Metrics) {
                let exporter = otlp::metrics(&target)?;
                watched.push(exporter.exports().clone());
                provider = provider.with_reader(PeriodicReader::builder(exporter).build());
                export = true;
            }
        }
        let more_series = |_: &Instrument| Stream::builder().with_cardinality_limit(MAX_SERIES).build().ok();
        let provider = provider.with_view(more_series).build();
        let meter = provider.meter(SCOPE);
        let tallies = Tallies::new(config.enable_metrics);
        let instruments = Arc::new(Instruments::new(&meter, &tallies, export));
        let labels = Labels::new(&meter, tallies.crowd());
        let (partitions, groups) = (Partitions::new(&meter), Groups::new(&meter));
        let spans = match target(Signal::Traces).filter(|_| config.enable_tracing) {
            Some(target) => {
                let exporter = otlp::spans(&target)?;
                watched.push(exporter.exports().clone());
                Spans::exported(exporter, &variables, &resource, &meter)
            }
            None => Spans::nowhere(),
        };
        let spans = Arc::new(spans);
        let logs = match target(Signal::Logs).filter(|_| config.export_logs) {
            Some(target) => {
                let exporter = otlp::logs(&target)?;
                watched.push(exporter.exports().clone());
                Some(exported_log(exporter, &variables, resource, &meter))
            }
            None => None,
        };
        watched.iter().for_each(|exports| exports.count(&meter));
        Ok(Telemetry { provider, registry, meter, instruments, tallies, labels, partitions, groups, spans, logs })
    }

    /// Whether there is anybody to count for.
    pub fn counts(&self) -> bool {
        self.tallies.on()
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

    /// The traces.
    pub fn spans(&self) -> &Arc<Spans> {
        &self.spans
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

    /// Exports what is left, within `FLUSH` and `FLUSH_LOG`. Blocks for so long where the receiver does not answer;
    /// not for a thread of an async runtime.
    pub fn shutdown(&self) {
        let started = Instant::now();
        let said = |what: &str, result: OTelSdkResult| {
            if let Err(error) = result {
                tracing::warn!("not all {what} were exported at the end: {error}");
            }
        };
        // Side by side: what one waits for is no time that another has.
        std::thread::scope(|scope| {
            scope.spawn(|| said("spans", self.spans.shutdown(FLUSH)));
            // That takes as long, at most, and has no setting.
            scope.spawn(|| said("metrics", self.provider.shutdown()));
        });
        // Last, for the lines above.
        if let Some(logs) = &self.logs {
            log::export_to(None);
            let left = FLUSH.saturating_sub(started.elapsed()).max(FLUSH_LOG);
            said("log lines", logs.shutdown_with_timeout(left));
        }
    }
}

/// With metrics on the page alone.
#[cfg(test)]
fn page_alone() -> Telemetry {
    let config = config::Telemetry {
        enable_metrics: true,
        enable_tracing: false,
        otlp_endpoint: None,
        otlp_protocol: None,
        export_logs: false,
    };
    Telemetry::start(&config).unwrap()
}

/// Sends the log from now on.
fn exported_log(
    exporter: otlp::Watched<opentelemetry_otlp::LogExporter>,
    variables: &Variables,
    resource: Resource,
    meter: &Meter,
) -> SdkLoggerProvider {
    let queue = Queue::new(Signal::Logs, variables.queue("OTEL_BLRP_MAX_QUEUE_SIZE"));
    queue.count(meter);
    let batches = BatchConfigBuilder::default().with_max_queue_size(queue.room()).build();
    let processor = BatchLogProcessor::builder(exporter.of(&queue)).with_batch_config(batches).build();
    let bounded = Bounded::new(processor, queue, variables.attribute(Signal::Logs));
    let provider = SdkLoggerProvider::builder().with_resource(resource).with_log_processor(bounded).build();
    log::export_to(Some(&provider));
    provider
}

/// Who speaks: what the standard variables say, and for the rest this program. Two hosts differ in their instance, by which
/// receivers tell their series apart.
fn resource() -> Resource {
    let said = Resource::builder().build();
    let is_said = |key: &Key| said.get(key).is_some_and(|value| !value.as_str().starts_with("unknown_service"));
    let instance = fastrand::u128(..);
    let own = [
        KeyValue::new("service.name", "sandbus"),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", format!("{instance:032x}")),
    ];
    let own = own.into_iter().filter(|attribute| !is_said(&attribute.key));
    Resource::builder().with_attributes(own).build()
}
