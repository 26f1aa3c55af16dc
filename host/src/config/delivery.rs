//! `[delivery]`: what is promised of each event, and the bounds of the whole process.

use std::num::NonZero;
use std::time::Duration;

use super::check::{self, Flag, OneOf, Positive, Size, Text};
use super::key::keys;
use super::{BadName, TopicName};

/// What holds for deliveries in the whole process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What is promised of each event.
    pub guarantee: Guarantee,
    /// Where exhausted and undecodable events go.
    pub dead_letters: DeadLetters,
    /// Bytes of events that are not final, over the assigned partitions of all groups; 64 KiB or
    /// more.
    pub max_buffer: u64,
    /// Records of one partition from the watermark to the newest one read.
    pub window: NonZero<u32>,
    /// How often watermarks are committed.
    pub commit_interval: Duration,
    /// How long started tries of a revoked partition may go on. Shorter than the session timeout
    /// and than `max.poll.interval.ms`. Zero gives them up at once.
    pub drain_timeout: Duration,
    /// How long a shutdown may take. Zero gives everything up at once.
    pub shutdown_timeout: Duration,
}

/// What is promised of each event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarantee {
    /// An event may be delivered again, but is never lost.
    AtLeastOnce,
}

/// What happens to events that are given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadLetters {
    /// They are written to `<topic><suffix>`. The suffix makes a legal topic of each source topic,
    /// and none of these topics is a source topic.
    Topic {
        /// Appended to the source topic; never empty.
        suffix: String,
    },
    /// They are dropped, committed and counted.
    Drop,
}

const HOUR: u64 = 60 * 60 * 1000;

keys! {
    /// `[delivery]`, as it is read, without what each handler may set for itself.
    DeliveryKeys {
        guarantee: Guarantee = OneOf {
            words: &[("at-least-once", Guarantee::AtLeastOnce)],
            refused: &[("exactly-once", "exactly-once is not built yet")],
        }, "\"at-least-once\"", "What is promised of each event. `\"exactly-once\"` is not built yet.";
        enable_dlq: bool = Flag, "true",
            "Write exhausted and undecodable events to a dead-letter topic. If not, they are dropped, committed and counted.";
        dlq_topic_suffix: String = Text {
            allowed: "1 to 100 characters of A-Z a-z 0-9 . _ -",
            parse: |text| match TopicName::new(&format!("t{text}")) {
                Ok(_) if (1..=100).contains(&text.len()) => Ok(text.to_owned()),
                _ => Err(String::new()),
            },
        }, "\".dlq\"", "A dead letter goes to the source topic's name with this appended.";
        max_buffer: u64 = Size(64 << 10, 1 << 40), "\"256MiB\"",
            "Bytes of events that are not final, librdkafka's own buffers not counted. Shared equally by the assigned partitions of all groups, at least one event each.";
        window: NonZero<u32> = Positive(10_000_000), "10000",
            "Records of one partition from the watermark to the newest one read, final or not. When it is full, the partition waits.";
        commit_interval: Duration = check::Duration(10, HOUR), "\"1s\"",
            "How often watermarks are committed.";
        drain_timeout: Duration = check::Duration(0, HOUR), "\"10s\"",
            "How long started tries of a revoked partition may go on. Shorter than `session.timeout.ms` (45 s unless set; with `group.protocol = \"consumer\"` the broker's own, which is not checked) and than `max.poll.interval.ms`.";
        shutdown_timeout: Duration = check::Duration(0, HOUR), "\"25s\"",
            "How long a shutdown may take before it gives up what is not final.";
    }
}

impl DeliveryKeys {
    /// The checked values, if all are good.
    pub fn checked(&self) -> Option<Delivery> {
        let suffix = self.dlq_topic_suffix.value()?.clone();
        Some(Delivery {
            guarantee: *self.guarantee.value()?,
            dead_letters: if *self.enable_dlq.value()? { DeadLetters::Topic { suffix } } else { DeadLetters::Drop },
            max_buffer: *self.max_buffer.value()?,
            window: *self.window.value()?,
            commit_interval: *self.commit_interval.value()?,
            drain_timeout: *self.drain_timeout.value()?,
            shutdown_timeout: *self.shutdown_timeout.value()?,
        })
    }
}

impl DeadLetters {
    /// The dead-letter topic of a source topic, or `None` if dead letters are dropped.
    ///
    /// # Errors
    /// If the name is too long for a topic, which no configured source topic leads to.
    pub fn topic_for(&self, source: &TopicName) -> Option<Result<TopicName, BadName>> {
        match self {
            Self::Topic { suffix } => Some(TopicName::new(&format!("{source}{suffix}"))),
            Self::Drop => None,
        }
    }
}
