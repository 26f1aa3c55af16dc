//! Where partitions end: their last stable offsets, which is as far as a group may read.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::{Cluster, PlainContext, not_accepted};
use crate::event::TopicPartition;

/// How long the brokers may take to answer.
const ASK: Duration = Duration::from_secs(5);

/// A client that asks.
pub struct Ends(BaseConsumer<PlainContext>);

impl Ends {
    /// Connects when there is something to ask.
    ///
    /// # Errors
    /// Where librdkafka does not accept the configuration.
    pub fn new(cluster: &Cluster) -> anyhow::Result<Ends> {
        let mut config = super::fetcher::configure(cluster, "sandbus.ends");
        config.remove("statistics.interval.ms");
        config.create_with_context(PlainContext::new(cluster)).map(Ends).map_err(not_accepted)
    }

    /// The last stable offset of each of these, in one question to each broker; those of which none is known are
    /// left out. Waits some seconds at most.
    ///
    /// # Errors
    /// Where no broker answers.
    pub fn of(&self, partitions: &[TopicPartition]) -> KafkaResult<Vec<(TopicPartition, i64)>> {
        // What its connections have to say.
        while self.0.poll(Duration::ZERO).is_some() {}
        let mut asked = TopicPartitionList::with_capacity(partitions.len());
        for TopicPartition { topic, partition } in partitions {
            // In place of a time, it stands for the end (ListOffsets, KIP-79); what is uncommitted lies behind it, as
            // the client reads what is committed (KIP-98).
            asked.add_partition_offset(topic, *partition, Offset::End)?;
        }
        let answered = self.0.offsets_for_times(asked, ASK)?;
        let known = partitions.iter().filter_map(|of| {
            let element = answered.find_partition(&of.topic, of.partition)?;
            match (element.error(), element.offset()) {
                (Ok(()), Offset::Offset(end)) => Some((of.clone(), end)),
                _ => None,
            }
        });
        Ok(known.collect())
    }
}
