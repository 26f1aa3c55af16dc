//! One Kafka record as the rest of the host sees it, free of any client library's types.
//!
//! A record's bytes are copied once, out of the consumer's buffer, into one allocation: a record that
//! has to wait must not pin the whole fetch it came with. Absent differs from empty, headers keep their
//! order and repeats, and nothing is assumed to be UTF-8.

use std::fmt;
use std::sync::Arc;

pub mod dlq;
pub mod identity;
pub mod json_lines;
pub mod outgoing;
pub mod position;
pub mod redrive;

pub use identity::{Identity, Undecodable};
pub use outgoing::Outgoing;
pub use position::Position;

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition, from 0.
    pub partition: i32,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// A range of a record's buffer, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// What is absent, as opposed to empty.
    pub const ABSENT: Span = Span { start: 0, len: u32::MAX };

    fn of(self, buffer: &[u8]) -> Option<&[u8]> {
        if self.len == u32::MAX {
            return None;
        }
        let start = self.start as usize;
        buffer.get(start..start + self.len as usize)
    }
}

/// One Kafka record: coordinates, and all its bytes in one buffer.
#[derive(Clone)]
pub struct Record {
    topic: Arc<str>,
    partition: i32,
    offset: i64,
    timestamp: Option<i64>,
    buffer: Box<[u8]>,
    key: Span,
    value: Span,
    headers: Box<[(Span, Span)]>,
}

impl Record {
    /// The topic's name.
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// The partition, from 0.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The offset within the partition, from 0.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// The record's own partition.
    pub fn topic_partition(&self) -> TopicPartition {
        TopicPartition { topic: self.topic.clone(), partition: self.partition }
    }

    /// Milliseconds since the Unix epoch; `None` where the record has none.
    pub fn timestamp(&self) -> Option<i64> {
        self.timestamp
    }

    /// The key; `None` is absent, which is not empty.
    pub fn key(&self) -> Option<&[u8]> {
        self.key.of(&self.buffer)
    }

    /// The value; `None` is a tombstone, which is not empty.
    pub fn value(&self) -> Option<&[u8]> {
        self.value.of(&self.buffer)
    }

    /// Names and values of all headers, in order.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&[u8], Option<&[u8]>)> + '_ {
        self.headers.iter().map(|(name, value)| (name.of(&self.buffer).unwrap_or_default(), value.of(&self.buffer)))
    }

    /// The value of the first header of that name. The outer `Option` tells whether there is one.
    pub fn header(&self, name: &str) -> Option<Option<&[u8]>> {
        self.headers().find(|(n, _)| *n == name.as_bytes()).map(|(_, v)| v)
    }

    /// Bytes that the record holds, bookkeeping included: what the memory bound counts.
    pub fn held_bytes(&self) -> usize {
        const FIXED: usize = size_of::<Record>() + 64;
        FIXED + self.buffer.len() + self.headers.len() * size_of::<(Span, Span)>()
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the contents: they are somebody's data.
        write!(f, "Record({}/{}/{})", self.topic, self.partition, self.offset)
    }
}

/// Collects the parts of a [`Record`]. Lengths beyond 4 GiB do not exist in Kafka's protocol.
pub struct RecordBuilder {
    record: Record,
    buffer: Vec<u8>,
    headers: Vec<(Span, Span)>,
}

impl RecordBuilder {
    /// Starts a record without key, value and headers. `capacity` is a hint in bytes.
    pub fn new(topic: Arc<str>, partition: i32, offset: i64, capacity: usize) -> Self {
        let record = Record {
            topic,
            partition,
            offset,
            timestamp: None,
            buffer: Box::default(),
            key: Span::ABSENT,
            value: Span::ABSENT,
            headers: Box::default(),
        };
        Self { record, buffer: Vec::with_capacity(capacity), headers: Vec::new() }
    }

    fn put(&mut self, bytes: Option<&[u8]>) -> Span {
        let Some(bytes) = bytes else { return Span::ABSENT };
        let span = Span { start: self.buffer.len() as u32, len: bytes.len() as u32 };
        self.buffer.extend_from_slice(bytes);
        span
    }

    /// Milliseconds since the Unix epoch.
    pub fn timestamp(mut self, millis: Option<i64>) -> Self {
        self.record.timestamp = millis;
        self
    }

    /// Sets the key.
    pub fn key(mut self, key: Option<&[u8]>) -> Self {
        self.record.key = self.put(key);
        self
    }

    /// Sets the value.
    pub fn value(mut self, value: Option<&[u8]>) -> Self {
        self.record.value = self.put(value);
        self
    }

    /// Appends a header.
    pub fn header(&mut self, name: &[u8], value: Option<&[u8]>) {
        let header = (self.put(Some(name)), self.put(value));
        self.headers.push(header);
    }

    /// The record.
    pub fn build(self) -> Record {
        Record { buffer: self.buffer.into(), headers: self.headers.into(), ..self.record }
    }
}

/// A record whose type and id are known.
#[derive(Clone, Debug)]
pub struct Event {
    /// The record as it was read.
    pub record: Record,
    /// Its type and id.
    pub identity: Identity,
    /// How often it was redriven, this time included; 0 for one that was read from its own topic.
    pub redrives: u32,
}

impl Event {
    /// Finds type and id of a record.
    ///
    /// # Errors
    /// Gives the record back, with the reason, where a handler could not be shown it.
    pub fn decode(record: Record) -> Result<Event, Box<(Record, Undecodable)>> {
        match Identity::of(&record) {
            Ok(identity) => Ok(Event { record, identity, redrives: 0 }),
            Err(reason) => Err(Box::new((record, reason))),
        }
    }
}
