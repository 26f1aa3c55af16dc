//! A partition in this process's hands: what is read of it, by which client, and how much may be held.

use std::sync::Arc;
use std::time::Instant;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::log_error;
use crate::delivery::buffer::Account;
use crate::delivery::scheduler::Assignment;
use crate::event::TopicPartition;
use crate::event::batch::{Batch, BatchBuilder};
use crate::kafka::ConnectionLog;
use crate::kafka::convert::{self, list};
use crate::kafka::fetcher::{Fetched, Fetcher, Progress};

/// Records, and their bytes, that are read of one partition before the next has its turn.
const BATCH_RECORDS: usize = 128;
const BATCH_BYTES: u64 = 256 << 10;

/// See the module's documentation.
pub struct Held {
    /// Its number.
    pub assignment: Assignment,
    /// Which it is.
    pub topic_partition: TopicPartition,
    /// The partition with which it came and goes: itself, but for one of a redrive topic.
    pub comes_with: TopicPartition,
    /// What was fetched of it.
    pub queue: Fetched,
    /// How it has been read.
    pub progress: Progress,
    /// The offset up to which the engine knows that nothing more comes.
    pub known_end: Option<i64>,
    /// What is held of it.
    pub account: Arc<Account>,
    /// It is being taken away: nothing more is read of it, and only its last watermark is committed.
    pub revoked: bool,
}

impl Held {
    /// What has come and may be held. Answers, too, whether there may be more right now.
    pub fn read(&mut self, connection: &ConnectionLog) -> (Option<Batch>, bool) {
        if self.queue.peek().is_none() {
            return (None, false);
        }
        let mut batch = BatchBuilder::new(self.topic_partition.clone(), self.queue.taken());
        let mut messages = self.queue.keeper(self.queue.taken());
        let mut claim = self.account.claim(BATCH_BYTES, BATCH_RECORDS as u64);
        let (mut bytes, mut more) = (0, false);
        while let Some(message) = self.queue.peek() {
            if let Some(code) = message.error() {
                if code == RDKafkaErrorCode::PartitionEOF {
                    self.progress.ended(message.offset(), Instant::now());
                } else {
                    let reason = String::from_utf8_lossy(message.value().unwrap_or_default());
                    connection.trouble(&KafkaError::MessageConsumption(code), &reason);
                }
                self.queue.pop();
                continue;
            }
            let offset = message.offset();
            convert::push(&mut batch, message);
            let more_bytes = batch.last_held_bytes();
            if !claim.admit(more_bytes) {
                // It stays where it is.
                batch.pop();
                break;
            }
            self.queue.keep(&mut messages);
            self.progress.read(offset, more_bytes);
            self.known_end = Some(offset + 1);
            bytes += more_bytes;
            if batch.len() >= BATCH_RECORDS || bytes >= BATCH_BYTES {
                more = true;
                break;
            }
        }
        if batch.is_empty() {
            return (None, more);
        }
        // SAFETY: key, value and headers lie in the messages, which stay as they are until dropped.
        let batch = unsafe { batch.build(Box::new(messages)) };
        (Some(batch), more)
    }

    /// The end at which it stands, where the engine does not know of it: behind its last record there are others
    /// that are none for us, such as a transaction's marks.
    pub fn new_end(&mut self) -> Option<i64> {
        let end = self.progress.end().filter(|end| self.known_end.is_none_or(|known| known < *end))?;
        self.known_end = Some(end);
        Some(end)
    }

    /// Has it read by the client that fits what comes of it.
    pub fn change_pace(&mut self, fetcher: &Fetcher, now: Instant) {
        let before = self.progress;
        if let Some((pace, next)) = self.progress.change(now) {
            tracing::debug!(partition = %self.topic_partition, ?pace, next, "changes its reader");
            self.read_from(fetcher, before, Offset::Offset(next));
        }
    }

    /// Reads it from its beginning.
    pub fn read_anew(&mut self, fetcher: &Fetcher) {
        let before = std::mem::take(&mut self.progress);
        self.known_end = None;
        self.read_from(fetcher, before, Offset::Beginning);
    }

    /// Reads no more of it.
    pub fn read_no_more(&self, fetcher: &Fetcher) {
        log_error("stop reading", fetcher.remove(self.progress.pace, &list([&self.topic_partition])));
    }

    /// Has it read from there as its progress says, no longer as it said `before`. What was fetched and not read
    /// is fetched again.
    fn read_from(&mut self, fetcher: &Fetcher, before: Progress, from: Offset) {
        let TopicPartition { topic, partition } = &self.topic_partition;
        log_error("stop reading", fetcher.remove(before.pace, &list([&self.topic_partition])));
        if before.pace == self.progress.pace {
            // A second handle on the queue would silence it when the first is dropped.
            self.queue.clear();
        } else if let Some(queue) = fetcher.queue(self.progress.pace, topic, *partition) {
            self.queue = queue;
        } else {
            tracing::error!(partition = %self.topic_partition, "librdkafka has no such partition");
            return;
        }
        let mut read = TopicPartitionList::new();
        log_error("set offsets of", read.add_partition_offset(topic, *partition, from));
        log_error("read", fetcher.add(self.progress.pace, &read));
    }
}
