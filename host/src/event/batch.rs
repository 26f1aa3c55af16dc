//! Records that were read together, and what owns their bytes.
//!
//! A batch of the consumer's refers to librdkafka's own messages: nothing is copied and nothing allocated for a
//! record. They are given back when the last record of the batch is dropped. A record that has to wait long is
//! to be copied out ([`Record::detached`]), so that it does not pin the fetch that it came with.

use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::{Arc, LazyLock};

use foldhash::fast::RandomState;

use super::{Identity, TopicPartition, Undecodable};

/// Bytes that a batch's owner keeps.
#[derive(Clone, Copy)]
struct Bytes {
    start: *const u8,
    length: u32,
}

impl Bytes {
    fn new(bytes: Option<&[u8]>) -> Bytes {
        // Kafka's lengths are signed 32-bit numbers, so no length is `u32::MAX`.
        bytes.map_or(Bytes { start: std::ptr::null(), length: u32::MAX }, |bytes| Bytes {
            start: bytes.as_ptr(),
            length: bytes.len() as u32,
        })
    }

    /// # Safety
    /// The owner must still be there.
    unsafe fn get<'a>(self) -> Option<&'a [u8]> {
        // SAFETY: made of a slice of that length, which the owner keeps and nobody changes.
        (self.length != u32::MAX).then(|| unsafe { std::slice::from_raw_parts(self.start, self.length as usize) })
    }

    fn length(self) -> usize {
        if self.length == u32::MAX { 0 } else { self.length as usize }
    }
}

struct Entry {
    offset: i64,
    /// Milliseconds since the Unix epoch, or [`i64::MIN`].
    timestamp: i64,
    key: Bytes,
    value: Bytes,
    /// Where its headers begin; they end where the next one's begin.
    headers: u32,
    /// Of key, value and headers.
    bytes: u32,
    key_hash: u64,
    /// The same as that of its neighbour where both have the same type.
    type_run: u32,
    identity: Result<Identity, Box<Undecodable>>,
}

/// Hashes keys, differently in each process: who writes a topic cannot make its keys collide.
static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// What the records of a batch share.
struct Kept {
    topic_partition: TopicPartition,
    entries: Vec<Entry>,
    headers: Vec<(Bytes, Bytes)>,
    /// It is one record, with memory of its own.
    own: bool,
    _owner: Box<dyn Send + Sync>,
}

// SAFETY: the bytes belong to the owner, which is `Send` and `Sync`, and nobody changes them.
unsafe impl Send for Kept {}
// SAFETY: the same.
unsafe impl Sync for Kept {}

impl Kept {
    fn held_bytes(&self, index: usize) -> u64 {
        held_bytes(&self.entries, &self.headers, index)
    }

    fn header_range(&self, index: usize) -> std::ops::Range<usize> {
        header_range(&self.entries, &self.headers, index)
    }
}

fn held_bytes(entries: &[Entry], headers: &[(Bytes, Bytes)], index: usize) -> u64 {
    const FIXED: usize = 2 * size_of::<Entry>() + 128;
    let headers = header_range(entries, headers, index).len() * size_of::<(Bytes, Bytes)>();
    entries.get(index).map_or(0, |entry| (FIXED + headers) as u64 + u64::from(entry.bytes))
}

fn header_range(entries: &[Entry], headers: &[(Bytes, Bytes)], index: usize) -> std::ops::Range<usize> {
    let begins = |index: usize| entries.get(index).map_or(headers.len(), |entry| entry.headers as usize);
    begins(index)..begins(index + 1)
}

/// Where the type of a record stands, if that is a header.
fn type_of(entries: &[Entry], headers: &[(Bytes, Bytes)], index: usize) -> Option<Bytes> {
    let place = entries.get(index)?.identity.as_ref().ok()?.type_header()?;
    headers.get(header_range(entries, headers, index))?.get(place).map(|(_, value)| *value)
}

/// Records of one partition, in its order.
pub struct Batch(Arc<Kept>);

impl Batch {
    /// How many records it has.
    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }

    /// The record at that place, from 0.
    pub fn get(&self, index: usize) -> Option<Record> {
        (index < self.len()).then(|| Record { batch: self.0.clone(), index: index as u32 })
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({}, {} records)", self.0.topic_partition, self.len())
    }
}

/// Collects records that lie in somebody else's memory.
pub struct BatchBuilder {
    topic_partition: TopicPartition,
    entries: Vec<Entry>,
    headers: Vec<(Bytes, Bytes)>,
}

