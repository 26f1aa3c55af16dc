//! Reading a topic from its beginning, outside any group.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use super::headers;
use super::record::StoredRecord;
use crate::kafka::Connection;

const POLL: Duration = Duration::from_millis(100);

struct Reader {
    consumer: BaseConsumer,
    records: Vec<StoredRecord>,
    /// Partitions whose end has been reached once.
    ended: BTreeSet<i32>,
    /// The newest error that may pass, such as a broker that is away.
    trouble: Option<KafkaError>,
}

/// Everything up to the ends that the partitions have meanwhile, ordered by partition and offset.
pub(super) fn read_to_end(
    connection: &Connection,
    topic: &str,
    partitions: i32,
    deadline: Duration,
) -> Result<Vec<StoredRecord>, String> {
    let mut reader = Reader::open(connection, topic, partitions)?;
    let partitions = usize::try_from(partitions).map_err(|error| error.to_string())?;
    reader.run(deadline, |reader| reader.ended.len() == partitions)?;
    reader.records.sort();
    Ok(reader.records)
}

/// Everything in the order of arrival, until `enough` holds for it.
pub(super) fn read_until(
    connection: &Connection,
    topic: &str,
    partitions: i32,
    deadline: Duration,
    enough: impl Fn(&[StoredRecord]) -> bool,
) -> Result<Vec<StoredRecord>, String> {
    let mut reader = Reader::open(connection, topic, partitions)?;
    reader.run(deadline, |reader| enough(&reader.records))?;
    Ok(reader.records)
}

impl Reader {
    fn open(connection: &Connection, topic: &str, partitions: i32) -> Result<Reader, String> {
        let consumer: BaseConsumer = connection
            .client()
            // librdkafka wants a group even of those who never join one.
            .set("group.id", "sandbus-tests-reader")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed")
            .set("fetch.wait.max.ms", "20")
            .create()
            .map_err(|error| error.to_string())?;
        let mut assignment = TopicPartitionList::new();
        for partition in 0..partitions {
            assignment.add_partition_offset(topic, partition, Offset::Beginning).map_err(|error| error.to_string())?;
        }
        consumer.assign(&assignment).map_err(|error| error.to_string())?;
        Ok(Reader { consumer, records: Vec::new(), ended: BTreeSet::new(), trouble: None })
    }

    fn run(&mut self, deadline: Duration, done: impl Fn(&Reader) -> bool) -> Result<(), String> {
        let start = Instant::now();
        while !done(self) {
            if start.elapsed() > deadline {
                return Err(self.describe(start.elapsed()));
            }
            match self.consumer.poll(POLL) {
                None => {}
                Some(Ok(message)) => self.records.push(stored(&message)),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    self.ended.insert(partition);
                }
                Some(Err(error)) => self.trouble = Some(error),
            }
        }
        Ok(())
    }

    fn describe(&self, waited: Duration) -> String {
        let newest = &self.records[self.records.len().saturating_sub(5)..];
        let trouble = self.trouble.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        format!(
            "not after {:.1} s and {} records; partitions read to their end: {:?}; last error: {trouble}; the newest: {newest:#?}",
            waited.as_secs_f64(),
            self.records.len(),
            self.ended
        )
    }
}

/// A copy of all of it.
pub(crate) fn stored(message: &BorrowedMessage<'_>) -> StoredRecord {
    StoredRecord {
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers::of(message),
    }
}
