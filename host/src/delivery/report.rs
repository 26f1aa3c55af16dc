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