impl BatchBuilder {
    /// Without records yet; `capacity` is a hint.
    pub fn new(topic_partition: TopicPartition, capacity: usize) -> BatchBuilder {
        let (entries, headers) = (Vec::with_capacity(capacity), Vec::with_capacity(capacity * 4));
        BatchBuilder { topic_partition, entries, headers }
    }

    /// The next record, without headers.
    pub fn push(&mut self, offset: i64, timestamp: Option<i64>, key: Option<&[u8]>, value: Option<&[u8]>) {
        let (key, value) = (Bytes::new(key), Bytes::new(value));
        self.entries.push(Entry {
            offset,
            timestamp: timestamp.unwrap_or(i64::MIN),
            key,
            value,
            headers: self.headers.len() as u32,
            bytes: (key.length() + value.length()) as u32,
            // Found when the batch is whole.
            key_hash: 0,
            type_run: 0,
            identity: Ok(Identity::default()),
        });
    }

    /// The next header of the last record.
    pub fn header(&mut self, name: &[u8], value: Option<&[u8]>) {
        let (name, value) = (Bytes::new(Some(name)), Bytes::new(value));
        self.headers.push((name, value));
        if let Some(entry) = self.entries.last_mut() {
            entry.bytes = entry.bytes.saturating_add((name.length() + value.length()) as u32);
        }
    }

    /// Takes the last record away again.
    pub fn pop(&mut self) {
        if let Some(last) = self.entries.pop() {
            self.headers.truncate(last.headers as usize);
        }
    }

    /// Bytes that the last record holds, bookkeeping included: what the memory bound counts.
    pub fn last_held_bytes(&self) -> u64 {
        self.entries.len().checked_sub(1).map_or(0, |last| held_bytes(&self.entries, &self.headers, last))
    }

    /// How many records it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The batch.
    ///
    /// # Safety
    /// All that was pushed is kept by `owner`, where it was and as it was, for as long as that lives.
    pub unsafe fn build(self, owner: Box<dyn Send + Sync>) -> Batch {
        // SAFETY: the owner is there.
        Batch(Arc::new(unsafe { self.keep(owner, false) }))
    }

    /// Looks into every record once, while it is in the processor's cache.
    ///
    /// # Safety
    /// As for [`Self::build`].
    unsafe fn keep(mut self, owner: Box<dyn Send + Sync>, own: bool) -> Kept {
        let mut from = 0;
        for index in 0..self.entries.len() {
            let to = header_range(&self.entries, &self.headers, index).end;
            let headers = self.headers.get(from..to).unwrap_or_default();
            from = to;
            let Some(entry) = self.entries.get_mut(index) else { break };
            // SAFETY: the owner is there.
            let (key, value) = unsafe { (entry.key.get(), entry.value.get()) };
            // SAFETY: the same.
            let headers = headers.iter().map(|(name, value)| unsafe { (name.get().unwrap_or_default(), value.get()) });
            entry.key_hash = KEYS.hash_one(key);
            entry.identity = Identity::of(headers, value).map_err(Box::new);
        }
        let BatchBuilder { topic_partition, mut entries, headers } = self;
        let mut run = 0;
        for index in 1..entries.len() {
            let types = [index - 1, index].map(|index| type_of(&entries, &headers, index));
            // SAFETY: the same.
            let [before, this] = types.map(|place| place.and_then(|place| unsafe { place.get() }));
            run += u32::from(before != this || this.is_none());
            if let Some(entry) = entries.get_mut(index) {
                entry.type_run = run;
            }
        }
        Kept { topic_partition, entries, headers, own, _owner: owner }
    }
}

/// One Kafka record: a handle, cheap to clone.
#[derive(Clone)]
pub struct Record {
    batch: Arc<Kept>,
    /// Of an entry that is there.
    index: u32,
}

