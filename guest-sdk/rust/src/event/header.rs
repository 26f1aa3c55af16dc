//! Headers: ordered, repeatable, with bytes or nothing as their value.

use std::fmt;
use std::iter::FusedIterator;
use std::slice;

use super::{EventError, sound};
use crate::packed::FrameHeaders;

/// One header, as the host gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderRecord {
    pub(crate) name: String,
    pub(crate) value: Option<Vec<u8>>,
}

impl HeaderRecord {
    fn lend(&self) -> Header<'_> {
        Header::new(&self.name, self.value.as_deref())
    }
}

impl From<Header<'_>> for HeaderRecord {
    fn from(header: Header<'_>) -> Self {
        Self { name: header.name.to_owned(), value: header.value.map(<[u8]>::to_vec) }
    }
}

/// One header of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    name: &'a str,
    value: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    pub(crate) fn new(name: &'a str, value: Option<&'a [u8]>) -> Self {
        Self { name, value }
    }

    /// The name; may be empty, and may repeat.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The value's bytes. `None` differs from empty.
    pub fn value(&self) -> Option<&'a [u8]> {
        self.value
    }

    /// The value as text.
    ///
    /// # Errors
    ///
    /// [`EventError::MissingHeader`] without a value, [`EventError::BadHeader`] if it is not
    /// UTF-8.
    pub fn text(&self) -> Result<&'a str, EventError> {
        let value = self.value.ok_or_else(|| EventError::MissingHeader(self.name.to_owned()))?;
        std::str::from_utf8(value).map_err(|error| EventError::BadHeader(self.name.to_owned(), error))
    }
}

/// The headers of an event, in the record's order.
#[derive(Clone)]
pub struct Headers<'a> {
    source: Source<'a>,
}

#[derive(Clone)]
enum Source<'a> {
    Records(slice::Iter<'a, HeaderRecord>),
    Frame(FrameHeaders<'a>),
}

impl<'a> Headers<'a> {
    pub(crate) fn of_records(records: &'a [HeaderRecord]) -> Self {
        Self { source: Source::Records(records.iter()) }
    }

    pub(crate) fn of_frame(headers: FrameHeaders<'a>) -> Self {
        Self { source: Source::Frame(headers) }
    }

    /// The next header of that name; those before it are passed over.
    pub(crate) fn next_named(&mut self, name: &str) -> Option<Header<'a>> {
        match &mut self.source {
            Source::Records(records) => records.find(|record| record.name == name).map(HeaderRecord::lend),
            Source::Frame(headers) => sound(headers.next_named(name)),
        }
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        match &mut self.source {
            Source::Records(records) => records.next().map(HeaderRecord::lend),
            Source::Frame(headers) => sound(headers.next()),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let length = match &self.source {
            Source::Records(records) => records.len(),
            Source::Frame(headers) => headers.len(),
        };
        (length, Some(length))
    }
}

impl ExactSizeIterator for Headers<'_> {}
impl FusedIterator for Headers<'_> {}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
