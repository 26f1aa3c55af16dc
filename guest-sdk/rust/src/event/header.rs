//! Headers: ordered, repeatable, with bytes or nothing as their value.

use std::iter::FusedIterator;
use std::slice;

use super::EventError;

/// One header, as the host gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderRecord {
    pub(crate) name: String,
    pub(crate) value: Option<Vec<u8>>,
}

/// One header of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    name: &'a str,
    value: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
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
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    records: slice::Iter<'a, HeaderRecord>,
}

impl<'a> Headers<'a> {
    pub(crate) fn of(records: &'a [HeaderRecord]) -> Self {
        Self { records: records.iter() }
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        self.records.next().map(|record| Header { name: &record.name, value: record.value.as_deref() })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.records.size_hint()
    }
}

impl ExactSizeIterator for Headers<'_> {}
impl FusedIterator for Headers<'_> {}
