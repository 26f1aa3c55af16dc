//! Reads partitions, and knows no group: clients of its own beside the one that is the group's member.
//!
//! librdkafka stops fetching for every partition of a member from the moment a rebalance takes one of them
//! until that one is given back (`rd_kafka_assignment_pause`), which here may take `drain_timeout`, and
//! throws away what it had fetched. Nothing of that reaches a client that was simply told what to read, so
//! partitions that stay are read on. The member itself reads nothing.
//!
//! There are two such clients, because librdkafka has one fetch under way for each broker and client, leaves
//! out of it what has enough queued, and then waits at the broker until something comes for the others: a
//! partition with a backlog would stand still up to `fetch.wait.max.ms` for each that has none. So partitions
//! that have something are read by one client, which hardly ever waits and needs no deep queue, and those
//! that wait for something by the other, which costs a broker next to nothing. Little that is fetched ahead
//! also means that it is still in the processor's cache when it is worked on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::queue::{Client, EventQueue, PartitionQueue};
use super::wake::Alarm;
use super::{Cluster, PlainContext, not_accepted};

/// KiB that are queued of a partition before librdkafka fetches no more of it: one fetch more comes on top.
const AHEAD_KIB: &str = "1024";

/// How long a partition that was left out of a fetch because of that is not looked at again, in milliseconds.
const BACKOFF_MS: &str = "1";

/// How long a fetch of partitions that have something may wait for it, in milliseconds.
const BUSY_WAIT_MS: &str = "2";

/// Bytes that come of a partition, without its end between them, after which it is busy.
const BUSY: u64 = 512 << 10;

/// How long a busy partition has to stand at its end before it is idle.
pub const IDLE: Duration = Duration::from_millis(100);

/// Which client reads a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It has something to read, or may have.
    Busy,
    /// It waits for something.
    Idle,
}

/// How a partition has been read lately, and what follows.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Which client reads it.
    pub pace: Pace,
    /// What comes next, where that is known.
    next: Option<i64>,
    /// Since it last stood at its end.
    bytes: u64,
    at_end: Option<Instant>,
}

impl Default for Progress {
    /// Of a partition that is about to be read.
    fn default() -> Progress {
        Progress { pace: Pace::Busy, next: None, bytes: 0, at_end: None }
    }
}

impl Progress {
    /// A record of so many bytes was read.
    pub fn read(&mut self, offset: i64, bytes: u64) {
        self.next = Some(offset + 1);
        self.bytes += bytes;
        self.at_end = None;
    }

    /// There is nothing at this offset yet.
    pub fn ended(&mut self, offset: i64, now: Instant) {
        self.next = Some(offset);
        self.bytes = 0;
        self.at_end = Some(now);
    }

    /// The offset of its end, where it stands at it.
    pub fn end(&self) -> Option<i64> {
        self.at_end.and(self.next)
    }

    /// The other client that is to read it from now on, and from where.
    pub fn change(&mut self, now: Instant) -> Option<(Pace, i64)> {
        let pace = match self.pace {
            Pace::Idle if self.bytes >= BUSY => Pace::Busy,
            Pace::Busy if self.at_end.is_some_and(|at| now.saturating_duration_since(at) >= IDLE) => Pace::Idle,
            _ => return None,
        };
        self.pace = pace;
        Some((pace, self.next?))
    }
}

/// Reads the partitions that it is given.
pub struct Fetcher {
    busy: Reader,
    idle: Reader,
}

/// One client.
struct Reader {
    events: EventQueue<PlainContext>,
    client: Client<PlainContext>,
    alarm: Arc<Alarm>,
}

