//! Turns what an engine reports of one group into metrics.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use opentelemetry::{KeyValue, Value};

use super::labels::Labels;
use super::partitions::{HolderStatus, PartitionStatus};
use super::tally::Tally;
use super::{Groups, Instruments, Partitions, Telemetry};
use crate::delivery::partition::HandlerIndex;
use crate::delivery::ports::{Observer, Published, Ran, Tried};
use crate::delivery::report::{HandlerLoad, HandlerState, PartitionReport};
use crate::delivery::verdict::{Ending, FaultKind, Reason, error_type, is_own_word};
use crate::event::TopicPartition;

mod handler;
mod series;
#[cfg(test)]
mod tests;

pub use handler::{APPLIED, REFUSED, ROLLED_BACK, Watched};

use handler::Handler;
use series::{Handled, Series, destination, system};

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

impl Recorder {
    /// For these handlers, by their indices.
    pub fn new<'a>(telemetry: &Telemetry, group: &str, handlers: impl IntoIterator<Item = Watched<'a>>) -> Recorder {
        let instruments = telemetry.instruments().clone();
        let consumer_group = KeyValue::new("messaging.kafka.consumer_group", group.to_owned());
        instruments.rebalances.add(0, &[consumer_group]);
        telemetry.groups().connected(group, false);
        let labels = telemetry.labels().clone();
        let handlers = handlers.into_iter().map(|watched| Arc::new(Handler::new(&instruments, &labels, &watched)));
        let handlers = RwLock::new(handlers.collect());
        begin(&instruments);
        Recorder {
            on: telemetry.counts(),
            batch_size: instruments.batch_size.bind(&[]),
            instruments,
            labels,
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

    /// One more handler, at the next index.
    pub fn add(&self, watched: &Watched<'_>) {
        let handler = Arc::new(Handler::new(&self.instruments, &self.labels, watched));
        self.handlers.write().unwrap_or_else(PoisonError::into_inner).push(handler);
    }

    fn handler(&self, handler: HandlerIndex) -> Option<Arc<Handler>> {
        self.handlers.read().unwrap_or_else(PoisonError::into_inner).get(usize::from(handler)).cloned()
    }

    /// The handler, where anybody reads what is counted.
    fn counted(&self, handler: HandlerIndex) -> Option<Arc<Handler>> {
        if self.on { self.handler(handler) } else { None }
    }

    /// What an `error.type` is called, and whether that is a word of the host's own. Guests may use up the names that are
    /// kept, but not those.
    fn error_kind(&self, error_type: &str, tries: u64) -> (Arc<str>, bool) {
        if is_own_word(error_type) {
            return (error_type.into(), true);
        }
        (self.labels.error_types.counted(error_type, tries), false)
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

/// What belongs to no handler and can be known all the same, from 0.
fn begin(instruments: &Instruments) {
    let nobody = KeyValue::new("handler.name", "");
    instruments.dropped.add(0, std::slice::from_ref(&nobody));
    instruments.abandoned.add(0, &[nobody]);
    for reason in [Reason::Deserialization, Reason::Rejected, Reason::PublishRejected] {
        // They say it twice.
        dead_letters(instruments, reason.name(), reason.name().into(), 0);
    }
    let faults = FaultKind::ALL.iter().map(|fault| fault.name());
    for error_type in faults.chain([error_type::RETRY, error_type::OTHER]) {
        dead_letters(instruments, Reason::MaxRetriesExceeded.name(), error_type.into(), 0);
    }
}

fn dead_letters(instruments: &Instruments, reason: &str, error_type: Arc<str>, letters: u64) {
    let attributes = [KeyValue::new("dlq.reason", reason.to_owned()), KeyValue::new("error.type", error_type)];
    instruments.dead_letters.add(letters, &attributes);
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
        if handler.is_more_memory(memory) {
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
        let mut series = self.series();
        match series.finished.get(topic) {
            Some(tally) => tally.record(milliseconds(took), events),
            None => {
                let tally = self.instruments.consume_duration.bind(&[destination(topic)]);
                tally.record(milliseconds(took), events);
                series.finished.insert(topic.clone(), tally);
            }
        }
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
        let event_type = self.labels.event_types.counted(event_type, records);
        let mut series = self.series();
        let bound = series.consumed.entry((topic_partition.clone(), event_type)).or_insert_with_key(|key| {
            self.instruments.consumed.bind(&[
                system(),
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
        let Some(error_type) = error_type else { return };
        let [name, event_type] = [self.handler_name(Some(handler)), self.event_type(event_type)];
        let (kind, own) = self.error_kind(error_type, tries);
        self.instruments.errors.add(tries, &[name, event_type, KeyValue::new("error.type", kind.clone())]);
        // If it comes to a dead letter, that will be one more.
        if !own && self.series().kinds.insert(kind.clone()) {
            dead_letters(&self.instruments, Reason::MaxRetriesExceeded.name(), kind, 0);
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
            && let Some(verdict) = handler.verdict(ending)
        {
            verdict.add(tried.len() as u64);
        }
        if let Ending::Fault { kind, .. } = ending {
            let fault = KeyValue::new("error.type", kind.name());
            self.instruments.faults.add(1, &[self.handler_name(Some(handler)), fault]);
        }
    }

    fn batch_fault(&self, handler: HandlerIndex, _: &Ran) {
        if let Some(handler) = self.counted(handler) {
            handler.batch_faults.add(1);
        }
    }

    fn retried(&self, handler: HandlerIndex) {
        if let Some(handler) = self.counted(handler) {
            handler.retries.add(1);
        }
    }

    fn dead_lettered(&self, _: Option<HandlerIndex>, reason: &str, error_type: &str) {
        if self.on {
            // It has been counted with the try.
            let (kind, _) = self.error_kind(error_type, 0);
            dead_letters(&self.instruments, reason, kind, 1);
        }
    }

    fn dropped(&self, handler: Option<HandlerIndex>) {
        match handler.map(|handler| self.counted(handler)) {
            Some(handler) => handler.iter().for_each(|handler| handler.dropped.add(1)),
            None if self.on => self.instruments.dropped.add(1, &[self.handler_name(None)]),
            None => {}
        }
    }

    fn abandoned(&self, handler: Option<HandlerIndex>, deliveries: u64) {
        match handler.map(|handler| self.counted(handler)) {
            Some(handler) => handler.iter().for_each(|handler| handler.abandoned.add(deliveries)),
            None if self.on => self.instruments.abandoned.add(deliveries, &[self.handler_name(None)]),
            None => {}
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

    fn published(&self, batch: &Published) {
        if !self.on {
            return;
        }
        let topic = self.labels.destinations.counted(&batch.topic, 1);
        let mut series = self.series();
        let outlet = series.outlet(&self.instruments, topic.clone());
        for of_type in &batch.records {
            let (taken, refused) = (of_type.taken, of_type.refused);
            let event_type = self.labels.event_types.counted(&of_type.event_type, taken + refused);
            let counters = outlet.of_type(&self.instruments, &topic, event_type);
            // A ratio of refused ones to all needs both.
            counters.published.add(taken);
            if refused > 0 {
                counters.refused(&self.instruments).add(refused);
            }
        }
        if let Some(took) = batch.took {
            outlet.duration.record(milliseconds(took), 1);
            self.batch_size.record(batch.len() as f64, 1);
        }
    }
}
