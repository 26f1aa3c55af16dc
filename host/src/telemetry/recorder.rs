//! Turns what an engine reports of one group into metrics.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use foldhash::fast::RandomState;
use opentelemetry::metrics::{BoundCounter, Meter};
use opentelemetry::{KeyValue, Value};

use super::definitions::TELEMETRY_OVERFLOW;
use super::labels::Bounded;
use super::partitions::{HolderStatus, PartitionStatus};
use super::tally::Tally;
use super::{Groups, Instruments, Partitions, Telemetry};
use crate::delivery::partition::HandlerIndex;
use crate::delivery::ports::{Observer, Ran, Tried};
use crate::delivery::report::{HandlerLoad, HandlerState, PartitionReport};
use crate::delivery::verdict::{Ending, FaultKind, error_type, is_own_word};
use crate::event::TopicPartition;

/// Values of `event.type` and `error.type`, for the whole process.
#[derive(Debug, Default)]
pub struct Labels {
    event_types: Bounded,
    error_types: Bounded,
}

impl Labels {
    /// None yet. What overflows is counted with `meter`.
    pub fn new(meter: &Meter) -> Arc<Labels> {
        let labels = Arc::new(Labels::default());
        let of = labels.clone();
        let counter = meter.u64_observable_counter(TELEMETRY_OVERFLOW.name).with_unit(TELEMETRY_OVERFLOW.unit);
        counter
            .with_description(TELEMETRY_OVERFLOW.description)
            .with_callback(move |observer| {
                for (label, values) in [("event.type", &of.event_types), ("error.type", &of.error_types)] {
                    observer.observe(values.overflowed(), &[KeyValue::new("label", label)]);
                }
            })
            .build();
        labels
    }
}

/// One group's recorder.
pub struct Recorder {
    /// Whether anybody reads what is counted. What is held and what has to be done is told in any case.
    on: bool,
    instruments: Arc<Instruments>,
    labels: Arc<Labels>,
    partitions: Arc<Partitions>,
    groups: Arc<Groups>,
    group: Arc<str>,
    /// By their indices. Only the engine looks, but for when one is added.
    handlers: RwLock<Vec<Arc<Handler>>>,
    batch_size: Tally,
    series: Mutex<Series>,
}

/// What is known of a handler when it is loaded.
pub struct Watched<'a> {
    /// `handler.name`.
    pub name: Arc<str>,
    /// Event types that it is sure to name.
    pub event_types: Vec<&'a str>,
}

/// Outcomes of a reload.
pub const APPLIED: &str = "applied";
/// It stays as it was.
pub const REFUSED: &str = "refused";
/// It was applied, and taken back.
pub const ROLLED_BACK: &str = "rolled_back";

