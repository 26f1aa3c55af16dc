//! The assigned partitions of every group, as they were within the last second: what `/api/v1/partitions`
//! answers, and the gauges `sandbus.partition.*`. What is given back disappears from both.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};
use schemars::JsonSchema;
use serde::Serialize;

use super::definitions::{self, Definition};
use crate::event::TopicPartition;

/// One assigned partition.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
pub struct PartitionStatus {
    /// The consumer group.
    pub group: Arc<str>,
    /// The topic.
    pub topic: Arc<str>,
    /// The partition, from 0.
    pub partition: i32,
    /// The lowest offset that is not final; `null` before the first record.
    pub watermark: Option<i64>,
    /// Last stable offset less the watermark; `null` as long as one of them is not known.
    pub lag: Option<i64>,
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

impl PartitionStatus {
    /// Which partition.
    pub fn topic_partition(&self) -> TopicPartition {
        TopicPartition { topic: self.topic.clone(), partition: self.partition }
    }
}

/// A handler that holds a watermark.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
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
pub struct Partitions(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    groups: BTreeMap<Arc<str>, Vec<PartitionStatus>>,
    /// Last stable offsets.
    ends: HashMap<TopicPartition, i64>,
}

impl Known {
    fn all(&self) -> impl Iterator<Item = PartitionStatus> + '_ {
        self.groups.values().flatten().map(|status| {
            let end = self.ends.get(&status.topic_partition());
            // The end was asked for some time before or after.
            let lag = end.zip(status.watermark).map(|(end, watermark)| (end - watermark).max(0));
            PartitionStatus { lag, ..status.clone() }
        })
    }
}

impl Partitions {
    /// None yet; the gauges are made with `meter`.
    pub fn new(meter: &Meter) -> Arc<Partitions> {
        let partitions = Arc::new(Partitions::default());
        let gauge = |of: Definition, read: Reading| {
            let partitions = partitions.clone();
            let gauge = meter.f64_observable_gauge(of.name).with_unit(of.unit).with_description(of.description);
            let tell = move |observer: &dyn AsyncInstrument<f64>| {
                for status in partitions.all() {
                    read(&status, &mut |value, handler| observer.observe(value, &attributes(&status, handler)));
                }
            };
            gauge.with_callback(tell).build();
        };
        // Those of all partitions may be added.
        let up_down = |of: Definition, read: Reading| {
            let partitions = partitions.clone();
            let sum = meter.f64_observable_up_down_counter(of.name).with_unit(of.unit).with_description(of.description);
            let tell = move |observer: &dyn AsyncInstrument<f64>| {
                for status in partitions.all() {
                    read(&status, &mut |value, handler| observer.observe(value, &attributes(&status, handler)));
                }
            };
            sum.with_callback(tell).build();
        };
        gauge(definitions::CONSUMER_LAG, |status, observe| {
            if let Some(lag) = status.lag {
                observe(lag as f64, None);
            }
        });
        gauge(definitions::PARTITION_HELD_TIME, |status, observe| match status.held_by.as_slice() {
            [] => observe(status.held_seconds, Some("")),
            holders => {
                holders.iter().for_each(|holder| observe(status.held_seconds, holder.handler.as_deref().or(Some(""))));
            }
        });
        gauge(definitions::PARTITION_FULL, |status, observe| observe(f64::from(u8::from(status.full)), None));
        up_down(definitions::PARTITION_HELD_EVENTS, |status, observe| observe(status.events as f64, None));
        up_down(definitions::PARTITION_HELD_BYTES, |status, observe| observe(status.bytes as f64, None));
        partitions
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a group holds now, in place of what it held.
    pub fn set(&self, group: &Arc<str>, partitions: Vec<PartitionStatus>) {
        self.lock().groups.insert(group.clone(), partitions);
    }

    /// Where partitions end now. Of those that are missing, what was known last stands for as long as they are held.
    pub fn set_ends(&self, ends: impl IntoIterator<Item = (TopicPartition, i64)>) {
        let mut known = self.lock();
        let Known { groups, ends: before } = &mut *known;
        let held: HashSet<_> = groups.values().flatten().map(PartitionStatus::topic_partition).collect();
        before.retain(|of, _| held.contains(of));
        before.extend(ends);
    }

    /// All of them, by group, topic and partition.
    pub fn all(&self) -> Vec<PartitionStatus> {
        self.lock().all().collect()
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

    fn status(partition: i32, held_by: Vec<HolderStatus>) -> PartitionStatus {
        PartitionStatus {
            group: "g".into(),
            topic: "t".into(),
            partition,
            watermark: Some(7),
            lag: None,
            held_seconds: 31.0,
            held_by,
            events: 3,
            bytes: 300,
            full: partition == 1,
        }
    }

    #[test]
    fn gauges_follow_what_is_held_and_disappear_with_it() {
        let telemetry = crate::telemetry::page_alone();
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
        assert!(!text.contains("lag"), "no end is known: {text}");
        partitions.set_ends([(TopicPartition { topic: "t".into(), partition: 1 }, 9)]);
        let text = telemetry.prometheus().unwrap();
        let line = format!("kafka_eventbus_consumer_lag{} 2", labels("", "1"));
        assert!(text.contains(&line) && text.matches("consumer_lag{").count() == 1, "{text}");
        partitions.set_ends([(TopicPartition { topic: "t".into(), partition: 1 }, 5)]);
        let lags = || partitions.all().iter().map(|status| status.lag).collect::<Vec<_>>();
        assert_eq!(lags(), [None, Some(0)]);
        partitions.set_ends([(TopicPartition { topic: "t".into(), partition: 0 }, 8)]);
        assert_eq!(lags(), [Some(1), Some(0)], "of the other, what was known stands");
        partitions.set(&"g".into(), vec![]);
        let text = telemetry.prometheus().unwrap();
        assert!(!text.contains("sandbus_partition_") && !text.contains("lag"), "{text}");
        assert_eq!(partitions.all(), []);
    }
}