impl Record {
    #[expect(
        clippy::indexing_slicing,
        reason = "records are made for entries that are there, and none is ever removed"
    )]
    fn entry(&self) -> &Entry {
        &self.batch.entries[self.index as usize]
    }

    /// The topic's name.
    pub fn topic(&self) -> &Arc<str> {
        &self.batch.topic_partition.topic
    }

    /// The partition, from 0.
    pub fn partition(&self) -> i32 {
        self.batch.topic_partition.partition
    }

    /// The offset within the partition, from 0.
    pub fn offset(&self) -> i64 {
        self.entry().offset
    }

    /// The record's own partition.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.batch.topic_partition
    }

    /// Milliseconds since the Unix epoch; `None` where the record has none.
    pub fn timestamp(&self) -> Option<i64> {
        Some(self.entry().timestamp).filter(|millis| *millis != i64::MIN)
    }

    /// The key; `None` is absent, which is not empty.
    pub fn key(&self) -> Option<&[u8]> {
        // SAFETY: the batch has its owner as long as `self` has the batch.
        unsafe { self.entry().key.get() }
    }

    /// The value; `None` is a tombstone, which is not empty.
    pub fn value(&self) -> Option<&[u8]> {
        // SAFETY: the same.
        unsafe { self.entry().value.get() }
    }

    /// Names and values of all headers, in order.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&[u8], Option<&[u8]>)> + Clone + '_ {
        let headers = self.batch.headers.get(self.batch.header_range(self.index as usize)).unwrap_or_default();
        // SAFETY: the same.
        headers.iter().map(|(name, value)| unsafe { (name.get().unwrap_or_default(), value.get()) })
    }

    /// Bytes of the names and values of its headers.
    pub fn header_bytes(&self) -> usize {
        let entry = self.entry();
        (entry.bytes as usize).saturating_sub(entry.key.length() + entry.value.length())
    }

    /// The header at that place, from 0.
    pub fn header_at(&self, place: usize) -> Option<(&[u8], Option<&[u8]>)> {
        self.headers().nth(place)
    }

    /// The value of the first header of that name. The outer `Option` tells whether there is one.
    pub fn header(&self, name: &str) -> Option<Option<&[u8]>> {
        self.headers().find(|(n, _)| *n == name.as_bytes()).map(|(_, v)| v)
    }

    /// Whether both are known to have the same type, without looking: neighbours of one batch.
    pub fn is_of_type_of(&self, other: &Record) -> bool {
        Arc::ptr_eq(&self.batch, &other.batch) && self.entry().type_run == other.entry().type_run
    }

    /// A number for its key: the same for equal keys, and for records without one, in this process.
    pub fn key_hash(&self) -> u64 {
        self.entry().key_hash
    }

    /// Where its type and id stand.
    ///
    /// # Errors
    /// Why it cannot be shown to a handler.
    pub fn identity(&self) -> Result<&Identity, &Undecodable> {
        self.entry().identity.as_ref().map_err(Box::as_ref)
    }

    /// Bytes that the record holds, bookkeeping included: what the memory bound counts.
    pub fn held_bytes(&self) -> u64 {
        self.batch.held_bytes(self.index as usize)
    }

    /// Bytes of key, value and headers.
    pub fn payload_bytes(&self) -> u64 {
        self.batch.entries.get(self.index as usize).map_or(0, |entry| u64::from(entry.bytes))
    }

    /// A copy that shares memory with no other record.
    pub fn detached(&self) -> Record {
        if self.batch.own {
            return self.clone();
        }
        let mut copy =
            RecordBuilder::new(self.topic().clone(), self.partition(), self.offset(), self.entry().bytes as usize)
                .timestamp(self.timestamp())
                .key(self.key())
                .value(self.value());
        self.headers().for_each(|(name, value)| copy.header(name, value));
        copy.build()
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the contents: they are somebody's data.
        write!(f, "Record({}/{}/{})", self.topic(), self.partition(), self.offset())
    }
}

/// A range of a builder's buffer, or nothing.
type Span = Option<std::ops::Range<usize>>;

/// Collects the parts of a [`Record`] of its own. Lengths beyond 4 GiB do not exist in Kafka's protocol.
pub struct RecordBuilder {
    topic_partition: TopicPartition,
    offset: i64,
    timestamp: Option<i64>,
    buffer: Vec<u8>,
    key: Span,
    value: Span,
    headers: Vec<(Span, Span)>,
}

impl RecordBuilder {
    /// Starts a record without key, value and headers. `capacity` is a hint in bytes.
    pub fn new(topic: Arc<str>, partition: i32, offset: i64, capacity: usize) -> Self {
        Self {
            topic_partition: TopicPartition { topic, partition },
            offset,
            timestamp: None,
            buffer: Vec::with_capacity(capacity),
            key: None,
            value: None,
            headers: Vec::new(),
        }
    }

    fn put(&mut self, bytes: Option<&[u8]>) -> Span {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(bytes?);
        Some(start..self.buffer.len())
    }

