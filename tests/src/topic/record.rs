//! What is written to a topic, and what is read from it.

/// A record to write. Nothing is set but what is asked for: no key, no value, no headers, any partition, now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    pub(super) partition: Option<i32>,
    pub(super) timestamp: Option<i64>,
}

impl Record {
    /// A tombstone without a key.
    #[must_use]
    pub fn new() -> Record {
        Record::default()
    }

    /// An event of `event_type` with a JSON text as value.
    #[must_use]
    pub fn event(event_type: &str, value: &str) -> Record {
        Record::new().header("event_type", event_type).value(value.as_bytes())
    }

    /// Sets the key; empty differs from none.
    #[must_use]
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Record {
        self.key = Some(key.as_ref().to_vec());
        self
    }

    /// Sets the value; empty differs from none.
    #[must_use]
    pub fn value(mut self, value: impl AsRef<[u8]>) -> Record {
        self.value = Some(value.as_ref().to_vec());
        self
    }

    /// Adds a header. Names may repeat, and need not be UTF-8; a NUL would end them.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Record {
        self.headers.push((name.as_ref().to_vec(), Some(value.as_ref().to_vec())));
        self
    }

    /// Adds a header whose value is null, which is not empty.
    #[must_use]
    pub fn null_header(mut self, name: impl AsRef<[u8]>) -> Record {
        self.headers.push((name.as_ref().to_vec(), None));
        self
    }

    /// Chooses the partition. Otherwise the key does, by murmur2 as Java's clients do it.
    #[must_use]
    pub fn partition(mut self, partition: i32) -> Record {
        self.partition = Some(partition);
        self
    }

    /// Sets the timestamp, in milliseconds since 1970; not 0, which librdkafka takes for "now".
    #[must_use]
    pub fn timestamp(mut self, milliseconds: i64) -> Record {
        assert_ne!(milliseconds, 0, "librdkafka takes 0 for now");
        self.timestamp = Some(milliseconds);
        self
    }
}

/// A record as the broker has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredRecord {
    /// From 0.
    pub partition: i32,
    /// From 0 in each partition; control records take offsets too.
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// `None` is null.
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// In their order, repeats included, names as they are on the wire.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl StoredRecord {
    /// The values of all headers of that name.
    pub fn headers_named(&self, name: &str) -> impl Iterator<Item = Option<&[u8]>> {
        self.headers.iter().filter(move |(other, _)| other == name.as_bytes()).map(|(_, value)| value.as_deref())
    }

    /// The value of the one header of that name as text; `None` when there is none.
    ///
    /// # Panics
    /// When it repeats, is null, or is not UTF-8: then it is not what a test means by a text header.
    #[must_use]
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers_named(name);
        let value = values.next()?;
        assert!(values.next().is_none(), "{name} repeats in {self:?}");
        let value = value.unwrap_or_else(|| panic!("{name} is null in {self:?}"));
        let text = std::str::from_utf8(value);
        Some(text.unwrap_or_else(|_| panic!("{name} is not UTF-8 in {self:?}")))
    }

    /// The value as text.
    ///
    /// # Panics
    /// When it is null or not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        let value = self.value.as_deref();
        let value = value.unwrap_or_else(|| panic!("{self:?} is a tombstone"));
        std::str::from_utf8(value).unwrap_or_else(|_| panic!("the value of {self:?} is not UTF-8"))
    }
}
