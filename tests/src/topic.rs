//! Topics: made for one test, written and read with nothing hidden.
//!
//! A [`Record`] says what is written, a [`StoredRecord`] what the broker has. Header names are bytes in both, as on the
//! wire.

mod headers;
mod reader;
mod record;
mod writer;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

pub(crate) use reader::stored;
pub use record::{Record, StoredRecord};
pub use writer::{End, Transaction};

use crate::kafka::Connection;
use crate::{eventually, names};

/// For one request to a broker on this machine that may have other work.
const REQUEST: Duration = Duration::from_secs(30);

/// A topic by name, on one broker; it need not exist.
#[derive(Debug, Clone)]
pub struct Topic {
    name: String,
    connection: Connection,
}

impl Topic {
    /// Creates a topic with a name that is the test's and no other's.
    ///
    /// # Panics
    /// When the broker refuses or does not answer.
    #[must_use]
    #[track_caller]
    pub fn create(connection: &Connection, partitions: i32) -> Topic {
        Topic::create_named(connection, &names::unique(&names::test_name()), partitions)
    }

    /// Creates a topic of that name, with as many replicas as is usual there, and waits until the broker shows it.
    ///
    /// # Panics
    /// When it exists already, or the broker refuses or does not answer.
    #[must_use]
    #[track_caller]
    pub fn create_named(connection: &Connection, name: &str, partitions: i32) -> Topic {
        Topic::create_with(connection, name, partitions, &[])
    }

    /// As [`Topic::create_named`], with settings of the topic's own, such as `cleanup.policy`.
    ///
    /// # Panics
    /// As [`Topic::create_named`].
    #[must_use]
    #[track_caller]
    pub fn create_with(connection: &Connection, name: &str, partitions: i32, settings: &[(&str, &str)]) -> Topic {
        let topic = Topic::named(connection, name);
        let mut new = NewTopic::new(name, partitions, TopicReplication::Fixed(-1));
        for (name, value) in settings {
            new = new.set(name, value);
        }
        let created = pollster::block_on(topic.admin().create_topics([&new], &options()));
        topic.demand("create", created);
        topic.wait_partitions(partitions);
        topic
    }

    /// Deletes the records of a partition that stand before `offset`.
    ///
    /// # Panics
    /// When the broker refuses or does not answer.
    #[track_caller]
    pub fn delete_before(&self, partition: i32, offset: i64) {
        let mut before = TopicPartitionList::new();
        before.add_partition_offset(&self.name, partition, Offset::Offset(offset)).expect("a valid offset");
        let deleted = pollster::block_on(self.admin().delete_records(&before, &options()));
        let deleted = deleted.unwrap_or_else(|error| panic!("delete records of topic {}: {error}", self.name));
        for element in deleted.elements() {
            element.error().unwrap_or_else(|error| panic!("delete records of topic {}: {error}", self.name));
        }
    }

    /// The first offset and the one behind the last that can be read, of each partition. Control records and aborted ones count;
    /// what stands behind the beginning of an open transaction does not.
    ///
    /// # Panics
    /// When the topic does not exist or the broker does not answer.
    #[must_use]
    #[track_caller]
    pub fn offsets(&self) -> BTreeMap<i32, Range<i64>> {
        self.offsets_as("read_committed")
    }

    /// The offset behind the last of each partition, whether it can be read or stands in an open transaction.
    ///
    /// # Panics
    /// As [`Topic::offsets`].
    #[must_use]
    #[track_caller]
    pub fn high_watermarks(&self) -> BTreeMap<i32, i64> {
        self.offsets_as("read_uncommitted").into_iter().map(|(partition, range)| (partition, range.end)).collect()
    }

    #[track_caller]
    fn offsets_as(&self, isolation_level: &str) -> BTreeMap<i32, Range<i64>> {
        let partitions = self.partitions().unwrap_or_else(|| panic!("topic {} does not exist", self.name));
        let mut client = self.connection.client();
        let client: BaseConsumer = client.set("isolation.level", isolation_level).create().expect("a valid client");
        let range = |partition| {
            let found = client.fetch_watermarks(&self.name, partition, REQUEST);
            let (first, end) = found.unwrap_or_else(|error| panic!("offsets of topic {}: {error}", self.name));
            (partition, first..end)
        };
        (0..partitions).map(range).collect()
    }

    /// Gives it more partitions, `partitions` in all, and waits until the broker shows them.
    ///
    /// # Panics
    /// When it has as many already, or the broker refuses or does not answer.
    #[track_caller]
    pub fn grow(&self, partitions: i32) {
        let wanted = usize::try_from(partitions).expect("a small number");
        let new = NewPartitions::new(&self.name, wanted);
        let grown = pollster::block_on(self.admin().create_partitions([&new], &options()));
        self.demand("grow", grown);
        self.wait_partitions(partitions);
    }

    /// A topic of that name, which may exist or not.
    #[must_use]
    pub fn named(connection: &Connection, name: &str) -> Topic {
        Topic { name: name.to_owned(), connection: connection.clone() }
    }

    /// The topic of this one's dead letters, under the default suffix.
    #[must_use]
    pub fn dead_letters(&self) -> Topic {
        Topic::named(&self.connection, &format!("{}.dlq", self.name))
    }

