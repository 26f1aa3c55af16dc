//! Where reading begins in each partition of an assignment: at what the group has committed, else as
//! `auto_offset_reset` says.
//!
//! `"latest"` is found out once and committed like a watermark: a host that is stopped before it handled
//! anything goes on from there, and what was written meanwhile is not passed over. A partition that came
//! later than this process saw its topic first is read from its beginning: nothing in it is older than the
//! group's start. A position that is gone, by retention or `DeleteRecords`, has nothing to do with all that:
//! the oldest record that there still is comes next.

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::config::OffsetReset;

/// How long one question to the brokers may take. They are asked again.
const ASK: Duration = Duration::from_secs(1);

/// Where one partition begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Its topic.
    pub topic: String,
    /// The partition, from 0.
    pub partition: i32,
    /// From where it is read.
    pub offset: Offset,
    /// That offset, where it is known: it is committed even if nothing comes.
    pub commit: Option<i64>,
}

/// Finds starts for one group.
pub struct Starts {
    reset: OffsetReset,
    /// Topics whose end is where the group begins.
    latest: Vec<String>,
    /// How many partitions each of them had when it was first seen.
    partitions: HashMap<String, i32>,
}

impl Starts {
    /// For a group that is configured so. Topics that are none of its sources are always read from their
    /// beginning.
    pub fn new(reset: OffsetReset, sources: Vec<String>) -> Starts {
        let latest = if reset == OffsetReset::Latest { sources } else { Vec::new() };
        Starts { reset, latest, partitions: HashMap::new() }
    }

    /// One more of its sources.
    pub fn add(&mut self, source: &str) {
        if self.reset == OffsetReset::Latest && !self.latest.iter().any(|known| known == source) {
            self.latest.push(source.to_owned());
        }
    }

    /// The start of each of these partitions.
    ///
    /// # Errors
    /// Where a broker does not answer: to be asked again.
    pub fn find<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        partitions: &TopicPartitionList,
    ) -> KafkaResult<Vec<Start>> {
        if partitions.count() == 0 {
            return Ok(Vec::new());
        }
        let committed = consumer.committed_offsets(partitions.clone(), ASK)?;
        let mut starts = Vec::new();
        for element in committed.elements() {
            element.error()?;
            let (topic, partition) = (element.topic().to_owned(), element.partition());
            let (offset, commit) = match element.offset() {
                Offset::Offset(committed) => (Offset::Offset(committed), Some(committed)),
                _ if self.latest.contains(&topic) => {
                    let start = self.latest(consumer, &topic, partition)?;
                    (Offset::Offset(start), Some(start))
                }
                _ => (Offset::Beginning, None),
            };
            starts.push(Start { topic, partition, offset, commit });
        }
        Ok(starts)
    }

    fn latest<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        topic: &str,
        partition: i32,
    ) -> KafkaResult<i64> {
        let first_seen = match self.partitions.get(topic) {
            Some(count) => *count,
            None => {
                let count = partitions(consumer, topic)?;
                self.partitions.insert(topic.to_owned(), count);
                count
            }
        };
        let (oldest, end) = consumer.fetch_watermarks(topic, partition, ASK)?;
        Ok(if partition < first_seen { end } else { oldest })
    }
}

/// How many partitions a topic has; 0 where it is not there.
///
/// # Errors
/// Where no broker answers.
pub fn partitions<C: ConsumerContext>(consumer: &BaseConsumer<C>, topic: &str) -> KafkaResult<i32> {
    let metadata = consumer.fetch_metadata(Some(topic), ASK)?;
    let count = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

/// librdkafka's list of these starts, new.
pub fn list<'a>(starts: impl IntoIterator<Item = &'a Start>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for Start { topic, partition, offset, .. } in starts {
        list.add_partition(topic, *partition).set_offset(*offset).ok();
    }
    list
}
