//! The instruments, made from their [`definitions`].

use opentelemetry::metrics::{Counter, Gauge, Meter, UpDownCounter};

use super::definitions::{self, Definition};
use super::tally::{Family, Tallies};

/// Bounds of duration histograms, in milliseconds. A handler may take microseconds or seconds.
pub const DURATION_BOUNDS: [f64; 22] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0,
    2500.0, 5000.0, 7500.0, 10_000.0,
];

/// Bounds of `batch.size`, in messages.
pub const BATCH_BOUNDS: [f64; 12] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0];

/// What each one means stands in its definition. Gauges that are asked rather than told are in
/// [`super::Partitions`] and [`super::Groups`].
#[expect(missing_docs, reason = "their definitions have it")]
pub struct Instruments {
    pub published: Counter<u64>,
    pub consumed: Counter<u64>,
    pub invocations: Counter<u64>,
    pub errors: Counter<u64>,
    pub dead_letters: Counter<u64>,
    pub connection_errors: Counter<u64>,
    pub reconnections: Counter<u64>,
    pub rebalances: Counter<u64>,
    pub publish_errors: Counter<u64>,
    pub publish_duration: Family,
    pub consume_duration: Family,
    pub handler_duration: Family,
    pub batch_size: Family,
    pub verdicts: Counter<u64>,
    pub cpu_time: Counter<f64>,
    pub hostcall_time: Counter<f64>,
    pub hostcalls: Counter<u64>,
    pub instances: Counter<u64>,
    pub batches: Counter<u64>,
    pub retries: Counter<u64>,
    pub faults: Counter<u64>,
    pub batch_faults: Counter<u64>,
    pub dropped: Counter<u64>,
    pub abandoned: Counter<u64>,
    pub queue_wait: Family,
    pub bytes_in: Counter<u64>,
    pub bytes_out: Counter<u64>,
    pub memory: UpDownCounter<i64>,
    pub memory_peak: Gauge<u64>,
    pub reloads: Counter<u64>,
    pub refused: Counter<u64>,
}

impl Instruments {
    /// Makes every instrument. Histograms are kept in `tallies`, and told to the meter, too, where `export` says so.
    pub fn new(meter: &Meter, tallies: &Tallies, export: bool) -> Instruments {
        let counter =
            |of: &Definition| meter.u64_counter(of.name).with_unit(of.unit).with_description(of.description).build();
        let seconds =
            |of: &Definition| meter.f64_counter(of.name).with_unit(of.unit).with_description(of.description).build();
        let gauge =
            |of: &Definition| meter.u64_gauge(of.name).with_unit(of.unit).with_description(of.description).build();
        let up_down = |of: &Definition| {
            meter.i64_up_down_counter(of.name).with_unit(of.unit).with_description(of.description).build()
        };
        let sdk = export.then_some(meter);
        let duration = |of: &Definition| tallies.family(of, &DURATION_BOUNDS, sdk);
        let instruments = Instruments {
            published: counter(&definitions::MESSAGES_PUBLISHED),
            consumed: counter(&definitions::MESSAGES_CONSUMED),
            invocations: counter(&definitions::HANDLER_INVOCATIONS),
            errors: counter(&definitions::HANDLER_ERRORS),
            dead_letters: counter(&definitions::MESSAGES_DLQ),
            connection_errors: counter(&definitions::CONNECTION_ERRORS),
            reconnections: counter(&definitions::RECONNECTIONS),
            rebalances: counter(&definitions::REBALANCES),
            publish_errors: counter(&definitions::PUBLISH_ERRORS),
            publish_duration: duration(&definitions::PUBLISH_DURATION),
            consume_duration: duration(&definitions::CONSUME_DURATION),
            handler_duration: duration(&definitions::HANDLER_DURATION),
            batch_size: tallies.family(&definitions::BATCH_SIZE, &BATCH_BOUNDS, sdk),
            verdicts: counter(&definitions::HANDLER_VERDICTS),
            cpu_time: seconds(&definitions::HANDLER_CPU_TIME),
            hostcall_time: seconds(&definitions::HANDLER_HOSTCALL_TIME),
            hostcalls: counter(&definitions::HANDLER_HOSTCALLS),
            instances: counter(&definitions::HANDLER_INSTANCES),
            batches: counter(&definitions::HANDLER_BATCHES),
            retries: counter(&definitions::HANDLER_RETRIES),
            faults: counter(&definitions::HANDLER_FAULTS),
            batch_faults: counter(&definitions::HANDLER_BATCH_FAULTS),
            dropped: counter(&definitions::HANDLER_DROPPED),
            abandoned: counter(&definitions::HANDLER_ABANDONED),
            queue_wait: duration(&definitions::HANDLER_QUEUE_WAIT),
            bytes_in: counter(&definitions::HANDLER_BYTES_IN),
            bytes_out: counter(&definitions::HANDLER_BYTES_OUT),
            memory: up_down(&definitions::HANDLER_MEMORY),
            memory_peak: gauge(&definitions::HANDLER_MEMORY_PEAK),
            reloads: counter(&definitions::HANDLER_RELOADS),
            refused: counter(&definitions::TELEMETRY_REFUSED),
        };
        // It has no labels that would first have to be known.
        instruments.reconnections.add(0, &[]);
        instruments
    }
}
