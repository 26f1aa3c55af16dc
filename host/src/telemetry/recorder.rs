//! Turns what an engine reports of one group into metrics.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use opentelemetry::metrics::{BoundCounter, BoundHistogram};
use opentelemetry::{KeyValue, Value};

use super::labels::Bounded;
use super::partitions::{HolderStatus, PartitionStatus};
use super::{Instruments, Partitions};
use crate::delivery::partition::HandlerIndex;
use crate::delivery::ports::{Observer, Ran, Tried};
use crate::delivery::report::PartitionReport;
use crate::delivery::verdict::{Ending, error_type};
use crate::event::TopicPartition;

/// Values of `event.type` and `error.type`, for the whole process.
#[derive(Debug, Default)]
pub struct Labels {
    event_types: Bounded,
    error_types: Bounded,
}

/// One group's recorder.
pub struct Recorder {
    instruments: Arc<Instruments>,
    labels: Arc<Labels>,
    partitions: Arc<Partitions>,
    group: Arc<str>,
    handlers: Vec<Handler>,
    series: Mutex<Series>,
}

struct Handler {
    name: Arc<str>,
    memory_peak: AtomicU64,
}

impl Recorder {
    /// For handlers with these names and digests, by their indices.
    pub fn new(
        instruments: Arc<Instruments>,
        labels: Arc<Labels>,
        partitions: Arc<Partitions>,
        group: &str,
        handlers: impl IntoIterator<Item = (Arc<str>, Arc<str>)>,
    ) -> Recorder {
        let handlers = handlers.into_iter().map(|(name, digest)| {
            let info = [
                KeyValue::new("handler.name", name.clone()),
                KeyValue::new("digest", digest.to_string()),
                KeyValue::new("generation", "1"),
            ];
            instruments.info.record(1, &info);
            Handler { name, memory_peak: AtomicU64::new(0) }
        });
        let handlers = handlers.collect();
        Recorder { instruments, labels, partitions, group: group.into(), handlers, series: Mutex::default() }
    }

    fn event_type(&self, event_type: &str) -> KeyValue {
        KeyValue::new("event.type", self.labels.event_types.value(event_type))
    }

    fn error_type(&self, error_type: &str) -> KeyValue {
        KeyValue::new("error.type", self.labels.error_types.value(error_type))
    }

    fn handler_name(&self, handler: Option<HandlerIndex>) -> KeyValue {
        let handler = handler.and_then(|handler| self.handlers.get(usize::from(handler)));
        KeyValue::new("handler.name", handler.map_or_else(|| Value::from(""), |handler| handler.name.clone().into()))
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
    verdicts: HashMap<(HandlerIndex, &'static str), BoundCounter<u64>, RandomState>,
    cpu: HashMap<HandlerIndex, BoundCounter<f64>, RandomState>,
}

/// A handler's tries of events of one type.
struct Handled {
    duration: BoundHistogram<f64>,
    invocations: BoundCounter<u64>,
}

impl Recorder {
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

impl Recorder {
    /// CPU and memory that tries of one batch took, whatever they ended in.
    fn took(&self, handler: HandlerIndex, tried: &[Tried]) {
        let name = || self.handler_name(Some(handler));
        let cpu: Duration = tried.iter().map(|tried| tried.cpu).sum();
        let mut series = self.series();
        let cpu_time = series.cpu.entry(handler).or_insert_with(|| self.instruments.cpu_time.bind(&[name()]));
        cpu_time.add(cpu.as_secs_f64());
        drop(series);
        let memory = tried.iter().map(|tried| tried.memory).max().unwrap_or_default();
        if let Some(handler) = self.handlers.get(usize::from(handler))
            && handler.memory_peak.fetch_max(memory, Ordering::Relaxed) < memory
        {
            self.instruments.memory_peak.record(memory, &[name()]);
        }
    }
}

impl Observer for Recorder {
    fn consumed(&self, topic_partition: &TopicPartition, event_type: &str, records: u64) {
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
        // A ratio of errors to invocations needs both, from the first error on.
        let successes = if error_type.is_none() { tries } else { 0 };
        self.handled(handler, event_type, |handled| handled.invocations.add(successes));
        if let Some(error_type) = error_type {
            let [name, event_type] = [self.handler_name(Some(handler)), self.event_type(event_type)];
            self.instruments.errors.add(tries, &[name, event_type, self.error_type(error_type)]);
        }
    }

    fn measured(&self, handler: HandlerIndex, tried: &[Tried]) {
        let Some(first) = tried.first() else { return };
        let Some(ending) = &first.ending else { return };
        self.handled(handler, first.run.event.event_type(), |handled| {
            tried.iter().for_each(|tried| handled.duration.record(milliseconds(tried.wall)));
        });
        let name = || self.handler_name(Some(handler));
        let mut series = self.series();
        let verdict = series
            .verdicts
            .entry((handler, ending.name()))
            .or_insert_with(|| self.instruments.verdicts.bind(&[name(), KeyValue::new("verdict", ending.name())]));
        verdict.add(tried.len() as u64);
        drop(series);
        if let Ending::Fault { kind, .. } = ending {
            self.instruments.faults.add(1, &[name(), KeyValue::new("error.type", kind.name())]);
        }
        self.took(handler, tried);
    }

    fn batch_fault(&self, handler: HandlerIndex, ran: &Ran) {
        self.instruments.batch_faults.add(1, &[self.handler_name(Some(handler))]);
        self.took(handler, &ran.tried);
    }

    fn retried(&self, handler: HandlerIndex) {
        self.instruments.retries.add(1, &[self.handler_name(Some(handler))]);
    }

    fn dead_lettered(&self, _: Option<HandlerIndex>, reason: &str, error_type: &str) {
        let attributes = [KeyValue::new("dlq.reason", reason.to_owned()), self.error_type(error_type)];
        self.instruments.dead_letters.add(1, &attributes);
    }

    fn dropped(&self, handler: Option<HandlerIndex>) {
        self.instruments.dropped.add(1, &[self.handler_name(handler)]);
    }

    fn abandoned(&self, handler: Option<HandlerIndex>, deliveries: u64) {
        self.instruments.abandoned.add(deliveries, &[self.handler_name(handler)]);
    }

    fn partitions(&self, partitions: Vec<PartitionReport>) {
        let name = |handler: HandlerIndex| self.handlers.get(usize::from(handler)).map(|handler| handler.name.clone());
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
        if !refused {
            self.instruments.publish_duration.record(milliseconds(took), &[destination(topic)]);
            self.instruments.batch_size.record(event_types.len() as f64, &[]);
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