    /// The topic's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many partitions it has; `None` when it does not exist.
    ///
    /// # Panics
    /// When the broker does not answer.
    #[must_use]
    #[track_caller]
    pub fn partitions(&self) -> Option<i32> {
        let client: BaseConsumer = self.connection.client().create().expect("a valid client");
        // Of all topics, because a question about one would create it where the broker allows that.
        let cluster =
            client.fetch_metadata(None, REQUEST).unwrap_or_else(|error| panic!("ask for topic {}: {error}", self.name));
        cluster
            .topics()
            .iter()
            .find(|topic| topic.name() == self.name)
            .map(|topic| topic.partitions().len().try_into().expect("a small number"))
    }

    /// Deletes it and waits until the broker no longer shows it.
    ///
    /// # Panics
    /// When the broker refuses or does not answer.
    #[track_caller]
    pub fn delete(&self) {
        let deleted = pollster::block_on(self.admin().delete_topics(&[&self.name], &options()));
        self.demand("delete", deleted);
        eventually(&format!("topic {} to be gone", self.name), REQUEST, || match self.partitions() {
            None => Ok(()),
            Some(count) => Err(format!("{count} partitions")),
        });
    }

    /// Writes records, in order within each partition, and waits until the broker has acknowledged all of them.
    /// Answers with the partition and offset of each.
    ///
    /// # Panics
    /// When one of them is not written.
    #[track_caller]
    pub fn write(&self, records: impl IntoIterator<Item = Record>) -> Vec<(i32, i64)> {
        self.write_as(records, REQUEST, None)
    }

    /// As [`Topic::write`], where brokers may be away for a part of that time.
    ///
    /// # Panics
    /// As [`Topic::write`].
    #[track_caller]
    pub fn write_within(&self, deadline: Duration, records: impl IntoIterator<Item = Record>) -> Vec<(i32, i64)> {
        self.write_as(records, deadline, None)
    }

    /// As [`Topic::write`], in one transaction that then ends.
    ///
    /// # Panics
    /// As [`Topic::write`].
    #[track_caller]
    pub fn write_in_transaction(&self, records: impl IntoIterator<Item = Record>, end: End) -> Vec<(i32, i64)> {
        self.write_as(records, REQUEST, Some(end))
    }

    /// As [`Topic::write`], in a transaction that stays open.
    ///
    /// # Panics
    /// As [`Topic::write`].
    #[must_use]
    #[track_caller]
    pub fn write_in_open_transaction(&self, records: impl IntoIterator<Item = Record>) -> Transaction {
        let begun = writer::Transaction::begin(&self.connection, &self.name, records, REQUEST);
        begun.unwrap_or_else(|message| panic!("write to topic {}: {message}", self.name)).0
    }

    #[track_caller]
    fn write_as(
        &self,
        records: impl IntoIterator<Item = Record>,
        deadline: Duration,
        end: Option<End>,
    ) -> Vec<(i32, i64)> {
        match writer::write(&self.connection, &self.name, records, deadline, end) {
            Ok(places) => places,
            Err(message) => panic!("write to topic {}: {message}", self.name),
        }
    }

    /// All records that are there now, by partition and offset. Records of open and aborted transactions are not.
    ///
    /// # Panics
    /// When the topic does not exist or the broker does not answer.
    #[must_use]
    #[track_caller]
    pub fn read(&self) -> Vec<StoredRecord> {
        let partitions = self.partitions().unwrap_or_else(|| panic!("topic {} does not exist", self.name));
        match reader::read_to_end(&self.connection, &self.name, partitions, REQUEST) {
            Ok(records) => records,
            Err(message) => panic!("read topic {}: {message}", self.name),
        }
    }

    /// All records, in the order they were read, as soon as `enough` holds for them. The topic may come into being
    /// meanwhile.
    ///
    /// # Panics
    /// When it does not hold by the deadline; the message holds what was read.
    #[track_caller]
    pub fn read_until(
        &self,
        what: &str,
        deadline: Duration,
        enough: impl Fn(&[StoredRecord]) -> bool,
    ) -> Vec<StoredRecord> {
        let start = std::time::Instant::now();
        let partitions = eventually(&format!("topic {} to exist", self.name), deadline, || self.partitions());
        let left = deadline.saturating_sub(start.elapsed());
        match reader::read_until(&self.connection, &self.name, partitions, left, enough) {
            Ok(records) => records,
            Err(message) => panic!("waited for {what} in topic {}: {message}", self.name),
        }
    }

    /// At least `count` records, as [`Topic::read_until`].
    ///
    /// # Panics
    /// As [`Topic::read_until`].
    #[track_caller]
    pub fn read_count(&self, count: usize, deadline: Duration) -> Vec<StoredRecord> {
        self.read_until(&format!("{count} records"), deadline, |records| records.len() >= count)
    }

    #[track_caller]
    fn wait_partitions(&self, partitions: i32) {
        let what = format!("topic {} with {partitions} partitions", self.name);
        eventually(&what, REQUEST, || match self.partitions() {
            Some(count) if count == partitions => Ok(()),
            seen => Err(format!("{seen:?} partitions")),
        });
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.connection.client().create().expect("a valid client")
    }

    #[track_caller]
    fn demand(
        &self,
        action: &str,
        outcome: rdkafka::error::KafkaResult<Vec<Result<String, (String, RDKafkaErrorCode)>>>,
    ) {
        let name = &self.name;
        let outcomes = outcome.unwrap_or_else(|error| panic!("{action} topic {name}: {error}"));
        if let Some((_, code)) = outcomes.into_iter().find_map(Result::err) {
            panic!("{action} topic {name}: {code}");
        }
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(REQUEST)).operation_timeout(Some(REQUEST))
}
