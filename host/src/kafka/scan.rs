//! Reads what a topic holds at one moment: every partition from its first record to where it then ended.
//! Nothing is committed, and no group is joined.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::convert::TopicNames;
use super::reader::{self, connect};
use super::{Cluster, in_words};
use crate::event::Record;

/// How long one poll waits.
const POLL: Duration = Duration::from_millis(100);

/// Offsets of a topic's partitions, from the first record to behind the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    topic: String,
    partitions: BTreeMap<i32, Range<i64>>,
}

impl Extent {
    /// What the topic holds now; `None` if there is no such topic. Waits up to `patience` for each answer.
    ///
    /// # Errors
    /// Where no broker answers in time.
    pub fn of(cluster: &Cluster, topic: &str, patience: Duration) -> anyhow::Result<Option<Extent>> {
        let consumer = connect(cluster)?;
        let metadata = reader::metadata(&consumer, cluster, topic, patience)?;
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else { return Ok(None) };
        match found.error().map(RDKafkaErrorCode::from) {
            None => {}
            Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition) => return Ok(None),
            Some(code) => anyhow::bail!("cannot read the topic {topic:?}: {code}"),
        }
        let mut partitions = BTreeMap::new();
        for partition in found.partitions().iter().map(|partition| partition.id()) {
            let (first, end) = consumer
                .fetch_watermarks(topic, partition, patience)
                .map_err(|error| in_words(&error))
                .with_context(|| format!("no answer from Kafka about {topic}/{partition}"))?;
            partitions.insert(partition, first..end);
        }
        Ok(Some(Extent { topic: topic.to_owned(), partitions }))
    }

    /// Its topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The part of it that holds these records.
    #[must_use]
    pub fn around(mut self, positions: impl Iterator<Item = (i32, i64)>) -> Extent {
        let mut asked: BTreeMap<i32, Range<i64>> = BTreeMap::new();
        for (partition, offset) in positions {
            let end = offset.saturating_add(1);
            let range = asked.entry(partition).or_insert(offset..end);
            *range = range.start.min(offset)..range.end.max(end);
        }
        self.partitions.retain(|partition, whole| match asked.get(partition) {
            Some(range) => {
                *whole = whole.start.max(range.start)..whole.end.min(range.end);
                true
            }
            None => false,
        });
        self
    }

    /// Calls `each` with every record, each partition's in its order, until it breaks off. Gives up when
    /// nothing comes for as long as `patience`.
    ///
    /// # Errors
    /// Where the broker does not let it read, or does not answer; and what `each` answers.
    pub fn read<E: From<anyhow::Error>>(
        &self,
        cluster: &Cluster,
        patience: Duration,
        mut each: impl FnMut(Record) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let mut left: BTreeMap<i32, i64> = BTreeMap::new();
        let mut list = TopicPartitionList::new();
        for (&partition, range) in self.partitions.iter().filter(|(_, range)| !range.is_empty()) {
            left.insert(partition, range.end);
            let offset = Offset::Offset(range.start);
            list.add_partition_offset(&self.topic, partition, offset).map_err(anyhow::Error::from)?;
        }
        let consumer = connect(cluster)?;
        consumer.assign(&list).context("cannot read the topic")?;
        let mut names = TopicNames::default();
        let mut heard = Instant::now();
        while !left.is_empty() {
            let done = match consumer.poll(POLL) {
                Some(Ok(message)) => {
                    let record = names.record(&message);
                    let (partition, offset) = (record.partition(), record.offset());
                    let Some(&end) = left.get(&partition) else { continue };
                    if offset < end && each(record)?.is_break() {
                        return Ok(());
                    }
                    heard = Instant::now();
                    (offset + 1 >= end).then_some(partition)
                }
                // What stands at the end may be no record: only the client knows that it is through.
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    heard = Instant::now();
                    Some(partition)
                }
                Some(Err(error)) if passes(&error) => {
                    tracing::debug!(%error, "while reading");
                    None
                }
                Some(Err(error)) => {
                    return Err(in_words(&error).context(format!("cannot read the topic {:?}", self.topic)).into());
                }
                None => None,
            };
            if let Some(partition) = done {
                left.remove(&partition);
                // What comes behind its end is not asked for.
                let mut through = TopicPartitionList::new();
                through.add_partition(&self.topic, partition);
                if let Err(error) = consumer.pause(&through) {
                    tracing::debug!(%error, "while reading");
                }
            }
            if heard.elapsed() > patience {
                let servers = cluster.bootstrap_servers();
                let within = humantime::format_duration(patience);
                return Err(anyhow::anyhow!("no answer from Kafka at {servers} within {within}").into());
            }
        }
        Ok(())
    }
}

/// Whether reading may go on after this error.
fn passes(error: &KafkaError) -> bool {
    !matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::Fatal
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_around_the_positions_is_read() {
        let partitions = BTreeMap::from([(0, 5..100), (1, 0..10), (2, 0..10)]);
        let whole = Extent { topic: "t".into(), partitions };
        let part = whole.around([(0, 40), (0, 30), (0, 35), (1, 50), (7, 1)].into_iter());
        assert_eq!(part.partitions.get(&0), Some(&(30..41)));
        assert!(part.partitions.get(&1).is_some_and(Range::is_empty), "there is no such record");
        assert_eq!(part.partitions.len(), 2);
    }
}
