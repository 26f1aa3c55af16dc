//! Consumer groups, seen from outside: what is committed.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::Connection;
use crate::topic::Topic;
use crate::{eventually, names};

/// For one request to a broker on this machine that may have other work.
const REQUEST: Duration = Duration::from_secs(30);

/// A consumer group by name; it need not exist.
#[derive(Debug, Clone)]
pub struct Group {
    name: String,
    connection: Connection,
}

impl Group {
    /// A group with a name that is the test's and no other's.
    #[must_use]
    pub fn unique(connection: &Connection) -> Group {
        Group::named(connection, &names::unique(&names::test_name()))
    }

    /// The group of that name.
    #[must_use]
    pub fn named(connection: &Connection, name: &str) -> Group {
        Group { name: name.to_owned(), connection: connection.clone() }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The committed offset of each partition: the first that is not done. `None` where nothing is committed.
    ///
    /// # Panics
    /// When the topic does not exist or the broker does not answer.
    #[must_use]
    #[track_caller]
    pub fn committed(&self, topic: &Topic) -> BTreeMap<i32, Option<i64>> {
        let partitions = topic.partitions();
        let partitions = partitions.unwrap_or_else(|| panic!("topic {} does not exist", topic.name()));
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range(topic.name(), 0, partitions - 1);
        let committed = self.consumer().committed_offsets(asked, REQUEST);
        let committed = committed.unwrap_or_else(|error| panic!("offsets of group {}: {error}", self.name));
        let offset = |offset| match offset {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        };
        committed.elements().iter().map(|element| (element.partition(), offset(element.offset()))).collect()
    }

    /// The sum of all partitions' committed offsets: how many records are done, if every offset is a record.
    ///
    /// # Panics
    /// As [`Group::committed`].
    #[must_use]
    #[track_caller]
    pub fn committed_sum(&self, topic: &Topic) -> i64 {
        self.committed(topic).values().flatten().sum()
    }

    /// Waits until [`Group::committed_sum`] is `sum`.
    ///
    /// # Panics
    /// When it is not by the deadline, or is more.
    #[track_caller]
    pub fn wait_committed_sum(&self, topic: &Topic, sum: i64, deadline: Duration) {
        let what = format!("group {} to have committed {sum} records", self.name);
        eventually(&what, deadline, || {
            let committed = self.committed(topic);
            let now: i64 = committed.values().flatten().sum();
            assert!(now <= sum, "{what}, but it has {now}: {committed:?}");
            if now == sum { Ok(()) } else { Err(format!("{now}: {committed:?}")) }
        });
    }

    /// Commits `offset` for one partition, as a member that is gone would have. The group must be empty.
    ///
    /// # Panics
    /// When the broker refuses.
    #[track_caller]
    pub fn commit(&self, topic: &Topic, partition: i32, offset: i64) {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic.name(), partition, Offset::Offset(offset)).expect("a valid offset");
        let committed = self.consumer().commit(&offsets, CommitMode::Sync);
        committed.unwrap_or_else(|error| panic!("commit for group {}: {error}", self.name));
    }

    /// A consumer that speaks for the group and never joins it.
    fn consumer(&self) -> BaseConsumer {
        self.connection
            .client()
            .set("group.id", &self.name)
            .set("enable.auto.commit", "false")
            .create()
            .expect("a valid client")
    }
}
