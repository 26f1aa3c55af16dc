//! Turns what an engine reports of one group into metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::{KeyValue, Value};

use super::labels::Bounded;
use super::partitions::{HolderStatus, PartitionStatus};
use super::{Instruments, Partitions};
use crate::delivery::partition::HandlerIndex;
use crate::delivery::ports::{Observer, Tried};
use crate::delivery::report::PartitionReport;
use crate::delivery::verdict::{Ending, error_type};
use crate::event::Record;

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
        Recorder { instruments, labels, partitions, group: group.into(), handlers }
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

impl Observer for Recorder {
    fn consumed(&self, record: &Record, event_type: &str) {
        let attributes = [
            KeyValue::new(SYSTEM.0, SYSTEM.1),
            destination(record.topic()),
            KeyValue::new("messaging.kafka.partition", i64::from(record.partition())),
            self.event_type(event_type),
        ];
        self.instruments.consumed.add(1, &attributes);
    }

    fn tried(&self, handler: HandlerIndex, event_type: &str, error_type: Option<&str>) {
        let [name, event_type] = [self.handler_name(Some(handler)), self.event_type(event_type)];
        match error_type {
            None => self.instruments.invocations.add(1, &[name, event_type]),
            Some(error_type) => {
                // A ratio of errors to invocations needs both, from the first error on.
                self.instruments.invocations.add(0, &[name.clone(), event_type.clone()]);
                self.instruments.errors.add(1, &[name, event_type, self.error_type(error_type)]);
            }
        }
    }

    fn measured(&self, handler: HandlerIndex, tried: &Tried, ending: &Ending) {
        let name = self.handler_name(Some(handler));
        let event_type = self.event_type(tried.run.event.event_type());
        self.instruments.handler_duration.record(milliseconds(tried.wall), &[name.clone(), event_type]);
        let verdict = KeyValue::new("verdict", ending.name());
        self.instruments.verdicts.add(1, &[name.clone(), verdict]);
        self.instruments.cpu_time.add(tried.cpu.as_secs_f64(), std::slice::from_ref(&name));
        if let Ending::Fault { kind, .. } = ending {
            self.instruments.faults.add(1, &[name.clone(), KeyValue::new("error.type", kind.name())]);
        }
        if let Some(handler) = self.handlers.get(usize::from(handler))
            && handler.memory_peak.fetch_max(tried.memory, Ordering::Relaxed) < tried.memory
        {
            self.instruments.memory_peak.record(tried.memory, &[name]);
        }
    }

    fn batch_fault(&self, handler: HandlerIndex) {
        self.instruments.batch_faults.add(1, &[self.handler_name(Some(handler))]);
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
