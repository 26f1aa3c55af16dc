//! `[kafka]`: which cluster, which topics, which group.

use super::check::{ListOf, OneOf, Text};
use super::key::keys;
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

/// Where a group without a committed offset starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetReset {
    /// With the oldest record there is.
    Earliest,
    /// With the next record that comes.
    Latest,
}

/// What a topic prefix is followed by.
const STREAM: &str = ".stream";

keys! {
    /// `[kafka]`, as it is read.
    KafkaKeys {
        bootstrap_servers: String = Text {
            allowed: "host:port of one or more brokers, parted by commas",
            parse: brokers,
        }, "\"localhost:9092\"", "Brokers to begin with: `host:port`, parted by commas.";
        topic_prefix: TopicName = Text {
            allowed: "1 to 242 characters of A-Z a-z 0-9 . _ -",
            parse: |text| match TopicName::new(&format!("{text}{STREAM}")) {
                Ok(topic) if !text.is_empty() => Ok(topic),
                _ => Err(String::new()),
            },
        }, "\"events\"", "The source topic is this with `.stream` appended, unless `topics` names others.";
        topics: Vec<TopicName> = topics(0), "[]",
            "Source topics, instead of `<topic_prefix>.stream`.";
        consumer_group: GroupName = Text {
            allowed: GroupName::EXPECTED,
            parse: |text| GroupName::new(text).map_err(|_| String::new()),
        }, "\"default\"", "Consumer group of the handlers that share one.";
        auto_offset_reset: OffsetReset = OneOf::new(&[
            ("earliest", OffsetReset::Earliest),
            ("latest", OffsetReset::Latest),
        ]), "\"earliest\"", "Where a group without a committed offset starts.";
    }
}

/// The kind of a list of topics.
pub(super) const fn topics(min: usize) -> ListOf<TopicName> {
    ListOf {
        min,
        repeats: false,
        plural: "topic names",
        allowed: TopicName::EXPECTED,
        parse: |text| TopicName::new(text).map_err(|_| String::new()),
    }
}

impl KafkaKeys {
    /// Source topics of the handlers that name none, if they are good.
    pub fn source_topics(&self) -> Option<&[TopicName]> {
        match self.topics.value()?.as_slice() {
            [] => self.topic_prefix.value().map(std::slice::from_ref),
            named => Some(named),
        }
    }

    /// The checked values, if all are good.
    pub fn checked(&self, properties: Properties) -> Option<Kafka> {
        Some(Kafka {
            bootstrap_servers: self.bootstrap_servers.value()?.clone(),
            topics: self.source_topics()?.to_vec(),
            consumer_group: self.consumer_group.value()?.clone(),
            auto_offset_reset: *self.auto_offset_reset.value()?,
            properties,
        })
    }
}

/// Checks a list of brokers as far as it can be without asking them.
fn brokers(text: &str) -> Result<String, String> {
    let mut servers = Vec::new();
    for server in text.split(',').map(str::trim) {
        let address = server.split_once("://").map_or(server, |(_, address)| address);
        if address.is_empty() {
            return Err("there is nothing between two commas, or nothing at all".to_owned());
        }
        if address.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@' || c == '/') {
            return Err("a broker is a host name or IP address, with a port".to_owned());
        }
        // What follows the last colon of an IPv6 address in brackets is not a port.
        if let Some((_, port)) = address.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'))
            && !port.parse::<u16>().is_ok_and(|port| port != 0)
        {
            return Err(format!("{port:?} is not a port from 1 to 65535"));
        }
        servers.push(server);
    }
    Ok(servers.join(","))
}

impl Kafka {
    /// The consumer group that a handler reads with.
    ///
    /// # Errors
    /// If the name is too long, which no configured handler leads to.
    pub fn group_of(&self, handler: &Handler) -> Result<GroupName, BadName> {
        match handler.group {
            Group::Shared => Ok(self.consumer_group.clone()),
            Group::Own => self.consumer_group.own(&handler.name),
        }
    }
}
