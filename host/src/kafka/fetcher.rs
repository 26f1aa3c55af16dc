//! Reads partitions, and knows no group: a client of its own beside the one that is the group's member.
//!
//! librdkafka stops fetching for every partition of a member from the moment a rebalance takes one of them
//! until that one is given back (`rd_kafka_assignment_pause`), which here may take `drain_timeout`, and
//! throws away what it had fetched. Nothing of that reaches a client that was simply told what to read, so
//! partitions that stay are read on. The member itself reads nothing.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::queue::{Client, EventQueue, PartitionQueue};
use super::wake::Alarm;
use super::{Cluster, PlainContext, not_accepted};

/// Reads the partitions that it is given.
pub struct Fetcher {
    events: EventQueue<PlainContext>,
    client: Client<PlainContext>,
    alarm: Arc<Alarm>,
}

/// Bytes that may be fetched ahead of each partition, where the process may hold so many: 16 MiB with the 256 MiB
/// that are the default, and less than in proportion with less, for who sets that has little memory.
fn ahead(max_buffer: u64) -> u64 {
    (max_buffer.saturating_sub(32 << 20) / 14).clamp(2 << 20, 16 << 20)
}

/// What the fetcher is configured with. `max_buffer` is what the process may hold, in bytes.
pub(super) fn configure(cluster: &Cluster, group: &str, max_buffer: u64) -> ClientConfig {
    let mut config = cluster.consumer();
    for of_members in [
        "group.protocol",
        "group.remote.assignor",
        "group.instance.id",
        "session.timeout.ms",
        "heartbeat.interval.ms",
        "max.poll.interval.ms",
    ] {
        config.remove(of_members);
    }
    config
        // By name only: it never joins.
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // Where the position is gone, what there still is comes next.
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "false");
    // Each partition has a queue of its own. These bound what is fetched ahead of it, and look again soon when
    // it has been emptied. A shallow queue leaves the engine idle: see docs/performance.md for what was measured,
    // and what is only supposed.
    let ahead = (ahead(max_buffer) >> 10).to_string();
    for (name, value) in [("queued.max.messages.kbytes", &*ahead), ("fetch.queue.backoff.ms", "5")] {
        if cluster.kafka.properties.get(name).is_none() {
            config.set(name, value);
        }
    }
    config
}

/// The queue of one partition that is read.
pub type Fetched = PartitionQueue<PlainContext>;

impl Fetcher {
    /// Reads nothing yet. `alarm` is rung when something comes.
    ///
    /// # Errors
    /// Where librdkafka does not accept the configuration.
    pub fn new(cluster: &Cluster, group: &str, max_buffer: u64, alarm: Arc<Alarm>) -> anyhow::Result<Fetcher> {
        let context = PlainContext(cluster.log.clone());
        let config = configure(cluster, group, max_buffer);
        let client: BaseConsumer<PlainContext> = config.create_with_context(context).map_err(not_accepted)?;
        let client = Arc::new(client);
        let events = EventQueue::of(&client, alarm.raw()).context("the fetcher has no queue")?;
        Ok(Fetcher { events, client, alarm })
    }

    /// The queue of a partition that is about to be added.
    pub fn queue(&self, topic: &str, partition: i32) -> Option<Fetched> {
        PartitionQueue::take_over(&self.client, topic, partition, self.alarm.raw())
    }

    /// Reads these partitions too, each from its offset.
    ///
    /// # Errors
    /// Where one of them is read already.
    pub fn add(&self, partitions: &TopicPartitionList) -> KafkaResult<()> {
        self.client.incremental_assign(partitions)
    }

    /// Reads no more of these partitions.
    ///
    /// # Errors
    /// Where one of them is not read.
    pub fn remove(&self, partitions: &TopicPartitionList) -> KafkaResult<()> {
        self.client.incremental_unassign(partitions)
    }

    /// Serves what the connections have to say.
    ///
    /// # Errors
    /// Where the client cannot go on.
    pub fn poll_events(&self) -> anyhow::Result<()> {
        loop {
            match self.client.poll(Duration::ZERO) {
                // Every partition has a queue of its own before anything is fetched for it.
                Some(Ok(_)) => anyhow::bail!("librdkafka has mixed up its queues"),
                Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                    anyhow::bail!("the consumer cannot go on: {code}");
                }
                Some(Err(error)) => self.client.context().0.trouble(&error, ""),
                None => {}
            }
            if !self.events.has_events() {
                return Ok(());
            }
        }
    }
}
