//! `[delivery]`, checked: what is promised of each event, and the policies that each handler has
//! its own copy of.

use std::num::NonZero;
use std::time::Duration;

use super::{BadName, TopicName};

/// What holds for deliveries in the whole process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What is promised of each event.
    pub guarantee: Guarantee,
    /// Where exhausted and undecodable events go.
    pub dead_letters: DeadLetters,
    /// Bytes of events that are not final, over the assigned partitions of all groups. 64 KiB or
    /// more.
    pub max_buffer: u64,
    /// Records of one partition from the watermark to the newest one read.
    pub window: NonZero<u32>,
    /// How often watermarks are committed.
    pub commit_interval: Duration,
    /// How long started tries of a revoked partition may go on. Shorter than the session timeout
    /// and than `max.poll.interval.ms`. Zero gives them up at once.
    pub drain_timeout: Duration,
    /// How long a shutdown may take.
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

/// Which deliveries of one handler must not overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordering {
    /// Those of one key of one partition; events without a key are one lane per partition.
    Key,
    /// Those of one partition.
    Partition,
    /// None.
    None,
}

/// When a failed try is repeated, and how often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Tries after the first. 0: every failure is final.
    pub max_retries: u32,
    /// Delay after the first failed try; more than zero.
    pub base_delay: Duration,
    /// Longest delay, before jitter; at least `base_delay`.
    pub max_delay: Duration,
    /// Each delay is multiplied by a uniform number from `1 - jitter` to `1 + jitter`. 0 to 1.
    pub jitter: f64,
}

/// When a handler is quarantined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// Failed tries in a row.
    pub tries: NonZero<u32>,
    /// Different events that they must be of.
    pub events: NonZero<u32>,
}
