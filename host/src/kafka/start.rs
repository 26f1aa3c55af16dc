//! Where reading begins in a partition for which the group has committed nothing.
//!
//! librdkafka itself is told to begin with the oldest record: that is also right where the position that
//! was committed is gone, by retention or `DeleteRecords`, for then only what no longer exists is passed
//! over. `auto_offset_reset = "latest"` is found out here, once, and committed like a watermark: a host
//! that is stopped before it handled anything goes on from there, and what was written meanwhile is not
//! passed over. A partition that came later than the group began with its topic is read from its
//! beginning: nothing in it is older than the group's start.

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::config::OffsetReset;

/// How long one question to the brokers may take. They are asked again.
const ASK: Duration = Duration::from_secs(1);

/// Finds starts for one group.
pub struct Starts {
    /// Topics whose end is where the group begins.
    latest: Vec<String>,
    /// How many partitions each topic had when it was first seen.
    partitions: HashMap<String, i32>,
}

impl Starts {
    /// For a group that is configured so. Topics that are none of its sources are always read from their
    /// beginning.
    pub fn new(reset: OffsetReset, sources: Vec<String>) -> Starts {
        let latest = if reset == OffsetReset::Latest { sources } else { Vec::new() };
        Starts { latest, partitions: HashMap::new() }
    }

    /// The list with an offset for each partition whose start the group does not know yet.
    ///
    /// # Errors
    /// Where a broker does not answer: to be asked again.
    pub fn find<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        partitions: &TopicPartitionList,
    ) -> KafkaResult<TopicPartitionList> {
        let at_end = |topic: &str| self.latest.iter().any(|latest| latest == topic);
        if !partitions.elements().iter().any(|element| at_end(element.topic())) {
            return Ok(partitions.clone());
        }
        let committed = consumer.committed_offsets(partitions.clone(), ASK)?;
        let mut found = partitions.clone();
        for element in committed.elements() {
            element.error()?;
            let (topic, partition) = (element.topic(), element.partition());
            if !at_end(topic) || matches!(element.offset(), Offset::Offset(_)) {
                continue;
            }
            let known = match self.partitions.get(topic) {
                Some(known) => *known,
                None => {
                    let metadata = consumer.fetch_metadata(Some(topic), ASK)?;
                    let count = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
                    let count = i32::try_from(count).unwrap_or(i32::MAX);
                    self.partitions.insert(topic.to_owned(), count);
                    count
                }
            };
            let (oldest, end) = consumer.fetch_watermarks(topic, partition, ASK)?;
            let start = if partition < known { end } else { oldest };
            found.set_partition_offset(topic, partition, Offset::Offset(start))?;
        }
        Ok(found)
    }
}

/// The start that was found for a partition of the list.
pub fn of(found: &TopicPartitionList, topic: &str, partition: i32) -> Option<i64> {
    match found.find_partition(topic, partition)?.offset() {
        Offset::Offset(start) => Some(start),
        _ => None,
    }
}
