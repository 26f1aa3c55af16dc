//! What receivers refuse of an export that they otherwise take. The exporters say it nowhere but in the log: so it is read there,
//! and counted.

use std::fmt::Debug;
use std::sync::{PoisonError, RwLock};

use opentelemetry::metrics::{BoundCounter, Meter};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::{Signal, dropped};

/// Of each signal that is sent.
static COUNTERS: RwLock<Vec<(Signal, BoundCounter<u64>)>> = RwLock::new(Vec::new());

/// Counts what is rejected of that signal from now on, in place of any counter before.
pub fn count(signal: Signal, meter: &Meter) {
    let mut counters = COUNTERS.write().unwrap_or_else(PoisonError::into_inner);
    counters.retain(|(known, _)| *known != signal);
    counters.push((signal, dropped(meter, signal, "rejected")));
}

/// Whether an exporter says by it that something was rejected.
pub fn is_told(metadata: &Metadata<'_>) -> bool {
    metadata.target() == "opentelemetry-otlp"
        && *metadata.level() == Level::WARN
        && metadata.name().ends_with(".PartialSuccess")
}

/// Reads the log for it.
pub struct Rejections;

impl<S: Subscriber> Layer<S> for Rejections {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if is_told(event.metadata()) {
            event.record(&mut Counted);
        }
    }
}

/// Adds each number to the counter of its signal.
struct Counted;

impl Visit for Counted {
    fn record_i64(&mut self, field: &Field, rejected: i64) {
        let signal = match field.name() {
            "rejected_spans" => Signal::Traces,
            "rejected_data_points" => Signal::Metrics,
            "rejected_log_records" => Signal::Logs,
            _ => return,
        };
        let counters = COUNTERS.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counter)) = counters.iter().find(|(known, _)| *known == signal) {
            counter.add(u64::try_from(rejected).unwrap_or_default());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}
