//! Every instrument of the host: its name, unit and meaning, once.
//!
//! The `kafka.eventbus.*` instruments keep the names, units and attributes of the event bus whose
//! dashboards and alerts they serve; on `/metrics` dots become underscores and counters end in `_total`.

use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter};

/// Bounds of duration histograms, in milliseconds. A handler may take microseconds or seconds.
pub const DURATION_BOUNDS: [f64; 22] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0,
    2500.0, 5000.0, 7500.0, 10_000.0,
];

/// Bounds of `batch.size`, in messages.
pub const BATCH_BOUNDS: [f64; 12] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0];

/// See each field; attributes stand where they are recorded, in [`super::recorder`].
pub struct Instruments {
    /// Records that the broker acknowledged, of what handlers published.
    pub published: Counter<u64>,
    /// Records read, once for each group.
    pub consumed: Counter<u64>,
    /// Tries that succeeded.
    pub invocations: Counter<u64>,
    /// Tries that did not.
    pub errors: Counter<u64>,
    /// Dead letters that the broker acknowledged.
    pub dead_letters: Counter<u64>,
    /// Rebalances that took partitions away.
    pub rebalances: Counter<u64>,
    /// Records that the broker refused for good.
    pub publish_errors: Counter<u64>,
    /// From the first record handed over to the last acknowledged.
    pub publish_duration: Histogram<f64>,
    /// How long tries took, whatever they ended in.
    pub handler_duration: Histogram<f64>,
    /// Records that one try published to one topic.
    pub batch_size: Histogram<f64>,
    /// Ends of tries.
    pub verdicts: Counter<u64>,
    /// CPU of guests.
    pub cpu_time: Counter<f64>,
    /// Tries after the first.
    pub retries: Counter<u64>,
    /// What went wrong in guests.
    pub faults: Counter<u64>,
    /// Batches that ended in a fault.
    pub batch_faults: Counter<u64>,
    /// Events given up and not kept.
    pub dropped: Counter<u64>,
    /// Started deliveries that were given up.
    pub abandoned: Counter<u64>,
    /// The most memory that an instance has had.
    pub memory_peak: Gauge<u64>,
    /// Which code a handler runs.
    pub info: Gauge<u64>,
}

impl Instruments {
    /// Makes every instrument.
    pub fn new(meter: &Meter) -> Instruments {
        let counter = |name: &'static str, unit: &'static str, description: &'static str| {
            meter.u64_counter(name).with_unit(unit).with_description(description).build()
        };
        let histogram = |name: &'static str, unit: &'static str, bounds: &[f64], description: &'static str| {
            let histogram = meter.f64_histogram(name).with_unit(unit).with_description(description);
            histogram.with_boundaries(bounds.to_vec()).build()
        };
        Instruments {
            published: counter(
                "kafka.eventbus.messages.published",
                "messages",
                "Total messages successfully published to Kafka",
            ),
            consumed: counter("kafka.eventbus.messages.consumed", "messages", "Total messages consumed from Kafka"),
            invocations: counter(
                "kafka.eventbus.handler.invocations",
                "invocations",
                "Total handler invocations (successful)",
            ),
            errors: counter("kafka.eventbus.handler.errors", "errors", "Total handler errors"),
            dead_letters: counter("kafka.eventbus.messages.dlq", "messages", "Messages sent to the dead letter queue"),
            rebalances: counter("kafka.eventbus.rebalances", "rebalances", "Consumer group rebalances"),
            publish_errors: counter("kafka.eventbus.publish.errors", "errors", "Publish failures"),
            publish_duration: histogram(
                "kafka.eventbus.publish.duration",
                "ms",
                &DURATION_BOUNDS,
                "Time to publish a batch of messages",
            ),
            handler_duration: histogram(
                "kafka.eventbus.handler.duration",
                "ms",
                &DURATION_BOUNDS,
                "Individual handler execution time",
            ),
            batch_size: histogram(
                "kafka.eventbus.batch.size",
                "messages",
                &BATCH_BOUNDS,
                "Number of messages per publish batch",
            ),
            verdicts: counter("sandbus.handler.verdicts", "{try}", "Tries by what they ended in"),
            cpu_time: meter
                .f64_counter("sandbus.handler.cpu_time")
                .with_unit("s")
                .with_description("CPU time of the handler's instances")
                .build(),
            retries: counter("sandbus.handler.retries", "{try}", "Tries after the first"),
            faults: counter("sandbus.handler.faults", "{fault}", "What the host saw go wrong in the handler"),
            batch_faults: counter(
                "sandbus.handler.batch_faults",
                "{batch}",
                "Batches that ended in a fault; their events run again, each alone",
            ),
            dropped: counter(
                "sandbus.handler.dropped",
                "{event}",
                "Events given up and not kept, because dead letters are off",
            ),
            abandoned: counter(
                "sandbus.handler.abandoned",
                "{delivery}",
                "Started deliveries given up by a rebalance or a shutdown; they are repeated",
            ),
            memory_peak: meter
                .u64_gauge("sandbus.handler.memory_peak")
                .with_unit("By")
                .with_description("The most memory that an instance of the handler has had")
                .build(),
            info: meter
                .u64_gauge("sandbus.handler.info")
                .with_description("Which component the handler runs: always 1")
                .build(),
        }
    }
}
