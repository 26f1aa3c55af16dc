//! Every instrument of the host: its name, kind, unit, attributes and meaning, and what to do when it moves. Once.
//!
//! [`super::Instruments`] is made from these, `docs/metrics.md` is written from them, and dashboard and rules may name
//! nothing else. The `kafka.eventbus.*` instruments keep the names, units and attributes of the guide whose dashboards
//! and alerts they serve. On `/metrics` dots become underscores and counters end in `_total`; no unit is added.

/// What an instrument measures with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// How values are spread.
    Histogram,
    /// A value now.
    Gauge,
    /// A value now, of which each part is told that comes or goes. A gauge for Prometheus, a sum by OTLP.
    UpDownCounter,
}

impl Kind {
    /// A word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
            Kind::Gauge => "gauge",
            Kind::UpDownCounter => "up-down counter",
        }
    }
}

/// One instrument.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// Its OpenTelemetry name.
    pub name: &'static str,
    /// What it measures with.
    pub kind: Kind,
    /// In UCUM, or the guide's word.
    pub unit: &'static str,
    /// Its attributes, where there are any.
    pub attributes: &'static [&'static str],
    /// What it counts.
    pub description: &'static str,
    /// What to do when it moves.
    pub advice: &'static str,
}

impl Definition {
    /// Its name on `/metrics`; a histogram's series append `_bucket`, `_sum` and `_count`.
    pub fn prometheus_name(&self) -> String {
        let name = self.name.replace('.', "_");
        if self.kind == Kind::Counter { name + "_total" } else { name }
    }
}

/// Each one as a constant, and all of them.
macro_rules! definitions {
    ($($constant:ident: $kind:ident $name:literal [$unit:literal] {$($attribute:literal),*} $description:literal, $advice:literal;)*) => {
        $(
            #[doc = $description]
            pub const $constant: Definition = Definition {
                name: $name,
                kind: Kind::$kind,
                unit: $unit,
                attributes: &[$($attribute),*],
                description: $description,
                advice: $advice,
            };
        )*
        /// All of them, the guide's first.
        pub const ALL: &[Definition] = &[$($constant),*];
    };
}

