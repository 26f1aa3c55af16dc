//! From librdkafka's messages to records: copied, or where they are.

use std::collections::HashMap;
use std::sync::Arc;

use rdkafka::Message;
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::TopicPartitionList;

use super::headers;
use super::message::Message as QueuedMessage;
use crate::event::batch::BatchBuilder;
use crate::event::{Record, RecordBuilder, TopicPartition};

/// Topic names, each allocated once.
#[derive(Debug, Default)]
pub struct TopicNames(HashMap<Box<str>, Arc<str>>);

impl TopicNames {
    /// The shared name. A group reads few topics, so nothing is ever forgotten.
    pub fn get(&mut self, topic: &str) -> Arc<str> {
        if let Some(name) = self.0.get(topic) {
            return name.clone();
        }
        let name: Arc<str> = topic.into();
        self.0.insert(topic.into(), name.clone());
        name
    }

    /// A copy of the message that does not pin the fetch it came with.
    pub fn record(&mut self, message: &BorrowedMessage<'_>) -> Record {
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let capacity = length(message.key()) + length(message.payload()) + 128;
        let topic = self.get(message.topic());
        let mut record = RecordBuilder::new(topic, message.partition(), message.offset(), capacity)
            .timestamp(message.timestamp().to_millis())
            .key(message.key())
            .value(message.payload());
        if let Some(list) = message.headers() {
            headers::for_each(list, |name, value| record.header(name, value));
        }
        record.build()
    }

    /// The partitions of a list.
    pub fn partitions(&mut self, list: &TopicPartitionList) -> Vec<TopicPartition> {
        let elements = list.elements();
        elements.iter().map(|e| TopicPartition { topic: self.get(e.topic()), partition: e.partition() }).collect()
    }
}

/// Puts a message of a partition's own queue, where it is, into a batch.
pub fn push(batch: &mut BatchBuilder, message: QueuedMessage<'_>) {
    batch.push(message.offset(), message.timestamp(), message.key(), message.value());
    message.headers().for_each(|(name, value)| batch.header(name, value));
}

/// librdkafka's list of these partitions.
pub fn list<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}
