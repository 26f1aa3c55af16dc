//! The assigned partitions of every group, as they were within the last second: what `/api/v1/partitions`
//! answers, and the gauges `sandbus.partition.*`. What is given back disappears from both.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use serde::Serialize;

/// One assigned partition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartitionStatus {
    /// The consumer group.
    pub group: Arc<str>,
    /// The topic.
    pub topic: Arc<str>,
    /// The partition, from 0.
    pub partition: i32,
    /// The lowest offset that is not final; `null` before the first record.
    pub watermark: Option<i64>,
    /// Seconds since the event came that stands there; 0 where all is final.
    pub held_seconds: f64,
    /// Who holds it. Empty where it has just come.
    pub held_by: Vec<HolderStatus>,
    /// Events from the watermark to the newest that was read, final or not.
    pub events: u64,
    /// Bytes of those that are not final.
    pub bytes: u64,
    /// Whether reading waits, because `window` or the partition's share of `max_buffer` is full.
    pub full: bool,
}

/// A handler that holds a watermark.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HolderStatus {
    /// `handler.name`; `null` for the dead letter of an event that no handler can be shown.
    pub handler: Option<Arc<str>>,
    /// Where its delivery is.
    pub state: &'static str,
    /// The number of its try.
    pub attempt: u32,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Partitions(Mutex<BTreeMap<Arc<str>, Vec<PartitionStatus>>>);

impl Partitions {
    /// None yet; the gauges are made with `meter`.
    pub fn new(meter: &Meter) -> Arc<Partitions> {
        let partitions = Arc::new(Partitions::default());
        let gauge = |name: &'static str, unit: &'static str, description: &'static str, of: Reading| {
            let partitions = partitions.clone();
            meter
                .f64_observable_gauge(name)
                .with_unit(unit)
                .with_description(description)
                .with_callback(move |observer| {
                    for status in partitions.lock().values().flatten() {
                        of(status, &mut |value, handler| observer.observe(value, &attributes(status, handler)));
                    }
                })
                .build();
        };
        gauge(
            "sandbus.partition.held_time",
            "s",
            "How long ago the event came that holds the partition's watermark, by who holds it; 0 where all is final",
            |status, observe| match status.held_by.as_slice() {
                [] => observe(status.held_seconds, Some("")),
                holders => {
                    holders
                        .iter()
                        .for_each(|holder| observe(status.held_seconds, holder.handler.as_deref().or(Some(""))));
                }
            },
        );
        gauge(
            "sandbus.partition.full",
            "1",
            "1 while nothing more of the partition is read, because its window or its share of the buffer is full",
            |status, observe| observe(f64::from(u8::from(status.full)), None),
        );
        gauge(
            "sandbus.partition.held_events",
            "{event}",
            "Events from the watermark to the newest that was read, final or not",
            |status, observe| observe(status.events as f64, None),
        );
        gauge(
            "sandbus.partition.held_bytes",
            "By",
            "Bytes of the partition's events that are not final",
            |status, observe| observe(status.bytes as f64, None),
        );
        partitions
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Vec<PartitionStatus>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a group holds now, in place of what it held.
    pub fn set(&self, group: &Arc<str>, partitions: Vec<PartitionStatus>) {
        self.lock().insert(group.clone(), partitions);
    }

    /// All of them, by group, topic and partition.
    pub fn all(&self) -> Vec<PartitionStatus> {
        self.lock().values().flatten().cloned().collect()
    }
}

/// Calls back with each value of a partition, and the handler it is about if it is about one.
type Reading = fn(&PartitionStatus, &mut dyn FnMut(f64, Option<&str>));

fn attributes(status: &PartitionStatus, handler: Option<&str>) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("messaging.kafka.consumer_group", status.group.clone()),
        KeyValue::new("messaging.destination", status.topic.clone()),
        KeyValue::new("messaging.kafka.partition", i64::from(status.partition)),
    ];
    attributes.extend(handler.map(|handler| KeyValue::new("handler.name", handler.to_owned())));
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Telemetry;

    fn status(partition: i32, held_by: Vec<HolderStatus>) -> PartitionStatus {
        PartitionStatus {
            group: "g".into(),
            topic: "t".into(),
            partition,
            watermark: Some(7),
            held_seconds: 31.0,
            held_by,
            events: 3,
            bytes: 300,
            full: partition == 1,
        }
    }

    #[test]
    fn gauges_follow_what_is_held_and_disappear_with_it() {
        let config = crate::config::Telemetry {
            enable_metrics: true,
            enable_tracing: false,
            otlp_endpoint: None,
            otlp_protocol: None,
            export_logs: false,
        };
        let telemetry = Telemetry::start(&config).unwrap();
        let partitions = telemetry.partitions();
        let holder = HolderStatus { handler: Some("h".into()), state: "running", attempt: 1 };
        partitions.set(&"g".into(), vec![status(0, vec![holder]), status(1, vec![])]);
        let text = telemetry.prometheus().unwrap();
        let labels = |handler: &str, partition: &str| {
            format!(
                "{{{handler}messaging_destination=\"t\",messaging_kafka_consumer_group=\"g\",messaging_kafka_partition=\"{partition}\"}}"
            )
        };
        for line in [
            format!("sandbus_partition_held_time{} 31", labels("handler_name=\"h\",", "0")),
            format!("sandbus_partition_held_time{} 31", labels("handler_name=\"\",", "1")),
            format!("sandbus_partition_full{} 1", labels("", "1")),
            format!("sandbus_partition_full{} 0", labels("", "0")),
            format!("sandbus_partition_held_events{} 3", labels("", "0")),
            format!("sandbus_partition_held_bytes{} 300", labels("", "0")),
        ] {
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
        partitions.set(&"g".into(), vec![]);
        assert!(!telemetry.prometheus().unwrap().contains("sandbus_partition_"));
        assert_eq!(partitions.all(), []);
    }
}