definitions! {
    MESSAGES_PUBLISHED: Counter "kafka.eventbus.messages.published" ["messages"]
        {"messaging.system", "messaging.destination", "event.type"}
        "Records of handlers that the broker has acknowledged, those of a partition that was given up meanwhile too; dead letters are not among them",
        "Falls to 0 while events are consumed: handlers have stopped to publish, or their publishes are refused";
    MESSAGES_CONSUMED: Counter "kafka.eventbus.messages.consumed" ["messages"]
        {"messaging.system", "messaging.destination", "messaging.kafka.partition", "event.type"}
        "Records read, once for each consumer group, whoever wants them; `event.type` is `_other` for what cannot be decoded",
        "Falls while lag grows: look at `sandbus.partition.held_time` and at `sandbus.partition.full`";
    HANDLER_INVOCATIONS: Counter "kafka.eventbus.handler.invocations" ["invocations"]
        {"handler.name", "event.type"}
        "Tries that succeeded; with publishes, once the broker has acknowledged them",
        "Compare with `handler.errors`: together they are all tries";
    HANDLER_ERRORS: Counter "kafka.eventbus.handler.errors" ["errors"]
        {"handler.name", "event.type", "error.type"}
        "Tries that failed: by the handler's own error, by a fault, or by a publish that was refused for good",
        "`error.type` says why; the log has one line for each, with topic, partition and offset";
    MESSAGES_DLQ: Counter "kafka.eventbus.messages.dlq" ["messages"]
        {"dlq.reason", "error.type"}
        "Dead letters that the broker has acknowledged, those of a partition that was given up meanwhile too. From 0 for what the host says in its own words; for a guest's own kind of error from the first try that ends in it",
        "`sandbus dlq list` and `show` tell which events and why; `sandbus dlq redrive` repeats them";
    CONNECTION_ERRORS: Counter "kafka.eventbus.connection.errors" ["errors"]
        {"error.type"}
        "Errors of connections to Kafka: broker away, name not found, TLS, login (each from 0), access. A connection that was made and is closed by the other side is none",
        "The log says once in 30 s what it means and which setting it is about";
    RECONNECTIONS: Counter "kafka.eventbus.reconnections" ["reconnections"]
        {}
        "Attempts to connect to a broker again that this process was connected to, or had tried to be",
        "A few when brokers restart. Many: network, broker limits, or an idle timeout on the way";
    REBALANCES: Counter "kafka.eventbus.rebalances" ["rebalances"]
        {"messaging.kafka.consumer_group"}
        "Revocations and losses that took at least one partition away",
        "Two for each rolling restart. More: members that come and go, or sessions that time out";
    PUBLISH_ERRORS: Counter "kafka.eventbus.publish.errors" ["errors"]
        {"messaging.system", "messaging.destination", "event.type", "error.type"}
        "Records of handlers that the broker has refused for good; what it may take later is sent again and not counted",
        "Topic missing, not allowed, or record too large: the event's dead letter says which";
    PUBLISH_DURATION: Histogram "kafka.eventbus.publish.duration" ["ms"]
        {"messaging.destination"}
        "From handing over the first record that a try publishes to a topic to the broker's answer for the last, whether it took all of them or refused some for good",
        "Grows with the broker's `acks=all` time: slow replicas or disks, or a producer that lingers";
    CONSUME_DURATION: Histogram "kafka.eventbus.consume.duration" ["ms"]
        {"messaging.destination"}
        "From the first dispatch of an event to the last final verdict, without the time when every unfinished handler waits for a retry",
        "Compare with `handler.duration`: what is not in it is waiting for the broker or for a slower handler";
    HANDLER_DURATION: Histogram "kafka.eventbus.handler.duration" ["ms"]
        {"handler.name", "event.type"}
        "How long a try took, failures and faults too. In a batch: the call's time divided by its events",
        "`sandbus.handler.cpu_time` tells computing from waiting; `sandbus.handler.hostcall_time` what it waits for";
    BATCH_SIZE: Histogram "kafka.eventbus.batch.size" ["messages"]
        {}
        "Records that one try publishes to one topic, refused ones among them",
        "Large batches take longer to acknowledge, and fail as one";
    CONNECTIONS_ACTIVE: Gauge "kafka.eventbus.connections.active" ["connections"]
        {"messaging.kafka.consumer_group"}
        "1 while the group's member is connected to a broker and to its coordinator, 0 otherwise",
        "0: no broker, or no coordinator can be reached. What was read is worked on, nothing is lost";
    CONSUMER_LAG: Gauge "kafka.eventbus.consumer.lag" ["messages"]
        {"messaging.destination", "messaging.kafka.partition", "messaging.kafka.consumer_group"}
        "Last stable offset less the watermark, for each assigned partition; 0 when everything up to the end is final",
        "Grows in all partitions: more instances, hosts or partitions. In one: a key or an event that takes long";

    HANDLER_VERDICTS: Counter "sandbus.handler.verdicts" ["{try}"]
        {"handler.name", "verdict"}
        "Ends of tries: `ack`, `skip`, `retry`, `dead-letter`, `error`, `fault`. What ends after its partition was given up counts for nobody, here and in `handler.duration`, `handler.invocations` and `handler.errors`; what it cost counts",
        "`fault`: see `sandbus.handler.faults`. `retry` and `error`: what the handler depends on is away";
    HANDLER_CPU_TIME: Counter "sandbus.handler.cpu_time" ["s"]
        {"handler.name"}
        "CPU time of the handler's tries",
        "The cost of a component: `rate` is the number of cores it takes";
    HANDLER_HOSTCALL_TIME: Counter "sandbus.handler.hostcall_time" ["s"]
        {"handler.name", "import"}
        "Time that tries spent in the host's functions, by import",
        "Grows: the handler waits for what this import reaches, or calls it often";
    HANDLER_HOSTCALLS: Counter "sandbus.handler.hostcalls" ["{call}"]
        {"handler.name", "import"}
        "Calls of the host's functions, by import",
        "Many for each event: batch them in the handler";
    HANDLER_INSTANCES: Counter "sandbus.handler.instances" ["{instance}"]
        {"handler.name"}
        "Instances made; each batch that finds one ready uses it again",
        "Grows as fast as the tries under `fresh`. Under `reuse`: faults, or memory that grows";
    HANDLER_BATCHES: Counter "sandbus.handler.batches" ["{batch}"]
        {"handler.name"}
        "Calls into instances; less `sandbus.handler.instances` it is how often one was used again",
        "Tries by batches is the batch size";
    HANDLER_RETRIES: Counter "sandbus.handler.retries" ["{try}"]
        {"handler.name"}
        "Tries after the first",
        "What the handler depends on is away, or the handler fails: see `handler.errors`";
    HANDLER_FAULTS: Counter "sandbus.handler.faults" ["{fault}"]
        {"handler.name", "error.type"}
        "What the host saw go wrong in the handler: traps, limits, answers that are none",
        "A limit: raise it, if the component is to be trusted with more. A trap: a bug in the component";
    HANDLER_BATCH_FAULTS: Counter "sandbus.handler.batch_faults" ["{batch}"]
        {"handler.name"}
        "Batches that ended in a fault; their events run again, each alone",
        "Follows `sandbus.handler.faults`";
    HANDLER_DROPPED: Counter "sandbus.handler.dropped" ["{event}"]
        {"handler.name"}
        "Events given up and not kept, because dead letters are off. `handler.name` is empty for what no handler could be shown",
        "Each is an event that nobody will handle: turn dead letters on";
    HANDLER_ABANDONED: Counter "sandbus.handler.abandoned" ["{delivery}"]
        {"handler.name"}
        "Started deliveries given up by a rebalance or a shutdown; they are repeated. `handler.name` is empty for the dead letter of what no handler could be shown",
        "Raise `delivery.drain_timeout` or `delivery.shutdown_timeout` above what tries take";
    HANDLER_QUEUE_WAIT: Histogram "sandbus.handler.queue_wait" ["ms"]
        {"handler.name"}
        "From when an event has come, or its retry is due, until its try starts",
        "Grows before lag does: more `concurrency`, or less order (`ordering`)";
    HANDLER_IN_FLIGHT: UpDownCounter "sandbus.handler.in_flight" ["{event}"]
        {"handler.name"}
        "Events whose tries run now",
        "At `concurrency` times the batch size the handler is what bounds the throughput";
    HANDLER_WAITING: UpDownCounter "sandbus.handler.waiting" ["{event}"]
        {"handler.name"}
        "Events that wait for an instance now",
        "Grows: the handler is slower than what comes";
    HANDLER_BYTES_IN: Counter "sandbus.handler.bytes_in" ["By"]
        {"handler.name"}
        "Bytes of keys, values and headers given to the handler, for each try",
        "What the handler is sent";
    HANDLER_BYTES_OUT: Counter "sandbus.handler.bytes_out" ["By"]
        {"handler.name"}
        "Bytes of keys, values and headers that its successful tries publish",
        "What the handler sends";
    HANDLER_MEMORY: UpDownCounter "sandbus.handler.memory" ["By"]
        {"handler.name"}
        "Bytes of the memories of all instances of the handler that exist now",
        "Grows with busy instances up to `concurrency` times what one takes. Further: events that are larger, or a leak";
    HANDLER_MEMORY_PEAK: Gauge "sandbus.handler.memory_peak" ["By"]
        {"handler.name"}
        "The most memory that an instance of the handler has had",
        "Near `limits.memory`: events that are larger, or a leak; an instance is replaced before it hits it";
    HANDLER_INFO: Gauge "sandbus.handler.info" ["1"]
        {"handler.name", "digest", "generation"}
        "Which generation the handler runs now: always 1",
        "Join it to other series to tell versions apart";
    HANDLER_STATE: Gauge "sandbus.handler.state" ["1"]
        {"handler.name", "state"}
        "1 for the state that the handler is in, 0 for the others: `running`, `degraded` (half way to a quarantine), `quarantined`, `paused`",
        "`quarantined`: its tries fail one after the other, and its events wait. Mend it, or `sandbus handlers rollback`";
    HANDLER_RELOADS: Counter "sandbus.handler.reloads" ["{reload}"]
        {"handler.name", "outcome"}
        "Generations that were to take over: `applied`, `refused`, `rolled_back`",
        "`refused` and `rolled_back`: the log and `sandbus handlers list` say why; the generation before it works on";

    PARTITION_HELD_TIME: Gauge "sandbus.partition.held_time" ["s"]
        {"messaging.kafka.consumer_group", "messaging.destination", "messaging.kafka.partition", "handler.name"}
        "How long ago the event came that holds the partition's watermark, by who holds it; 0 where all is final",
        "`/api/v1/partitions` and the log name the event, its handler and its try";
    PARTITION_FULL: Gauge "sandbus.partition.full" ["1"]
        {"messaging.kafka.consumer_group", "messaging.destination", "messaging.kafka.partition"}
        "1 while nothing more of the partition is read, because its window or its share of the buffer is full",
        "A slow event holds the partition, or `delivery.window` is small for what is under way";
    PARTITION_HELD_EVENTS: UpDownCounter "sandbus.partition.held_events" ["{event}"]
        {"messaging.kafka.consumer_group", "messaging.destination", "messaging.kafka.partition"}
        "Events from the watermark to the newest that was read, final or not",
        "What a crash would repeat, at most";
    PARTITION_HELD_BYTES: UpDownCounter "sandbus.partition.held_bytes" ["By"]
        {"messaging.kafka.consumer_group", "messaging.destination", "messaging.kafka.partition"}
        "Bytes of the partition's events that are not final",
        "Near its share of `delivery.max_buffer` the partition is read no further";

    TELEMETRY_OVERFLOW: Counter "sandbus.telemetry.overflow" ["{value}"]
        {"label"}
        "What came with one value too many of a label (`event.type`, `error.type`, `messaging.destination`) and was counted as `_other`: each record, failed try or published batch once. `series`: attribute sets that found no room in a histogram of the host, and readings of `/metrics` at which the shared series of another instrument had changed",
        "Something puts identifiers into event types, errors or topics' names";
    TELEMETRY_REFUSED: Counter "sandbus.telemetry.refused" ["{measurement}"]
        {"handler.name", "error.type"}
        "Measurements of handlers that were refused: ill-formed, or over a bound",
        "The handler's log says which, at level `warn`";
    TELEMETRY_EXPORT_FAILURES: Counter "sandbus.telemetry.export_failures" ["{export}"]
        {"signal"}
        "Exports by OTLP that failed: what was in them is lost, but for metrics, which go with the next one",
        "The receiver is away or refuses: the log says why";
    TELEMETRY_DROPPED: Counter "sandbus.telemetry.dropped" ["{item}"]
        {"signal", "reason"}
        "Spans and log lines that were not exported because too many were waiting (`queue_full`); and, with points of metrics, what the receiver refused of an export that it took otherwise (`rejected`)",
        "`queue_full`: sample less, or raise `OTEL_BSP_MAX_QUEUE_SIZE` or `OTEL_BLRP_MAX_QUEUE_SIZE`. `rejected`: the log has the receiver's words";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_the_guides_come_first() {
        let names: HashSet<_> = ALL.iter().map(|definition| definition.name).collect();
        assert_eq!(names.len(), ALL.len());
        let guide = ALL.iter().take_while(|definition| definition.name.starts_with("kafka.eventbus.")).count();
        assert_eq!(guide, 15);
        assert!(ALL.iter().skip(guide).all(|definition| definition.name.starts_with("sandbus.")));
    }
}
