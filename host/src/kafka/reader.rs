//! Reads topics without a group: every partition, from a chosen start, and nothing is committed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::metadata::Metadata;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::convert::TopicNames;
use super::{Cluster, PlainContext, in_words, not_accepted};
use crate::event::Record;

/// Where to start in each partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the oldest record.
    Beginning,
    /// With the next one to come.
    End,
}

/// Reads one topic.
pub struct TopicReader {
    consumer: BaseConsumer<PlainContext>,
    names: TopicNames,
    /// Partitions that are not yet read to where they ended when the reading began.
    behind: BTreeSet<i32>,
}

impl TopicReader {
    /// Begins to read. Waits up to `patience` for a broker.
    ///
    /// # Errors
    /// Where no broker answers in time, or there is no such topic.
    pub fn open(cluster: &Cluster, topic: &str, start: Start, patience: Duration) -> anyhow::Result<TopicReader> {
        let consumer = connect(cluster)?;
        let servers = &cluster.kafka.bootstrap_servers;
        let metadata = metadata(&consumer, cluster, topic, patience)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
        let partitions: Vec<i32> =
            found.map(|found| found.partitions().iter().map(|p| p.id()).collect()).unwrap_or_default();
        anyhow::ensure!(!partitions.is_empty(), "there is no topic {topic:?} at {servers}");
        let mut list = TopicPartitionList::new();
        let mut behind = BTreeSet::new();
        for partition in partitions {
            let (first, end) = consumer
                .fetch_watermarks(topic, partition, patience)
                .map_err(|error| in_words(&error))
                .with_context(|| format!("no answer from Kafka about {topic}/{partition}"))?;
            let offset = match start {
                Start::Beginning => Offset::Beginning,
                Start::End => Offset::Offset(end),
            };
            list.add_partition_offset(topic, partition, offset)?;
            if start == Start::Beginning && first < end {
                behind.insert(partition);
            }
        }
        consumer.assign(&list).context("cannot read the topic")?;
        Ok(TopicReader { consumer, names: TopicNames::default(), behind })
    }

    /// The next record within `wait`.
    ///
    /// # Errors
    /// Where the broker reports one that does not pass.
    pub fn next(&mut self, wait: Duration) -> anyhow::Result<Option<Record>> {
        let deadline = Instant::now() + wait;
        loop {
            match self.consumer.poll(deadline.saturating_duration_since(Instant::now())) {
                Some(Ok(message)) => return Ok(Some(self.names.record(&message))),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    self.behind.remove(&partition);
                }
                Some(Err(error)) => tracing::debug!(%error, "while reading"),
                None if Instant::now() >= deadline => return Ok(None),
                None => {}
            }
        }
    }

    /// Whether every partition was read to where it ended when the reading began.
    pub fn caught_up(&self) -> bool {
        self.behind.is_empty()
    }
}

/// How long librdkafka may take to say why nothing was answered.
const REASON: Duration = Duration::from_millis(500);

/// What Kafka knows of a topic.
///
/// # Errors
/// Where no broker answers in time. Why, as far as librdkafka knows, is in the log.
pub(super) fn metadata(
    consumer: &BaseConsumer<PlainContext>,
    cluster: &Cluster,
    topic: &str,
    patience: Duration,
) -> anyhow::Result<Metadata> {
    let answer = consumer.fetch_metadata(Some(topic), patience);
    if answer.is_err() {
        // The question may fail before the reason has been served: a refused login looks like a broker that is away.
        let until = Instant::now() + REASON;
        while Instant::now() < until {
            if let Some(Err(reason)) = consumer.poll(Duration::from_millis(50)) {
                consumer.context().log.trouble(&reason, "");
            }
        }
    }
    answer
        .map_err(|error| in_words(&error))
        .with_context(|| format!("no answer from Kafka at {}", cluster.bootstrap_servers()))
}

/// A client that reads and commits nothing. It connects when it is first asked.
pub(super) fn connect(cluster: &Cluster) -> anyhow::Result<BaseConsumer<PlainContext>> {
    let mut config = cluster.consumer();
    // A group is needed by name only: partitions are assigned by hand and nothing is committed.
    config
        .set("group.id", "sandbus-tail")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        // What stands at the end may be no record: only the client knows that it is through.
        .set("enable.partition.eof", "true")
        .set("allow.auto.create.topics", "false")
        .set("auto.offset.reset", "earliest");
    config.create_with_context(PlainContext::new(cluster)).map_err(not_accepted)
}