    /// Milliseconds since the Unix epoch.
    pub fn timestamp(mut self, millis: Option<i64>) -> Self {
        self.timestamp = millis;
        self
    }

    /// Sets the key.
    pub fn key(mut self, key: Option<&[u8]>) -> Self {
        self.key = self.put(key);
        self
    }

    /// Sets the value.
    pub fn value(mut self, value: Option<&[u8]>) -> Self {
        self.value = self.put(value);
        self
    }

    /// Appends a header.
    pub fn header(&mut self, name: &[u8], value: Option<&[u8]>) {
        let header = (self.put(Some(name)), self.put(value));
        self.headers.push(header);
    }

    /// The record.
    pub fn build(self) -> Record {
        let buffer = self.buffer;
        let part = |span: Span| buffer.get(span?);
        let mut batch = BatchBuilder::new(self.topic_partition, 1);
        batch.push(self.offset, self.timestamp, part(self.key), part(self.value));
        for (name, value) in self.headers {
            batch.header(part(name).unwrap_or_default(), part(value));
        }
        // SAFETY: the buffer's bytes stay where they are when the vector moves.
        let kept = unsafe { batch.keep(Box::new(buffer), true) };
        Record { batch: Arc::new(kept), index: 0 }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// Owns what a batch refers to, and says when it is gone.
    struct Owner {
        _bytes: Vec<Vec<u8>>,
        gone: Arc<AtomicBool>,
    }

    impl Drop for Owner {
        fn drop(&mut self) {
            self.gone.store(true, Ordering::Relaxed);
        }
    }

    /// Records with these types, none of which has another header.
    fn batch(types: &[&str]) -> (Batch, Arc<AtomicBool>) {
        let bytes: Vec<Vec<u8>> = types.iter().map(|event_type| event_type.as_bytes().to_vec()).collect();
        let gone = Arc::new(AtomicBool::new(false));
        let mut builder = BatchBuilder::new(TopicPartition { topic: "t".into(), partition: 1 }, types.len());
        for (offset, event_type) in bytes.iter().enumerate() {
            builder.push(offset as i64, None, Some(event_type), Some(event_type));
            builder.header(b"event_type", Some(event_type));
        }
        // SAFETY: the owner keeps the vectors, whose contents do not move.
        let batch = unsafe { builder.build(Box::new(Owner { _bytes: bytes, gone: gone.clone() })) };
        (batch, gone)
    }

    #[test]
    fn the_owner_stays_until_the_last_record_goes_and_a_detached_one_needs_none() {
        let (batch, gone) = batch(&["a", "b"]);
        let [first, second] = [0, 1].map(|at| batch.get(at).unwrap());
        drop(batch);
        drop(first);
        assert!(!gone.load(Ordering::Relaxed));
        let copy = second.detached();
        drop(second);
        assert!(gone.load(Ordering::Relaxed));
        assert_eq!(
            (copy.offset(), copy.partition(), copy.key(), copy.value()),
            (1, 1, Some(&b"b"[..]), Some(&b"b"[..]))
        );
        assert_eq!(copy.header("event_type"), Some(Some(&b"b"[..])));
    }

    #[test]
    fn a_record_that_was_pushed_may_be_taken_away_again() {
        let mut builder = BatchBuilder::new(TopicPartition { topic: "t".into(), partition: 0 }, 0);
        builder.push(0, None, None, Some(b"value"));
        let one = builder.last_held_bytes();
        builder.push(1, None, None, None);
        builder.header(b"name", Some(b"more"));
        assert!(builder.last_held_bytes() != one);
        builder.pop();
        assert_eq!((builder.len(), builder.last_held_bytes()), (1, one));
        // SAFETY: what was pushed is static.
        let batch = unsafe { builder.build(Box::new(())) };
        assert_eq!(batch.get(0).unwrap().headers().len(), 0);
        assert!(batch.get(1).is_none());
    }

    #[test]
    fn neighbours_of_one_type_are_known_without_looking() {
        let (batch, _) = batch(&["a", "a", "b", "a"]);
        let of = |at| batch.get(at).unwrap();
        assert!(of(0).is_of_type_of(&of(1)));
        assert!(!of(1).is_of_type_of(&of(2)) && !of(0).is_of_type_of(&of(3)));
        assert!(!of(0).is_of_type_of(&of(1).detached()), "that takes a look");
    }
}
