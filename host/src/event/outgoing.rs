//! A record on its way to Kafka: what a handler published, a dead letter, a line of `sandbus publish`.

use std::sync::Arc;

/// A header's name and value. Names are bytes: a dead letter keeps even those that are not UTF-8.
pub type OutgoingHeader = (Vec<u8>, Option<Vec<u8>>);

/// A record to send. The partition follows from the key (murmur2, as Kafka's own clients do).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub topic: Arc<str>,
    /// Absent differs from empty.
    pub key: Option<Vec<u8>>,
    /// Absent is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Kept in order.
    pub headers: Vec<OutgoingHeader>,
    /// Milliseconds since the Unix epoch; `None` is the time of sending.
    pub timestamp: Option<i64>,
}

impl Outgoing {
    /// Bytes of key, value and headers together.
    pub fn payload_bytes(&self) -> usize {
        let length = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
        let headers: usize = self.headers.iter().map(|(n, v)| n.len() + length(v)).sum();
        length(&self.key) + length(&self.value) + headers
    }

    /// The value of the first header of that name, where it is text: for metrics and messages.
    pub fn text_header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(n, _)| n == name.as_bytes())?;
        std::str::from_utf8(value.as_deref()?).ok()
    }
}
