//! What can be said of a group, for whoever watches: how far each assigned partition is and what holds it, and what each
//! handler has to do.

use std::time::Duration;

use super::partition::{HandlerIndex, Stage};
use crate::event::TopicPartition;

/// One assigned partition.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionReport {
    /// Which.
    pub topic_partition: TopicPartition,
    /// The lowest offset that is not final; `None` before the first record.
    pub watermark: Option<i64>,
    /// How long ago the record came that holds the watermark; zero where none does.
    pub held_for: Duration,
    /// For whom that record is not final. Empty where it has just come.
    pub holders: Vec<Holder>,
    /// Records from the watermark to the newest that was taken.
    pub records: u64,
    /// Bytes of those that are not final.
    pub bytes: u64,
    /// Whether reading waits, because the window or the partition's share of the buffer is full.
    pub full: bool,
}

/// What one handler has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandlerLoad {
    /// Events whose tries run.
    pub in_flight: usize,
    /// Events that wait for an instance. Those behind another of their lane do not.
    pub waiting: usize,
    /// How it is.
    pub state: HandlerState,
}

/// How a handler is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HandlerState {
    /// It works.
    #[default]
    Running,
    /// It is half way to a quarantine.
    Degraded,
    /// Its events wait, and it is probed.
    Quarantined,
    /// Its events wait until somebody says that it is to go on.
    Paused,
    /// It is given nothing more.
    Removed,
}

impl HandlerState {
    /// Those that a handler may be in.
    pub const ALL: [HandlerState; 4] =
        [HandlerState::Running, HandlerState::Degraded, HandlerState::Quarantined, HandlerState::Paused];

    /// A word for it.
    pub const fn name(self) -> &'static str {
        match self {
            HandlerState::Running => "running",
            HandlerState::Degraded => "degraded",
            HandlerState::Quarantined => "quarantined",
            HandlerState::Paused => "paused",
            HandlerState::Removed => "removed",
        }
    }
}

/// Who holds a watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The handler. `None`: the record's own dead letter.
    pub handler: Option<HandlerIndex>,
    /// Where its delivery is.
    pub stage: Stage,
    /// The number of its try.
    pub attempt: u32,
}
