//! `[kafka]`, checked: which cluster, which topics, which group.

use super::{BadName, Group, GroupName, Handler, Properties, TopicName};

/// Which cluster, which topics and which group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kafka {
    /// `host:port` of one or more brokers, parted by commas.
    pub bootstrap_servers: String,
    /// Source topics of the handlers that name none; never empty, no repeats.
    pub topics: Vec<TopicName>,
    /// Group of the handlers that share one.
    pub consumer_group: GroupName,
    /// Where a group without a committed offset starts.
    pub auto_offset_reset: OffsetReset,
    /// What librdkafka is told besides.
    pub properties: Properties,
}

impl Kafka {
    /// The consumer group that a handler reads with.
    ///
    /// # Errors
    /// If the name is too long, which no configured handler leads to.
    pub fn group_of(&self, handler: &Handler) -> Result<GroupName, BadName> {
        match handler.group {
            Group::Shared => Ok(self.consumer_group.clone()),
            Group::Own => GroupName::new(&format!("{}.{}", self.consumer_group, handler.name)),
        }
    }
}

/// Where a group without a committed offset starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetReset {
    /// With the oldest record there is.
    Earliest,
    /// With the next record that comes.
    Latest,
}

impl OffsetReset {
    /// As librdkafka's `auto.offset.reset` wants it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Earliest => "earliest",
            Self::Latest => "latest",
        }
    }
}