/// A handler's series, but for those that are about an event type.
struct Handler {
    name: Arc<str>,
    most_memory: AtomicU64,
    verdicts: [(&'static str, BoundCounter<u64>); 6],
    cpu_time: BoundCounter<f64>,
    instances: BoundCounter<u64>,
    batches: BoundCounter<u64>,
    retries: BoundCounter<u64>,
    batch_faults: BoundCounter<u64>,
    dropped: BoundCounter<u64>,
    abandoned: BoundCounter<u64>,
    bytes_in: BoundCounter<u64>,
    bytes_out: BoundCounter<u64>,
    queue_wait: Tally,
}

impl Handler {
    /// All of them stand at 0 from now on, so that the first of each is seen as one more.
    fn new(instruments: &Instruments, watched: &Watched<'_>) -> Handler {
        let name = KeyValue::new("handler.name", watched.name.clone());
        for outcome in [APPLIED, REFUSED, ROLLED_BACK] {
            instruments.reloads.add(0, &[name.clone(), KeyValue::new("outcome", outcome)]);
        }
        let bind = |counter: &opentelemetry::metrics::Counter<u64>| {
            let bound = counter.bind(std::slice::from_ref(&name));
            bound.add(0);
            bound
        };
        let cpu_time = instruments.cpu_time.bind(std::slice::from_ref(&name));
        cpu_time.add(0.0);
        for fault in FaultKind::ALL {
            instruments.faults.add(0, &[name.clone(), KeyValue::new("error.type", fault.name())]);
        }
        for event_type in &watched.event_types {
            instruments.invocations.add(0, &[name.clone(), KeyValue::new("event.type", (*event_type).to_owned())]);
        }
        Handler {
            most_memory: AtomicU64::new(0),
            verdicts: Ending::NAMES.map(|verdict| {
                let bound = instruments.verdicts.bind(&[name.clone(), KeyValue::new("verdict", verdict)]);
                bound.add(0);
                (verdict, bound)
            }),
            cpu_time,
            instances: bind(&instruments.instances),
            batches: bind(&instruments.batches),
            retries: bind(&instruments.retries),
            batch_faults: bind(&instruments.batch_faults),
            dropped: bind(&instruments.dropped),
            abandoned: bind(&instruments.abandoned),
            bytes_in: bind(&instruments.bytes_in),
            bytes_out: bind(&instruments.bytes_out),
            queue_wait: instruments.queue_wait.bind(std::slice::from_ref(&name)),
            name: watched.name.clone(),
        }
    }
}

impl Recorder {
    /// For these handlers, by their indices.
    pub fn new<'a>(telemetry: &Telemetry, group: &str, handlers: impl IntoIterator<Item = Watched<'a>>) -> Recorder {
        let instruments = telemetry.instruments().clone();
        let consumer_group = KeyValue::new("messaging.kafka.consumer_group", group.to_owned());
        instruments.rebalances.add(0, &[consumer_group]);
        telemetry.groups().connected(group, false);
        let handlers = handlers.into_iter().map(|watched| Arc::new(Handler::new(&instruments, &watched)));
        let handlers = RwLock::new(handlers.collect());
        Recorder {
            on: telemetry.counts(),
            batch_size: instruments.batch_size.bind(&[]),
            instruments,
            labels: telemetry.labels().clone(),
            partitions: telemetry.partitions().clone(),
            groups: telemetry.groups().clone(),
            group: group.into(),
            handlers,
            series: Mutex::default(),
        }
    }

    fn event_type(&self, event_type: &str) -> KeyValue {
        KeyValue::new("event.type", self.labels.event_types.value(event_type))
    }

    fn error_type(&self, error_type: &str) -> KeyValue {
        // Guests may use up the names that are kept, but not those of faults.
        let value = if is_own_word(error_type) { error_type.into() } else { self.labels.error_types.value(error_type) };
        KeyValue::new("error.type", value)
    }

    /// One more handler, at the next index.
    pub fn add(&self, watched: &Watched<'_>) {
        let handler = Arc::new(Handler::new(&self.instruments, watched));
        self.handlers.write().unwrap_or_else(PoisonError::into_inner).push(handler);
    }

    fn handler(&self, handler: HandlerIndex) -> Option<Arc<Handler>> {
        self.handlers.read().unwrap_or_else(PoisonError::into_inner).get(usize::from(handler)).cloned()
    }

    fn handler_name(&self, handler: Option<HandlerIndex>) -> KeyValue {
        let handler = handler.and_then(|handler| self.handler(handler));
        KeyValue::new("handler.name", handler.map_or_else(|| Value::from(""), |handler| handler.name.clone().into()))
    }

    fn series(&self) -> MutexGuard<'_, Series> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handled<T>(&self, handler: HandlerIndex, event_type: &str, record: impl FnOnce(&Handled) -> T) -> T {
        let event_type = self.labels.event_types.value(event_type);
        let mut series = self.series();
        let handled = series.handled.entry((handler, event_type)).or_insert_with_key(|(_, event_type)| {
            let attributes = [self.handler_name(Some(handler)), KeyValue::new("event.type", event_type.clone())];
            Handled {
                duration: self.instruments.handler_duration.bind(&attributes),
                invocations: self.instruments.invocations.bind(&attributes),
            }
        });
        record(handled)
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn destination(topic: &str) -> KeyValue {
    KeyValue::new("messaging.destination", topic.to_owned())
}

const SYSTEM: (&str, &str) = ("messaging.system", "kafka");

/// Bound series, so that recording looks nothing up but the series itself.
#[derive(Default)]
struct Series {
    consumed: HashMap<(TopicPartition, Arc<str>), BoundCounter<u64>, RandomState>,
    handled: HashMap<(HandlerIndex, Arc<str>), Handled, RandomState>,
    finished: OfTopics,
    published: OfTopics,
}

/// Histograms by topic.
type OfTopics = HashMap<Arc<str>, Tally, RandomState>;

/// Records in the series of a topic.
fn record(tallies: &mut OfTopics, topic: &str, bind: impl FnOnce() -> Tally, value: f64, times: u64) {
    match tallies.get(topic) {
        Some(tally) => tally.record(value, times),
        None => {
            let tally = bind();
            tally.record(value, times);
            tallies.insert(topic.into(), tally);
        }
    }
}

/// A handler's tries of events of one type.
struct Handled {
    duration: Tally,
    invocations: BoundCounter<u64>,
}

impl Observer for Recorder {
    fn started(&self, handler: HandlerIndex, waited: Duration, events: u64, bytes: u64) {
        if !self.on {
            return;
        }
        let Some(handler) = self.handler(handler) else { return };
        handler.queue_wait.record(milliseconds(waited), events);
        handler.bytes_in.add(bytes);
    }

    fn ran(&self, index: HandlerIndex, ran: &Ran) {
        if !self.on {
            return;
        }
        let Some(handler) = self.handler(index) else { return };
        handler.batches.add(1);
        if ran.made > 0 {
            handler.instances.add(ran.made.into());
        }
        for (import, calls, time) in &ran.host_calls {
            let attributes = [self.handler_name(Some(index)), KeyValue::new("import", *import)];
            self.instruments.hostcalls.add(*calls, &attributes);
            self.instruments.hostcall_time.add(time.as_secs_f64(), &attributes);
        }
        let cpu: Duration = ran.tried.iter().map(|tried| tried.cpu).sum();
        handler.cpu_time.add(cpu.as_secs_f64());
        let memory = ran.tried.iter().map(|tried| tried.memory).max().unwrap_or_default();
        if handler.most_memory.fetch_max(memory, Ordering::Relaxed) < memory {
            self.instruments.memory_peak.record(memory, &[self.handler_name(Some(index))]);
        }
        let published = ran.tried.iter().flat_map(|tried| &tried.outbox).map(|record| record.payload_bytes() as u64);
        let published: u64 = published.sum();
        if published > 0 {
            handler.bytes_out.add(published);
        }
    }

    fn finished(&self, topic_partition: &TopicPartition, took: Duration, events: u64) {
        if !self.on {
            return;
        }
        let topic = &topic_partition.topic;
        let bind = || self.instruments.consume_duration.bind(&[destination(topic)]);
        record(&mut self.series().finished, topic, bind, milliseconds(took), events);
    }

    fn load(&self, load: Vec<HandlerLoad>) {
        let handlers = self.handlers.read().unwrap_or_else(PoisonError::into_inner);
        let loads = handlers.iter().map(|handler| handler.name.clone()).zip(load);
        let loads = loads.filter(|(_, load)| load.state != HandlerState::Removed).collect();
        self.groups.load(&self.group, loads);
    }

    fn consumed(&self, topic_partition: &TopicPartition, event_type: &str, records: u64) {
        if !self.on {
            return;
        }
        let event_type = self.labels.event_types.value(event_type);
        let mut series = self.series();
        let bound = series.consumed.entry((topic_partition.clone(), event_type)).or_insert_with_key(|key| {
            self.instruments.consumed.bind(&[
                KeyValue::new(SYSTEM.0, SYSTEM.1),
                destination(&topic_partition.topic),
                KeyValue::new("messaging.kafka.partition", i64::from(topic_partition.partition)),
                KeyValue::new("event.type", key.1.clone()),
            ])
        });
        bound.add(records);
    }

    fn tried(&self, handler: HandlerIndex, event_type: &str, error_type: Option<&str>, tries: u64) {
        if !self.on {
            return;
        }
        // A ratio of errors to invocations needs both, from the first error on.
        let successes = if error_type.is_none() { tries } else { 0 };
        self.handled(handler, event_type, |handled| handled.invocations.add(successes));
        if let Some(error_type) = error_type {
            let [name, event_type] = [self.handler_name(Some(handler)), self.event_type(event_type)];
            self.instruments.errors.add(tries, &[name, event_type, self.error_type(error_type)]);
        }
    }

    fn measured(&self, handler: HandlerIndex, tried: &[Tried]) {
        if !self.on {
            return;
        }
        let Some(first) = tried.first() else { return };
        let Some(ending) = &first.ending else { return };
        self.handled(handler, first.run.event.event_type(), |handled| {
            // In a batch they took as long.
            for alike in tried.chunk_by(|one, other| one.wall == other.wall) {
                let [first, ..] = alike else { continue };
                handled.duration.record(milliseconds(first.wall), alike.len() as u64);
            }
        });
        if let Some(handler) = self.handler(handler)
            && let Some((_, verdict)) = handler.verdicts.iter().find(|(name, _)| *name == ending.name())
        {
            verdict.add(tried.len() as u64);
        }
        if let Ending::Fault { kind, .. } = ending {
            let fault = KeyValue::new("error.type", kind.name());
            self.instruments.faults.add(1, &[self.handler_name(Some(handler)), fault]);
        }
    }

    fn batch_fault(&self, handler: HandlerIndex, _: &Ran) {
        if let Some(handler) = self.handler(handler) {
            handler.batch_faults.add(1);
        }
    }

    fn retried(&self, handler: HandlerIndex) {
        if let Some(handler) = self.handler(handler) {
            handler.retries.add(1);
        }
    }

    fn dead_lettered(&self, _: Option<HandlerIndex>, reason: &str, error_type: &str) {
        let attributes = [KeyValue::new("dlq.reason", reason.to_owned()), self.error_type(error_type)];
        self.instruments.dead_letters.add(1, &attributes);
    }

    fn dropped(&self, handler: Option<HandlerIndex>) {
        match handler.and_then(|handler| self.handler(handler)) {
            Some(handler) => handler.dropped.add(1),
            None => self.instruments.dropped.add(1, &[self.handler_name(None)]),
        }
    }

    fn abandoned(&self, handler: Option<HandlerIndex>, deliveries: u64) {
        match handler.and_then(|handler| self.handler(handler)) {
            Some(handler) => handler.abandoned.add(deliveries),
            None => self.instruments.abandoned.add(deliveries, &[self.handler_name(None)]),
        }
    }

    fn partitions(&self, partitions: Vec<PartitionReport>) {
        let name = |handler: HandlerIndex| self.handler(handler).map(|handler| handler.name.clone());
        let statuses = partitions.into_iter().map(|report| {
            let holders = report.holders.iter().map(|holder| HolderStatus {
                handler: holder.handler.and_then(name),
                state: holder.stage.name(),
                attempt: holder.attempt,
            });
            PartitionStatus {
                group: self.group.clone(),
                topic: report.topic_partition.topic,
                partition: report.topic_partition.partition,
                watermark: report.watermark,
                lag: None,
                held_seconds: report.held_for.as_secs_f64(),
                held_by: holders.collect(),
                events: report.records,
                bytes: report.bytes,
                full: report.full,
            }
        });
        self.partitions.set(&self.group, statuses.collect());
    }

    fn published(&self, topic: &str, event_types: &[String], took: Duration, refused: bool) {
        if !self.on {
            return;
        }
        if !refused {
            let bind = || self.instruments.publish_duration.bind(&[destination(topic)]);
            record(&mut self.series().published, topic, bind, milliseconds(took), 1);
            self.batch_size.record(event_types.len() as f64, 1);
        }
        for event_type in event_types {
            let mut attributes =
                vec![KeyValue::new(SYSTEM.0, SYSTEM.1), destination(topic), self.event_type(event_type)];
            if refused {
                attributes.push(self.error_type(error_type::PUBLISH_REJECTED));
                self.instruments.publish_errors.add(1, &attributes);
            } else {
                self.instruments.published.add(1, &attributes);
            }
        }
    }
}
