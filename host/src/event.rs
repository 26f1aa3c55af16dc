//! One Kafka record as the rest of the host sees it, free of any client library's types.
//!
//! A record is a handle on bytes that somebody else keeps ([`batch`]). Absent differs from empty, headers keep their
//! order and repeats, and nothing is assumed to be UTF-8.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

pub mod batch;
pub mod dlq;
pub mod identity;
pub mod json_lines;
pub mod outgoing;
pub mod position;
pub mod redrive;

pub use batch::{Record, RecordBuilder};
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

/// A record whose type and id are known: a handle, cheap to clone.
#[derive(Clone, Debug)]
pub struct Event {
    /// The record as it was read.
    pub record: Record,
    /// How often it was redriven, this time included; 0 for one that was read from its own topic.
    pub redrives: u32,
}

impl Event {
    /// Finds type and id of a record.
    ///
    /// # Errors
    /// Gives the record back, with the reason, where a handler could not be shown it.
    pub fn decode(record: Record) -> Result<Event, Box<(Record, Undecodable)>> {
        match record.identity() {
            Ok(_) => Ok(Event { record, redrives: 0 }),
            Err(reason) => {
                let reason = reason.clone();
                Err(Box::new((record, reason)))
            }
        }
    }

    /// Its type: 1 to [`identity::MAX_TYPE_BYTES`] bytes.
    pub fn event_type(&self) -> &str {
        std::str::from_utf8(self.type_bytes()).unwrap_or_default()
    }

    /// The bytes of its type, which are UTF-8.
    pub fn type_bytes(&self) -> &[u8] {
        let of = |identity| Identity::event_type(identity, &self.record);
        self.record.identity().map_or(self.record.topic().as_bytes(), of)
    }

    /// Whether both have the same type.
    pub fn is_of_type_of(&self, other: &Event) -> bool {
        self.record.is_of_type_of(&other.record) || self.type_bytes() == other.type_bytes()
    }

    /// Whether both stand in the same partition. What is redriven stands where it first stood.
    pub fn is_of_partition_of(&self, other: &Event) -> bool {
        self.record.topic_partition() == other.record.topic_partition()
    }

    /// The numbers of the headers that are its type and its id, where headers are.
    pub fn header_places(&self) -> [Option<usize>; 2] {
        let identity = self.record.identity().ok();
        [identity.and_then(Identity::type_header), identity.and_then(Identity::id_header)]
    }

    /// The bytes of its id, which are UTF-8 and not empty. `None`: it has no other than the record's coordinates.
    pub fn id_bytes(&self) -> Option<&[u8]> {
        self.record.identity().ok().and_then(|identity| identity.own_id(&self.record))
    }

    /// Its id, never empty.
    pub fn id(&self) -> Cow<'_, str> {
        let own = self.id_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok());
        own.map_or_else(|| identity::coordinates(&self.record).into(), Cow::Borrowed)
    }

    /// A copy that shares memory with no other.
    pub fn detached(&self) -> Event {
        Event { record: self.record.detached(), redrives: self.redrives }
    }
}