/// What the client for busy partitions is configured with; the bench's bare loop too.
pub(super) fn configure(cluster: &Cluster, group: &str) -> ClientConfig {
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
        .set("enable.partition.eof", "false")
        .set("fetch.wait.max.ms", BUSY_WAIT_MS);
    for (name, value) in [("queued.max.messages.kbytes", AHEAD_KIB), ("fetch.queue.backoff.ms", BACKOFF_MS)] {
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
    pub fn new(cluster: &Cluster, group: &str, alarm: &Arc<Alarm>) -> anyhow::Result<Fetcher> {
        let mut config = configure(cluster, group);
        config.set("enable.partition.eof", "true");
        cluster.tell_connections(&mut config);
        let busy = Reader::new(cluster, &config, alarm)?;
        config.set("fetch.wait.max.ms", cluster.kafka.properties.get("fetch.wait.max.ms").map_or("100", |ms| ms));
        Ok(Fetcher { busy, idle: Reader::new(cluster, &config, alarm)? })
    }

    fn reader(&self, pace: Pace) -> &Reader {
        match pace {
            Pace::Busy => &self.busy,
            Pace::Idle => &self.idle,
        }
    }

    /// The queue of a partition that is about to be added.
    pub fn queue(&self, pace: Pace, topic: &str, partition: i32) -> Option<Fetched> {
        let reader = self.reader(pace);
        PartitionQueue::take_over(&reader.client, topic, partition, reader.alarm.raw())
    }

    /// Reads these partitions too, each from its offset.
    ///
    /// # Errors
    /// Where one of them is read already.
    pub fn add(&self, pace: Pace, partitions: &TopicPartitionList) -> KafkaResult<()> {
        self.reader(pace).client.incremental_assign(partitions)
    }

    /// Reads no more of these partitions.
    ///
    /// # Errors
    /// Where one of them is not read.
    pub fn remove(&self, pace: Pace, partitions: &TopicPartitionList) -> KafkaResult<()> {
        self.reader(pace).client.incremental_unassign(partitions)
    }

    /// Serves what the connections have to say.
    ///
    /// # Errors
    /// Where a client cannot go on.
    pub fn poll_events(&self) -> anyhow::Result<()> {
        self.busy.poll_events()?;
        self.idle.poll_events()
    }
}

impl Reader {
    fn new(cluster: &Cluster, config: &ClientConfig, alarm: &Arc<Alarm>) -> anyhow::Result<Reader> {
        let context = PlainContext::new(cluster);
        let client: BaseConsumer<PlainContext> = config.create_with_context(context).map_err(not_accepted)?;
        let client = Arc::new(client);
        let events = EventQueue::of(&client, alarm.raw()).context("the fetcher has no queue")?;
        Ok(Reader { events, client, alarm: alarm.clone() })
    }

    fn poll_events(&self) -> anyhow::Result<()> {
        loop {
            match self.client.poll(Duration::ZERO) {
                // Every partition has a queue of its own before anything is fetched for it.
                Some(Ok(_)) => anyhow::bail!("librdkafka has mixed up its queues"),
                Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                    anyhow::bail!("the consumer cannot go on: {code}");
                }
                Some(Err(error)) => self.client.context().log.trouble(&error, ""),
                None => {}
            }
            if !self.events.has_events() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_with_a_backlog_is_busy_until_it_has_stood_at_its_end_for_a_while() {
        let (mut progress, start) = (Progress::default(), Instant::now());
        assert_eq!((progress.pace, progress.change(start + IDLE)), (Pace::Busy, None), "nothing is known yet");
        progress.read(9, 100);
        progress.ended(10, start);
        assert_eq!(progress.change(start + IDLE / 2), None);
        assert_eq!(progress.change(start + IDLE), Some((Pace::Idle, 10)));
        progress.read(10, BUSY - 1);
        assert_eq!(progress.change(start + 9 * IDLE), None);
        progress.ended(11, start);
        progress.read(11, BUSY - 1);
        assert_eq!(progress.change(start), None, "its end was between them");
        progress.read(14, 1);
        assert_eq!(progress.change(start), Some((Pace::Busy, 15)));
        progress.ended(15, start);
        progress.read(15, 1);
        assert_eq!(progress.change(start + 9 * IDLE), None, "something came after its end");
    }
}
